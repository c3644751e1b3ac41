// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// lane is evaluations that take place one after the other, in a goroutine that lives as long as there is something to
// evaluate. All fields are guarded by the engine's lock.
type lane struct {
	worker worker
	// workedAt is when it was evaluated last; zero is never. pace is how long after that changes are collected, and backOff how
	// long it is not evaluated at all.
	workedAt      time.Time
	pace, backOff time.Duration

	// concerns says whether the lane reads the object of that name; nil: any.
	concerns func(name string) bool

	subscribers sets.Set[Key]
	needs       sets.Set[facts.Need]
	demands     []facts.Demand
	changes     changes
	// dirty: there is something to evaluate. running: its goroutine lives. atWork: its subscribers wait for it.
	dirty, running, atWork bool
	// gone: nobody has subscribed to it any more. cancel ends what it is evaluating then; nil before it has begun.
	gone   bool
	cancel context.CancelFunc
	// due is when to evaluate although nothing has changed; zero is never.
	due time.Time
	// since is when the first of the changes that are being evaluated was told; zero when nothing has changed but the time.
	since time.Time
}

// worker evaluates what has changed. Its state belongs to the goroutine of its lane.
type worker interface {
	// work is called without any lock. What it returns publishes what it has come to, and is called with the engine's
	// lock held; due is when to work again although nothing has changed, zero is never. When the context ends, what it has
	// come to is dropped.
	work(ctx context.Context, now time.Time, changed changes) (publishLocked func(), due time.Time)
}

// slowest is how many times Pace the pause is at most.
const slowest = 5

func newLane(w worker) *lane {
	return &lane{worker: w, subscribers: sets.New[Key](), needs: sets.New[facts.Need]()}
}

// changes are what has changed of the needs of a lane.
type changes struct {
	// all says of which needs everything may have changed; objects are the names of single ones.
	all     sets.Set[facts.Need]
	objects map[facts.Need]sets.Set[types.NamespacedName]
	// since is when the first of them was told; zero when there are none. times is how often one was told of
	// a need, and most the highest of these: an object that two of them show is told twice.
	since time.Time
	times map[facts.Need]int
	most  int
}

func (c *changes) add(need facts.Need, object types.NamespacedName, told time.Time) {
	c.since = earliest(c.since, told)
	if object == (types.NamespacedName{}) {
		if c.all == nil {
			c.all = sets.New[facts.Need]()
		}
		c.all.Insert(need)
		return
	}
	if c.objects == nil {
		c.objects, c.times = map[facts.Need]sets.Set[types.NamespacedName]{}, map[facts.Need]int{}
	}
	if c.objects[need] == nil {
		c.objects[need] = sets.New[types.NamespacedName]()
	}
	c.objects[need].Insert(object)
	c.times[need]++
	c.most = max(c.most, c.times[need])
}

// touchLocked has a lane evaluate.
func (e *Engine) touchLocked(l *lane) {
	l.dirty = true
	if l.gone || e.ctx == nil {
		return
	}
	e.beginWorkLocked(l) // all lanes that a change touches are at work before the first is done, also those that pause
	if !l.running {
		l.running = true
		var ctx context.Context
		ctx, l.cancel = context.WithCancel(e.ctx)
		cancel := l.cancel
		e.running.Go(func() {
			defer cancel()
			e.run(ctx, l)
		})
	}
}

// run evaluates until nothing is left.
func (e *Engine) run(ctx context.Context, l *lane) {
	for e.pause(ctx, l) {
		changed, ok := e.take(l)
		if !ok {
			return
		}
		publishLocked, due := l.worker.work(ctx, e.options.Clock.Now(), changed)
		for _, key := range e.publish(ctx, l, publishLocked, due) {
			e.notify(key)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l.running = false
}

// pause waits while changes gather, and reports whether the context is still alive.
func (e *Engine) pause(ctx context.Context, l *lane) bool {
	e.mu.Lock()
	pause := e.pauseLocked(l)
	e.mu.Unlock()
	return sleep(ctx, e.options.Clock, pause)
}

// pauseLocked is how long changes of a lane are to be collected. What was just read as a whole comes in no burst.
func (e *Engine) pauseLocked(l *lane) time.Duration {
	if e.options.Pace < 0 || l.workedAt.IsZero() || !l.dirty {
		return 0
	}
	pause := l.backOff
	if l.changes.all.Len() == 0 {
		pause = max(pause, l.pace)
	}
	return pause - e.options.Clock.Since(l.workedAt)
}

// paceOf is how long changes are to be collected after those that are evaluated now: the longer, the faster they come.
func (e *Engine) paceOf(l *lane, changed changes) time.Duration {
	if changed.most > 1 {
		return min(max(2*l.pace, e.options.Pace), slowest*e.options.Pace)
	}
	return e.options.Pace
}

// take is what there is to evaluate; ok is false when there is nothing.
func (e *Engine) take(l *lane) (changed changes, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !l.dirty || l.gone {
		l.running = false
		return changed, false
	}
	changed = l.changes
	l.changes, l.dirty, l.due = changes{}, false, time.Time{}
	l.since, l.workedAt, l.pace = changed.since, e.options.Clock.Now(), e.paceOf(l, changed)
	e.beginWorkLocked(l)
	return changed, true
}

// publish returns who is to be notified.
func (e *Engine) publish(ctx context.Context, l *lane, publishLocked func(), due time.Time) []Key {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.gone || ctx.Err() != nil {
		l.dirty = true // it is not evaluated to its end
		return nil
	}
	publishLocked()
	e.dueLocked(l, due)
	return e.endWorkLocked(l)
}

// beginWorkLocked has the subscribers of a lane wait for it, so that they are notified once for a change of all that
// they want.
func (e *Engine) beginWorkLocked(l *lane) {
	if l.atWork {
		return
	}
	l.atWork = true
	for key := range l.subscribers {
		e.subscribers[key].busy++
	}
}

// endWorkLocked returns the subscribers who are to be notified: of whom something has changed and everything is known, and
// who wait for no other lane. Those who do wait are notified by keepTime, if it takes long.
func (e *Engine) endWorkLocked(l *lane) []Key {
	if !l.atWork {
		return nil
	}
	l.atWork = false
	var notify []Key
	for key := range l.subscribers {
		s := e.subscribers[key]
		s.busy--
		switch {
		case !s.changed || !e.knownLocked(s):
		case s.busy == 0:
			notify = append(notify, e.notifiedLocked(key))
		default:
			e.waiting.Insert(key)
			e.rescheduleLocked()
		}
	}
	return notify
}

// notifiedLocked notes that a subscriber is notified now.
func (e *Engine) notifiedLocked(key Key) Key {
	e.subscribers[key].changed = false
	e.waiting.Delete(key)
	return key
}

// knownLocked says whether all that a subscriber wants has been evaluated.
func (e *Engine) knownLocked(s *subscriber) bool {
	if v := e.views[s.view]; v != nil && !v.known {
		return false
	}
	if u := e.unmapped[s.unmapped]; u != nil && !u.known {
		return false
	}
	return !slices.ContainsFunc(s.checks, func(c *check.Check) bool { return !e.results[c.Key()].known })
}

// setLocked gives a cell a value.
func setLocked[R any](e *Engine, c *cell[R], value R) {
	if c.known && reflect.DeepEqual(c.value, value) {
		return
	}
	c.value, c.known = value, true
	for key := range c.subscribers {
		s := e.subscribers[key]
		if !s.changed {
			s.changed, s.changedAt = true, e.options.Clock.Now()
		}
		s.behind = s.behind.with(behind{c.about, c.lane.since})
	}
}
