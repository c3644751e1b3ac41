// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// Filter is a word for some of the components.
type Filter string

// filters are all of them, with the components that they are for.
var filters = []struct {
	name  Filter
	holds func(component) bool
}{
	{"unhealthy", unhealthy},
	{"missing", func(c component) bool { return c.state == catalog.Missing }},
	{"unknown", component.doubtful},
	{"minor", component.tolerates},
	{"different", component.differs},
	{"healthy", func(c component) bool { return c.state == catalog.Healthy || c.state == catalog.Progressing }},
	{"absent", func(c component) bool { return c.state == catalog.Absent }},
}

// Filters returns every filter, the worst first.
func Filters() []Filter {
	out := make([]Filter, len(filters))
	for i, f := range filters {
		out[i] = f.name
	}
	return out
}

func (f Filter) holds(c component) bool {
	for _, known := range filters {
		if known.name == f {
			return known.holds(c)
		}
	}
	return false
}

// eitherFilter joins filters for a sentence.
func eitherFilter(chosen []Filter) string {
	words := make([]string, len(chosen))
	for i, f := range chosen {
		words[i] = string(f)
	}
	return msg.Either(words)
}
