// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package judge derives the verdicts of the operator without an operator: it assesses a whole catalog on a snapshot of a
// cluster, or on an engine that follows one.
package judge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/snapshot"
)

// Catalog is compiled mappings, and optionally the architecture that sums them up.
type Catalog struct {
	mappings     []mapping
	architecture *architecture
}

// mapping is a ComponentMapping, ready to be judged or invalid.
type mapping struct {
	v1alpha1.ComponentMapping

	key      engine.Key
	compiled *engine.Mapping
}

// architecture is a ClusterArchitecture, ready to be judged or invalid.
type architecture struct {
	v1alpha1.ClusterArchitecture

	compiled *engine.Architecture
}

// Compile compiles mappings. The architecture may be nil. Invalid objects get the verdict that the operator gives them.
func Compile(a *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping) *Catalog {
	c, keys := &Catalog{}, map[engine.Key]bool{}
	for i := range mappings {
		m := mapping{ComponentMapping: *mappings[i].DeepCopy(), compiled: engine.CompileMapping(&mappings[i].Spec)}
		m.Generation = cmp.Or(m.Generation, 1)
		m.key = mappingKey(m.Name)
		if keys[m.key] { // of several files, two may have the same name
			m.key = mappingKey(fmt.Sprint(m.Name, " ", i))
		}
		keys[m.key] = true
		c.mappings = append(c.mappings, m)
	}
	if a != nil {
		c.architecture = &architecture{ClusterArchitecture: *a.DeepCopy(), compiled: engine.CompileArchitecture(&a.Spec)}
		c.architecture.Generation = cmp.Or(a.Generation, 1)
	}
	return c
}

// Needs returns what must be read to judge the catalog.
func (c *Catalog) Needs() []facts.Need {
	return c.needs((*engine.Architecture).Needs, (*engine.Mapping).Needs)
}

// AllNeeds returns what must be read to judge the catalog, and what may have to be read to explain the verdicts.
func (c *Catalog) AllNeeds() []facts.Need {
	return c.needs((*engine.Architecture).AllNeeds, (*engine.Mapping).AllNeeds)
}

func (c *Catalog) needs(ofArchitecture func(*engine.Architecture) []facts.Need, of func(*engine.Mapping) []facts.Need) []facts.Need {
	var needs []facts.Need
	if c.architecture != nil {
		needs = ofArchitecture(c.architecture.compiled)
	}
	for i := range c.mappings {
		needs = append(needs, of(c.mappings[i].compiled)...)
	}
	return needs
}

// Verdicts are the objects that the operator keeps in the cluster, each with its status.
type Verdicts struct {
	Mappings []v1alpha1.ComponentMapping
	// Architecture is nil when the catalog has none.
	Architecture *v1alpha1.ClusterArchitecture
	// Further is what must be read to explain the verdicts.
	Further []facts.Demand
	// At is when the cluster was read.
	At time.Time
}

// Report returns the verdicts as a report; source is the name of the cluster.
func (v *Verdicts) Report(source string) *report.Report {
	r := &report.Report{Mappings: v.Mappings, Source: source, ObservedAt: v.At}
	if v.Architecture != nil {
		r.Architecture = *v.Architecture
	}
	return r
}

// The subscriptions of a catalog.
var architectureKey = engine.Key{Kind: "ClusterArchitecture"}

func mappingKey(name string) engine.Key { return engine.Key{Kind: "ComponentMapping", Name: name} }

// Judge judges a snapshot on its own. It grants no grace period, as a single snapshot does not show for how long
// something has been bad.
func (c *Catalog) Judge(s *snapshot.Snapshot) *Verdicts {
	return c.judge(c.evaluate(context.Background(), s, false), s.Time, nil, withoutGrace)
}

