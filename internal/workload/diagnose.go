// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// Diagnosis is the verdict on a workload, and why it lacks pods.
type Diagnosis struct {
	Verdict
	// Finishing is true when the last pods of a roll-out that are starting would give the same verdict. It is set only
	// when Healthy is False.
	Finishing bool
	// Causes of missing pods, the most frequent first; empty when none is known.
	Causes []Cause
	// Further is what must be read to explain more; empty when the workload's numbers explain everything.
	Further []facts.Demand
	// Pending is true while some of it is being read for the first time.
	Pending bool
	// RecheckAfter is the time until the diagnosis may change although no input does; 0 is never.
	RecheckAfter time.Duration
}

// Diagnose judges a workload, and explains why it lacks pods. The numbers in its status are not enough: a DaemonSet lacks
// pods while nodes join, which is no fault, and a roll-out without a deadline may hang though enough pods are available.
// nodes and pods are used only when the workload is Unexplained.
func Diagnose(w Workload, nodes Nodes, pods Pods, now time.Time) Diagnosis {
	d := Diagnosis{Verdict: w.byNumbers()}
	if !w.Unexplained() {
		return d
	}
	d.Further = []facts.Demand{{Need: facts.Nodes}}
	if w.Kind == v1alpha1.WorkloadDaemonSet && nodes.state == facts.Pending {
		// Only the nodes show whether it grows or is broken.
		d.Pending = true
		if d.Healthy == v1alpha1.VerdictFalse {
			d.Healthy, d.Reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonNotYetObserved
		}
		return d
	}
	m := movingFor(w, nodes, now)
	d.RecheckAfter = m.recheckAfter
	withoutPods := evidence{workload: w, moving: m, lack: lack{exempt: m.exempt}}
	if withoutPods.onlyStarting() && !pods.Asked {
		d.Verdict = withoutPods.tolerate(d.Verdict)
		return d
	}
	blocked := blockedFor(w, nodes)
	e := evidence{workload: w, moving: m, blocked: blocked, pods: pods.Answer, lack: lackOf(w, nodes, m, blocked, pods.Answer)}
	d.Causes = e.lack.causes
	d.Pending = nodes.state == facts.Pending || pods.Answer.State == facts.Pending
	d.Further = append(d.Further, facts.Demand{Need: w.PodsNeed(), Refresh: e.refresh()})
	d.Verdict, d.Finishing = e.revise(d.Verdict)
	return d
}

// evidence is everything known about a workload. Its methods do not change it.
type evidence struct {
	workload Workload
	moving   moving
	blocked  blockedNodes
	pods     facts.Answer
	lack     lack
}

// revise revises the verdict that the numbers alone give.
func (e evidence) revise(v Verdict) (revised Verdict, finishing bool) {
	switch hangs := e.hangs(); {
	case hangs != "":
		v.Healthy, v.Reason = v1alpha1.VerdictFalse, hangs
	case v.Healthy == v1alpha1.VerdictTrue || e.onlyMoves():
		return e.tolerate(v), false
	case v.Reason == v1alpha1.ReasonWorkloadUnavailable:
		v.Reason, finishing = e.reason(), e.finishing()
	}
	v.Detail += e.moving.describe() + e.why()
	return v, finishing
}

// onlyStarting reports whether a DaemonSet lacks no more pods than those of nodes that were not ready until just now.
// Nobody asks for pods just because nodes join.
func (e evidence) onlyStarting() bool {
	w := e.workload
	return w.Kind == v1alpha1.WorkloadDaemonSet && !w.noDeadline() && e.tooFew() <= e.moving.starting
}

// onlyMoves reports whether a DaemonSet lacks no more pods than those of nodes that join or are drained, and what it
// replaces.
func (e evidence) onlyMoves() bool {
	w := e.workload
	return w.Kind == v1alpha1.WorkloadDaemonSet && e.tooFew() <= len(e.moving.joined)+e.lack.draining && e.faulty() <= int(w.tolerated)
}

// hangs returns the reason why a roll-out without a deadline hangs: a pod that it lacks does not run, and will not by
// itself. It is empty when the roll-out may go on. It is NodeFault only when there is no other reason.
func (e evidence) hangs() string {
	reason := ""
	if !e.workload.noDeadline() || e.missing() <= 0 {
		return reason
	}
	for _, c := range e.lack.causes {
		switch {
		case c.Transient, c.Reason == v1alpha1.ReasonWorkloadUnavailable:
		case c.Reason == v1alpha1.ReasonNodeFault:
			reason = c.Reason
		default:
			return c.Reason
		}
	}
	return reason
}

