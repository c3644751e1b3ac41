// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	schedulinghelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/nodestate"
)

// placement says on which nodes the pods of a workload may run.
type placement struct {
	affinity    nodeaffinity.RequiredNodeAffinity
	tolerations []corev1.Toleration
}

// newPlacement follows the rules of the DaemonSet controller for a DaemonSet. Any other pod may run on a node as soon
// as the node is ready: taints that nodes get while they are not are ignored.
func newPlacement(kind v1alpha1.WorkloadKind, spec *corev1.PodSpec) placement {
	added := transientTaints
	if kind == v1alpha1.WorkloadDaemonSet {
		added = daemonTolerations
		if spec.HostNetwork {
			added = append(slices.Clone(added), tolerate(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule))
		}
	}
	return placement{
		affinity:    nodeaffinity.NewRequiredNodeAffinity(spec.NodeSelector, spec.Affinity),
		tolerations: slices.Concat(spec.Tolerations, added),
	}
}

func (p placement) allows(node *corev1.Node) bool {
	if _, untolerated := schedulinghelpers.FindMatchingUntoleratedTaint(logr.Discard(), node.Spec.Taints, p.tolerations, keepsPodsOff, true); untolerated {
		return false
	}
	fits, err := p.affinity.Match(node)
	return fits && err == nil
}

func keepsPodsOff(t *corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule }

// tolerate returns a toleration of every taint with the key; effect may be empty for any.
func tolerate(key string, effect corev1.TaintEffect) corev1.Toleration {
	return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
}

// daemonTolerations are what the DaemonSet controller adds to every pod that it creates.
var daemonTolerations = []corev1.Toleration{
	tolerate(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute),
	tolerate(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute),
	tolerate(corev1.TaintNodeDiskPressure, corev1.TaintEffectNoSchedule),
	tolerate(corev1.TaintNodeMemoryPressure, corev1.TaintEffectNoSchedule),
	tolerate(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule),
	tolerate(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule),
}

// transientTaints tolerate what the cluster itself puts on nodes that are down, cordoned or switched off.
var transientTaints = []corev1.Toleration{
	tolerate(corev1.TaintNodeNotReady, ""), tolerate(corev1.TaintNodeUnreachable, ""), tolerate(corev1.TaintNodeUnschedulable, ""),
	tolerate(corev1.TaintNodeNetworkUnavailable, ""), tolerate(corev1.TaintNodeOutOfService, ""), tolerate(nodestate.StoppedTaint, ""),
}
