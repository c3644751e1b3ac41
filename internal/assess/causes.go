// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// maxCauseMessage is the most of a cause's message that is listed among other causes, in bytes.
const maxCauseMessage = 240

// placements in the order in which one hurts the next.
var placements = []v1alpha1.Placement{v1alpha1.PlacementControlPlane, v1alpha1.PlacementNode, v1alpha1.PlacementCluster}

// causes returns what the status lists: the faults, the gaps, then what is tolerated.
func (r *rollup) causes() []v1alpha1.Cause {
	out := cut(r, slices.Concat(r.faults, r.gaps, r.tolerated), maxCauses, "causes")
	room := maxComponents // a component may be part of many causes, and a status must fit into an object
	for i := range out {
		limit := min(maxCauseComponents, max(minCauseComponents, room))
		out[i].Components = cut(r, out[i].Components, limit, "components of cause "+out[i].Reason)
		room -= len(out[i].Components)
	}
	return out
}

// findCauses sets faults, gaps and tolerated: one cause for each root of what the components tell. It costs as much as there
// are components and faults.
func (r *rollup) findCauses() {
	roots := newRoots()
	told := slices.Concat(r.unhealthy(), r.missing(), r.tolerating())
	for i := range told {
		told[i].loss = told[i].lossRank()
		roots.add(told[i])
	}
	for _, g := range r.view.NodeGroups {
		roots.joinPools(g.Pools)
	}
	roots.joinWebhooks(told)
	roots.foldImages(told)
	roots.fold(told)
	roots.foldTunnel(told)
	families := roots.families(told)
	slices.SortStableFunc(families, compareFamilies)
	for i := range families {
		cause := r.causeOf(&families[i])
		switch {
		case cause.Severity == v1alpha1.SeverityMinor:
			r.tolerated = append(r.tolerated, cause)
		case slices.ContainsFunc(families[i].all(), tale.ofUnhealthy):
			r.faults = append(r.faults, cause)
		default:
			r.gaps = append(r.gaps, cause)
		}
	}
	r.joinLost()
}

// compareFamilies puts first what takes from all others what they need; then causes before what they hurt; then what leaves
// nothing of a component.
func compareFamilies(a, b family) int {
	x, y := a.lossRank(), b.lossRank()
	return cmp.Or(cmp.Compare(min(x, 1), min(y, 1)), cmp.Compare(kindRank(a.root().fault.Kind), kindRank(b.root().fault.Kind)), cmp.Compare(x, y))
}

// kindRank puts nodes and webhooks before all else.
func kindRank(kind v1alpha1.FaultKind) int {
	switch kind {
	case v1alpha1.FaultNode, v1alpha1.FaultNodePool:
		return 0
	case v1alpha1.FaultWebhook:
		return 1
	}
	return 2
}

// tale is a fault that a component tells.
type tale struct {
	mapping *v1alpha1.ComponentMapping
	// check is the name of the one that tells it; empty where none does.
	check string
	fault v1alpha1.Fault
	// loss is its lossRank.
	loss int
}

// ofUnhealthy reports whether the component is unhealthy by the fault.
func (t tale) ofUnhealthy() bool {
	return t.fault.Severity == v1alpha1.SeverityMajor && catalog.StateOf(t.mapping) == catalog.Unhealthy
}

// since is when the component turned for the fault; zero for one that did not.
func (t tale) since() metav1.Time {
	if t.fault.Severity != v1alpha1.SeverityMajor {
		return metav1.Time{}
	}
	if catalog.StateOf(t.mapping) == catalog.Unhealthy {
		return catalog.Condition(t.mapping, v1alpha1.ConditionHealthy).LastTransitionTime
	}
	return catalog.Condition(t.mapping, v1alpha1.ConditionPresent).LastTransitionTime
}

// lossRank says how much the component loses by the fault: 0 for what all others need, 1 when nothing of it is left, 2 else.
func (t tale) lossRank() int {
	needed := slices.ContainsFunc(t.mapping.Spec.Provides, func(p v1alpha1.Provision) bool { return p != v1alpha1.ProvidesNodes })
	switch f := &t.fault; {
	case f.Severity != v1alpha1.SeverityMajor:
		return 2
	case f.Extent == v1alpha1.ExtentAll && isDown(t.mapping):
		if needed {
			return 0
		}
		return 1
	case needed && (f.Kind == v1alpha1.FaultAPI || f.Kind == v1alpha1.FaultObject && f.Reason == v1alpha1.ReasonNotFound):
		return 0
	}
	return 2
}

