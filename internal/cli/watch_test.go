// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// reports are a feed that shows them and ends.
type reports []*report.Report

func (r reports) Run(_ context.Context, publish func(*report.Report)) error {
	for _, published := range r {
		publish(published)
	}
	return nil
}

func (r reports) Stale() string { return "" }

func testEnv(out io.Writer) *env {
	return &env{
		IOStreams: genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: out, ErrOut: &bytes.Buffer{}},
		flags:     newConfigFlags("test"), version: "test", now: time.Now, stderr: &sync.Mutex{},
	}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// manyComponents returns n components, healthy except those named.
func manyComponents(n int, unhealthy ...string) *report.Report {
	r := &report.Report{ObservedAt: noon}
	for i := range n {
		m := v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("component-%02d", i)}}
		m.Spec.Category = v1alpha1.CategoryNode
		status, reason := metav1.ConditionTrue, v1alpha1.ReasonAllChecksPass
		for _, name := range unhealthy {
			if name == m.Name {
				status, reason = metav1.ConditionFalse, v1alpha1.ReasonWorkloadUnavailable
			}
		}
		m.Status.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionPresent, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonObserved, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))},
			{Type: v1alpha1.ConditionHealthy, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))},
		}
		r.Mappings = append(r.Mappings, m)
	}
	return r
}

// Elsewhere than on a terminal, the table comes once and then the rows that change; ages are no change.
func TestFollowPrintsWhatChanges(t *testing.T) {
	g := NewWithT(t)
	later := manyComponents(3)
	later.ObservedAt = noon.Add(time.Hour)
	var out bytes.Buffer
	f := &follower{env: testEnv(&out), output: &format{}, fail: &failOn{concernNames(report.DefaultConcerns())}, stale: func() string { return "" }}
	err := f.run(t.Context(), reports{manyComponents(3), later, manyComponents(3, "component-01")})
	code, _ := exitCode(err)
	g.Expect(code).To(Equal(exitAct), "the last verdict counts")
	var first []string
	for line := range strings.Lines(out.String()) {
		first = append(first, strings.Fields(line)[0])
	}
	g.Expect(first).To(Equal([]string{"NAME", "component-00", "component-01", "component-02", "component-01"}))
	g.Expect(out.String()).NotTo(ContainSubstring("\x1b"))
}

// Staleness is told when it comes and when it goes, not over and over.
func TestFollowReportsStaleness(t *testing.T) {
	g := NewWithT(t)
	stale := ""
	e := testEnv(&bytes.Buffer{})
	f := &follower{env: e, output: &format{}, fail: &failOn{concernNames(report.DefaultConcerns())}, stale: func() string { return stale }}
	f.show(manyComponents(1))
	for _, stale = range []string{"these verdicts are 1m old", "these verdicts are 2m old", ""} {
		f.show(nil)
	}
	g.Expect(fmt.Sprint(e.ErrOut)).To(Equal("Warning: these verdicts are 1m old\nThe verdicts are up to date again.\n"))
}

// What has no room is cut off at the end: the verdict and its causes come first.
func TestFit(t *testing.T) {
	lines := []string{"prod", "", "verdict", "", "NAME", "a", "b", "c"}
	for height, want := range map[int][]string{
		20: lines,
		8:  lines,
		6:  {"prod", "", "verdict", "", "NAME", "… 3 more lines"},
		2:  {"prod", "… 7 more lines"},
		0:  {"prod", "… 7 more lines"},
	} {
		NewWithT(t).Expect(fit(lines, height)).To(Equal(want), "%d lines", height)
	}
}
