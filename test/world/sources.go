// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/trim"
)

// Sources gives an engine the facts of a world as it changes. Only wanted needs are answered.
type Sources struct {
	mu      sync.Mutex
	current *snapshot.Snapshot
	wanted  sets.Set[facts.Need]
	changed func(facts.Need, types.NamespacedName)
}

// NewSources starts from a snapshot of a world.
func NewSources(s *snapshot.Snapshot) *Sources {
	return &Sources{current: s, wanted: sets.New[facts.Need](), changed: func(facts.Need, types.NamespacedName) {}}
}

// Update replaces the snapshot, and notifies the engine of every object and answer that has changed.
func (s *Sources) Update(now *snapshot.Snapshot) {
	s.mu.Lock()
	before := s.current
	s.current = now
	wanted := s.wanted.Clone()
	s.mu.Unlock()
	for need := range wanted {
		if need.Interval > 0 { // what is polled is read as a whole
			s.changed(need, types.NamespacedName{})
			continue
		}
		for _, name := range changedObjects(before.Answer(need), now.Answer(need)) {
			s.changed(need, name)
		}
	}
}

// changedObjects returns what a watch would report; an empty name stands for any object.
func changedObjects(before, after facts.Answer) []types.NamespacedName {
	if before.State != after.State {
		return []types.NamespacedName{{}}
	}
	var names []types.NamespacedName
	for _, o := range after.Objects {
		name := client.ObjectKeyFromObject(o)
		if old := trim.Find(before.Objects, name); old == nil || !reflect.DeepEqual(old, o) {
			names = append(names, name)
		}
	}
	for _, o := range before.Objects {
		if name := client.ObjectKeyFromObject(o); trim.Find(after.Objects, name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// Wanted returns the needs that are wanted.
func (s *Sources) Wanted() sets.Set[facts.Need] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted.Clone()
}

// Notify implements engine.Sources.
func (s *Sources) Notify(changed func(facts.Need, types.NamespacedName)) { s.changed = changed }

// Want implements engine.Sources.
func (s *Sources) Want(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted.Has(need) {
		panic("wanted twice: " + need.Kind.Kind + need.Path)
	}
	s.wanted.Insert(need)
}

// Drop implements engine.Sources.
func (s *Sources) Drop(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted.Has(need) {
		panic("dropped, but not wanted: " + need.Kind.Kind + need.Path)
	}
	s.wanted.Delete(need)
}

// Demand implements engine.Sources.
func (s *Sources) Demand(facts.Demand) {}

// Answer implements engine.Sources.
func (s *Sources) Answer(need facts.Need) facts.Answer {
	s.mu.Lock()
	current, wanted := s.current, s.wanted.Has(need)
	s.mu.Unlock()
	if !wanted {
		return facts.Answer{}
	}
	return current.Answer(need)
}

// View implements engine.Sources.
func (s *Sources) View(need facts.Need) (facts.Answer, facts.Objects) {
	answer := s.Answer(need)
	objects := trim.Sorted(answer.Objects)
	answer.Objects = nil
	return answer, objects
}
