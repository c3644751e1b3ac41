// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is all that a run measured.
type Report struct {
	// Commit that was measured, as git names it.
	Commit string `json:"commit"`
	// Machine that it was measured on.
	Machine Machine   `json:"machine"`
	Began   time.Time `json:"began"`
	// Seconds that the run took.
	Seconds float64 `json:"seconds"`
	// MemoryLimit of the manager, as it is shipped.
	MemoryLimit string `json:"memoryLimit"`
	Rows        []Row  `json:"rows"`
}

// Machine is what the figures depend on.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Memory string `json:"memory"`
	Go     string `json:"go"`
	// LoadBefore and LoadAfter are the load averages over a minute, the bench's own included in the latter.
	LoadBefore string `json:"loadBefore"`
	LoadAfter  string `json:"loadAfter"`
}

func thisMachine() Machine {
	return Machine{
		CPUs: runtime.NumCPU(), Memory: inGiB(field("/proc/meminfo", "MemTotal:")), Go: runtime.Version(), LoadBefore: load(),
	}
}

// inGiB is a line of /proc/meminfo in a unit for people.
func inGiB(kilobytes string) string {
	text, _, _ := strings.Cut(kilobytes, " ")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return kilobytes
	}
	return fmt.Sprintf("%.0f GiB", n/mebi)
}

// load is the load average over the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	average, _, _ := strings.Cut(string(text), " ")
	return average
}

// field is what follows a word at the beginning of a line of a file; empty where there is none.
func field(file, word string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// columns of the table.
var columns = []string{"Measure", "Nodes", "Samples", "p50", "p95", "p99", "Floor or peer p50 / p99", "Ratio", "Goal", "Met"}

// cells of a row.
func (r *Row) cells() []string {
	nodes, floor, p95, p99 := "", "", "", ""
	if r.Nodes > 0 {
		nodes = grouped(int64(r.Nodes))
	}
	if r.Stats.N > 1 {
		p95 = number(r.Stats.P95)
	}
	if r.Stats.hasP99() {
		p99 = number(r.Stats.P99)
	}
	if r.Floor != nil {
		floor = number(r.Floor.P50)
		if r.Floor.hasP99() {
			floor += " / " + number(r.Floor.P99)
		}
		floor = withUnit2(floor, r.Unit) + ", " + r.Against
	}
	return []string{
		r.Name, nodes, grouped(int64(r.Stats.N)), withUnit(r.Stats.P50, r.Unit), p95, p99, floor, r.ratios(), r.Goal.words(r.Unit), string(r.verdict()),
	}
}

func withUnit2(text, unit string) string { return strings.TrimSpace(text + " " + unit) }

// table writes the rows for a terminal.
func (r *Report) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	for i := range r.Rows {
		fmt.Fprintln(w, strings.Join(r.Rows[i].cells(), "\t"))
	}
	return w.Flush()
}

// markdown writes the report for people who were not there.
func (r *Report) markdown(out io.Writer) error {
	_, err := fmt.Fprintf(out, "# Scale of %s\n\n%s\n\n%s", r.Commit, r.summary(), r.rows())
	return err
}

// summary says when and on what was measured.
func (r *Report) summary() string {
	return fmt.Sprintf("%s, %.0f minutes, on %d CPUs, %s, %s; load average %s before and %s after. Memory limit of the manager: %s.",
		r.Began.UTC().Format("2006-01-02 15:04 MST"), r.Seconds/60, r.Machine.CPUs, r.Machine.Memory, r.Machine.Go,
		r.Machine.LoadBefore, r.Machine.LoadAfter, r.MemoryLimit)
}

// rows are the table, with the notes below it.
func (r *Report) rows() string {
	var text strings.Builder
	fmt.Fprintf(&text, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	var notes []string
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := row.cells()
		if row.Note != "" {
			n := slices.Index(notes, row.Note)
			if n < 0 {
				n, notes = len(notes), append(notes, row.Note)
			}
			cells[0] += fmt.Sprintf(" (%d)", n+1)
		}
		fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | "))
	}
	text.WriteString("\n")
	for i, note := range notes {
		fmt.Fprintf(&text, "%d. %s\n", i+1, note)
	}
	return text.String()
}

// save writes the report into a folder, as Markdown and as JSON.
func (r *Report) save(dir string) error {
	var markdown strings.Builder
	if err := r.markdown(&markdown); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "report.md"), []byte(markdown.String()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "report.json"), append(text, '\n'), 0o600)
}
