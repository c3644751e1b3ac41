// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
)

func TestCompareMappings(t *testing.T) {
	row := func(name string, category v1alpha1.Category, order *int32) *v1alpha1.ComponentMapping {
		m := &v1alpha1.ComponentMapping{Spec: v1alpha1.ComponentMappingSpec{Category: category, Order: order}}
		m.Name = name
		return m
	}
	first, second := new(int32(1)), new(int32(2))
	want := []*v1alpha1.ComponentMapping{
		row("z", v1alpha1.CategoryControlPlane, second), row("b", v1alpha1.CategoryStorage, nil),
		row("c", v1alpha1.CategoryStorage, new(int32(0))), row("a", v1alpha1.CategoryStorage, first), row("b", v1alpha1.CategoryStorage, first),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, catalog.CompareMappings)
	NewWithT(t).Expect(got).To(Equal(want), "by category, order and name; the default order is 0")
}

func TestDecisive(t *testing.T) {
	g := NewWithT(t)
	m := mapping(metav1.Condition{Status: "False", Reason: "NotFound"}, metav1.Condition{Status: "Unknown", Reason: "NotPresent"})
	g.Expect(catalog.Decisive(m)).To(HaveField("Reason", "NotFound"))
	m.Status.Conditions[0].Status = metav1.ConditionTrue
	g.Expect(catalog.Decisive(m)).To(HaveField("Reason", "NotPresent"))
	g.Expect(catalog.Decisive(&v1alpha1.ComponentMapping{})).To(Equal(
		metav1.Condition{Type: v1alpha1.ConditionPresent, Status: metav1.ConditionUnknown}), "a mapping that nobody has visited")
}

func TestAdvisories(t *testing.T) {
	g := NewWithT(t)
	m := mapping(metav1.Condition{Status: "True"}, metav1.Condition{Status: "True"})
	m.Spec.Implementation.Advisories = []v1alpha1.Advisory{
		{Message: "a", Variants: []string{"old"}}, {Message: "b"}, {Message: "c", Variants: []string{"old", "new"}},
	}
	m.Status.Variants = []string{"new"}
	g.Expect(catalog.AdvisoriesOf(m)).To(HaveExactElements(HaveField("Message", "b"), HaveField("Message", "c")), "those of the variant that is found")
	m.Status.Conditions = nil
	g.Expect(catalog.AdvisoriesOf(m)).To(HaveLen(3), "nothing is found: all of them")

	dates := []string{"", "2028-03-31", "2026-01-01"}
	slices.SortFunc(dates, catalog.CompareDates)
	g.Expect(dates).To(Equal([]string{"2026-01-01", "2028-03-31", ""}), "those without a date come last")
}

func TestMethods(t *testing.T) {
	g := NewWithT(t)
	g.Expect(catalog.ShortMethods(catalog.Methods)).To(Equal("hosted,systemd,binary,ds,deploy,sts"))
	g.Expect(catalog.ShortMethods([]v1alpha1.ImplementationMethod{"Deployment", "DaemonSet"})).To(Equal("deploy,ds"), "in the order given")
	g.Expect(catalog.ShortMethods([]v1alpha1.ImplementationMethod{"Unikernel"})).To(Equal("Unikernel"), "one of a newer archmap")
	g.Expect(catalog.ShortMethods(nil)).To(BeEmpty())
}

// TestDefaults: what the API server has not filled in reads as if it had.
func TestDefaults(t *testing.T) {
	g := NewWithT(t)
	c := &v1alpha1.Check{Workload: &v1alpha1.WorkloadCheck{Kind: v1alpha1.WorkloadDaemonSet}}
	g.Expect(catalog.Expect(c)).To(Equal(v1alpha1.ExpectPresent))
	g.Expect(catalog.Evidence(c)).To(Equal(v1alpha1.EvidenceDirect))
	g.Expect(catalog.Method(c)).To(Equal(v1alpha1.MethodDaemonSet), "the kind of the workload")
	g.Expect(catalog.Tolerated(v1alpha1.Tolerance{}, 5000)).To(BeZero())
	five := v1alpha1.Tolerance{Percent: new(int32(5))}
	g.Expect([]int{catalog.Tolerated(five, 19), catalog.Tolerated(five, 20), catalog.Tolerated(five, 1000)}).To(Equal([]int{0, 1, 50}))
	g.Expect(catalog.MayScaleToZero(&v1alpha1.WorkloadCheck{})).To(BeFalse())
	g.Expect(catalog.Optional(&v1alpha1.ComponentMapping{})).To(BeFalse())
	g.Expect(catalog.GracePeriod(&v1alpha1.ComponentMapping{})).To(BeZero())
	g.Expect(catalog.GracePeriod(&v1alpha1.ComponentMapping{Spec: v1alpha1.ComponentMappingSpec{GracePeriodSeconds: new(int32(90))}})).To(Equal(90 * time.Second))
	g.Expect(catalog.MaxMinorsBehind(&v1alpha1.ClusterArchitecture{})).To(Equal(3), "what Kubernetes supports")
	c.Method = v1alpha1.CheckMethodNone
	g.Expect(catalog.Method(c)).To(BeEmpty())
}

// TestExpectations: what the four expectations mean for a variant.
func TestExpectations(t *testing.T) {
	for expect, want := range map[v1alpha1.Expectation]struct{ demands, belongs bool }{
		"": {true, true}, v1alpha1.ExpectPresent: {true, true}, v1alpha1.ExpectOptional: {false, true},
		v1alpha1.ExpectPrecondition: {true, false}, v1alpha1.ExpectAbsent: {false, false},
	} {
		g, c := NewWithT(t), &v1alpha1.Check{Expect: expect}
		g.Expect(catalog.Demands(c)).To(Equal(want.demands), "%q must find something", expect)
		g.Expect(catalog.Belongs(c)).To(Equal(want.belongs), "what %q finds is a part of the component", expect)
		g.Expect(catalog.Proves(c)).To(Equal(want.belongs), "what %q finds is evidence", expect)
		c.Evidence = v1alpha1.EvidenceNone
		g.Expect(catalog.Proves(c)).To(BeFalse(), "%q with evidence None", expect)
	}
}
