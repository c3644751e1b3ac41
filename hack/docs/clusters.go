// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/test/shapes"
)

// clusterPage is what clusters.md shows.
type clusterPage struct {
	Shapes []*shapes.Shape
	Tables []clusterTable
}

// clusterTable is the rows of one category on every shape.
type clusterTable struct {
	Category v1alpha1.Category
	Mappings []string
	Lines    []clusterLine
}

type clusterLine struct {
	Shape string
	Cells []string
}

func clusters() (*clusterPage, error) {
	page := &clusterPage{}
	for _, name := range shapes.Names() {
		shape, err := shapes.Load(name)
		if err != nil {
			return nil, err
		}
		page.Shapes = append(page.Shapes, shape)
	}
	rows, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	for _, category := range v1alpha1.Categories {
		page.Tables = append(page.Tables, tabulate(category, rows.Mappings, page.Shapes))
	}
	return page, nil
}

func tabulate(category v1alpha1.Category, rows []v1alpha1.ComponentMapping, all []*shapes.Shape) clusterTable {
	t := clusterTable{Category: category}
	for i := range rows {
		if rows[i].Spec.Category == category {
			t.Mappings = append(t.Mappings, rows[i].Name)
		}
	}
	for _, shape := range all {
		line := clusterLine{Shape: shape.Name}
		for _, name := range t.Mappings {
			line.Cells = append(line.Cells, verdict(shape.Expected[name]))
		}
		t.Lines = append(t.Lines, line)
	}
	return t
}

// verdict in few characters: the variants that are found, and what is remarkable.
func verdict(e shapes.Expected) string {
	status, reason, _ := strings.Cut(e.Present, "/")
	switch {
	case status == "False":
		return "–"
	case status != "True":
		return "? " + reason
	}
	text := strings.Join(e.Variants, ", ")
	if strings.HasPrefix(e.AsDocumented, "False/") {
		text += " ≠"
	}
	if healthy, why, _ := strings.Cut(e.Healthy, "/"); healthy != "True" && !slices.Contains(unvoted, why) {
		text += " (" + why + ")"
	}
	return text
}

// unvoted are the reasons for which a component that is there has no verdict on its health, and needs none.
var unvoted = []string{v1alpha1.ReasonHealthNotObservable}
