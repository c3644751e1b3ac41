// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/facts"
	"github.com/archmap/archmap/test/reporttest"
)

// table is the documented architecture, to be looked for in documents.
type table facts.Table

func readFacts(t *testing.T) table {
	t.Helper()
	read, err := facts.Read()
	if err != nil {
		t.Fatal(err)
	}
	return table(*read)
}

var (
	escaped    = regexp.MustCompile(`\\([^A-Za-z0-9 ])`)
	linkWithin = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
)

// rendered returns Markdown as its reader sees it; a link is its text and its address.
func rendered(markdown string) string {
	plain := strings.NewReplacer("**", "", "`", "").Replace(linkWithin.ReplaceAllString(markdown, "$1 <$2>"))
	return html.UnescapeString(escaped.ReplaceAllString(plain, "$1"))
}

// mapped is a mapping document taken apart.
type mapped struct {
	// rows of the table by their component, cell by cell, and the section that each stands in.
	rows     map[string][]string
	sections map[string]string
	// parts are what stands below each heading, up to the next one.
	parts map[string]string
}

func takeApart(document string) mapped {
	m := mapped{rows: map[string][]string{}, sections: map[string]string{}, parts: map[string]string{}}
	section, heading := "", ""
	for line := range strings.Lines(document) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			heading = rendered(strings.TrimSpace(title))
			continue
		}
		m.parts[heading] += rendered(line)
		if !strings.HasPrefix(line, "| **") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(rendered(cells[i]))
		}
		if strings.Join(cells[1:], "") == "" {
			section = cells[0]
		} else {
			m.rows[cells[0]], m.sections[cells[0]] = cells, section
		}
	}
	return m
}

// missing are the facts that a document does not tell where they belong.
type missing []string

func (m *missing) expect(holds bool, fact string, args ...any) {
	if !holds {
		*m = append(*m, fmt.Sprintf(fact, args...))
	}
}

// bulleted reports whether a cell has a statement as a bullet of its own.
func bulleted(cell, statement string) bool {
	return slices.Contains(strings.Split(cell, "<br/>"), "• "+statement)
}

// missingFrom a document are the facts of the table.
func (f table) missingFrom(document string) []string {
	var out missing
	m := takeApart(document)
	f.rows(&out, m)
	f.keyDetails(&out, m)
	methods := m.parts["Deployment Types Explained"]
	for _, method := range f.Methods {
		text := lineOf(methods, "- "+method.Name+": ")
		out.expect(text != "", "method %s", method.Name)
		out.words("method "+method.Name, method.Explanation, text)
	}
	f.insights(&out, m)
	for _, r := range f.References {
		out.expect(lineOf(m.parts["References"], fmt.Sprintf("- %s <%s>", r.Name, r.URL)) != "", "reference %s", r.Name)
	}
	return out
}

func (f table) rows(out *missing, m mapped) {
	for _, r := range f.Rows {
		cells := m.rows[r.Component]
		if len(cells) < 5 {
			out.expect(false, "row %s", r.Component)
			continue
		}
		source := r.Source.Name
		if r.Source.URL != "" {
			source += fmt.Sprintf(" <%s>", r.Source.URL)
		}
		out.expect(m.sections[r.Component] == r.Section, "row %s: section %s", r.Component, r.Section)
		out.expect(cells[1] == r.Implementation, "row %s: implementation %s", r.Component, r.Implementation)
		out.expect(cells[2] == source, "row %s: source %s", r.Component, source)
		out.expect(cells[3] == r.Method, "row %s: method %s", r.Component, r.Method)
		out.expect(strings.Contains(cells[4], r.Image), "row %s: image %s", r.Component, r.Image)
		out.expect(strings.Contains(cells[4], r.MinVersion), "row %s: version %s", r.Component, r.MinVersion)
		for _, d := range r.Details {
			out.expect(bulleted(cells[4], d), "row %s: %s", r.Component, d)
		}
	}
}

// row of a mapping in a document; nil when it has none.
func (f table) row(m mapped, mapping string) []string {
	for _, r := range f.Rows {
		if cells := m.rows[r.Component]; r.Mapping == mapping && len(cells) >= 5 {
			return cells
		}
	}
	return nil
}

// keyDetails stand below a heading of their own, named like the implementation, or as details in the row.
func (f table) keyDetails(out *missing, m mapped) {
	for _, k := range f.KeyDetails {
		cells := f.row(m, k.Mapping)
		if cells == nil {
			out.expect(false, "key details %s", k.Mapping)
			continue
		}
		part := m.parts[cells[1]]
		out.expect(strings.Contains(part, k.Repository), "key details %s: repository %s", k.Mapping, k.Repository)
		for _, d := range k.Details {
			out.expect(bulleted(cells[4], d), "key details %s: %s", k.Mapping, d)
		}
		for _, a := range k.Artifacts {
			text := lineOf(part, fmt.Sprintf("- %s: %s", artifactKinds[a.Type], a.Name))
			out.expect(text != "" && strings.Contains(text, a.Description), "key details %s: %s %s", k.Mapping, a.Type, a.Name)
		}
	}
}

var artifactKinds = map[v1alpha1.ArtifactType]string{
	"Image": "Image", "Binary": "Binary", "SourceFile": "Key implementation file", "Package": "Package",
}

// inAllRows are the insights whose components are only examples: the rows tell how each runs.
var inAllRows = []string{"Hybrid Deployment Model", "Cloud Controller Manager"}

