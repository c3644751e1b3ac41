// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package engine turns facts into findings, for as many as ask: each distinct check is evaluated once for a change of
// what it reads, whoever has it, outside of all locks. Who has subscribed is told when one of its findings has changed,
// with the findings at hand.
//
// An evaluation belongs to a lane, which runs in a goroutine of its own and never twice at once: one that takes long
// holds up nobody but those who have subscribed to it. All checks of nodes share one lane, as they share the counts.
package engine

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"

	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// Sources meet needs. They are safe for concurrent use.
type Sources interface {
	// Notify has a function called when the answer to a need has changed: with the name of the object that has, or with
	// none when more may have, or the state of the answer. It is never called from within a method.
	Notify(changed func(need facts.Need, object types.NamespacedName))
	// Want begins to meet a need, Drop ends it. There is one Drop for a Want.
	Want(need facts.Need)
	Drop(need facts.Need)
	// Demand says when a need that is met on demand is to be read again.
	Demand(demand facts.Demand)
	// Answer is what is known of a need.
	Answer(need facts.Need) facts.Answer
	// View is the answer without its objects, and what holds the objects: that is the same when the answer becomes another
	// meanwhile, so that an evaluation sees one answer from its beginning to its end.
	View(need facts.Need) (facts.Answer, facts.Objects)
}

// Key names a subscriber: the kind of object it is and its name.
type Key struct {
	Kind, Name string
}

// Options of an Engine. The zero value of each field means its default.
type Options struct {
	// Clock measures time. Default: the real one.
	Clock clock.WithTicker
	// Pace is the least time between two evaluations of the same for changes of single objects, as those come in bursts: the first
	// shows at once, the others together. It doubles while several come in each, up to five times this. Default: 100 ms; negative
	// is none.
	Pace time.Duration
	// Once is that of the facts.
	Once bool
}

func (o *Options) setDefaults() {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Pace == 0 {
		o.Pace = 100 * time.Millisecond
	}
}

// Engine evaluates checks.
type Engine struct {
	options Options
	sources Sources
	notify  func(Key)

	mu sync.Mutex
	// ctx is that of Start, and nil before and after; lanes run in it.
	ctx         context.Context
	subscribers map[Key]*subscriber
	results     map[string]*cell[check.Result]
	views       map[string]*cell[assess.ClusterView]
	unmapped    map[string]*cell[assess.UnmappedView]
	scopes      map[Key]compiledScope
	nodes       *nodesLane
	lanes       sets.Set[*lane]
	readers     map[facts.Need]sets.Set[*lane]
	running     sync.WaitGroup
	// waiting are subscribers of whom something has changed, and who wait for lanes that are at work.
	waiting sets.Set[Key]
	// rescheduled has room for one signal that a lane is due sooner than any was.
	rescheduled chan struct{}
	slots       slots
}

// subscriber is somebody who wants findings.
type subscriber struct {
	checks []*check.Check
	// view and unmapped are the keys of cells; empty when it wants none.
	view, unmapped string

	lanes sets.Set[*lane]
	// changed says that a finding has changed since it was notified, and changedAt since when; busy counts its lanes that
	// are at work.
	changed   bool
	changedAt time.Time
	busy      int

	// behind are the changes that it has not assessed, and assessed those of which it has not said what became of its status.
	behind, assessed delays
}

// cell is a result that all share who want it.
type cell[R any] struct {
	// about is what metrics call it: the type of its check, or what it shows.
	about       string
	lane        *lane
	value       R
	known       bool // evaluated once
	subscribers sets.Set[Key]
}

// New makes an engine on the sources. notify is called, from any goroutine, with a subscriber of whom a finding has
// changed, once all its findings are known; it must not block for long.
func New(sources Sources, notify func(Key), options Options) *Engine {
	options.setDefaults()
	e := &Engine{
		options: options, sources: sources, notify: notify, subscribers: map[Key]*subscriber{},
		results: map[string]*cell[check.Result]{}, views: map[string]*cell[assess.ClusterView]{},
		unmapped: map[string]*cell[assess.UnmappedView]{}, scopes: map[Key]compiledScope{},
		lanes: sets.New[*lane](), readers: map[facts.Need]sets.Set[*lane]{}, waiting: sets.New[Key](), rescheduled: make(chan struct{}, 1),
		slots: newSlots(),
	}
	e.nodes = newNodesLane(e)
	sources.Notify(e.Changed)
	return e
}

// Start evaluates what is asked, and returns when the context ends and everything has stopped.
func (e *Engine) Start(ctx context.Context) error {
	e.begin(ctx)
	e.running.Go(func() { e.keepTime(ctx) })
	<-ctx.Done()
	e.end()
	return nil
}

