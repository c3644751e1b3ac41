// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"slices"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// moving are the nodes of a DaemonSet that may lack a pod without fault. It is empty for another workload, which has no
// pod of its own for a node.
type moving struct {
	// stopped have no pod that runs, as their machines are switched off; leaving ones need none any more. draining
	// counts those of the leaving ones that are ready: they may run their pods to the end. All names are sorted.
	stopped, leaving []string
	draining         int
	// exempt counts the stopped and leaving ones that have no pod that counts, whatever their pods are.
	exempt int
	// unreachable are those whose kubelets are silent, and their pods surely not ready.
	unreachable []string
	// joined are new; starting counts those that are not ready yet, or only just: their pods are not read.
	joined   []string
	starting int
	// unready counts those of the joined ones that are not ready.
	unready int
	// recheckAfter is when the first of the joined ones no longer counts as what it does now; 0 is never.
	recheckAfter time.Duration
}

func movingFor(w Workload, nodes Nodes, now time.Time) moving {
	var m moving
	if w.Kind != v1alpha1.WorkloadDaemonSet {
		return m
	}
	p := daemonPlacement(w.PodSpec)
	for _, n := range nodes.suspects {
		left, state, leaving := nodestate.JoiningFor(n, now), nodestate.Of(n, now), nodestate.LeavingFor(n, now)
		stopped := state == nodestate.Stopped
		switch {
		case !stopped && leaving <= 0 && left <= 0 && state != nodestate.Unreachable, !p.allows(n):
			continue
		case stopped:
			m.stopped = append(m.stopped, n.Name)
			m.exempt++
			continue
		case leaving > 0 && nodestate.IsReady(n):
			m.leaving = append(m.leaving, n.Name)
			m.draining++
			continue
		case leaving > 0:
			m.leaving = append(m.leaving, n.Name)
			m.exempt++
			m.recheckAfter = facts.Earliest(m.recheckAfter, leaving+time.Second)
			continue
		case left <= 0:
			m.unreachable = append(m.unreachable, n.Name)
			continue
		}
		m.joined = append(m.joined, n.Name)
		if !nodestate.IsReady(n) {
			m.unready++
			m.starting++
		} else if starting := nodestate.PodStartTime - now.Sub(nodestate.TurnedAt(n)); starting > 0 {
			m.starting++
			left = min(left, starting)
		}
		m.recheckAfter = facts.Earliest(m.recheckAfter, left+time.Second)
	}
	return m
}

// causes are those of n pods that are missing on unreachable nodes.
func (m moving) causes(n int) []Cause {
	if n == 0 {
		return nil
	}
	return []Cause{{Reason: v1alpha1.ReasonNodeFault, Text: "on nodes that " + string(nodestate.Unreachable), Count: n,
		Places: slices.Clone(m.unreachable)}}
}

// describe names the nodes that are stopped or leaving.
func (m moving) describe() string {
	text := ""
	if len(m.stopped) > 0 {
		text += fmt.Sprintf(", %s stopped (%s)", msg.Count(len(m.stopped), "node"), msg.Shorten(m.stopped, ", "))
	}
	if len(m.leaving) > 0 {
		text += fmt.Sprintf(", %s leaving (%s)", msg.Count(len(m.leaving), "node"), msg.Shorten(m.leaving, ", "))
	}
	return text
}

// growth names the nodes that have joined.
func (m moving) growth() string {
	joined := fmt.Sprintf("joined in the last %d minutes", int(nodestate.JoiningTime.Minutes()))
	if m.unready > 0 {
		joined = "joining"
	}
	return fmt.Sprintf(", growing: %s %s (%s)", msg.Count(len(m.joined), "node"), joined, msg.Shorten(m.joined, ", "))
}

// inSorted reports whether the sorted names contain the name.
func inSorted(names []string, name string) bool {
	_, found := slices.BinarySearch(names, name)
	return found
}
