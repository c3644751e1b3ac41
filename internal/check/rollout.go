// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// rollout is what the three kinds of workload have in common.
type rollout struct {
	object   client.Object
	kind     v1alpha1.WorkloadKind
	podSpec  *corev1.PodSpec
	selector *metav1.LabelSelector

	// minReadySeconds is how long a pod must be ready to be available.
	minReadySeconds int32
	// created, ready and available count pods.
	desired, created, ready, available int32
	// tolerated is how many pods may be unavailable; required is how many must be available; atATime is how many
	// a roll-out replaces, for a workload that tolerates none else.
	tolerated, required, atATime int32
	// observed says that its controller has seen the newest generation.
	observed bool
	// rolling says that a change of the pods is under way; rollingDetail says how far it is.
	rolling       bool
	rollingDetail string
	// endless says that nobody sets the roll-out a deadline: only its pods tell whether it hangs.
	endless bool
	// stuck says why a roll-out will not finish by itself; settled says that all there are are new pods, and it
	// waits for nothing but their availability.
	stuck   string
	settled bool
	// failure is the workload's own word on why it cannot make pods.
	failure string
}

func newRollout(o client.Object) (rollout, bool) {
	switch w := o.(type) {
	case *appsv1.Deployment:
		return deploymentRollout(w), true
	case *appsv1.DaemonSet:
		return daemonSetRollout(w), true
	case *appsv1.StatefulSet:
		return statefulSetRollout(w), true
	}
	return rollout{}, false
}

func deploymentRollout(d *appsv1.Deployment) rollout {
	r := rollout{
		object: d, kind: v1alpha1.WorkloadDeployment, podSpec: &d.Spec.Template.Spec, selector: d.Spec.Selector,
		minReadySeconds: d.Spec.MinReadySeconds, desired: replicas(d.Spec.Replicas),
		created: d.Status.Replicas, ready: d.Status.ReadyReplicas, available: d.Status.AvailableReplicas,
	}
	r.observe(d.Generation, d.Status.ObservedGeneration, d.Status.UpdatedReplicas)
	r.settled = !r.rolling && d.Status.Replicas <= d.Status.UpdatedReplicas
	r.tolerated = deploymentTolerance(d, r.desired)
	if d.Spec.Paused {
		r.rolling = false
	}
	for _, cond := range d.Status.Conditions {
		if cond.Type == appsv1.DeploymentProgressing && cond.Status == corev1.ConditionFalse && cond.Reason == "ProgressDeadlineExceeded" {
			r.stuck = cond.Message
		}
		if cond.Type == appsv1.DeploymentReplicaFailure && cond.Status == corev1.ConditionTrue {
			r.failure = cond.Message
		}
	}
	return r
}

// deploymentTolerance is the Deployment's own maxUnavailable, resolved as its controller does: percentages
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

func daemonSetRollout(d *appsv1.DaemonSet) rollout {
	r := rollout{
		object: d, kind: v1alpha1.WorkloadDaemonSet, podSpec: &d.Spec.Template.Spec, selector: d.Spec.Selector,
		minReadySeconds: d.Spec.MinReadySeconds, desired: d.Status.DesiredNumberScheduled,
		created: d.Status.CurrentNumberScheduled, ready: d.Status.NumberReady, available: d.Status.NumberAvailable,
	}
	updated := d.Status.UpdatedNumberScheduled
	if d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType || updated >= r.created {
		// Nothing is under way: the pods change when somebody deletes them, or all that there are are new.
		updated = r.desired
	}
	r.observe(d.Generation, d.Status.ObservedGeneration, updated)
	r.atATime = 1
	if ru := d.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.MaxUnavailable != nil {
		r.atATime = scaled(*ru.MaxUnavailable, r.desired, true)
	}
	if r.rolling {
		r.tolerated = r.atATime
	}
	return r
}

