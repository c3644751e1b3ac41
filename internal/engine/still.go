// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// Still makes an engine on a snapshot, at the time of the snapshot. It is not started: EvaluateAll evaluates. once is that of the
// facts.
func Still(s *snapshot.Snapshot, once bool) *Engine {
	return New(stillSources{s}, func(Key) {}, Options{Clock: stillClock{now: s.Time}, Pace: -1, Once: once})
}

// EvaluateAll evaluates what has been asked, what has changed and what is due, until nothing is left to evaluate or the
// context ends. It must not be called on an engine that is started.
func (e *Engine) EvaluateAll(ctx context.Context) {
	e.begin(ctx)
	e.keepDue()
	e.running.Wait()
	e.end()
}

// stillSources are the sources of what does not change by itself.
type stillSources struct {
	snapshot *snapshot.Snapshot
}

func (stillSources) Notify(func(facts.Need, types.NamespacedName)) {}
func (stillSources) Want(facts.Need)                               {}
func (stillSources) Drop(facts.Need)                               {}
func (stillSources) Demand(facts.Demand)                           {}

func (s stillSources) Answer(need facts.Need) facts.Answer { return s.snapshot.Answer(need) }

func (s stillSources) View(need facts.Need) (facts.Answer, facts.Objects) {
	return s.snapshot.View(need)
}

// stillClock is a clock that stands.
type stillClock struct {
	clock.RealClock

	now time.Time
}

func (c stillClock) Now() time.Time                  { return c.now }
func (c stillClock) Since(t time.Time) time.Duration { return c.now.Sub(t) }
