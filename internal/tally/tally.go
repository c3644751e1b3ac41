// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tally counts objects by what is made of each of them, and follows their changes one object at a time: what a
// change costs does not depend on how many objects there are.
package tally

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"
)

// Classify says what an object counts as; counted is false for one that does not count at all. It must be a pure function
// of the object and the time. A time in until says when it may say something else of the same object; zero is never.
type Classify[O any, M comparable] func(object O, now time.Time) (mark M, counted bool, until time.Time)

// Table holds the names of objects and what its tallies make of each. It is not safe for concurrent use. Objects of which all
// tallies make the same, as of the nodes of a pool, share all but their names, however many tallies there are.
type Table[O any] struct {
	get     func(name string) (O, bool)
	rows    map[string]*class
	tallies []counter[O] // by slot; nil is free
	// classes are those that have members, by the hash of their groups.
	classes map[uint64][]*class
	// dues has for the objects that are due, which are few, when that is: in the order of slots.
	dues map[string][]*due
	due  dueHeap
	// vector is room for the groups of the object that is being classified.
	vector []*group
}

// counter is a tally whatever its marks are.
type counter[O any] interface {
	// classify finds the group of an object; nil when it is not counted.
	classify(object O, now time.Time) (*group, time.Time)
	// emptied tells that a group has no members any more.
	emptied()
}

// class is the objects of which all tallies make the same.
type class struct {
	groups  []*group // by slot of the tally; nil where they are not counted
	members []string // in their order, and never none but while one moves
}

// group is the objects that count as the same in a tally.
type group struct {
	id    uint64
	count int
	// classes of its members, in the order of their first ones, so that the first of all are not far to find.
	classes []*class
}

// NewTable makes an empty table of the objects that get returns by their names.
func NewTable[O any](get func(name string) (O, bool)) *Table[O] {
	return &Table[O]{get: get, rows: map[string]*class{}, classes: map[uint64][]*class{}, dues: map[string][]*due{}}
}

// Tally is the objects of a table, grouped by their marks.
type Tally[O any, M comparable] struct {
	classifyFunc Classify[O, M]
	slot         int
	groups       map[M]*group
	// made numbers the groups, and emptyings counts how often one has become empty since such groups were dropped.
	made      uint64
	emptyings int
}

// Add begins to count the objects of a table.
func Add[O any, M comparable](t *Table[O], classify Classify[O, M], now time.Time) *Tally[O, M] {
	tally := &Tally[O, M]{classifyFunc: classify, groups: map[M]*group{}, slot: slices.Index(t.tallies, nil)}
	if tally.slot < 0 {
		tally.slot = len(t.tallies)
		t.tallies = append(t.tallies, nil)
		t.vector = append(t.vector, nil)
	}
	t.tallies[tally.slot] = tally
	all := t.allClasses()
	t.classes = make(map[uint64][]*class, len(all))
	for _, c := range all {
		t.split(c, tally.slot, now)
	}
	return tally
}

// Remove ends counting.
func Remove[O any, M comparable](t *Table[O], tally *Tally[O, M]) {
	t.tallies[tally.slot] = nil
	for name := range t.dues {
		t.keepDues(name, t.schedule(t.dues[name], name, tally.slot, time.Time{}))
	}
	all := t.allClasses()
	t.classes = make(map[uint64][]*class, len(all))
	for _, c := range all {
		c.groups[tally.slot] = nil
		t.merge(c)
	}
	for _, c := range all {
		slices.Sort(c.members)
	}
}

