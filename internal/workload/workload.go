// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workload explains why a workload lacks pods. Diagnose is a pure function of the workload, the nodes, the pods
// and the time.
package workload

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// Workload is what Deployments, DaemonSets and StatefulSets have in common, and how many pods must be available. It is
// immutable.
type Workload struct {
	// Object is the Deployment, DaemonSet or StatefulSet itself. Read-only.
	Object client.Object
	// Kind of the object.
	Kind v1alpha1.WorkloadKind
	// PodSpec is that of the pods it makes. Read-only.
	PodSpec *corev1.PodSpec
	// Desired is how many pods it wants, Available how many of them are available.
	Desired, Available int32

	selector *metav1.LabelSelector
	// minReadySeconds is how long a pod must be ready to be available.
	minReadySeconds int32
	// created and ready count pods.
	created, ready int32
	// tolerated is how many pods may be unavailable by the workload's own words; minAvailable, if it is not 0, is how
	// many are enough by the spec of the check; required is the result: how many must be available.
	tolerated, minAvailable, required int32
	// atATime is how many pods a roll-out replaces, for a workload that tolerates none else.
	atATime int32
	// observed is true when its controller has observed the newest generation.
	observed bool
	// rolling says that a change of the pods is under way; rollingDetail says how far it is.
	rolling       bool
	rollingDetail string
	// stuck says why a roll-out will not finish by itself; allNew is true when all pods are new: it waits for
	// nothing but their availability.
	stuck  string
	allNew bool
	// failure is the workload's own word on why it cannot make pods.
	failure string
}

// Of returns the workload of an object; ok is false for an object of another kind. minAvailable is how many available
// pods are enough, whatever the workload itself demands; 0 leaves it to the workload.
func Of(o client.Object, minAvailable int32) (w Workload, ok bool) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		w = ofDeployment(o)
	case *appsv1.DaemonSet:
		w = ofDaemonSet(o)
	case *appsv1.StatefulSet:
		w = ofStatefulSet(o)
	default:
		return Workload{}, false
	}
	w.minAvailable = minAvailable
	w.required = w.Desired - w.tolerated
	if w.Kind == v1alpha1.WorkloadDeployment {
		// With one replica, one pod less is none at all, even if maxUnavailable tolerates it.
		w.required = max(w.required, 1)
	}
	if minAvailable != 0 {
		w.required = min(minAvailable, w.Desired)
	}
	return w, true
}

func ofDeployment(d *appsv1.Deployment) Workload {
	w := Workload{
		Object: d, Kind: v1alpha1.WorkloadDeployment, PodSpec: &d.Spec.Template.Spec, selector: d.Spec.Selector,
		minReadySeconds: d.Spec.MinReadySeconds, Desired: replicas(d.Spec.Replicas),
		created: d.Status.Replicas, ready: d.Status.ReadyReplicas, Available: d.Status.AvailableReplicas,
		observed: d.Status.ObservedGeneration >= d.Generation,
	}
	w.rollingDetail = w.progress(d.Status.UpdatedReplicas)
	w.rolling = w.rollingDetail != "" && !d.Spec.Paused
	w.allNew = w.rollingDetail == "" && d.Status.Replicas <= d.Status.UpdatedReplicas
	w.tolerated = deploymentTolerance(d, w.Desired)
	for _, cond := range d.Status.Conditions {
		if cond.Type == appsv1.DeploymentProgressing && cond.Status == corev1.ConditionFalse && cond.Reason == "ProgressDeadlineExceeded" {
			w.stuck = cond.Message
		}
		if cond.Type == appsv1.DeploymentReplicaFailure && cond.Status == corev1.ConditionTrue {
			w.failure = cond.Message
		}
	}
	return w
}

