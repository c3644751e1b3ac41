// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// samplesForP99 is how many samples a p99 needs: of fewer it is little more than the worst.
const samplesForP99 = 300

// Stats are what a number of samples came to. Of a single figure only N and P50 are set.
type Stats struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95,omitempty"`
	P99 float64 `json:"p99,omitempty"`
	Max float64 `json:"max,omitempty"`
}

// figure is something that was measured once.
func figure(value float64) Stats { return Stats{N: 1, P50: value} }

// summarize takes the percentiles of samples, by nearest rank.
func summarize(samples []float64) Stats {
	n := len(samples)
	if n == 0 {
		return Stats{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := func(percent int) float64 { return sorted[(n*percent+99)/100-1] }
	return Stats{N: n, P50: rank(50), P95: rank(95), P99: rank(99), Max: sorted[n-1]}
}

// summarizeTimes takes the percentiles of durations, in milliseconds.
func summarizeTimes(samples []time.Duration) Stats {
	ms := make([]float64, len(samples))
	for i, d := range samples {
		ms[i] = float64(d.Microseconds()) / 1000
	}
	return summarize(ms)
}

// hasP99 reports whether there are enough samples.
func (s Stats) hasP99() bool { return s.N >= samplesForP99 }

// Goal is what a figure is to be. Zero values ask for nothing.
type Goal struct {
	// P50 and P99 are how many times the floor or the peer the percentiles may be, P50 with Plus on top.
	P50  float64 `json:"p50,omitempty"`
	P99  float64 `json:"p99,omitempty"`
	Plus float64 `json:"plus,omitempty"`
	// Max is the most that P50 may be; MaxSet makes 0 a limit.
	Max    float64 `json:"max,omitempty"`
	MaxSet bool    `json:"maxSet,omitempty"`
}

func times(p50, p99 float64) Goal { return Goal{P50: p50, P99: p99} }

func atMost(limit float64) Goal { return Goal{Max: limit, MaxSet: true} }

// words tell the goal.
func (g Goal) words(unit string) string {
	text := ""
	switch {
	case g.P50 > 0 && g.P99 > 0:
		text = ratio(g.P50) + " / " + ratio(g.P99)
	case g.P50 > 0:
		text = ratio(g.P50)
	case g.MaxSet:
		return withUnit(g.Max, unit)
	}
	if g.Plus > 0 {
		text += " + " + withUnit(g.Plus, unit)
	}
	return text
}

// Row is a line of the table.
type Row struct {
	Part  string `json:"part"`
	Name  string `json:"name"`
	Nodes int    `json:"nodes,omitempty"`
	Unit  string `json:"unit"`
	Stats Stats  `json:"stats"`
	// Floor is what the same took at least, or a peer took; Against says who.
	Floor   *Stats `json:"floor,omitempty"`
	Against string `json:"against,omitempty"`
	Goal    Goal   `json:"goal"`
	// Note is what a reader must know to judge the figure.
	Note string `json:"note,omitempty"`
}

// Verdict on a row: Met, NotMet, or empty where there is no goal or nothing to hold it against.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "yes"
	NotMet Verdict = "no"
)

// verdict compares a row with its goal. Without enough samples the p99 has no say.
func (r *Row) verdict() Verdict {
	var met bool
	switch {
	case r.Goal.MaxSet:
		met = r.Stats.P50 <= r.Goal.Max
	case r.Goal.P50 > 0 && r.Floor != nil:
		met = r.Stats.P50 <= r.Goal.P50*r.Floor.P50+r.Goal.Plus
		if r.Goal.P99 > 0 && r.Stats.hasP99() && r.Floor.hasP99() {
			met = met && r.Stats.P99 <= r.Goal.P99*r.Floor.P99
		}
	default:
		return ""
	}
	if met {
		return Met
	}
	return NotMet
}

// words are the row in short.
func (r *Row) words() string {
	text := withUnit(r.Stats.P50, r.Unit)
	if r.Stats.hasP99() {
		text += ", p99 " + number(r.Stats.P99)
	}
	if ratios := r.ratios(); ratios != "" {
		text += ", " + ratios
	}
	if goal := r.Goal.words(r.Unit); goal != "" {
		text += ", goal " + goal
	}
	return text
}

// ratios to the floor, of p50 and p99.
func (r *Row) ratios() string {
	if r.Floor == nil || r.Floor.P50 == 0 {
		return ""
	}
	text := ratio(r.Stats.P50 / r.Floor.P50)
	if r.Stats.hasP99() && r.Floor.hasP99() && r.Floor.P99 > 0 {
		text += " / " + ratio(r.Stats.P99/r.Floor.P99)
	}
	return text
}

func ratio(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + " x" }

func withUnit(value float64, unit string) string {
	if unit == "" {
		return number(value)
	}
	return number(value) + " " + unit
}

// number formats a figure with as many digits as mean something.
func number(x float64) string {
	switch size := max(x, -x); {
	case x == float64(int64(x)):
		return grouped(int64(x))
	case size >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case size >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// grouped is 5,000 rather than 5000.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
