// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	daemonSetKind   = "DaemonSet"
	deploymentKind  = "Deployment"
	statefulSetKind = "StatefulSet"
)

// RollOut is how far a change of a workload's template has come.
type RollOut struct {
	// Updated is how many pods are of the new template.
	Updated int `json:"updated"`
	// Pods, when set, is what is wrong with them.
	Pods *Pods `json:"pods"`
	// Unobserved: the controller has not observed the change yet.
	Unobserved bool `json:"unobserved"`
	// Since when it runs.
	Since time.Time `json:"-"`

	// before is the workload as it was before.
	before *unstructured.Unstructured
}

// progressDeadline is how long a Deployment may make no progress by default.
const progressDeadline = 600 * time.Second

// RollOut changes the image tag of a workload's container and keeps the roll-out as rollOut says; nil completes it.
func (w *World) RollOut(workload Ref, container, tag string, rollOut *RollOut) error {
	o := w.state.objects[workload]
	if o == nil {
		return fmt.Errorf("there is no %s", workload)
	}
	before := o
	if r, running := w.state.rollOuts[workload]; running {
		before = r.before
	}
	if tag != "" {
		patched, err := retag(o, container, tag)
		if err != nil {
			return fmt.Errorf("%s: %w", workload, err)
		}
		w.state.objects[workload] = patched
	}
	if rollOut == nil {
		delete(w.state.rollOuts, workload)
		return nil
	}
	r := *rollOut
	r.Since, r.before = w.now, before
	w.state.rollOuts[workload] = r
	return nil
}

// Heal ends what is wrong with the pods of a workload; its roll-out is over.
func (w *World) Heal(workload Ref) error {
	if !w.Has(workload) {
		return fmt.Errorf("there is no %s", workload)
	}
	delete(w.state.pods, workload)
	delete(w.state.rollOuts, workload)
	return nil
}

// workload is what the controllers of Deployments, DaemonSets and StatefulSets have in common.
type workload struct {
	ref      Ref
	object   client.Object
	template *corev1.PodTemplateSpec
	// old is the template before the roll-out.
	old     *corev1.PodTemplateSpec
	faults  []Pods
	rollOut *RollOut
	pods    []*pod
	ghosts  []*pod
	now     time.Time
}

// convergeWorkloads returns the workloads, and what their controllers have made: pods, and ReplicaSets, ControllerRevisions
// and events.
func (w *World) convergeWorkloads(nodes []*node) (converged map[Ref]client.Object, pods []*corev1.Pod, others []client.Object, err error) {
	converged = map[Ref]client.Object{}
	for _, ref := range w.order {
		into := workloadKinds[ref.Kind]
		if into == nil || !w.Has(ref) {
			continue
		}
		o, err := w.typedCopy(w.state.objects[ref], into())
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", ref, err)
		}
		l := &workload{ref: ref, object: o, faults: slices.Clone(w.state.pods[ref]), now: w.now}
		if r, ok := w.state.rollOuts[ref]; ok {
			l.rollOut = &r
			old, err := w.typedCopy(r.before, into())
			if err != nil {
				return nil, nil, nil, fmt.Errorf("%s: %w", ref, err)
			}
			l.old = templateOf(old)
		}
		l.template = templateOf(o)
		switch o := o.(type) {
		case *appsv1.DaemonSet:
			l.convergeDaemonSet(o, nodes)
		case *appsv1.Deployment:
			w.convergeDeployment(l, o, nodes)
		case *appsv1.StatefulSet:
			w.convergeStatefulSet(l, o, nodes)
		}
		converged[ref] = o
		for _, p := range slices.Concat(l.pods, l.ghosts) {
			explains := !w.resized || ref.Kind != daemonSetKind || !p.available()
			if explains && p.exists() {
				pods = append(pods, p.object(ref.Namespace))
			}
		}
		made, err := l.revisions()
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", ref, err)
		}
		others = append(append(others, made...), l.events()...)
	}
	return converged, pods, others, nil
}

