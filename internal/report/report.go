// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report renders statuses for users: tables, the mapping document, diagrams, a page. It is pure: it has no client
// and no clock, so that a cluster, a dump and a test give the same text.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// Report is the statuses of one cluster at one time, whoever derived them. All renderers take it.
type Report struct {
	Architecture v1alpha1.ClusterArchitecture
	Mappings     []v1alpha1.ComponentMapping
	// Source is the name of the cluster: a context, or the file of a dump.
	Source string
	// ObservedAt is when the cluster was observed; ages are counted from then.
	ObservedAt time.Time
	// Part says that it is of some of the components only, so that it says nothing of the whole.
	Part bool
}

// Of returns the report of the mappings of these names alone.
func Of(r *Report, names []string) *Report {
	part := *r
	part.Part, part.Mappings = true, nil
	for i := range r.Mappings {
		if slices.Contains(names, r.Mappings[i].Name) {
			part.Mappings = append(part.Mappings, r.Mappings[i])
		}
	}
	part.Architecture.Status.Causes = slices.DeleteFunc(slices.Clone(r.Architecture.Status.Causes), func(c v1alpha1.Cause) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(c.Components, name) })
	})
	return &part
}

// component is one row of all listings.
type component struct {
	*v1alpha1.ComponentMapping
	state catalog.State
	// affected is since when a cause makes it worse; zero where none tells.
	affected time.Time
}

// components in the order of the table: by category, order and name.
func (r *Report) components() []component {
	out := make([]component, len(r.Mappings))
	for i := range r.Mappings {
		out[i] = r.newComponent(&r.Mappings[i])
	}
	slices.SortStableFunc(out, func(a, b component) int { return catalog.CompareMappings(a.ComponentMapping, b.ComponentMapping) })
	return out
}

// component finds one by the name of its mapping.
func (r *Report) component(name string) (component, bool) {
	i := slices.IndexFunc(r.Mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == name })
	if i < 0 {
		return component{}, false
	}
	return r.newComponent(&r.Mappings[i]), true
}

// newComponent gives a mapping its state. Nothing is missing where nothing is required.
func (r *Report) newComponent(m *v1alpha1.ComponentMapping) component {
	c := component{ComponentMapping: m, state: catalog.StateOf(m)}
	if c.state == catalog.Missing && r.judged() && !r.claimed() {
		c.state = catalog.Absent
	}
	if !c.state.Bad() {
		return c
	}
	for i := range r.Architecture.Status.Causes {
		cause := &r.Architecture.Status.Causes[i]
		if cause.Severity == v1alpha1.SeverityMajor && slices.Contains(cause.Components, m.Name) {
			c.affected = earlier(c.affected, cause.Since.Time)
		}
	}
	return c
}

// is finds a condition; one that is not there is Unknown.
func (c component) is(conditionType string) metav1.Condition {
	return catalog.Condition(c.ComponentMapping, conditionType)
}

// isPresent reports whether the component is in the cluster.
func (c component) isPresent() bool {
	return c.is(v1alpha1.ConditionPresent).Status == metav1.ConditionTrue
}

// differs reports whether the component is not as documented, and nothing explains why.
func (c component) differs() bool { return len(catalog.Unexplained(c.Status.Differences)) > 0 }

// implementation returns the observed implementation, else the documented one.
func (c component) implementation() string {
	return cmp.Or(c.Status.Implementation, c.Spec.Implementation.Name)
}

func (c component) operatedBy() v1alpha1.Operator {
	return cmp.Or(c.Status.OperatedBy, c.Spec.OperatedBy)
}

// since returns since when the component is as it is: since the decisive condition last changed, or since what is at fault
// went wrong, as far as its objects tell. Whoever looks once sees no condition change.
func (c component) since() time.Time {
	since := earlier(catalog.Decisive(c.ComponentMapping).LastTransitionTime.Time, c.affected)
	if c.state != catalog.Unhealthy {
		return since
	}
	for i := range c.Status.Checks {
		for _, f := range c.Status.Checks[i].Faults {
			if f.Severity == v1alpha1.SeverityMajor {
				since = earlier(since, f.Since.Time)
			}
		}
	}
	return since
}

// earlier of two times, of which either may be unknown.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// reason of the state, in one word.
func (c component) reason() string { return catalog.Decisive(c.ComponentMapping).Reason }

// advisory is one with the component that it is about.
type advisory struct {
	v1alpha1.Advisory
	component component
}

