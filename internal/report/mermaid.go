// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/archmap/archmap/internal/catalog"
)

const (
	// mermaidColumns is how many boxes stand side by side.
	mermaidColumns = 4
	// mermaidLinks is how many links are used to lay boxes out; Mermaid refuses more than 500.
	mermaidLinks = 400
	// mermaidWide is how many columns of text go into a line across the drawing.
	mermaidWide = 130
	// mermaidLight is the class of what is bad because of something else.
	mermaidLight = "light"
)

// Mermaid writes a diagram as a flowchart of Mermaid.
func (d Diagram) Mermaid(w io.Writer) error {
	m := mermaid{}
	m.line(0, "flowchart TB")
	for _, g := range d.Groups {
		m.arrows(g, m.group(1, g))
	}
	m.classes(d)
	_, err := io.WriteString(w, m.out.String())
	return err
}

// mermaid writes one flowchart.
type mermaid struct {
	out           strings.Builder
	groups, nodes int
	links         int
	light         bool
	// previous is the group above.
	previous string
}

func (m *mermaid) line(depth int, text string) {
	m.out.WriteString(strings.Repeat("  ", depth) + text + "\n")
}

// group writes a subgraph and returns its name.
func (m *mermaid) group(depth int, g Group) string {
	m.groups++
	name := fmt.Sprintf("g%d", m.groups)
	title := mermaidText(g.Title)
	if g.Note != "" {
		title += ": " + mermaidText(g.Note)
	}
	m.line(depth, fmt.Sprintf(`subgraph %s["%s"]`, name, title))
	m.line(depth+1, "direction TB")
	first := m.nodes + 1
	if g.Folded {
		m.names(depth+1, g.titles())
	} else {
		for _, b := range g.Boxes {
			m.box(depth+1, b)
		}
	}
	// Boxes in a grid: those below each other hang together by a link that is not drawn.
	for n := first; n+mermaidColumns <= m.nodes && m.links < mermaidLinks; n++ {
		m.links++
		m.line(depth+1, fmt.Sprintf("n%d ~~~ n%d", n, n+mermaidColumns))
	}
	for _, in := range g.Groups {
		m.group(depth+1, in)
	}
	m.line(depth, "end")
	return name
}

// names writes the titles of boxes that are not drawn, in one box.
func (m *mermaid) names(depth int, titles []string) {
	m.nodes++
	lines := append(wrap(Clean(joined(titles)), mermaidWide, 0), Box{State: catalog.Absent}.status())
	for i := range lines {
		lines[i] = mermaidText(lines[i])
	}
	m.line(depth, fmt.Sprintf(`n%d["%s"]:::%s`, m.nodes, strings.Join(lines, "<br/>"), catalog.Absent))
}

func (m *mermaid) box(depth int, b Box) {
	m.nodes++
	lines := []string{"<b>" + mermaidText(b.Title) + "</b>"}
	for _, l := range append(slices.Clone(b.Lines), b.status()) {
		if l != "" {
			lines = append(lines, mermaidText(l))
		}
	}
	class := string(b.State)
	if class == "" {
		class = "neutral"
	}
	if b.Light() {
		class, m.light = mermaidLight, true
	}
	m.line(depth, fmt.Sprintf(`n%d["%s"]:::%s`, m.nodes, strings.Join(lines, "<br/>"), class))
	if b.Differs {
		m.line(depth, fmt.Sprintf("class n%d differs", m.nodes))
	}
}

// arrows leads from the group above to this one.
func (m *mermaid) arrows(g Group, name string) {
	switch {
	case m.previous != "" && g.Arrow != "":
		m.line(1, fmt.Sprintf(`%s -->|"%s"| %s`, m.previous, mermaidText(g.Arrow), name))
	case m.previous != "":
		m.line(1, fmt.Sprintf("%s ~~~ %s", m.previous, name))
	}
	m.previous = name
}

// mermaidStyles are the colors of the states, readable on light and dark pages alike as they bring their own
// background.
var mermaidStyles = map[catalog.State]string{
	"":                    "fill:#f6f8fa,stroke:#57606a,color:#1f2328",
	catalog.Healthy:       "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
	catalog.Progressing:   "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
	catalog.Unhealthy:     "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:3px",
	catalog.Missing:       "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-width:3px,stroke-dasharray:6 4",
	catalog.HealthUnknown: "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
	catalog.Unknown:       "fill:#fff8c5,stroke:#9a6700,color:#1f2328,stroke-dasharray:6 4",
	catalog.Absent:        "fill:#ffffff,stroke:#6e7781,color:#57606a,stroke-dasharray:3 3",
}

func (m *mermaid) classes(d Diagram) {
	states, differs := d.states()
	m.line(1, "classDef neutral "+mermaidStyles[""])
	if m.light {
		m.line(1, "classDef "+mermaidLight+" fill:#ffffff,stroke:#cf222e,color:#1f2328")
	}
	for _, s := range states {
		m.line(1, fmt.Sprintf("classDef %s %s", s, mermaidStyles[s]))
	}
	if differs {
		m.line(1, "classDef differs font-style:italic")
	}
}

// mermaidText quotes a text for a label: all but letters, digits and what surely means nothing to Mermaid or
// HTML is written as a number.
func mermaidText(s string) string {
	var out strings.Builder
	for _, r := range Clean(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune(" .,:/()+-✓✗↻∅◐◌–≠…", r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "#%d;", r)
		}
	}
	return out.String()
}
