// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/internal/check"
)

var evaluationsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "archmap_engine_evaluations_total",
	Help: "Number of evaluations of distinct checks, by check type.",
}, []string{"type"})

func init() { ctrlmetrics.Registry.MustRegister(evaluationsMetric) }

func countEvaluation(e *check.Evaluator) {
	evaluationsMetric.WithLabelValues(string(e.Spec.Type)).Inc()
}
