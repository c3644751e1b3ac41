// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report turns statuses into what people read: tables, the mapping document, drawings, a page. It is
// pure: it has no client and no clock, so that a cluster, a dump and a test all give the same words.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Report is the statuses of one cluster at one time, whoever derived them: what all listings, drawings and pages are
// made of.
type Report struct {
	Architecture v1alpha1.ClusterArchitecture
	Mappings     []v1alpha1.ComponentMapping
	// Source names the cluster for people: a context, or the file of a dump.
	Source string
	// ObservedAt is when the cluster was observed; ages are counted from then.
	ObservedAt time.Time
}

// component is one row of all listings.
type component struct {
	*v1alpha1.ComponentMapping
	state State
}

// components in the order of the table: by category, order and name.
func (r *Report) components() []component {
	out := make([]component, len(r.Mappings))
	for i := range r.Mappings {
		out[i] = r.newComponent(&r.Mappings[i])
	}
	slices.SortStableFunc(out, func(a, b component) int {
		return cmp.Or(
			cmp.Compare(slices.Index(v1alpha1.Categories, a.Spec.Category), slices.Index(v1alpha1.Categories, b.Spec.Category)),
			cmp.Compare(a.order(), b.order()),
			cmp.Compare(a.Name, b.Name))
	})
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
	c := component{m, StateOf(m)}
	if c.state == Missing && r.judged() && !r.claimed() {
		c.state = Absent
	}
	return c
}

func (c component) order() int32 {
	if c.Spec.Order == nil {
		return 0
	}
	return *c.Spec.Order
}

// is finds a condition; one that is not there is Unknown.
func (c component) is(conditionType string) metav1.Condition {
	return find(c.Status.Conditions, conditionType)
}

func find(conditions []metav1.Condition, conditionType string) metav1.Condition {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionUnknown}
}

// found says that the component is in the cluster.
func (c component) found() bool {
	return c.is(v1alpha1.ConditionPresent).Status == metav1.ConditionTrue
}

// differs says that what is found is not what is documented.
func (c component) differs() bool {
	return c.is(v1alpha1.ConditionAsDocumented).Status == metav1.ConditionFalse
}

// implementation that was found, else the documented one.
func (c component) implementation() string {
	return cmp.Or(c.Status.Implementation, c.Spec.Implementation.Name)
}

func (c component) operatedBy() v1alpha1.Operator {
	return cmp.Or(c.Status.OperatedBy, c.Spec.OperatedBy)
}

// since is when the decisive condition last changed.
func (c component) since() time.Time {
	if !c.found() {
		return c.is(v1alpha1.ConditionPresent).LastTransitionTime.Time
	}
	return c.is(v1alpha1.ConditionHealthy).LastTransitionTime.Time
}

// reason of the state, in one word.
func (c component) reason() string {
	if !c.found() {
		return c.is(v1alpha1.ConditionPresent).Reason
	}
	return c.is(v1alpha1.ConditionHealthy).Reason
}

// advisories that concern what is found; all of them when nothing is.
func (c component) advisories() []v1alpha1.Advisory {
	var out []v1alpha1.Advisory
	for _, a := range c.Spec.Implementation.Advisories {
		concerned := func(variant string) bool { return slices.Contains(c.Status.Variants, variant) }
		if len(a.Variants) == 0 || !c.found() || slices.ContainsFunc(a.Variants, concerned) {
			out = append(out, a)
		}
	}
	return out
}

// advisory is one with the component that it is about.
type advisory struct {
	v1alpha1.Advisory
	component component
}

// advisories about what is in the cluster: those with a date by date, then the others.
func (r *Report) advisories() []advisory {
	var out []advisory
	for _, c := range r.components() {
		if !c.found() {
			continue
		}
		for _, a := range c.advisories() {
			out = append(out, advisory{a, c})
		}
	}
	const never = "9999"
	slices.SortStableFunc(out, func(a, b advisory) int { return cmp.Compare(cmp.Or(a.Date, never), cmp.Or(b.Date, never)) })
	return out
}

// counts of the components by state.
func counts(components []component) map[State]int {
	out := map[State]int{}
	for _, c := range components {
		out[c.state]++
	}
	return out
}

// Summary is the report in one line: unhealthy: AKS v1.35.8, 6 of 6 nodes ready, 32 of 41 components present
// (31 healthy, 1 unhealthy), 9 absent.
func Summary(r *Report) string {
	parts := []string{strings.TrimSpace(r.platform().short + " " + Clean(r.Architecture.Status.KubernetesVersion))}
	if r.isElsewhere() {
		parts = []string{"not " + r.platform().short, strings.TrimSpace(someplace.short + " " + Clean(r.Architecture.Status.KubernetesVersion))}
	}
	if ready, total := r.nodes(); total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s ready", ready, plural(int(total), "node")))
	}
	return verdictWord(r.Verdict()) + ": " + joined(append(parts, summary(r.components())))
}

// summary counts the components in words: 32 of 41 components present (31 healthy, 1 unhealthy), 9 absent.
func summary(components []component) string {
	n, present := counts(components), 0
	var there, elsewhere []string
	for _, s := range States {
		if n[s] == 0 {
			continue
		}
		text := fmt.Sprintf("%d %s", n[s], s.Word())
		if s.present() {
			present += n[s]
			there = append(there, text)
		} else {
			elsewhere = append(elsewhere, text)
		}
	}
	text := fmt.Sprintf("%d of %s present", present, plural(len(components), "component"))
	if len(there) > 0 {
		text += " (" + joined(there) + ")"
	}
	return joined(append([]string{text}, elsewhere...))
}

// age is how long ago something was when the report was made, as kubectl writes it. What was first seen then may
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

// nodeFaults are the reasons of what is unhealthy by the fault of nodes.
var nodeFaults = []string{v1alpha1.ReasonNodeFault, v1alpha1.ReasonNodesUnhealthy}

// poolState is the state of a node pool. Nodes that are not ready are a fault when they hurt a component;
// otherwise they join, or were stopped on purpose.
func poolState(pool v1alpha1.NodePool, components []component) State {
	switch {
	case number(pool.Ready) >= number(pool.Nodes):
		return Healthy
	case slices.ContainsFunc(components, func(c component) bool { return unhealthy(c) && slices.Contains(nodeFaults, c.reason()) }):
		return Unhealthy
	}
	return Progressing
}
