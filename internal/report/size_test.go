// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/net/html"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// TestSizes: 512 components and 200 node pools are shown in full, and the drawing stays one that can be looked at.
func TestSizes(t *testing.T) {
	g := NewWithT(t)
	r := big(t)
	d := report.Draw(r, report.DiagramOptions{})
	table := written(t, func(w io.Writer) error { return report.Table(r, true).Text(w, false) })
	g.Expect(strings.Count(table, "\n")).To(Equal(reporttest.MaxComponents + 1))
	root, page := page(t, r, report.HTMLOptions{})
	g.Expect(strings.Count(page, "<tr data-index=")).To(Equal(reporttest.MaxComponents))
	g.Expect(len(page)/reporttest.MaxComponents).To(BeNumerically("<", 7<<10), "bytes of the page for each component")
	for _, pool := range r.Architecture.Status.NodePools {
		g.Expect(page).To(ContainSubstring("<bdi>" + pool.Name + "</bdi>"))
	}
	drawing := elements(root, func(n *html.Node) bool { return attr(n, "class") == "drawing" })[0]
	g.Expect(len(elements(drawing, func(*html.Node) bool { return true }))).To(BeNumerically("<", 20*reporttest.MaxComponents))

	pools := boxes(d)["Node pools"]
	g.Expect(len(pools)).To(BeNumerically("<=", 12), "200 boxes say nothing")
	loud := 0
	for _, b := range pools {
		if b.State == catalog.Unhealthy {
			loud++
		}
	}
	g.Expect(loud).To(Equal(4), "the bad ones stand out: %v", pools)
	g.Expect(pools[0].Title).To(Equal("user (user, linux)"))
	g.Expect(pools[0].Fault).To(Equal(v1alpha1.ReasonNodeFault))
	g.Expect(pools[loud].Title).To(Equal("195 node pools (system, linux)"))
	g.Expect(pools[loud].Lines).To(ContainElement("390/390 nodes ready"))

	drawn := 0
	for _, in := range d.Groups {
		if !in.Folded {
			drawn += len(boxesOf(in))
		}
	}
	g.Expect(strings.Count(written(t, d.SVG), `<svg class="box `)).To(Equal(drawn))
	mermaid := written(t, d.Mermaid)
	g.Expect(strings.Count(mermaid, "]:::")).To(Equal(drawn+1), "what is folded has one")
	g.Expect(strings.Count(mermaid, "~~~")+strings.Count(mermaid, "-->")).To(BeNumerically("<=", 500), "Mermaid draws no more links")
}

// benchmark writes a report of 512 components again and again.
func benchmark(b *testing.B, write func(io.Writer, *report.Report) error) {
	r := big(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := write(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error { return report.HTML(w, r, report.HTMLOptions{}) })
}

func BenchmarkASCII(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error {
		return report.Draw(r, report.DiagramOptions{}).ASCII(w, report.ASCIIOptions{})
	})
}

func BenchmarkSVG(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error { return report.Draw(r, report.DiagramOptions{}).SVG(w) })
}

func BenchmarkDocument(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error {
		return report.Document(w, r, report.DocumentOptions{Live: true})
	})
}

func BenchmarkTable(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error { return report.Table(r, true).Text(w, false) })
}

func BenchmarkExport(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error { return json.NewEncoder(w).Encode(report.Export(r)) })
}

func BenchmarkCompare(b *testing.B) {
	benchmark(b, func(w io.Writer, r *report.Report) error { return report.Compare(r, r).Table().Text(w, false) })
}