// isDown reports whether nothing of a component runs any more: no workload that it needs has a pod that is available.
func isDown(m *v1alpha1.ComponentMapping) bool {
	down := false
	for i := range m.Status.Checks {
		c := &m.Status.Checks[i]
		spec := specOf(m, c.Name)
		if spec == nil || spec.Workload == nil || catalog.Expect(spec) != v1alpha1.ExpectPresent || c.Present != v1alpha1.VerdictTrue {
			continue
		}
		if !slices.ContainsFunc(c.Faults, func(f v1alpha1.Fault) bool { return f.Extent == v1alpha1.ExtentAll }) {
			return false
		}
		down = true
	}
	return down
}

// operatedBy says who operates what tells the fault: the variant of the check, else the component.
func (t tale) operatedBy() v1alpha1.Operator {
	return operatorOf(t.mapping, t.check)
}

// unhealthy returns what unhealthy components tell: of some checks that fail, of others what they tolerate.
func (r *rollup) unhealthy() []tale {
	var out []tale
	for _, m := range r.byPlacement(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse)) {
		tales := talesOf(m, anyCheck)
		if !slices.ContainsFunc(tales, tale.ofUnhealthy) {
			tales = append(tales, untold(m, v1alpha1.SeverityMajor, catalog.Condition(m, v1alpha1.ConditionHealthy)))
		}
		out = append(out, tales...)
	}
	return out
}

// tolerating returns what healthy components tolerate.
func (r *rollup) tolerating() []tale {
	var out []tale
	for _, m := range r.byPlacement(catalog.Tolerates) {
		tales := talesOf(m, func(c *v1alpha1.CheckStatus) bool { return c.Healthy == v1alpha1.VerdictTrue })
		if len(tales) == 0 {
			t := untold(m, v1alpha1.SeverityMinor, catalog.Condition(m, v1alpha1.ConditionHealthy))
			if catalog.StateOf(m) == catalog.Progressing { // it is one of the causes only because its roll-out fails
				t.fault.Reason = v1alpha1.ReasonRolloutFailing
			}
			tales = []tale{t}
		}
		out = append(out, tales...)
	}
	return out
}

// missing returns of each component that is missing which object it lacks: of the objects each of which would do, the one
// that most components lack.
func (r *rollup) missing() []tale {
	lacking := map[v1alpha1.ObservedObject]int{}
	missed := r.filter(missing)
	tales := make([][]tale, len(missed))
	count := func(tales []tale) {
		seen := map[v1alpha1.ObservedObject]bool{}
		for _, t := range tales {
			if t.fault.Reason == v1alpha1.ReasonNotFound && !seen[t.fault.Subject] {
				seen[t.fault.Subject] = true
				lacking[t.fault.Subject]++
			}
		}
	}
	for i, m := range missed {
		tales[i] = talesOf(m, isAbsent)
		count(tales[i])
	}
	for _, m := range r.filter(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse)) {
		count(talesOf(m, isAbsent))
	}
	var out []tale
	for i, m := range missed {
		if len(tales[i]) == 0 {
			out = append(out, untold(m, v1alpha1.SeverityMajor, catalog.Condition(m, v1alpha1.ConditionPresent)))
			continue
		}
		best := slices.MinFunc(tales[i], func(a, b tale) int { return cmp.Compare(lacking[b.fault.Subject], lacking[a.fault.Subject]) })
		best.fault.Message = catalog.Condition(m, v1alpha1.ConditionPresent).Message
		out = append(out, best)
	}
	return out
}

func anyCheck(*v1alpha1.CheckStatus) bool { return true }

func isAbsent(c *v1alpha1.CheckStatus) bool { return c.Present == v1alpha1.VerdictFalse }

