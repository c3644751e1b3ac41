// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// PodState is what is wrong with a pod.
type PodState string

// The states of a pod; none is that it runs.
const (
	// CrashLooping: a container ends again and again.
	CrashLooping PodState = "CrashLooping"
	// ImagePull: an image cannot be pulled.
	ImagePull PodState = "ImagePull"
	// Unschedulable: no node takes it.
	Unschedulable PodState = "Unschedulable"
	// NotReady: a container runs, its readiness probe fails.
	NotReady PodState = "NotReady"
	// Starting: its containers are being created.
	Starting PodState = "Starting"
	// Missing: it was not made at all.
	Missing PodState = "Missing"
	// Denied: the API server refuses it.
	Denied PodState = "Denied"
	// Restarting: it is ready, after a restart.
	Restarting PodState = "Restarting"
)

// Pods is what is wrong with pods of a workload.
type Pods struct {
	State PodState `json:"state"`
	// Count of the pods; 0 is all.
	Count int `json:"count"`
	// Node, when set, is where they are, as pool/index.
	Node string `json:"node"`
	// Container that is at fault; the first one when empty. Init says that it is an init container.
	Container string `json:"container"`
	Init      bool   `json:"init"`
	// ExitCode, Reason and Restarts of a container that crashes. Of one that is ready again, Ran is how long it ran before the last
	// restart, and Ago how long that was ago when it began.
	ExitCode int32           `json:"exitCode"`
	Reason   string          `json:"reason"`
	Restarts int32           `json:"restarts"`
	Ran      metav1.Duration `json:"ran"`
	Ago      metav1.Duration `json:"ago"`
	// Message of the scheduler, the kubelet or the API server.
	Message string `json:"message"`
	// Since when it is so.
	Since time.Time `json:"-"`
}

// SetPods adds a fault to pods of a workload.
func (w *World) SetPods(workload Ref, pods Pods) error {
	if !w.Has(workload) {
		return fmt.Errorf("there is no %s", workload)
	}
	if pods.Node != "" {
		name, err := w.NodeName(pods.Node)
		if err != nil {
			return err
		}
		pods.Node = name
	}
	if err := w.mayRefuse(workload, pods.Message); err != nil {
		return err
	}
	pods.Since = w.now
	w.state.pods[workload] = append(slices.Clone(w.state.pods[workload]), pods)
	return nil
}

var failedCall = regexp.MustCompile(`failed calling webhook "([^"]+)"`)

// mayRefuse returns an error when a message is one that no API server gives: it names a webhook of the cluster whose selectors
// leave out the pods of a workload.
func (w *World) mayRefuse(workload Ref, message string) error {
	call := failedCall.FindStringSubmatch(message)
	if call == nil {
		return nil
	}
	template, _, err := unstructured.NestedStringMap(w.state.objects[workload].Object, "spec", "template", "metadata", "labels")
	if err != nil {
		return err
	}
	namespace := map[string]string{corev1.LabelMetadataName: workload.Namespace}
	if o := w.state.objects[Ref{Kind: "Namespace", Name: workload.Namespace}]; o != nil {
		maps.Copy(namespace, o.GetLabels())
	}
	named := false
	for ref, o := range w.state.objects {
		if !strings.HasSuffix(ref.Kind, "WebhookConfiguration") {
			continue
		}
		var configuration admissionv1.MutatingWebhookConfiguration // of either kind, as far as it is read here
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &configuration); err != nil {
			return err
		}
		for _, hook := range configuration.Webhooks {
			if hook.Name != call[1] {
				continue
			}
			named = true
			if picks(hook.ObjectSelector, template) && picks(hook.NamespaceSelector, namespace) {
				return nil
			}
		}
	}
	if named {
		return fmt.Errorf("the webhook %s leaves out the pods of %s", call[1], workload)
	}
	return nil
}

func picks(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return s == nil || err == nil && selector.Matches(set)
}

// pod is a pod of a workload before it is written down.
type pod struct {
	template *corev1.PodTemplateSpec
	owner    metav1.OwnerReference
	revision string
	name     string
	// node where it is, or where it belongs while it is not scheduled.
	node *node
	// fault, nil when it runs.
	fault *Pods
	// refusal is what the scheduler says when no node takes it.
	refusal string
	// updated: it is of the newest template.
	updated bool
	// born is when it was made.
	born time.Time
	// going: it is being deleted.
	going bool
	now   metav1.Time
}

