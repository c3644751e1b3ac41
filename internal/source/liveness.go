// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

const (
	// observedAtMaxAge is how old observedAt of a ClusterArchitecture may be: a living operator refreshes it every 5
	// minutes, and its clock need not be that of the API server.
	observedAtMaxAge = 7 * time.Minute
	// leaseMaxAge is how old the renewal of the operator's lease may be. It is renewed every 2 seconds.
	leaseMaxAge = time.Minute
)

// liveness says whether the operator is alive, so that its verdicts are about the cluster as it is now.
type liveness struct {
	alive bool
	// problem says why it is not.
	problem string
	// last is when the operator last gave a sign of life.
	last time.Time
	// now is when they were read, by the clock of the API server.
	now time.Time
}

// lifeOf concludes from the signs of life: the lease and, refreshed more seldom, observedAt of the architecture. Where no lease
// can be read, observedAt alone decides: an operator need not elect a leader.
func lifeOf(l lease, architecture string, observedAt, now time.Time) liveness {
	life := aliveBy(l, architecture, observedAt, now)
	life.now = now
	return life
}

func aliveBy(l lease, architecture string, observedAt, now time.Time) liveness {
	observed := !observedAt.IsZero()
	recent := now.Sub(observedAt) <= observedAtMaxAge
	lastSeen := fmt.Sprintf("it last updated ClusterArchitecture %s %s", architecture, ago(observedAt, now))
	if l.Lease == nil {
		switch {
		case observed && recent:
			return liveness{alive: true, last: observedAt}
		case observed:
			return liveness{last: observedAt, problem: "the operator is not running: " + lastSeen + ", and " + l.problem}
		}
		return liveness{problem: "the operator does not seem to be running: " + l.problem}
	}
	last := renewed(l.Lease)
	held := now.Sub(last) <= leaseMaxAge
	switch {
	case held && (recent || !observed):
		return liveness{alive: true, last: last}
	case held:
		return liveness{last: observedAt, problem: "the operator is stuck: it renews its lease, but " + lastSeen}
	case recent && observedAt.Sub(last) > leaseMaxAge:
		return liveness{alive: true, last: observedAt} // one that elects no leader has taken over
	case observedAt.After(last):
		last = observedAt
	}
	name := l.Namespace + "/" + l.Name
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" {
		return liveness{last: last, problem: fmt.Sprintf("the operator was stopped %s: the Lease %s has no holder", ago(last, now), name)}
	}
	return liveness{last: last, problem: fmt.Sprintf("the operator died %s: it no longer renews the Lease %s", ago(last, now), name)}
}

// stale says why the verdicts may be out of date; it is empty while the operator is alive.
func (l liveness) stale() string {
	switch {
	case l.alive || l.problem == "":
		return ""
	case l.last.IsZero():
		return "these verdicts may be out of date: " + l.problem
	}
	return fmt.Sprintf("these verdicts are %s old: %s", age(l.last, l.now), l.problem)
}

func age(t, now time.Time) string { return duration.HumanDuration(max(0, now.Sub(t))) }

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return fmt.Sprintf("%s ago (%s)", age(t, now), t.UTC().Format(time.RFC3339))
}
