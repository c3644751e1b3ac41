// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package judge comes to the verdicts of the operator without one: it evaluates mappings and their architecture on
// what was read of a cluster.
package judge

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/report"
)

// Catalogue is mappings and, perhaps, the architecture that takes them in, ready to be judged.
type Catalogue struct {
	mappings     []mapping
	architecture *v1alpha1.ClusterArchitecture
	selectors    assess.Selectors
	invalid      error
}

// mapping is ready to be judged, or invalid.
type mapping struct {
	v1alpha1.ComponentMapping
	checks  []*check.Check
	invalid error
}

// Compile makes mappings ready to be judged. The architecture may be nil. What is invalid gets the verdict that the
// operator gives it.
func Compile(architecture *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping) *Catalogue {
	c := &Catalogue{}
	for i := range mappings {
		m := mapping{ComponentMapping: *mappings[i].DeepCopy()}
		m.Generation = cmp.Or(m.Generation, 1)
		m.checks, m.invalid = check.Compile(&m.Spec)
		c.mappings = append(c.mappings, m)
	}
	if architecture != nil {
		c.architecture = architecture.DeepCopy()
		c.architecture.Generation = cmp.Or(c.architecture.Generation, 1)
		c.selectors, c.invalid = assess.ParseSelectors(&c.architecture.Spec)
	}
	return c
}

// Needs is what must be read to judge the catalogue.
func (c *Catalogue) Needs() []facts.Need {
	var needs []facts.Need
	if c.architecture != nil {
		needs = assess.ClusterNeeds()
	}
	for i := range c.mappings {
		needs = append(needs, check.Needs(c.mappings[i].checks)...)
	}
	return needs
}

// Verdicts are what the operator would keep in the cluster: each object with its status.
type Verdicts struct {
	Mappings []v1alpha1.ComponentMapping
	// Architecture is nil when the catalogue has none.
	Architecture *v1alpha1.ClusterArchitecture
	// Wants is what would explain the verdicts.
	Wants []facts.Need
	// At is when the cluster was seen like this.
	At time.Time
}

// Report is the verdicts on the cluster that people call source.
func (v *Verdicts) Report(source string) *report.Report {
	r := &report.Report{Mappings: v.Mappings, Source: source, ObservedAt: v.At}
	if v.Architecture != nil {
		r.Architecture = *v.Architecture
	}
	return r
}

// Judge looks once. As nobody can know for how long things have been as they are, no grace period is granted: what
// is bad is said to be bad.
func (c *Catalogue) Judge(dump *observe.Dump) *Verdicts {
	return c.judge(dump, nil, func(m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
		m.Spec.GracePeriodSeconds = new(int32(0))
		return m
	})
}

// JudgeAgain goes on from the verdicts of the look before, as the operator does: what has turned bad has its grace
// period. Before the first look there are none.
func (c *Catalogue) JudgeAgain(dump *observe.Dump, before *Verdicts) *Verdicts {
	return c.judge(dump, before, func(m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping { return m })
}

func (c *Catalogue) judge(
	dump *observe.Dump, before *Verdicts, as func(v1alpha1.ComponentMapping) v1alpha1.ComponentMapping,
) *Verdicts {
	v := &Verdicts{At: dump.Time.Truncate(time.Second)} // as conditions tell it
	for i := range c.mappings {
		m := c.mappings[i].ComponentMapping
		if before != nil {
			m.Status = before.Mappings[i].Status
		}
		judged := as(m)
		var wants []facts.Need
		m.Status, wants, _ = c.mappings[i].status(&judged, dump.Observe, dump.Time)
		v.Mappings, v.Wants = append(v.Mappings, m), append(v.Wants, wants...)
	}
	if c.architecture != nil {
		a := *c.architecture
		if before != nil {
			a.Status = before.Architecture.Status
		}
		a.Status, _ = c.statusOf(&a, v.Mappings, dump.Observe, dump.Time)
		v.Architecture = &a
	}
	return v
}

// eyes show a view the facts that it needs.
type eyes func(needs []facts.Need, view observe.View) observe.Seen

// status of the mapping, judged as m says. The duration says when to judge again although nothing changes; 0 is never.
func (c *mapping) status(
	m *v1alpha1.ComponentMapping, see eyes, now time.Time,
) (v1alpha1.ComponentMappingStatus, []facts.Need, time.Duration) {
	if c.invalid != nil {
		return assess.InvalidMapping(m, c.invalid, now), nil, 0
	}
	seen := see(check.Needs(c.checks), func(given facts.Facts) observe.Seen {
		findings, recheck := check.EvaluateAll(c.checks, given)
		return observe.Seen{What: findings, RecheckAfter: recheck, Wants: check.Wants(findings)}
	})
	status, graceEnds := assess.Mapping(m, seen.What.([]check.Finding), now)
	return status, seen.Wants, check.Earliest(seen.RecheckAfter, graceEnds)
}

func (c *Catalogue) statusOf(
	a *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping, see eyes, now time.Time,
) (v1alpha1.ClusterArchitectureStatus, time.Duration) {
	if c.invalid != nil {
		return assess.InvalidArchitecture(a, c.invalid, now), 0
	}
	seen := see(assess.ClusterNeeds(), func(given facts.Facts) observe.Seen {
		return observe.Seen{What: assess.ViewCluster(&a.Spec, c.selectors.Nodes, given)}
	})
	picked := slices.DeleteFunc(slices.Clone(mappings), func(m v1alpha1.ComponentMapping) bool {
		return !c.selectors.Components.Matches(labels.Set(m.Labels))
	})
	return assess.Architecture(a, picked, seen.What.(assess.ClusterView), now)
}

// Reader reads a cluster.
type Reader interface {
	Read(ctx context.Context, needs []facts.Need) (*observe.Dump, error)
}

// maxRounds is how often more is read to explain what was seen.
const maxRounds = 4

// Look reads what the catalogue needs, and then what explains what is bad, and judges it. It also returns what was
// read. An error is that of the context.
func (c *Catalogue) Look(ctx context.Context, reader Reader) (*Verdicts, *observe.Dump, error) {
	dump, err := reader.Read(ctx, c.Needs())
	if err != nil {
		return nil, nil, err
	}
	verdicts := c.Judge(dump)
	for range maxRounds {
		unread := dump.Unread(verdicts.Wants)
		if len(unread) == 0 {
			break
		}
		more, err := reader.Read(ctx, unread)
		if err != nil {
			return nil, nil, err
		}
		dump.Add(more)
		verdicts = c.Judge(dump)
	}
	return verdicts, dump, nil
}
