// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/archmap/archmap/internal/catalog"
)

// prose is a text for a terminal in the making.
type prose struct {
	out strings.Builder
	// columns is how wide sentences run.
	columns int
	color   bool
	// plain writes the characters of ASCII alone.
	plain bool
}

func (p *prose) line(s string) {
	if p.plain {
		s = ascii(s)
	}
	p.out.WriteString(strings.TrimRight(s, " ") + "\n")
}

func (p *prose) section(title string) { p.line("\n" + title) }

// hang writes a text whose further lines stand below its first; lines is how many it may have, 0 for any.
func (p *prose) hang(first, s string, lines int) {
	for i, l := range wrap(Clean(s), p.columns-width(first), lines) {
		if i > 0 {
			first = strings.Repeat(" ", width(first))
		}
		p.line(first + l)
	}
}

// field is a name with its value; nothing when it has none.
func (p *prose) field(name, value string) {
	if value != "" {
		p.hang("  "+pad(name, 16), value, 0)
	}
}

func (p *prose) mark(s catalog.State) string {
	if p.plain {
		return p.paint(s, s.ASCII())
	}
	return p.paint(s, s.Mark())
}

func (p *prose) paint(s catalog.State, text string) string {
	if p.color {
		return colored(s, text)
	}
	return text
}
