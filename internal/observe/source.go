// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// source meets one need.
type source struct {
	sources *Sources
	need    facts.Need
	// demanded has room for one signal that refresh has changed.
	demanded chan struct{}

	mu sync.Mutex
	// cancel is nil until the source runs; ended says that it does no more.
	cancel  context.CancelFunc
	ended   bool
	changed func(need facts.Need, object types.NamespacedName)
	answer  facts.Answer
	// refresh is when to read again what is read on demand; revisions counts how often that was for another
	// revision than before, as what turns back to what it was may have other pods now.
	refresh   facts.Refresh
	revisions int
	// objects, when set, is asked for the objects of an answer that is Known.
	objects facts.Objects
}

func newSource(sources *Sources, need facts.Need) *source {
	return &source{sources: sources, need: need, demanded: make(chan struct{}, 1)}
}

// run keeps the answer current until the context ends.
func (s *source) run(ctx context.Context) {
	switch {
	case s.need.OnDemand():
		s.readOnDemand(ctx)
	case s.need.Interval > 0:
		s.poll(ctx)
	default:
		s.watch(ctx)
	}
}

func (s *source) start(cancel context.CancelFunc, changed func(facts.Need, types.NamespacedName)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel, s.changed, s.answer = cancel, changed, facts.Answer{}
}

func (s *source) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cancel != nil
}

// end says whether the source has run.
func (s *source) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.cancel == nil {
		return false
	}
	s.cancel()
	return true
}

// refuse says why the source is not started.
func (s *source) refuse(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = facts.Answer{State: facts.Failed, Message: why}
}

// signal leaves a sign for whoever looks next, unless there is one already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// set replaces the answer.
func (s *source) set(answer facts.Answer) {
	s.update(func() bool {
		s.answer, s.objects = answer, nil
		return true
	})
}

// follow makes the answer Known, with whatever the store holds at the time of asking.
func (s *source) follow(store facts.Objects) {
	s.update(func() bool {
		s.answer, s.objects = facts.Answer{State: facts.Known}, store
		return true
	})
}

// giveUpWaiting says that a first read fails, when it has been tried for SyncTimeout. An answer that there is
// already stands: it was true when it was read.
func (s *source) giveUpWaiting(began time.Time, err error) {
	if s.sources.options.Clock.Since(began) < s.sources.options.SyncTimeout {
		return
	}
	s.update(func() bool {
		if s.answer.State != facts.Pending && s.answer.State != facts.Deferred {
			return false
		}
		s.answer = facts.Answer{State: facts.Failed, Message: fmt.Sprintf(
			"still reading after %s: %s", s.sources.options.SyncTimeout, err)}
		return true
	})
}

// update changes the answer, unless the source has ended: what it learns then is nobody's.
func (s *source) update(change func() bool) {
	s.mu.Lock()
	refused := s.answer.State == facts.NotPermitted
	changed := !s.ended && change()
	notify, granted := s.changed, refused && s.answer.State == facts.Known
	s.mu.Unlock()
	if granted {
		s.sources.granted.tell()
	}
	if changed && notify != nil {
		notify(s.need, types.NamespacedName{})
	}
}

// objectChanged tells of a change of one object, once the store that holds it is what is followed.
func (s *source) objectChanged(store facts.Objects, object types.NamespacedName) {
	s.mu.Lock()
	followed := !s.ended && s.objects == store
	notify := s.changed
	s.mu.Unlock()
	if followed && notify != nil {
		notify(s.need, object)
	}
}

// backoff is the time between attempts at what fails for a passing reason: short at first.
func (s *source) backoff() *wait.Backoff {
	limit := s.sources.options.RetryInterval
	return &wait.Backoff{Duration: min(time.Second, limit), Factor: 2, Steps: math.MaxInt32, Cap: limit}
}

// view returns the answer without its objects, and what holds them.
func (s *source) view() (facts.Answer, facts.Objects) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, store := s.answer, s.objects
	if store == nil {
		store = trim.Sorted(answer.Objects)
	}
	answer.Objects = nil
	return answer, store
}

func (s *source) current() facts.Answer {
	s.mu.Lock()
	answer, store := s.answer, s.objects
	s.mu.Unlock()
	if store != nil {
		answer.Objects = store.List()
	}
	return answer
}

// sleep waits, and says whether the context is still alive.
func (s *source) sleep(ctx context.Context, d time.Duration) bool {
	return sleep(ctx, s.sources.options.Clock, d)
}

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

// jitter is the part by which waits differ, so that not all sources ask at the same time.
const jitter = 0.2

// pause waits for about d.
func (s *source) pause(ctx context.Context, d time.Duration) bool {
	return s.sleep(ctx, wait.Jitter(d, jitter))
}
