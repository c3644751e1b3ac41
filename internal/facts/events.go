// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/archmap/archmap/internal/msg"
)

// EventKind is the kind of the events that explain what no status does. No check may name it.
var EventKind = corev1.SchemeGroupVersion.WithKind("Event")

// MaxEvents is how many events are read at a time: one page. Those of one kind or object are few, as who reports counts what repeats.
const MaxEvents = 500

// The fields by which the API server selects events.
const (
	eventType   = "type"
	eventReason = "reason"
	eventSource = "source"
	eventKind   = "involvedObject.kind"
	eventName   = "involvedObject.name"
)

// AllEvents is as wide as EventsOf and EventsFrom can get: it says what somebody may have to read, and is not read.
func AllEvents(namespace string) Need {
	return Need{Kind: EventKind, Namespace: namespace, Interval: DefaultInterval}
}

// EventsOf is the need for the warnings about an object, or about all of a kind where name is empty. Those about objects of
// the whole cluster are in the namespace default.
func EventsOf(kind, namespace, name string) Need {
	terms := []fields.Selector{fields.OneTermEqualSelector(eventKind, kind)}
	if name != "" {
		terms = append(terms, fields.OneTermEqualSelector(eventName, name))
	}
	return warnings(namespace, terms...)
}

// EventsFrom is the need for the warnings with a reason that a reporter has about objects of a kind, in all namespaces.
func EventsFrom(source, kind, reason string) Need {
	return warnings(metav1.NamespaceAll, fields.OneTermEqualSelector(eventKind, kind),
		fields.OneTermEqualSelector(eventReason, reason), fields.OneTermEqualSelector(eventSource, source))
}

func warnings(namespace string, terms ...fields.Selector) Need {
	need := AllEvents(namespace)
	need.Fields = fields.AndSelectors(append(terms, fields.OneTermEqualSelector(eventType, corev1.EventTypeWarning))...).String()
	return need
}

// SelectedEvent reports whether the API server would select the event by the fields of a need.
func SelectedEvent(e *corev1.Event, selector fields.Selector) bool {
	return selector.Matches(fields.Set{
		eventType: e.Type, eventReason: e.Reason, eventSource: cmp.Or(e.Source.Component, e.ReportingController),
		eventKind: e.InvolvedObject.Kind, eventName: e.InvolvedObject.Name,
	})
}

// Event is what an event tells: of which object, what, since when, until when, and how often.
type Event struct {
	Object          types.NamespacedName
	UID             types.UID
	Reason, Message string
	First, Last     time.Time
	Count           int32
}

// Often says how often something was reported and since when, in words that do not change with each report.
func (e *Event) Often() string {
	return msg.Times(e.Count) + " since " + e.First.UTC().Format(time.RFC3339)
}

// Events of an answer, the newest first.
func Events(a Answer) []Event {
	var out []Event
	for _, o := range a.Objects {
		if e, ok := o.(*corev1.Event); ok {
			out = append(out, eventOf(e))
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return out
}

// eventOf reads both forms of events: those that count, and those of events.k8s.io, of which a series counts.
func eventOf(e *corev1.Event) Event {
	out := Event{
		Object: types.NamespacedName{Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}, UID: e.InvolvedObject.UID,
		Reason: e.Reason, Message: e.Message, Count: max(1, e.Count),
	}
	for _, t := range []time.Time{e.FirstTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time} {
		if out.First.IsZero() || !t.IsZero() && t.Before(out.First) {
			out.First = t
		}
	}
	out.Last = out.First
	times := []time.Time{e.LastTimestamp.Time}
	if e.Series != nil {
		out.Count = max(out.Count, e.Series.Count)
		times = append(times, e.Series.LastObservedTime.Time)
	}
	for _, t := range times {
		if t.After(out.Last) {
			out.Last = t
		}
	}
	return out
}