// when says when an advisory takes effect, and how many days were left when the cluster was observed; empty when it
// names no date.
func (r *Report) when(a *v1alpha1.Advisory) string {
	if d, ok := catalog.DeadlineOf(a, r.ObservedAt); ok && !r.ObservedAt.IsZero() {
		return d.String()
	}
	return a.Date
}

// order puts before all else what there is a date for until which to act.
func (a advisory) order() int {
	if a.Type == v1alpha1.AdvisoryRetirement && a.Date != "" {
		return 0
	}
	return 1
}

// advisories about what is in the cluster: retirements, the nearest first, then the others by date. Corrections are none:
// they are about the documentation.
func (r *Report) advisories() []advisory {
	return r.advised(func(t v1alpha1.AdvisoryType) bool { return t != v1alpha1.AdvisoryCorrection })
}

// corrections of what the documentation says of what is in the cluster.
func (r *Report) corrections() []advisory {
	return r.advised(func(t v1alpha1.AdvisoryType) bool { return t == v1alpha1.AdvisoryCorrection })
}

func (r *Report) advised(of func(v1alpha1.AdvisoryType) bool) []advisory {
	var out []advisory
	for _, c := range r.components() {
		if !c.isPresent() {
			continue
		}
		for _, a := range catalog.AdvisoriesOf(c.ComponentMapping) {
			if of(a.Type) {
				out = append(out, advisory{a, c})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b advisory) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), catalog.CompareDates(a.Date, b.Date))
	})
	return out
}

// counts of the components by state.
func counts(components []component) map[catalog.State]int {
	out := map[catalog.State]int{}
	for _, c := range components {
		out[c.state]++
	}
	return out
}

// Summary returns the report in one line: unhealthy: AKS v1.35.8, 6 of 6 nodes ready, 32 of 41 components present
// (31 healthy, 1 unhealthy), 9 absent.
func Summary(r *Report) string {
	parts := []string{strings.TrimSpace(r.platform().short + " " + Clean(r.Architecture.Status.KubernetesVersion))}
	if r.isElsewhere() {
		parts = []string{"not " + r.platform().short, strings.TrimSpace(someplace.short + " " + Clean(r.Architecture.Status.KubernetesVersion))}
	}
	if ready, total := r.nodes(); total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s ready", ready, msg.Count(int(total), "node")))
	}
	return r.Verdict().WordOfWhole() + ": " + joined(append(parts, summary(r.components())))
}

// summary counts the components in words: 32 of 41 components present (31 healthy, 1 unhealthy), 9 absent.
func summary(components []component) string {
	n, present := counts(components), 0
	var there, elsewhere []string
	for _, s := range catalog.States {
		if n[s] == 0 {
			continue
		}
		text := fmt.Sprintf("%d %s", n[s], s.Word())
		if s.Present() {
			present += n[s]
			there = append(there, text)
		} else {
			elsewhere = append(elsewhere, text)
		}
	}
	text := fmt.Sprintf("%d of %s present", present, msg.Count(len(components), "component"))
	if len(there) > 0 {
		text += " (" + joined(there) + ")"
	}
	return joined(append([]string{text}, elsewhere...))
}

// age returns how long ago something was when the report was made, as kubectl writes it. What was first observed then may
// be of any age.
func (r *Report) age(t time.Time) string {
	if t.IsZero() || !t.Before(r.ObservedAt) {
		return ""
	}
	return duration.HumanDuration(r.ObservedAt.Sub(t))
}

// stamp writes a time in full.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// nodes counts the nodes of all pools, and those of them that are ready.
func (r *Report) nodes() (ready, total int32) {
	for _, pool := range r.Architecture.Status.NodePools {
		ready += number(pool.Ready)
		total += number(pool.Nodes)
	}
	return ready, total
}

func number(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// nodeFaults are the reasons of components that are unhealthy because of their nodes.
var nodeFaults = []string{v1alpha1.ReasonNodeFault, v1alpha1.ReasonNodesUnhealthy}

// poolState returns the state of a node pool. Nodes that are not ready are a fault when they hurt a component;
// otherwise they join, were stopped on purpose, or are few enough to be tolerated.
func poolState(pool v1alpha1.NodePool, components []component) catalog.State {
	hurt := func(c component) bool { return unhealthy(c) && slices.Contains(nodeFaults, c.reason()) }
	if number(pool.Ready) < number(pool.Nodes) && slices.ContainsFunc(components, hurt) {
		return catalog.Unhealthy
	}
	return catalog.Healthy
}
