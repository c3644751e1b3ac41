// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
)

// Cluster is one of several that are shown together.
type Cluster struct {
	// Name of the cluster, such as its context.
	Name string
	// Report of it; nil when it could not be read, and Err says why.
	Report *Report
	Err    error
}

// Clusters lists components x clusters: the state of each; when wide, what the document calls it, and
// the version where it has one.
func Clusters(clusters []Cluster, wide bool) Grid {
	g := Grid{Header: named(wide, headName, headComponent)}
	first := func(name, component string) []Cell { return row(named(wide, name, component)...) }
	verdicts, versions, pools := first("(verdict)", ""), first("(Kubernetes)", ""), first("(nodes ready)", "")
	for _, c := range clusters {
		g.Header = append(g.Header, c.Name)
		if c.Report == nil {
			verdicts = append(verdicts, Cell{Text: catalog.Unknown.Mark() + " not read", State: catalog.Unknown})
			versions, pools = append(versions, Cell{}), append(pools, Cell{})
			g.Notes = append(g.Notes, c.Name+": "+reasonOf(c.Err))
			continue
		}
		v := c.Report.Verdict()
		verdicts = append(verdicts, Cell{Text: v.Mark() + " " + v.WordOfWhole(), State: v})
		versions = append(versions, Cell{Text: c.Report.Architecture.Status.KubernetesVersion})
		pools = append(pools, readyCell(c.Report))
	}
	g.Rows = [][]Cell{verdicts, versions, pools}
	for _, m := range union(clusters) {
		cells := first(m.Name, m.Spec.Component)
		for _, c := range clusters {
			cells = append(cells, clusterCell(c, m.Name, wide))
		}
		g.Rows = append(g.Rows, cells)
	}
	return g
}

func reasonOf(err error) string {
	if err == nil {
		return "not read yet"
	}
	return err.Error()
}

func readyCell(r *Report) Cell {
	ready, total := r.nodes()
	pool := v1alpha1.NodePool{Nodes: &total, Ready: &ready}
	return Cell{Text: readyNodes(pool), State: poolState(pool, r.components())}
}

func clusterCell(c Cluster, name string, wide bool) Cell {
	if c.Report == nil {
		return Cell{}
	}
	found, ok := c.Report.component(name)
	if !ok {
		return Cell{Text: "(no mapping)", State: catalog.Absent}
	}
	text := found.state.Mark() + " " + found.state.Word()
	if wide && found.Status.Version != "" {
		text += " " + found.Status.Version
	}
	return Cell{Text: text, State: found.state}
}

// union of the components of all clusters, in the order of the table.
func union(clusters []Cluster) []component {
	var all Report
	seen := map[string]bool{}
	for _, c := range clusters {
		if c.Report == nil {
			continue
		}
		for _, m := range c.Report.Mappings {
			if !seen[m.Name] {
				seen[m.Name] = true
				all.Mappings = append(all.Mappings, m)
			}
		}
	}
	return all.components()
}

// ConcernsOf returns what is of concern about any of the clusters, in no order. What is in a cluster that could not be
// read is unknown.
func ConcernsOf(clusters []Cluster) []Concern {
	var all []Concern
	for _, c := range clusters {
		if c.Report == nil {
			all = append(all, ConcernUnknown)
		} else {
			all = append(all, c.Report.Concerns()...)
		}
	}
	return all
}
