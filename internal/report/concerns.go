// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
)

// Concern is something about a cluster for which a command may fail.
type Concern string

// The concerns.
const (
	ConcernUnhealthy   Concern = "unhealthy"
	ConcernMissing     Concern = "missing"
	ConcernViolations  Concern = "violations"
	ConcernUnknown     Concern = "unknown"
	ConcernMinor       Concern = "minor"
	ConcernUnmapped    Concern = "unmapped"
	ConcernDifferences Concern = "differences"
	ConcernVersions    Concern = "versions"
)

// concernTable is all that is known of the concerns, the worst first.
var concernTable = []struct {
	name Concern
	// about is what the concern is, for users.
	about string
	// verdict is what it makes of the whole; empty for what makes no cluster bad, so that no command fails for it by default.
	verdict catalog.State
	holds   func(*Report) bool
}{
	{ConcernUnhealthy, "a component is unhealthy", catalog.Unhealthy, (*Report).hasUnhealthy},
	{ConcernMissing, "a required component is missing", catalog.Missing, (*Report).hasMissing},
	{ConcernViolations, "a rule is violated", catalog.Missing, (*Report).hasViolations},
	{ConcernUnknown, "something couldn't be read or is out of date, or the platform is unexpected", catalog.Unknown, (*Report).hasUnknown},
	{ConcernMinor, "a fault is within tolerance", "", (*Report).hasMinor},
	{ConcernUnmapped, "a provider workload that no mapping covers is unhealthy", "", (*Report).hasUnmapped},
	{ConcernDifferences, "a component differs from its documentation, and no Correction says why", "", (*Report).hasDifferences},
	{ConcernVersions, "versions are further apart than supported", "", (*Report).hasVersions},
}

// Concerns returns what is of concern about the cluster, the worst first.
func (r *Report) Concerns() []Concern {
	var out []Concern
	for _, c := range concernTable {
		if c.holds(r) {
			out = append(out, c.name)
		}
	}
	return out
}

// AllConcerns returns every concern and what it is, the worst first.
func AllConcerns() (names []Concern, about map[Concern]string) {
	about = map[Concern]string{}
	for _, c := range concernTable {
		names, about[c.name] = append(names, c.name), c.about
	}
	return names, about
}

// DefaultConcerns returns those that make a cluster unhealthy or incomplete, or leave open whether it is.
func DefaultConcerns() []Concern {
	var out []Concern
	for _, c := range concernTable {
		if c.verdict != "" {
			out = append(out, c.name)
		}
	}
	return out
}

// concerned are the components that count one by one: those that no architecture sums up. Where nothing is claimed of the
// cluster, nothing is required.
func (r *Report) concerned() []component {
	if r.judged() && r.claimed() && !r.Part {
		return r.rest()
	}
	return r.components()
}

// whole reports whether a condition of the architecture is False, while the architecture claims anything.
func (r *Report) whole(conditionType string) bool {
	return r.judged() && r.claimed() && !r.Part && r.condition(conditionType).Status == metav1.ConditionFalse
}

func (r *Report) hasUnhealthy() bool {
	return r.whole(v1alpha1.ConditionHealthy) || slices.ContainsFunc(r.concerned(), unhealthy)
}

func (r *Report) hasMissing() bool {
	if r.judged() && !r.claimed() {
		return false
	}
	return r.whole(v1alpha1.ConditionComplete) && r.condition(v1alpha1.ConditionComplete).Reason != v1alpha1.ReasonRulesViolated ||
		slices.ContainsFunc(r.concerned(), func(c component) bool { return c.bad() && !unhealthy(c) })
}

func (r *Report) hasViolations() bool {
	return r.whole(v1alpha1.ConditionComplete) &&
		(r.condition(v1alpha1.ConditionComplete).Reason == v1alpha1.ReasonRulesViolated || len(r.Architecture.Status.Violations) > 0)
}

// hasUnknown reports whether something that should be known is not: it could not be read, verdicts are about an older spec,
// a dump lacks what is required or was asked for, or the cluster is of another platform, so that nobody has said what it
// must have. What no dump can hold is not unknown in this sense, but not looked at.
func (r *Report) hasUnknown() bool {
	unseen := func(c component) bool { return c.unseen() && (r.Part || !catalog.Optional(c.ComponentMapping)) }
	if slices.ContainsFunc(r.concerned(), component.doubtful) || slices.ContainsFunc(r.components(), unseen) || len(r.Mappings) == 0 {
		return true
	}
	if !r.judged() || r.Part {
		return false
	}
	unknown := func(conditionType string) bool {
		c := r.condition(conditionType)
		return c.Status == metav1.ConditionUnknown && c.Reason != v1alpha1.ReasonNotInDump
	}
	return !r.claimed() || unknown(v1alpha1.ConditionComplete) || unknown(v1alpha1.ConditionHealthy) ||
		r.condition(v1alpha1.ConditionReady).Status != metav1.ConditionTrue
}

// doubtful reports whether a component could not be observed. That it never can be, or not in a dump, is no reason for
// doubt.
func (c component) doubtful() bool {
	return (c.state == catalog.Unknown || c.state == catalog.HealthUnknown) && !slices.Contains(undoubted, c.reason())
}

var undoubted = []string{v1alpha1.ReasonHealthNotObservable, v1alpha1.ReasonNotObservable, v1alpha1.ReasonNotInDump}

// unseen reports whether a component could not be told because the dump lacks objects that its checks look at. Answers of
// the API server are in no dump.
func (c component) unseen() bool {
	if c.reason() != v1alpha1.ReasonNotInDump {
		return false
	}
	answers := map[string]bool{}
	note := func(prefix string, checks []v1alpha1.Check) {
		for i := range checks {
			answers[prefix+checks[i].Name] = checks[i].Type == v1alpha1.CheckEndpoint || checks[i].Type == v1alpha1.CheckAccessReview
		}
	}
	note("", c.Spec.Checks)
	for i := range c.Spec.Variants {
		note(c.Spec.Variants[i].Name+"/", c.Spec.Variants[i].Checks)
	}
	return slices.ContainsFunc(c.Status.Checks, func(s v1alpha1.CheckStatus) bool {
		return s.Reason == v1alpha1.ReasonNotInDump && !answers[s.Name]
	})
}

func (r *Report) hasMinor() bool {
	return slices.ContainsFunc(r.components(), component.tolerates)
}

func (r *Report) hasDifferences() bool {
	return (r.claimed() || !r.judged()) && slices.ContainsFunc(r.components(), component.differs)
}

func (r *Report) hasVersions() bool { return r.whole(v1alpha1.ConditionVersionsSupported) }
