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
	p := big(t)
	d := report.Draw(p, report.DiagramOptions{})
	table := written(t, func(w io.Writer) error { return report.Table(p, true).Text(w, false) })
	g.Expect(strings.Count(table, "\n")).To(Equal(513))
	page := written(t, func(w io.Writer) error { return report.HTML(w, p, report.HTMLOptions{}) })
	g.Expect(strings.Count(page, "<tr data-index=")).To(Equal(512))
	g.Expect(len(page)).To(BeNumerically("<", 6<<20))
	g.Expect(strings.Count(written(t, d.SVG), `<svg class="box `)).To(BeNumerically(">=", 712))
	mermaid := written(t, d.Mermaid)
	g.Expect(strings.Count(mermaid, "]:::")).To(BeNumerically(">=", 712))
	g.Expect(strings.Count(mermaid, "~~~")+strings.Count(mermaid, "-->")).To(BeNumerically("<=", 500), "Mermaid draws no more links")
	for _, pool := range p.Architecture.Status.NodePools {
		g.Expect(page).To(ContainSubstring("<bdi>" + pool.Name + "</bdi>"))
	}
}

// benchmark writes a picture of 512 components again and again.
func benchmark(b *testing.B, write func(io.Writer, *report.Picture) error) {
	p := big(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := write(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error { return report.HTML(w, p, report.HTMLOptions{}) })
}

func BenchmarkASCII(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error {
		return report.Draw(p, report.DiagramOptions{}).ASCII(w, report.ASCIIOptions{})
	})
}

func BenchmarkSVG(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error { return report.Draw(p, report.DiagramOptions{}).SVG(w) })
}

func BenchmarkDocument(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error {
		return report.Document(w, p, report.DocumentOptions{Live: true})
	})
}

func BenchmarkTable(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error { return report.Table(p, true).Text(w, false) })
}

func BenchmarkExport(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error { return json.NewEncoder(w).Encode(report.Export(p)) })
}

func BenchmarkCompare(b *testing.B) {
	benchmark(b, func(w io.Writer, p *report.Picture) error { return report.Compare(p, p).Table().Text(w, false) })
}
