// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Arguments with which the bench measures nothing.
const (
	// pageCommand shows the report that is kept in docs.
	pageCommand = "page"
	// keepCommand keeps a report in docs.
	keepCommand = "keep"
)

// Files of the page, below docs.
const (
	keptReport  = "performance.json"
	keptPage    = "performance.md"
	chartFolder = "images"
)

// keepReport keeps a report of all that the page shows.
func keepReport(file, docs string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: make bench writes it", err)
	}
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	measured := map[string]bool{}
	for i := range report.Rows {
		measured[report.Rows[i].Name] = true
	}
	for _, name := range []string{dnsRow, rssRow, stormPeakRow, coldRow, "2,000 mappings at once"} {
		if !measured[name] {
			return fmt.Errorf("%s has no row %q: only a full run is kept, see make bench without PART", file, name)
		}
	}
	if len(report.sizes()) < 2 {
		return fmt.Errorf("%s is of one size: only a full run is kept, see make bench without NODES", file)
	}
	return os.WriteFile(filepath.Join(docs, keptReport), text, 0o644) //nolint:gosec // everybody may read it
}

// writePage brings what the page shows of the kept report up to date.
func writePage(docs string) error {
	files, err := pageFiles(docs)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(docs, name), content, 0o644); err != nil { //nolint:gosec // everybody may read it
			return err
		}
	}
	return nil
}

// pageFiles are the page and its charts, as the report in docs has them be.
func pageFiles(docs string) (map[string][]byte, error) {
	text, err := os.ReadFile(filepath.Join(docs, keptReport))
	if err != nil {
		return nil, err
	}
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("%s: %w", keptReport, err)
	}
	page, err := os.ReadFile(filepath.Join(docs, keptPage))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var pictures strings.Builder
	for _, c := range report.charts() {
		file := filepath.Join(chartFolder, "performance-"+c.name+".svg")
		files[file] = c.svg()
		fmt.Fprintf(&pictures, "![%s](%s)\n\n", c.about, filepath.ToSlash(file))
	}
	filled := string(page)
	for part, content := range map[string]string{
		"report": fmt.Sprintf("Commit `%s`, %s\n\n%s", report.Commit, report.summary(), report.rows()),
		"curves": pictures.String(), "sizes": report.advice(),
	} {
		if filled, err = fill(filled, part, content); err != nil {
			return nil, err
		}
	}
	files[keptPage] = []byte(filled)
	return files, nil
}

// fill puts what is generated between the marks of a part of the page.
func fill(page, part, content string) (string, error) {
	begin, end := fmt.Sprintf("<!-- begin %s -->\n", part), fmt.Sprintf("<!-- end %s -->\n", part)
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", fmt.Errorf("%s has no place for %s: %s ... %s", keptPage, part, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + strings.TrimSpace(content) + "\n\n" + end + after, nil
}

// Names of curves.
const (
	oursP50, oursP99   = "archmap, p50", "archmap, p99"
	floorP50, floorP99 = "floor, p50", "floor, p99"
	ours, least        = "archmap", "floor"
)

