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
	"github.com/archmap/archmap/internal/msg"
)

// maxCauseMessage is the most of a cause's message that is listed among other causes, in bytes.
const maxCauseMessage = 240

// placements in the order in which one hurts the next.
var placements = []v1alpha1.Placement{v1alpha1.PlacementControlPlane, v1alpha1.PlacementNode, v1alpha1.PlacementCluster}

// causes returns what the status lists: the faults, the gaps, then what is tolerated.
func (r *rollup) causes() []v1alpha1.Cause {
	out := cut(r, slices.Concat(r.faults, r.gaps, r.tolerated), maxCauses, "causes")
	for i := range out {
		out[i].Components = cut(r, out[i].Components, maxCauseComponents, "components of cause "+out[i].Reason)
	}
	return out
}

// findFaults returns the causes of what is unhealthy, and of what is tolerated, causes before consequences: nodes that
// are down are one cause, whatever they affect, and so is an admission webhook; then the control plane, the nodes' own
// components, and what runs on them.
func (r *rollup) findFaults() (faults, tolerated []v1alpha1.Cause) {
	var ofNodes, ofWebhooks, major, minor causeList
	unhealthy := r.byPlacement(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse))
	webhooks := findWebhookFaults(unhealthy)
	for _, m := range unhealthy {
		c := catalog.Condition(m, v1alpha1.ConditionHealthy)
		due := webhooks.of(m)
		switch {
		case c.Reason == v1alpha1.ReasonNodeFault:
			ofNodes.add(m, r.nodeFault(v1alpha1.SeverityMajor, c, ofNodes))
		case len(due) == 0:
			major.add(m, causeOf(v1alpha1.SeverityMajor, c))
		}
		for _, f := range due {
			switch {
			case c.Reason == v1alpha1.ReasonNodeFault: // which takes it down
			case f.lostToNodes():
				ofNodes.add(m, r.nodeFault(v1alpha1.SeverityMajor, catalog.Condition(f.owner, v1alpha1.ConditionHealthy), ofNodes))
			default:
				ofWebhooks.add(m, f.cause(c))
			}
		}
	}
	for _, m := range r.byPlacement(catalog.Tolerates) {
		c := catalog.Condition(m, v1alpha1.ConditionHealthy)
		if lacksNodes(m) {
			ofNodes.add(m, r.nodeFault(v1alpha1.SeverityMinor, c, ofNodes))
		} else {
			minor.add(m, minorCause(m, c))
		}
	}
	if len(ofNodes) > 0 && ofNodes[0].Severity == v1alpha1.SeverityMinor {
		return slices.Concat(ofWebhooks, major), slices.Concat(ofNodes, minor)
	}
	return slices.Concat(ofNodes, ofWebhooks, major), minor
}

// byPlacement returns the mappings to keep in the order in which one hurts the next.
func (r *rollup) byPlacement(keep func(*v1alpha1.ComponentMapping) bool) []*v1alpha1.ComponentMapping {
	kept := r.filter(keep)
	slices.SortStableFunc(kept, func(a, b *v1alpha1.ComponentMapping) int {
		return cmp.Compare(slices.Index(placements, a.Spec.Placement), slices.Index(placements, b.Spec.Placement))
	})
	return kept
}

// lacksNodes reports whether nodes that are down are all that a mapping tolerates.
func lacksNodes(m *v1alpha1.ComponentMapping) bool {
	down := false
	for _, c := range m.Status.Checks {
		if c.Reason == v1alpha1.ReasonWithinTolerance || c.Reason == v1alpha1.ReasonRolloutFailing {
			return false
		}
		down = down || c.Reason == v1alpha1.ReasonNodesDown
	}
	return down
}

// findGaps returns the causes of absence.
func (r *rollup) findGaps() []v1alpha1.Cause {
	var out causeList
	for _, m := range r.filter(missing) {
		out.add(m, causeOf(v1alpha1.SeverityMajor, catalog.Condition(m, v1alpha1.ConditionPresent)))
	}
	return out
}

// causeOf returns the cause that a condition tells of. Since when is known only of what turned the condition.
func causeOf(severity v1alpha1.Severity, c metav1.Condition) v1alpha1.Cause {
	cause := v1alpha1.Cause{Severity: severity, Reason: c.Reason, Message: c.Message}
	if severity == v1alpha1.SeverityMajor {
		cause.Since = c.LastTransitionTime
	}
	return cause
}

// minorCause returns the cause that a component tells of which is healthy. One that is Progressing does so only because
// its roll-out fails.
func minorCause(m *v1alpha1.ComponentMapping, c metav1.Condition) v1alpha1.Cause {
	cause := causeOf(v1alpha1.SeverityMinor, c)
	if catalog.StateOf(m) == catalog.Progressing {
		cause.Reason = v1alpha1.ReasonRolloutFailing
	}
	return cause
}

// causeList joins what has the same explanation.
type causeList []v1alpha1.Cause

func (l *causeList) add(m *v1alpha1.ComponentMapping, cause v1alpha1.Cause) {
	i := slices.IndexFunc(*l, func(c v1alpha1.Cause) bool { return c.Reason == cause.Reason && c.Message == cause.Message })
	if i < 0 {
		*l = append(*l, cause)
		i = len(*l) - 1
	}
	known := &(*l)[i]
	if !slices.Contains(known.Components, m.Name) { // two webhooks may have gone with the same nodes
		known.Components = append(known.Components, m.Name)
	}
	if !cause.Since.IsZero() && cause.Since.Before(&known.Since) {
		known.Since = cause.Since
	}
}

// nodeFault returns the one cause for whatever nodes affect. Its message says what is observed on the nodes themselves,
// else (they may have recovered just now) what the first component says.
func (r *rollup) nodeFault(severity v1alpha1.Severity, c metav1.Condition, known causeList) v1alpha1.Cause {
	if len(known) > 0 {
		cause := known[0]
		cause.Components, cause.Since = nil, causeOf(severity, c).Since
		return cause
	}
	cause := causeOf(severity, c)
	cause.Message = cmp.Or(r.view.nodeFault(), c.Message)
	if severity == v1alpha1.SeverityMinor {
		cause.Reason = v1alpha1.ReasonNodesDown
	}
	return cause
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
	unhealthy := r.filter(is(v1alpha1.ConditionHealthy, metav1.ConditionFalse))
	return fmt.Sprintf("%d unhealthy (%s)", len(unhealthy), msg.Count(len(r.faults), "cause"))
}
