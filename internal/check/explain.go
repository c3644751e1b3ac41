// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// youngPod is how long a pod counts as new.
const youngPod = 10 * time.Minute

// explanation is why a workload has too few pods.
type explanation struct {
	workload *rollout
	nodes    facts.Answer
	pods     facts.Answer
	now      time.Time
	// unwell are the nodes on which pods of the workload could run if they were well, and states what they are.
	unwell []string
	states []nodestate.State
	daemon daemonNodes

	causes []cause
	// growing counts the pods of nodes that join, if the pods are known.
	growing int
	// wants is what must be seen to know more; pending says that it is being read.
	wants   []facts.Need
	pending bool
	// recheckAfter is when time alone changes the verdict.
	recheckAfter time.Duration
}

// explain finds out why a workload that is judged unhealthy has too few pods, and puts it into the verdict. The
// verdict may turn out to be healthy: a DaemonSet grows with its nodes. It may turn out to be unhealthy, too: a
// roll-out that nobody sets a deadline hangs when its new pods do not run.
func explain(r *rollout, given facts.Facts, verdict *judged) *explanation {
	e := &explanation{workload: r, now: given.Now, nodes: given.Answers[facts.Nodes], wants: []facts.Need{facts.Nodes}}
	need := facts.Need{Kind: facts.PodKind, Namespace: r.object.GetNamespace(), Selector: metav1.FormatLabelSelector(r.selector), Interval: facts.DefaultInterval}
	var asked bool
	e.pods, asked = given.LastRead(need)
	if r.kind == v1alpha1.WorkloadDaemonSet {
		if e.nodes.State == facts.Pending {
			if verdict.healthy == v1alpha1.VerdictFalse {
				verdict.healthy, verdict.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonNotYetObserved
			}
			e.pending = true
			return e
		}
		e.sortDaemonNodes()
		// Nobody asks for pods just because nodes join; what is wrong elsewhere is not forgotten while they do.
		if e.unexplained() <= e.daemon.starting && !r.endless && !asked {
			e.excuse(verdict)
			return e
		}
	}
	e.findUnwell()
	e.pending = e.nodes.State == facts.Pending || e.pods.State == facts.Pending
	e.findCauses()
	need.Refresh = facts.Refresh{Revision: e.revision(), Inconclusive: e.inconclusive()}
	e.wants = append(e.wants, need)
	hangs := e.hangs()
	switch {
	case hangs != "":
		verdict.healthy, verdict.reason = v1alpha1.VerdictFalse, hangs
		e.blame(verdict)
	case verdict.healthy == v1alpha1.VerdictTrue, e.onlyMoves():
		e.excuse(verdict)
	default:
		e.blame(verdict)
	}
	return e
}

// onlyMoves says whether a DaemonSet lacks no more pods than those of nodes that join or are drained, and what it
// replaces.
func (e *explanation) onlyMoves() bool {
	r := e.workload
	return r.kind == v1alpha1.WorkloadDaemonSet && e.unexplained() <= len(e.daemon.joined)+e.daemon.draining && e.faulty() <= int(r.tolerated)
}

// hangs is why a roll-out without a deadline does not go on: a pod that it lacks does not run, and will not by
// itself. It is empty when nothing speaks against its going on. The nodes are to blame only when nothing else is.
func (e *explanation) hangs() string {
	reason := ""
	if !e.workload.endless || e.missing() <= 0 {
		return reason
	}
	for _, c := range e.causes {
		switch {
		case c.passing, c.reason == v1alpha1.ReasonWorkloadUnavailable:
		case c.reason == v1alpha1.ReasonNodeFault:
			reason = c.reason
		default:
			return c.reason
		}
	}
	return reason
}

// excuse finds that no pod is missing but those of nodes that are stopped, leave or join.
func (e *explanation) excuse(verdict *judged) {
	verdict.healthy, verdict.reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
	if e.workload.rolling {
		verdict.reason = v1alpha1.ReasonProgressing
	}
	verdict.detail += e.daemon.excuses()
	if e.unexplained() > 0 && len(e.daemon.joined) > 0 {
		verdict.reason = v1alpha1.ReasonProgressing
		joined := fmt.Sprintf("joined in the last %d minutes", int(nodestate.JoiningTime.Minutes()))
		if e.daemon.unready > 0 {
			joined = "joining"
		}
		verdict.detail += fmt.Sprintf(", growing: %s %s (%s)", msg.Count(len(e.daemon.joined), "node"), joined, msg.Shorten(e.daemon.joined, ", "))
	}
}

