// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	schedulinghelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/archmap/archmap/internal/nodestate"
)

// placement says on which nodes the pods of a workload may run.
type placement struct {
	affinity    nodeaffinity.RequiredNodeAffinity
	tolerations []corev1.Toleration
	// counts says which taints keep pods off.
	counts func(*corev1.Taint) bool
}

// daemonPlacement is where the DaemonSet controller wants a pod.
func daemonPlacement(spec *corev1.PodSpec) placement {
	p := placement{affinity: nodeaffinity.NewRequiredNodeAffinity(spec.NodeSelector, spec.Affinity), counts: keepsPodsOff}
	p.tolerations = slices.Concat(spec.Tolerations, daemonTolerations)
	if spec.HostNetwork {
		p.tolerations = append(p.tolerations, tolerate(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule))
	}
	return p
}

// meantPlacement is where pods may run as soon as the nodes are ready: taints that tell the state of a node are ignored.
func meantPlacement(spec *corev1.PodSpec) placement {
	return placement{
		affinity:    nodeaffinity.NewRequiredNodeAffinity(spec.NodeSelector, spec.Affinity),
		tolerations: spec.Tolerations,
		counts: func(t *corev1.Taint) bool {
			_, passes := nodestate.OfTaint(t.Key)
			return !passes && keepsPodsOff(t)
		},
	}
}

func (p placement) allows(node *corev1.Node) bool {
	if _, untolerated := schedulinghelpers.FindMatchingUntoleratedTaint(logr.Discard(), node.Spec.Taints, p.tolerations, p.counts, true); untolerated {
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
