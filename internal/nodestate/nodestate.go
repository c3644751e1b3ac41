// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodestate derives the state of a node, and what it means for pods.
package nodestate

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// JoiningTime is how long a new node may take until it is ready and its pods are.
	JoiningTime = 10 * time.Minute
	// LeavingTime is how long a node that is not ready any more may take to leave. Whoever removes it may have died.
	LeavingTime = time.Hour
	// startingTime is how long a new node takes until its kubelet reports a status.
	startingTime = time.Minute
	// PodStartTime is how long the pods of a new node get to start, once it is ready, before their absence needs a
	// cause.
	PodStartTime = 2 * time.Minute

	// StoppedTaint is what the cloud provider puts on a node whose machine was stopped on purpose.
	StoppedTaint = "node.cloudprovider.kubernetes.io/shutdown"
	// neverUpdated is the node controller's reason for a node whose kubelet has not reported a status yet.
	neverUpdated = "NodeStatusNeverUpdated"
)

// IsReady reports whether the node is ready.
func IsReady(node *corev1.Node) bool {
	ready := Condition(node, string(corev1.NodeReady))
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// TurnedAt returns when the node became ready, or stopped being so.
func TurnedAt(node *corev1.Node) time.Time {
	since := node.CreationTimestamp.Time
	if ready := Condition(node, string(corev1.NodeReady)); ready != nil && ready.LastTransitionTime.After(since) {
		since = ready.LastTransitionTime.Time
	}
	return since
}

// IsJoining reports whether the node is so new that it need not be ready yet.
func IsJoining(node *corev1.Node, now time.Time) bool { return JoiningFor(node, now) > 0 }

// JoiningFor returns how much longer the node need not be ready; 0 when it does not join. A node whose heartbeats have
// stopped does not join, however new it is, nor does one that has been ready.
func JoiningFor(node *corev1.Node, now time.Time) time.Duration {
	if ready := Condition(node, string(corev1.NodeReady)); ready != nil && ready.Status != corev1.ConditionTrue && ready.Reason != neverUpdated {
		turned := ready.LastTransitionTime.Sub(node.CreationTimestamp.Time)
		if ready.Status == corev1.ConditionUnknown || turned > startingTime {
			return 0
		}
	}
	return max(0, JoiningTime-now.Sub(node.CreationTimestamp.Time))
}

// IsVirtual reports whether the node is that of a virtual kubelet: no machine, and nothing that runs on machines is on it.
func IsVirtual(node *corev1.Node) bool { return node.Labels["type"] == "virtual-kubelet" }

// IsMachine reports whether the node is not that of a virtual kubelet.
func IsMachine(node *corev1.Node) bool { return !IsVirtual(node) }

// IsStopped reports whether the node's machine was stopped on purpose.
func IsStopped(node *corev1.Node) bool { return HasTaint(node, StoppedTaint) }

// IsLeaving reports whether the node is being removed on purpose, and may still be there.
func IsLeaving(node *corev1.Node, now time.Time) bool { return LeavingFor(node, now) > 0 }

// LeavingFor returns how much longer a node that is being removed on purpose may be there; 0 when it is not, or should
// have gone. One that is ready may run its pods to their end, however long that takes.
func LeavingFor(node *corev1.Node, now time.Time) time.Duration {
	switch {
	case !isRemoved(node):
		return 0
	case IsReady(node), TurnedAt(node).IsZero():
		return LeavingTime
	}
	return max(0, LeavingTime-now.Sub(TurnedAt(node)))
}

func isRemoved(node *corev1.Node) bool {
	if node.DeletionTimestamp != nil {
		return true
	}
	for i := range node.Spec.Taints {
		if taints[node.Spec.Taints[i].Key] == Leaving {
			return true
		}
	}
	return false
}

// IsDown reports whether the node is not ready and should be.
func IsDown(node *corev1.Node, now time.Time) bool {
	return !IsReady(node) && !IsStopped(node) && !IsLeaving(node, now) && !IsJoining(node, now)
}

// Suspect reports whether the node may explain that a pod does not run: it is not ready, cordoned, stopped, leaving, not
// initialized, or so new that its pods may still be starting. until is when time alone changes the answer; zero is never. The signature
// is that of a tally's function, hence the empty mark.
func Suspect(node *corev1.Node, now time.Time) (mark struct{}, suspect bool, until time.Time) {
	if Of(node, now) != Ready || IsStopped(node) {
		return mark, true, until
	}
	if age := now.Sub(node.CreationTimestamp.Time); age <= JoiningTime {
		return mark, true, node.CreationTimestamp.Add(JoiningTime + time.Second)
	}
	return mark, false, until
}

// HasTaint reports whether the node has a taint with the key.
func HasTaint(node *corev1.Node, key string) bool {
	for i := range node.Spec.Taints { // every node is asked for several taints: no closure is made for each
		if node.Spec.Taints[i].Key == key {
			return true
		}
	}
	return false
}

// State is what keeps pods from running on a node, worded to follow "nodes that".
type State string

// The states of nodes. Ready is ready, and open to pods.
const (
	Ready       State = ""
	Gone        State = "no longer exist"
	Stopped     State = "are stopped"
	Leaving     State = "are leaving"
	Unreachable State = "are unreachable"
	NotReady    State = "are not ready"

	// Those of nodes that are ready and take no new pods.
	Cordoned      State = "are cordoned"
	Draining      State = "are being drained"
	Repaired      State = "are being repaired"
	Uninitialized State = "are not initialized"
	NoNetwork     State = "have no network"
	UnderPressure State = "are under pressure"
)

// Keeps reports whether pods that are already on the node can run.
func (s State) Keeps() bool {
	switch s {
	case Gone, Stopped, Leaving, Unreachable, NotReady:
		return false
	}
	return true
}

// Of returns the state of a node.
func Of(node *corev1.Node, now time.Time) State {
	ready := Condition(node, string(corev1.NodeReady))
	switch {
	case ready != nil && ready.Status == corev1.ConditionTrue:
		return ofReady(node, now)
	case IsStopped(node):
		return Stopped
	case IsLeaving(node, now):
		return Leaving
	case ready != nil && ready.Status == corev1.ConditionUnknown:
		return Unreachable
	}
	return NotReady
}

func ofReady(node *corev1.Node, now time.Time) State {
	switch {
	case IsLeaving(node, now):
		return Draining
	case node.Spec.Unschedulable:
		return Cordoned
	}
	return tainted(node)
}

// Describe joins states: "are cordoned or are not ready".
func Describe(states []State) string {
	var words []string
	for _, s := range states {
		words = append(words, string(s))
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " or ")
}

// Condition returns the node's condition of a type; nil when it has none.
func Condition(node *corev1.Node, conditionType string) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if string(node.Status.Conditions[i].Type) == conditionType {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}
