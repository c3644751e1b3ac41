// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

// observed is when the clusters of these tests were looked at.
var observed = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

// renderers are all that put the state of a component into words.
func renderers(r *report.Report, m *v1alpha1.ComponentMapping) map[string]func(io.Writer) error {
	diagram := report.Draw(r, report.DiagramOptions{})
	return map[string]func(io.Writer) error{
		"abstract": func(w io.Writer) error {
			a := v1alpha1.ClusterArchitecture{}
			status, _ := assess.Architecture(&a, r.Mappings, assess.ClusterView{Nodes: 1, MatchingNodes: 1, KubernetesVersion: "v1.35.0"}, observed)
			for _, line := range status.Abstract {
				fmt.Fprintln(w, line)
			}
			return nil
		},
		"explain": func(w io.Writer) error { return report.Explain(w, r, m, report.ExplainOptions{}) },
		"clusters": func(w io.Writer) error {
			return report.Clusters([]report.Cluster{{Name: "c", Report: r}}, false).Text(w, false)
		},
		"summary":  func(w io.Writer) error { _, err := io.WriteString(w, report.Summary(r)); return err },
		"document": func(w io.Writer) error { return report.Document(w, r, report.DocumentOptions{Live: true}) },
		"diagram":  func(w io.Writer) error { return diagram.ASCII(w, report.ASCIIOptions{}) },
		"mermaid":  diagram.Mermaid,
		"svg":      diagram.SVG,
		"page":     func(w io.Writer) error { return report.HTMLMain(w, r) },
	}
}

// drawn are the renderers whose output names the classes of all states.
var drawn = map[string]bool{"mermaid": true, "svg": true, "page": true}

// TestOneWordForOneState: whoever puts the state of a component into words says the same word, with whatever reason it has.
func TestOneWordForOneState(t *testing.T) {
	found := is("True", v1alpha1.ReasonObserved)
	gone := is("Unknown", v1alpha1.ReasonNotPresent)
	for _, tc := range []struct {
		present, healthy metav1.Condition
		optional         bool
		want             catalog.State
	}{
		{found, is("True", v1alpha1.ReasonAllChecksPass), false, catalog.Healthy},
		{found, is("True", v1alpha1.ReasonWithinGracePeriod), false, catalog.Healthy},
		{found, is("True", v1alpha1.ReasonWithinTolerance), false, catalog.Healthy},
		{found, is("True", v1alpha1.ReasonNodesDown), false, catalog.Healthy},
		{found, is("True", v1alpha1.ReasonProgressing), false, catalog.Progressing},
		{found, is("False", v1alpha1.ReasonCrashLooping), false, catalog.Unhealthy},
		{found, is("Unknown", v1alpha1.ReasonNotPermitted), false, catalog.HealthUnknown},
		{found, is("Unknown", v1alpha1.ReasonHealthNotObservable), false, catalog.HealthUnknown},
		{is("Unknown", v1alpha1.ReasonNotPermitted), is("Unknown", v1alpha1.ReasonNotPermitted), false, catalog.Unknown},
		{is("Unknown", v1alpha1.ReasonNotInDump), is("Unknown", v1alpha1.ReasonNotInDump), false, catalog.Unknown},
		{is("False", v1alpha1.ReasonNotFound), gone, false, catalog.Missing},
		{is("False", v1alpha1.ReasonNotFound), gone, true, catalog.Absent},
	} {
		t.Run(tc.present.Reason+" "+tc.healthy.Reason+" "+string(tc.want), func(t *testing.T) {
			m := mapping("web", tc.present, tc.healthy)
			if tc.optional {
				m.Spec.Presence = v1alpha1.PresenceOptional
			}
			m.Status.Conditions[1].Message = "said"
			r := &report.Report{Mappings: []v1alpha1.ComponentMapping{m}, ObservedAt: observed}
			word := regexp.MustCompile(`\b` + regexp.QuoteMeta(tc.want.Word()) + `\b`)
			for name, write := range renderers(r, &r.Mappings[0]) {
				g, out := NewWithT(t), bytes.Buffer{}
				g.Expect(write(&out)).To(Succeed())
				g.Expect(word.MatchString(out.String())).To(BeTrue(), "%s says that it is %s:\n%.3000s", name, tc.want.Word(), out.String())
				if text := strings.ReplaceAll(out.String(), "none unhealthy", ""); tc.want == catalog.Healthy && !drawn[name] {
					g.Expect(text).NotTo(MatchRegexp(`\bunhealthy\b|\bprogressing\b`), "%s says nothing else", name)
				}
			}
		})
	}
}

// TestOneWordForTheWhole: a cluster that lacks something is incomplete, not unhealthy, wherever its verdict stands.
func TestOneWordForTheWhole(t *testing.T) {
	g := NewWithT(t)
	r := &report.Report{ObservedAt: observed, Mappings: []v1alpha1.ComponentMapping{
		mapping("web", is("True", v1alpha1.ReasonObserved), is("True", v1alpha1.ReasonAllChecksPass)),
		mapping("dns", is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent)),
	}}
	for name, write := range renderers(r, &r.Mappings[0]) {
		if name == "summary" || name == "clusters" || name == "page" {
			var out bytes.Buffer
			g.Expect(write(&out)).To(Succeed())
			g.Expect(out.String()).To(ContainSubstring("incomplete"), name)
			g.Expect(out.String()).NotTo(MatchRegexp(`\bunhealthy:|\d unhealthy`), name)
		}
	}
}