// joinLost adds the components that nobody misses to the cause of the lost object without which they are gone, too.
func (r *rollup) joinLost() {
	lost := map[v1alpha1.ObservedObject]*v1alpha1.Cause{}
	for _, causes := range [][]v1alpha1.Cause{r.faults, r.gaps} {
		for i := range causes {
			if c := &causes[i]; c.Kind == v1alpha1.FaultObject && (c.Reason == v1alpha1.ReasonNotFound || c.Reason == v1alpha1.ReasonPartMissing) {
				lost[c.Subject] = c
			}
		}
	}
	if len(lost) == 0 {
		return
	}
	for _, m := range r.filter(func(m *v1alpha1.ComponentMapping) bool { return catalog.StateOf(m) == catalog.Absent }) {
		for i := range m.Spec.Variants {
			if c := lost[onlyLack(m, &m.Spec.Variants[i])]; c != nil && !slices.Contains(c.Components, m.Name) {
				c.Components = append(c.Components, m.Name)
			}
		}
	}
}

// onlyLack is the only object that a variant lacks on a cluster that is made for it; empty when it lacks more, or the
// cluster is made for another one.
func onlyLack(m *v1alpha1.ComponentMapping, v *v1alpha1.Variant) v1alpha1.ObservedObject {
	var lacks []v1alpha1.ObservedObject
	made := false
	for i, c := range slices.Concat(m.Spec.Checks, v.Checks) {
		name := c.Name
		if i >= len(m.Spec.Checks) {
			name = v.Name + "/" + name
		}
		at := slices.IndexFunc(m.Status.Checks, func(s v1alpha1.CheckStatus) bool { return s.Name == name })
		present := at >= 0 && m.Status.Checks[at].Present == v1alpha1.VerdictTrue
		switch expect := catalog.Expect(&c); {
		case expect == v1alpha1.ExpectPrecondition && present:
			made = true
		case expect == v1alpha1.ExpectPrecondition, expect == v1alpha1.ExpectAbsent && present:
			return v1alpha1.ObservedObject{}
		case expect == v1alpha1.ExpectPresent && !present:
			lacks = append(lacks, check.Sought(&c))
		}
	}
	if !made || len(lacks) != 1 {
		return v1alpha1.ObservedObject{}
	}
	return lacks[0]
}

// talesOf returns the faults that some checks of a component tell.
func talesOf(m *v1alpha1.ComponentMapping, of func(*v1alpha1.CheckStatus) bool) []tale {
	var out []tale
	for i := range m.Status.Checks {
		c := &m.Status.Checks[i]
		if !of(c) {
			continue
		}
		for _, f := range c.Faults {
			out = append(out, tale{mapping: m, check: c.Name, fault: f})
		}
	}
	return out
}

// kindMapping is the kind of a component as a subject.
const kindMapping = "ComponentMapping"

// untold is the fault of a component of which no check tells one.
func untold(m *v1alpha1.ComponentMapping, severity v1alpha1.Severity, c metav1.Condition) tale {
	return tale{mapping: m, fault: v1alpha1.Fault{
		Kind: v1alpha1.FaultObject, Subject: v1alpha1.ObservedObject{Kind: kindMapping, Name: m.Name}, Severity: severity,
		Reason: c.Reason, Message: c.Message, Next: msg.Kubectl("", "archmap", "explain", m.Name),
	}}
}

// byPlacement returns the mappings to keep in the order in which one hurts the next.
func (r *rollup) byPlacement(keep func(*v1alpha1.ComponentMapping) bool) []*v1alpha1.ComponentMapping {
	kept := r.filter(keep)
	slices.SortStableFunc(kept, func(a, b *v1alpha1.ComponentMapping) int {
		return cmp.Compare(slices.Index(placements, a.Spec.Placement), slices.Index(placements, b.Spec.Placement))
	})
	return kept
}

// sumUpFaults says how much is unhealthy, by how many causes, and by which.
func (r *rollup) sumUpFaults() string {
	limit := msg.MaxMessage
	if len(r.faults) > 1 {
		limit = maxCauseMessage
	}
	parts := make([]string, len(r.faults))
	for i, c := range r.faults[:min(len(r.faults), msg.MaxNames)] {
		parts[i] = msg.Truncate(fmt.Sprintf("%s: %s: %s", msg.Shorten(c.Components, ", "), c.Reason, c.Message), limit)
	}
	return r.countFaults() + ": " + msg.Shorten(parts, "; ")
}

// countFaults returns "3 unhealthy (1 cause)".
func (r *rollup) countFaults() string {
	unhealthy := r.filter(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse))
	return fmt.Sprintf("%d unhealthy (%s)", len(unhealthy), msg.Count(len(r.faults), "cause"))
}
