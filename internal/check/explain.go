// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
)

// PodKind is the kind of the pods that explain an unhealthy workload. No check may name it.
var PodKind = corev1.SchemeGroupVersion.WithKind("Pod")

// explanationNeeds is what tells why pods of a workload are unavailable. They are asked for only while it is
// unhealthy, and then every DefaultInterval.
func explanationNeeds(r *rollout) []Need {
	return []Need{
		{Kind: PodKind, Namespace: r.object.GetNamespace(), Selector: metav1.FormatLabelSelector(r.selector), Interval: DefaultInterval},
		NodesNeed,
	}
}

// explain says why pods of the workload are unavailable, by cause: how many, and where. It is empty while that
// is not known.
func explain(r *rollout, facts Facts) string {
	needs := explanationNeeds(r)
	pods, nodes := facts.Answers[needs[0]], facts.Answers[needs[1]]
	if pods.State == NotPermitted {
		return "why is not known, not permitted to look at its pods: " + pods.Message
	}
	down := downNodes(nodes)
	causes := map[string][]string{} // cause to the places of its pods
	for _, o := range pods.Objects {
		pod, ok := o.(*corev1.Pod)
		if !ok || PodSettled(pod) {
			continue
		}
		cause := podFault(pod, down)
		causes[cause] = append(causes[cause], place(pod))
	}
	var parts []string
	for cause, places := range causes {
		parts = append(parts, fmt.Sprintf("%d %s (%s)", len(places), cause, shortenPlaces(places)))
	}
	slices.Sort(parts)
	return Shorten(parts, "; ")
}

// PodSettled says that nothing is wrong with a pod: it is ready, it has done its work, or it is going away.
func PodSettled(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded {
		return true
	}
	ready := podCondition(pod, corev1.PodReady)
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// podFault says why a pod is not ready: the fault of its node, of the scheduler's choice, of its image, of its
// program, in this order.
func podFault(pod *corev1.Pod, down sets.Set[string]) string {
	if down.Has(pod.Spec.NodeName) {
		return "on nodes that are not ready"
	}
	if c := podCondition(pod, corev1.PodScheduled); pod.Spec.NodeName == "" && c != nil && c.Status == corev1.ConditionFalse {
		return "cannot be scheduled: " + c.Message
	}
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	for _, s := range statuses {
		if w := s.State.Waiting; w != nil && slices.Contains(pullReasons, w.Reason) {
			return fmt.Sprintf("cannot pull the image %s of container %s", s.Image, s.Name)
		}
	}
	for _, s := range statuses {
		if w := s.State.Waiting; w != nil && w.Reason == "CrashLoopBackOff" {
			return "crash-looping: container " + s.Name + lastExit(s)
		}
	}
	var unready []string
	for _, s := range pod.Status.ContainerStatuses {
		if !s.Ready {
			unready = append(unready, s.Name)
		}
	}
	if len(unready) == 0 {
		return "not ready"
	}
	return "not ready: container " + strings.Join(unready, ", ")
}

// pullReasons are the kubelet's words for an image that does not arrive.
var pullReasons = []string{"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}

func lastExit(s corev1.ContainerStatus) string {
	t := s.LastTerminationState.Terminated
	if t == nil {
		return ""
	}
	return fmt.Sprintf(", last exit code %d (%s)", t.ExitCode, t.Reason)
}

// downNodes are the names of the nodes that are not ready.
func downNodes(nodes Answer) sets.Set[string] {
	down := sets.New[string]()
	for _, o := range nodes.Objects {
		node, ok := o.(*corev1.Node)
		if !ok {
			continue
		}
		if ready := findCondition(node, string(corev1.NodeReady)); ready != nil && ready.Status != corev1.ConditionTrue {
			down.Insert(node.Name)
		}
	}
	return down
}

func podCondition(pod *corev1.Pod, conditionType corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == conditionType {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// place is where a pod is, or which one it is while it is nowhere.
func place(pod *corev1.Pod) string {
	if pod.Spec.NodeName == "" {
		return pod.Name
	}
	return pod.Spec.NodeName
}

func shortenPlaces(places []string) string {
	slices.Sort(places)
	return Shorten(slices.Compact(places), ", ")
}