// tolerate returns the verdict when no pod is missing but those of nodes that are stopped, leave or join.
func (e evidence) tolerate(v Verdict) Verdict {
	v.Healthy, v.Reason = v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy
	if e.workload.rolling {
		v.Reason = v1alpha1.ReasonProgressing
	}
	v.Detail += e.moving.describe()
	if e.tooFew() > 0 && len(e.moving.joined) > 0 {
		v.Reason = v1alpha1.ReasonProgressing
		v.Detail += e.moving.growth()
	}
	return v
}

// why says why pods are missing, as far as is known.
func (e evidence) why() string {
	text := ""
	switch e.pods.State {
	case facts.NotPermitted:
		text = "; why is not known, not permitted to look at its pods: " + e.pods.Message
	case facts.Failed, facts.NotHeld:
		text = "; why is not known, could not read its pods: " + e.pods.Message
	}
	var parts []string
	for _, c := range e.lack.causes {
		parts = append(parts, c.String())
	}
	if len(parts) > 0 {
		text += "; " + msg.Shorten(parts, "; ")
	}
	return text
}

// reason returns the class of the most frequent cause. It is NodeFault only when that accounts for all pods: else
// fixing the nodes would not be enough.
func (e evidence) reason() string {
	onNodes := 0
	for _, c := range e.lack.causes {
		switch c.Reason {
		case v1alpha1.ReasonNodeFault:
			onNodes += c.Count
		case v1alpha1.ReasonWorkloadUnavailable:
		default:
			return c.Reason
		}
	}
	if onNodes > 0 && onNodes >= e.missing() {
		return v1alpha1.ReasonNodeFault
	}
	return v1alpha1.ReasonWorkloadUnavailable
}

// finishing reports whether no more pods are missing than a roll-out replaces at a time, and nothing is known to be
// wrong with them: they are new and about to be ready. The numbers of a DaemonSet or StatefulSet whose last pods are
// starting do not show whether a roll-out is the cause.
func (e evidence) finishing() bool {
	w := e.workload
	return e.missing() <= int(w.atATime) && w.failure == "" && e.pods.State <= facts.Known &&
		!slices.ContainsFunc(e.lack.causes, func(c Cause) bool {
			return !c.Young && c.Reason != v1alpha1.ReasonWorkloadUnavailable
		})
}

// tooFew returns how many pods are missing of those that are required, exempt ones apart.
func (e evidence) tooFew() int {
	return max(0, int(e.workload.required-e.workload.Available)-e.lack.exempt)
}

// missing returns how many pods are missing of those that are desired, exempt ones and those of new nodes apart.
func (e evidence) missing() int {
	return int(e.workload.Desired) - int(e.workload.Available) - e.lack.exempt - e.lack.growing
}

// faulty counts the pods that have a cause.
func (e evidence) faulty() int {
	n := 0
	for _, c := range e.lack.causes {
		n += c.Count
	}
	return n
}

// refresh says when to read the pods again.
func (e evidence) refresh() facts.Refresh {
	return facts.Refresh{Revision: e.revision(), Inconclusive: e.inconclusive()}
}

// inconclusive reports whether the pods may show more in a while.
func (e evidence) inconclusive() bool {
	return e.workload.noDeadline() || e.pods.State != facts.Known || e.lack.growing > 0 ||
		slices.ContainsFunc(e.lack.causes, func(c Cause) bool { return c.Transient })
}

// revision changes with what is to be explained: the state of the workload, and of the nodes that matter to it. The
// numbers of a roll-out that goes on move all the time, and are no news.
func (e evidence) revision() uint64 {
	w, h := e.workload, fnv.New64a()
	_, _ = fmt.Fprint(h, w.Object.GetUID(), w.Object.GetGeneration())
	if !w.noDeadline() || w.Available < w.required || e.hangs() != "" {
		_, _ = fmt.Fprint(h, "|", w.Desired, w.created, w.ready, w.Available, w.rollingDetail, w.stuck, w.failure)
	}
	for i, name := range e.blocked.names {
		_, _ = fmt.Fprint(h, "|", name, e.blocked.states[i])
	}
	return h.Sum64()
}
