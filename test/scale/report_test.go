// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestSummarize(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[len(hundred)-1-i] = float64(i + 1) // in no order
	}
	for name, c := range map[string]struct {
		samples []float64
		want    Stats
	}{
		"none":           {nil, Stats{}},
		"one":            {[]float64{3}, Stats{N: 1, P50: 3, P95: 3, P99: 3, Max: 3}},
		"the lower half": {[]float64{2, 1}, Stats{N: 2, P50: 1, P95: 2, P99: 2, Max: 2}},
		"a hundred":      {hundred, Stats{N: 100, P50: 50, P95: 95, P99: 99, Max: 100}},
	} {
		if got := summarize(c.samples); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("samples stay in the order in which they were taken")
	}
	if got := summarizeTimes([]time.Duration{1500 * time.Microsecond}).P50; got != 1.5 {
		t.Errorf("times are in milliseconds: got %v", got)
	}
}

func TestVerdict(t *testing.T) {
	many, few := samplesForP99, samplesForP99-1
	floor := Stats{N: many, P50: 10, P99: 20}
	for name, c := range map[string]struct {
		stats Stats
		floor *Stats
		goal  Goal
		want  Verdict
	}{
		"within both":                  {Stats{N: many, P50: 11, P99: 30}, &floor, times(1.1, 1.5), Met},
		"p50 beyond":                   {Stats{N: many, P50: 11.1, P99: 20}, &floor, times(1.1, 1.5), NotMet},
		"p99 beyond":                   {Stats{N: many, P50: 10, P99: 31}, &floor, times(1.1, 1.5), NotMet},
		"p99 beyond, of too few":       {Stats{N: few, P50: 10, P99: 31}, &floor, times(1.1, 1.5), Met},
		"p99 beyond that of too few":   {Stats{N: many, P50: 10, P99: 31}, &Stats{N: few, P50: 10, P99: 20}, times(1.1, 1.5), Met},
		"more than the ratio, allowed": {Stats{N: 100, P50: 60}, &floor, Goal{P50: 1.25, Plus: 50}, Met},
		"more than allowed":            {Stats{N: 100, P50: 63}, &floor, Goal{P50: 1.25, Plus: 50}, NotMet},
		"at the limit":                 {figure(3), nil, atMost(3), Met},
		"beyond the limit":             {figure(3.1), nil, atMost(3), NotMet},
		"nothing where nothing may be": {figure(0), nil, atMost(0), Met},
		"one where nothing may be":     {figure(1), nil, atMost(0), NotMet},
		"no goal":                      {figure(1), nil, Goal{}, ""},
		"no floor to compare with":     {figure(1), nil, times(1.1, 0), ""},
	} {
		if got := (&Row{Stats: c.stats, Floor: c.floor, Goal: c.goal}).verdict(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 5: "5", 5000: "5,000", 1234567: "1,234,567", -40000: "-40,000", 427.3: "427", 10.84: "10.8", 1.128: "1.13", 0.77: "0.77",
		0.0123: "0.012", -0.5: "-0.50",
	} {
		if got := number(x); got != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
}

// report has a row of each sort.
func report() *Report {
	floor := Stats{N: 300, P50: 10.8, P95: 20, P99: 27.7, Max: 30}
	few := Stats{N: 3, P50: 3, P95: 3.1, P99: 3.1, Max: 3.1}
	return &Report{
		Commit: "0123456789ab", Machine: Machine{CPUs: 2, Memory: "24 GB", Go: "go1.26", LoadBefore: "0.10", LoadAfter: "1.90"},
		Began: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC), Seconds: 1200, MemoryLimit: "128 MiB",
		Rows: []Row{
			{
				Name: "Row coredns", Nodes: 5000, Unit: "ms", Stats: Stats{N: 300, P50: 12.1, P95: 22, P99: 26.8, Max: 31}, Floor: &floor,
				Against: "watch and apply", Goal: times(1.1, 1.5),
			},
			{Name: "Cold start", Nodes: 5000, Unit: "s", Stats: Stats{N: 3, P50: 5.9, P95: 6, P99: 6, Max: 6}, Floor: &few, Against: "list and apply", Goal: times(1.3, 0)},
			{Name: "Writes of heartbeats", Nodes: 5000, Stats: figure(0), Goal: atMost(0), Note: "170 a second for a minute."},
			{Name: "Manager, stripped", Unit: "MB", Stats: figure(63.8), Note: "170 a second for a minute."},
		},
	}
}

func TestWords(t *testing.T) {
	for i, want := range []string{"12.1 ms, p99 26.8, 1.12 x / 0.97 x, goal 1.10 x / 1.50 x", "5.90 s, 1.97 x, goal 1.30 x", "0, goal 0", "63.8 MB"} {
		if got := report().Rows[i].words(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := (Goal{P50: 1.25, Plus: 50}).words("ms"), "1.25 x + 50 ms"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := report().table(&out); err != nil {
		t.Fatal(err)
	}
	const want = `
Measure               Nodes  Samples  p50      p95  p99   Floor or peer p50 / p99          Ratio            Goal             Met
Row coredns           5,000  300      12.1 ms  22   26.8  10.8 / 27.7 ms, watch and apply  1.12 x / 0.97 x  1.10 x / 1.50 x  no
Cold start            5,000  3        5.90 s   6          3 s, list and apply              1.97 x           1.30 x           no
Writes of heartbeats  5,000  1        0                                                                     0                yes
Manager, stripped            1        63.8 MB
`
	if got := trimLines(out.String()); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}

func trimLines(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.Join(lines, "\n")
}

func TestMarkdown(t *testing.T) {
	var out strings.Builder
	if err := report().markdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Scale of 0123456789ab\n",
		"2026-11-27 09:00 UTC, 20 minutes, on 2 CPUs, 24 GB, go1.26; load average 0.10 before and 1.90 after. Memory limit of the manager: 128 MiB.\n",
		"| Row coredns | 5,000 | 300 | 12.1 ms | 22 | 26.8 | 10.8 / 27.7 ms, watch and apply | 1.12 x / 0.97 x | 1.10 x / 1.50 x | no |\n",
		"| Writes of heartbeats (1) | 5,000 | 1 | 0 |",
		"| Manager, stripped (1) |",
		"\n1. 170 a second for a minute.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report says %q:\n%s", want, out.String())
		}
	}
}