// Update classifies an object anew, or forgets it when it is gone. Touched is called with the slot of each tally that counts
// it or has counted it. moved says whether the object is new in the table, or no longer in it.
func (t *Table[O]) Update(name string, now time.Time, touched func(slot int)) (moved bool) {
	object, ok := t.get(name)
	from := t.rows[name]
	if !ok && from == nil {
		return false
	}
	dues := t.dues[name]
	for slot, tally := range t.tallies {
		var until time.Time
		t.vector[slot] = nil
		if ok && tally != nil {
			t.vector[slot], until = tally.classify(object, now)
		}
		dues = t.schedule(dues, name, slot, until)
		if t.vector[slot] != nil || from != nil && from.groups[slot] != nil {
			touched(slot)
		}
	}
	t.keepDues(name, dues)
	if ok {
		t.move(name, from)
	} else {
		t.leave(name, from)
		t.dropEmpty(from)
		delete(t.rows, name)
	}
	return ok != (from != nil)
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

// move brings an object from its class, if it has one, to that of the groups in the vector.
func (t *Table[O]) move(name string, from *class) {
	to := t.find(t.vector)
	switch {
	case from != nil && to == from:
	case from != nil && to == nil && len(from.members) == 1:
		t.turn(from)
	case from != nil:
		name = t.leave(name, from)
		t.join(name, to)
		t.dropEmpty(from)
	default:
		t.join(name, to)
	}
}

// find returns the class of groups; nil when there is none.
func (t *Table[O]) find(groups []*group) *class {
	for _, c := range t.classes[hashOf(groups)] {
		if slices.Equal(c.groups, groups) {
			return c
		}
	}
	return nil
}

func (t *Table[O]) note(c *class) {
	hash := hashOf(c.groups)
	t.classes[hash] = append(t.classes[hash], c)
}

func (t *Table[O]) drop(c *class) {
	hash := hashOf(c.groups)
	t.classes[hash] = slices.DeleteFunc(t.classes[hash], func(other *class) bool { return other == c })
	if len(t.classes[hash]) == 0 {
		delete(t.classes, hash)
	}
}

// turn has a class, of which there is no other with the groups in the vector, be of these. What stays as it is costs
// nothing, so that an object of a class of its own costs no more than one that shares its class.
func (t *Table[O]) turn(c *class) {
	t.drop(c)
	for slot, to := range t.vector {
		from := c.groups[slot]
		if from == to {
			continue
		}
		if c.groups[slot] = to; to != nil {
			to.insert(c)
			to.count += len(c.members)
		}
		if from != nil {
			from.remove(c)
			if from.count -= len(c.members); from.count == 0 {
				t.tallies[slot].emptied()
			}
		}
	}
	t.note(c)
}

// join has an object be a member of the class of the groups in the vector; nil is a new one.
func (t *Table[O]) join(name string, c *class) {
	if c == nil {
		c = &class{groups: slices.Clone(t.vector)}
		t.note(c)
	}
	t.rows[name] = c
	at := placeOf(name, c.members)
	if at == 0 && len(c.members) > 0 {
		c.eachGroup((*group).remove)
	}
	c.members = slices.Insert(c.members, at, name)
	if at == 0 {
		c.eachGroup((*group).insert)
	}
	c.eachGroup(func(g *group, _ *class) { g.count++ })
}

// leave ends the membership of an object in a class, and returns its name as it was kept.
func (t *Table[O]) leave(name string, c *class) string {
	at := placeOf(name, c.members)
	name = c.members[at]
	if at == 0 {
		c.eachGroup((*group).remove)
	}
	c.members = slices.Delete(c.members, at, at+1)
	switch {
	case len(c.members) == 0:
		t.drop(c)
	case at == 0:
		c.eachGroup((*group).insert)
	}
	c.eachGroup(func(g *group, _ *class) { g.count-- })
	return name
}

// dropEmpty tells the tallies which groups an object that has left a class was the last member of. It is told after the object
// has joined another class, as it may be in the same groups there.
func (t *Table[O]) dropEmpty(c *class) {
	for slot, g := range c.groups {
		if g != nil && g.count == 0 {
			t.tallies[slot].emptied()
		}
	}
}

// allClasses are those that have members, in the order of their first ones.
func (t *Table[O]) allClasses() []*class {
	var all []*class
	for _, some := range t.classes {
		all = append(all, some...)
	}
	slices.SortFunc(all, compareClasses)
	return all
}

// split notes a class by what one more tally makes of its members: as several when these are not alike.
func (t *Table[O]) split(c *class, slot int, now time.Time) {
	var groups []*group
	members := map[*group][]string{}
	for _, name := range c.members {
		g := t.count(name, slot, now)
		if members[g] == nil {
			groups = append(groups, g)
		}
		members[g] = append(members[g], name)
	}
	if slot == len(c.groups) {
		c.groups = slices.Concat(c.groups, []*group{nil})
	}
	for i, g := range groups {
		if i > 0 {
			c = &class{groups: slices.Clone(c.groups)}
			for _, name := range members[g] {
				t.rows[name] = c
			}
		}
		c.members, c.groups[slot] = members[g], g
		switch {
		case i > 0:
			c.eachGroup((*group).insert)
		case g != nil: // where it was before it is still, as its first member is the same
			g.insert(c)
		}
		if g != nil {
			g.count += len(c.members)
		}
		t.note(c)
	}
}

// count says what one more tally makes of an object.
func (t *Table[O]) count(name string, slot int, now time.Time) *group {
	object, ok := t.get(name)
	if !ok {
		return nil
	}
	g, until := t.tallies[slot].classify(object, now)
	t.keepDues(name, t.schedule(t.dues[name], name, slot, until))
	return g
}

// merge notes a class, or joins it to one with the same groups that comes before it.
func (t *Table[O]) merge(c *class) {
	same := t.find(c.groups)
	if same == nil {
		t.note(c)
		return
	}
	c.eachGroup((*group).remove)
	same.members = append(same.members, c.members...)
	for _, name := range c.members {
		t.rows[name] = same
	}
}

// schedule has the object, of which these are the dues, classified again at a time; zero is never. It returns the dues.
func (t *Table[O]) schedule(dues []*due, name string, slot int, at time.Time) []*due {
	if at.IsZero() && len(dues) == 0 { // nearly always
		return dues
	}
	i, found := slices.BinarySearchFunc(dues, slot, func(d *due, slot int) int { return cmp.Compare(d.slot, slot) })
	switch {
	case at.IsZero() && found:
		heap.Remove(&t.due, dues[i].index)
		return slices.Delete(dues, i, i+1)
	case at.IsZero():
		return dues
	case found:
		dues[i].at = at
		heap.Fix(&t.due, dues[i].index)
		return dues
	default:
		d := &due{at: at, name: name, slot: slot}
		heap.Push(&t.due, d)
		return slices.Insert(dues, i, d)
	}
}

func (t *Table[O]) keepDues(name string, dues []*due) {
	if len(dues) > 0 {
		t.dues[name] = dues
	} else {
		delete(t.dues, name)
	}
}

// Due classifies again what time may have turned.
func (t *Table[O]) Due(now time.Time, touched func(slot int)) {
	for t.DueOne(now, touched) {
	}
}

// DueOne does so with one object, and reports whether there was one.
func (t *Table[O]) DueOne(now time.Time, touched func(slot int)) bool {
	if len(t.due) == 0 || t.due[0].at.After(now) {
		return false
	}
	t.reclassify(t.due[0].name, now, touched)
	return true
}

// reclassify has the tallies classify an object again for which it is due.
func (t *Table[O]) reclassify(name string, now time.Time, touched func(slot int)) {
	object, ok := t.get(name)
	from, dues := t.rows[name], t.dues[name]
	copy(t.vector, from.groups)
	for _, d := range slices.Clone(dues) {
		if d.at.After(now) {
			continue
		}
		var until time.Time
		if ok { // else it is gone, and Update will be told
			t.vector[d.slot], until = t.tallies[d.slot].classify(object, now)
			if t.vector[d.slot] != nil || from.groups[d.slot] != nil {
				touched(d.slot)
			}
		}
		if !until.IsZero() && !until.After(now) {
			until = now.Add(time.Second) // a classify that is due at once is asked again no sooner
		}
		dues = t.schedule(dues, name, d.slot, until)
	}
	t.keepDues(name, dues)
	t.move(name, from)
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
		t.made++
		g = &group{id: t.made}
		t.groups[mark] = g
	}
	return g, until
}

