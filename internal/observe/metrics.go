// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"slices"

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
	bytes   *prometheus.GaugeVec
	events  *prometheus.CounterVec
	reads   *prometheus.CounterVec
	watches *prometheus.CounterVec
}

var (
	byKind          = []string{"group", "kind"}
	byKindAndResult = append(slices.Clone(byKind), "result")
)

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
	bytesMetric = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "archmap_observer_objects_bytes",
		Help: "Memory that the watched objects take, estimated, without what they share, by kind.",
	}, byKind)
	eventsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_observer_events_total",
		Help: "Number of events on watched objects, by kind and by whether they changed anything that a check reads.",
	}, byKindAndResult)
	readsMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_observer_reads_total",
		Help: "Number of reads of what is not watched, by how it is read (poll, or on demand) and by whether they changed anything that a " +
			"check reads, or failed.",
	}, []string{"mode", "result"})
	watchesMetric = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "archmap_observer_watch_requests_total",
		Help: "Number of requests that open a watch, by kind and by whether they were sent at once or delayed, as watches of that kind end " +
			"too often.",
	}, byKindAndResult)
)

func init() {
	ctrlmetrics.Registry.MustRegister(sourcesMetric, objectsMetric, wholeMetric, bytesMetric, eventsMetric, readsMetric, watchesMetric)
}

func newMetrics() *metrics {
	return &metrics{
		sources: sourcesMetric, objects: objectsMetric, whole: wholeMetric, bytes: bytesMetric, events: eventsMetric, reads: readsMetric,
		watches: watchesMetric,
	}
}

// modeOf is how a need is met.
func modeOf(need facts.Need) string {
	switch {
	case need.OnDemand():
		return "demand"
	case need.Interval > 0:
		return "poll"
	}
	return "watch"
}

func (m *metrics) countSources(need facts.Need, more int) {
	m.sources.WithLabelValues(modeOf(need)).Add(float64(more))
}

func (m *metrics) countObjects(kind schema.GroupVersionKind, whole bool, more int) {
	m.objects.WithLabelValues(kind.Group, kind.Kind).Add(float64(more))
	if whole {
		m.whole.WithLabelValues(kind.Group, kind.Kind).Add(float64(more))
	}
}

func (m *metrics) countBytes(kind schema.GroupVersionKind, more int) {
	m.bytes.WithLabelValues(kind.Group, kind.Kind).Add(float64(more))
}

// What comes of an event or a read.
const (
	resultChanged = "changed"
	resultDropped = "dropped"
	resultFailed  = "failed"
)

func resultOf(changed bool) string {
	if changed {
		return resultChanged
	}
	return resultDropped
}

func (m *metrics) countEvent(kind schema.GroupVersionKind, changed bool) {
	m.events.WithLabelValues(kind.Group, kind.Kind, resultOf(changed)).Inc()
}

func (m *metrics) countRead(need facts.Need, result string) {
	m.reads.WithLabelValues(modeOf(need), result).Inc()
}

// What becomes of a request that opens a watch.
const (
	resultSent    = "sent"
	resultDelayed = "delayed"
)

func (m *metrics) countWatch(kind schema.GroupVersionKind, delayed bool) {
	result := resultSent
	if delayed {
		result = resultDelayed
	}
	m.watches.WithLabelValues(kind.Group, kind.Kind, result).Inc()
}