func (e *Engine) begin(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ctx = ctx
	for l := range e.lanes {
		if l.dirty {
			e.touchLocked(l)
		}
	}
}

// end returns when all lanes have stopped; none begins any more.
func (e *Engine) end() {
	e.mu.Lock()
	e.ctx = nil
	e.mu.Unlock()
	e.running.Wait()
}

// Findings subscribes to the results of checks, in place of those that the subscriber had before, and returns them as
// they are now; ok is false while one of them has not been evaluated yet, which is notified.
func (e *Engine) Findings(key Key, checks []*check.Check) (findings []check.Finding, ok bool) {
	return e.findings(key, checks, func(*check.Check) bool { return false })
}

// findings are Findings; failed says which checks failed when they were decided last, as far as that is remembered.
func (e *Engine) findings(key Key, checks []*check.Check, failed func(*check.Check) bool) (findings []check.Finding, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.subscribers[key]
	if s == nil || !sameChecks(s.checks, checks) {
		e.subscribeLocked(key, checks, failed)
	}
	findings = make([]check.Finding, len(checks))
	pending := false
	for i, c := range checks {
		cell := e.results[c.Key()]
		if !cell.known {
			return nil, false
		}
		findings[i] = check.Finding{Check: c, Result: cell.value}
		pending = pending || cell.value.Pending() || cell.value.VersionsPending
	}
	if !pending {
		e.subscribers[key].assessLocked()
	}
	return findings, true
}

// View subscribes to what a ClusterArchitecture shows of the cluster, as Findings does to the results of checks. unmapped is
// nil for one that lists no workloads.
func (e *Engine) View(key Key, scope *assess.Scope, unmapped *assess.UnmappedScope) (view assess.ClusterView, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.subscribers[key]; s == nil || s.view != scope.Key() || s.unmapped != unmapped.Key() {
		e.subscribeViewLocked(key, scope, unmapped)
	}
	cell := e.views[scope.Key()]
	view, ok = cell.value, cell.known
	if unmapped != nil {
		listed := e.unmapped[unmapped.Key()]
		view.Unmapped, ok = new(listed.value), ok && listed.known
	}
	if ok && !view.Pending && (unmapped == nil || !view.Unmapped.Pending) {
		e.subscribers[key].assessLocked()
	}
	return view, ok
}

// Forget ends a subscription; what nobody else wants is no longer looked at.
func (e *Engine) Forget(key Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	none := &subscriber{}
	e.releaseLocked(key, e.replaceLocked(key, none), none)
	delete(e.subscribers, key)
	delete(e.scopes, key)
}

// Demands are the needs that explain results as they are now.
func (e *Engine) Demands() []facts.Demand {
	e.mu.Lock()
	defer e.mu.Unlock()
	var demands []facts.Demand
	for l := range e.lanes {
		demands = append(demands, l.demands...)
	}
	return demands
}

// Changed tells that the answer to a need has changed: of which object, or without a name of any or all.
func (e *Engine) Changed(need facts.Need, object types.NamespacedName) {
	told := e.options.Clock.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if need == facts.Nodes { // others see them once they are counted
		e.nodes.changes.add(need, object, told)
		e.touchLocked(e.nodes.lane)
		return
	}
	for l := range e.readers[need] {
		if object.Name != "" && l.concerns != nil && !l.concerns(object.Name) {
			continue
		}
		l.changes.add(need, object, told)
		e.touchLocked(l)
	}
}

func sameChecks(a, b []*check.Check) bool {
	return len(a) == len(b) && (len(a) == 0 || a[0] == b[0])
}

// subscribeLocked subscribes anew: what is wanted before and after is looked at all the time.
func (e *Engine) subscribeLocked(key Key, checks []*check.Check, failed func(*check.Check) bool) {
	s := &subscriber{checks: checks, lanes: sets.New[*lane]()}
	before := e.replaceLocked(key, s)
	for _, c := range checks {
		r := e.results[c.Key()]
		if r == nil {
			r = e.newResultLocked(c.Evaluator, failed(c))
		}
		attachLocked(key, s, r)
	}
	e.releaseLocked(key, before, s)
}

func (e *Engine) subscribeViewLocked(key Key, scope *assess.Scope, unmapped *assess.UnmappedScope) {
	s := &subscriber{view: scope.Key(), unmapped: unmapped.Key(), lanes: sets.New[*lane]()}
	before := e.replaceLocked(key, s)
	v := e.views[scope.Key()]
	if v == nil {
		v = e.nodes.addViewLocked(scope)
	}
	attachLocked(key, s, v)
	if unmapped != nil {
		u := e.unmapped[s.unmapped]
		if u == nil {
			u = e.newUnmappedLocked(unmapped)
		}
		attachLocked(key, s, u)
	}
	e.releaseLocked(key, before, s)
}

