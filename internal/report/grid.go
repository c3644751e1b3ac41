// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// Grid is a listing that can be written as text, Markdown or CSV.
type Grid struct {
	Header []string
	Rows   [][]Cell
	// Notes stand below the listing, except in CSV.
	Notes []string
	// Optional are headers of columns that may be left out where there is no room, what matters least first.
	Optional []string
}

// Fit returns the listing without as many optional columns as it takes to have it in so many columns of a terminal; all of
// it when that is 0.
func (g Grid) Fit(columns int) Grid {
	for _, header := range g.Optional {
		if columns <= 0 || g.width() <= columns {
			break
		}
		if i := slices.Index(g.Header, header); i >= 0 {
			g = g.without(i)
		}
	}
	return g
}

// width is how many columns of a terminal the listing takes.
func (g Grid) width() int {
	total := columnGap * (len(g.Header) - 1)
	for i := range g.Header {
		widest := width(g.Header[i])
		for _, r := range g.Rows {
			widest = max(widest, width(Clean(r[i].Text)))
		}
		total += widest
	}
	return total
}

// without returns the listing without a column.
func (g Grid) without(i int) Grid {
	g.Header = slices.Delete(slices.Clone(g.Header), i, i+1)
	rows := make([][]Cell, len(g.Rows))
	for n, r := range g.Rows {
		rows[n] = slices.Delete(slices.Clone(r), i, i+1)
	}
	g.Rows = rows
	return g
}

// Cell is one field of a Grid.
type Cell struct {
	Text string
	// State colors the cell on a terminal.
	State catalog.State
	// Exact is what CSV has instead of Text, such as a time instead of an age.
	Exact string
}

// colors of states in a terminal.
var colors = map[catalog.State]string{
	catalog.Healthy: "32", catalog.Progressing: "36", catalog.Unhealthy: "31;1", catalog.Missing: "31;1",
	catalog.HealthUnknown: "33", catalog.Unknown: "33",
	catalog.Absent: "2", catalog.Observed: "0",
}

// colored wraps a text in the terminal's color for the state.
func colored(s catalog.State, text string) string {
	if colors[s] == "" {
		return text
	}
	return "\x1b[" + colors[s] + "m" + text + "\x1b[0m"
}

// row makes cells of texts.
func row(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, t := range texts {
		cells[i] = Cell{Text: t}
	}
	return cells
}

// columnGap is how many spaces separate the columns on a terminal, as many as kubectl has.
const columnGap = 3

// Text writes the listing as kubectl does; colors only when asked for.
func (g Grid) Text(w io.Writer, color bool) error {
	header := make([]string, len(g.Header))
	for i, h := range g.Header {
		header[i] = strings.ToUpper(Clean(h))
	}
	rows := [][]string{header}
	for _, r := range g.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = Clean(c.Text)
		}
		rows = append(rows, cells)
	}
	var paint func(row, column int, text string) string
	if color {
		paint = func(row, column int, text string) string {
			if row == 0 {
				return text
			}
			return colored(g.Rows[row-1][column].State, text)
		}
	}
	var out strings.Builder
	for _, line := range msg.Align(rows, columnGap, paint) {
		out.WriteString(line + "\n")
	}
	for i, n := range g.Notes {
		if i == 0 {
			out.WriteString("\n")
		}
		for _, l := range wrap(Clean(n), proseWidth, 0) {
			out.WriteString(l + "\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Markdown writes the listing as a table.
func (g Grid) Markdown(w io.Writer) error {
	var out strings.Builder
	line := func(cells []string) { out.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	rule := make([]string, len(g.Header))
	header := make([]string, len(g.Header))
	for i, h := range g.Header {
		header[i], rule[i] = markdown(h), "---"
	}
	line(header)
	line(rule)
	for _, r := range g.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = markdown(c.Text)
		}
		line(cells)
	}
	for _, n := range g.Notes {
		out.WriteString("\n" + markdown(n) + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// CSV writes the listing with a header in lower case. Text that a spreadsheet would run as a formula gets an apostrophe.
func (g Grid) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	header := make([]string, len(g.Header))
	for i, h := range g.Header {
		header[i] = strings.ToLower(h)
	}
	if err := out.Write(header); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	for _, r := range g.Rows {
		record := make([]string, len(r))
		for i, c := range r {
			record[i] = c.Text
			if c.Exact != "" {
				record[i] = c.Exact
			}
			if record[i] = Clean(record[i]); strings.HasPrefix(record[i], "=") || strings.ContainsAny(firstByte(record[i]), "+-@") {
				record[i] = "'" + record[i]
			}
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

func firstByte(s string) string {
	if s == "" {
		return ""
	}
	return s[:1]
}