// deploymentTolerance returns the Deployment's own maxUnavailable, resolved as its controller does: percentages
// are rounded down, and when maxSurge is 0 as well it is 1.
func deploymentTolerance(d *appsv1.Deployment, desired int32) int32 {
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0
	}
	maxUnavailable, maxSurge := intstr.FromString("25%"), intstr.FromString("25%")
	if ru := d.Spec.Strategy.RollingUpdate; ru != nil {
		if ru.MaxUnavailable != nil {
			maxUnavailable = *ru.MaxUnavailable
		}
		if ru.MaxSurge != nil {
			maxSurge = *ru.MaxSurge
		}
	}
	unavailable := scaled(maxUnavailable, desired, false)
	if unavailable == 0 && scaled(maxSurge, desired, true) == 0 {
		return 1
	}
	return unavailable
}

func ofDaemonSet(d *appsv1.DaemonSet) Workload {
	w := Workload{
		Object: d, Kind: v1alpha1.WorkloadDaemonSet, PodSpec: &d.Spec.Template.Spec, selector: d.Spec.Selector,
		minReadySeconds: d.Spec.MinReadySeconds, Desired: d.Status.DesiredNumberScheduled,
		created: d.Status.CurrentNumberScheduled, ready: d.Status.NumberReady, Available: d.Status.NumberAvailable,
		observed: d.Status.ObservedGeneration >= d.Generation, atATime: 1,
	}
	updated := d.Status.UpdatedNumberScheduled
	if d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType || updated >= w.created {
		// No roll-out is under way: pods change only when they are deleted, or all of them are new.
		updated = w.Desired
	}
	w.rollingDetail = w.progress(updated)
	w.rolling = w.rollingDetail != ""
	if ru := d.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.MaxUnavailable != nil {
		w.atATime = scaled(*ru.MaxUnavailable, w.Desired, true)
	}
	if w.rolling {
		w.tolerated = w.atATime
	}
	return w
}

func ofStatefulSet(s *appsv1.StatefulSet) Workload {
	w := Workload{
		Object: s, Kind: v1alpha1.WorkloadStatefulSet, PodSpec: &s.Spec.Template.Spec, selector: s.Spec.Selector,
		minReadySeconds: s.Spec.MinReadySeconds, Desired: replicas(s.Spec.Replicas),
		created: s.Status.Replicas, ready: s.Status.ReadyReplicas, Available: s.Status.AvailableReplicas,
		observed: s.Status.ObservedGeneration >= s.Generation, atATime: 1,
	}
	updated := w.Desired
	if ru := s.Spec.UpdateStrategy; ru.Type != appsv1.OnDeleteStatefulSetStrategyType && s.Status.UpdateRevision != s.Status.CurrentRevision {
		updated = s.Status.UpdatedReplicas
		if ru.RollingUpdate != nil && ru.RollingUpdate.Partition != nil {
			updated += min(*ru.RollingUpdate.Partition, w.Desired)
		}
	}
	w.rollingDetail = w.progress(updated)
	w.rolling = w.rollingDetail != ""
	if ru := s.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.MaxUnavailable != nil {
		w.atATime = max(1, scaled(*ru.MaxUnavailable, w.Desired, false))
	}
	if w.rolling {
		w.tolerated = w.atATime
	}
	return w
}

// progress says how far a roll-out is; it is empty when none is under way: the controller has observed the newest
// generation, and all pods are of it.
func (w Workload) progress(updated int32) string {
	switch {
	case !w.observed:
		return fmt.Sprintf("its controller has not seen generation %d yet", w.Object.GetGeneration())
	case updated < w.Desired:
		return fmt.Sprintf("%d/%d updated", updated, w.Desired)
	}
	return ""
}

// Verdict on a workload.
type Verdict struct {
	// Healthy is True, False, Unknown while nothing is known yet, or NotAssessed for a workload that wants no pods.
	Healthy v1alpha1.Verdict
	// Reason is one of the API's reasons of a check.
	Reason string
	// Detail explains the verdict, at any length.
	Detail string
}

