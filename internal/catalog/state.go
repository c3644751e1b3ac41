// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// State is what the conditions of a component come to, in one word. Healthy, unhealthy, absent and not to be
// seen are never mixed up.
type State string

const (
	// Healthy: it is there, and well. So is what fails for less than its grace period: that is what the period is
	// for, and what its condition says.
	Healthy State = "healthy"
	// Progressing: it is there and well, and rolls out.
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

// looks are how states show: never by color alone.
var looks = map[State]struct{ word, mark, ascii string }{
	Healthy:       {"healthy", "✓", "+"},
	Progressing:   {"progressing", "↻", "~"},
	Unhealthy:     {"unhealthy", "✗", "x"},
	Missing:       {"missing", "∅", "!"},
	Partial:       {"partly present", "◐", "/"},
	HealthUnknown: {"health not seen", "◌", "o"},
	Unknown:       {"cannot be seen", "?", "?"},
	Absent:        {"absent", "–", "-"},
	Seen:          {"seen", "•", "*"},
}

// Word is the state for people; empty for a state that is none.
func (s State) Word() string { return looks[s].word }

// Mark is a sign of one column for the state.
func (s State) Mark() string { return looks[s].mark }

// ASCII is Mark for those who have no other characters.
func (s State) ASCII() string { return looks[s].ascii }

// Present says that the component is there, whole.
func (s State) Present() bool {
	return s == Healthy || s == Progressing || s == Unhealthy || s == HealthUnknown
}

// Bad says that somebody should do something.
func (s State) Bad() bool { return s == Unhealthy || s == Missing || s == Partial }

// StateOf is the state of a component, by its conditions and its spec.
func StateOf(m *v1alpha1.ComponentMapping) State {
	present, healthy := Condition(m, v1alpha1.ConditionPresent), Condition(m, v1alpha1.ConditionHealthy)
	switch {
	case present.Status == metav1.ConditionTrue:
		return healthState(healthy)
	case present.Status != metav1.ConditionFalse:
		return Unknown
	case present.Reason == v1alpha1.ReasonPartial:
		return Partial
	case Optional(m):
		return Absent
	}
	return Missing
}

func healthState(healthy metav1.Condition) State {
	switch {
	case healthy.Status == metav1.ConditionFalse:
		return Unhealthy
	case healthy.Status != metav1.ConditionTrue:
		return HealthUnknown
	case healthy.Reason == v1alpha1.ReasonProgressing:
		return Progressing
	}
	return Healthy
}

// CheckState is the state of a single check.
func CheckState(s v1alpha1.CheckStatus) State {
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
