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
	// ExcusedFor is how much longer a verdict of False does not count, as all pods that it lacks are only starting.
	ExcusedFor time.Duration
	// Unattributed is true when no more pods are missing than a roll-out replaces at a time, and nothing that was read
	// accounts for them: they may be ready by now.
	Unattributed bool
	// Causes of missing pods, the most frequent first, then that of ready pods that keep restarting; empty when none is known.
	Causes []Cause
	// Faults are what is at fault, one for each root, the major ones first.
	Faults []v1alpha1.Fault
	// Further is what must be read to explain more; empty when the workload's numbers explain everything.
	Further []facts.Demand
	// Pending is true while some of it is being read for the first time.
	Pending bool
	// RecheckAfter is the time until the diagnosis may change although no input does; 0 is never.
	RecheckAfter time.Duration
}

// StartTime is how long a pod may take to start, and a roll-out be held up, before that is a fault: as long as a
// Deployment waits by default before it says that it is stuck.
const StartTime = 10 * time.Minute

// Diagnose judges a workload, and explains why it lacks pods. The numbers in its status are not enough: a pod may be
// missing because of its node, or because it starts, and the new pods of a roll-out may fail though enough old ones are
// available. Why the pods of a DaemonSet or a StatefulSet are refused, only events tell. nodes are used only when the workload is
// Unexplained, pods also when it MayRestart.
func Diagnose(w Workload, nodes Nodes, pods Pods, now time.Time) Diagnosis {
	if !w.Unexplained() {
		return healthyByNumbers(w, nodes, pods, now)
	}
	d := Diagnosis{Further: []facts.Demand{{Need: facts.Nodes}}}
	if w.Kind == v1alpha1.WorkloadDaemonSet && nodes.state == facts.Pending {
		return d.waiting(w) // only the nodes show whether it grows or is broken
	}
	e := evidence{workload: w, now: now, moving: movingFor(w, nodes, now)}
	d.RecheckAfter = e.moving.recheckAfter
	if lack, ok := e.byNodes(pods.Failed); ok {
		e.lack = lack
		d.Verdict = e.verdict()
		d.Causes, d.Faults = lack.causes, faultsOf(w, nodes, d.Verdict, lack.causes)
		return d
	}
	e.blocked, e.pods, e.restarts = blockedFor(w, nodes), pods.Answer, restartsOf(w, pods.Answer)
	e.lack = lackOf(w, nodes, e.moving, e.blocked, pods.Answer, e.ageAt())
	refresh := e.refresh()
	d.Further = append(d.Further, facts.Demand{Need: w.PodsNeed(), Refresh: refresh})
	if nodes.state == facts.Pending || pods.Answer.State == facts.Pending {
		return d.waiting(w)
	}
	d.Pending = pods.Answer.State == facts.Deferred
	if e.lack.untold {
		refresh.Inconclusive = true // there may be newer ones in a while
		d.Further = append(d.Further, facts.Demand{Need: w.EventsNeed(), Refresh: refresh})
		if pods.Events.State == facts.Pending {
			return d.waiting(w)
		}
		d.Pending = d.Pending || pods.Events.State == facts.Deferred
		var until time.Duration
		e.workload, until = w.toldBy(pods.Events, now)
		e.lack = lackOf(e.workload, nodes, e.moving, e.blocked, pods.Answer, e.ageAt())
		d.RecheckAfter = facts.Earliest(d.RecheckAfter, until)
	}
	d.Verdict = e.verdict()
	d.Causes = slices.Concat(e.lack.causes, e.restarts)
	d.Faults = faultsOf(e.workload, nodes, d.Verdict, d.Causes)
	d.ExcusedFor, d.Unattributed = e.excusedFor(), e.unattributed(d.Verdict)
	d.RecheckAfter = facts.Earliest(d.RecheckAfter, e.recheckAfter())
	return d
}

// waiting says nothing yet: whose fault it is decides the verdict, and that is being read.
func (d Diagnosis) waiting(w Workload) Diagnosis {
	d.Pending = true
	d.Verdict = Verdict{Healthy: v1alpha1.VerdictUnknown, Reason: v1alpha1.ReasonNotYetObserved, Detail: w.numbers()}
	return d
}

// byNumbers is the verdict on a workload that lacks no pod; it may change after the duration, or never when that is 0.
func (w Workload) byNumbers(now time.Time) (v Verdict, recheckAfter time.Duration) {
	daemon := w.Kind == v1alpha1.WorkloadDaemonSet
	switch {
	case w.Desired == 0 && !daemon && w.mayBeZero, w.Desired == 0 && daemon && !w.never:
		return Verdict{v1alpha1.VerdictNotAssessed, v1alpha1.ReasonIdle, w.name() + ": idle (0 pods desired)"}, 0
	case w.Desired == 0 && !daemon:
		return Verdict{v1alpha1.VerdictFalse, v1alpha1.ReasonScaledToZero, w.name() + ": scaled to 0"}, 0
	case w.never:
		v = Verdict{v1alpha1.VerdictFalse, v1alpha1.ReasonRolloutStuck, w.name() + ": its controller has not observed it yet"}
		if left := StartTime - now.Sub(w.Object.GetCreationTimestamp().Time); left > 0 {
			v.Healthy, v.Reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonGenerationNotObserved
			recheckAfter = left
		}
		return v, recheckAfter
	case w.rolling:
		return Verdict{v1alpha1.VerdictTrue, v1alpha1.ReasonProgressing, w.numbers()}, 0
	}
	return Verdict{v1alpha1.VerdictTrue, v1alpha1.ReasonHealthy, w.numbers()}, 0
}

// toMake is how many pods a Deployment has yet to make. It would say so if it could not.
func (w Workload) toMake() int {
	if w.Kind != v1alpha1.WorkloadDeployment || w.failure != "" {
		return 0
	}
	return int(w.Desired - w.created)
}

