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

// dueLocked notes when a lane is to evaluate although nothing has changed.
func (e *Engine) dueLocked(l *lane, due time.Time) {
	if due.IsZero() {
		return
	}
	if soonest := e.options.Clock.Now().Add(leastWait); due.Before(soonest) {
		due = soonest
	}
	l.due = due
	select {
	case e.rescheduled <- struct{}{}:
	default:
	}
}

// keepTime touches the lanes that are due until the context ends.
func (e *Engine) keepTime(ctx context.Context) {
	for {
		next := e.touchDue()
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

// touchDue touches the lanes that are due, and returns when the next one is; 0 is never.
func (e *Engine) touchDue() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.options.Clock.Now()
	var next time.Time
	for l := range e.lanes {
		switch {
		case l.due.IsZero():
		case !l.due.After(now):
			l.due = time.Time{}
			e.touchLocked(l)
		case next.IsZero() || l.due.Before(next):
			next = l.due
		}
	}
	if next.IsZero() {
		return 0
	}
	return next.Sub(now)
}

// sleep waits, and says whether the context is still alive.
func sleep(ctx context.Context, by clock.WithTicker, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := by.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
