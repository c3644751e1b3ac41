// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// JoiningTime is how long a new node may take until it is ready and its pods are.
	JoiningTime = 10 * time.Minute
	// startingTime is how long a new node takes until it says anything of itself.
	startingTime = time.Minute
	// podStartTime is how long the pods of a new node get to start, once it is ready, before anybody looks why they
	// do not.
	podStartTime = 2 * time.Minute

	// stoppedTaint is what the cloud provider puts on a node whose machine was stopped on purpose.
	stoppedTaint = "node.cloudprovider.kubernetes.io/shutdown"
	// neverUpdated is the node controller's word on a node whose kubelet has not said anything yet.
	neverUpdated = "NodeStatusNeverUpdated"
)

// Ready says whether the node is ready.
func Ready(node *corev1.Node) bool {
	ready := findCondition(node, string(corev1.NodeReady))
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// readySince is when a node that is ready became so.
func readySince(node *corev1.Node) time.Time {
	since := node.CreationTimestamp.Time
	if ready := findCondition(node, string(corev1.NodeReady)); ready != nil && ready.LastTransitionTime.After(since) {
		since = ready.LastTransitionTime.Time
	}
	return since
}

// Joining says whether the node is so new that it need not be ready yet.
func Joining(node *corev1.Node, now time.Time) bool { return joiningFor(node, now) > 0 }

// joiningFor is how much longer the node need not be ready; 0 when it does not join. One that has been heard of, and
// is no more, does not join, however new it is, nor does one that has been ready.
func joiningFor(node *corev1.Node, now time.Time) time.Duration {
	if ready := findCondition(node, string(corev1.NodeReady)); ready != nil && ready.Status != corev1.ConditionTrue && ready.Reason != neverUpdated {
		turned := ready.LastTransitionTime.Sub(node.CreationTimestamp.Time)
		if ready.Status == corev1.ConditionUnknown || turned > startingTime {
			return 0
		}
	}
	return max(0, JoiningTime-now.Sub(node.CreationTimestamp.Time))
}

// Stopped says whether the node's machine was stopped on purpose.
func Stopped(node *corev1.Node) bool { return hasTaint(node, stoppedTaint) }

// leavingTaints are what autoscalers put on a node that they are about to remove.
var leavingTaints = []string{"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption"}

// Leaving says whether the node is being removed on purpose.
func Leaving(node *corev1.Node) bool {
	return node.DeletionTimestamp != nil || slices.ContainsFunc(leavingTaints, func(key string) bool { return hasTaint(node, key) })
}

// Down says whether the node is not ready and ought to be.
func Down(node *corev1.Node, now time.Time) bool {
	return !Ready(node) && !Stopped(node) && !Leaving(node) && !Joining(node, now)
}

func hasTaint(node *corev1.Node, key string) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
}

// nodeState is what keeps pods from running on a node, in words that follow "nodes that".
type nodeState string

const (
	nodeWell        nodeState = ""
	nodeGone        nodeState = "no longer exist"
	nodeStopped     nodeState = "are stopped"
	nodeLeaving     nodeState = "are leaving"
	nodeUnreachable nodeState = "are unreachable"
	nodeNotReady    nodeState = "are not ready"
	nodeCordoned    nodeState = "are cordoned"
)

// keeps says whether pods that are on the node already can run.
func (s nodeState) keeps() bool { return s == nodeWell || s == nodeCordoned }

func stateOf(node *corev1.Node) nodeState {
	ready := findCondition(node, string(corev1.NodeReady))
	switch {
	case Ready(node) && node.Spec.Unschedulable:
		return nodeCordoned
	case Ready(node):
		return nodeWell
	case Stopped(node):
		return nodeStopped
	case Leaving(node):
		return nodeLeaving
	case ready != nil && ready.Status == corev1.ConditionUnknown:
		return nodeUnreachable
	}
	return nodeNotReady
}

// describeStates is "are cordoned or are not ready".
func describeStates(states []nodeState) string {
	var words []string
	for _, s := range states {
		words = append(words, string(s))
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " or ")
}

// nodeNamed finds a node of an answer, whose objects are sorted.
func nodeNamed(nodes Answer, name string) *corev1.Node {
	i, found := slices.BinarySearchFunc(nodes.Objects, name, func(o client.Object, name string) int {
		return strings.Compare(o.GetName(), name)
	})
	if !found {
		return nil
	}
	node, _ := nodes.Objects[i].(*corev1.Node)
	return node
}
