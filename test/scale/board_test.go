// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/archmap/archmap/test/cluster"
)

func emptyBoard() *board {
	return &board{
		shown: verdicts{says: map[place]saying{}}, generations: map[string]int64{}, ready: map[place]time.Time{}, writes: map[place]int{},
		changed: make(chan struct{}), waiting: map[place]waiter{},
	}
}

// object is one with conditions and components, each as NAME=STATUS.
func object(name string, conditions []string, components ...string) *unstructured.Unstructured {
	list := func(pairs []string, key, value string) []any {
		var out []any
		for _, pair := range pairs {
			k, v, _ := strings.Cut(pair, "=")
			out = append(out, map[string]any{key: k, value: v})
		}
		return out
	}
	u := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{
		"observedGeneration": int64(3), "conditions": list(conditions, "type", "status"), "components": list(components, "name", "healthy"),
	}}}
	u.SetName(name)
	return u
}

// A board tells archmap from the floor, rows from the architecture, and what is there from what is written.
func TestBoard(t *testing.T) {
	b := emptyBoard()
	dns := place{name: coreDNS}
	b.note(false, mappings, object(coreDNS, []string{"Ready=False"}), false)
	if b.written() != 0 || !b.ready[dns].IsZero() {
		t.Errorf("what is there is no write, and not ready yet: %d, %s", b.written(), b.ready[dns])
	}
	row, err := b.expect(dns, "True")
	if err != nil {
		t.Fatal(err)
	}
	b.note(true, mappings, object(coreDNS, []string{"Healthy=True"}), true)
	b.note(false, architectures, object(architecture, nil, coreDNS+"=True"), true)
	b.note(false, mappings, object(coreDNS, []string{"Ready=True", "Healthy=False"}), true)
	select {
	case <-row:
		t.Error("neither the floor, nor the architecture, nor another verdict is what was expected")
	default:
	}
	b.note(false, mappings, object(coreDNS, []string{"Ready=True", "Healthy=True"}), true)
	select {
	case <-row:
	default:
		t.Error("the row shows what was expected")
	}
	if got := b.written(); got != 3 {
		t.Errorf("archmap's own writes count: got %d, want 3", got)
	}
	if b.ready[dns].IsZero() || b.generations[coreDNS] != 3 {
		t.Errorf("it is ready since %s, with generation %d", b.ready[dns], b.generations[coreDNS])
	}
	if b.forget(); b.written() != 0 {
		t.Errorf("writes are forgotten: %d", b.written())
	}
	if _, err := b.expect(dns, "True"); err == nil {
		t.Error("what shows already cannot be expected")
	}
}

// A program that ends ends what waits for it, with the end of its log.
func TestProgramEnds(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	process, err := cluster.StartProcess("broken", "/bin/sh", log, []string{"WHY=no more"}, "-c", `echo "$WHY"; exit 3`)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Process: process, name: "broken", log: log}
	err = emptyBoard().until(t.Context(), p, "the end", func() bool { return false })
	for _, want := range []string{"waiting for the end: broken ended", "exit status 3", "no more"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error says %q: %v", want, err)
		}
	}
	if p.alive() == nil {
		t.Error("it is not alive")
	}
}

// What a program uses is read from the kernel and from its metrics.
func TestProgramMeasured(t *testing.T) {
	process, err := cluster.StartProcess("sleeper", "/bin/sh", filepath.Join(t.TempDir(), "log"), nil, "-c", "exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Process: process, name: "sleeper"}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := p.alive(); err != nil {
		t.Error(err)
	}
	if rss, err := p.memory("VmRSS"); err != nil || rss <= 0 || rss > 100 {
		t.Errorf("a shell has some memory, in MiB: %v, %v", rss, err)
	}
	if text, err := p.droppable(100); err != nil || !strings.Contains(text, "MiB of it are pages of the binary") {
		t.Errorf("some of it is the binary: %q, %v", text, err)
	}
	if _, err := p.memory("VmNone"); err == nil {
		t.Error("a line that is not there is an error")
	}
	if cpu, err := p.cpu(); err != nil || cpu > 10 {
		t.Errorf("a shell that sleeps uses no CPU: %v s, %v", cpu, err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("# HELP a b\na{b=\"c d\"} 1.5\ngo_memstats_heap_alloc_bytes 2.097152e+06\n"))
	}))
	defer server.Close()
	p.metrics = strings.TrimPrefix(server.URL, "http://")
	series, err := p.series(t.Context())
	if err != nil || series[`a{b="c d"}`] != 1.5 || len(series) != 2 {
		t.Errorf("series are read by name and labels: %v, %v", series, err)
	}
	p.pprof = p.metrics
	if _, err := p.liveHeap(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a profile that is not served is an error: %v", err)
	}
}

func TestProc(t *testing.T) {
	file := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(file, []byte("Name:\tmanager\nVmRSS:\t  2048 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := field(file, "VmRSS:"); got != "2048 kB" {
		t.Errorf("got %q", got)
	}
	for kilobytes, want := range map[string]string{"24684096 kB": "24 GiB", "": ""} {
		if got := inGiB(kilobytes); got != want {
			t.Errorf("%q: got %q, want %q", kilobytes, got, want)
		}
	}
	if got := field(file, "VmHWM:"); got != "" {
		t.Errorf("what is not there is empty: %q", got)
	}
}

// A pace ends with the first error.
func TestPaceFails(t *testing.T) {
	d := &bed{}
	_, err := d.pace(t.Context(), 1000, time.Minute, func(context.Context, int) error { return os.ErrClosed })
	if err == nil || !strings.Contains(err.Error(), os.ErrClosed.Error()) {
		t.Errorf("the error ends it: %v", err)
	}
}