func templateOf(o client.Object) *corev1.PodTemplateSpec {
	switch o := o.(type) {
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	}
	return nil
}

var workloadKinds = map[string]func() client.Object{
	deploymentKind:  func() client.Object { return &appsv1.Deployment{} },
	daemonSetKind:   func() client.Object { return &appsv1.DaemonSet{} },
	statefulSetKind: func() client.Object { return &appsv1.StatefulSet{} },
}

// newPod returns a pod of the workload; the parts of its name distinguish it from others.
func (l *workload) newPod(n *node, updated bool, parts ...any) *pod {
	revision := suffix(l.ref, l.isNew(updated))
	p := &pod{
		template: l.template, revision: revision, node: n, updated: updated, now: metaTime(l.now),
		owner: metav1.OwnerReference{APIVersion: appsVersion, Kind: l.ref.Kind, Name: l.ref.Name, Controller: new(true)},
		name:  fmt.Sprintf("%s-%.5s", l.ref.Name, suffix(append(parts, l.ref, revision)...)), born: birth,
	}
	if l.ref.Kind == deploymentKind {
		p.owner.Kind, p.owner.Name = "ReplicaSet", l.ref.Name+"-"+revision
		p.name = fmt.Sprintf("%s-%.5s", p.owner.Name, suffix(append(parts, l.ref)...))
	}
	if !l.isNew(updated) {
		l.outdate(p)
	}
	return p
}

// afflict lets the faults take the pods that they name, each pod one of them; updated pods suffer from what is
// wrong with the roll-out.
func (l *workload) afflict() {
	for _, p := range l.pods {
		if p.updated && l.rollOut != nil {
			p.fault, p.born = l.rollOut.Pods, l.rollOut.Since
		}
	}
	for i := range l.faults {
		left := l.faults[i].Count
		for _, p := range l.pods {
			if p.fault != nil || (l.faults[i].Node != "" && (p.node == nil || p.node.Name != l.faults[i].Node)) {
				continue
			}
			p.fault = &l.faults[i]
			if left--; left == 0 {
				break
			}
		}
	}
	for _, p := range l.pods {
		if p.fault == nil && p.node != nil && p.node.starting {
			p.fault = &Pods{State: Starting, Since: l.now}
		}
	}
}

func (l *workload) count(keep func(*pod) bool) int32 {
	var n int32
	for _, p := range l.pods {
		if keep(p) {
			n++
		}
	}
	return n
}

// updated counts the pods of the newest template that the controller has observed.
func (l *workload) updated() int32 {
	return l.count(func(p *pod) bool { return p.exists() && (p.updated || l.rollOut.Unobserved) })
}

// observed returns the generation that the controller has acted on.
func (l *workload) observed() int64 {
	if l.rollOut != nil && l.rollOut.Unobserved {
		return l.object.GetGeneration() - 1
	}
	return l.object.GetGeneration()
}

// daemonTolerations returns what the controller of DaemonSets adds.
func daemonTolerations(spec *corev1.PodSpec) []corev1.Toleration {
	out := slices.Clone(spec.Tolerations)
	add := func(key string, effect corev1.TaintEffect) {
		out = append(out, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect})
	}
	add(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)
	add(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)
	add(corev1.TaintNodeDiskPressure, corev1.TaintEffectNoSchedule)
	add(corev1.TaintNodeMemoryPressure, corev1.TaintEffectNoSchedule)
	add(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule)
	add(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)
	if spec.HostNetwork {
		add(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule)
	}
	return out
}

