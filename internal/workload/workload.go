// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workload explains why a workload lacks pods. Diagnose is a pure function of the workload, the nodes, the pods
// and the time.
package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
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
	// created and ready count pods. surplus is how many pods a roll-out has beyond those that it wants, and hidden
	// says that the numbers do not show whether those run.
	created, ready, surplus int32
	hidden                  bool
	// ownTolerance is how many pods may be unavailable by the workload's own words; minAvailable, if it is not 0, is
	// how many are enough by the spec of the check; required is the result: how many must be available, faults of
	// nodes apart.
	ownTolerance, minAvailable, required int32
	// mayBeZero says that somebody may scale it to 0.
	mayBeZero bool
	// atATime is how many pods a roll-out replaces, for a workload that tolerates none else.
	atATime int32
	// share is how many of its pods the check tolerates to have a fault; outdated is how many pods of a DaemonSet are not new
	// yet.
	share    int
	outdated int32
	// observed is true when its controller has observed the newest generation; never when it has not observed any.
	observed, never bool
	// rolling says that a change of the pods is under way; rollingDetail says how far it is; deadline says that its
	// controller gives it up by itself.
	rolling       bool
	rollingDetail string
	deadline      bool
	// stuck says why a roll-out will not finish by itself; allNew is true when all pods are new: it waits for
	// nothing but their availability.
	stuck  string
	allNew bool
	// failure is the word of the workload's status, or of its events, on why it cannot make pods, failedAt since when;
	// reported says how often, by events. silent says that no event tells.
	failure, reported string
	failedAt          time.Time
	silent            bool
	// unavailableAt is when a Deployment began to have too few pods by its own words; zero is not known.
	unavailableAt time.Time
	// availableAt is when a Deployment last came to have enough pods; zero is not known, or it has too few.
	availableAt time.Time
	// progressedAt is when the roll-out of a Deployment last made progress; zero is not known, or not any more.
	progressedAt time.Time
	// ordered says that it makes a pod only when the one before it is ready.
	ordered bool
}

// Of returns the workload of an object; ok is false for an object of another kind. spec says how many pods must be
// available.
func Of(o client.Object, spec *v1alpha1.WorkloadCheck) (w Workload, ok bool) {
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
	w.minAvailable, w.mayBeZero = spec.MinAvailable, catalog.MayScaleToZero(spec)
	w.required = w.Desired - w.ownTolerance
	if w.minAvailable != 0 {
		w.required = min(w.minAvailable, w.Desired)
	}
	w.share = catalog.Tolerated(spec.Tolerance, int(w.Desired))
	w.required = max(1, min(w.required, w.Desired-int32(w.share)))
	return w, true
}

// PodLabels are the labels of the pods it makes.
func (w Workload) PodLabels() map[string]string {
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return o.Spec.Template.Labels
	case *appsv1.DaemonSet:
		return o.Spec.Template.Labels
	case *appsv1.StatefulSet:
		return o.Spec.Template.Labels
	}
	return nil
}

// tolerated is how many pods may have a fault of their own.
func (w Workload) tolerated() int { return int(w.Desired - w.required) }

func ofDeployment(d *appsv1.Deployment) Workload {
	w := Workload{
		Object: d, Kind: v1alpha1.WorkloadDeployment, PodSpec: &d.Spec.Template.Spec, selector: d.Spec.Selector,
		minReadySeconds: d.Spec.MinReadySeconds, Desired: replicas(d.Spec.Replicas),
		created: d.Status.Replicas, ready: d.Status.ReadyReplicas, Available: d.Status.AvailableReplicas,
	}
	w.observe(d.Status.ObservedGeneration)
	w.rollingDetail = w.progress(d.Status.UpdatedReplicas)
	switch {
	case w.observed && rolledOut(d):
		w.rollingDetail = "" // what it lacks it lacks without a roll-out, as after it was scaled up
	case w.rollingDetail == "" && d.Status.Replicas > d.Status.UpdatedReplicas:
		w.rollingDetail = fmt.Sprintf("%d/%d updated, %d old", d.Status.UpdatedReplicas, w.Desired, d.Status.Replicas-d.Status.UpdatedReplicas)
	}
	w.allNew = w.rollingDetail == ""
	w.rolling = !w.allNew && !d.Spec.Paused
	w.ownTolerance = deploymentTolerance(d, w.Desired)
	if w.rolling {
		w.surplus = max(0, d.Status.Replicas-max(w.Desired, w.Available))
	}
	w.read(d.Status.Conditions)
	return w
}

// rolledOut reports whether the controller says that the newest ReplicaSet was available in full, and no old pods are left.
func rolledOut(d *appsv1.Deployment) bool {
	return d.Status.Replicas == d.Status.UpdatedReplicas && slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionTrue && c.Reason == "NewReplicaSetAvailable"
	})
}

// read reads what a Deployment says of itself.
func (w *Workload) read(conditions []appsv1.DeploymentCondition) {
	for _, cond := range conditions {
		switch {
		case cond.Type == appsv1.DeploymentProgressing:
			w.deadline = true
			if w.rolling && cond.Status == corev1.ConditionTrue {
				w.progressedAt = cond.LastUpdateTime.Time
			}
			if cond.Status == corev1.ConditionFalse {
				w.stuck = cmp.Or(cond.Message, cond.Reason)
			}
			if cond.Status == corev1.ConditionFalse && cond.Reason == replicaSetRefused {
				w.failure, w.failedAt = cond.Message, cond.LastTransitionTime.Time
			}
		case cond.Type == appsv1.DeploymentAvailable && cond.Status == corev1.ConditionFalse:
			w.unavailableAt = cond.LastTransitionTime.Time
		case cond.Type == appsv1.DeploymentAvailable && cond.Status == corev1.ConditionTrue:
			w.availableAt = cond.LastTransitionTime.Time
		case cond.Type == appsv1.DeploymentReplicaFailure && cond.Status == corev1.ConditionTrue:
			w.failure, w.failedAt = cond.Message, cond.LastTransitionTime.Time
		}
	}
	w.never = w.never && w.stuck == "" && w.failure == ""
	w.hidden = w.rolling && w.failure != "" // what does not exist is in no number
}

