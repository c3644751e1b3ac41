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

// Diagram is the architecture as groups of boxes, from the control plane down to the add-ons. Every renderer
// draws the same one.
type Diagram struct {
	Title, Subtitle string
	Groups          []Group
}

// Group is a part of the architecture: boxes, or groups of them.
type Group struct {
	Title, Note string
	// Arrow is what the part above does with this one; without it no arrow leads here.
	Arrow  string
	Boxes  []Box
	Groups []Group
	// Folded says that the names of the boxes are enough.
	Folded bool
}

// Box is a component, a node pool, or anything else with a state.
type Box struct {
	// Name of the mapping; empty for what is none.
	Name  string
	Title string
	Lines []string
	// State colors the box; it is empty for what has none.
	State catalog.State
	// Fault is the reason of the cause that is drawn here: nothing else shows it as its own.
	Fault string
	// Affected are the reasons of the causes that are drawn elsewhere and affect this.
	Affected []string
	// Differs marks a component that is not as documented.
	Differs bool
}

// Light reports whether a box is only marked lightly: what is wrong with it is drawn elsewhere.
func (b Box) Light() bool { return b.State.Bad() && b.Fault == "" && len(b.Affected) > 0 }

// Note says which causes are drawn here and which affect the box; empty where there are none.
func (b Box) Note() string {
	var notes []string
	switch {
	case b.Fault != "" && b.State.Bad():
		notes = append(notes, b.Fault)
	case b.Fault != "":
		notes = append(notes, "minor: "+b.Fault)
	}
	if len(b.Affected) > 0 {
		notes = append(notes, "affected by "+joined(b.Affected))
	}
	return joined(notes)
}

// DiagramOptions configure Draw.
type DiagramOptions struct {
	// Documented draws the documentation instead of the cluster: no states, no pools.
	Documented bool
	// OmitAbsent leaves out what is not in the cluster and need not be.
	OmitAbsent bool
	// Uncounted leaves out how many there are of what, for where that is said already.
	Uncounted bool
}

// Draw draws a report.
func Draw(r *Report, o DiagramOptions) Diagram {
	a := artist{Report: r, DiagramOptions: o, words: r.platform(), all: r.components()}
	if r.isElsewhere() && !o.Documented {
		a.words = someplace
	}
	if !o.Documented {
		a.places = r.places(a.all)
	}
	d := Diagram{Title: a.words.short + " cluster architecture", Subtitle: a.subtitle()}
	others := Group{Title: "At fault", Note: "not a component", Boxes: a.others}
	for _, g := range []Group{others, a.controlPlane(), a.cloudAPI(), a.nodePools(), a.addOns(), a.absent()} {
		if len(g.Boxes)+len(g.Groups) > 0 {
			d.Groups = append(d.Groups, g)
		}
	}
	if len(d.Groups) > 0 {
		d.Groups[0].Arrow = ""
	}
	return d
}

// artist draws one report.
type artist struct {
	*Report
	DiagramOptions
	places
	words platform
	all   []component
}

func (a artist) subtitle() string {
	if a.Documented {
		return "as documented"
	}
	var parts []string
	if v := Clean(a.Architecture.Status.KubernetesVersion); v != "" {
		parts = append(parts, "Kubernetes "+v)
	}
	if a.isElsewhere() {
		parts = append(parts, "not "+a.platform().short)
	}
	if !a.Uncounted {
		parts = append(parts, summary(a.all))
	}
	return joined(parts)
}

// methods returns the observed ones, or the documented ones where those are drawn.
func (a artist) methods(c component) []v1alpha1.ImplementationMethod {
	if a.Documented {
		return c.Spec.Implementation.Methods
	}
	return c.Status.Methods
}

// hidden says which of the methods are the provider's own affair.
func hidden(m v1alpha1.ImplementationMethod) bool { return m == v1alpha1.MethodPlatformService }

