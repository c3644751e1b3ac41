// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/nodestate"
)

// daemonNodes are the nodes of a DaemonSet that may lack a pod without fault.
type daemonNodes struct {
	// stopped have no pod that runs, as their machines are switched off; leaving ones need none any more. draining
	// counts those of the leaving ones that are ready: they may run their pods to the end.
	stopped, leaving []string
	draining         int
	// excused counts the stopped and leaving ones that have no pod that counts, as far as is known.
	excused int
	// joined are new; starting counts those that are not ready yet, or only just: nobody looks at their pods.
	joined   []string
	starting int
	// unready counts those of the joined ones that are not ready.
	unready int
}

// sortDaemonNodes counts what nodes excuse, and when they will no longer do.
func (e *explanation) sortDaemonNodes() {
	p := newPlacement(e.workload.kind, e.workload.podSpec)
	for _, o := range e.nodes.Objects {
		if n, ok := o.(*corev1.Node); ok {
			e.sortDaemonNode(n, p)
		}
	}
}

// unexplained is how many pods too few there are, those of nodes that are stopped or leave apart.
func (e *explanation) unexplained() int {
	return max(0, int(e.workload.required-e.workload.available)-e.daemon.excused)
}

func (e *explanation) sortDaemonNode(n *corev1.Node, p placement) {
	left, stopped, leaving := nodestate.JoiningFor(n, e.now), nodestate.Of(n) == nodestate.Stopped, nodestate.IsLeaving(n)
	switch {
	case !stopped && !leaving && left <= 0, !p.allows(n):
	case stopped:
		e.daemon.stopped = append(e.daemon.stopped, n.Name)
		e.daemon.excused++
	case leaving:
		e.daemon.leaving = append(e.daemon.leaving, n.Name)
		if nodestate.IsReady(n) {
			e.daemon.draining++
		} else {
			e.daemon.excused++
		}
	default:
		e.daemon.joined = append(e.daemon.joined, n.Name)
		if !nodestate.IsReady(n) {
			e.daemon.unready++
			e.daemon.starting++
		} else if starting := nodestate.PodStartTime - e.now.Sub(nodestate.ReadySince(n)); starting > 0 {
			e.daemon.starting++
			left = min(left, starting)
		}
		e.recheckAfter = Earliest(e.recheckAfter, left+time.Second)
	}
}

func (d *daemonNodes) excuses() string {
	text := ""
	if len(d.stopped) > 0 {
		text += fmt.Sprintf(", %s stopped (%s)", msg.Count(len(d.stopped), "node"), msg.Shorten(d.stopped, ", "))
	}
	if len(d.leaving) > 0 {
		text += fmt.Sprintf(", %s leaving (%s)", msg.Count(len(d.leaving), "node"), msg.Shorten(d.leaving, ", "))
	}
	return text
}
