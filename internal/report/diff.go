// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// Departure is a difference between a cluster and its documentation.
type Departure struct {
	// Name of the mapping, of the violated rule, or of what has an unsupported version.
	Name      string `json:"name"`
	Component string `json:"component"`
	// Reason in one word: Method, Image, MinVersion, VersionSkew, NotFound, RulesViolated, NewerThanAPIServer,
	// TooFarBehind or TooFarFromKubelets.
	Reason     string `json:"reason"`
	Documented string `json:"documented"`
	Observed   string `json:"observed"`
	Message    string `json:"message"`
	// Correction of the catalog that explains it; empty for what is not known.
	Correction string `json:"correction,omitempty"`
}

// Departures lists the differences between a cluster and its documentation: components in the order of the table, then
// violated rules, then unsupported versions. Absent optional components are no departures, nor is anything unknown. What
// the catalog itself explains is listed only when strict.
func Departures(r *Report, strict bool) []Departure {
	words := r.platform()
	out := []Departure{}
	for _, c := range r.components() {
		out = append(out, c.departures(words, strict)...)
	}
	for _, v := range r.Architecture.Status.Violations {
		out = append(out, Departure{Name: v.Rule, Component: "rule " + v.Rule, Reason: v1alpha1.ReasonRulesViolated,
			Documented: r.ruled(v.Rule), Message: v.Message})
	}
	for _, s := range r.Architecture.Status.Skews {
		if unsupported(s) {
			out = append(out, r.skewed(s))
		}
	}
	return out
}

// departures of a component: that it is missing, or each of its differences.
func (c component) departures(words platform, strict bool) []Departure {
	doc := c.Spec.Implementation
	if c.state == catalog.Missing {
		present := c.is(v1alpha1.ConditionPresent)
		return []Departure{{Name: c.Name, Component: c.Spec.Component, Reason: present.Reason, Message: present.Message,
			Documented: doc.Name + ", " + words.methodNames(doc.Methods), Observed: c.state.Word()}}
	}
	var out []Departure
	for _, d := range c.Status.Differences {
		if d.Correction != "" && !strict {
			continue
		}
		x := Departure{Name: c.Name, Component: c.Spec.Component, Reason: string(d.Type), Documented: d.Documented, Observed: d.Observed,
			Message: catalog.DescribeDifference(d), Correction: d.Correction}
		switch d.Type {
		case v1alpha1.DifferenceMethod:
			x.Documented, x.Observed = words.methodNames(doc.Methods), words.methodNames(c.Status.Methods)
		case v1alpha1.DifferenceMinVersion:
			x.Documented += " or newer"
		case v1alpha1.DifferenceVersionSkew:
			x.Documented = "one minor version"
		}
		out = append(out, x)
	}
	return out
}

