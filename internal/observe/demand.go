// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/archmap/archmap/internal/facts"
)

// maxDemandPause is the longest time between two reads of what does not say enough.
const maxDemandPause = 5 * time.Minute

// lastingPause is the time between two reads of what says enough: as long as it lasts, its cause may become another
// without a change of the workload's numbers.
const lastingPause = 10 * time.Minute

// demand says when the need is to be read again.
func (s *source) demand(refresh facts.Refresh) {
	s.mu.Lock()
	changed := s.revisions == 0 || s.refresh != refresh
	if s.revisions == 0 || s.refresh.Revision != refresh.Revision {
		s.revisions++
	}
	s.refresh = refresh
	s.mu.Unlock()
	if changed {
		signal(s.demanded)
	}
}

// demandedNow is how many revisions there were, none before the first demand, and whether the answer to the last one says too little.
func (s *source) demandedNow() (revisions int, inconclusive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revisions, s.refresh.Inconclusive
}

// readOnDemand reads the need once for every revision of what it is to explain, and every 10 minutes while that lasts;
// sooner at first, and less and less often, while it does not say enough.
func (s *source) readOnDemand(ctx context.Context) {
	began := s.sources.options.Clock.Now()
	pause := s.need.Interval
	if !s.awaitFirstDemand(ctx) {
		return
	}
	for s.awaitTurn(ctx) {
		revisions, _ := s.demandedNow()
		if !s.refill(ctx, began) {
			if s.outlook.unconfirmed() {
				s.deferAnswer()
			}
			continue // in turn
		}
		again, alive := s.awaitDemand(ctx, revisions, pause)
		switch {
		case !alive:
			return
		case again:
			pause = min(2*pause, maxDemandPause)
		default:
			pause = s.need.Interval
		}
	}
}

// awaitFirstDemand waits until it is known what the answer is to explain: what is read before would be read once more. It
// reports whether the context is still alive.
func (s *source) awaitFirstDemand(ctx context.Context) bool {
	for {
		if revisions, _ := s.demandedNow(); revisions > 0 {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.demanded:
		}
	}
}

// awaitDemand waits until another revision is to be explained or the same has lasted, or until the pause is over and
// the same says too little and is to be read again.
func (s *source) awaitDemand(ctx context.Context, read int, pause time.Duration) (again, alive bool) {
	timer := s.sources.options.Clock.NewTimer(wait.Jitter(pause, jitter))
	defer timer.Stop()
	lasting := s.sources.options.Clock.NewTimer(wait.Jitter(lastingPause, jitter))
	defer lasting.Stop()
	over := false
	for {
		revisions, inconclusive := s.demandedNow()
		switch {
		case revisions != read:
			return false, true
		case over && inconclusive:
			return true, true
		}
		select {
		case <-ctx.Done():
			return false, false
		case <-s.demanded:
		case <-timer.C():
			over = true
		case <-lasting.C():
			return false, true
		}
	}
}

// deferAnswer says that the first answer takes a while, so that nobody waits for it who can say something without.
func (s *source) deferAnswer() {
	if s.need.Kind != facts.PodKind && s.need.Kind != facts.EventKind {
		return
	}
	s.update(func() bool {
		if s.answer.State != facts.Pending {
			return false
		}
		s.answer.State = facts.Deferred
		return true
	})
}

// awaitTurn keeps two reads of the same an interval apart, even when nobody wanted them in between.
func (s *source) awaitTurn(ctx context.Context) bool {
	l, clock := s.sources, s.sources.options.Clock
	l.mu.Lock()
	maps.DeleteFunc(l.demandReads, func(need facts.Need, last time.Time) bool { return clock.Since(last) >= need.Interval })
	rest := time.Duration(0)
	if last, read := l.demandReads[s.need]; read {
		rest = s.need.Interval - clock.Since(last)
	}
	l.mu.Unlock()
	if rest > 0 {
		s.deferAnswer()
	}
	if !s.sleep(ctx, rest) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.demandReads[s.need] = clock.Now()
	return true
}
