// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package msg

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Align formats rows of cells as lines with aligned columns, at least gap spaces apart, by their width on a terminal.
// paint colors a cell's text, whose width it must not change; nil colors nothing.
func Align(rows [][]string, gap int, paint func(row, column int, text string) string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], displaywidth.String(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			space := widths[i] - displaywidth.String(cell) + gap
			if paint != nil && cell != "" {
				cell = paint(n, i, cell)
			}
			line.WriteString(cell + strings.Repeat(" ", space))
		}
		lines[n] = strings.TrimRight(line.String(), " ")
	}
	return lines
}
