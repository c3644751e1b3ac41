// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"io"
	"testing"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
	"github.com/archmap/archmap/test/world"
)

// TestGolden holds what people read to files that can be looked at.
func TestGolden(t *testing.T) {
	for name, r := range map[string]*report.Report{reporttest.Documented: reportOf(t, reporttest.Documented), reporttest.Modern: broken(t)} {
		diagram := report.Draw(r, report.DiagramOptions{})
		for file, write := range map[string]func(io.Writer) error{
			"table.txt":        func(w io.Writer) error { return report.Table(r, false).Text(w, false) },
			"table-wide.txt":   func(w io.Writer) error { return report.Table(r, true).Text(w, false) },
			"table.md":         report.Table(r, false).Markdown,
			"table.csv":        report.Table(r, true).CSV,
			"advisories.txt":   func(w io.Writer) error { return report.Advisories(r).Text(w, false) },
			"pools.txt":        func(w io.Writer) error { return report.NodePools(r).Text(w, false) },
			"departures.txt":   func(w io.Writer) error { return report.DepartureTable(report.Departures(r, true)).Text(w, false) },
			"document.md":      func(w io.Writer) error { return report.Document(w, r, report.DocumentOptions{Live: true}) },
			"diagram.txt":      func(w io.Writer) error { return diagram.ASCII(w, report.ASCIIOptions{}) },
			"diagram-7bit.txt": func(w io.Writer) error { return diagram.ASCII(w, report.ASCIIOptions{Plain: true, Width: 80}) },
			"diagram.mmd":      diagram.Mermaid,
			"diagram.svg":      diagram.SVG,
			"explain-disk.txt": func(w io.Writer) error {
				return report.Explain(w, r, reporttest.Mapping(r, "azuredisk-csi-driver"), report.ExplainOptions{})
			},
			"explain-dns.txt": func(w io.Writer) error {
				return report.Explain(w, r, reporttest.Mapping(r, "coredns"), report.ExplainOptions{})
			},
		} {
			t.Run(name+"/"+file, func(t *testing.T) { golden(t, name+"-"+file, written(t, write)) })
		}
	}
	elsewhere, down := reportOf(t, reporttest.Elsewhere), reportOf(t, reporttest.Modern, reporttest.Node("user/0", world.NodeDown), reporttest.Kubelet("user/1", "v1.40.0"))
	for file, write := range map[string]func(io.Writer) error{
		"elsewhere-table.txt": func(w io.Writer) error { return report.Table(elsewhere, false).Text(w, false) },
		"elsewhere-diagram.txt": func(w io.Writer) error {
			return report.Draw(elsewhere, report.DiagramOptions{}).ASCII(w, report.ASCIIOptions{})
		},
		"down-table.txt":      func(w io.Writer) error { return report.Table(down, false).Text(w, false) },
		"down-pools.txt":      func(w io.Writer) error { return report.NodePools(down).Text(w, false) },
		"down-departures.txt": func(w io.Writer) error { return report.DepartureTable(report.Departures(down, false)).Text(w, false) },
		"down-explain.txt": func(w io.Writer) error {
			return report.Explain(w, down, reporttest.Mapping(down, "kubelet"), report.ExplainOptions{})
		},
	} {
		t.Run(file, func(t *testing.T) { golden(t, file, written(t, write)) })
	}
	documented, today := reportOf(t, reporttest.Documented), broken(t)
	golden(t, "document-only.md", written(t, func(w io.Writer) error { return report.Document(w, documented, report.DocumentOptions{}) }))
	golden(t, "compare.txt", written(t, func(w io.Writer) error { return report.Compare(documented, today).Table().Text(w, false) }))
}
