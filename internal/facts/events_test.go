// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Events of both APIs tell the same: since when, until when, how often.
func TestEventsOfBothForms(t *testing.T) {
	g := NewWithT(t)
	noon := time.Date(2026, 10, 2, 12, 0, 0, 0, time.UTC)
	before := func(m int) time.Time { return noon.Add(-time.Duration(m) * time.Minute) }
	counted := &corev1.Event{Reason: "Counted", Count: 7, FirstTimestamp: metav1.NewTime(before(60)), LastTimestamp: metav1.NewTime(before(2))}
	series := &corev1.Event{Reason: "Series", EventTime: metav1.NewMicroTime(before(50)),
		Series: &corev1.EventSeries{Count: 9, LastObservedTime: metav1.NewMicroTime(before(1))}}
	single := &corev1.Event{Reason: "Single", ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(before(3))}}
	var got []string
	for _, e := range Events(Answer{Objects: []client.Object{counted, single, series}}) {
		got = append(got, e.Reason+" "+e.Often()+", last "+noon.Sub(e.Last).String())
	}
	g.Expect(got).To(Equal([]string{
		"Series 5+ times since 2026-10-02T11:10:00Z, last 1m0s", "Counted 5+ times since 2026-10-02T11:00:00Z, last 2m0s",
		"Single once since 2026-10-02T11:57:00Z, last 3m0s",
	}))
}

// A dump selects events as the API server does.
func TestEventsAreSelected(t *testing.T) {
	g := NewWithT(t)
	e := &corev1.Event{Type: corev1.EventTypeWarning, Reason: "R", ReportingController: "c",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "p"}}
	for need, want := range map[Need]bool{
		EventsOf("Pod", "ns", ""): true, EventsOf("Pod", "ns", "p"): true, EventsOf("Pod", "ns", "q"): false, EventsOf("Node", "ns", ""): false,
		EventsFrom("c", "Pod", "R"): true, EventsFrom("d", "Pod", "R"): false, EventsFrom("c", "Pod", "S"): false,
	} {
		selector, err := fields.ParseSelector(need.Fields)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(SelectedEvent(e, selector)).To(Equal(want), need.Fields)
	}
	e.Type = corev1.EventTypeNormal
	g.Expect(SelectedEvent(e, fields.ParseSelectorOrDie(EventsOf("Pod", "ns", "").Fields))).To(BeFalse(), "only warnings")
	e.Source.Component = "d"
	g.Expect(SelectedEvent(e, fields.ParseSelectorOrDie("source=d"))).To(BeTrue())
}
