// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollouts

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// parse reads what a pod, or a node without one, does: "crashing 3m", "probing 2m of 5h".
func (r Row) parse(i int, text string) (*corev1.Pod, *corev1.Node, error) {
	what, since, _ := strings.Cut(text, " ")
	since, of, _ := strings.Cut(since, " of ")
	unready, err := duration(since, day)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %q: %w", r.Row, text, err)
	}
	age, err := duration(of, unready)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %q: %w", r.Row, text, err)
	}
	pod := r.pod(i, age)
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(now.Add(-unready))}}
	container := &pod.Status.ContainerStatuses[0]
	where := fmt.Sprintf("node-%d", i)
	node := nodeOf(where, corev1.ConditionTrue, day)
	switch what {
	case "crashing":
		container.State, container.RestartCount = waiting("CrashLoopBackOff"), 5
	case "pulling":
		container.Image, container.State = "registry.example/app:v2", waiting("ImagePullBackOff")
	case "creating":
		container.State = waiting("ContainerCreating")
	case "misconfigured":
		container.State = waiting("CreateContainerConfigError")
	case "probing":
		container.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-age))}}
	case "going":
		pod.DeletionTimestamp = new(metav1.NewTime(now.Add(-unready)))
		container.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-age))}}
	case "unschedulable":
		where = ""
		unscheduled(pod, "0/3 nodes are available: 3 Insufficient cpu.")
	case "cordoned":
		where, node.Spec.Unschedulable = "", true
		unscheduled(pod, "0/3 nodes are available: 3 node(s) were unschedulable.")
	case "uninitialized":
		where, node.Spec.Taints = "", []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Effect: corev1.TaintEffectNoSchedule}}
		unscheduled(pod, "0/3 nodes are available: 3 node(s) had untolerated taint(s).")
	case "unreachable":
		node = nodeOf(where, corev1.ConditionUnknown, day)
	case "unready-node":
		node = nodeOf(where, corev1.ConditionFalse, day)
	case "gone":
		node = nil
	case "stopped":
		node = nodeOf(where, corev1.ConditionUnknown, day)
		node.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown", Effect: corev1.TaintEffectNoSchedule}}
	case "leaving":
		node = nodeOf(where, corev1.ConditionFalse, day)
		node.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(-unready))
		node.Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler", Effect: corev1.TaintEffectNoSchedule}}
	case "joining":
		node = nodeOf(where, corev1.ConditionFalse, unready)
	default:
		return nil, nil, fmt.Errorf("%s: no pod does %q", r.Row, text)
	}
	pod.Spec.NodeName = where
	return pod, node, nil
}

func (r Row) pod(i int, age time.Duration) *corev1.Pod {
	owner := metav1.OwnerReference{Kind: string(r.Kind), Name: Name, Controller: new(true)}
	if r.Kind == "Deployment" {
		owner.Kind, owner.Name = "ReplicaSet", Name+"-5d4f8"
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: fmt.Sprintf("%s-%d", Name, i), OwnerReferences: []metav1.OwnerReference{owner},
			CreationTimestamp: metav1.NewTime(now.Add(-age))},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main"}}},
	}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func unscheduled(pod *corev1.Pod, message string) {
	pod.Status.ContainerStatuses = nil
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message})
}

func nodeOf(name string, ready corev1.ConditionStatus, age time.Duration) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(now.Add(-age))},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: ready, LastTransitionTime: metav1.NewTime(now.Add(-age))}}},
	}
}