// emptied drops groups without members once they may be most of all: so one that becomes empty costs no look at all others.
func (t *Tally[O, M]) emptied() {
	if t.emptyings++; 2*t.emptyings > len(t.groups) {
		maps.DeleteFunc(t.groups, func(_ M, g *group) bool { return g.count == 0 })
		t.emptyings = 0
	}
}

// Slot tells the tallies of a table apart.
func (t *Tally[O, M]) Slot() int { return t.slot }

// Marks are those of which there is an object, in no order, with how many there are.
func (t *Tally[O, M]) Marks() map[M]int {
	out := make(map[M]int, len(t.groups))
	for mark, g := range t.groups {
		if g.count > 0 {
			out[mark] = g.count
		}
	}
	return out
}

// First are the names of at most n objects with any of the marks, in their order.
func (t *Tally[O, M]) First(n int, marks ...M) []string {
	var names []string
	for _, mark := range marks {
		if g := t.groups[mark]; g != nil {
			for i, c := range g.classes[:min(n, len(g.classes))] {
				// The first ones of i classes come before all of this.
				names = append(names, c.members[:min(n-i, len(c.members))]...)
			}
		}
	}
	slices.Sort(names)
	return names[:min(n, len(names))]
}

// eachGroup calls for the groups of a class.
func (c *class) eachGroup(do func(*group, *class)) {
	for _, g := range c.groups {
		if g != nil {
			do(g, c)
		}
	}
}

// hashOf tells vectors of groups apart, nearly always.
func hashOf(groups []*group) uint64 {
	hash := uint64(14695981039346656037) // FNV-1a
	for _, g := range groups {
		if g != nil {
			hash ^= g.id
		}
		hash *= 1099511628211
	}
	return hash
}

// placeOf is where a name is among sorted ones, or would be.
func placeOf(name string, names []string) int {
	if n := len(names); n == 0 || names[n-1] < name {
		return n
	}
	i, _ := slices.BinarySearch(names, name)
	return i
}

// placeOf is where a class is among those of a group, or would be.
func (g *group) placeOf(c *class) int {
	if n := len(g.classes); n == 0 || g.classes[n-1].members[0] < c.members[0] {
		return n
	}
	i, _ := slices.BinarySearchFunc(g.classes, c, compareClasses)
	return i
}

func compareClasses(a, b *class) int { return strings.Compare(a.members[0], b.members[0]) }

func (g *group) insert(c *class) { g.classes = slices.Insert(g.classes, g.placeOf(c), c) }

func (g *group) remove(c *class) {
	i := g.placeOf(c)
	g.classes = slices.Delete(g.classes, i, i+1)
}

// due is when a tally is to classify an object again.
type due struct {
	at    time.Time
	name  string
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
