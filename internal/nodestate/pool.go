// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package nodestate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// poolLabels are the labels by which platforms name the pool of a node; Kubernetes has none. Faults of nodes are told by
// pool by whoever sees them, also by checks of workloads, which belong to no platform.
var poolLabels = []string{
	"kubernetes.azure.com/agentpool", "karpenter.sh/nodepool", "eks.amazonaws.com/nodegroup", "cloud.google.com/gke-nodepool",
}

// KindPool is the kind of a node pool as a subject.
const KindPool = "NodePool"

const kindNode = "Node"

// Pool returns the name of the pool that a node is in; empty when it is in none that is known.
func Pool(node *corev1.Node) string {
	_, name := pool(node)
	return name
}

func pool(node *corev1.Node) (label, name string) {
	for _, label := range poolLabels {
		if name := node.Labels[label]; name != "" {
			return label, name
		}
	}
	return "", ""
}

// hostedTaint is on the nodes of AKS that are in a subscription of Azure's own.
const hostedTaint = "kubernetes.azure.com/hostedvm"

// Fault returns the fault of as many nodes of one pool: of the node, if it is one, else of the pool. The name is that of the
// first of them, node is nil when that is gone. The owner of the cluster sizes and repairs the pools, but for those of nodes
// that the provider hosts.
func Fault(node *corev1.Node, name string, count int) v1alpha1.Fault {
	f := v1alpha1.Fault{Kind: v1alpha1.FaultNode, Subject: v1alpha1.ObservedObject{Kind: kindNode, Name: name},
		OperatedBy: v1alpha1.OperatedByCustomer, Next: msg.Kubectl("", "describe", "node", name)}
	if node == nil {
		f.Next = msg.Kubectl("", "get", "nodes")
		return f
	}
	if slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == hostedTaint }) {
		f.OperatedBy = v1alpha1.OperatedByProvider
	}
	label, in := pool(node)
	switch {
	case in == "":
	case count == 1:
		f.Related = []v1alpha1.ObservedObject{{Kind: KindPool, Name: in}}
	default:
		f.Kind, f.Subject = v1alpha1.FaultNodePool, v1alpha1.ObservedObject{Kind: KindPool, Name: in}
		f.Next = msg.Kubectl("", "get", "nodes", "-l", label+"="+in, "-o", "wide")
	}
	return f
}
