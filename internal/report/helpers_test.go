// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
	"github.com/archmap/archmap/test/world"
)

var update = flag.Bool("update", false, "write the golden files anew")

// reportOf returns the report of a shape with faults; a fresh one each time.
func reportOf(t testing.TB, shape string, faults ...reporttest.Fault) *report.Report {
	t.Helper()
	if len(faults) > 0 {
		return taken(t, func() (*report.Report, error) { return reporttest.Report(shape, faults...) })
	}
	read, _ := reports.LoadOrStore(shape, sync.OnceValues(func() (*report.Report, error) { return reporttest.Report(shape) }))
	return fresh(taken(t, read.(func() (*report.Report, error))))
}

// reports without faults, by shape; they are read once.
var reports sync.Map

func taken(t testing.TB, read func() (*report.Report, error)) *report.Report {
	t.Helper()
	r, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fresh(r *report.Report) *report.Report {
	out := *r
	r.Architecture.DeepCopyInto(&out.Architecture)
	out.Mappings = make([]v1alpha1.ComponentMapping, len(r.Mappings))
	for i := range r.Mappings {
		r.Mappings[i].DeepCopyInto(&out.Mappings[i])
	}
	return &out
}

// crashing is today's AKS where DNS crashes; it is made once.
var crashing = sync.OnceValues(func() (*report.Report, error) {
	return reporttest.Report(reporttest.Modern, reporttest.Pods("Deployment kube-system/coredns", world.Pods{State: world.CrashLooping}))
})

func broken(t testing.TB) *report.Report {
	t.Helper()
	return fresh(taken(t, crashing))
}

// written returns what a function writes.
func written(t testing.TB, write func(io.Writer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		NewWithT(t).Expect(got).To(Equal(string(want)), "%s; -update writes it anew", file)
	}
}

// mapping returns one with a state, found since an hour.
func mapping(name string, present, healthy metav1.Condition) v1alpha1.ComponentMapping {
	m := v1alpha1.ComponentMapping{Spec: v1alpha1.ComponentMappingSpec{
		Component: name, Category: v1alpha1.CategoryAddon, Placement: v1alpha1.PlacementCluster, Presence: v1alpha1.PresenceRequired,
		OperatedBy:     v1alpha1.OperatedByCustomer,
		Implementation: v1alpha1.Implementation{Name: name, Methods: []v1alpha1.ImplementationMethod{v1alpha1.MethodDeployment}, Source: v1alpha1.Source{Name: name}},
	}}
	m.Name = name
	present.Type, healthy.Type = v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy
	m.Status.Conditions = []metav1.Condition{present, healthy}
	return m
}

func is(status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Status: status, Reason: reason, Message: "because", LastTransitionTime: metav1.NewTime(time.Date(2026, 10, 2, 13, 30, 0, 0, time.UTC))}
}

// set gives a mapping a condition that no world has.
func set(m *v1alpha1.ComponentMapping, conditionType string, status metav1.ConditionStatus, reason string) {
	c := is(status, reason)
	c.Type = conditionType
	meta.SetStatusCondition(&m.Status.Conditions, c)
}

// big returns a report as large as the API allows, of a bad day.
func big(t testing.TB) *report.Report {
	r := fresh(taken(t, badDay))
	reporttest.Big(r)
	return r
}

// badDay is today's AKS where DNS crashes, a node is down and metrics-server is gone; it is made once.
var badDay = sync.OnceValues(func() (*report.Report, error) {
	return reporttest.Report(reporttest.Modern, reporttest.Pods("Deployment kube-system/coredns", world.Pods{State: world.CrashLooping}),
		reporttest.Node("user/0", world.NodeDown), reporttest.Gone("Deployment kube-system/metrics-server"))
})

// retire gives the kubelet a retirement in so many days.
func retire(r *report.Report, days int) {
	m := reporttest.Mapping(r, "kubelet")
	m.Spec.Implementation.Advisories = append(m.Spec.Implementation.Advisories, v1alpha1.Advisory{
		Type: v1alpha1.AdvisoryRetirement, Date: r.ObservedAt.AddDate(0, 0, days).Format(time.DateOnly), Message: "move on",
	})
}
