// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// Pods are the pods of a workload as they were read, and the events about it. The zero value means that they were not
// requested.
type Pods struct {
	// Answer to the workload's PodsNeed, Events to its EventsNeed.
	Answer, Events facts.Answer
	// Failed is that of the facts.
	Failed bool
	// Once is that of the facts.
	Once bool
}

// lack is what pods and nodes say of the pods that a workload lacks.
type lack struct {
	// causes, the most frequent first.
	causes []Cause
	// growing counts the pods of nodes that join, if the pods are known.
	growing int
	// exempt counts the pods that need not be there: those of nodes that are stopped or leaving.
	exempt int
	// draining counts the nodes that are leaving and whose pods still run.
	draining int
	// untold says that only events can tell why pods do not exist.
	untold bool
}

// lackOf sorts the pods that are not ready by cause, and adds those that were never created.
//
// ageAt is the time by which the ages of pods are measured.
func lackOf(w Workload, nodes Nodes, m moving, blocked blockedNodes, pods facts.Answer, ageAt time.Time) lack {
	if pods.State != facts.Known || nodes.state == facts.Pending {
		missing := max(0, int(w.Desired-w.Available)-m.exempt)
		known := lack{exempt: m.exempt, draining: m.draining, causes: m.causes(min(missing, len(m.unreachable)))}
		if w.failure != "" {
			known.causes = append(known.causes, notCreated(w, 0, 0).causes...)
		}
		return known
	}
	s := surroundings{workload: w, nodes: nodes, blocked: blocked, readAt: pods.ReadAt, ageAt: ageAt}
	lacking := w.lacking(pods.Objects)
	there := sortPods(s, m, lacking)
	shared := newSharing(w, nodes, lacking, readyPods(pods))
	for i := range there.causes {
		there.causes[i].Common = shared.describe(&there.causes[i])
	}
	draining := m.draining - there.drained
	absent := notCreated(w, len(m.joined)-there.joining, draining)
	untold := w.Kind != v1alpha1.WorkloadDeployment && (len(absent.causes) > 0 || w.rolling && w.hidden && len(there.causes) == 0)
	switch until := w.progressedAt.Add(StartTime); {
	case len(absent.causes) == 0:
	case w.ordered && len(there.causes) > 0:
		absent.causes[0].follow(there.causes)
		untold = false
	case w.failure == "" && ageAt.Before(until):
		absent.causes[0].comeBy(until)
	}
	return lack{
		causes:   worstFirst(slices.Concat(there.causes, notAvailable(w), absent.causes)),
		growing:  there.growing + absent.coming,
		exempt:   m.exempt + there.drained + absent.gone,
		draining: draining,
		untold:   untold,
	}
}

// notReadyPods sums up the pods that exist and are not ready.
type notReadyPods struct {
	causes []Cause
	// joining counts those on nodes that join; growing those of them that are likely to start.
	joining, growing int
	// drained counts those that end on nodes that are leaving.
	drained int
}

// sortPods counts the pods by the nodes that they are on, and sorts by cause those whose node is neither stopped nor leaving.
func sortPods(s surroundings, m moving, pods []*corev1.Pod) notReadyPods {
	var sum notReadyPods
	var faults []fault
	for _, pod := range pods {
		node := nodeOf(pod)
		switch {
		case inSorted(m.stopped, node):
			continue
		case inSorted(m.leaving, node):
			if s.nodes.stateOf(node).Keeps() {
				sum.drained++
			}
			continue
		}
		f := s.faultOf(pod)
		if inSorted(m.joined, node) {
			sum.joining++
			if f.reason != v1alpha1.ReasonCrashLooping && f.reason != v1alpha1.ReasonImagePullFailed {
				sum.growing++
				continue
			}
		}
		faults = append(faults, f)
	}
	sum.causes = causesOf(faults, s.blocked.names)
	return sum
}

// notAvailable counts the pods that are ready and must stay so for a while.
func notAvailable(w Workload) []Cause {
	n := w.ready - w.Available
	if n <= 0 || w.minReadySeconds <= 0 {
		return nil
	}
	return []Cause{{Count: int(n), Reason: v1alpha1.ReasonNotReady, Transient: true, Starting: true,
		Text: fmt.Sprintf("ready, but for less than %d seconds", w.minReadySeconds)}}
}

// absentPods sums up the pods that do not exist.
type absentPods struct {
	causes []Cause
	// coming counts those of nodes that join; gone those of nodes that are leaving.
	coming, gone int
}

// denials are what the API server answers when admission refuses a pod.
var denials = []string{"forbidden", "exceeded quota", "denied"}

// failedCall is what it answers when it cannot ask an admission webhook that must be asked. No policy has refused the pod.
var failedCall = regexp.MustCompile(`failed calling webhook "([^"]+)"`)

// calledService is where it called the webhook, when that is a Service: webhooks of several configurations may have one name.
var calledService = regexp.MustCompile(`Post "https://([a-z0-9-]+)\.([a-z0-9-]+)\.svc[.:/]`)

