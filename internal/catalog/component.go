// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// CompareMappings orders mappings as the table does: by category, order and name.
func CompareMappings(a, b *v1alpha1.ComponentMapping) int {
	return cmp.Or(
		cmp.Compare(slices.Index(v1alpha1.Categories, a.Spec.Category), slices.Index(v1alpha1.Categories, b.Spec.Category)),
		cmp.Compare(orderOf(a), orderOf(b)),
		cmp.Compare(a.Name, b.Name))
}

func orderOf(m *v1alpha1.ComponentMapping) int32 {
	if m.Spec.Order == nil {
		return 0
	}
	return *m.Spec.Order
}

// Condition of a mapping; one that is not there is Unknown, without a reason.
func Condition(m *v1alpha1.ComponentMapping, conditionType string) metav1.Condition {
	return FindCondition(m.Status.Conditions, conditionType)
}

// FindCondition returns the condition of a type; one that is not there is Unknown, without a reason.
func FindCondition(conditions []metav1.Condition, conditionType string) metav1.Condition {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionUnknown}
}

// Decisive returns the condition that decides the state: Healthy, or Present while the component is not present.
func Decisive(m *v1alpha1.ComponentMapping) metav1.Condition {
	if present := Condition(m, v1alpha1.ConditionPresent); present.Status != metav1.ConditionTrue {
		return present
	}
	return Condition(m, v1alpha1.ConditionHealthy)
}

// AdvisoriesOf returns the advisories of a component that concern its variants that are present, or every variant. While
// the component is not present, it returns all of them.
func AdvisoriesOf(m *v1alpha1.ComponentMapping) []v1alpha1.Advisory {
	found := Condition(m, v1alpha1.ConditionPresent).Status == metav1.ConditionTrue
	var out []v1alpha1.Advisory
	for _, a := range m.Spec.Implementation.Advisories {
		if !found || concerns(&a, m.Status.Variants) {
			out = append(out, a)
		}
	}
	return out
}

// concerns reports whether an advisory is about one of the variants, or about every variant.
func concerns(a *v1alpha1.Advisory, variants []string) bool {
	return len(a.Variants) == 0 || slices.ContainsFunc(a.Variants, func(v string) bool { return slices.Contains(variants, v) })
}

// Correction returns the message of the Correction that explains such a difference of a component with these variants;
// empty when none does. One of some variants only explains nothing while another is present, too: the difference may be due
// to that.
func Correction(m *v1alpha1.ComponentMapping, variants []string, t v1alpha1.DifferenceType) string {
	for i := range m.Spec.Implementation.Advisories {
		if a := &m.Spec.Implementation.Advisories[i]; slices.Contains(a.Explains, t) && concernsAll(a, variants) {
			return a.Message
		}
	}
	return ""
}

// concernsAll reports whether an advisory is about each of the variants, or about every variant.
func concernsAll(a *v1alpha1.Advisory, variants []string) bool {
	if len(a.Variants) == 0 {
		return true
	}
	return len(variants) > 0 && !slices.ContainsFunc(variants, func(v string) bool { return !slices.Contains(a.Variants, v) })
}

// Unexplained returns the differences that no Correction explains: the news.
func Unexplained(differences []v1alpha1.Difference) []v1alpha1.Difference {
	return slices.DeleteFunc(slices.Clone(differences), func(d v1alpha1.Difference) bool { return d.Correction != "" })
}

// DescribeDifference returns a difference in a few words.
func DescribeDifference(d v1alpha1.Difference) string {
	switch d.Type {
	case v1alpha1.DifferenceMethod:
		return "documented as " + d.Documented + ", observed as " + d.Observed
	case v1alpha1.DifferenceImage:
		return "documented image " + d.Documented + ", observed " + d.Observed
	case v1alpha1.DifferenceMinVersion:
		return "documented version " + d.Documented + " or newer, observed " + d.Observed
	}
	return "several minor versions are in use at once: " + d.Observed
}

// CompareDates orders advisories by their dates (YYYY-MM-DD); those without one come last.
func CompareDates(a, b string) int {
	const never = "~" // sorts after every date
	return cmp.Compare(cmp.Or(a, never), cmp.Or(b, never))
}
