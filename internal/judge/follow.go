// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/facts"
)

// Follower judges a catalog incrementally, as the operator does: what has changed, and what is due.
type Follower struct {
	catalog  *Catalog
	engine   *engine.Engine
	clock    clock.PassiveClock
	verdicts Verdicts
	// due is when what does not change is judged again.
	due map[engine.Key]time.Time
}

// Follow returns a Follower on the engine, whose keys are those that the engine notifies of.
func (c *Catalog) Follow(e *engine.Engine, now clock.PassiveClock) *Follower {
	f := &Follower{catalog: c, engine: e, clock: now, due: map[engine.Key]time.Time{}}
	for i := range c.mappings {
		f.verdicts.Mappings = append(f.verdicts.Mappings, c.mappings[i].ComponentMapping)
		f.due[c.mappings[i].key] = time.Time{}
	}
	if c.architecture != nil {
		f.verdicts.Architecture = &c.architecture.ClusterArchitecture
	}
	return f
}

// Judge judges what has changed and what is due. The duration is when something is due although nothing changes; 0 is
// never.
func (f *Follower) Judge(changed sets.Set[engine.Key]) (*Verdicts, time.Duration) {
	now := f.clock.Now()
	mappings := slices.Clone(f.verdicts.Mappings)
	for i := range f.catalog.mappings {
		c := &f.catalog.mappings[i]
		key := c.key
		if !changed.Has(key) && !f.isDue(key, now) {
			continue
		}
		status, wait, ok := f.engine.Assess(key, c.compiled, &mappings[i], now)
		if ok {
			mappings[i].Status = status
		}
		f.judged(key, now, wait)
	}
	f.verdicts = Verdicts{Mappings: mappings, Architecture: f.whole(mappings, now), At: now}
	verdicts := f.verdicts
	return &verdicts, f.next(now)
}

// whole judges the architecture, as every mapping concerns it.
func (f *Follower) whole(mappings []v1alpha1.ComponentMapping, now time.Time) *v1alpha1.ClusterArchitecture {
	if f.verdicts.Architecture == nil {
		return nil
	}
	a := *f.verdicts.Architecture
	status, wait, ok := f.engine.AssessArchitecture(architectureKey, f.catalog.architecture.compiled, &a, mappings, now)
	if ok {
		a.Status = status
	}
	f.judged(architectureKey, now, wait)
	return &a
}

func (f *Follower) isDue(key engine.Key, now time.Time) bool {
	due, ok := f.due[key]
	return ok && !due.After(now)
}

func (f *Follower) judged(key engine.Key, now time.Time, wait time.Duration) {
	delete(f.due, key)
	if wait > 0 {
		f.due[key] = now.Add(wait)
	}
}

func (f *Follower) next(now time.Time) time.Duration {
	var next time.Duration
	for _, due := range f.due {
		next = facts.Earliest(next, due.Sub(now))
	}
	return next
}
