// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// within says whether whatever one check finds, another finds as well, because it looks for the same or for more. What
// only health depends on makes no difference. When it cannot be told the answer is no.
func within(c, other *v1alpha1.Check) bool {
	if c.Type != other.Type {
		return false
	}
	switch c.Type {
	case v1alpha1.CheckWorkload:
		return workloadWithin(c.Workload, other.Workload)
	case v1alpha1.CheckNodes:
		a, b := c.Nodes, other.Nodes
		return selectorWithin(a.Selector, b.Selector) && wider(a.Present, b.Present) &&
			equality.Semantic.DeepEqual(a.IgnoreTaints, b.IgnoreTaints) && equality.Semantic.DeepEqual(a.IgnoreConditions, b.IgnoreConditions)
	case v1alpha1.CheckLease:
		a, b := c.Lease, other.Lease
		return a.Namespace == b.Namespace && wider(a.Name, b.Name) && selectorWithin(a.Selector, b.Selector)
	case v1alpha1.CheckEndpoint:
		a, b := c.Endpoint, other.Endpoint
		return a.Path == b.Path && wider(a.Present, b.Present)
	case v1alpha1.CheckObject:
		a, b := c.Object, other.Object
		return a.APIVersion == b.APIVersion && a.Kind == b.Kind && wider(a.Namespace, b.Namespace) && wider(a.Name, b.Name) &&
			selectorWithin(a.Selector, b.Selector) && wider(a.Present, b.Present)
	case v1alpha1.CheckAccessReview:
		a, b := c.AccessReview, other.AccessReview
		return a.Verb == b.Verb && a.Group == b.Group && a.Resource == b.Resource && subset(a.ReasonContains, b.ReasonContains)
	}
	return false
}

func workloadWithin(a, b *v1alpha1.WorkloadCheck) bool {
	switch {
	case a.Kind != b.Kind || a.Namespace != b.Namespace || !selectorWithin(a.Selector, b.Selector):
		return false
	case b.ImagePath != "" && (a.ImagePath != b.ImagePath || b.Container != "" && a.Container != b.Container):
		return false
	case len(b.Names) > 0:
		return len(a.Names) > 0 && subset(a.Names, b.Names)
	case len(a.Names) > 0:
		return !slices.ContainsFunc(a.Names, func(n v1alpha1.ObjectName) bool { return !strings.HasPrefix(string(n), b.NamePrefix) })
	}
	return strings.HasPrefix(a.NamePrefix, b.NamePrefix)
}

func selectorWithin(a, b *metav1.LabelSelector) bool {
	return b == nil || equality.Semantic.DeepEqual(a, b)
}

// wider says whether a condition is the same as another, or there is no other.
func wider[T any](condition, other T) bool {
	var none T
	return equality.Semantic.DeepEqual(other, none) || equality.Semantic.DeepEqual(condition, other)
}

func subset[T comparable](items, of []T) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !slices.Contains(of, item) })
}
