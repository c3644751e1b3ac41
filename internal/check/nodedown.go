// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// JoiningTime is how long a new node may take until it is ready.
	JoiningTime = 10 * time.Minute

	// stoppedTaint is what the cloud provider puts on a node whose machine was stopped on purpose.
	stoppedTaint = "node.cloudprovider.kubernetes.io/shutdown"
)

// Ready says whether the node is ready.
func Ready(node *corev1.Node) bool {
	ready := findCondition(node, string(corev1.NodeReady))
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// Joining says whether the node is so new that it need not be ready yet.
func Joining(node *corev1.Node, now time.Time) bool {
	return now.Sub(node.CreationTimestamp.Time) < JoiningTime
}

// Stopped says whether the node's machine was stopped on purpose.
func Stopped(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == stoppedTaint })
}

// Down says whether the node is not ready and ought to be.
func Down(node *corev1.Node, now time.Time) bool {
	return !Ready(node) && !Stopped(node) && !Joining(node, now)
}
