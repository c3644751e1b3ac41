// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// nodeTrouble is what is wrong with a node, as far as nodes have it in common: they are in the same pool, and the same
// condition tells of it. It is empty for a node that nothing is wrong with.
type nodeTrouble struct {
	pool string
	// reason is NodeFault for a node that is down, else the type of the condition.
	reason string
}

// trouble says what is wrong with a node of a class.
func (h *heartbeats) trouble(spec *v1alpha1.NodesCheck, node *corev1.Node, c nodeClass) nodeTrouble {
	switch {
	case c.healthy == v1alpha1.VerdictFalse && c.reason == v1alpha1.ReasonNodeFault:
		return nodeTrouble{nodestate.Pool(node), c.reason}
	case c.healthy == v1alpha1.VerdictFalse, c.reason == v1alpha1.ReasonWithinTolerance:
		reason := v1alpha1.ReasonNodesUnhealthy
		if cond := h.telling(spec, node, c); cond != nil {
			reason = string(cond.Type)
		}
		return nodeTrouble{nodestate.Pool(node), reason}
	}
	return nodeTrouble{}
}

// telling returns the condition that tells what is wrong with the node; nil where something else does, such as a taint.
func (h *heartbeats) telling(spec *v1alpha1.NodesCheck, node *corev1.Node, c nodeClass) *corev1.NodeCondition {
	switch c.reason {
	case v1alpha1.ReasonWithinTolerance:
		return h.noticed(spec, node)
	case v1alpha1.ReasonNodeFault:
		return nodestate.Condition(node, string(corev1.NodeReady))
	}
	for _, m := range spec.Healthy.Conditions {
		if h.requiredUnmet(m, node) != "" {
			return nodestate.Condition(node, m.Type)
		}
	}
	for _, m := range spec.Healthy.ForbiddenConditions {
		if cond := h.shows(m, node); cond != nil {
			return cond
		}
	}
	return nil
}

// troubledNodes is a group of nodes that have the same trouble.
type troubledNodes struct {
	nodeTrouble

	severity v1alpha1.Severity
}

// faults are those of the nodes, one for each trouble of each pool.
func (t *NodeTally) faults(pools map[nodeGroup]nodePool, now time.Time) []v1alpha1.Fault {
	all := newGroups(t.Tally, func(m nodeMark) troubledNodes {
		severity := v1alpha1.SeverityMinor
		if m.healthy == v1alpha1.VerdictFalse && pools[m.group].beyond {
			severity = v1alpha1.SeverityMajor
		}
		return troubledNodes{m.nodeTrouble, severity}
	}, func(troubledNodes) rank { return rank{} })
	all = all.where(func(n troubledNodes) bool { return n.reason != "" })
	slices.SortFunc(all, func(a, b group[troubledNodes]) int {
		return cmp.Or(cmp.Compare(a.as.severity, b.as.severity), cmp.Compare(b.count, a.count), cmp.Compare(a.as.pool, b.as.pool),
			cmp.Compare(a.as.reason, b.as.reason))
	})
	var out []v1alpha1.Fault
	for _, g := range all[:min(len(all), MaxObjects)] {
		out = append(out, t.fault(g, now))
	}
	return out
}

// fault tells of the first nodes of a group what is wrong, and since when.
func (t *NodeTally) fault(g group[troubledNodes], now time.Time) v1alpha1.Fault {
	var first *corev1.Node
	var since time.Time
	var details []string
	names := g.firstOf(MaxObjects)
	h, spec := heartbeats{now: now}, t.evaluator.Spec.Nodes
	for i, name := range names {
		node, ok := t.table.Get(name)
		if !ok {
			continue
		}
		class, detail := h.classify(spec, node)
		if i < msg.MaxNames {
			details = append(details, detail)
		}
		if cond := h.telling(spec, node, class); cond != nil && !cond.LastTransitionTime.IsZero() &&
			(since.IsZero() || cond.LastTransitionTime.Time.Before(since)) {
			since = cond.LastTransitionTime.Time
		}
		if first == nil {
			first = node
		}
	}
	f := nodestate.Fault(first, names[0], g.count)
	if first != nil && nodestate.IsVirtual(first) { // no machine is at fault, but what writes its status
		f.Kind, f.OperatedBy = v1alpha1.FaultObject, ""
	}
	f.Severity, f.Reason, f.Since = g.as.severity, msg.Truncate(g.as.reason, maxReason), metav1.NewTime(since)
	f.Message = msg.Truncate(msg.Count(g.count, "node")+" unhealthy: "+msg.ShortenOf(details, g.count, ", "), msg.MaxCheckMessage)
	return f
}
