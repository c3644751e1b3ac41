// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"html"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/report/reporttest"
)

// facts of the architecture table, as the catalogue's testdata has them.
type facts struct {
	Rows []struct {
		Section, Component, Implementation, Method, Image, MinVersion string

		Source  v1alpha1.Source
		Details []string
	}
	Methods    []struct{ Name string }
	KeyDetails []struct {
		Mapping, Repository string
		Details             []string
		Artifacts           []v1alpha1.Artifact
	}
	Insights   []struct{ Name string }
	References []v1alpha1.Reference
}

func readFacts(t *testing.T) facts {
	t.Helper()
	text, err := os.ReadFile("../../config/catalog/testdata/architecture-table.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var f facts
	if err := yaml.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

var escaped = regexp.MustCompile(`\\([^A-Za-z0-9 ])`)

// rendered is Markdown as its reader sees it, but for the marks of emphasis and code.
func rendered(markdown string) string {
	return html.UnescapeString(escaped.ReplaceAllString(strings.NewReplacer("**", "", "`", "").Replace(markdown), "$1"))
}

// documents are those with and without live columns.
func documents(t *testing.T) map[string]string {
	p := picture(t, reporttest.Documented)
	out := map[string]string{}
	for name, o := range map[string]report.DocumentOptions{"documentation": {}, "live": {Live: true}} {
		out[name] = written(t, func(w io.Writer) error { return report.Document(w, p, o) })
	}
	return out
}

// TestDocumentRows: the document has every fact of every row of the table, in its row.
func TestDocumentRows(t *testing.T) {
	facts := readFacts(t)
	NewWithT(t).Expect(facts.Rows).To(HaveLen(22))
	for name, document := range documents(t) {
		rows, section := map[string][]string{}, ""
		sections := map[string]string{}
		for line := range strings.Lines(document) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
			if !strings.HasPrefix(line, "| **") || len(cells) < 5 {
				continue
			}
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			component := rendered(cells[0])
			if strings.Join(cells[1:], "") == "" {
				section = component
				continue
			}
			rows[component], sections[component] = cells, section
		}
		for _, r := range facts.Rows {
			t.Run(name+"/"+r.Component, func(t *testing.T) {
				g := NewWithT(t)
				cells := rows[r.Component]
				g.Expect(cells).NotTo(BeNil())
				g.Expect(sections[r.Component]).To(Equal(r.Section))
				g.Expect(rendered(cells[1])).To(Equal(r.Implementation))
				if r.Source.URL == "" {
					g.Expect(rendered(cells[2])).To(Equal(r.Source.Name))
				} else {
					g.Expect(cells[2]).To(Equal("[" + r.Source.Name + "](" + string(r.Source.URL) + ")"))
				}
				g.Expect(rendered(cells[3])).To(Equal(r.Method))
				details := strings.Split(rendered(cells[4]), "<br/>")
				for i, d := range r.Details {
					g.Expect(details[i]).To(Equal("• " + d))
				}
				g.Expect(rendered(cells[4])).To(ContainSubstring(r.Image))
				g.Expect(rendered(cells[4])).To(ContainSubstring(r.MinVersion))
			})
		}
	}
}

// TestDocumentSections: the sections of the table's document are there, with their facts.
func TestDocumentSections(t *testing.T) {
	facts := readFacts(t)
	for name, document := range documents(t) {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			part := func(heading string) string {
				_, rest, found := strings.Cut(document, "\n"+heading+"\n")
				g.Expect(found).To(BeTrue(), heading)
				level, _, _ := strings.Cut(heading, " ")
				text, _, _ := strings.Cut(rest, "\n"+level+" ")
				return rendered(text)
			}
			g.Expect(document).To(HavePrefix("# AKS Architecture Component Mapping\n"))
			part("## OSS Kubernetes ↔ AKS Component Mapping")
			methods := part("### Deployment Types Explained")
			for _, m := range facts.Methods {
				g.Expect(methods).To(ContainSubstring("- " + m.Name + ": "))
			}
			for _, fact := range []string{"fully managed", "no visibility", "no control", "directly on the host OS", "one pod on every node, or on every selected one",
				"replica management and rolling updates", "on the disk of the host OS", "/opt/cni/bin/"} {
				g.Expect(methods).To(ContainSubstring(fact))
			}
			key := part("### Key Component Implementation Details")
			for _, k := range facts.KeyDetails {
				g.Expect(key).To(ContainSubstring(k.Repository))
				for _, a := range k.Artifacts {
					g.Expect(key).To(ContainSubstring(a.Name))
					g.Expect(key).To(ContainSubstring(a.Description))
				}
				for _, d := range k.Details {
					g.Expect(rendered(document)).To(ContainSubstring(d))
				}
			}
			g.Expect(key).To(ContainSubstring("Deployment kube-system/csi-azuredisk-controller"))
			g.Expect(key).To(ContainSubstring("DaemonSet kube-system/csi-azuredisk-node"))
			g.Expect(part("## Architecture Flow")).To(SatisfyAll(ContainSubstring("kube-apiserver"), ContainSubstring("Azure Resource Manager"), ContainSubstring("On every node")))
			insights := part("## Key Implementation Insights")
			for _, i := range facts.Insights {
				g.Expect(insights).To(ContainSubstring(". " + i.Name + ": "))
			}
			for _, fact := range []string{"leader election", "https://github.com/kubernetes-sigs/cloud-provider-azure", "controller Deployment", "DaemonSet on the nodes",
				"kubelet, Container Runtime", "reliability", "monitoring, ingress and autoscaling", "dedicated components", "ARM"} {
				g.Expect(insights).To(ContainSubstring(fact))
			}
			references := part("## References")
			for _, r := range facts.References {
				g.Expect(references).To(ContainSubstring("[" + r.Name + "](" + string(r.URL) + ")"))
			}
		})
	}
}

// TestLiveNumbers: what is counted is the cluster's.
func TestLiveNumbers(t *testing.T) {
	g := NewWithT(t)
	documents := documents(t)
	g.Expect(documents["live"]).To(ContainSubstring("29 of 40 components present"))
	g.Expect(documents["live"]).To(ContainSubstring("## Departures from the Documentation"))
	g.Expect(documents["documentation"]).NotTo(ContainSubstring("present"))
	g.Expect(documents["documentation"]).NotTo(ContainSubstring("healthy"))

	today := written(t, func(w io.Writer) error {
		return report.Document(w, picture(t, reporttest.Modern), report.DocumentOptions{Live: true})
	})
	g.Expect(today).To(ContainSubstring("0 with the controller as a Deployment, 2 with a hidden one"))
	g.Expect(documents["live"]).To(ContainSubstring("2 with the controller as a Deployment, 0 with a hidden one"))
	mermaid := written(t, func(w io.Writer) error {
		return report.Document(w, picture(t, reporttest.Modern), report.DocumentOptions{Mermaid: true})
	})
	g.Expect(mermaid).To(ContainSubstring("```mermaid\nflowchart TB\n"))
}
