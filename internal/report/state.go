// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// State is what the conditions of a component come to, in one word. Healthy, unhealthy, absent and not to be
// seen are never mixed up.
type State string

const (
	// Healthy: it is there, and well.
	Healthy State = "healthy"
	// Progressing: it rolls out, or has been bad for less than its grace period.
	Progressing State = "progressing"
	// Unhealthy: it is there, and not well.
	Unhealthy State = "unhealthy"
	// Missing: it is not there, but must be.
	Missing State = "missing"
	// Partial: only a part of it is there.
	Partial State = "partial"
	// HealthUnknown: it is there; its health cannot be seen.
	HealthUnknown State = "health-unknown"
	// Unknown: it cannot be told whether it is there.
	Unknown State = "unknown"
	// Absent: it is not there, and need not be.
	Absent State = "absent"
	// Seen: an object is there that has no health. Components never have this state, single checks do.
	Seen State = "seen"
)

// States of components, in the order of listings.
var States = []State{Healthy, Progressing, Unhealthy, HealthUnknown, Missing, Partial, Unknown, Absent}

// looks are how states show: never by colour alone.
var looks = map[State]struct{ word, mark, ascii, ansi string }{
	Healthy:       {"healthy", "✓", "+", "32"},
	Progressing:   {"progressing", "↻", "~", "36"},
	Unhealthy:     {"unhealthy", "✗", "x", "31;1"},
	Missing:       {"missing", "∅", "!", "31;1"},
	Partial:       {"partly present", "◐", "/", "31"},
	HealthUnknown: {"health not seen", "◌", "o", "33"},
	Unknown:       {"cannot be seen", "?", "?", "33"},
	Absent:        {"absent", "–", "-", "2"},
	Seen:          {"seen", "•", "*", "0"},
}

// Word is the state for people.
func (s State) Word() string { return looks[s].word }

// Mark is a sign of one column for the state.
func (s State) Mark() string { return looks[s].mark }

func (s State) present() bool {
	return s == Healthy || s == Progressing || s == Unhealthy || s == HealthUnknown
}

// Bad says that somebody should do something.
func (s State) Bad() bool { return s == Unhealthy || s == Missing || s == Partial }

// colour wraps a text in the terminal's colour for the state.
func (s State) colour(text string) string {
	if looks[s].ansi == "" {
		return text
	}
	return "\x1b[" + looks[s].ansi + "m" + text + "\x1b[0m"
}

// StateOf is the state of a component.
func StateOf(m *v1alpha1.ComponentMapping) State {
	present, healthy := find(m.Status.Conditions, v1alpha1.ConditionPresent), find(m.Status.Conditions, v1alpha1.ConditionHealthy)
	switch present.Status {
	case metav1.ConditionTrue:
		return healthState(healthy)
	case metav1.ConditionFalse:
		switch {
		case present.Reason == v1alpha1.ReasonPartial:
			return Partial
		case m.Spec.Presence == v1alpha1.PresenceOptional:
			return Absent
		}
		return Missing
	}
	return Unknown
}

func healthState(healthy metav1.Condition) State {
	switch {
	case healthy.Status == metav1.ConditionFalse:
		return Unhealthy
	case healthy.Status != metav1.ConditionTrue:
		return HealthUnknown
	case healthy.Reason == v1alpha1.ReasonProgressing || healthy.Reason == v1alpha1.ReasonWithinGracePeriod:
		return Progressing
	}
	return Healthy
}

// checkState is the state of a single check.
func checkState(s v1alpha1.CheckStatus) State {
	switch s.Present {
	case v1alpha1.VerdictFalse:
		return Absent
	case v1alpha1.VerdictTrue:
		switch s.Healthy {
		case v1alpha1.VerdictTrue:
			return Healthy
		case v1alpha1.VerdictFalse:
			return Unhealthy
		case v1alpha1.VerdictUnknown:
			return HealthUnknown
		}
		return Seen
	}
	return Unknown
}
