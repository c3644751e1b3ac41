// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/test/faults"
)

// faultPage is what faults.md shows.
type faultPage struct {
	Rows     []faultRow
	Faults   int
	Harmless []faults.Case
}

// faultRow is a row of the table with its faults.
type faultRow struct {
	Name, Component string
	Faults          []fault
}

// fault is what happens, what its row then says, and which other rows turn.
type fault struct {
	Name, Says, Others string
}

func faultTables() (*faultPage, error) {
	cases, err := faults.Faults()
	if err != nil {
		return nil, err
	}
	page := &faultPage{Faults: len(cases)}
	if page.Harmless, err = faults.Harmless(); err != nil {
		return nil, err
	}
	rows, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	for i := range rows.Mappings {
		row := faultRow{Name: rows.Mappings[i].Name, Component: rows.Mappings[i].Spec.Component}
		for _, c := range cases {
			if c.Row == row.Name {
				row.Faults = append(row.Faults, newFault(c))
			}
		}
		if len(row.Faults) > 0 {
			page.Rows = append(page.Rows, row)
		}
	}
	return page, nil
}

func newFault(c faults.Case) fault {
	f := fault{Name: c.Name}
	var others []string
	for _, e := range c.Expect {
		if slices.Contains(e.Rows, c.Row) {
			f.Says = conditions(e)
		}
		for _, row := range e.Rows {
			if row != c.Row {
				others = append(others, "`"+row+"`")
			}
		}
	}
	f.Others = strings.Join(others, " ")
	return f
}

// conditions that an expectation names.
func conditions(e faults.Expectation) string {
	var parts []string
	for _, c := range []struct{ name, verdict string }{{"Present", e.Present}, {"Healthy", e.Healthy}, {"AsDocumented", e.Documented}} {
		if c.verdict != "" {
			status, reason, _ := strings.Cut(c.verdict, "/")
			parts = append(parts, c.name+"="+status+" `"+reason+"`")
		}
	}
	return strings.Join(parts, ", ")
}