// blame says why pods are missing, and whose fault it is.
func (e *explanation) blame(verdict *judged) {
	verdict.detail += e.daemon.excuses()
	if verdict.reason == v1alpha1.ReasonWorkloadUnavailable {
		verdict.reason, verdict.settling = e.reason(), e.settling()
	}
	switch e.pods.State {
	case facts.NotPermitted:
		verdict.detail += "; why is not known, not permitted to look at its pods: " + e.pods.Message
	case facts.Failed, facts.NotHeld:
		verdict.detail += "; why is not known, could not read its pods: " + e.pods.Message
	}
	var parts []string
	for _, c := range e.causes {
		parts = append(parts, c.String())
	}
	if len(parts) > 0 {
		verdict.detail += "; " + msg.Shorten(parts, "; ")
	}
}

// reason is the class of the most frequent cause. It is NodeFault only when that accounts for all pods: else
// somebody else is needed besides whoever mends the nodes.
func (e *explanation) reason() string {
	onNodes := 0
	for _, c := range e.causes {
		switch c.reason {
		case v1alpha1.ReasonNodeFault:
			onNodes += c.count
		case v1alpha1.ReasonWorkloadUnavailable:
		default:
			return c.reason
		}
	}
	if onNodes > 0 && onNodes >= e.missing() {
		return v1alpha1.ReasonNodeFault
	}
	return v1alpha1.ReasonWorkloadUnavailable
}

// settling says that no more pods are missing than a roll-out replaces at a time, and that nothing is known to be
// wrong with them: they are new and about to be ready. Of a DaemonSet or a StatefulSet whose last pods are starting, the numbers do not tell whether
// that is so because of a roll-out.
func (e *explanation) settling() bool {
	r := e.workload
	return e.missing() <= int(r.atATime) && r.failure == "" && e.pods.State <= facts.Known && !slices.ContainsFunc(e.causes, func(c cause) bool {
		return !c.young && c.reason != v1alpha1.ReasonWorkloadUnavailable
	})
}

// missing is how many pods are unavailable without an excuse.
func (e *explanation) missing() int {
	return int(e.workload.desired) - int(e.workload.available) - e.daemon.excused - e.growing
}

// faulty counts the pods that have a cause.
func (e *explanation) faulty() int {
	n := 0
	for _, c := range e.causes {
		n += c.count
	}
	return n
}

// inconclusive says that pods may tell more in a while.
func (e *explanation) inconclusive() bool {
	return e.workload.endless || e.pods.State != facts.Known || e.growing > 0 || slices.ContainsFunc(e.causes, func(c cause) bool { return c.passing })
}

// revision changes with what is to be explained: the state of the workload, and of the nodes that matter to it. The
// numbers of a roll-out that goes on move all the time, and are no news.
func (e *explanation) revision() uint64 {
	r, h := e.workload, fnv.New64a()
	_, _ = fmt.Fprint(h, r.object.GetUID(), r.object.GetGeneration())
	if !r.endless || r.available < r.required || e.hangs() != "" {
		_, _ = fmt.Fprint(h, "|", r.desired, r.created, r.ready, r.available, r.rollingDetail, r.stuck, r.failure)
	}
	for i, name := range e.unwell {
		_, _ = fmt.Fprint(h, "|", name, e.states[i])
	}
	return h.Sum64()
}

// findUnwell finds the nodes that could run pods of the workload, but for what is wrong with them.
func (e *explanation) findUnwell() {
	p := newPlacement("", e.workload.podSpec)
	for _, o := range e.nodes.Objects {
		if n, ok := o.(*corev1.Node); ok && nodestate.Of(n) != nodestate.Well && p.allows(n) {
			e.unwell, e.states = append(e.unwell, n.Name), append(e.states, nodestate.Of(n))
		}
	}
}

// findCauses sorts the pods that are not ready by cause, and adds those that were never created.
func (e *explanation) findCauses() {
	if known := e.pods.State == facts.Known && e.nodes.State != facts.Pending; known {
		busy := e.sortPods()
		e.addReady()
		e.addNotCreated(len(e.daemon.joined)-busy, e.daemon.draining)
	} else if e.workload.failure != "" {
		e.addNotCreated(0, 0)
	}
	slices.SortFunc(e.causes, func(a, b cause) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(Severity(a.reason), Severity(b.reason)), cmp.Compare(a.text, b.text))
	})
}

// sortPods returns how many nodes that join have a pod that is not ready.
func (e *explanation) sortPods() (busy int) {
	byKey := map[string]*cause{}
	for _, o := range e.pods.Objects {
		pod, ok := o.(*corev1.Pod)
		if !ok || !e.workload.lacks(pod) {
			continue
		}
		f, home := e.faultOf(pod), homeOf(pod)
		switch {
		case contains(e.daemon.stopped, home):
			continue
		case contains(e.daemon.leaving, home):
			if e.stateOf(home).Keeps() {
				e.daemon.draining--
				e.daemon.excused++
			}
			continue
		case contains(e.daemon.joined, home):
			busy++
			if f.reason != v1alpha1.ReasonCrashLooping && f.reason != v1alpha1.ReasonImagePullFailed {
				e.growing++
				continue
			}
		}
		key := f.reason + cmp.Or(f.key, f.text)
		if c := byKey[key]; c != nil {
			c.add(f)
		} else {
			byKey[key] = &cause{fault: f, count: 1}
		}
	}
	for _, c := range byKey {
		e.causes = append(e.causes, *c)
	}
	return busy
}

