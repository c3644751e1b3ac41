// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/source"
)

// redrawEvery is how often ages are brought up to date on a terminal, and staleness is noticed.
const redrawEvery = 5 * time.Second

// follow shows the verdicts and what becomes of them, until the user interrupts it. It ends as status does at the
// last ones.
func (s *status) follow(ctx context.Context) error {
	operator, err := s.current()
	if err != nil {
		return err
	}
	// What cannot be read at all is reported at once; later errors may be transient.
	first, err := operator.Evaluate(ctx)
	if err != nil {
		return err
	}
	s.env.warn(first.Notes...)
	feed, err := operator.Feed()
	if err != nil {
		return err
	}
	return s.env.newFollower(&s.output, &s.view, &s.fail, feed).run(ctx, feed)
}

// followable returns an error unless reports can be shown in a format one after the other.
func followable(output *format) error {
	if output.chosen != formatText && output.chosen != formatWide {
		return usagef("--output %s can't be used with --watch", output.chosen)
	}
	return nil
}

// follower shows reports as they come.
type follower struct {
	env    *env
	output *format
	view   viewFlags
	fail   *failOn
	// stale says why the newest report may be out of date.
	stale func() string
	// terminal: each report is drawn in place of the one before. Elsewhere, rows that change are printed.
	terminal bool

	mu       sync.Mutex
	last     *report.Report
	at       time.Time
	printed  map[string]string
	wasStale bool
}

func (e *env) newFollower(output *format, view *viewFlags, fail *failOn, feed source.Feed) *follower {
	return &follower{env: e, output: output, view: *view, fail: fail, stale: feed.Stale,
		terminal: terminal(e.Out) && os.Getenv("TERM") != "dumb"}
}

func (f *follower) run(ctx context.Context, feed source.Feed) error {
	if f.terminal {
		fmt.Fprint(f.env.Out, otherScreen)
	}
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx, f.show) }()
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return f.end(err)
		case <-ticker.C:
			f.show(nil)
		}
	}
}

// end restores the terminal, prints the last verdicts, and ends as status would then.
func (f *follower) end(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.terminal {
		fmt.Fprint(f.env.Out, firstScreen)
	}
	switch {
	case err != nil:
		return err
	case f.last == nil:
		return verdictError{exitUnknown}
	case f.terminal:
		if err := f.env.printCheck(f.last, f.output, &f.view); err != nil {
			return err
		}
	}
	return f.fail.end((&source.Result{Report: f.last, Stale: f.stale()}).Concerns())
}

// show shows a report or, without a new one, the last one with the ages that it has by now.
func (f *follower) show(r *report.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r != nil {
		r = f.view.of(r)
		f.last, f.at = r, time.Now()
	}
	switch {
	case f.last == nil:
	case f.terminal:
		f.draw()
	default:
		f.print(r)
	}
}

// print prints the rows that have changed, as kubectl get --watch does.
func (f *follower) print(r *report.Report) {
	stale := f.stale()
	if stale != "" && !f.wasStale {
		f.env.warn(stale)
	}
	if stale == "" && f.wasStale {
		fmt.Fprintln(f.env.ErrOut, "The verdicts are up to date again.")
	}
	f.wasStale = stale != ""
	if r == nil {
		return
	}
	grid := report.Table(r, f.output.chosen == formatWide)
	grid.Notes = nil
	var text bytes.Buffer
	_ = grid.Text(&text, colors(f.env.Out)) // a buffer takes all
	lines := strings.Split(text.String(), "\n")
	if f.printed == nil {
		f.printed = map[string]string{}
		fmt.Fprintln(f.env.Out, lines[0])
	}
	for i, row := range grid.Rows {
		if name, now := row[0].Text, lasting(row); f.printed[name] != now {
			f.printed[name] = now
			fmt.Fprintln(f.env.Out, lines[i+1])
		}
	}
}

// lasting returns a row without what changes with time, such as ages.
func lasting(row []report.Cell) string {
	var out strings.Builder
	for _, c := range row {
		if c.Exact != "" {
			c.Text = c.Exact
		}
		out.WriteString(c.Text + "\x00")
	}
	return out.String()
}

// draw draws what status prints over what is on the screen.
func (f *follower) draw() {
	r := *f.last
	stale := f.stale()
	if stale == "" {
		r.ObservedAt = r.ObservedAt.Add(time.Since(f.at)) // ages grow while nothing changes
	}
	screen := &screen{to: f.env.Out}
	on := *f.env
	on.Out = screen
	fmt.Fprintf(screen, "%s  %s  (Ctrl-C to stop)\n", f.env.contextName(), r.ObservedAt.UTC().Format(time.RFC3339))
	if stale != "" {
		fmt.Fprintf(screen, "Warning: %s\n", stale)
	}
	fmt.Fprintln(screen)
	if err := on.printCheck(&r, f.output, &f.view); err == nil {
		screen.flush()
	}
}

// screen collects what is to be on a terminal.
type screen struct {
	bytes.Buffer
	to io.Writer
}

// Fd returns that of the terminal, so that what is written has its colors.
func (s *screen) Fd() uintptr {
	if file, ok := s.to.(interface{ Fd() uintptr }); ok {
		return file.Fd()
	}
	return ^uintptr(0)
}

// Control sequences of terminals.
const (
	// otherScreen keeps what is on the terminal for firstScreen.
	otherScreen = "\x1b[?1049h"
	firstScreen = "\x1b[?1049l"
	toTop       = "\x1b[H"
	clearRight  = "\x1b[K"
	clearBelow  = "\x1b[J"
	cutLines    = "\x1b[?7l"
	wrapLines   = "\x1b[?7h"
)

// flush draws it in one go over what was there.
func (s *screen) flush() {
	_, height, err := term.GetSize(int(s.Fd()))
	if err != nil {
		height = 24
	}
	lines := fit(strings.Split(strings.TrimRight(s.String(), "\n"), "\n"), height-1)
	_, _ = io.WriteString(s.to, cutLines+toTop+strings.Join(lines, clearRight+"\n")+clearRight+"\n"+clearBelow+wrapLines)
}

// fit cuts off the lines for which there is no room: the first ones matter most.
func fit(lines []string, height int) []string {
	if len(lines) <= height {
		return lines
	}
	room := max(1, height-1)
	return append(lines[:room:room], fmt.Sprintf("… %d more lines", len(lines)-room))
}
