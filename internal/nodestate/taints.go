// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package nodestate

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// taints are those that Kubernetes and the controllers of clouds put on nodes and take off again by themselves. What
// they keep off a node is a matter of the node. Taints that people choose, such as those of a node pool, are none of
// them: they say for whom a node is.
var taints = map[string]State{
	// The node controller, by the conditions of the node and by spec.unschedulable.
	corev1.TaintNodeNotReady:           NotReady,
	corev1.TaintNodeUnreachable:        Unreachable,
	corev1.TaintNodeUnschedulable:      Cordoned,
	corev1.TaintNodeNetworkUnavailable: NoNetwork,
	corev1.TaintNodeMemoryPressure:     UnderPressure,
	corev1.TaintNodeDiskPressure:       UnderPressure,
	corev1.TaintNodePIDPressure:        UnderPressure,
	// Whoever knows that the machine is gone for good, so that its volumes are detached.
	corev1.TaintNodeOutOfService: Stopped,
	// The kubelet, until the cloud provider has put addresses and zone on the node.
	"node.cloudprovider.kubernetes.io/uninitialized": Uninitialized,
	// The cloud provider, while the machine is stopped.
	StoppedTaint: Stopped,
	// The cluster autoscaler, before it deletes the node.
	"ToBeDeletedByClusterAutoscaler": Leaving,
	// Karpenter, before it deletes the node; the second until v1.0.
	"karpenter.sh/disrupted":  Leaving,
	"karpenter.sh/disruption": Leaving,
	// The kubelet of a node of Karpenter, until Karpenter has put its labels on.
	"karpenter.sh/unregistered": Uninitialized,
	// AKS, while it drains a node for maintenance of the machine or for a repair; the second until 2023.
	"remediator.kubernetes.azure.com/unschedulable": Repaired,
	"remediator.aks.microsoft.com/unschedulable":    Repaired,
}

// What all taints have in common that are on a node until one program on it has started.
const (
	// agentTaint ends the taints that networks and CSI drivers take off, such as node.cilium.io/agent-not-ready.
	agentTaint = "/agent-not-ready"
	// startupTaint begins those that the cluster autoscaler takes for such; ignoredTaint does until v1.29.
	startupTaint = "startup-taint.cluster-autoscaler.kubernetes.io/"
	ignoredTaint = "ignore-taint.cluster-autoscaler.kubernetes.io/"
	// statusTaint begins those that the cluster autoscaler takes for a state that passes.
	statusTaint = "status-taint.cluster-autoscaler.kubernetes.io/"
)

// OfTaint returns the state of nodes that have a taint with the key; ok is false for a taint that is no state of a node,
// but says for whom it is.
func OfTaint(key string) (state State, ok bool) {
	if state, ok = taints[key]; ok {
		return state, true
	}
	if strings.HasSuffix(key, agentTaint) || strings.HasPrefix(key, startupTaint) || strings.HasPrefix(key, ignoredTaint) ||
		strings.HasPrefix(key, statusTaint) {
		return Uninitialized, true
	}
	return Ready, false
}

// tainted returns the state that the taints of a ready node give it; Ready when none does. A taint of a node that is not
// ready is about to go once it is.
func tainted(node *corev1.Node) State {
	for i := range node.Spec.Taints {
		if t := &node.Spec.Taints[i]; t.Effect != corev1.TaintEffectPreferNoSchedule {
			if state, ok := OfTaint(t.Key); ok && state != Leaving && state.Keeps() {
				return state
			}
		}
	}
	return Ready
}