// beside reports whether a component, or a part of it, is beside the API server; inside that it, or the other part,
// is in the cluster. A CSI driver whose controller is hidden is drawn in both places.
func (a artist) beside(c component) bool {
	return c.Spec.Placement == v1alpha1.PlacementControlPlane || slices.ContainsFunc(a.methods(c), hidden)
}

func (a artist) inside(c component) bool {
	visible := func(m v1alpha1.ImplementationMethod) bool { return !hidden(m) }
	return c.Spec.Placement != v1alpha1.PlacementControlPlane && (len(a.methods(c)) == 0 || slices.ContainsFunc(a.methods(c), visible))
}

// draws reports whether a component is drawn in its place, not among the absent ones.
func (a artist) draws(c component) bool { return a.Documented || c.state != catalog.Absent }

func (a artist) controlPlane() Group {
	g := Group{Title: a.words.provider + " control plane", Note: "managed, observed indirectly"}
	if a.words.provider == someProvider {
		g.Title = "Control plane"
	}
	part := func(m v1alpha1.ImplementationMethod) bool { return hidden(m) }
	managed := false
	for _, c := range a.all {
		if !a.draws(c) || !a.beside(c) {
			continue
		}
		managed = managed || slices.ContainsFunc(a.methods(c), hidden)
		if a.inside(c) {
			g.Boxes = append(g.Boxes, a.box(c, part))
		} else {
			g.Boxes = append(g.Boxes, a.box(c, nil))
		}
	}
	if !managed {
		g.Title, g.Note = "Control plane", ""
	}
	return g
}

// cloudAPI is out of sight from inside a cluster, so it has no state.
func (a artist) cloudAPI() Group {
	if len(a.all) == 0 || a.words.provider == someProvider {
		return Group{}
	}
	return Group{
		Title: a.words.provider, Note: "not visible from inside the cluster", Arrow: "creates machines, disks, routes and load balancers",
		Boxes: []Box{{Title: a.words.api}},
	}
}

func (a artist) nodePools() Group {
	g := Group{Arrow: "nodes"}
	if !a.Documented {
		g.Boxes = a.poolBoxes()
	}
	g.Title, g.Note = a.nodesTitle()
	every := Group{Title: "On every node"}
	for _, c := range a.all {
		if a.draws(c) && a.inside(c) && c.Spec.Placement == v1alpha1.PlacementNode {
			every.Boxes = append(every.Boxes, a.box(c, func(m v1alpha1.ImplementationMethod) bool { return !hidden(m) }))
		}
	}
	if len(every.Boxes) > 0 {
		g.Groups = append(g.Groups, every)
	}
	return g
}

func (a artist) nodesTitle() (title, note string) {
	pools := len(a.Architecture.Status.NodePools)
	if pools == 0 && !a.Documented {
		return "Nodes", ""
	}
	title = "Node pools"
	if a.Uncounted || a.Documented {
		return title, ""
	}
	ready, total := a.nodes()
	return title, fmt.Sprintf("%s, %d of %s ready", msg.Count(pools, "pool"), ready, msg.Count(int(total), "node"))
}

// addOns returns what runs somewhere on the nodes, by category.
func (a artist) addOns() Group {
	g := Group{Title: "In the cluster", Note: "on any node", Arrow: "run"}
	for _, category := range v1alpha1.Categories {
		in := Group{Title: categoryTitle(category)}
		for _, c := range a.all {
			if c.Spec.Category == category && c.Spec.Placement == v1alpha1.PlacementCluster && a.draws(c) && a.inside(c) {
				in.Boxes = append(in.Boxes, a.box(c, nil))
			}
		}
		if len(in.Boxes) > 0 {
			g.Groups = append(g.Groups, in)
		}
	}
	return g
}

func (a artist) absent() Group {
	g := Group{Title: "Not installed", Note: "optional", Folded: true}
	if a.isElsewhere() {
		g.Title, g.Note = "Not found", "as "+a.platform().short+" implements it"
	}
	for _, c := range a.all {
		if !a.OmitAbsent && !a.draws(c) {
			g.Boxes = append(g.Boxes, a.box(c, nil))
		}
	}
	return g
}

