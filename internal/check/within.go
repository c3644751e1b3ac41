// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Within says whether whatever one check finds, another finds as well, because it looks for the same or for more. What
// only health depends on makes no difference. When it cannot be told the answer is no.
func Within(c, other *v1alpha1.Check) bool {
	t, known := checkTypes[c.Type]
	return known && c.Type == other.Type && t.within(c, other)
}

// selectorWithin says whether a selector is the same as another, or there is no other.
func selectorWithin(a, b *metav1.LabelSelector) bool {
	return b == nil || equality.Semantic.DeepEqual(a, b)
}

// wider says whether a condition is the same as another, or there is no other.
func wider[T any](condition, other T) bool {
	var none T
	return equality.Semantic.DeepEqual(other, none) || equality.Semantic.DeepEqual(condition, other)
}

// subset says whether all items are among others.
func subset[T comparable](items, of []T) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !slices.Contains(of, item) })
}
