// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// documents returns those with and without live columns.
func documents(t *testing.T) map[string]string {
	r := reportOf(t, reporttest.Documented)
	return map[string]string{
		"documentation": document(t, r, report.DocumentOptions{}), "live": document(t, r, report.DocumentOptions{Live: true}),
	}
}

// TestDocumentCauses: the document says what is wrong, since when, who acts and what comes next, before all else.
func TestDocumentCauses(t *testing.T) {
	g := NewWithT(t)
	r := broken(t)
	retire(r, 4)
	text := document(t, r, report.DocumentOptions{Live: true})
	above, _, _ := strings.Cut(text, "## OSS Kubernetes")
	g.Expect(above).To(SatisfyAll(
		ContainSubstring("\n- **CrashLooping: Deployment kube-system/coredns**, for 10m: 0/2 available"),
		ContainSubstring("\n  - Affects: coredns\n"), ContainSubstring("\n  - Who acts: Provider: "),
		ContainSubstring("\n  - Next: `kubectl -n kube-system logs deployment/coredns"), ContainSubstring("\n  - See: <https://"),
		ContainSubstring("\n## Retirements\n\n- **kubelet**: ! 4 days left, until "), ContainSubstring("\n- **Ingress Controller**: 57 days left, until ")))
	g.Expect(strings.Count(above, "2 keep crashing")).To(Equal(1))
}

// TestDocumentSections: the document has the sections of the table's own, in its order.
func TestDocumentSections(t *testing.T) {
	for name, text := range documents(t) {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var headings []string
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "## ") || strings.HasPrefix(line, "### ") {
					headings = append(headings, strings.TrimSpace(line))
				}
			}
			want := []string{"# AKS Architecture Component Mapping", "## OSS Kubernetes ↔ AKS Component Mapping",
				"## Implementation Method Details", "### Deployment Types Explained", "### Key Component Implementation Details",
				"## Architecture Flow", "## Key Implementation Insights", "## References"}
			if name == "live" {
				want = slices.Insert(want, 7, "## Differences from the Documentation")
				want = slices.Insert(want, 1, "## Causes", "## Retirements")
			}
			g.Expect(headings).To(Equal(want))
			parts := takeApart(text).parts
			g.Expect(parts["Azure Disk CSI Driver"]).To(SatisfyAll(
				ContainSubstring("Deployment kube-system/csi-azuredisk-controller"), ContainSubstring("DaemonSet kube-system/csi-azuredisk-node")))
			g.Expect(parts["Architecture Flow"]).To(SatisfyAll(
				ContainSubstring("kube-apiserver"), ContainSubstring("Azure Resource Manager"), ContainSubstring("On every node")))
		})
	}
}

// TestLiveNumbers: what is counted is the cluster's.
func TestLiveNumbers(t *testing.T) {
	g := NewWithT(t)
	documents := documents(t)
	g.Expect(documents["live"]).To(ContainSubstring(fmt.Sprintf("30 of %d components present", len(report.ComponentNames(reportOf(t, reporttest.Documented))))))
	g.Expect(documents["live"]).To(ContainSubstring("## Differences from the Documentation"))
	g.Expect(documents["documentation"]).NotTo(ContainSubstring("present"))
	g.Expect(documents["documentation"]).NotTo(ContainSubstring("healthy"))

	today := written(t, func(w io.Writer) error {
		return report.Document(w, reportOf(t, reporttest.Modern), report.DocumentOptions{Live: true})
	})
	g.Expect(today).To(ContainSubstring("0 with the controller as a Deployment, 2 with a hidden one"))
	g.Expect(documents["live"]).To(ContainSubstring("2 with the controller as a Deployment, 0 with a hidden one"))
	mermaid := written(t, func(w io.Writer) error {
		return report.Document(w, reportOf(t, reporttest.Modern), report.DocumentOptions{Mermaid: true})
	})
	g.Expect(mermaid).To(ContainSubstring("```mermaid\nflowchart TB\n"))
}
