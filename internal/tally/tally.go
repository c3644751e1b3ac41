// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tally counts objects by what is made of each of them, and follows their changes one object at a time: what a
// change costs does not depend on how many objects there are.
package tally

import (
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"
)

// Classify says what an object counts as; counted is false for one that does not count at all. It must be a pure function
// of the object and the time. A time in until says when it may say something else of the same object; zero is never.
type Classify[O any, M comparable] func(object O, now time.Time) (mark M, counted bool, until time.Time)

// Table holds the names of objects and what its tallies make of each. It is not safe for concurrent use.
type Table[O any] struct {
	get     func(name string) (O, bool)
	rows    map[string]*row
	tallies []counter[O] // by slot; nil is free
	due     dueHeap
}

// counter is a tally whatever its marks are.
type counter[O any] interface {
	// classify finds the group of an object; nil when it is not counted.
	classify(object O, now time.Time) (*group, time.Time)
	// prune drops groups without members.
	prune()
}

// row is an object in a table. It holds no object: the newest one is asked for when it is needed.
type row struct {
	name  string
	marks []mark // by slot of the tally
}

// mark is what a tally makes of an object: the group that it is in, if any, and when it is classified again, if ever.
type mark struct {
	group *group
	due   *due
}

// group is the objects that count as the same, by name.
type group struct {
	members []*row
}

// NewTable makes an empty table of the objects that get returns by their names.
func NewTable[O any](get func(name string) (O, bool)) *Table[O] {
	return &Table[O]{get: get, rows: map[string]*row{}}
}

// Tally is the objects of a table, grouped by their marks.
type Tally[O any, M comparable] struct {
	classifyFunc Classify[O, M]
	slot         int
	groups       map[M]*group
}

// Add begins to count the objects of a table.
func Add[O any, M comparable](t *Table[O], classify Classify[O, M], now time.Time) *Tally[O, M] {
	tally := &Tally[O, M]{classifyFunc: classify, groups: map[M]*group{}, slot: slices.Index(t.tallies, nil)}
	if tally.slot < 0 {
		tally.slot = len(t.tallies)
		t.tallies = append(t.tallies, nil)
	}
	t.tallies[tally.slot] = tally
	// In the order of names each group grows at its end.
	for _, name := range slices.Sorted(maps.Keys(t.rows)) {
		if object, ok := t.get(name); ok {
			t.reclassify(t.rows[name], tally.slot, object, now)
		}
	}
	return tally
}

// Remove ends counting.
func Remove[O any, M comparable](t *Table[O], tally *Tally[O, M]) {
	t.tallies[tally.slot] = nil
	for _, r := range t.rows {
		if tally.slot < len(r.marks) {
			t.schedule(r, tally.slot, time.Time{})
			r.marks[tally.slot] = mark{}
		}
	}
}

// Update classifies an object anew, or forgets it when it is gone. Touched is called with the slot of each tally that counts
// it or has counted it. moved says whether the object is new in the table, or no longer in it.
func (t *Table[O]) Update(name string, now time.Time, touched func(slot int)) (moved bool) {
	object, ok := t.get(name)
	r := t.rows[name]
	moved = ok != (r != nil)
	switch {
	case ok && r == nil:
		r = &row{name: name}
		t.rows[name] = r
	case !ok && r == nil:
		return false
	case !ok:
		delete(t.rows, name)
	}
	for slot, tally := range t.tallies {
		switch {
		case tally == nil:
		case ok && t.reclassify(r, slot, object, now), !ok && t.forget(r, slot):
			touched(slot)
		}
	}
	return moved
}

// Has says whether the object is in the table.
func (t *Table[O]) Has(name string) bool { return t.rows[name] != nil }

// Len is how many objects there are.
func (t *Table[O]) Len() int { return len(t.rows) }

// Get is an object as it is now; ok is false when it is gone.
func (t *Table[O]) Get(name string) (object O, ok bool) { return t.get(name) }

// Any reports whether one of the objects is so; it looks no further than to the first.
func (t *Table[O]) Any(is func(O) bool) bool {
	for name := range t.rows {
		if object, ok := t.get(name); ok && is(object) {
			return true
		}
	}
	return false
}

// Names are those of all objects in the table.
func (t *Table[O]) Names() []string { return slices.Collect(maps.Keys(t.rows)) }