// replicaSetRefused is the controller's reason for a Deployment whose new ReplicaSet it cannot make. It does not say
// that it has seen the generation then.
const replicaSetRefused = "ReplicaSetCreateError"

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
		atATime: 1,
	}
	w.observe(d.Status.ObservedGeneration)
	updated := d.Status.UpdatedNumberScheduled
	if d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType || updated >= w.created {
		// No roll-out is under way: pods change only when they are deleted, or all of them are new.
		updated = w.Desired
	}
	w.rollingDetail = w.progress(updated)
	w.rolling = w.rollingDetail != ""
	w.outdated = max(0, w.Desired-updated)
	if ru := d.Spec.UpdateStrategy.RollingUpdate; ru != nil {
		if ru.MaxUnavailable != nil {
			w.atATime = scaled(*ru.MaxUnavailable, w.Desired, true)
		}
		// A new pod beside an old one that is available counts nowhere in the status.
		w.hidden = w.rolling && ru.MaxSurge != nil && scaled(*ru.MaxSurge, w.Desired, true) > 0
	}
	if w.rolling {
		w.ownTolerance = w.atATime
	}
	return w
}

func ofStatefulSet(s *appsv1.StatefulSet) Workload {
	w := Workload{
		Object: s, Kind: v1alpha1.WorkloadStatefulSet, PodSpec: &s.Spec.Template.Spec, selector: s.Spec.Selector,
		minReadySeconds: s.Spec.MinReadySeconds, Desired: replicas(s.Spec.Replicas),
		created: s.Status.Replicas, ready: s.Status.ReadyReplicas, Available: s.Status.AvailableReplicas,
		atATime: 1, ordered: s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement,
	}
	w.observe(s.Status.ObservedGeneration)
	w.rollingDetail = w.statefulProgress(s)
	w.rolling = w.rollingDetail != ""
	if ru := s.Spec.UpdateStrategy.RollingUpdate; ru != nil && ru.MaxUnavailable != nil {
		w.atATime = max(1, scaled(*ru.MaxUnavailable, w.Desired, false))
	}
	if w.rolling {
		w.ownTolerance = w.atATime
	}
	return w
}

// statefulProgress says how far the roll-out of a StatefulSet is. It lasts until the revisions are the same, and not
// only until all pods are new, as the last of them may not be ready yet; pods below a partition are not meant.
func (w *Workload) statefulProgress(s *appsv1.StatefulSet) string {
	strategy := s.Spec.UpdateStrategy
	if strategy.Type == appsv1.OnDeleteStatefulSetStrategyType || s.Status.UpdateRevision == s.Status.CurrentRevision {
		return w.progress(w.Desired)
	}
	partition := int32(0)
	if strategy.RollingUpdate != nil && strategy.RollingUpdate.Partition != nil {
		partition = min(*strategy.RollingUpdate.Partition, w.Desired)
	}
	updated := s.Status.UpdatedReplicas
	if w.observed && partition == 0 && w.Desired > 0 {
		return fmt.Sprintf("%d/%d updated", updated, w.Desired)
	}
	if w.observed && updated < w.Desired-partition {
		return fmt.Sprintf("%d/%d updated above partition %d", updated, w.Desired-partition, partition)
	}
	return w.progress(w.Desired)
}

func (w *Workload) observe(generation int64) {
	w.observed = generation >= w.Object.GetGeneration()
	w.never = generation == 0 && !w.observed && w.Available == 0
}

// progress says how far a roll-out is; it is empty when none is under way: the controller has observed the newest
// generation, and all pods are of it.
func (w *Workload) progress(updated int32) string {
	switch {
	case !w.observed:
		return fmt.Sprintf("its controller has not observed generation %d yet", w.Object.GetGeneration())
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

func (w Workload) name() string {
	return msg.Object(string(w.Kind), w.Object.GetNamespace(), w.Object.GetName())
}

// numbers are the workload's own.
func (w Workload) numbers() string {
	text := fmt.Sprintf("%s: %d/%d available", w.name(), w.Available, w.Desired)
	if w.rolling {
		text += ", " + w.rollingDetail
	}
	return text
}

// Unexplained reports whether the workload's numbers leave something to explain: it lacks pods, or only its pods show
// whether its roll-out hangs. Diagnose uses nodes and pods only then.
func (w Workload) Unexplained() bool {
	return w.Desired > 0 && !w.never && (w.Available < w.Desired || w.rolling || w.givesUp())
}

// givesUp reports whether the roll-out will not finish by itself, and it matters: where fewer pods are enough, one that
// waits for nothing but new pods may wait for ever.
func (w Workload) givesUp() bool { return w.stuck != "" && (w.minAvailable == 0 || !w.allNew) }

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
		return owner.Kind == facts.ReplicaSetKind.Kind && w.ownsReplicaSet(owner.Name)
	}
	return owner.Kind == string(w.Kind) && owner.Name == w.Object.GetName()
}

// ownsReplicaSet reports whether a ReplicaSet of that name is one of the Deployment's: behind its name there is a hash.
func (w Workload) ownsReplicaSet(name string) bool {
	return strings.HasPrefix(name, w.Object.GetName()+"-")
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
