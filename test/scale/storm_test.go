// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/archmap/archmap/test/cluster"
)

// Two fifths of the nodes go down, the one of archmap's own row among them.
func TestInStorm(t *testing.T) {
	down := 0
	for i := range 5000 {
		if inStorm(i) {
			down++
		}
	}
	if down != 2000 || !inStorm(1) {
		t.Errorf("2,000 of 5,000 nodes go down, and the second is one of them: %d, %t", down, inStorm(1))
	}
}

// stormBoard shows three rows, two of which are about nodes, and an architecture with so many nodes.
func stormBoard(ready ...int64) *board {
	b := emptyBoard()
	for _, name := range []string{coreDNS, kubeletRow, ownNodeRow} {
		b.note(false, mappings, object(name, []string{"Healthy=True"}), false)
	}
	b.note(true, mappings, object(floorRow, []string{"Healthy=True"}), false)
	b.note(false, architectures, withPools(object(architecture, nil, coreDNS+"=True", kubeletRow+"=True"), ready...), false)
	return b
}

func withPools(o *unstructured.Unstructured, ready ...int64) *unstructured.Unstructured {
	var pools []any
	for _, n := range ready {
		pools = append(pools, map[string]any{"ready": n})
	}
	if err := unstructured.SetNestedSlice(o.Object, pools, statusField, "nodePools"); err != nil {
		panic(err)
	}
	return o
}

// Verdicts are what archmap says, in rows and in the architecture, and nothing of the floor.
func TestPicture(t *testing.T) {
	b := stormBoard(3, 4)
	before := b.verdicts()
	if len(before.says) != 5 || before.ready != 7 {
		t.Errorf("there are 3 rows, 2 of them in the architecture, and 7 nodes: %v", before)
	}
	down := before.without(5)
	if got := before.differing(before); len(got) != 0 {
		t.Errorf("verdicts are as themselves: %v", got)
	}
	if got, want := before.differing(down), []string{
		"7 nodes are ready", "archmap's row kubelet in the architecture: True ", "archmap's row kubelet: True ", "archmap's row scale-node: True ",
	}; !slices.Equal(got, want) {
		t.Errorf("when nodes are down, their rows are unhealthy: got %v, want %v", got, want)
	}
	unhealthy := object(kubeletRow, []string{"Healthy=False"})
	b.note(false, mappings, unhealthy, true)
	b.note(false, mappings, object(ownNodeRow, []string{"Healthy=False"}), true)
	b.note(false, architectures, withPools(object(architecture, nil, coreDNS+"=True", kubeletRow+"=False"), 2), true)
	if got := b.verdicts().differing(down); len(got) != 0 {
		t.Errorf("all that is expected shows: %v", got)
	}
	if got := b.verdicts().differing(before); len(got) != 4 {
		t.Errorf("nothing is as before yet: %v", got)
	}
	if before.ready != 7 || before.says[place{name: kubeletRow}].status != truth(true) {
		t.Errorf("verdicts stay as they were: %v", before)
	}
}

// A verdict that is wrong for a moment is noted, also when all is well in the end.
func TestWrongVerdicts(t *testing.T) {
	b := stormBoard(2)
	before := b.verdicts()
	b.expectOnly(before, before.without(2))
	b.note(false, mappings, object(kubeletRow, []string{"Healthy=False"}), true)
	b.note(false, mappings, object(kubeletRow, []string{"Healthy=True"}), true)
	if wrong := b.wrongVerdicts(); len(wrong) != 0 {
		t.Errorf("nodes are down and come back: %v", wrong)
	}
	b.note(false, mappings, object(coreDNS, []string{"Healthy=False"}), true)
	b.note(false, mappings, object(coreDNS, []string{"Healthy=True"}), true)
	if wrong := b.wrongVerdicts(); len(wrong) != 1 || !strings.HasPrefix(wrong[0], "archmap's row coredns: False") {
		t.Errorf("coredns has nothing to do with them: %v", wrong)
	}
	if differing := b.verdicts().differing(before); len(differing) != 0 {
		t.Errorf("all is as before: %v", differing)
	}
}

// A row that is healthy for another reason is not as before.
func TestPictureHasReasons(t *testing.T) {
	where := place{name: coreDNS}
	before := verdicts{says: map[place]saying{where: {"True", "AllChecksPass"}}}
	rolling := verdicts{says: map[place]saying{where: {"True", "Progressing"}}}
	if got := rolling.differing(before); len(got) != 1 || got[0] != "archmap's row coredns: True Progressing" {
		t.Errorf("got %v", got)
	}
	alone := verdicts{says: map[place]saying{where: {"False", unserved}}}
	if got := alone.differing(before); len(got) != 0 {
		t.Errorf("an API that nothing serves is not due to a storm: %v", got)
	}
	if got := rolling.differing(before.without(0)); len(got) != 0 {
		t.Errorf("while nodes are down, any reason will do: %v", got)
	}
}

// What shows ends the wait; a program that ends is an error.
func TestShows(t *testing.T) {
	process, err := cluster.StartProcess("sleeper", "/bin/sh", filepath.Join(t.TempDir(), "log"), nil, "-c", "exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Process: process, name: "sleeper"}
	b := stormBoard(1)
	if _, differing, err := b.shows(t.Context(), p, b.verdicts()); err != nil || len(differing) != 0 {
		t.Errorf("it shows already: %v, %v", differing, err)
	}
	before := b.verdicts()
	b.note(false, mappings, object(coreDNS, []string{"Healthy=False"}), true)
	go b.note(false, mappings, object(coreDNS, []string{"Healthy=True"}), true)
	if took, differing, err := b.shows(t.Context(), p, before); err != nil || len(differing) != 0 || took > watchFor {
		t.Errorf("it shows in the end: %s, %v, %v", took, differing, err)
	}
	if err := p.forgetPeak(); err != nil {
		t.Error(err)
	}
	if peak, err := p.memory("VmHWM"); err != nil || peak <= 0 {
		t.Errorf("the peak is counted anew: %v, %v", peak, err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.forgetPeak(); err == nil {
		t.Error("a process that has ended has no peak to forget")
	}
}

// Nodes change one after the other, and the first error ends it.
func TestFlip(t *testing.T) {
	d := &bed{}
	var flipped []string
	took, err := d.flip(t.Context(), []string{"a"}, func(_ context.Context, node string) error {
		flipped = append(flipped, node)
		return nil
	})
	if err != nil || len(flipped) != 1 || took > flipWithin {
		t.Errorf("one node changes at once: %v in %s, %v", flipped, took, err)
	}
	many := make([]string, 1000)
	if _, err := d.flip(t.Context(), many, func(context.Context, string) error { return os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the error ends it: %v", err)
	}
}
