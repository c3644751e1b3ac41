// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// counts are the pods that a workload lacks, by whose fault it is.
type counts struct {
	// missing pods are those that it should have, whatever the fault; those of nodes that are stopped, leave or join
	// are none of them.
	missing int
	// own have a fault of their own, starting none yet, onNodes one of their nodes.
	own, starting, onNodes int
	// moving may be those of nodes that leave or join; unknown are those for which nothing that was read accounts.
	moving, unknown int
}

func (e evidence) count() counts {
	w := e.workload
	c := counts{missing: max(0, int(w.Desired-w.Available)-e.lack.exempt-e.lack.growing)}
	for _, cause := range e.lack.causes {
		switch {
		case cause.Reason == v1alpha1.ReasonNodeFault:
			c.onNodes += cause.Count
		case cause.Starting:
			c.starting += cause.Count
		default:
			c.own += cause.Count
		}
	}
	if w.rolling && !w.hidden { // what was read before may be ready by now
		c.own, c.onNodes = min(c.own, c.missing+int(w.surplus)), min(c.onNodes, c.missing+int(w.surplus))
	}
	rest := max(0, c.missing-c.own-c.starting-c.onNodes)
	c.moving = min(rest, max(0, len(e.moving.joined)-e.lack.growing)+e.lack.draining)
	c.unknown = rest - c.moving
	return c
}

// short is how many pods are missing by a fault of their own. Those of a roll-out may be failing beside old ones that
// are available.
func (c counts) short(w Workload) int {
	if w.rolling {
		return min(c.own, c.missing) + c.unknown
	}
	return c.own + c.unknown
}

// holdUp reports whether faults of pods keep a roll-out from going on, or are more than a share of all pods: a roll-out
// that replaces many at a time goes on beside a few.
func (c counts) holdUp(w Workload) bool {
	return c.own > 0 && (c.own+c.onNodes >= max(1, int(w.atATime)) || c.own > w.share)
}

// unreadable reports whether the pods were asked for and cannot be read.
func (e evidence) unreadable() bool {
	return e.pods.State == facts.NotPermitted || e.pods.State == facts.Failed || e.pods.State == facts.NotHeld
}

// verdict weighs what a workload lacks. It answers for its own faults only, and for those of its nodes when they leave
// it no pod at all.
func (e evidence) verdict() Verdict {
	w, c := e.workload, e.count()
	faults := e.faults()
	switch {
	case c.missing > c.moving && w.Available == 0, c.short(w) > w.tolerated():
		return e.failing(e.reason(c))
	case w.givesUp() && (c.own+c.starting+c.unknown > 0 || c.onNodes == 0):
		return e.failing(w.gaveUp())
	case c.holdUp(w) && slices.ContainsFunc(faults, e.overdue):
		return e.failing(v1alpha1.ReasonRolloutStuck)
	case w.rolling && c.own > 0 && len(faults) > 0:
		return e.fine(v1alpha1.ReasonRolloutFailing, e.why())
	case c.own > 0 && len(faults) > 0:
		return e.fine(v1alpha1.ReasonWithinTolerance, e.why())
	case c.onNodes > 0:
		return e.fine(v1alpha1.ReasonNodesDown, e.why())
	case e.grows():
		return e.fine(v1alpha1.ReasonProgressing, "")
	case c.starting > w.tolerated() && c.missing > w.tolerated():
		return e.fine(v1alpha1.ReasonProgressing, e.why())
	case w.rolling:
		return e.fine(v1alpha1.ReasonProgressing, "")
	case len(e.restarts) > 0:
		return e.fine(v1alpha1.ReasonWithinTolerance, e.why())
	case c.unknown > 0 && e.unreadable() && w.minAvailable == 0:
		return e.fine(v1alpha1.ReasonWithinTolerance, e.why())
	case w.minAvailable != 0 && w.Available < w.Desired:
		return e.fine(v1alpha1.ReasonHealthy, fmt.Sprintf(", %d is enough", w.required))
	}
	return e.fine(v1alpha1.ReasonHealthy, "")
}

func (e evidence) failing(reason string) Verdict {
	v := Verdict{Healthy: v1alpha1.VerdictFalse, Reason: reason, Detail: e.workload.numbers()}
	if w := e.workload; w.givesUp() && w.stuck != w.failure {
		v.Detail += ": " + w.stuck
	}
	v.Detail += e.moving.describe() + e.why()
	return v
}

func (e evidence) fine(reason, why string) Verdict {
	v := Verdict{Healthy: v1alpha1.VerdictTrue, Reason: reason, Detail: e.workload.numbers() + e.moving.describe()}
	if e.grows() {
		v.Detail += e.moving.growth()
	}
	v.Detail += why
	return v
}

// grows reports whether fewer pods are there than must be, and nodes join.
func (e evidence) grows() bool {
	w := e.workload
	return len(e.moving.joined) > 0 && int(w.required-w.Available) > e.lack.exempt
}

// faulty reports whether the cause is a fault of the workload's own. Where fewer pods are enough, one that finds no node
// is none: the nodes may be too few for it for ever.
func (e evidence) faulty(c Cause) bool {
	return c.Reason != v1alpha1.ReasonNodeFault && !c.Starting &&
		(e.workload.minAvailable == 0 || c.Reason != v1alpha1.ReasonUnschedulable)
}

func (e evidence) faults() []Cause {
	return slices.DeleteFunc(slices.Clone(e.lack.causes), func(c Cause) bool { return !e.faulty(c) })
}

// overdue reports whether the fault holds up a roll-out for too long. A Deployment that has a deadline says so itself.
func (e evidence) overdue(c Cause) bool {
	return e.ages(c) && !e.ageAt().Before(c.since.Add(StartTime))
}

// reason returns the class of the most frequent cause: first of those that are faults, then of pods that start. It is
// NodeFault only when that accounts for all pods: else fixing the nodes would not be enough.
func (e evidence) reason(c counts) string {
	starting := ""
	for _, cause := range e.lack.causes {
		switch {
		case cause.Reason == v1alpha1.ReasonNodeFault, cause.Reason == v1alpha1.ReasonWorkloadUnavailable:
		case !cause.Starting:
			return cause.Reason
		case starting == "":
			starting = cause.Reason
		}
	}
	switch {
	case c.onNodes > 0 && c.onNodes >= c.missing:
		return v1alpha1.ReasonNodeFault
	case c.own == 0 && c.unknown == 0 && starting != "":
		return starting
	case e.workload.givesUp():
		return e.workload.gaveUp()
	}
	return v1alpha1.ReasonWorkloadUnavailable
}

// gaveUp is the class of the word by which a Deployment gives up.
func (w Workload) gaveUp() string {
	reason, _ := w.refusal()
	return cmp.Or(reason, v1alpha1.ReasonRolloutStuck)
}