// evidence is everything known about a workload. Its methods do not change it.
type evidence struct {
	workload Workload
	now      time.Time
	moving   moving
	blocked  blockedNodes
	pods     facts.Answer
	lack     lack
	// restarts are the cause of pods that are ready and keep restarting; it has one or none.
	restarts []Cause
}

// byNodes returns what a DaemonSet lacks when nodes alone account for it: nobody lists its pods just because nodes are
// down or join. Those of unreachable nodes are surely not ready; those of new nodes are most likely not, so that pods matter
// where some failed before any node joined.
func (e evidence) byNodes(failed bool) (l lack, ok bool) {
	w, m := e.workload, e.moving
	heldUp := w.observed && int(w.outdated) <= len(m.unreachable) // a roll-out that waits for nothing but their nodes
	if w.Kind != v1alpha1.WorkloadDaemonSet || w.rolling && !heldUp {
		return l, false
	}
	missing := max(0, int(w.Desired-w.Available)-m.exempt)
	onNodes := min(missing, len(m.unreachable))
	growing := missing - onNodes
	if growing > 0 && (failed || w.rolling || growing > m.starting) {
		return l, false
	}
	return lack{exempt: m.exempt, draining: m.draining, growing: growing, causes: m.causes(onNodes)}, true
}

// ageAt is the time by which the ages of pods are measured. The pods of a roll-out come and go, so nothing is known of
// one but at the time when it was read; any other is as it was read while the numbers are the same.
func (e evidence) ageAt() time.Time {
	if e.workload.rolling {
		return e.pods.ReadAt
	}
	return e.now
}

// excusedFor says how much longer a workload without any available pod may be so, as all that it lacks only start.
func (e evidence) excusedFor() time.Duration {
	c := e.count()
	if e.workload.Available > 0 || c.missing == 0 || c.starting < c.missing || c.own > 0 || c.onNodes > 0 {
		return 0
	}
	left := StartTime
	for _, cause := range e.lack.causes {
		switch {
		case !cause.Starting:
		case cause.until.IsZero():
			left = min(left, time.Duration(e.workload.minReadySeconds)*time.Second)
		default:
			left = min(left, cause.until.Sub(e.now))
		}
	}
	return max(0, left)
}

// unattributed reports whether what was read does not account for the last pods that a roll-out may have replaced, or for
// those that a Deployment has yet to make, as when it is scaled up.
func (e evidence) unattributed(v Verdict) bool {
	w := e.workload
	return v.Healthy == v1alpha1.VerdictFalse && v.Reason == v1alpha1.ReasonWorkloadUnavailable && e.pods.State == facts.Known &&
		w.Available > 0 && e.count().missing <= max(1, int(w.atATime), w.toMake())
}

// recheckAfter says when the first pod has taken too long.
func (e evidence) recheckAfter() time.Duration {
	var after time.Duration
	for _, c := range e.lack.causes {
		if left := e.overdueAt(c).Sub(e.now); left > 0 {
			after = facts.Earliest(after, left+time.Second)
		}
	}
	return after
}

// overdueAt is when a cause begins to count for more than it does; zero is never.
func (e evidence) overdueAt(c Cause) time.Time {
	switch {
	case c.Starting:
		return c.until
	case e.ages(c):
		return c.since.Add(StartTime)
	}
	return time.Time{}
}

// ages reports whether the cause, while it lasts, comes to mean that a roll-out is stuck.
func (e evidence) ages(c Cause) bool {
	return e.workload.rolling && !e.workload.deadline && e.faulty(c) && c.Reason != v1alpha1.ReasonWorkloadUnavailable
}

// why says why pods are missing, as far as is known.
func (e evidence) why() string {
	text := ""
	switch e.pods.State {
	case facts.NotPermitted:
		text = "; cause unknown: not permitted to read its pods: " + e.pods.Message
	case facts.Failed, facts.NotHeld:
		text = "; cause unknown: couldn't read its pods: " + e.pods.Message
	}
	var parts []string
	for _, c := range slices.Concat(e.lack.causes, e.restarts) {
		parts = append(parts, c.String())
	}
	if len(parts) > 0 {
		text += "; " + msg.Shorten(parts, "; ")
	}
	return text
}

// refresh says when to read the pods again.
func (e evidence) refresh() facts.Refresh {
	return facts.Refresh{Revision: e.revision(), Inconclusive: e.inconclusive()}
}

// inconclusive reports whether the pods may show more in a while.
func (e evidence) inconclusive() bool {
	return e.workload.rolling || e.pods.State != facts.Known || e.lack.growing > 0 ||
		slices.ContainsFunc(e.lack.causes, func(c Cause) bool { return c.Transient })
}

// revision changes with what is to be explained: the state of the workload, of the nodes that matter to it, and how many
// causes have lasted too long. The numbers of a roll-out that goes on move all the time, and are no news.
func (e evidence) revision() uint64 {
	w, h := e.workload, fnv.New64a()
	_, _ = fmt.Fprint(h, w.Object.GetUID(), w.Object.GetGeneration())
	if !w.rolling || w.Available < w.required || e.count().own > 0 {
		_, _ = fmt.Fprint(h, "|", w.Desired, w.created, w.ready, w.Available, w.rollingDetail, w.stuck, w.failure)
	}
	for i, name := range e.blocked.names {
		_, _ = fmt.Fprint(h, "|", name, e.blocked.states[i])
	}
	for _, c := range e.lack.causes {
		if at := e.overdueAt(c); !at.IsZero() && !at.After(e.now) {
			_, _ = fmt.Fprint(h, "|overdue")
		}
	}
	return h.Sum64()
}