// knownDifferences names the components that differ from their documentation as the catalog says; empty without any.
func (r *Report) knownDifferences() string {
	var names []string
	for _, x := range Departures(r, true) {
		if x.Correction != "" && !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "Known differences, explained by Corrections: " + joined(names) + "."
}

// ruled returns what a rule demands: ExactlyOne of kubenet, azure-cni.
func (r *Report) ruled(name string) string {
	for _, rule := range r.Architecture.Spec.Rules {
		if rule.Name != name {
			continue
		}
		members := make([]string, len(rule.Components))
		for i, m := range rule.Components {
			members[i] = string(m)
		}
		return string(rule.Type) + " of " + joined(members)
	}
	return ""
}

// skewed returns a version that is not supported. A skew names a mapping, or one variant of it.
func (r *Report) skewed(s v1alpha1.VersionSkew) Departure {
	most := msg.Count(catalog.MaxMinorsBehind(&r.Architecture), "minor version")
	documented := fmt.Sprintf("at most %s older than the API server, never newer", most)
	if s.Type == v1alpha1.SkewTooFarFromKubelets {
		documented = fmt.Sprintf("at most %s away from the kubelets", most)
	}
	x := Departure{Name: s.Name, Component: s.Name, Reason: string(s.Type), Documented: documented, Message: s.Message}
	mapping, _, _ := strings.Cut(s.Name, "/")
	if c, ok := r.component(mapping); ok {
		x.Component, x.Observed = c.Spec.Component, c.Status.Version
	}
	return x
}

// DepartureTable returns departures as a table.
func DepartureTable(departures []Departure) Grid {
	g := Grid{Header: []string{headName, headComponent, "Reason", "Documented", "Observed", headMessage}}
	for _, x := range departures {
		message := x.Message
		if x.Correction != "" {
			message = "known: " + x.Correction
		}
		g.Rows = append(g.Rows, row(x.Name, x.Component, x.Reason, x.Documented, x.Observed, message))
	}
	return g
}

// Comparison is the changes between two reports.
type Comparison struct {
	metav1.TypeMeta `json:",inline"`

	From    Side     `json:"from"`
	To      Side     `json:"to"`
	Changes []Change `json:"changes"`
}

// Side is one of the reports.
type Side struct {
	Source            string      `json:"source"`
	ObservedAt        metav1.Time `json:"observedAt"`
	KubernetesVersion string      `json:"kubernetesVersion,omitempty"`
}

// ChangeKind is the kind of a change.
type ChangeKind string

// The kinds of changes, in the order of listings.
const (
	// Added: it is only in the second report.
	Added ChangeKind = "Added"
	// Gone: it is only in the first report.
	Gone ChangeKind = "Gone"
	// NotComparable: it is known in one report only.
	NotComparable ChangeKind = "NotComparable"
	// ImplementationChanged: another implementation or variant.
	ImplementationChanged ChangeKind = "Implementation"
	// MethodChanged: another implementation method.
	MethodChanged ChangeKind = "Method"
	// VersionChanged: another version.
	VersionChanged ChangeKind = headVersion
	// HealthChanged: another state of health.
	HealthChanged ChangeKind = "Health"
	// DocumentationChanged: it departs from its documentation, or does so no longer.
	DocumentationChanged ChangeKind = "AsDocumented"
	// NodesChanged: another number of nodes, or of ready ones.
	NodesChanged ChangeKind = "Nodes"
	// ImageChanged: another node image.
	ImageChanged ChangeKind = "NodeImage"
	// ConditionChanged: the cluster as a whole is complete, or its versions are supported, or no longer so.
	ConditionChanged ChangeKind = "Condition"
)

// Change is a single change.
type Change struct {
	// Name of the mapping, of the node pool as pool/name, or "cluster".
	Name      string     `json:"name"`
	Component string     `json:"component"`
	Kind      ChangeKind `json:"kind"`
	From      string     `json:"from"`
	To        string     `json:"to"`
}

// Compare lists the changes from one report to another: before and after an upgrade, or between two clusters.
func Compare(from, to *Report) Comparison {
	out := Comparison{TypeMeta: exported("Comparison"), From: side(from), To: side(to), Changes: []Change{}}
	out.cluster(from, to)
	after := map[string]component{}
	for _, c := range to.components() {
		after[c.Name] = c
	}
	before := map[string]bool{}
	for _, a := range from.components() {
		before[a.Name] = true
		if b, ok := after[a.Name]; ok {
			out.component(a, b)
		} else {
			out.component(a, component{ComponentMapping: absentMapping(a), state: catalog.Absent})
		}
	}
	for _, b := range to.components() {
		if !before[b.Name] {
			out.component(component{ComponentMapping: absentMapping(b), state: catalog.Absent}, b)
		}
	}
	out.pools(from, to)
	return out
}

// cluster compares the clusters as wholes. That one is unhealthy follows from its components.
func (x *Comparison) cluster(from, to *Report) {
	const name = "cluster"
	kind := VersionChanged
	if x.From.KubernetesVersion == "" || x.To.KubernetesVersion == "" {
		kind = NotComparable
	}
	x.note(name, "Kubernetes", kind, cmp.Or(x.From.KubernetesVersion, catalog.Unknown.Word()), cmp.Or(x.To.KubernetesVersion, catalog.Unknown.Word()))
	if !from.judged() || !to.judged() {
		return
	}
	for _, t := range []string{v1alpha1.ConditionPlatformDetected, v1alpha1.ConditionComplete, v1alpha1.ConditionVersionsSupported} {
		was, is := from.condition(t), to.condition(t)
		x.note(name, t, ConditionChanged, reasoned(was.Status, was.Reason), reasoned(is.Status, is.Reason))
	}
}

func side(r *Report) Side {
	return Side{Source: r.Source, ObservedAt: metav1.NewTime(r.ObservedAt), KubernetesVersion: r.Architecture.Status.KubernetesVersion}
}

// absentMapping stands for a mapping that a report has not.
func absentMapping(c component) *v1alpha1.ComponentMapping {
	m := &v1alpha1.ComponentMapping{Spec: c.Spec}
	m.Name = c.Name
	m.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPresent, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotFound}}
	return m
}

func (x *Comparison) note(name, what string, kind ChangeKind, from, to string) {
	if from != to {
		x.Changes = append(x.Changes, Change{Name: name, Component: what, Kind: kind, From: from, To: to})
	}
}

