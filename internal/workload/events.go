// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"time"

	"github.com/archmap/archmap/internal/facts"
)

// refusalMemory is how long an event counts that tells of a pod that was not created. The controllers try again less and less
// often, after 1,000 seconds at most, and who records events holds back what repeats, to one in five minutes.
const refusalMemory = 20 * time.Minute

// failedCreate is the reason by which the controllers of DaemonSets and StatefulSets report that. ReplicaSets have a condition.
const failedCreate = "FailedCreate"

// EventsNeed returns the need for the events that may say why the workload has not created its pods.
func (w Workload) EventsNeed() facts.Need {
	return facts.EventsOf(string(w.Kind), w.Object.GetNamespace(), w.Object.GetName())
}

// toldBy returns the workload with what its events say of pods that it cannot create, and for how much longer they count; 0
// when none do.
func (w Workload) toldBy(events facts.Answer, now time.Time) (told Workload, until time.Duration) {
	if events.State != facts.Known {
		return w, 0
	}
	w.silent = true
	for _, e := range facts.Events(events) {
		left := refusalMemory - now.Sub(e.Last)
		if e.Reason != failedCreate || e.UID != w.Object.GetUID() || left <= 0 {
			continue
		}
		w.silent, w.failure, w.failedAt, w.reported = false, e.Message, e.First, e.Often()
		return w, left
	}
	return w, 0
}
