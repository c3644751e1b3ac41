// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
)

const (
	// firstPause is how long a status is left as somebody else has made it, when that was done before; it doubles each time, up
	// to maxPause.
	firstPause = 10 * time.Second
	maxPause   = 10 * time.Minute
)

// memory is what is known of the status of one object.
type memory struct {
	// written is when it was written last, and observing since when there is nothing to write but that facts are being read.
	written, observing time.Time
	// pace limits how often it turns.
	pace pace

	// version is that of the object which the last write has made, and conflicts how many failed since as the object had moved.
	version   uint64
	conflicts int

	// writing is set while it is being written. Meanwhile seen is the newest version in which it has changed, by that write or
	// by somebody else's, and before the object before the first such change, or as it is to be.
	writing bool
	seen    uint64
	before  client.Object

	// trusted is the object with the status that was written last, while somebody else's is there, in version forged. It is nil
	// otherwise.
	trusted client.Object
	forged  uint64
	// repairAfter is until when the status is left to them, and pause how long that is.
	repairAfter time.Time
	pause       time.Duration
}

// memories are what is known of each status.
type memories struct {
	mu    sync.Mutex
	byKey map[engine.Key]*memory
}

func (s *memories) ofLocked(key engine.Key) *memory {
	if s.byKey == nil {
		s.byKey = map[engine.Key]*memory{}
	}
	m := s.byKey[key]
	if m == nil {
		m = &memory{}
		s.byKey[key] = m
	}
	return m
}

func (s *memories) remove(key engine.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byKey, key)
}

// changes lets those updates of a kind pass that need a reconcile: of the spec, and of the status if somebody else made them.
func (s *memories) changes(kind string) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		byOthers := s.changed(kind, e.ObjectOld, e.ObjectNew)
		return byOthers || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || e.ObjectOld.GetUID() != e.ObjectNew.GetUID()
	}}
}

// notes lets all updates pass, after who made them was noted.
func (s *memories) notes(kind string) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		s.changed(kind, e.ObjectOld, e.ObjectNew)
		return true
	}}
}

// changed reports whether somebody else has changed the status, and remembers what it was before.
func (s *memories) changed(kind string, old, object client.Object) bool {
	if old.GetUID() != object.GetUID() {
		return false
	}
	version := versionOf(object.GetResourceVersion())
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.ofLocked(engine.Key{Kind: kind, Name: object.GetName()})
	if version <= m.version || equality.Semantic.DeepEqual(ownStatus(old), ownStatus(object)) {
		return false
	}
	if m.writing { // end finds out whose it is
		if m.before == nil {
			m.before = old
		}
		m.seen = max(m.seen, version)
		return false
	}
	if m.trusted == nil || m.trusted.GetUID() != old.GetUID() {
		m.trusted = old
	}
	m.forged = version
	return true
}

// begin says that a status is being written.
func (s *memories) begin(key engine.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(key).writing = true
}

// intend says which status an object is to have, whatever is there while it is being written.
func (s *memories) intend(key engine.Key, object client.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(key).before = object
}

// succeeded says that the status of the object was written, which has that version now. It reports whether somebody else has
// changed it since.
func (s *memories) succeeded(key engine.Key, object client.Object, version string, c change, now time.Time) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.ofLocked(key)
	m.version, m.conflicts, m.written = max(m.version, versionOf(version)), 0, now
	switch {
	case c.repair:
		m.repaired(now)
	case !c.counters && key.Kind == mappingKind: // an architecture follows them, and rests
		m.pace.turned(now)
	}
	m.trusted = nil
	if changed = m.seen > m.version; changed {
		m.trusted, m.forged = object, m.seen
	}
	m.writing, m.seen, m.before = false, 0, nil
	return changed
}

// failed says that the status was not written; conflict: as the object had moved.
func (s *memories) failed(key engine.Key, conflict bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.ofLocked(key)
	if conflict {
		m.conflicts++
	}
	if m.trusted == nil {
		m.trusted, m.forged = m.before, m.seen
	}
	m.writing, m.seen, m.before = false, 0, nil
}

// trustedOf returns the object with the status that was written last, while somebody else's is there.
func (s *memories) trustedOf(key engine.Key, uid types.UID) client.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byKey[key]
	if m == nil || m.trusted == nil || m.trusted.GetUID() != uid {
		return nil
	}
	return m.trusted
}

// restoreMapping gives a mapping the status that archmap wrote last, without what belongs to others.
func (s *memories) restoreMapping(key engine.Key, m *v1alpha1.ComponentMapping) {
	if trusted, ok := s.trustedOf(key, m.UID).(*v1alpha1.ComponentMapping); ok {
		m.Status = *trusted.Status.DeepCopy()
	}
	m.Status.Conditions = withoutForeign(m.Status.Conditions)
}

// restoreArchitecture gives an architecture the status that archmap wrote last, without what belongs to others.
func (s *memories) restoreArchitecture(key engine.Key, a *v1alpha1.ClusterArchitecture) {
	if trusted, ok := s.trustedOf(key, a.UID).(*v1alpha1.ClusterArchitecture); ok {
		a.Status = *trusted.Status.DeepCopy()
	}
	a.Status.Conditions = withoutForeign(a.Status.Conditions)
}

// restoreMappings gives mappings the statuses that archmap wrote last: an architecture is not to show what somebody else has made
// of one.
func (s *memories) restoreMappings(mappings []v1alpha1.ComponentMapping) {
	for i := range mappings {
		key := engine.Key{Kind: mappingKind, Name: mappings[i].Name}
		if trusted, ok := s.trustedOf(key, mappings[i].UID).(*v1alpha1.ComponentMapping); ok {
			mappings[i].Status = *trusted.Status.DeepCopy()
		}
	}
}

// repaired says that what somebody else had changed was written again.
func (m *memory) repaired(now time.Time) {
	if now.Sub(m.repairAfter) > m.pause { // they have left it alone as long again
		m.pause = 0
	}
	m.pause = min(max(2*m.pause, firstPause), maxPause)
	m.repairAfter = now.Add(m.pause)
}

// ownStatus returns the status of an object without what belongs to others.
func ownStatus(object client.Object) any {
	switch o := object.(type) {
	case *v1alpha1.ComponentMapping:
		status := o.Status
		status.Conditions = withoutForeign(status.Conditions)
		return status
	case *v1alpha1.ClusterArchitecture:
		status := o.Status
		status.Conditions = withoutForeign(status.Conditions)
		return status
	}
	return nil
}

// versionOf returns a resource version as what it is: a number that grows; 0 when it is none.
func versionOf(resourceVersion string) uint64 {
	version, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return version
}
