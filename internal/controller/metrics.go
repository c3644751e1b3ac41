// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// What becomes of a status that was derived.
const (
	statusWritten   = "written"
	statusUnchanged = "unchanged"
	statusThrottled = "throttled"
	statusFailed    = "failed"
	statusConflict  = "conflict"
	statusFenced    = "fenced"
	statusLimited   = "limited"
	statusRepaired  = "repaired"
	statusContested = "contested"
)

var statusesMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "archmap_controller_statuses_total",
	Help: "Number of statuses derived, by kind and by what became of them: written, unchanged, throttled (only counters changed, or " +
		"first reads are in progress: it is written later), or failed to be written; conflict (the object had changed), fenced (the lease " +
		"is not held, or the process was frozen), limited (it changes all the time), repaired (somebody else had changed it), or " +
		"contested (somebody else keeps changing it).",
}, []string{"kind", "result"})

func init() { ctrlmetrics.Registry.MustRegister(statusesMetric) }
