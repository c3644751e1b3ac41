// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/internal/facts"
)

// metrics of an observer. Labels are kinds that mappings name, never names of objects.
type metrics struct {
	sources *prometheus.GaugeVec
	objects *prometheus.GaugeVec
	whole   *prometheus.GaugeVec
	events  *prometheus.CounterVec
}

var byKind = []string{"group", "kind"}

var (
	sourcesMetric = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "archmap_observer_sources",
		Help: "Number of sources that run, by how they read: watch, poll, or on demand.",
	}, []string{"mode"})
	objectsMetric = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "archmap_observer_objects",
		Help: "Number of watched objects held in memory, by kind.",
	}, byKind)
	wholeMetric = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "archmap_observer_whole_objects",
		Help: "Number of those objects of which all is held, as a check reads all or its expression doesn't tell what it reads, by kind.",
	}, byKind)
	eventsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_observer_events_total",
		Help: "Number of events on watched objects, by kind and by whether they changed anything that a check reads.",
	}, []string{"group", "kind", "result"})
)

func init() {
	ctrlmetrics.Registry.MustRegister(sourcesMetric, objectsMetric, wholeMetric, eventsMetric)
}

func newMetrics() *metrics {
	return &metrics{sources: sourcesMetric, objects: objectsMetric, whole: wholeMetric, events: eventsMetric}
}

func (m *metrics) countSources(need facts.Need, more int) {
	mode := "watch"
	switch {
	case need.OnDemand():
		mode = "demand"
	case need.Interval > 0:
		mode = "poll"
	}
	m.sources.WithLabelValues(mode).Add(float64(more))
}

func (m *metrics) countObjects(kind schema.GroupVersionKind, whole bool, more int) {
	m.objects.WithLabelValues(kind.Group, kind.Kind).Add(float64(more))
	if whole {
		m.whole.WithLabelValues(kind.Group, kind.Kind).Add(float64(more))
	}
}

func (m *metrics) countEvent(kind schema.GroupVersionKind, changed bool) {
	result := "dropped"
	if changed {
		result = "changed"
	}
	m.events.WithLabelValues(kind.Group, kind.Kind, result).Inc()
}