// replaceLocked takes a subscriber's place, who waits for no lane any more, and returns it.
func (e *Engine) replaceLocked(key Key, s *subscriber) (before *subscriber) {
	before = e.subscribers[key]
	if before == nil {
		before = &subscriber{}
	}
	for l := range before.lanes {
		l.subscribers.Delete(key)
	}
	e.subscribers[key] = s
	return before
}

// attachLocked lets a subscriber have the value of a cell.
func attachLocked[R any](key Key, s *subscriber, c *cell[R]) {
	if !s.lanes.Has(c.lane) && c.lane.atWork {
		s.busy++
	}
	s.lanes.Insert(c.lane)
	c.subscribers.Insert(key)
	c.lane.subscribers.Insert(key)
}

// releaseLocked drops what a subscriber had before and has no more.
func (e *Engine) releaseLocked(key Key, before, now *subscriber) {
	kept := sets.New[string]()
	for _, c := range now.checks {
		kept.Insert(c.Key())
	}
	for _, c := range before.checks {
		if r := e.results[c.Key()]; r != nil && !kept.Has(c.Key()) {
			r.subscribers.Delete(key)
			if r.subscribers.Len() == 0 {
				delete(e.results, c.Key())
				e.dropResultLocked(r, c.Evaluator)
			}
		}
	}
	if v := e.views[before.view]; v != nil && before.view != now.view {
		v.subscribers.Delete(key)
		if v.subscribers.Len() == 0 {
			delete(e.views, before.view)
			e.nodes.removeViewLocked(before.view)
		}
	}
	if u := e.unmapped[before.unmapped]; u != nil && before.unmapped != now.unmapped {
		u.subscribers.Delete(key)
		if u.subscribers.Len() == 0 {
			delete(e.unmapped, before.unmapped)
			e.dropLaneLocked(u.lane)
		}
	}
}

// newResultLocked makes the cell of an evaluator: in the lane of nodes, or in a lane of its own.
func (e *Engine) newResultLocked(evaluator *check.Evaluator, failed bool) *cell[check.Result] {
	if evaluator.CountsNodes() {
		return e.nodes.addCheckLocked(evaluator)
	}
	r := &cell[check.Result]{about: string(evaluator.Spec.Type), subscribers: sets.New[Key]()}
	var w worker
	if evaluator.CountsObjects() {
		w = newObjectWorker(e, evaluator, r)
	} else {
		w = &checkWorker{engine: e, evaluator: evaluator, result: r, failed: failed, expense: expense{engine: e, evaluator: evaluator, result: r}}
	}
	r.lane = newLane(w)
	r.lane.concerns = evaluator.Concerns
	e.results[evaluator.Key()] = r
	e.addLaneLocked(r.lane, evaluator.Needs())
	return r
}

// newUnmappedLocked makes the cell of a scope, in a lane of its own.
func (e *Engine) newUnmappedLocked(scope *assess.UnmappedScope) *cell[assess.UnmappedView] {
	u := &cell[assess.UnmappedView]{about: aboutUnmapped, subscribers: sets.New[Key]()}
	u.lane = newLane(newUnmappedWorker(e, scope, u))
	e.unmapped[scope.Key()] = u
	e.addLaneLocked(u.lane, scope.Needs())
	return u
}

// addLaneLocked has a new lane read what it needs in any case, and evaluate.
func (e *Engine) addLaneLocked(l *lane, needs []facts.Need) {
	e.lanes.Insert(l)
	e.wantLocked(l, sets.New(needs...))
	e.touchLocked(l)
}

// dropLaneLocked ends a lane.
func (e *Engine) dropLaneLocked(l *lane) {
	l.gone = true
	if l.cancel != nil {
		l.cancel()
	}
	e.lanes.Delete(l)
	e.wantLocked(l, nil)
}

func (e *Engine) dropResultLocked(r *cell[check.Result], evaluator *check.Evaluator) {
	if evaluator.CountsNodes() {
		e.nodes.removeCheckLocked(evaluator)
		return
	}
	e.dropLaneLocked(r.lane)
}

// wantLocked has a lane read the needs, in place of those that it read before.
func (e *Engine) wantLocked(l *lane, needs sets.Set[facts.Need]) {
	for need := range needs.Difference(l.needs) {
		if e.readers[need] == nil {
			e.readers[need] = sets.New[*lane]()
			e.beginReadingLocked(need)
		}
		e.readers[need].Insert(l)
	}
	for need := range l.needs.Difference(needs) {
		e.readers[need].Delete(l)
		if e.readers[need].Len() == 0 {
			delete(e.readers, need)
			e.endReadingLocked(need)
		}
	}
	l.needs = needs
}