// charts of what was measured at several sizes. What the report has no figures of is left out.
func (r *Report) charts() []chart {
	p99 := func(s *Stats) float64 {
		if !s.hasP99() {
			return 0
		}
		return s.P99
	}
	own, floor := func(row *Row) *Stats { return &row.Stats }, func(row *Row) *Stats { return row.Floor }
	list := []chart{
		{
			name: "latency", title: "A change of CoreDNS until its row shows it", x: byNodes, unit: "ms",
			about: "Latency of the row coredns and of a bare loop, by the number of nodes.",
			curves: []curve{
				{oursP50, 0, false, r.points(dnsRow, own, p50)}, {oursP99, 0, true, r.points(dnsRow, own, p99)},
				{floorP50, 1, false, r.points(dnsRow, floor, p50)}, {floorP99, 1, true, r.points(dnsRow, floor, p99)},
			},
		},
		{
			name: "memory", title: "Memory of the manager, and RSS of kube-state-metrics", x: byNodes, unit: mebibytes,
			about: "Memory of the manager and of kube-state-metrics, by the number of nodes.",
			curves: []curve{
				{"archmap, RSS", 0, false, r.points(rssRow, own, p50)}, {"archmap, live heap", 0, true, r.points(heapRow, own, p50)},
				{"kube-state-metrics", 2, false, r.points(rssRow, floor, p50)},
			},
		},
		{
			name: "cold-start", title: "A start until everything has a verdict", x: byNodes, unit: "s",
			about:  "Time of a cold start of the manager and of a program that reads and writes as much, by the number of nodes.",
			curves: []curve{{ours, 0, false, r.points(coldRow, own, p50)}, {least, 1, false, r.points(coldRow, floor, p50)}},
		},
		{
			name: "many", title: "Mappings that are created at once", x: "mappings", unit: "s", logY: true,
			about:  "Time until mappings that are created at once have a verdict, and that of a bare loop, by their number.",
			curves: []curve{{ours, 0, false, r.many(own)}, {least, 1, false, r.many(floor)}},
		},
	}
	for i := range list {
		list[i].curves = slices.DeleteFunc(list[i].curves, func(c curve) bool { return len(c.points) == 0 })
	}
	return slices.DeleteFunc(list, func(c chart) bool { return len(c.curves) == 0 })
}

// byNodes is what most charts go by.
const byNodes = "nodes"

func p50(s *Stats) float64 { return s.P50 }

// points are the figures of the rows of a name by the number of nodes. Those that are 0 were not measured.
func (r *Report) points(name string, stats func(*Row) *Stats, of func(*Stats) float64) []point {
	var points []point
	for i := range r.Rows {
		row := &r.Rows[i]
		if s := stats(row); row.Name == name && s != nil && of(s) > 0 {
			points = append(points, point{float64(row.Nodes), of(s)})
		}
	}
	return points
}

// manyAtOnce is the name of the rows of part many that say how long it took, with how many.
var manyAtOnce = regexp.MustCompile(`^([\d,]+) mappings? at once$`)

// many are the figures by the number of mappings.
func (r *Report) many(stats func(*Row) *Stats) []point {
	var points []point
	for i := range r.Rows {
		row := &r.Rows[i]
		match := manyAtOnce.FindStringSubmatch(row.Name)
		if s := stats(row); match != nil && s != nil && s.P50 > 0 {
			if n, err := strconv.Atoi(strings.ReplaceAll(match[1], ",", "")); err == nil {
				points = append(points, point{float64(n), s.P50})
			}
		}
	}
	return points
}

// room is how much more than the most that was measured a limit leaves.
const room = 1.25

// advice is a table of what to request, by the number of nodes.
func (r *Report) advice() string {
	var text strings.Builder
	text.WriteString("| nodes | RSS | peak of RSS | live heap | requests.memory | limits.memory | GOMEMLIMIT |\n|---|---|---|---|---|---|---|\n")
	for _, s := range r.sizes() {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %dMi | %dMi | %dMiB |\n", grouped(int64(s.nodes)), withUnit(s.rss, mebibytes), withUnit(s.peak, mebibytes),
			withUnit(s.heap, mebibytes), s.request, s.limit, s.limit*9/10)
	}
	return text.String()
}

// size is what the manager takes in a cluster of so many nodes, and is to be given, in MiB.
type size struct {
	nodes, rss, peak, heap float64
	request, limit         int
}

func (r *Report) sizes() (sizes []size) {
	measured := func(name string) []point { return r.points(name, func(row *Row) *Stats { return &row.Stats }, p50) }
	peaks, heaps := append(measured(peakRow), measured(stormPeakRow)...), measured(heapRow)
	for _, rss := range measured(rssRow) {
		s := size{nodes: rss.x, rss: rss.y, peak: highest(peaks, rss.x), heap: highest(heaps, rss.x), request: roundedUp(rss.y, 16)}
		s.limit = roundedUp(s.peak*room, 32)
		sizes = append(sizes, s)
	}
	return sizes
}

// highest of the points at x.
func highest(points []point, x float64) float64 {
	most := 0.0
	for _, p := range points {
		if p.x == x {
			most = max(most, p.y)
		}
	}
	return most
}

func roundedUp(x float64, step int) int { return int(math.Ceil(x/float64(step))) * step }
