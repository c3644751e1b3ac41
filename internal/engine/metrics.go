// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/internal/check"
)

var byType = []string{"type"}

var (
	evaluationsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_engine_evaluations_total",
		Help: "Number of evaluations of distinct checks, by check type.",
	}, byType)
	expenseMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_engine_expression_units_total",
		Help: "Units that expressions of checks have cost, of each object what is beyond 1,000, by check type.",
	}, byType)
	waitsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_engine_expression_wait_seconds_total",
		Help: "Time for which evaluations of expensive expressions have waited for others, by check type.",
	}, byType)
	delayMetric = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "archmap_engine_status_delay_seconds",
		Help: "Time from the arrival of a change, by a watch or a read, until the status that shows it was written, by the type of the check " +
			"whose result changed.",
		// From the best that an API server does, about 10 ms, to what is read on demand or written again after a failure.
		Buckets: []float64{.005, .01, .02, .05, .1, .2, .3, .5, 1, 2, 5, 10, 30, 60},
	}, byType)
)

func init() {
	ctrlmetrics.Registry.MustRegister(evaluationsMetric, expenseMetric, waitsMetric, delayMetric)
}

func countEvaluation(e *check.Evaluator) {
	evaluationsMetric.WithLabelValues(string(e.Spec.Type)).Inc()
}