// addReady counts the pods that are ready and must stay so for a while.
func (e *explanation) addReady() {
	if n := e.workload.ready - e.workload.available; n > 0 && e.workload.minReadySeconds > 0 {
		e.causes = append(e.causes, cause{count: int(n), fault: fault{reason: v1alpha1.ReasonNotReady, passing: true, young: true,
			text: fmt.Sprintf("ready, but not for %d seconds yet", e.workload.minReadySeconds)}})
	}
}

// denials are the words of the API server when admission refuses a pod.
var denials = []string{"forbidden", "exceeded quota", "denied", "failed calling webhook"}

// addNotCreated counts the pods that do not exist; those of nodes that join may be on their way, and those of nodes
// that are being drained are gone.
func (e *explanation) addNotCreated(joined, drained int) {
	r := e.workload
	n := int(r.desired - r.created)
	if n <= 0 || !r.observed {
		return
	}
	coming := min(n, max(0, joined))
	e.growing += coming
	gone := min(n-coming, max(0, drained))
	e.daemon.excused += gone
	n -= coming + gone
	if n == 0 {
		return
	}
	f := fault{reason: v1alpha1.ReasonWorkloadUnavailable, text: "not created: its events say why"}
	// Only the controller of Deployments tells it in the status.
	if r.failure != "" {
		f.text = "not created: " + msg.Truncate(firstLine(r.failure), maxWords)
		if containsAny(r.failure, denials) {
			f.reason = v1alpha1.ReasonAdmissionDenied
		}
	}
	e.causes = append(e.causes, cause{fault: f, count: n})
}

// faultOf says why a pod is not ready: its node, the scheduler, or its containers.
func (e *explanation) faultOf(pod *corev1.Pod) fault {
	if pod.Spec.NodeName == "" {
		return e.unscheduled(pod)
	}
	places := []string{pod.Spec.NodeName}
	state := e.stateOf(pod.Spec.NodeName)
	f := containerFault(pod, e.pods.ReadAt)
	// The kubelet of a node that is not ready still reports. What needs no network of the node, such as the
	// program that makes this network, may itself be why the node is not ready.
	itself := state == nodestate.NotReady && e.workload.podSpec.HostNetwork && !f.passing
	switch {
	case !state.Keeps() && !itself:
		f = fault{reason: v1alpha1.ReasonNodeFault, text: "on nodes that " + string(state)}
	case pod.DeletionTimestamp != nil:
		f = fault{reason: v1alpha1.ReasonNotReady, text: "not ready: going away, to be replaced", passing: true}
	}
	f.places = places
	f.young = f.passing && e.pods.ReadAt.Sub(pod.CreationTimestamp.Time) < youngPod
	return f
}

// stateOf is the state of a node by its name; a node is well while nodes cannot be seen.
func (e *explanation) stateOf(name string) nodestate.State {
	if e.nodes.State != facts.Known {
		return nodestate.Well
	}
	if n := nodestate.Named(e.nodes, name); n != nil {
		return nodestate.Of(n)
	}
	return nodestate.Gone
}

// unscheduled says why a pod is on no node.
func (e *explanation) unscheduled(pod *corev1.Pod) fault {
	home := homeOf(pod)
	f := fault{reason: v1alpha1.ReasonUnschedulable, places: []string{cmp.Or(home, pod.Name)}}
	c := podCondition(pod, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse {
		f.text, f.passing = "waiting for the scheduler", true
		return f
	}
	text := parseSchedulerText(c.Message)
	f.text = "cannot be scheduled: " + cmp.Or(text.message, c.Reason)
	f.key = withoutNumbers(f.text)
	if !text.mayBeNodes() {
		return f
	}
	states, names := text.states, []string(nil)
	if e.nodes.State == facts.Known {
		states, names = e.statesOf(home)
	}
	if len(states) == 0 {
		return f
	}
	return fault{reason: v1alpha1.ReasonNodeFault, text: "cannot be scheduled, as nodes " + nodestate.Describe(states), places: names}
}

// statesOf are the nodes that are not well: that one, or all when it is not said which.
func (e *explanation) statesOf(home string) ([]nodestate.State, []string) {
	if home == "" {
		return e.states, e.unwell
	}
	i, found := slices.BinarySearch(e.unwell, home)
	if !found {
		return nil, nil
	}
	return e.states[i : i+1], []string{home}
}

// contains is for names in order.
func contains(names []string, name string) bool {
	_, found := slices.BinarySearch(names, name)
	return found
}
