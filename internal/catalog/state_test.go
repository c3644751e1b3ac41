// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
)

// TestStateOf: healthy, unhealthy, absent and not to be seen are never mixed up.
func TestStateOf(t *testing.T) {
	is := func(status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Status: status, Reason: reason}
	}
	found := is("True", v1alpha1.ReasonObserved)
	for name, tc := range map[string]struct {
		present, healthy metav1.Condition
		optional         bool
		want             catalog.State
	}{
		"healthy":                  {found, is("True", v1alpha1.ReasonAllChecksPass), false, catalog.Healthy},
		"rolling out":              {found, is("True", v1alpha1.ReasonProgressing), false, catalog.Progressing},
		"within its grace period":  {found, is("True", v1alpha1.ReasonWithinGracePeriod), false, catalog.Healthy},
		"unhealthy":                {found, is("False", v1alpha1.ReasonCrashLooping), false, catalog.Unhealthy},
		"health leaves no trace":   {found, is("Unknown", v1alpha1.ReasonHealthNotObservable), false, catalog.HealthUnknown},
		"absent":                   {is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent), true, catalog.Absent},
		"missing":                  {is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent), false, catalog.Missing},
		"in part":                  {is("True", v1alpha1.ReasonPartial), is("False", v1alpha1.ReasonPartMissing), true, catalog.Unhealthy},
		"not permitted":            {is("Unknown", v1alpha1.ReasonNotPermitted), is("Unknown", v1alpha1.ReasonNotPermitted), true, catalog.Unknown},
		"conditions of a new kind": {is("Perhaps", ""), is("Perhaps", ""), false, catalog.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			m := mapping(tc.present, tc.healthy)
			if tc.optional {
				m.Spec.Presence = v1alpha1.PresenceOptional
			}
			NewWithT(t).Expect(catalog.StateOf(m)).To(Equal(tc.want))
		})
	}
	NewWithT(t).Expect(catalog.StateOf(&v1alpha1.ComponentMapping{})).To(Equal(catalog.Unknown), "a mapping that nobody has visited")
}

// mapping with two conditions.
func mapping(present, healthy metav1.Condition) *v1alpha1.ComponentMapping {
	present.Type, healthy.Type = v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy
	return &v1alpha1.ComponentMapping{Status: v1alpha1.ComponentMappingStatus{Conditions: []metav1.Condition{present, healthy}}}
}

// TestStatesDiffer: no two states look alike without colors.
func TestStatesDiffer(t *testing.T) {
	g := NewWithT(t)
	for _, symbol := range []func(catalog.State) string{catalog.State.Word, catalog.State.Mark, catalog.State.ASCII} {
		seen := map[string]catalog.State{}
		for _, s := range append(slices.Clone(catalog.States), catalog.Observed) {
			g.Expect(symbol(s)).NotTo(BeEmpty(), "every state has a word, a mark and an ASCII mark: %s", s)
			g.Expect(seen).NotTo(HaveKey(symbol(s)), "no two states look alike: %s and %s", s, seen[symbol(s)])
			seen[symbol(s)] = s
		}
	}
}
