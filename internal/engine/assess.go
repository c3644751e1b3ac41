// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// Mapping is the spec of a ComponentMapping made ready to be evaluated, or why it cannot be.
type Mapping struct {
	checks  []*check.Check
	invalid error
}

// CompileMapping makes a spec ready.
func CompileMapping(spec *v1alpha1.ComponentMappingSpec) *Mapping {
	checks, err := check.Compile(spec)
	if err != nil {
		checks = nil
	}
	return &Mapping{checks: checks, invalid: err}
}

// Needs are what must be seen in any case.
func (m *Mapping) Needs() []facts.Need { return check.Needs(m.checks) }

// AllNeeds are what must be seen in any case, and what may have to be seen to explain that.
func (m *Mapping) AllNeeds() []facts.Need { return check.AllNeeds(m.checks) }

// Assess derives the status of a mapping, whose spec is compiled, from its findings as they are now. The duration says
// when to assess it again although nothing changes; 0 is never. ok is false while it has not been evaluated: the
// subscriber is notified.
func (e *Engine) Assess(
	key Key, compiled *Mapping, m *v1alpha1.ComponentMapping, now time.Time,
) (status v1alpha1.ComponentMappingStatus, wait time.Duration, ok bool) {
	if compiled.invalid != nil {
		e.Forget(key)
		return assess.InvalidMapping(m, compiled.invalid, now), 0, true
	}
	findings, ok := e.findings(key, compiled.checks, func(c *check.Check) bool { return failed(m, c) })
	if !ok {
		return status, 0, false
	}
	status, wait = assess.Mapping(m, findings, now)
	return status, wait, true
}

// failed says whether a check failed when it was decided last, as the status remembers.
func failed(m *v1alpha1.ComponentMapping, c *check.Check) bool {
	return m.Status.ObservedGeneration == m.Generation && slices.ContainsFunc(m.Status.Checks, func(s v1alpha1.CheckStatus) bool {
		return s.Name == c.Name() && s.Healthy == v1alpha1.VerdictFalse
	})
}

// Architecture is the spec of a ClusterArchitecture made ready to be evaluated, or why it cannot be.
type Architecture struct {
	// Components selects the mappings that belong to it.
	Components labels.Selector

	scope    *assess.Scope
	unmapped *v1alpha1.UnmappedPolicy
	marks    []labels.Selector
	invalid  error
}

// CompileArchitecture makes a spec ready.
func CompileArchitecture(spec *v1alpha1.ClusterArchitectureSpec) *Architecture {
	selectors, err := assess.ParseSelectors(spec)
	if err != nil {
		return &Architecture{Components: labels.Nothing(), invalid: err}
	}
	return &Architecture{
		Components: selectors.Components, scope: assess.NewScope(spec, selectors.Nodes), unmapped: &spec.Unmapped, marks: selectors.Marks,
	}
}

// Needs are what must be seen in any case.
func (a *Architecture) Needs() []facts.Need {
	if a.invalid != nil {
		return nil
	}
	return append(assess.ClusterNeeds(), assess.UnmappedNeeds(a.unmapped, a.marks)...)
}

// AllNeeds are what must be seen in any case, and what may have to be seen to explain that.
func (a *Architecture) AllNeeds() []facts.Need {
	if a.invalid != nil {
		return nil
	}
	return append(a.Needs(), assess.UnmappedExplaining(a.unmapped)...)
}

// AssessArchitecture derives the status of an architecture from the cluster and from those of the mappings that belong to
// it, as Assess does for a mapping.
func (e *Engine) AssessArchitecture(
	key Key, compiled *Architecture, a *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping, now time.Time,
) (status v1alpha1.ClusterArchitectureStatus, wait time.Duration, ok bool) {
	if compiled.invalid != nil {
		e.Forget(key)
		return assess.InvalidArchitecture(a, compiled.invalid, now), 0, true
	}
	members := slices.DeleteFunc(slices.Clone(mappings), func(m v1alpha1.ComponentMapping) bool {
		return !compiled.Components.Matches(labels.Set(m.Labels))
	})
	// A cache lists them in another order each time.
	slices.SortFunc(members, func(a, b v1alpha1.ComponentMapping) int { return cmp.Compare(a.Name, b.Name) })
	view, ok := e.View(key, compiled.scope, e.unmappedScope(key, compiled, a, members))
	if !ok {
		return status, 0, false
	}
	status, wait = assess.Architecture(a, members, view, now)
	return status, wait, true
}
