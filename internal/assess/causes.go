// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// maxCauseMessage is the most of a cause's message that is listed among other causes, in bytes.
const maxCauseMessage = 240

// placements in the order in which one hurts the next.
var placements = []v1alpha1.Placement{v1alpha1.PlacementControlPlane, v1alpha1.PlacementNode, v1alpha1.PlacementCluster}

// causes returns what the status lists: the faults, then the gaps.
func (r *rollup) causes() []v1alpha1.Cause {
	out := cut(r, slices.Concat(r.faults, r.gaps), maxCauses, "causes")
	for i := range out {
		out[i].Components = cut(r, out[i].Components, maxCauseComponents, "components of cause "+out[i].Reason)
	}
	return out
}

// findFaults returns the causes of what is unhealthy, causes before consequences: nodes that are down are one
// cause, whatever they hurt (a mapping has NodeFault only when nothing else is at fault); then the control plane,
// the nodes' own components, and what runs on them.
func (r *rollup) findFaults() []v1alpha1.Cause {
	unhealthy := r.filter(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse))
	slices.SortStableFunc(unhealthy, func(a, b *v1alpha1.ComponentMapping) int {
		return cmp.Compare(slices.Index(placements, a.Spec.Placement), slices.Index(placements, b.Spec.Placement))
	})
	var ofNodes, others causeList
	for _, m := range unhealthy {
		c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy)
		if c.Reason == v1alpha1.ReasonNodeFault {
			ofNodes.add(m, c.Reason, r.nodeFault(c.Message, ofNodes), c.LastTransitionTime)
		} else {
			others.add(m, c.Reason, c.Message, c.LastTransitionTime)
		}
	}
	return slices.Concat(ofNodes, others)
}

// findGaps returns the causes of absence: missing components, then partly present ones.
func (r *rollup) findGaps() []v1alpha1.Cause {
	var out causeList
	for _, m := range slices.Concat(r.filter(missing), r.filter(partial)) {
		c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionPresent)
		out.add(m, c.Reason, c.Message, c.LastTransitionTime)
	}
	return out
}

// causeList joins what has the same explanation.
type causeList []v1alpha1.Cause

func (l *causeList) add(m *v1alpha1.ComponentMapping, reason, message string, since metav1.Time) {
	i := slices.IndexFunc(*l, func(c v1alpha1.Cause) bool { return c.Reason == reason && c.Message == message })
	if i < 0 {
		*l = append(*l, v1alpha1.Cause{Severity: v1alpha1.SeverityMajor, Reason: reason, Message: message, Since: since})
		i = len(*l) - 1
	}
	cause := &(*l)[i]
	cause.Components = append(cause.Components, m.Name)
	if since.Before(&cause.Since) {
		cause.Since = since
	}
}

// nodeFault returns what is wrong with the nodes, in the same words for all that it hurts: as observed on the nodes
// themselves, else (they may have recovered just now) the message of the first component.
func (r *rollup) nodeFault(message string, known causeList) string {
	if len(known) > 0 {
		return known[0].Message
	}
	return cmp.Or(r.view.nodeFault(), message)
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

// countFaults returns "3 unhealthy by 1 cause".
func (r *rollup) countFaults() string {
	unhealthy := 0
	for _, c := range r.faults {
		unhealthy += len(c.Components)
	}
	return fmt.Sprintf("%d unhealthy by %s", unhealthy, msg.Count(len(r.faults), "cause"))
}