// reclassify reports whether the tally counts the object, or has counted it.
func (t *Table[O]) reclassify(r *row, slot int, object O, now time.Time) bool {
	if missing := len(t.tallies) - len(r.marks); missing > 0 {
		r.marks = append(r.marks, make([]mark, missing)...)
	}
	g, until := t.tallies[slot].classify(object, now)
	t.schedule(r, slot, until)
	return t.put(r, slot, g)
}

func (t *Table[O]) forget(r *row, slot int) bool {
	if slot >= len(r.marks) {
		return false
	}
	t.schedule(r, slot, time.Time{})
	return t.put(r, slot, nil)
}

// put moves an object to a group, or to none.
func (t *Table[O]) put(r *row, slot int, to *group) (counts bool) {
	from := r.marks[slot].group
	if from == to {
		return to != nil
	}
	r.marks[slot].group = to
	if to != nil {
		to.insert(r)
	}
	if from != nil {
		from.remove(r)
		if len(from.members) == 0 {
			t.tallies[slot].prune()
		}
	}
	return true
}

// schedule has the object classified again at a time; zero is never.
func (t *Table[O]) schedule(r *row, slot int, at time.Time) {
	m := &r.marks[slot]
	switch {
	case at.IsZero() && m.due != nil:
		heap.Remove(&t.due, m.due.index)
		m.due = nil
	case at.IsZero():
	case m.due == nil:
		m.due = &due{at: at, row: r, slot: slot}
		heap.Push(&t.due, m.due)
	default:
		m.due.at = at
		heap.Fix(&t.due, m.due.index)
	}
}

// Due classifies again what time may have turned.
func (t *Table[O]) Due(now time.Time, touched func(slot int)) {
	for len(t.due) > 0 && !t.due[0].at.After(now) {
		d := t.due[0]
		object, ok := t.get(d.row.name)
		if !ok { // it is gone, and Update will be told
			t.schedule(d.row, d.slot, time.Time{})
			continue
		}
		if t.reclassify(d.row, d.slot, object, now) {
			touched(d.slot)
		}
		if m := d.row.marks[d.slot]; m.due != nil && !m.due.at.After(now) {
			t.schedule(d.row, d.slot, now.Add(time.Second)) // a classify that is due at once is asked again no sooner
		}
	}
}

// NextDue is when Due has something to classify; zero is never.
func (t *Table[O]) NextDue() time.Time {
	if len(t.due) == 0 {
		return time.Time{}
	}
	return t.due[0].at
}

func (t *Tally[O, M]) classify(object O, now time.Time) (*group, time.Time) {
	mark, counted, until := t.classifyFunc(object, now)
	if !counted {
		return nil, until
	}
	g := t.groups[mark]
	if g == nil {
		g = &group{}
		t.groups[mark] = g
	}
	return g, until
}

func (t *Tally[O, M]) prune() {
	maps.DeleteFunc(t.groups, func(_ M, g *group) bool { return len(g.members) == 0 })
}

// Slot tells the tallies of a table apart.
func (t *Tally[O, M]) Slot() int { return t.slot }

// Marks are those of which there is an object, in no order, with how many there are.
func (t *Tally[O, M]) Marks() map[M]int {
	out := make(map[M]int, len(t.groups))
	for mark, g := range t.groups {
		if len(g.members) > 0 {
			out[mark] = len(g.members)
		}
	}
	return out
}

// First are the names of at most n objects with any of the marks, in their order.
func (t *Tally[O, M]) First(n int, marks ...M) []string {
	var names []string
	for _, mark := range marks {
		if g := t.groups[mark]; g != nil {
			for _, r := range g.members[:min(n, len(g.members))] {
				names = append(names, r.name)
			}
		}
	}
	slices.Sort(names)
	return names[:min(n, len(names))]
}

func (g *group) find(r *row) (int, bool) {
	return slices.BinarySearchFunc(g.members, r.name, func(m *row, name string) int { return strings.Compare(m.name, name) })
}

func (g *group) insert(r *row) {
	if n := len(g.members); n == 0 || g.members[n-1].name < r.name {
		g.members = append(g.members, r)
		return
	}
	i, _ := g.find(r)
	g.members = slices.Insert(g.members, i, r)
}

func (g *group) remove(r *row) {
	if i, found := g.find(r); found {
		g.members = slices.Delete(g.members, i, i+1)
	}
}

// due is when a tally is to classify an object again.
type due struct {
	at    time.Time
	row   *row
	slot  int
	index int // in the heap
}

// dueHeap has the earliest first.
type dueHeap []*due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap) Push(d any) {
	entry := d.(*due)
	entry.index = len(*h)
	*h = append(*h, entry)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	entry := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return entry
}
