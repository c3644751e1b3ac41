// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// stamp is what every condition of one visit has in common.
type stamp struct {
	generation int64
	now        metav1.Time
}

func newStamp(generation int64, now time.Time) stamp {
	// The API keeps whole seconds: what is written must read back the same.
	return stamp{generation: generation, now: metav1.NewTime(now.Truncate(time.Second))}
}

// set puts a condition into the list; its transition time changes only with its status.
func (s stamp) set(conditions *[]metav1.Condition, c metav1.Condition) {
	c.ObservedGeneration = s.generation
	c.LastTransitionTime = s.now
	meta.SetStatusCondition(conditions, c)
}

// withoutStalled returns a copy of the previous conditions, for a spec that can be used.
func withoutStalled(previous []metav1.Condition) []metav1.Condition {
	conditions := slices.Clone(previous)
	meta.RemoveStatusCondition(&conditions, v1alpha1.ConditionStalled)
	return conditions
}
