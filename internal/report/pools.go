// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// maxPoolBoxes is how many node pools have a box of their own: two rows. Of more, those that are alike share one.
const maxPoolBoxes = 8

// poolLike is in what node pools must be alike to share a box.
type poolLike struct {
	mode, os, fault string
	state           catalog.State
}

// poolBoxes draws the node pools. Where there are many, those that are alike share a box, and the bad ones stand out: as many
// as there is room for have a box of their own.
func (a artist) poolBoxes() []Box {
	pools := a.Architecture.Status.NodePools
	if len(pools) <= maxPoolBoxes {
		boxes := make([]Box, len(pools))
		for i := range pools {
			boxes[i] = a.poolBox(pools[i:i+1], "")
		}
		return boxes
	}
	var bad, shared []Box
	alike := map[poolLike][]v1alpha1.NodePool{}
	var order []poolLike
	for _, pool := range pools {
		like := poolLike{pool.Mode, pool.OS, a.pools[pool.Name], poolState(pool, a.all)}
		if like.state.Bad() && len(bad) < maxPoolBoxes {
			bad = append(bad, a.poolBox([]v1alpha1.NodePool{pool}, ""))
			continue
		}
		if len(alike[like]) == 0 {
			order = append(order, like)
		}
		alike[like] = append(alike[like], pool)
	}
	slices.SortStableFunc(order, func(a, b poolLike) int { return worstFirst(a.state, b.state) })
	for _, like := range order {
		title := ""
		if n := len(alike[like]); n > 1 {
			title = msg.Count(n, "node pool")
		}
		shared = append(shared, a.poolBox(alike[like], title))
	}
	return slices.Concat(bad, shared)
}

// worstFirst orders the states of node pools.
func worstFirst(a, b catalog.State) int {
	return cmp.Compare(slices.Index(catalog.States, b), slices.Index(catalog.States, a))
}

// poolBox draws node pools of the same mode, operating system and state.
func (a artist) poolBox(pools []v1alpha1.NodePool, title string) Box {
	first := pools[0]
	b := Box{Title: cmp.Or(title, first.Name), State: poolState(first, a.all), Fault: a.pools[first.Name]}
	if kind := joined(slices.DeleteFunc([]string{first.Mode, first.OS}, func(s string) bool { return s == "" })); kind != "" {
		b.Title += " (" + kind + ")"
	}
	var ready, nodes int32
	for _, pool := range pools {
		ready, nodes = ready+number(pool.Ready), nodes+number(pool.Nodes)
	}
	b.Lines = append(b.Lines, fmt.Sprintf("%d/%d nodes ready", ready, nodes))
	for _, v := range []struct {
		what, several string
		of            func(v1alpha1.NodePool) string
	}{
		{"kubelet", "kubelet versions", func(p v1alpha1.NodePool) string { return p.KubeletVersions }},
		{"", "container runtimes", func(p v1alpha1.NodePool) string { return p.ContainerRuntimes }},
		{"", "node images", func(p v1alpha1.NodePool) string { return p.NodeImages }},
	} {
		distinct := map[string]bool{}
		for _, pool := range pools {
			distinct[v.of(pool)] = true
		}
		switch version := v.of(first); {
		case len(distinct) > 1:
			b.Lines = append(b.Lines, fmt.Sprintf("%d %s", len(distinct), v.several))
		case version != "":
			b.Lines = append(b.Lines, strings.TrimSpace(v.what+" "+version))
		}
	}
	return b
}