// exists reports whether there is such a pod at all.
func (p *pod) exists() bool {
	return p.fault == nil || (p.fault.State != Missing && p.fault.State != Denied)
}

// scheduled reports whether a node has been found for it.
func (p *pod) scheduled() bool {
	return p.exists() && p.refusal == "" && p.node != nil && (p.fault == nil || p.fault.State != Unschedulable)
}

// available reports whether the pod serves.
func (p *pod) available() bool {
	return p.scheduled() && (p.fault == nil || p.fault.State == Restarting) && p.reachable() && !p.going
}

// restartedAt is when a container was restarted last that is ready again.
func (p Pods) restartedAt() time.Time { return p.Since.Add(-p.Ago.Duration) }

// reachable reports whether the node lets the pod be ready.
func (p *pod) reachable() bool {
	return p.node.ready || (p.node.hostNetwork && p.template.Spec.HostNetwork)
}

// object returns the pod as the API server shows it.
func (p *pod) object(namespace string) *corev1.Pod {
	o := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: p.name, Labels: maps.Clone(p.template.Labels), CreationTimestamp: metaTime(p.madeAt()),
			OwnerReferences: []metav1.OwnerReference{p.owner},
		},
		Spec: *p.template.Spec.DeepCopy(),
	}
	if o.Labels == nil {
		o.Labels = map[string]string{}
	}
	label, revision := p.label()
	o.Labels[label] = revision
	if p.owner.Kind == daemonSetKind {
		bind(&o.Spec, p.node.Name)
	}
	if p.going {
		o.DeletionTimestamp, o.DeletionGracePeriodSeconds = &p.now, new(int64(30))
	}
	if !p.scheduled() {
		p.pend(o)
		return o
	}
	o.Spec.NodeName = p.node.Name
	p.run(o)
	return o
}

// madeAt returns when the pod was made: one that starts was made when it began to.
func (p *pod) madeAt() time.Time {
	if p.fault != nil && p.fault.State == Starting && p.fault.Since.After(p.born) {
		return p.fault.Since
	}
	return p.born
}

// bind makes a pod one of the node, as the controller of DaemonSets does.
func bind(spec *corev1.PodSpec, node string) {
	spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
			{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}},
		}}},
	}}}
}

// pend writes down that no node has been found.
func (p *pod) pend(o *corev1.Pod) {
	message := p.refusal
	if p.fault != nil && p.fault.Message != "" {
		message = p.fault.Message
	}
	o.Status.Phase = corev1.PodPending
	o.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
			LastTransitionTime: metaTime(p.madeAt())},
	}
	if p.fault != nil && p.fault.Since.After(p.madeAt()) {
		o.Status.Conditions[0].LastTransitionTime = metaTime(p.fault.Since)
	}
}

func (p *pod) run(o *corev1.Pod) {
	o.Status.Phase, o.Status.PodIP = corev1.PodRunning, "10.244.0.1"
	o.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue},
	}
	broken := ""
	if p.fault != nil {
		broken = p.fault.Container
		if broken == "" {
			broken = o.Spec.Containers[0].Name
		}
		if p.fault.Init {
			o.Status.InitContainerStatuses = []corev1.ContainerStatus{p.container(broken, initImage(o.Spec.InitContainers, broken))}
			o.Status.Conditions[1].Status = corev1.ConditionFalse
		}
		if p.fault.Init || p.fault.State == ImagePull || p.fault.State == Starting {
			o.Status.Phase = corev1.PodPending
		}
	}
	for _, c := range o.Spec.Containers {
		status := corev1.ContainerStatus{Name: c.Name, Image: c.Image, Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metaTime(birth)}}}
		switch {
		case p.fault != nil && (p.fault.Init || p.fault.State == Starting):
			status.Ready, status.Started = false, new(false)
			status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}
			if !p.fault.Init {
				status.State.Waiting.Reason = "ContainerCreating"
			}
		case c.Name == broken:
			status = p.container(c.Name, c.Image)
		}
		o.Status.ContainerStatuses = append(o.Status.ContainerStatuses, status)
	}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metaTime(p.madeAt())}
	switch {
	case p.fault != nil && p.fault.State == Restarting && p.reachable():
		ready.LastTransitionTime = metaTime(p.fault.restartedAt())
	case p.fault != nil:
		if p.fault.Since.After(p.madeAt()) {
			ready.LastTransitionTime = metaTime(p.fault.Since)
		}
		ready.Status, ready.Reason = corev1.ConditionFalse, "ContainersNotReady"
		ready.Message = fmt.Sprintf("containers with unready status: [%s]", broken)
	case !p.reachable():
		ready.Status = corev1.ConditionFalse // the node controller's word; the kubelet's last words stand
		if turned := nodeTurned(p.node); turned.After(p.madeAt()) {
			ready.LastTransitionTime = metaTime(turned)
		}
	}
	o.Status.Conditions = append(o.Status.Conditions, ready)
}

