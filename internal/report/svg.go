// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"
)

// diagramCSS are the colors of a drawing, light and dark.
//
//go:embed html/diagram.css
var diagramCSS string

// SVG writes a diagram as a file of its own.
func (d Diagram) SVG(w io.Writer) error {
	_, err := io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+d.svg("<style>"+diagramCSS+"</style>"))
	return err
}

// Measures of a drawing, in its own units.
const (
	svgWidth   = 1000
	svgMargin  = 16
	svgGap     = 10
	svgColumns = 4
	svgLine    = 17
	svgPadding = 10
	svgEach    = (svgWidth - 2*svgMargin - 2*svgPadding - (svgColumns-1)*svgGap) / svgColumns
	// svgText and svgBold are how many columns of text go into a box, for letters of a usual width; wider ones
	// are cut.
	svgText = 29
	svgBold = 25
	// svgWide is how many go into a line across the drawing.
	svgWide = 130
)

// svg returns the drawing; style is put into it, and empty where the page has the colors already.
func (d Diagram) svg(style string) string {
	s := sketch{y: svgMargin}
	s.text(svgMargin, s.y+16, "title", d.Title)
	s.y += 26
	for _, l := range wrap(Clean(d.Subtitle), svgWide, 0) {
		s.text(svgMargin, s.y+14, "note", l)
		s.y += 20
	}
	for _, g := range d.Groups {
		s.group(g)
	}
	s.legend(d)
	height := s.y + svgMargin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="architecture" viewBox="0 0 %d %d" role="img"`+
		` aria-labelledby="architecture-title architecture-desc">`+"\n<title id=\"architecture-title\">%s</title>\n<desc id=\"architecture-desc\">%s</desc>\n%s"+
		`<rect class="paper" width="%d" height="%d"/>`+"\n%s</svg>\n",
		svgWidth, height, svgEscape(d.Title), svgEscape(d.Describe()), style, svgWidth, height, s.out.String())
}

func svgEscape(s string) string { return html.EscapeString(Clean(s)) }

// sketch draws from the top down.
type sketch struct {
	out strings.Builder
	y   int
}

func (s *sketch) add(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *sketch) text(x, y int, class, text string) {
	s.add(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, svgEscape(text))
}

func (s *sketch) group(g Group) {
	s.arrow(g.Arrow)
	top := s.y
	frame := s.out
	s.out = strings.Builder{}
	s.heading(svgMargin+svgPadding, g)
	if g.Folded {
		s.names(g.titles())
	} else {
		s.boxes(g.Boxes)
	}
	for _, batch := range batches(g.Groups, svgColumns) {
		var boxes []Box
		for _, in := range batch {
			s.text(svgMargin+svgPadding+len(boxes)*(svgEach+svgGap), s.y+16, "subgroup", in.Title)
			boxes = append(boxes, in.Boxes...)
		}
		s.y += 24
		s.boxes(boxes)
	}
	inside := s.out.String()
	s.out = strings.Builder{}
	s.out.WriteString(frame.String())
	s.add(`<rect class="group" x="%d" y="%d" width="%d" height="%d" rx="8"/>`, svgMargin, top, svgWidth-2*svgMargin, s.y-top)
	s.out.WriteString(inside)
}

// names writes the titles of boxes that are not drawn.
func (s *sketch) names(titles []string) {
	for _, l := range wrap(Clean(joined(titles)), svgWide, 0) {
		s.text(svgMargin+svgPadding, s.y+12, "line", l)
		s.y += svgLine
	}
	s.y += svgGap
}

func (s *sketch) heading(x int, g Group) {
	title := svgEscape(g.Title)
	if g.Note != "" {
		title += fmt.Sprintf(`<tspan class="note">  %s</tspan>`, svgEscape(g.Note))
	}
	s.add(`<text x="%d" y="%d" class="heading" xml:space="preserve">%s</text>`, x, s.y+20, title)
	s.y += 32
}

func (s *sketch) arrow(label string) {
	if label == "" {
		s.y += 14
		return
	}
	x := svgWidth / 4
	s.add(`<path class="arrow" d="M%d %dV%dm-5 -7l5 7l5 -7"/>`, x, s.y+3, s.y+31)
	s.text(x+14, s.y+21, "note", label)
	s.y += 34
}

func (s *sketch) boxes(boxes []Box) {
	for len(boxes) > 0 {
		n := min(svgColumns, len(boxes))
		lines := 0
		for _, b := range boxes[:n] {
			lines = max(lines, len(b.svgLines()))
		}
		height := lines*svgLine + 2*svgPadding - 4
		for i, b := range boxes[:n] {
			s.box(b, svgMargin+svgPadding+i*(svgEach+svgGap), height)
		}
		s.y += height + svgGap
		boxes = boxes[n:]
	}
}

// svgLineText is a line of text in a box.
type svgLineText struct{ class, text string }

func (b Box) svgLines() []svgLineText {
	var lines []svgLineText
	add := func(class, text string, columns, most int) {
		for _, l := range wrap(Clean(text), columns, most) {
			lines = append(lines, svgLineText{class, l})
		}
	}
	add("name", b.Title, svgBold, 3)
	for _, l := range b.Lines {
		add("line", l, svgText, 2)
	}
	if b.State != "" {
		add("state", b.State.Mark()+" "+b.State.Word(), svgBold, 1)
	}
	if note := b.Note(); note != "" {
		add("line", note, svgText, 2)
	}
	if b.Differs {
		add("differs", strings.TrimSpace(differsMark)+" not as documented", svgBold, 1)
	}
	return lines
}

// box draws a box as a picture of its own, which cuts off what has no room.
func (s *sketch) box(b Box, x, height int) {
	class := string(b.State)
	if class == "" {
		class = "neutral"
	}
	if b.Light() {
		class += " light"
	}
	name := ""
	if b.Name != "" {
		name = fmt.Sprintf(` data-component="%s"`, svgEscape(b.Name))
	}
	s.add(`<svg class="box %s" x="%d" y="%d" width="%d" height="%d"%s>`, class, x, s.y, svgEach, height, name)
	s.add(`<title>%s</title>`, svgEscape(strings.TrimSpace(strings.Join(append([]string{b.Title}, append(b.Lines, b.status())...), ", "))))
	s.add(`<rect x="1.5" y="1.5" width="%d" height="%d" rx="5"/>`, svgEach-3, height-3)
	for i, l := range b.svgLines() {
		s.text(svgPadding, svgPadding+i*svgLine+11, l.class, l.text)
	}
	s.add(`</svg>`)
}

// legend explains the states that occur.
func (s *sketch) legend(d Diagram) {
	states, differs := d.states()
	if len(states) == 0 {
		return
	}
	var parts []string
	for _, state := range states {
		parts = append(parts, state.Mark()+" "+state.Word())
	}
	if differs {
		parts = append(parts, strings.TrimSpace(differsMark)+" not as documented")
	}
	s.text(svgMargin, s.y+20, "note", strings.Join(parts, " · "))
	s.y += 24
}