// JudgeAgain continues from the previous verdicts, as the operator does: what has turned bad has its grace period.
// before is nil for the first snapshot.
func (c *Catalog) JudgeAgain(s *snapshot.Snapshot, before *Verdicts) *Verdicts {
	return c.judge(c.evaluate(context.Background(), s, false), s.Time, before, func(m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping { return m })
}

func withoutGrace(m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
	m.Spec.GracePeriodSeconds = new(int32(0))
	return m
}

// evaluate evaluates everything; once says that nobody evaluates it again when something changes.
func (c *Catalog) evaluate(ctx context.Context, s *snapshot.Snapshot, once bool) *engine.Engine {
	e := engine.Still(s, once)
	// Whoever assesses subscribes; what comes of it now is not known yet.
	for i := range c.mappings {
		_, _, _ = e.Assess(c.mappings[i].key, c.mappings[i].compiled, &c.mappings[i].ComponentMapping, s.Time)
	}
	if a := c.architecture; a != nil {
		_, _, _ = e.AssessArchitecture(architectureKey, a.compiled, &a.ClusterArchitecture, c.specs(), s.Time)
	}
	e.EvaluateAll(ctx)
	return e
}

// specs are the mappings, not judged yet.
func (c *Catalog) specs() []v1alpha1.ComponentMapping {
	specs := make([]v1alpha1.ComponentMapping, len(c.mappings))
	for i := range c.mappings {
		specs[i] = c.mappings[i].ComponentMapping
	}
	return specs
}

func (c *Catalog) judge(
	e *engine.Engine, now time.Time, before *Verdicts, as func(v1alpha1.ComponentMapping) v1alpha1.ComponentMapping,
) *Verdicts {
	v := &Verdicts{At: now.Truncate(time.Second), Further: e.Demands()} // as conditions tell it
	for i := range c.mappings {
		m := c.mappings[i].ComponentMapping
		if before != nil {
			m.Status = before.Mappings[i].Status
		}
		judged := as(m)
		m.Status, _, _ = e.Assess(c.mappings[i].key, c.mappings[i].compiled, &judged, now)
		v.Mappings = append(v.Mappings, m)
	}
	if c.architecture != nil {
		a := c.architecture.ClusterArchitecture
		if before != nil {
			a.Status = before.Architecture.Status
		}
		a.Status, _, _ = e.AssessArchitecture(architectureKey, c.architecture.compiled, &a, v.Mappings, now)
		v.Architecture = &a
	}
	return v
}

// Reader reads a cluster.
type Reader interface {
	Read(ctx context.Context, needs []facts.Need) (*snapshot.Snapshot, error)
}

// maxNodesListed is in how big a cluster the pods of healthy workloads are listed as well: for each list the API server may go
// through all pods of the namespace, of which there are some on each node.
const maxNodesListed = 100

// affordsPods reports whether the pods of healthy workloads may be read: from a dump in any case.
func affordsPods(reader Reader, read *snapshot.Snapshot) bool {
	_, dumped := reader.(*snapshot.Snapshot)
	_, nodes := read.View(facts.Nodes)
	return dumped || len(nodes.Names()) <= maxNodesListed
}

// forgo drops what could not be read and is not missed, so that nobody hears of it.
func forgo(read *snapshot.Snapshot, demands []facts.Demand) {
	missed := sets.New(snapshot.Distinct(facts.NeedsOf(slices.DeleteFunc(slices.Clone(demands), func(d facts.Demand) bool { return d.Spare })))...)
	read.Reads = slices.DeleteFunc(read.Reads, func(r snapshot.Read) bool { return r.State != facts.Known && !missed.Has(r.Need) })
}

// maxRounds is how often more is read to explain the verdicts.
const maxRounds = 4

// ReadAndJudge reads what the catalog needs, then what explains the bad verdicts and shows which pods restart, and judges it. It also returns what
// was read. An error is that of the context.
func (c *Catalog) ReadAndJudge(ctx context.Context, reader Reader) (*Verdicts, *snapshot.Snapshot, error) {
	read, err := reader.Read(ctx, c.Needs())
	if err != nil {
		return nil, nil, err
	}
	e := c.evaluate(ctx, read, affordsPods(reader, read))
	tried := sets.New[facts.Demand]()
	for range maxRounds {
		demands := slices.DeleteFunc(e.Demands(), func(d facts.Demand) bool { return d.Spare && tried.Has(d) })
		tried.Insert(demands...)
		unread := read.Unread(facts.NeedsOf(demands))
		if len(unread) == 0 {
			break
		}
		more, err := reader.Read(ctx, unread)
		if err != nil {
			return nil, nil, err
		}
		forgo(more, demands)
		read.Add(more)
		for _, need := range facts.NeedsOf(e.Demands()) {
			e.Changed(need, types.NamespacedName{})
		}
		e.EvaluateAll(ctx)
	}
	if err := ctx.Err(); err != nil { // not everything has been evaluated
		return nil, nil, err
	}
	return c.judge(e, read.Time, nil, withoutGrace), read, nil
}
