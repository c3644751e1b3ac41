// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// fault is why a pod is not ready.
type fault struct {
	reason string
	// text describes the fault, to be put behind a number of pods; key is what pods with the same cause have
	// in common, and is the text where it is empty.
	text, key string
	// restarts of the container that crashes.
	restarts int32
	// transient is true when the pod may soon be ready, or show more; starting when it is new as well, or going away: it
	// may take until then. since is how long it has not been ready.
	transient, starting bool
	since, until        time.Time
	// began is when it was ready last.
	began time.Time
	// root is what is at fault, where that is neither the workload nor told by the reason; pod and container show it.
	root           root
	pod, container string
	// lacking is the resource that no node has enough of.
	lacking []v1alpha1.ObservedObject
	// place is where the fault is: a node, or the pod while it is on none; empty when unknown. everywhere says
	// that it is on all blocked nodes.
	place      string
	everywhere bool
}

// unreadySince returns since when the pod has not been ready: since that turned, or since there is the pod.
func unreadySince(pod *corev1.Pod) time.Time {
	since := pod.CreationTimestamp.Time
	if ready := podCondition(pod, corev1.PodReady); ready != nil && ready.LastTransitionTime.After(since) {
		since = ready.LastTransitionTime.Time
	}
	return since
}

// aged returns the fault with its age at a time. Only a new pod starts: one that was ready for long and is not any more
// has a fault, even if it passes.
func (f fault) aged(pod *corev1.Pod, at time.Time) fault {
	f.since, f.pod = unreadySince(pod), pod.Name
	f.began = f.since
	if scheduled := podCondition(pod, corev1.PodScheduled); scheduled != nil && scheduled.Status == corev1.ConditionFalse &&
		scheduled.LastTransitionTime.After(f.began) {
		f.began = scheduled.LastTransitionTime.Time
	}
	began := pod.CreationTimestamp.Time
	if pod.DeletionTimestamp != nil {
		began = pod.DeletionTimestamp.Time
	}
	if until := began.Add(StartTime); f.transient && at.Before(until) {
		f.starting, f.until = true, until
	}
	if f.restarts >= manyRestarts {
		f.since = pod.CreationTimestamp.Time
	}
	return f
}

// manyRestarts take longer than StartTime, as the kubelet waits longer and longer: 10 seconds, 20, 40, up to 5 minutes. A
// container that is ready for a moment between two of them is as broken as another.
const manyRestarts = 7

// maxQuote is the most of a foreign message that is quoted, in bytes.
const maxQuote = 200

// PodReadyOrFinished reports whether the pod needs no explanation: it is ready, or it has finished and its controller
// creates another.
func PodReadyOrFinished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed || readyNow(pod)
}