func TestParse(t *testing.T) {
	b, err := parse([]string{"-nodes", "100, 6", "-part", "memory, latency", "-limit", "256Mi"})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.sizes) != 2 || b.sizes[0] != 6 || b.sizes[1] != 100 {
		t.Errorf("sizes are in order: %v", b.sizes)
	}
	if len(b.parts) != 2 || b.parts[0].name != "latency" {
		t.Errorf("parts are found by their names, and stay in order: %v", b.parts)
	}
	if b.limit.Value() != 256<<20 {
		t.Errorf("the limit is in bytes: %d", b.limit.Value())
	}
	for args, want := range map[string]string{
		"-nodes=5":      `NODES: "5" is not a number of nodes from 6 on`,
		"-nodes=many":   `NODES: "many" is not a number of nodes from 6 on`,
		"-limit=much":   "LIMIT: ",
		"-part=latence": `PART: there is no "latence"`,
		"-samples=0":    "set SAMPLES to 1 or more", "size": "separate parts and sizes by commas",
	} {
		if _, err := parse([]string{args}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

func TestReadShipped(t *testing.T) {
	s, err := readShipped("../../config/manager/manager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if s.memoryLimit < 1<<20 {
		t.Errorf("the limit is in bytes: %d", s.memoryLimit)
	}
	// The runtime knows nine tenths of the limit, whichever it is.
	for _, of := range []*shipped{s, s.limited(2 * s.memoryLimit)} {
		i := slices.IndexFunc(of.env, func(e corev1.EnvVar) bool { return e.Name == goMemoryLimit })
		if i < 0 {
			t.Fatalf("%v has no %s", of.env, goMemoryLimit)
		}
		limit, err := resource.ParseQuantity(strings.TrimSuffix(of.env[i].Value, "B"))
		if part := float64(limit.Value()) / float64(of.memoryLimit); err != nil || part < 0.89 || part > 0.91 {
			t.Errorf("%s is %.2f of %d: %v", of.env[i].Value, part, of.memoryLimit, err)
		}
		if !slices.Contains(of.environment(), goMemoryLimit+"="+of.env[i].Value) {
			t.Errorf("the process gets no %s: %v", goMemoryLimit, of.environment())
		}
	}
	if !strings.Contains(strings.Join(s.args, " "), "--leader-elect") {
		t.Errorf("the arguments are those of the manifest: %v", s.args)
	}
}
