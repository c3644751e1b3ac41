// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// parseSelector reads the label selector of whichever member is set; without one everything matches.
func parseSelector(spec *v1alpha1.Check) (labels.Selector, error) {
	var s *metav1.LabelSelector
	switch {
	case spec.Workload != nil:
		s = spec.Workload.Selector
	case spec.Nodes != nil:
		s = spec.Nodes.Selector
	case spec.Lease != nil:
		s = spec.Lease.Selector
	case spec.Object != nil:
		s = spec.Object.Selector
	}
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// matchesLabels says whether the check's selector picks the object.
func (c *Evaluator) matchesLabels(o client.Object) bool {
	return c.selector.Matches(labels.Set(o.GetLabels()))
}