func readyNow(pod *corev1.Pod) bool {
	ready := podCondition(pod, corev1.PodReady)
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// containerFault says why the containers of a pod, which is on a node, are not ready: the image, the program, or
// what they wait for, in this order.
func containerFault(pod *corev1.Pod, readAt time.Time) fault {
	containers := containersOf(pod)
	for _, find := range []func(container, time.Time) (fault, bool){pullFault, crashFault, startFault} {
		for _, c := range containers {
			if f, ok := find(c, readAt); ok {
				f.container = c.Name
				return f
			}
		}
	}
	return unready(pod, containers)
}

// container is the state of a container, with how it is called in a message.
type container struct {
	corev1.ContainerStatus
	init  bool
	title string
}

// finished reports whether an init container has done its work.
func (c container) finished() bool {
	return c.init && c.State.Terminated != nil && c.State.Terminated.ExitCode == 0
}

func containersOf(pod *corev1.Pod) []container {
	var out []container
	for _, s := range pod.Status.InitContainerStatuses {
		out = append(out, container{s, true, "init container " + s.Name})
	}
	for _, s := range pod.Status.ContainerStatuses {
		out = append(out, container{s, false, "container " + s.Name})
	}
	return out
}

// waiting returns the kubelet's word for what a container waits for.
func (c container) waiting() string {
	if c.State.Waiting == nil {
		return ""
	}
	return c.State.Waiting.Reason
}

// pullReasons are the kubelet's words for an image that does not arrive.
var pullReasons = []string{
	"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError",
	"SignatureValidationFailed",
}

func pullFault(c container, _ time.Time) (fault, bool) {
	if !slices.Contains(pullReasons, c.waiting()) {
		return fault{}, false
	}
	key := fmt.Sprintf("cannot pull image %s for %s", c.Image, c.title)
	text := key + ": " + c.waiting()
	if why := innermostError(c.State.Waiting.Message); why != "" {
		text += ", " + why
	}
	return fault{reason: v1alpha1.ReasonImagePullFailed, key: key, text: text, root: pullRoot(c.Image, c.waiting(), c.State.Waiting.Message)}, true
}

// innermostError returns the last of a chain of wrapped errors, such as "not found" or "401 Unauthorized"; empty when
// the message wraps none.
func innermostError(message string) string {
	message = strings.TrimSuffix(msg.FirstLine(message), ".")
	if i := strings.LastIndex(message, ": "); i >= 0 {
		return msg.Truncate(message[i+2:], maxQuote)
	}
	return "" // not wrapped: it repeats the name of the image
}

// crashMemory is how long after its last start a container that has crashed before and is not ready counts as one
// that crashes: the kubelet forgives a crash after this time, too.
const crashMemory = 10 * time.Minute

func crashFault(c container, readAt time.Time) (fault, bool) {
	last := c.LastTerminationState.Terminated
	switch {
	case c.waiting() == "CrashLoopBackOff":
	case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
		last = c.State.Terminated
	case c.State.Running != nil && !c.Ready && last != nil && c.RestartCount > 0 && readAt.Sub(c.State.Running.StartedAt.Time) < crashMemory:
	default:
		return fault{}, false
	}
	text := "keeps crashing: " + c.title
	if last != nil {
		text += ", last exit code " + exit(last)
	}
	return fault{reason: v1alpha1.ReasonCrashLooping, text: text, restarts: c.RestartCount}, true
}

// signals are those that end containers most, by the exit code that runtimes make of them.
var signals = map[int32]string{134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}

// exit is an exit code and what it means: what the kubelet says of it, such as OOMKilled, else the signal. A SIGKILL alone
// may also come from a probe or from the node, so it is not said to be for memory.
func exit(t *corev1.ContainerStateTerminated) string {
	means := t.Reason
	if means == "" || means == "Error" {
		means = signals[t.ExitCode]
	}
	if means == "" {
		return fmt.Sprint(t.ExitCode)
	}
	return fmt.Sprintf("%d (%s)", t.ExitCode, means)
}

// startReasons are the kubelet's words for a container that will start if nothing goes wrong.
var startReasons = []string{"", "ContainerCreating", "PodInitializing"}

// startFault is of a container that the kubelet cannot start, as for a ConfigMap that is not there.
func startFault(c container, _ time.Time) (fault, bool) {
	if slices.Contains(startReasons, c.waiting()) {
		return fault{}, false
	}
	text := fmt.Sprintf("not ready: %s, cannot start: %s", c.title, c.waiting())
	if c.State.Waiting.Message != "" {
		text += ", " + msg.Truncate(msg.FirstLine(c.State.Waiting.Message), maxQuote)
	}
	return fault{reason: v1alpha1.ReasonNotReady, text: text}, true
}

// unready is of a pod whose containers run or are about to.
func unready(pod *corev1.Pod, containers []container) fault {
	f := fault{reason: v1alpha1.ReasonNotReady, transient: true}
	var waiting, initializing, probed []string
	for _, c := range containers {
		switch {
		case c.Ready || c.finished():
		case c.State.Running == nil:
			waiting = append(waiting, c.title)
		case c.init:
			initializing = append(initializing, c.title)
		default:
			probed = append(probed, c.title)
		}
	}
	switch {
	case len(initializing) > 0:
		f.text = "not ready: " + msg.Shorten(initializing, ", ") + ", still running"
	case len(waiting) > 0:
		f.text = "not ready: " + msg.Shorten(waiting, ", ") + ", " + waitingFor(containers)
	case len(probed) > 0:
		f.text = "not ready: " + msg.Shorten(probed, ", ") + ", readiness probe failing"
	case len(containers) == 0:
		f.text = "not ready: the kubelet has not started it yet"
	default:
		f.text = "not ready: reason unknown"
		if ready := podCondition(pod, corev1.PodReady); ready != nil && cmp.Or(ready.Message, ready.Reason) != "" {
			f.text = "not ready: " + msg.Truncate(msg.FirstLine(cmp.Or(ready.Message, ready.Reason)), maxQuote)
		}
	}
	return f
}

// waitingFor returns what the first container that waits does wait for.
func waitingFor(containers []container) string {
	for _, c := range containers {
		if c.waiting() != "" {
			return c.waiting()
		}
	}
	return "starting"
}

func podCondition(pod *corev1.Pod, conditionType corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == conditionType {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// nodeOf returns the node that a pod is on, or the one that it must go to as it belongs to a DaemonSet; empty when there is
// none.
func nodeOf(pod *corev1.Pod) string {
	if pod.Spec.NodeName != "" || pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return pod.Spec.NodeName
	}
	required := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil {
		return ""
	}
	for _, term := range required.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == "metadata.name" && field.Operator == corev1.NodeSelectorOpIn && len(field.Values) == 1 {
				return field.Values[0]
			}
		}
	}
	return ""
}
