// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// View says what of a report a reader wants to see on a terminal.
type View struct {
	// Only shows the components of which one of these holds. Empty: all of them.
	Only []Filter
	// All gives a component that is not installed a row of its own; else one line names all of these.
	All bool
	// Wide adds the columns that kubectl has with -o wide, and whole messages.
	Wide bool
	// Width of the terminal in columns; 0 when the text goes elsewhere.
	Width int
	// Color paints states.
	Color bool
	// Plain writes the characters of ASCII alone.
	Plain bool
}

// maxScreenCauses is how many causes a screen has room for; maxCauseLines is for how many lines of each.
const (
	maxScreenCauses = 8
	maxCauseLines   = 4
)

// Screen writes the verdict, what is wrong with who acts and what to do next, what is near, then the table.
func Screen(w io.Writer, r *Report, v View) error {
	s := newScreen(r, v)
	s.findings()
	s.table()
	_, err := io.WriteString(w, s.out.String())
	return err
}

// Findings writes what Screen writes above the table.
func Findings(w io.Writer, r *Report, v View) error {
	s := newScreen(r, v)
	s.findings()
	_, err := io.WriteString(w, s.out.String())
	return err
}

// screen is one in the making.
type screen struct {
	*Report
	View
	prose
}

func newScreen(r *Report, v View) *screen {
	return &screen{Report: r, View: v, prose: prose{columns: proseColumns(v.Width), color: v.Color, plain: v.Plain}}
}

func (s *screen) findings() {
	s.headline()
	s.causes()
	s.deadlines()
}

// headline says what the cluster is, and the verdict.
func (s *screen) headline() {
	state := s.Verdict()
	text := Summary(s.Report)
	if abstract := s.Architecture.Status.Abstract; len(abstract) > 0 && !s.Part {
		text = Clean(abstract[0])
		if rest := s.rest(); len(rest) > 0 { // what the architecture does not select counts there for nothing
			text += fmt.Sprintf("; outside ClusterArchitecture %s: %s", Clean(s.Architecture.Name), summary(rest))
		}
	}
	for i, l := range wrap(text, s.columns-2, 0) {
		mark := " "
		if i == 0 {
			mark = s.mark(state)
		}
		s.line(mark + " " + l)
	}
}

// causes writes the faults and the violated rules, then what is tolerated.
func (s *screen) causes() {
	major, minor := s.causesBySeverity()
	shown := 0
	add := func(causes []v1alpha1.Cause, mark string) {
		for i := range causes {
			if shown++; s.Wide || shown <= maxScreenCauses {
				s.cause(&causes[i], mark)
			}
		}
	}
	add(major, s.mark(catalog.Unhealthy))
	if !s.Part {
		for _, v := range s.Architecture.Status.Violations {
			s.line("\n" + s.mark(catalog.Unhealthy) + " " + v1alpha1.ReasonRulesViolated + ": rule " + Clean(v.Rule))
			s.hang("    ", v.Message, maxCauseLines)
		}
	}
	add(minor, s.paint(catalog.HealthUnknown, "~"))
	if more := shown - maxScreenCauses; more > 0 && !s.Wide {
		s.line(fmt.Sprintf("\n… and %s; -o wide lists all", msg.Count(more, "more cause")))
	}
}

// cause writes one: what is at fault, since when, what it affects, why, who acts, and what to do next.
func (s *screen) cause(c *v1alpha1.Cause, mark string) {
	title := titleOf(c)
	if age := s.age(c.Since.Time); age != "" {
		title += ", for " + age
	}
	s.line("")
	for i, l := range wrap(title, s.columns-2, 0) {
		if i > 0 {
			mark = " "
		}
		s.line(mark + " " + l)
	}
	lines := maxCauseLines
	if s.Wide {
		lines = 0
	}
	s.hang("    ", detailOf(c), lines)
	s.hang("    affects  ", s.affects(c, msg.MaxNames), 1)
	s.hang("    who      ", s.who(c), 0)
	if c.Next != "" {
		s.line("    next     " + Clean(c.Next)) // in one line, to be copied
	}
	if url := webAddress(c.URL); url != "" {
		s.line("    see      " + url)
	}
}

// deadlines writes the retirements of what is there, the nearest first.
func (s *screen) deadlines() {
	first := true
	for _, a := range s.advisories() {
		d, ok := catalog.DeadlineOf(&a.Advisory, s.ObservedAt)
		if !ok {
			continue
		}
		if first {
			s.line("")
			first = false
		}
		mark := "-"
		if d.Near() {
			mark = s.paint(catalog.HealthUnknown, "!")
		}
		s.line(mark + " " + Clean(a.component.Name) + ": " + d.String())
		s.hang("    ", a.Message, maxCauseLines)
	}
}

// table writes the rows that are wanted: the worst first.
func (s *screen) table() {
	rows := slices.DeleteFunc(s.components(), func(c component) bool { return !s.wants(c) })
	slices.SortStableFunc(rows, byUrgency)
	var folded []string
	major, _ := s.causesBySeverity()
	affected := func(c component) bool {
		return slices.ContainsFunc(major, func(cause v1alpha1.Cause) bool { return slices.Contains(cause.Components, c.Name) })
	}
	if !s.All {
		rows = slices.DeleteFunc(rows, func(c component) bool {
			fold := c.folds() && !affected(c) && len(s.Only) == 0 && !s.Part
			if fold {
				folded = append(folded, c.Name)
			}
			return fold
		})
	}
	if len(rows) > 0 {
		s.line("")
		_ = s.tableOf(rows, s.Wide).Fit(s.Width).Text(&s.out, s.Color) // a Builder takes all
	} else if len(s.Only) > 0 {
		s.line("\nNo component is " + eitherFilter(s.Only) + ".")
	}
	if len(folded) > 0 {
		s.line("")
		s.hang("", fmt.Sprintf("Not installed (optional), %d; --all lists them: %s", len(folded), joined(folded)), 0)
	}
	for i, n := range s.Notes() {
		if i == 0 {
			s.line("")
		}
		s.hang("", n, 0)
	}
}

// wants reports whether the reader wants the row of a component.
func (v View) wants(c component) bool {
	return len(v.Only) == 0 || slices.ContainsFunc(v.Only, func(f Filter) bool { return f.holds(c) })
}

// folds reports whether a component is told of in a line with others unless it is asked for.
func (c component) folds() bool {
	return c.state == catalog.Absent && catalog.Optional(c.ComponentMapping)
}

// byUrgency orders components: the worst first, else as they are.
func byUrgency(a, b component) int { return cmp.Compare(a.urgency(), b.urgency()) }

// urgency orders rows: the lower the sooner somebody should read it.
func (c component) urgency() int {
	switch {
	case c.state == catalog.Unhealthy:
		return 0
	case c.state == catalog.Missing:
		return 1
	case c.doubtful():
		return 2
	case c.tolerates():
		return 3
	case c.state == catalog.Absent:
		return 5
	}
	return 4
}
