// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// daemonNodes are the nodes of a DaemonSet that may lack a pod without fault.
type daemonNodes struct {
	// stopped have no pod that runs, as their machines are switched off.
	stopped []string
	// joined are new; starting counts those that are so new that nobody looks at their pods yet.
	joined   []string
	starting int
	// unexplained is how many pods too few there are, those of stopped nodes apart.
	unexplained int
}

// sortDaemonNodes counts what nodes excuse, and when they will no longer do.
func (e *explanation) sortDaemonNodes() {
	p := newPlacement(e.workload.kind, e.workload.podSpec)
	for _, o := range e.nodes.Objects {
		n, ok := o.(*corev1.Node)
		if !ok {
			continue
		}
		left, stopped := joiningFor(n, e.now), stateOf(n) == nodeStopped
		switch {
		case !stopped && left <= 0, !p.allows(n):
		case stopped:
			e.daemon.stopped = append(e.daemon.stopped, n.Name)
		default:
			e.daemon.joined = append(e.daemon.joined, n.Name)
			if starting := left - (JoiningTime - startingTime); starting > 0 {
				e.daemon.starting++
				left = starting
			}
			e.recheckAfter = Earliest(e.recheckAfter, left+time.Second)
		}
	}
	e.daemon.unexplained = max(0, int(e.workload.required-e.workload.available)-len(e.daemon.stopped))
}

func (d *daemonNodes) stoppedText() string {
	if len(d.stopped) == 0 {
		return ""
	}
	return fmt.Sprintf(", %s stopped (%s)", count(len(d.stopped), "node"), Shorten(d.stopped, ", "))
}
