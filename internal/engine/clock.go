// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// leastWait is the least time until the same is evaluated again although nothing has changed.
const leastWait = time.Second

// patience is how long a subscriber waits for a slow evaluation of its own before it is notified of what else has changed.
const patience = time.Second

// dueLocked notes when a lane is to evaluate although nothing has changed.
func (e *Engine) dueLocked(l *lane, due time.Time) {
	if due.IsZero() {
		return
	}
	if soonest := e.options.Clock.Now().Add(leastWait); due.Before(soonest) {
		due = soonest
	}
	l.due = due
	e.rescheduleLocked()
}

// rescheduleLocked has keepTime look when something is due.
func (e *Engine) rescheduleLocked() {
	select {
	case e.rescheduled <- struct{}{}:
	default:
	}
}

// keepTime touches the lanes that are due, and notifies who has waited for long, until the context ends.
func (e *Engine) keepTime(ctx context.Context) {
	for {
		next := e.keepDue()
		var timer <-chan time.Time
		if next > 0 {
			t := e.options.Clock.NewTimer(next)
			timer = t.C()
			if !e.await(ctx, timer) {
				t.Stop()
				return
			}
			t.Stop()
		} else if !e.await(ctx, nil) {
			return
		}
	}
}

func (e *Engine) await(ctx context.Context, timer <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-timer:
	case <-e.rescheduled:
	}
	return true
}

// keepDue does what is due, and returns how long it is until something else is; 0 is never.
func (e *Engine) keepDue() time.Duration {
	e.mu.Lock()
	now := e.options.Clock.Now()
	next := e.touchDueLocked(now)
	notify, later := e.overdueLocked(now)
	e.mu.Unlock()
	for _, key := range notify {
		e.notify(key)
	}
	if next = earliest(next, later); next.IsZero() {
		return 0
	}
	return next.Sub(now)
}

// touchDueLocked touches the lanes that are due, and returns when the next one is; zero is never.
func (e *Engine) touchDueLocked(now time.Time) (next time.Time) {
	for l := range e.lanes {
		if !l.due.IsZero() && !l.due.After(now) {
			l.due = time.Time{}
			e.touchLocked(l)
		}
		next = earliest(next, l.due)
	}
	return next
}

// overdueLocked returns who has waited for long, and when the next one has; zero is never.
func (e *Engine) overdueLocked(now time.Time) (notify []Key, next time.Time) {
	for key := range e.waiting {
		switch s := e.subscribers[key]; {
		case s == nil || !s.changed || !e.knownLocked(s):
			e.waiting.Delete(key)
		case now.Sub(s.changedAt) >= patience:
			notify = append(notify, e.notifiedLocked(key))
		default:
			next = earliest(next, s.changedAt.Add(patience))
		}
	}
	return notify, next
}

// earliest of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sleep waits, and says whether the context is still alive.
func sleep(ctx context.Context, c clock.WithTicker, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
