// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// metrics of an observer. Labels are kinds that mappings name, never names of objects.
type metrics struct {
	sources prometheus.Gauge
	events  *prometheus.CounterVec
}

var (
	sourcesMetric = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "archmap_observer_sources",
		Help: "Watches and pollers that are running.",
	})
	eventsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_observer_events_total",
		Help: "Events of watched objects by kind, and by whether they changed anything that a check can see.",
	}, []string{"group", "kind", "result"})
)

func init() {
	ctrlmetrics.Registry.MustRegister(sourcesMetric, eventsMetric)
}

func newMetrics() *metrics { return &metrics{sources: sourcesMetric, events: eventsMetric} }

func (m *metrics) event(kind schema.GroupVersionKind, changed bool) {
	result := "dropped"
	if changed {
		result = "changed"
	}
	m.events.WithLabelValues(kind.Group, kind.Kind, result).Inc()
}