// byNumbers returns the verdict by the workload's own numbers alone.
func (w Workload) byNumbers() Verdict {
	var v Verdict
	v.Healthy, v.Reason = w.class()
	name := msg.Object(string(w.Kind), w.Object.GetNamespace(), w.Object.GetName())
	if v.Reason == v1alpha1.ReasonIdle {
		v.Detail = name + ": idle, it wants no pods"
		return v
	}
	v.Detail = fmt.Sprintf("%s: %d/%d available", name, w.Available, w.Desired)
	if w.rolling {
		v.Detail += ", " + w.rollingDetail
	}
	switch {
	case v.Reason == v1alpha1.ReasonRolloutStuck:
		v.Detail += ": " + w.stuck
	case v.Reason == v1alpha1.ReasonHealthy && w.minAvailable != 0 && w.Available < w.Desired:
		v.Detail += fmt.Sprintf(", %d is enough", w.required)
	}
	return v
}

func (w Workload) class() (healthy v1alpha1.Verdict, reason string) {
	switch {
	case w.Desired == 0 && !w.rolling:
		return v1alpha1.VerdictNotAssessed, v1alpha1.ReasonIdle
	case w.Desired == 0:
		return v1alpha1.VerdictTrue, v1alpha1.ReasonProgressing
	case w.Available < w.required:
		return v1alpha1.VerdictFalse, v1alpha1.ReasonWorkloadUnavailable
	case w.stuck != "" && (w.minAvailable == 0 || !w.allNew):
		return v1alpha1.VerdictFalse, v1alpha1.ReasonRolloutStuck
	case w.rolling:
		return v1alpha1.VerdictTrue, v1alpha1.ReasonProgressing
	}
	return v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
}

// Unexplained reports whether the workload's numbers leave something to explain: it lacks pods, or only its pods show
// whether its roll-out hangs. Diagnose uses nodes and pods only then.
func (w Workload) Unexplained() bool {
	healthy, _ := w.class()
	return healthy == v1alpha1.VerdictFalse || w.noDeadline()
}

// noDeadline reports whether the roll-out has no deadline, so that only its pods show whether it hangs.
func (w Workload) noDeadline() bool {
	return w.rolling && w.Kind != v1alpha1.WorkloadDeployment && w.Desired > 0 && w.minAvailable == 0
}

// PodsNeed returns the need for the pods that may explain the workload.
func (w Workload) PodsNeed() facts.Need {
	return facts.Need{Kind: facts.PodKind, Namespace: w.Object.GetNamespace(),
		Selector: metav1.FormatLabelSelector(w.selector), Interval: facts.DefaultInterval}
}

// lacking returns the pods that the workload lacks, sorted by name.
func (w Workload) lacking(objects []client.Object) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, o := range objects {
		if pod, ok := o.(*corev1.Pod); ok && w.lacks(pod) {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// lacks reports whether the pod is one that the workload lacks: it is not ready, and no other one takes its place, as
// a Deployment makes another while one goes away.
func (w Workload) lacks(pod *corev1.Pod) bool {
	replaced := pod.DeletionTimestamp != nil && w.Kind == v1alpha1.WorkloadDeployment
	return !PodReadyOrFinished(pod) && !replaced && w.owns(pod)
}

// owns reports whether the pod is not one of another workload with the same labels. Between a Deployment and its
// pods there is a ReplicaSet that has its name.
func (w Workload) owns(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	switch {
	case owner == nil:
		return true
	case w.Kind == v1alpha1.WorkloadDeployment:
		return owner.Kind == "ReplicaSet" && strings.HasPrefix(owner.Name, w.Object.GetName()+"-")
	}
	return owner.Kind == string(w.Kind) && owner.Name == w.Object.GetName()
}

func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func scaled(v intstr.IntOrString, total int32, roundUp bool) int32 {
	n, err := intstr.GetScaledValueFromIntOrPercent(&v, int(total), roundUp)
	if err != nil {
		return 0 // the API server does not let such a value pass
	}
	return int32(n)
}