// noteKnown leaves out what is not known of one side: nodes that are stopped say nothing.
func (x *Comparison) noteKnown(name, what string, kind ChangeKind, from, to string) {
	if from != "" && to != "" {
		x.note(name, what, kind, from, to)
	}
}

func (x *Comparison) component(a, b component) {
	name, what := b.Name, b.Spec.Component
	wasThere, isThere := a.isPresent(), b.isPresent()
	switch {
	case (a.state == catalog.Unknown) != (b.state == catalog.Unknown):
		x.note(name, what, NotComparable, stateAndReason(a), stateAndReason(b))
		return
	case !wasThere && isThere:
		x.note(name, what, Added, a.state.Word(), inShort(b))
		return
	case wasThere && !isThere:
		x.note(name, what, Gone, inShort(a), b.state.Word())
		return
	}
	if wasThere && isThere {
		x.note(name, what, ImplementationChanged, implementationAndVariants(a), implementationAndVariants(b))
	}
	x.note(name, what, MethodChanged, catalog.ShortMethods(a.Status.Methods), catalog.ShortMethods(b.Status.Methods))
	x.note(name, what, VersionChanged, versions(a), versions(b))
	if a.state != b.state {
		x.note(name, what, HealthChanged, stateAndReason(a), stateAndReason(b))
	}
	was, now := a.is(v1alpha1.ConditionAsDocumented), b.is(v1alpha1.ConditionAsDocumented) // what is known is no news
	x.note(name, what, DocumentationChanged, reasoned(was.Status, was.Reason), reasoned(now.Status, now.Reason))
}

// versions returns all versions in use with their counts. How many pods are ready is not a matter of versions.
func versions(c component) string {
	if len(c.Status.Versions) < 2 {
		return c.Status.Version
	}
	var parts []string
	for _, v := range c.Status.Versions {
		parts = append(parts, fmt.Sprintf("%s (%d)", v.Version, v.Count))
	}
	return strings.Join(parts, ", ")
}

func stateAndReason(c component) string { return reasonedState(c.state, c.reason()) }

// reasonedState returns a state with its reason, unless that says no more.
func reasonedState(s catalog.State, reason string) string {
	if s == catalog.Absent || slices.Contains([]string{"", v1alpha1.ReasonAllChecksPass, v1alpha1.ReasonProgressing}, reason) {
		return s.Word()
	}
	return s.Word() + " (" + reason + ")"
}

// inShort returns a component that came or went, in a few words.
func inShort(c component) string {
	parts := []string{c.implementation(), catalog.ShortMethods(c.Status.Methods), c.Status.Version, stateAndReason(c)}
	return joined(slices.DeleteFunc(parts, func(s string) bool { return s == "" }))
}

func implementationAndVariants(c component) string {
	if len(c.Status.Variants) == 0 {
		return c.implementation()
	}
	return c.implementation() + " [" + strings.Join(c.Status.Variants, " ") + "]"
}

func (x *Comparison) pools(from, to *Report) {
	after := map[string]v1alpha1.NodePool{}
	for _, p := range to.Architecture.Status.NodePools {
		after[p.Name] = p
	}
	before := map[string]bool{}
	for _, a := range from.Architecture.Status.NodePools {
		before[a.Name] = true
		name, what := "pool/"+a.Name, "node pool "+a.Name
		b, ok := after[a.Name]
		if !ok {
			x.note(name, what, Gone, describedPool(a), "")
			continue
		}
		x.note(name, what, NodesChanged, readyNodes(a), readyNodes(b))
		x.noteKnown(name, what, VersionChanged, a.KubeletVersions, b.KubeletVersions)
		x.noteKnown(name, what, ImageChanged, a.NodeImages, b.NodeImages)
	}
	for _, b := range to.Architecture.Status.NodePools {
		if !before[b.Name] {
			x.note("pool/"+b.Name, "node pool "+b.Name, Added, "", describedPool(b))
		}
	}
}

func describedPool(p v1alpha1.NodePool) string {
	return strings.TrimSuffix(readyNodes(p)+" ready, kubelet "+p.KubeletVersions, ", kubelet ")
}

// Table returns the changes as a table.
func (x Comparison) Table() Grid {
	g := Grid{Header: []string{headName, headComponent, "Change", "From", "To"}}
	for _, c := range x.Changes {
		g.Rows = append(g.Rows, row(c.Name, c.Component, string(c.Kind), c.From, c.To))
	}
	return g
}
