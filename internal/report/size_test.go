// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/report"
)

// TestSizes: 512 components and 200 node pools are shown in full.
func TestSizes(t *testing.T) {
	g := NewWithT(t)
	r := big(t)
	d := report.Draw(r, report.DiagramOptions{})
	table := written(t, func(w io.Writer) error { return report.Table(r, true).Text(w, false) })
	g.Expect(strings.Count(table, "\n")).To(Equal(513))
	page := written(t, func(w io.Writer) error { return report.HTML(w, r, report.HTMLOptions{}) })
	g.Expect(strings.Count(page, "<tr data-index=")).To(Equal(512))
	g.Expect(len(page)).To(BeNumerically("<", 6<<20))
	g.Expect(strings.Count(written(t, d.SVG), `<svg class="box `)).To(BeNumerically(">=", 712))
	mermaid := written(t, d.Mermaid)
	g.Expect(strings.Count(mermaid, "]:::")).To(BeNumerically(">=", 712))
	g.Expect(strings.Count(mermaid, "~~~")+strings.Count(mermaid, "-->")).To(BeNumerically("<=", 500), "Mermaid draws no more links")
	for _, pool := range r.Architecture.Status.NodePools {
		g.Expect(page).To(ContainSubstring("<bdi>" + pool.Name + "</bdi>"))
	}
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
