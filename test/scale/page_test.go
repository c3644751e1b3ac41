// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page and its curves are those of the report that is kept beside it.
func TestThePageShowsTheReport(t *testing.T) {
	const docs = "../../docs"
	files, err := pageFiles(docs)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(docs, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is as docs/%s has it; make docs brings it up to date: %v", name, keptReport, err)
		}
	}
	charts, err := filepath.Glob(filepath.Join(docs, chartFolder, "performance-*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range charts {
		if name := filepath.Join(chartFolder, filepath.Base(file)); files[name] == nil {
			t.Errorf("the report has figures for every chart: docs/%s", name)
		}
	}
}

func TestFill(t *testing.T) {
	const page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nz\n"
	got, err := fill(page, "x", "new\n")
	if want := "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nz\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if again, err := fill(got, "x", "new\n"); err != nil || again != got {
		t.Errorf("a page that is up to date stays as it is: %q, %v", again, err)
	}
	for _, broken := range []string{"a\n", "<!-- begin x -->\n", "<!-- end x -->\n"} {
		if _, err := fill(broken, "x", "new"); err == nil || !strings.Contains(err.Error(), "no place for x") {
			t.Errorf("a page without a place for it is an error: %q: %v", broken, err)
		}
	}
}

// sizes is a report of several sizes.
func sizes() *Report {
	floor := Stats{N: 300, P50: 10, P99: 20}
	peer := figure(250)
	return &Report{Rows: []Row{
		{Name: "Row coredns", Nodes: 6, Unit: "ms", Stats: Stats{N: 300, P50: 11, P99: 25}, Floor: &floor},
		{Name: "Row coredns", Nodes: 5000, Unit: "ms", Stats: Stats{N: 20, P50: 12, P99: 90}, Floor: &floor},
		{Name: "1 mapping at once", Nodes: 6, Unit: "s", Stats: figure(0.04), Floor: &peer},
		{Name: "2,000 mappings at once", Nodes: 6, Unit: "s", Stats: figure(15)},
		{Name: "2,000 mappings at once, most writes of one", Nodes: 6, Stats: figure(1)},
		{Name: rssRow, Nodes: 6, Unit: mebibytes, Stats: figure(90), Floor: &peer},
		{Name: peakRow, Nodes: 6, Unit: mebibytes, Stats: figure(100)},
		{Name: heapRow, Nodes: 6, Unit: mebibytes, Stats: figure(20)},
		{Name: rssRow, Nodes: 5000, Unit: mebibytes, Stats: figure(96)},
		{Name: peakRow, Nodes: 5000, Unit: mebibytes, Stats: figure(104)},
		{Name: stormPeakRow, Nodes: 5000, Unit: mebibytes, Stats: figure(120)},
	}}
}

func TestCharts(t *testing.T) {
	charts := sizes().charts()
	var names []string
	for _, c := range charts {
		names = append(names, c.name)
	}
	if got := strings.Join(names, " "); got != "latency memory many" {
		t.Fatalf("there is a chart of all that was measured: %s", got)
	}
	for i, want := range []string{
		"archmap, p50: 11 ms at 6, 12 ms at 5,000. archmap, p99: 25 ms at 6. floor, p50: 10 ms at 6, 10 ms at 5,000.",
		"archmap, RSS: 90 MiB at 6, 96 MiB at 5,000. archmap, live heap: 20 MiB at 6. kube-state-metrics: 250 MiB at 6.",
		"archmap: 0.040 s at 1, 15 s at 2,000. floor: 250 s at 1.",
	} {
		if got := charts[i].description(); !strings.Contains(got, want) {
			t.Errorf("the figures of %s are told, those of too few samples are not: got %q, want %q", charts[i].name, got, want)
		}
	}
}

// A chart is XML with a title and a description, and everything is inside its frame.
func TestSVG(t *testing.T) {
	for _, c := range sizes().charts() {
		c.title += " <&>"
		image := c.svg()
		decoder := xml.NewDecoder(bytes.NewReader(image))
		elements := map[string]int{}
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s is XML: %v", c.name, err)
			}
			if start, ok := token.(xml.StartElement); ok {
				elements[start.Name.Local]++
			}
		}
		points := 0
		for _, v := range c.curves {
			points += len(v.points)
		}
		if elements["title"] != 1 || elements["desc"] != 1 || elements["circle"] != points {
			t.Errorf("%s has a title, a description and a circle for each of %d points: %v", c.name, points, elements)
		}
		across, up := c.scales()
		for _, v := range c.curves {
			for _, p := range v.points {
				if x, y := across.at(p.x), up.at(p.y); x < plotLeft || x > plotRight || y < plotTop || y > plotBottom {
					t.Errorf("every point is in the plot of %s: %v is at %.1f, %.1f", c.name, p, x, y)
				}
			}
		}
		if n := len(up.ticks); n < 3 || n > 9 {
			t.Errorf("the vertical axis of %s has some ticks: %v", c.name, up.ticks)
		}
	}
}

func TestNiceStep(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 0.03: 0.05, 1: 1, 1.1: 2, 4: 5, 7: 10, 92: 100} {
		if got := niceStep(x); got < want*0.999 || got > want*1.001 {
			t.Errorf("%v: got %v, want %v", x, got, want)
		}
	}
}

// Limits leave room above the highest peak, of a start or of a storm.
func TestAdvice(t *testing.T) {
	got := sizes().advice()
	for _, want := range []string{
		"| 6 | 90 MiB | 100 MiB | 20 MiB | 96Mi | 128Mi | 115MiB |\n", "| 5,000 | 96 MiB | 120 MiB | 0 MiB | 96Mi | 160Mi | 144MiB |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant %s", got, want)
		}
	}
}

// What is shipped is enough for the biggest cluster that was measured.
func TestTheManifestFollowsTheAdvice(t *testing.T) {
	shipped, err := readShipped("../../config/manager/manager.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/" + keptReport)
	if err != nil {
		t.Fatal(err)
	}
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	sizes := report.sizes()
	biggest := sizes[len(sizes)-1]
	if request, limit := shipped.memoryRequest/mebi, shipped.memoryLimit/mebi; request < int64(biggest.request) || limit < int64(biggest.limit) {
		t.Errorf("the manager has %dMi and at most %dMi; %.0f nodes need %dMi and %dMi", request, limit, biggest.nodes, biggest.request, biggest.limit)
	}
}

// What is not a full run doesn't replace one.
func TestKeepReport(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, keptReport)
	part := filepath.Join(dir, "part.json")
	if err := os.WriteFile(part, []byte(`{"rows": [{"name": "Cold start", "nodes": 6}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keepReport(part, dir); err == nil || !strings.Contains(err.Error(), "only a full run is kept") {
		t.Errorf("a part is not kept: %v", err)
	}
	if _, err := os.Stat(kept); err == nil {
		t.Error("nothing is written then")
	}
	full := "../../docs/" + keptReport
	if err := keepReport(full, dir); err != nil {
		t.Errorf("a full run is: %v", err)
	}
	want, _ := os.ReadFile(full)
	if got, err := os.ReadFile(kept); err != nil || !bytes.Equal(got, want) {
		t.Errorf("as it is: %v", err)
	}
}