// convergeDaemonSet puts a pod on every node that may have one. A node that has become unfit keeps its pod, which
// is not wanted there any more, unless a taint drives it out.
func (l *workload) convergeDaemonSet(d *appsv1.DaemonSet, nodes []*node) {
	tolerations := daemonTolerations(&l.template.Spec)
	var strays int32
	for _, n := range nodes {
		if !fits(l.template, n) {
			continue
		}
		if _, unfit := repelled(n, tolerations, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute); unfit {
			if _, driven := repelled(n, tolerations, corev1.TaintEffectNoExecute); !driven && !n.starting {
				l.ghosts = append(l.ghosts, l.newPod(n, l.rollOut == nil, n.Name))
				strays++
			}
			continue
		}
		l.pods = append(l.pods, l.newPod(n, l.rollOut == nil || len(l.pods) < l.rollOut.Updated, n.Name))
	}
	l.afflict()
	desired := int32(len(l.pods))
	available := l.count((*pod).available)
	d.Status = appsv1.DaemonSetStatus{
		ObservedGeneration: l.observed(), DesiredNumberScheduled: desired, NumberMisscheduled: strays,
		CurrentNumberScheduled: l.count((*pod).exists), UpdatedNumberScheduled: l.updated(),
		NumberReady: available, NumberAvailable: available, NumberUnavailable: desired - available,
	}
}

// place keeps pods where they are and finds nodes for the others. Pods of a node that is gone for good are
// replaced; the old ones stay until their kubelet ends them.
func (w *World) place(l *workload, replicas int, nodes []*node) {
	byName, used := map[string]*node{}, map[string]int{}
	for _, n := range nodes {
		byName[n.Name] = n
	}
	before := w.placed[l.ref]
	for _, name := range before {
		used[name]++
	}
	ghosts := slices.DeleteFunc(w.ghosts[l.ref], func(name string) bool { return byName[name] == nil || byName[name].ready })
	places := make([]string, replicas)
	for i := range replicas {
		var n *node
		if i < len(before) {
			n = byName[before[i]]
		}
		if n != nil && n.evicted {
			ghosts = append(ghosts, n.Name)
			n = nil
		}
		refusal := ""
		if n == nil {
			if n, refusal = schedule(l.template, nodes, used); n != nil {
				used[n.Name]++
			}
		}
		p := l.newPod(n, true, i)
		p.refusal = refusal
		if n != nil {
			places[i] = n.Name
		}
		l.pods = append(l.pods, p)
	}
	w.placed[l.ref], w.ghosts[l.ref] = places, ghosts
	for i, name := range ghosts {
		ghost := l.newPod(byName[name], true, "ghost", i)
		ghost.going = true
		l.ghosts = append(l.ghosts, ghost)
	}
}

func (w *World) convergeDeployment(l *workload, d *appsv1.Deployment, nodes []*node) {
	desired := 1
	if d.Spec.Replicas != nil {
		desired = int(*d.Spec.Replicas)
	}
	unavailable, surge := rollingLimits(d, desired)
	total, updated := desired, desired
	if l.rollOut != nil && !l.rollOut.Unobserved {
		// What does not come up stops the roll-out as soon as its limits are reached.
		updated = min(l.rollOut.Updated, desired)
		if l.rollOut.Pods != nil {
			updated = min(updated, unavailable+surge)
			total = max(desired-unavailable, 0) + updated
		}
	}
	w.place(l, total, nodes)
	for i, p := range l.pods {
		if i < total-updated || (l.rollOut != nil && l.rollOut.Unobserved) {
			l.outdate(p)
		}
	}
	l.afflict()
	available := l.count((*pod).available)
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: l.observed(), Replicas: l.count((*pod).exists),
		UpdatedReplicas: l.updated(),
		ReadyReplicas:   available, AvailableReplicas: available, UnavailableReplicas: max(0, int32(total)-available),
	}
	l.conditions(d, int32(desired-unavailable))
}