// deniedBy names the policy in its answer when a ValidatingAdmissionPolicy denies the pod.
var deniedBy = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']+')? denied request`)

// refusal is why the API server does not create the pods of a workload: a reason, which is empty when it is not known, and
// the webhook that it could not call, if that is why.
func (w Workload) refusal() (reason, webhook string) {
	if call := failedCall.FindStringSubmatch(w.failure); call != nil {
		return v1alpha1.ReasonWebhookCallFailed, msg.Truncate(call[1], maxName)
	}
	if w.failure != "" && containsAny(w.failure, denials) {
		return v1alpha1.ReasonAdmissionDenied, ""
	}
	return "", ""
}

// maxName is the longest name of an object, in bytes.
const maxName = 253

// notCreated counts the pods that do not exist; those of nodes that join may be on their way, and those of nodes
// that are being drained are gone.
func notCreated(w Workload, joined, drained int) absentPods {
	n := int(w.Desired - max(w.created, w.Available))
	switch {
	case n <= 0 && w.rolling && w.failure != "":
		n = 1 // the first of the new ones
	case n <= 0 || !w.observed && w.failure == "":
		return absentPods{}
	}
	coming := min(n, max(0, joined))
	gone := min(n-coming, max(0, drained))
	absent := absentPods{coming: coming, gone: gone}
	if n == coming+gone {
		return absent
	}
	c := Cause{Count: n - coming - gone, Reason: v1alpha1.ReasonWorkloadUnavailable, Text: "not created: see the events of the workload",
		since: w.failedAt, began: w.failedAt}
	if w.silent {
		c.Text = "not created, and no recent event says why"
	}
	if w.failure != "" {
		c.Text = "not created: " + msg.Truncate(msg.FirstLine(w.failure), maxQuote)
		reason, webhook := w.refusal()
		c.Reason, c.Webhook = cmp.Or(reason, c.Reason), webhook
		if policy := deniedBy.FindStringSubmatch(w.failure); policy != nil && webhook == "" {
			c.policy = msg.Truncate(policy[1], maxName)
		}
		if webhook != "" {
			c.Text = "not created: can't call the webhook " + webhook
			if why := innermostError(w.failure); why != "" {
				c.Text += ": " + why
			}
			if service := calledService.FindStringSubmatch(w.failure); service != nil {
				c.service = v1alpha1.ObservedObject{Kind: kindService, Namespace: service[2], Name: service[1]}
			}
		}
	}
	if w.reported != "" {
		c.Text += ", reported " + w.reported
	}
	absent.causes = []Cause{c}
	return absent
}

// follow has pods that do not exist wait for the one before them, as long as that only starts.
func (c *Cause) follow(before []Cause) {
	c.Text = "not created: the previous pod is not ready"
	c.Starting = !slices.ContainsFunc(before, func(b Cause) bool { return !b.Starting })
	for _, b := range before {
		c.until = first(c.until, b.until)
	}
}

// comeBy has pods that do not exist be on their way: a Deployment makes no new one until all old ones are gone when it
// recreates them, makes many in steps, and says so when it cannot.
func (c *Cause) comeBy(until time.Time) {
	c.Text, c.Transient, c.Starting, c.until = "not created yet", true, true, until
}

// surroundings are what may cause the fault of a pod other than the pod itself.
type surroundings struct {
	workload Workload
	nodes    Nodes
	blocked  blockedNodes
	// readAt is when the pods were read; ageAt is when their ages count.
	readAt, ageAt time.Time
}

// faultOf says why a pod is not ready: its node, the scheduler, or its containers.
func (s surroundings) faultOf(pod *corev1.Pod) fault {
	if pod.Spec.NodeName == "" {
		return s.unscheduled(pod)
	}
	state := s.nodes.stateOf(pod.Spec.NodeName)
	f := containerFault(pod, s.readAt)
	// The kubelet of a node that is not ready still reports. What needs no network of the node, such as the
	// program that makes this network, may itself be why the node is not ready.
	itself := state == nodestate.NotReady && s.workload.PodSpec.HostNetwork && !f.transient
	switch {
	case !state.Keeps() && !itself:
		f = fault{reason: v1alpha1.ReasonNodeFault, text: "on nodes that " + string(state)}
	case pod.DeletionTimestamp != nil:
		f = fault{reason: v1alpha1.ReasonNotReady, text: "not ready: terminating, to be replaced", transient: true}
	}
	f.place = pod.Spec.NodeName
	return f.aged(pod, s.ageAt)
}

// unscheduled says why a pod is on no node.
func (s surroundings) unscheduled(pod *corev1.Pod) fault {
	node := nodeOf(pod)
	f := fault{reason: v1alpha1.ReasonUnschedulable, place: cmp.Or(node, pod.Name)}
	c := podCondition(pod, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse {
		f.text, f.transient = "waiting for the scheduler", true
		return f.aged(pod, s.ageAt)
	}
	text := parseSchedulerText(c.Message)
	f.text = "cannot be scheduled: " + cmp.Or(text.message, c.Reason)
	f.key = withoutNumbers(f.text)
	if text.lacking != "" {
		f.lacking = []v1alpha1.ObservedObject{{Kind: kindResource, Name: msg.Truncate(text.lacking, maxName)}}
	}
	f = f.aged(pod, s.ageAt)
	if !text.mayBeNodes() {
		return f
	}
	if onNodes, ok := s.keptOff(node, text); ok {
		return onNodes
	}
	return f
}

// keptOff returns the fault of a pod that nodes keep from being scheduled: the one that it must go to, or any when node is
// empty; ok is false when no such node is known.
func (s surroundings) keptOff(node string, text schedulerText) (f fault, ok bool) {
	states := text.states
	f = fault{reason: v1alpha1.ReasonNodeFault}
	switch {
	case s.nodes.state != facts.Known: // the scheduler's words must do
	case node == "":
		states, f.everywhere = s.blocked.states, true
	default:
		state, found := s.blocked.stateOf(node)
		if !found {
			return f, false
		}
		states, f.place = []nodestate.State{state}, node
	}
	f.text = "cannot be scheduled because nodes " + nodestate.Describe(states)
	return f, len(states) > 0
}