func (f table) insights(out *missing, m mapped) {
	for _, i := range f.Insights {
		text := lineOf(m.parts["Key Implementation Insights"], fmt.Sprintf(". %s: ", i.Name))
		out.expect(text != "", "insight %s", i.Name)
		out.words("insight "+i.Name, i.Text, text)
		for name, method := range i.Mappings {
			cells := f.row(m, name)
			out.expect(cells != nil && cells[3] == method, "insight %s: method of %s", i.Name, name)
			if cells != nil && !slices.Contains(inAllRows, i.Name) {
				out.expect(strings.Contains(text, cells[0]), "insight %s: component %s", i.Name, name)
			}
		}
	}
}

var (
	word = regexp.MustCompile(`https?://[^ ]+|[A-Za-z0-9/]+`)
	// fillers are the words of a fact that say nothing.
	fillers = strings.Fields("a an and are as by each for from in is like no of on or that the their to with")
)

// words expects the text to contain every word of the fact, in any form: the document has sentences of its own.
func (m *missing) words(what, fact, text string) {
	for _, w := range word.FindAllString(fact, -1) {
		stem := strings.ToLower(w[:min(len(w), 6)])
		if strings.Contains(w, "://") {
			stem = w
		}
		m.expect(slices.Contains(fillers, w) || strings.Contains(strings.ToLower(text), stem), "%s: %q", what, w)
	}
}

// lineOf a text that contains another; empty when there is none.
func lineOf(text, with string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, with) {
			return line
		}
	}
	return ""
}

// document of a report, with live columns and without.
func document(t testing.TB, r *report.Report, o report.DocumentOptions) string {
	t.Helper()
	return written(t, func(w io.Writer) error { return report.Document(w, r, o) })
}

// TestFacts: the document tells every fact of the table where it belongs, whatever the cluster.
func TestFacts(t *testing.T) {
	f := readFacts(t)
	g := NewWithT(t)
	g.Expect(f.Rows).To(HaveLen(22))
	g.Expect([]int{len(f.Methods), len(f.KeyDetails), len(f.Insights), len(f.References)}).To(Equal([]int{5, 4, 6, 6}))
	for name, r := range map[string]*report.Report{
		reporttest.Documented: reportOf(t, reporttest.Documented), reporttest.Modern: broken(t), reporttest.Elsewhere: reportOf(t, reporttest.Elsewhere),
	} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/live %t", name, live), func(t *testing.T) {
				NewWithT(t).Expect(f.missingFrom(document(t, r, report.DocumentOptions{Live: live}))).To(BeEmpty())
			})
		}
	}
}

// TestFactsAreMissed: what is taken from the catalog is missed in the document, and only that.
func TestFactsAreMissed(t *testing.T) {
	f := readFacts(t)
	for i, row := range f.Rows {
		t.Run(row.Mapping, func(t *testing.T) {
			for _, d := range row.Details {
				if row.Image != "" && strings.HasSuffix(d, row.Image) {
					continue // the field image says it too
				}
				g, r := NewWithT(t), reportOf(t, reporttest.Documented)
				doc := &reporttest.Mapping(r, row.Mapping).Spec.Implementation
				doc.Details = slices.DeleteFunc(doc.Details, func(s string) bool { return s == d })
				g.Expect(f.missingFrom(document(t, r, report.DocumentOptions{Live: i%2 == 0}))).To(HaveExactElements(fmt.Sprintf("row %s: %s", row.Component, d)))
			}
		})
	}
	for name, tc := range map[string]struct {
		mapping string
		take    func(*v1alpha1.ComponentMapping)
		want    string
	}{
		"source": {"azure-cni", func(m *v1alpha1.ComponentMapping) { m.Spec.Implementation.Source.URL = "" }, "row CNI Plugin (Advanced): source"},
		"version": {"cloud-controller-manager", func(m *v1alpha1.ComponentMapping) {
			m.Spec.Implementation.Details = nil
			m.Spec.Implementation.MinVersion = ""
		}, "version v1.32.3"},
		"method":  {"vertical-pod-autoscaler", func(m *v1alpha1.ComponentMapping) { m.Spec.Implementation.Methods = nil }, "row Vertical Pod Autoscaler: method Deployment"},
		"section": {"vertical-pod-autoscaler", func(m *v1alpha1.ComponentMapping) { m.Spec.Category = v1alpha1.CategoryNode }, "row Vertical Pod Autoscaler: section Add-ons & Extensions"},
		"key detail": {"azuredisk-csi-driver", func(m *v1alpha1.ComponentMapping) { m.Spec.Implementation.Details = m.Spec.Implementation.Details[:7] },
			"key details azuredisk-csi-driver: Integration with cloud-provider-azure: driver.cloud = azure.GetCloudProvider(...)"},
		"artifact": {"kubenet", func(m *v1alpha1.ComponentMapping) {
			m.Spec.Implementation.Artifacts = m.Spec.Implementation.Artifacts[:1]
		}, "/opt/cni/bin/host-local"},
		"reference": {"cloud-controller-manager", func(m *v1alpha1.ComponentMapping) { m.Spec.Implementation.References = nil }, "reference Cloud Provider Azure Repository"},
		"insight":   {"azurefile-csi-driver", func(m *v1alpha1.ComponentMapping) { m.Spec.Category = v1alpha1.CategoryAddon }, "insight CSI Pattern: component azurefile-csi-driver"},
	} {
		t.Run(name, func(t *testing.T) {
			row := reportOf(t, reporttest.Documented)
			tc.take(reporttest.Mapping(row, tc.mapping))
			NewWithT(t).Expect(f.missingFrom(document(t, row, report.DocumentOptions{}))).To(ContainElement(ContainSubstring(tc.want)))
		})
	}
}
