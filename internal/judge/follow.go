// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/observe"
)

// Observer shows subscribers what they need, and tells them by their keys when that changes.
type Observer interface {
	Observe(key observe.Key, needs []facts.Need, view observe.View) observe.Seen
}

// Follower judges a catalogue again and again, as the operator does: what has changed, and what is due.
type Follower struct {
	catalogue *Catalogue
	observer  Observer
	clock     clock.PassiveClock
	verdicts  Verdicts
	// due is when what does not change is judged again.
	due map[observe.Key]time.Time
}

// architectureKey is the subscription of the architecture. Mappings have theirs under their names.
var architectureKey = observe.Key{Kind: "ClusterArchitecture"}

func mappingKey(name string) observe.Key { return observe.Key{Kind: "ComponentMapping", Name: name} }

// Follow judges the catalogue on what the observer sees.
func (c *Catalogue) Follow(observer Observer, now clock.PassiveClock) *Follower {
	f := &Follower{catalogue: c, observer: observer, clock: now, due: map[observe.Key]time.Time{}}
	for i := range c.mappings {
		f.verdicts.Mappings = append(f.verdicts.Mappings, c.mappings[i].ComponentMapping)
		f.due[mappingKey(c.mappings[i].Name)] = time.Time{}
	}
	f.verdicts.Architecture = c.architecture
	return f
}

// Judge judges what has changed and what is due. The duration says when something is due although nothing changes; 0
// is never.
func (f *Follower) Judge(changed sets.Set[observe.Key]) (*Verdicts, time.Duration) {
	now := f.clock.Now()
	mappings := slices.Clone(f.verdicts.Mappings)
	for i := range f.catalogue.mappings {
		c := &f.catalogue.mappings[i]
		key := mappingKey(c.Name)
		if !changed.Has(key) && !f.isDue(key, now) {
			continue
		}
		status, _, wait := c.status(&mappings[i], f.eyes(key), now)
		mappings[i].Status = status
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
	status, wait := f.catalogue.statusOf(&a, mappings, f.eyes(architectureKey), now)
	a.Status = status
	f.judged(architectureKey, now, wait)
	return &a
}

func (f *Follower) eyes(key observe.Key) eyes {
	return func(needs []facts.Need, view observe.View) observe.Seen { return f.observer.Observe(key, needs, view) }
}

func (f *Follower) isDue(key observe.Key, now time.Time) bool {
	due, ok := f.due[key]
	return ok && !due.After(now)
}

func (f *Follower) judged(key observe.Key, now time.Time, wait time.Duration) {
	delete(f.due, key)
	if wait > 0 {
		f.due[key] = now.Add(wait)
	}
}

func (f *Follower) next(now time.Time) time.Duration {
	var next time.Duration
	for _, due := range f.due {
		next = check.Earliest(next, due.Sub(now))
	}
	return next
}