// nodeTurned returns when the node stopped being ready.
func nodeTurned(n *node) time.Time {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func initImage(containers []corev1.Container, name string) string {
	for _, c := range containers {
		if c.Name == name {
			return c.Image
		}
	}
	return name
}

// container returns the status of the container at fault.
func (p *pod) container(name, image string) corev1.ContainerStatus {
	f := p.fault
	status := corev1.ContainerStatus{Name: name, Image: image, RestartCount: f.Restarts, Started: new(false)}
	switch f.State {
	case CrashLooping:
		reason := f.Reason
		if reason == "" {
			reason = "Error"
		}
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s restarting failed container=" + name}
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: f.ExitCode, Reason: reason, Message: f.Message}
	case Restarting:
		at := metaTime(f.restartedAt())
		status.Ready, status.Started = true, new(true)
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: at}
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: f.ExitCode, Reason: cmp.Or(f.Reason, "Error"),
			StartedAt: metaTime(at.Add(-f.Ran.Duration)), FinishedAt: at}
	case ImagePull:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: fmt.Sprintf("Back-off pulling image %q", image)}
		if f.Message != "" {
			status.State.Waiting.Message += ": " + f.Message
		}
	default:
		status.Started = new(true)
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: metaTime(birth)}
	}
	return status
}

// fits reports whether the pod's node selector and affinity let it onto the node, as the scheduler does.
func fits(template *corev1.PodTemplateSpec, n *node) bool {
	if n.virtual() { // those of AKS have an affinity against them
		return false
	}
	match, err := nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: template.Spec}).Match(n.Node)
	return err == nil && match
}

// repelled returns the first taint of such effects that is not tolerated.
func repelled(n *node, tolerations []corev1.Toleration, effects ...corev1.TaintEffect) (corev1.Taint, bool) {
	return schedulingv1.FindMatchingUntoleratedTaint(logr.Discard(), n.Spec.Taints, tolerations, func(t *corev1.Taint) bool {
		return slices.Contains(effects, t.Effect)
	}, false)
}

// schedule finds the node with the fewest pods in use; without one it says why, as the scheduler does.
func schedule(template *corev1.PodTemplateSpec, nodes []*node, used map[string]int) (*node, string) {
	var best *node
	refusals := map[string]int{}
	for _, n := range nodes {
		taint, tainted := repelled(n, template.Spec.Tolerations, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
		switch {
		case n.Spec.Unschedulable:
			refusals["node(s) were unschedulable"]++
		case !fits(template, n):
			refusals["node(s) didn't match Pod's node affinity/selector"]++
		case tainted:
			refusals[fmt.Sprintf("node(s) had untolerated taint {%s: %s}", taint.Key, taint.Value)]++
		case best == nil || used[n.Name] < used[best.Name]:
			best = n
		}
	}
	if best != nil {
		return best, ""
	}
	var parts []string
	for refusal, count := range refusals {
		parts = append(parts, fmt.Sprintf("%d %s", count, refusal))
	}
	slices.Sort(parts)
	return nil, fmt.Sprintf("0/%d nodes are available: %s. preemption: 0/%[1]d nodes are available: %[1]d Preemption is not helpful for scheduling.",
		len(nodes), strings.Join(parts, ", "))
}

// suffix returns what a controller appends to a name, always the same for the same words.
func suffix(words ...any) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, words...) // a hash takes anything
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
}
