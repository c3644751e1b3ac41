// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/test/shapes"
)

// extraRow is one variant of a mapping of the extras.
type extraRow struct {
	Mapping, Component, Variant, OperatedBy, Evidence, Source string
}

func extras() ([]extraRow, error) {
	shown, err := shownBy()
	if err != nil {
		return nil, err
	}
	c, err := catalog.Load(catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	var rows []extraRow
	for i := range c.Mappings {
		m := &c.Mappings[i]
		for _, v := range m.Spec.Variants {
			rows = append(rows, extraRow{
				Mapping: m.Name, Component: m.Spec.Component, Variant: v.Name, OperatedBy: string(cmp.Or(v.OperatedBy, m.Spec.OperatedBy)),
				Evidence: evidence(v.Description, shown[m.Name+"/"+v.Name]), Source: source(&m.Spec.Implementation),
			})
		}
	}
	return rows, nil
}

// shownBy is the first shape that shows a variant, by mapping/variant.
func shownBy() (map[string]string, error) {
	shown := map[string]string{}
	for _, name := range shapes.Names() {
		shape, err := shapes.Load(name)
		if err != nil {
			return nil, err
		}
		for mapping, expected := range shape.Expected {
			for _, variant := range expected.Variants {
				key := mapping + "/" + variant
				shown[key] = cmp.Or(shown[key], name)
			}
		}
	}
	return shown, nil
}

// evidence says where what a variant looks for is known from.
func evidence(description, shape string) string {
	switch {
	case shape != "":
		return "shape `" + shape + "`"
	case strings.Contains(description, "not seen on a cluster"):
		return "inferred from documentation"
	case strings.Contains(description, "public listings of clusters"):
		return "public listings of clusters"
	default:
		return "manifests of its maker"
	}
}

func source(doc *v1alpha1.Implementation) string {
	if len(doc.References) > 0 {
		return "[" + doc.References[0].Name + "](" + string(doc.References[0].URL) + ")"
	}
	return doc.Source.Name
}
