// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/nodestate"
	"github.com/archmap/archmap/internal/tally"
)

// nodesLane classifies nodes one by one for all that count them. A change of a node costs one classification for each, whatever
// the number of nodes.
type nodesLane struct {
	*lane

	engine *Engine

	// Guarded by the engine's lock: whose value depends on nodes, what begins to be counted and what no more.
	checks         map[string]*nodeCount
	views          map[string]*nodeCount
	added, removed []*nodeCount
	// names are those of all nodes, suspects the nodes that nodestate.Suspect reports, alike is all of them by their traits, and
	// state is the answer to the need for nodes without objects, as of when the nodes were counted last.
	names    sets.Set[string]
	suspects []*corev1.Node
	alike    []nodestate.Alike
	state    facts.Answer
	// lapsed says that nobody wanted the nodes for a while: what changed meanwhile was not told.
	lapsed bool

	// These belong to the goroutine of the lane.
	objects facts.Objects // of the view that is being evaluated
	table   *tally.Table[*corev1.Node]
	notes   *tally.Tally[*corev1.Node, struct{}]
	traits  *tally.Tally[*corev1.Node, nodestate.Traits]
	counts  map[int]*nodeCount // by slot of the table
	filled  bool
	last    facts.Answer
}

// nodeCount is a cell whose value is counted over the nodes.
type nodeCount struct {
	// begin counts what is in the table, and returns the slot.
	begin func(now time.Time) int
	// end counts no more.
	end  func()
	slot int
	// ofVersion says that the value depends on the version of the API server, too.
	ofVersion bool
	// value evaluates; what it returns publishes that.
	value func(now time.Time, nodes facts.Answer) (publishLocked func())
}

func newNodesLane(e *Engine) *nodesLane {
	n := &nodesLane{
		engine: e, checks: map[string]*nodeCount{}, views: map[string]*nodeCount{}, names: sets.New[string](), counts: map[int]*nodeCount{},
	}
	n.lane = newLane(n)
	e.lanes.Insert(n.lane)
	n.table = tally.NewTable(func(name string) (*corev1.Node, bool) {
		node, ok := n.objects.Get(objectName(name)).(*corev1.Node)
		return node, ok
	})
	return n
}

func (n *nodesLane) addCheckLocked(evaluator *check.Evaluator) *cell[check.Result] {
	c := &cell[check.Result]{about: string(evaluator.Spec.Type), lane: n.lane, subscribers: sets.New[Key]()}
	n.engine.results[evaluator.Key()] = c
	var counted *check.NodeTally
	count := &nodeCount{
		begin: func(now time.Time) int {
			counted = evaluator.CountNodes(n.table, now)
			return counted.Slot()
		},
		end: func() { tally.Remove(n.table, counted.Tally) },
		value: func(now time.Time, nodes facts.Answer) func() {
			result, unseen := evaluator.Unseen(nodes)
			if !unseen {
				result = counted.Result(now)
			}
			countEvaluation(evaluator)
			return func() { setLocked(n.engine, c, result) }
		},
	}
	n.checks[evaluator.Key()] = count
	n.addLocked(count)
	return c
}

func (n *nodesLane) removeCheckLocked(evaluator *check.Evaluator) {
	n.removeLocked(n.checks[evaluator.Key()])
	delete(n.checks, evaluator.Key())
	n.wantLocked()
}

func (n *nodesLane) addViewLocked(scope *assess.Scope) *cell[assess.ClusterView] {
	c := &cell[assess.ClusterView]{about: aboutCluster, lane: n.lane, subscribers: sets.New[Key]()}
	n.engine.views[scope.Key()] = c
	var counted *assess.ClusterTally
	count := &nodeCount{
		ofVersion: true,
		begin: func(now time.Time) int {
			counted = assess.CountCluster(n.table, scope, now)
			return counted.Slot()
		},
		end: func() { tally.Remove(n.table, counted.Tally) },
		value: func(_ time.Time, nodes facts.Answer) func() {
			version, _ := n.engine.sources.View(assess.VersionNeed)
			view := counted.View(nodes, version)
			return func() { setLocked(n.engine, c, view) }
		},
	}
	n.views[scope.Key()] = count
	n.addLocked(count)
	return c
}

func (n *nodesLane) removeViewLocked(key string) {
	n.removeLocked(n.views[key])
	delete(n.views, key)
	n.wantLocked()
}

func (n *nodesLane) addLocked(count *nodeCount) {
	n.added = append(n.added, count)
	n.wantLocked()
	n.engine.touchLocked(n.lane)
}

func (n *nodesLane) removeLocked(count *nodeCount) {
	if i := slices.Index(n.added, count); i >= 0 { // it has not begun
		n.added = slices.Delete(n.added, i, i+1)
		return
	}
	n.removed = append(n.removed, count)
	n.engine.touchLocked(n.lane)
}

func (n *nodesLane) wantLocked() {
	needs := sets.New[facts.Need]()
	if len(n.checks)+len(n.views) > 0 {
		needs.Insert(facts.Nodes)
	}
	if len(n.views) > 0 {
		needs.Insert(assess.VersionNeed)
	}
	n.engine.wantLocked(n.lane, needs)
}