// rollingLimits returns maxUnavailable and maxSurge as the controller resolves them.
func rollingLimits(d *appsv1.Deployment, desired int) (unavailable, surge int) {
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return desired, 0
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
	surge, _ = intstr.GetScaledValueFromIntOrPercent(&maxSurge, desired, true)
	unavailable, _ = intstr.GetScaledValueFromIntOrPercent(&maxUnavailable, desired, false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return min(unavailable, desired), surge
}

// conditions are what the controller of Deployments says.
func (l *workload) conditions(d *appsv1.Deployment, minimum int32) {
	set := func(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) {
		d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message})
	}
	if d.Status.AvailableReplicas >= minimum {
		set(appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability.")
		if i := slices.IndexFunc(l.pods, func(p *pod) bool { return p.fault != nil && p.fault.State == Restarting }); i >= 0 {
			d.Status.Conditions[0].LastTransitionTime = metaTime(l.pods[i].fault.restartedAt())
		}
	} else {
		set(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
		if i := slices.IndexFunc(l.pods, func(p *pod) bool { return p.fault != nil }); i >= 0 {
			d.Status.Conditions[0].LastTransitionTime = metaTime(l.pods[i].fault.Since)
		}
	}
	replicaSet := fmt.Sprintf("ReplicaSet %q", l.ref.Name+"-"+suffix(l.ref, true))
	switch {
	case l.rollOut == nil:
		set(appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable", replicaSet+" has successfully progressed.")
	case l.rollOut.Pods != nil && l.now.Sub(l.rollOut.Since) >= progressDeadline:
		set(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded", replicaSet+" has timed out progressing.")
	default:
		set(appsv1.DeploymentProgressing, corev1.ConditionTrue, "ReplicaSetUpdated", replicaSet+" is progressing.")
	}
	for _, p := range l.pods {
		if p.fault != nil && p.fault.State == Denied {
			set(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate", p.fault.Message)
			d.Status.Conditions[len(d.Status.Conditions)-1].LastTransitionTime = metaTime(p.fault.Since)
			return
		}
	}
}

// events are what the controllers of DaemonSets and StatefulSets report of pods that the API server refuses: they try again and
// again.
func (l *workload) events() []client.Object {
	if l.ref.Kind == deploymentKind {
		return nil // which has a condition
	}
	for _, p := range l.pods {
		if p.fault != nil && p.fault.State == Denied {
			return []client.Object{&corev1.Event{
				TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
				ObjectMeta:     metav1.ObjectMeta{Namespace: l.ref.Namespace, Name: l.ref.Name + "." + suffix(l.ref)},
				InvolvedObject: corev1.ObjectReference{APIVersion: appsVersion, Kind: l.ref.Kind, Namespace: l.ref.Namespace, Name: l.ref.Name, UID: l.object.GetUID()},
				Type:           corev1.EventTypeWarning, Reason: "FailedCreate", Message: "Error creating: " + p.fault.Message,
				FirstTimestamp: metaTime(p.fault.Since), LastTimestamp: metaTime(l.now), Count: 1 + int32(l.now.Sub(p.fault.Since)/time.Minute),
			}}
		}
	}
	return nil
}

func (w *World) convergeStatefulSet(l *workload, s *appsv1.StatefulSet, nodes []*node) {
	desired := 1
	if s.Spec.Replicas != nil {
		desired = int(*s.Spec.Replicas)
	}
	w.place(l, desired, nodes)
	newest := l.ref.Name + "-" + suffix(l.ref, l.isNew(l.rollOut == nil || !l.rollOut.Unobserved))
	current := l.ref.Name + "-" + suffix(l.ref, l.isNew(false))
	for i, p := range l.pods {
		if l.rollOut != nil && i < desired-l.rollOut.Updated {
			l.outdate(p)
		}
	}
	l.afflict()
	available := l.count((*pod).available)
	s.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: l.observed(), Replicas: l.count((*pod).exists), ReadyReplicas: available, AvailableReplicas: available,
		CurrentReplicas: l.count(func(p *pod) bool { return p.exists() && (!p.updated || l.rollOut == nil) }), UpdatedReplicas: l.updated(),
		CurrentRevision: current, UpdateRevision: newest,
	}
}
