// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// State sums up the conditions of a component. It never mixes up healthy, unhealthy, absent and unknown.
type State string

const (
	// Healthy: it is present and healthy. So is what has failed for less than its grace period, what is within its
	// tolerance, and what lacks pods only because of nodes, as its condition says.
	Healthy State = "healthy"
	// Progressing: it is present and healthy, and rolls out.
	Progressing State = "progressing"
	// Unhealthy: it is present and not healthy.
	Unhealthy State = "unhealthy"
	// Missing: it is absent, but required.
	Missing State = "missing"
	// HealthUnknown: it is present, and its health is unknown.
	HealthUnknown State = "health-unknown"
	// Unknown: whether it is present is unknown.
	Unknown State = "unknown"
	// Absent: it is absent, and not required.
	Absent State = "absent"
	// Observed: an object exists that has no health. Only single checks have this state, never components.
	Observed State = "seen"
)

// States of components, in the order of listings.
var States = []State{Healthy, Progressing, Unhealthy, HealthUnknown, Missing, Unknown, Absent}

// symbols show the states: never by color alone.
var symbols = map[State]struct{ word, mark, ascii string }{
	Healthy:       {"healthy", "✓", "+"},
	Progressing:   {"progressing", "↻", "~"},
	Unhealthy:     {"unhealthy", "✗", "x"},
	Missing:       {"missing", "∅", "!"},
	HealthUnknown: {"health unknown", "◌", "o"},
	Unknown:       {"unknown", "?", "?"},
	Absent:        {"not installed", "–", "-"},
	Observed:      {"found", "•", "*"},
}

// Word returns the state as users read it; empty for an undefined state.
func (s State) Word() string { return symbols[s].word }

// WordOfWhole returns the state of a whole cluster as users read it: one that lacks what is required, or breaks a rule, is
// incomplete.
func (s State) WordOfWhole() string {
	switch s {
	case Missing:
		return "incomplete"
	case Unknown:
		return "unknown"
	}
	return s.Word()
}

// Mark returns a symbol for the state that is one column wide.
func (s State) Mark() string { return symbols[s].mark }

// ASCII returns Mark as an ASCII character.
func (s State) ASCII() string { return symbols[s].ascii }

// Present reports whether the component is present.
func (s State) Present() bool {
	return s == Healthy || s == Progressing || s == Unhealthy || s == HealthUnknown
}

// Bad reports whether the state calls for action.
func (s State) Bad() bool { return s == Unhealthy || s == Missing }

// StateOf returns the state of a component, by its conditions and its spec.
func StateOf(m *v1alpha1.ComponentMapping) State {
	present, healthy := Condition(m, v1alpha1.ConditionPresent), Condition(m, v1alpha1.ConditionHealthy)
	switch {
	case present.Status == metav1.ConditionTrue:
		return healthState(healthy)
	case healthy.Status == metav1.ConditionFalse: // something fails, whatever else there is to see
		return Unhealthy
	case present.Status != metav1.ConditionFalse:
		return Unknown
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

// Tolerates reports whether a component is healthy though some of its pods or nodes are not.
func Tolerates(m *v1alpha1.ComponentMapping) bool {
	switch StateOf(m) {
	case Healthy:
		healthy := Condition(m, v1alpha1.ConditionHealthy)
		return healthy.Reason == v1alpha1.ReasonWithinTolerance || healthy.Reason == v1alpha1.ReasonNodesDown
	case Progressing:
		return slices.ContainsFunc(m.Status.Checks, func(c v1alpha1.CheckStatus) bool { return c.Reason == v1alpha1.ReasonRolloutFailing })
	}
	return false
}

// CheckState returns the state of a single check.
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
		return Observed
	}
	return Unknown
}