func statefulSetRollout(s *appsv1.StatefulSet) rollout {
	r := rollout{
		object: s, kind: v1alpha1.WorkloadStatefulSet, podSpec: &s.Spec.Template.Spec, selector: s.Spec.Selector,
		minReadySeconds: s.Spec.MinReadySeconds, desired: replicas(s.Spec.Replicas),
		created: s.Status.Replicas, ready: s.Status.ReadyReplicas, available: s.Status.AvailableReplicas,
	}
	updated := r.desired
	if ru := s.Spec.UpdateStrategy; ru.Type != appsv1.OnDeleteStatefulSetStrategyType && s.Status.UpdateRevision != s.Status.CurrentRevision {
		updated = s.Status.UpdatedReplicas
		if ru.RollingUpdate != nil && ru.RollingUpdate.Partition != nil {
			updated += min(*ru.RollingUpdate.Partition, r.desired)
		}
	}
	r.observe(s.Generation, s.Status.ObservedGeneration, updated)
	r.atATime = 1
	if ru := s.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.MaxUnavailable != nil {
		r.atATime = max(1, scaled(*ru.MaxUnavailable, r.desired, false))
	}
	if r.rolling {
		r.tolerated = r.atATime
	}
	return r
}

// observe tells whether a roll-out is under way: the controller has not seen the newest generation, or not
// all pods are of it.
func (r *rollout) observe(generation, observed int64, updated int32) {
	r.observed = observed >= generation
	switch {
	case !r.observed:
		r.rolling = true
		r.rollingDetail = fmt.Sprintf("its controller has not seen generation %d yet", generation)
	case updated < r.desired:
		r.rolling = true
		r.rollingDetail = fmt.Sprintf("%d/%d updated", updated, r.desired)
	}
}

// judge is by the numbers alone. minAvailable, if it is not 0, is how many pods are enough.
func (r *rollout) judge(minAvailable int32) judged {
	j := judged{object: r.object, kind: string(r.kind), healthy: v1alpha1.VerdictTrue, reason: v1alpha1.ReasonHealthy}
	name := msg.Object(string(r.kind), r.object.GetNamespace(), r.object.GetName())
	j.detail = fmt.Sprintf("%s: %d/%d available", name, r.available, r.desired)
	if r.rolling {
		j.detail += ", " + r.rollingDetail
	}
	r.require(minAvailable)
	r.endless = r.rolling && r.kind != v1alpha1.WorkloadDeployment && r.desired > 0 && minAvailable == 0
	switch {
	case r.desired == 0 && r.rolling:
		j.reason = v1alpha1.ReasonProgressing
	case r.desired == 0:
		j.healthy, j.reason = v1alpha1.VerdictNotAssessed, v1alpha1.ReasonIdle
		j.detail = name + ": idle, it wants no pods"
	case r.available < r.required:
		j.healthy, j.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonWorkloadUnavailable
	case r.stuck != "" && (minAvailable == 0 || !r.settled):
		j.healthy, j.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonRolloutStuck
		j.detail += ": " + r.stuck
	case r.rolling:
		j.reason = v1alpha1.ReasonProgressing
	case minAvailable != 0 && r.available < r.desired:
		j.detail += fmt.Sprintf(", %d is enough", r.required)
	}
	return j
}

// require says how many pods must be available.
func (r *rollout) require(minAvailable int32) {
	r.required = r.desired - r.tolerated
	if r.kind == v1alpha1.WorkloadDeployment {
		// One with one replica may tolerate one pod less and still serves nobody.
		r.required = max(r.required, 1)
	}
	if minAvailable != 0 {
		r.required = min(minAvailable, r.desired)
	}
}

// lacks says whether the pod is one that the workload lacks: it is not ready, and no other one takes its place, as
// a Deployment makes another while one goes away.
func (r *rollout) lacks(pod *corev1.Pod) bool {
	replaced := pod.DeletionTimestamp != nil && r.kind == v1alpha1.WorkloadDeployment
	return !PodSettled(pod) && !replaced && r.owns(pod)
}

// owns says whether the pod is not one of another workload with the same labels. Between a Deployment and its
// pods there is a ReplicaSet that has its name.
func (r *rollout) owns(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	switch {
	case owner == nil:
		return true
	case r.kind == v1alpha1.WorkloadDeployment:
		return owner.Kind == "ReplicaSet" && strings.HasPrefix(owner.Name, r.object.GetName()+"-")
	}
	return owner.Kind == string(r.kind) && owner.Name == r.object.GetName()
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