// box draws a component, or that part of it which runs by some of its methods.
func (a artist) box(c component, part func(v1alpha1.ImplementationMethod) bool) Box {
	methods := slices.Clone(a.methods(c))
	if part != nil {
		methods = slices.DeleteFunc(methods, func(m v1alpha1.ImplementationMethod) bool { return !part(m) })
	}
	b := Box{Name: c.Name, Title: cmp.Or(c.Spec.Component, c.Name)}
	name := c.Spec.Implementation.Name
	if !a.Documented {
		b.State, b.Differs = c.state, c.differs()
		b.Fault, b.Affected = a.faults[c.Name], a.affected[c.Name]
		if b.Fault != "" && part != nil && part(v1alpha1.MethodPlatformService) { // the half that is in the cluster shows it
			b.Fault, b.Affected = "", append([]string{b.Fault}, b.Affected...)
		}
		name = c.implementation()
	}
	if name != b.Title {
		b.Lines = append(b.Lines, name)
	}
	how := catalog.ShortMethods(methods)
	// The version is that of the observed part, not of the hidden one.
	if !a.Documented && c.Status.Version != "" && (part == nil || !slices.ContainsFunc(methods, hidden)) {
		how = strings.TrimSpace(how + " " + c.Status.Version)
	}
	if how != "" {
		b.Lines = append(b.Lines, how)
	}
	return b
}

// titles of the boxes.
func (g Group) titles() []string {
	out := make([]string, len(g.Boxes))
	for i := range g.Boxes {
		out[i] = g.Boxes[i].Title
	}
	return out
}

// batches puts small groups side by side, where so many boxes go into a row.
func batches(groups []Group, perRow int) [][]Group {
	var out [][]Group
	room := 0
	for _, g := range groups {
		if n := len(g.Boxes); len(out) > 0 && n <= room {
			out[len(out)-1] = append(out[len(out)-1], g)
			room -= n
		} else {
			out = append(out, []Group{g})
			room = perRow - n
		}
	}
	return out
}

// status returns the state of a box in words.
func (b Box) status() string {
	text := ""
	if b.State != "" {
		text = b.State.Mark() + " " + b.State.Word()
	}
	if note := b.Note(); note != "" {
		text += ", " + Clean(note)
	}
	if b.Differs {
		text += differsMark + " not as documented"
	}
	return strings.TrimSpace(text)
}

const differsMark = " ≠"

// Describe returns the diagram as text, for screen readers.
func (d Diagram) Describe() string {
	var out strings.Builder
	out.WriteString(Clean(d.Subtitle) + ".")
	for _, g := range d.Groups {
		g.describe(&out)
	}
	return out.String()
}

func (g Group) describe(out *strings.Builder) {
	title := Clean(g.Title)
	if g.Note != "" {
		title += " (" + Clean(g.Note) + ")"
	}
	var boxes []string
	for _, b := range g.Boxes {
		text := Clean(b.Title)
		if b.State != "" {
			text += " " + b.State.Word()
		}
		if note := b.Note(); note != "" {
			text += " (" + Clean(note) + ")"
		}
		if b.Differs {
			text += " and not as documented"
		}
		boxes = append(boxes, text)
	}
	if len(boxes) > 0 {
		out.WriteString(" " + title + ": " + joined(boxes) + ".")
	}
	for _, in := range g.Groups {
		in.describe(out)
	}
}

// states that occur in a diagram, in the order of listings; differs says that something is not as documented.
func (d Diagram) states() (states []catalog.State, differs bool) {
	seen := map[catalog.State]bool{}
	var visit func(g Group)
	visit = func(g Group) {
		for _, b := range g.Boxes {
			seen[b.State] = true
			differs = differs || b.Differs
		}
		for _, in := range g.Groups {
			visit(in)
		}
	}
	for _, g := range d.Groups {
		visit(g)
	}
	for _, s := range catalog.States {
		if seen[s] {
			states = append(states, s)
		}
	}
	return states, differs
}
