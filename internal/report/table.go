// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Table lists the components in the columns of kubectl get componentmappings; wide adds those of -o wide, where kubectl
// has them. Its notes are those of the report.
func Table(r *Report, wide bool) Grid {
	g := r.tableOf(r.components(), wide)
	g.Notes = r.Notes()
	return g
}

// tableOf lists some components. What a terminal has no room for goes without: what archmap knows of a component, before
// what it says of it.
func (r *Report) tableOf(components []component, wide bool) Grid {
	g := Grid{Header: named(wide, headName, headComponent), Optional: []string{headMethod, headImplementation, headVersion}}
	g.Header = append(g.Header, headImplementation, headMethod, "Present", "Healthy", "Since", headVersion)
	if wide {
		g.Header = append(g.Header, "Category", "Variant", "Evidence", "As-Documented", "Operated-By", "Ready", headMessage)
	}
	for _, c := range components {
		cells := append(row(named(wide, c.Name, c.Spec.Component)...), row(c.Status.Implementation, c.Status.MethodSummary)...)
		for _, t := range []string{v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy} {
			cells = append(cells, Cell{Text: string(c.is(t).Status), State: c.state})
		}
		cells = append(cells, r.sinceCell(c.since()), Cell{Text: c.Status.Version})
		if wide {
			cells = append(cells, row(string(c.Spec.Category), c.Status.Variant, string(c.Status.Evidence),
				string(c.is(v1alpha1.ConditionAsDocumented).Status), string(c.operatedBy()),
				string(c.is(v1alpha1.ConditionReady).Status), c.Status.Message)...)
		}
		g.Rows = append(g.Rows, cells)
	}
	return g
}

// named returns what a row begins with: the name and, when wide, the words of the document.
func named(wide bool, name, component string) []string {
	if wide {
		return []string{name, component}
	}
	return []string{name}
}

// sinceCell returns how long ago something was, and when; empty when that is not known.
func (r *Report) sinceCell(t time.Time) Cell {
	if age := r.age(t); age != "" {
		return Cell{Text: age, Exact: stamp(t)}
	}
	return Cell{}
}

// NodePools lists the node pools. Its notes name pools that are being upgraded.
func NodePools(r *Report) Grid {
	g := Grid{Header: []string{"Pool", "Mode", "OS", "Ready", "Kubelet", "Runtime", headImage}}
	components := r.components()
	for _, pool := range r.Architecture.Status.NodePools {
		cells := row(pool.Name, pool.Mode, pool.OS)
		cells = append(cells, Cell{Text: readyNodes(pool), State: poolState(pool, components)})
		g.Rows = append(g.Rows, append(cells, row(pool.KubeletVersions, pool.ContainerRuntimes, pool.NodeImages)...))
	}
	for _, s := range r.upgrades() {
		g.Notes = append(g.Notes, "Node pool "+s.Name+": "+s.Message)
	}
	return g
}

// upgrades returns the pools whose nodes are not alike, as while they are upgraded. That is supported.
func (r *Report) upgrades() []v1alpha1.VersionSkew {
	return slices.DeleteFunc(slices.Clone(r.Architecture.Status.Skews), unsupported)
}

// unsupported reports whether versions must not differ so.
func unsupported(s v1alpha1.VersionSkew) bool {
	return s.Type != v1alpha1.SkewMixedKubelets && s.Type != v1alpha1.SkewMixedNodeImages
}

// Advisories lists the advisories on present components: retirements, renames and the like.
func Advisories(r *Report) Grid {
	g := Grid{Header: []string{headName, headComponent, "Type", "Date", headMessage, "URL"}}
	for _, a := range r.advisories() {
		cells := row(a.component.Name, a.component.Spec.Component, string(a.Type), r.when(&a.Advisory), a.Message, webAddress(a.URL))
		cells[3].Exact = a.Date
		g.Rows = append(g.Rows, cells)
	}
	return g
}

func readyNodes(pool v1alpha1.NodePool) string {
	return fmt.Sprintf("%d/%d", number(pool.Ready), number(pool.Nodes))
}