// beginReadingLocked and endReadingLocked are called for the first who wants a need and the last.
func (e *Engine) beginReadingLocked(need facts.Need) {
	e.sources.Want(need)
	if need == facts.Nodes {
		e.touchLocked(e.nodes.lane)
	}
}

func (e *Engine) endReadingLocked(need facts.Need) {
	e.sources.Drop(need)
	if need == facts.Nodes {
		e.nodes.lapsed = true
		e.touchLocked(e.nodes.lane)
	}
}

// answer is what is known of nodes, as of when they were counted last.
func (n *nodesLane) answer() facts.Answer {
	n.engine.mu.Lock()
	defer n.engine.mu.Unlock()
	answer := n.state
	if answer.State == facts.Known {
		answer.Nodes = nodeIndex{lane: n, suspects: n.suspects, alike: n.alike}
	}
	return answer
}

// nodeIndex tells of nodes as they were counted.
type nodeIndex struct {
	lane     *nodesLane
	suspects []*corev1.Node
	alike    []nodestate.Alike
}

func (i nodeIndex) Exists(name string) bool {
	i.lane.engine.mu.Lock()
	defer i.lane.engine.mu.Unlock()
	return i.lane.names.Has(name)
}

func (i nodeIndex) Suspects() []*corev1.Node { return i.suspects }

func (i nodeIndex) Alike() []nodestate.Alike { return i.alike }

func (i nodeIndex) Get(name string) *corev1.Node {
	_, objects := i.lane.engine.sources.View(facts.Nodes)
	node, _ := objects.Get(objectName(name)).(*corev1.Node)
	return node
}

func (n *nodesLane) work(ctx context.Context, now time.Time, changed changes) (func(), time.Time) {
	added, removed := n.takeCounts()
	for _, count := range removed {
		count.end()
		delete(n.counts, count.slot)
	}
	var state facts.Answer
	state, n.objects = n.engine.sources.View(facts.Nodes)
	touched := sets.New[int]()
	touch := func(slot int) { touched.Insert(slot) }
	if n.notes == nil {
		n.notes = tally.Add(n.table, nodestate.Suspect, now)
		n.traits = tally.Add(n.table, countTraits, now)
	}
	moved := n.update(ctx, state, changed, now, touch)
	for _, count := range added {
		count.slot = count.begin(now)
		n.counts[count.slot] = count
		touch(count.slot)
	}
	n.table.Due(now, touch)

	stateChanged := state.State != n.last.State || state.Message != n.last.Message
	n.last = state
	var publish []func()
	for slot, count := range n.counts { // how many nodes there are is told where none of them counts
		if stateChanged || len(moved) > 0 || touched.Has(slot) || count.ofVersion && changed.all.Has(assess.VersionNeed) {
			publish = append(publish, count.value(now, state))
		}
	}
	if stateChanged || len(moved) > 0 || touched.Has(n.notes.Slot()) {
		publish = append(publish, n.publishNodes(state, moved))
	}
	return func() {
		for _, p := range publish {
			p()
		}
	}, n.table.NextDue()
}

// takeCounts returns what begins to be counted and what no more.
func (n *nodesLane) takeCounts() (added, removed []*nodeCount) {
	n.engine.mu.Lock()
	defer n.engine.mu.Unlock()
	added, removed = n.added, n.removed
	n.added, n.removed = nil, nil
	if n.lapsed {
		n.filled, n.lapsed = false, false
	}
	return added, removed
}

// update brings the table up to what has changed, and returns the names of the nodes that have come or gone.
func (n *nodesLane) update(ctx context.Context, state facts.Answer, changed changes, now time.Time, touch func(int)) (moved []string) {
	known := state.State == facts.Known
	switch {
	case !known && !n.filled:
	case !known || !n.filled || changed.all.Has(facts.Nodes):
		var names []string
		if known {
			for _, name := range n.objects.Names() {
				names = append(names, name.Name)
			}
		}
		moved = refill(ctx, n.table, names, func(name string) bool { return n.table.Update(name, now, touch) })
		n.filled = known
	default:
		for name := range changed.objects[facts.Nodes] {
			if n.table.Update(name.Name, now, touch) {
				moved = append(moved, name.Name)
			}
		}
	}
	return moved
}

// countTraits counts all nodes.
func countTraits(node *corev1.Node, _ time.Time) (traits nodestate.Traits, counted bool, until time.Time) {
	return nodestate.TraitsOf(node), true, until
}

// publishNodes shows the nodes to those who look for some that explain something.
func (n *nodesLane) publishNodes(state facts.Answer, moved []string) func() {
	var suspects []*corev1.Node
	for _, name := range n.notes.First(n.table.Len(), struct{}{}) {
		if node, ok := n.table.Get(name); ok {
			suspects = append(suspects, node)
		}
	}
	var alike []nodestate.Alike
	for traits, count := range n.traits.Marks() {
		alike = append(alike, nodestate.Alike{Traits: traits, Count: count, Example: n.traits.First(1, traits)[0]})
	}
	return func() {
		for _, name := range moved {
			if n.names.Delete(name); n.table.Has(name) {
				n.names.Insert(name)
			}
		}
		n.state, n.suspects, n.alike = state, suspects, alike
		for l := range n.engine.readers[facts.Nodes] {
			if l != n.lane {
				l.changes.since = earliest(l.changes.since, n.since)
				n.engine.touchLocked(l)
			}
		}
	}
}
