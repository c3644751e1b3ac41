// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/report/reporttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func picture(t testing.TB, shape string) *report.Picture {
	t.Helper()
	read, ok := pictures[shape]
	if !ok {
		t.Fatalf("no picture of %s", shape)
	}
	p, err := read()
	if err != nil {
		t.Fatal(err)
	}
	fresh := *p
	p.Architecture.DeepCopyInto(&fresh.Architecture)
	fresh.Mappings = make([]v1alpha1.ComponentMapping, len(p.Mappings))
	for i := range p.Mappings {
		p.Mappings[i].DeepCopyInto(&fresh.Mappings[i])
	}
	return &fresh
}

// pictures are read once.
var pictures = map[string]func() (*report.Picture, error){
	reporttest.Documented: sync.OnceValues(func() (*report.Picture, error) { return reporttest.Picture(reporttest.Documented) }),
	reporttest.Modern:     sync.OnceValues(func() (*report.Picture, error) { return reporttest.Picture(reporttest.Modern) }),
}

// broken is today's AKS where DNS crashes.
func broken(t testing.TB) *report.Picture {
	p := picture(t, reporttest.Modern)
	reporttest.Break(p, "coredns", v1alpha1.ReasonCrashLooping, "Deployment kube-system/coredns: 0/2 available; container coredns of 2 pods crashes")
	return p
}

// written is what a function writes.
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

// mapping is one with a state, found since an hour.
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
	return metav1.Condition{Status: status, Reason: reason, Message: "because", LastTransitionTime: metav1.NewTime(reporttest.Now.Add(-time.Hour))}
}

// big is a picture as large as the API allows.
func big(t testing.TB) *report.Picture {
	p := picture(t, reporttest.Modern)
	shipped := p.Mappings
	p.Mappings = nil
	for i := range 512 {
		m := *shipped[i%len(shipped)].DeepCopy()
		m.Name = fmt.Sprintf("%s-%d", m.Name, i)
		p.Mappings = append(p.Mappings, m)
	}
	pool := p.Architecture.Status.NodePools[0]
	p.Architecture.Status.NodePools = nil
	for i := range 200 {
		pool.Name = fmt.Sprintf("pool%d", i)
		p.Architecture.Status.NodePools = append(p.Architecture.Status.NodePools, pool)
	}
	return p
}
