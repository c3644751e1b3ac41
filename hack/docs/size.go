// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/test/faults"
)

// sizePage is what size.md shows.
type sizePage struct {
	Shape  string
	Sizes  []sizeOfCluster
	Faults []sizeLine
}

type sizeOfCluster struct {
	Nodes int
	Pools string
}

type sizeLine struct {
	Name  string
	Cells []string
}

func sizes() (*sizePage, error) {
	table, err := faults.ReadSizes()
	if err != nil {
		return nil, err
	}
	page := &sizePage{Shape: table.Shape}
	for _, s := range table.Sizes {
		var pools []string
		for _, p := range s.Pools {
			pools = append(pools, fmt.Sprintf("%s %d", p.Name, p.Count))
		}
		page.Sizes = append(page.Sizes, sizeOfCluster{Nodes: s.Nodes(), Pools: strings.Join(pools, ", ")})
	}
	for _, f := range table.Faults {
		line := sizeLine{Name: f.Name}
		for _, s := range table.Sizes {
			line.Cells = append(line.Cells, describeTurns(f.Expect[strconv.Itoa(s.Nodes())]))
		}
		page.Faults = append(page.Faults, line)
	}
	return page, nil
}

// describeTurns tells of the rows that somebody must act on, then of those that only tell of the fault.
func describeTurns(t faults.Turns) string {
	parts := []string{"nothing"}
	if len(t.Red) > 0 {
		parts = nil
		byReason := map[string][]string{}
		for _, row := range slices.Sorted(maps.Keys(t.Red)) {
			byReason[t.Red[row]] = append(byReason[t.Red[row]], row)
		}
		for _, reason := range slices.Sorted(maps.Keys(byReason)) {
			parts = append(parts, fmt.Sprintf("**%s** `%s`", strings.Join(byReason[reason], ", "), reason))
		}
		parts = append(parts, msg.Count(t.Causes, "cause"))
	}
	for _, reason := range slices.Sorted(maps.Keys(t.Minor)) {
		rows := t.Minor[reason]
		text := strings.Join(rows, ", ")
		if len(rows) > msg.MaxNames {
			text = msg.Count(len(rows), "row")
		}
		parts = append(parts, fmt.Sprintf("told: %s `%s`", text, reason))
	}
	return strings.Join(parts, "; ")
}
