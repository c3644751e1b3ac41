// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"
	"strings"

	"github.com/archmap/archmap/internal/catalog"
)

// ASCIIOptions configure ASCII.
type ASCIIOptions struct {
	// Width in columns; 100 when it is 0, and never less than 40.
	Width int
	// Color the boxes for a terminal.
	Color bool
	// Plain draws with the characters of ASCII alone; otherwise lines are drawn with those of Unicode.
	Plain bool
}

// ASCII writes a diagram with characters.
func (d Diagram) ASCII(w io.Writer, o ASCIIOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	a := plotter{ASCIIOptions: o}
	a.Width = max(a.Width, 40)
	a.text(d.Title)
	a.text(d.Subtitle)
	for _, g := range d.Groups {
		a.group(g)
	}
	a.legend(d.states())
	text := a.out.String()
	if a.Plain {
		text = strings.ReplaceAll(text, "…", "~")
	}
	_, err := io.WriteString(w, text)
	return err
}

// plotter draws a diagram.
type plotter struct {
	ASCIIOptions
	out strings.Builder
}

// pens draw a line: corners, horizontal and vertical.
type pens struct{ topLeft, topRight, bottomLeft, bottomRight, across, down string }

var (
	solid       = pens{"┌", "┐", "└", "┘", "─", "│"}
	dashed      = pens{"┌", "┐", "└", "┘", "╌", "┆"}
	plainSolid  = pens{"+", "+", "+", "+", "-", "|"}
	plainDashed = pens{"+", "+", "+", "+", ".", ":"}
)

func (a *plotter) pens(s catalog.State) pens {
	switch open := s != "" && !s.Present(); {
	case a.Plain && open:
		return plainDashed
	case a.Plain:
		return plainSolid
	case open:
		return dashed
	}
	return solid
}

func (a *plotter) mark(s catalog.State) string {
	if a.Plain {
		return s.ASCII()
	}
	return s.Mark()
}

// plain replaces what is no ASCII, where that is asked for.
func (a *plotter) plain(s string) string {
	if !a.Plain {
		return Clean(s)
	}
	return ascii(Clean(s))
}

// ascii replaces what is no ASCII.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, asASCII.Replace(s))
}

var asASCII = strings.NewReplacer("↔", "<->", "–", "-", "≠", "#", "…", "~")

func (a *plotter) line(s string) { a.out.WriteString(strings.TrimRight(s, " ") + "\n") }

func (a *plotter) text(s string) {
	for _, l := range wrap(a.plain(s), a.Width, 0) {
		a.line(l)
	}
}

func (a *plotter) group(g Group) {
	a.line("")
	if g.Arrow != "" {
		down, head := "│", "▼"
		if a.Plain {
			down, head = "|", "v"
		}
		indent := strings.Repeat(" ", a.Width/4)
		a.line(indent + down + " " + shorten(a.plain(g.Arrow), a.Width-len(indent)-2))
		a.line(indent + head)
	}
	title := g.Title
	if g.Note != "" {
		title += ": " + g.Note
	}
	a.text(title)
	pens, inner := a.pens(""), a.Width-4
	a.line(pens.topLeft + strings.Repeat(pens.across, inner+2) + pens.topRight)
	for _, l := range a.inside(g, inner) {
		a.line(pens.down + " " + l + " " + pens.down)
	}
	a.line(pens.bottomLeft + strings.Repeat(pens.across, inner+2) + pens.bottomRight)
}

// inside returns the lines within the frame of a group, each of the given width.
func (a *plotter) inside(g Group, columns int) []string {
	perRow, each := grid(columns)
	if g.Folded {
		lines := wrap(a.plain(joined(g.titles())), columns, 0)
		for i := range lines {
			lines[i] = pad(lines[i], columns)
		}
		return lines
	}
	lines := a.boxes(g.Boxes, columns)
	for _, batch := range batches(g.Groups, perRow) {
		titles, boxes := "", []Box{}
		for _, in := range batch {
			n := min(perRow, len(in.Boxes))
			titles += pad(shorten(a.plain(in.Title), n*(each+1)-1), n*(each+1))
			boxes = append(boxes, in.Boxes...)
		}
		lines = append(lines, pad(shorten(strings.TrimRight(titles, " "), columns), columns))
		lines = append(lines, a.boxes(boxes, columns)...)
	}
	return lines
}

// grid says how many boxes go side by side, and how wide each is.
func grid(columns int) (perRow, each int) {
	const least = 30
	perRow = max(1, (columns+1)/(least+1))
	return perRow, (columns+1)/perRow - 1
}

// boxes lays boxes out in rows.
func (a *plotter) boxes(boxes []Box, columns int) []string {
	perRow, each := grid(columns)
	var lines []string
	for len(boxes) > 0 {
		n := min(perRow, len(boxes))
		lines = append(lines, a.row(boxes[:n], each, columns)...)
		boxes = boxes[n:]
	}
	return lines
}

// row draws boxes of the same height side by side.
func (a *plotter) row(boxes []Box, each, columns int) []string {
	contents, height := make([][]string, len(boxes)), 0
	for i, b := range boxes {
		contents[i] = a.content(b, each-4)
		height = max(height, len(contents[i]))
	}
	lines := make([]string, height+2)
	for i, b := range boxes {
		for j, l := range a.frame(b.State, contents[i], each, height) {
			lines[j] += l
			if i < len(boxes)-1 {
				lines[j] += " "
			}
		}
	}
	rest := strings.Repeat(" ", columns-len(boxes)*(each+1)+1)
	for i := range lines {
		lines[i] += rest
	}
	return lines
}

// content returns what stands in a box.
func (a *plotter) content(b Box, columns int) []string {
	lines := wrap(a.plain(b.Title), columns-2, 3)
	for i, l := range lines {
		lines[i] = pad(l, columns-2)
	}
	if len(lines) == 0 {
		lines = []string{pad("", columns-2)}
	}
	mark := " "
	if b.State != "" {
		mark = a.mark(b.State)
	}
	lines[0] += " " + mark
	for _, l := range b.Lines {
		lines = append(lines, wrap(a.plain(l), columns, 2)...)
	}
	var words []string
	if b.State != "" && b.State != catalog.Healthy && b.State != catalog.Absent {
		words = append(words, b.State.Word())
	}
	if note := b.Note(); note != "" {
		words = append(words, a.plain(note))
	}
	if b.Differs {
		words = append(words, "not as documented")
	}
	lines = append(lines, wrap(joined(words), columns, 3)...)
	return lines
}

// frame puts a border around the content.
func (a *plotter) frame(s catalog.State, content []string, each, height int) []string {
	paint := func(text string) string { return text }
	if a.Color && s != "" {
		paint = func(text string) string { return colored(s, text) }
	}
	pens := a.pens(s)
	lines := []string{paint(pens.topLeft + strings.Repeat(pens.across, each-2) + pens.topRight)}
	for i := range height {
		text := ""
		if i < len(content) {
			text = content[i]
		}
		lines = append(lines, paint(pens.down)+" "+paint(pad(text, each-4))+" "+paint(pens.down))
	}
	return append(lines, paint(pens.bottomLeft+strings.Repeat(pens.across, each-2)+pens.bottomRight))
}

// legend explains the marks.
func (a *plotter) legend(states []catalog.State, _ bool) {
	var parts []string
	for _, s := range states {
		parts = append(parts, a.mark(s)+" "+s.Word())
	}
	if len(parts) > 0 {
		a.line("")
		a.text(joined(parts))
	}
}
