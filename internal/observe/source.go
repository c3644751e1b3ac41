// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/archmap/archmap/internal/facts"
)

// source meets one need, for all who have it.
type source struct {
	live *Live
	need facts.Need

	// subscribers and cancel are guarded by the observer's lock; cancel is nil until the source runs.
	subscribers sets.Set[Key]
	cancel      context.CancelFunc

	// dirty has room for one signal that the answer has changed: changes that come faster than they are
	// judged are judged together.
	dirty chan struct{}

	// demanded has room for one signal that refresh has changed.
	demanded chan struct{}

	mu     sync.Mutex
	answer facts.Answer
	// refresh is when to read again what is read on demand; revisions counts how often that was for another
	// revision than before, as what turns back to what it was may have other pods now.
	refresh   facts.Refresh
	revisions int
	// objects, when set, is asked for the objects of an answer that is Known.
	objects objectStore
}

func newSource(live *Live, need facts.Need) *source {
	return &source{live: live, need: need, subscribers: sets.New[Key](), dirty: make(chan struct{}, 1), demanded: make(chan struct{}, 1)}
}

// run keeps the answer current until the context ends.
func (s *source) run(ctx context.Context) {
	switch {
	case s.need.Kind == facts.PodKind:
		s.readOnDemand(ctx)
	case s.need.Interval > 0:
		s.poll(ctx)
	default:
		s.watch(ctx)
	}
}

// judge notifies the subscribers of changes until the context ends.
func (s *source) judge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
		}
		if s.need == facts.Nodes && !s.sleep(ctx, s.live.options.NodeSettle) {
			return
		}
		s.live.changed(s)
	}
}

func (s *source) markDirty() { signal(s.dirty) }

// signal leaves a sign for whoever looks next, unless there is one already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// set replaces the answer.
func (s *source) set(answer facts.Answer) {
	s.mu.Lock()
	s.answer, s.objects = answer, nil
	s.mu.Unlock()
	s.markDirty()
}

// giveUpWaiting says that a first read fails, when it has been tried for SyncTimeout. An answer that there is
// already stands: it was true when it was read.
func (s *source) giveUpWaiting(began time.Time, err error) {
	if s.live.options.Clock.Since(began) < s.live.options.SyncTimeout {
		return
	}
	s.mu.Lock()
	pending := s.answer.State == facts.Pending
	if pending {
		s.answer = facts.Answer{State: facts.Failed, Message: fmt.Sprintf(
			"the first read is not complete after %s: %s", s.live.options.SyncTimeout, err)}
	}
	s.mu.Unlock()
	if pending {
		s.markDirty()
	}
}

// backoff is the time between attempts at what fails for a passing reason: short at first.
func (s *source) backoff() *wait.Backoff {
	limit := s.live.options.RetryInterval
	return &wait.Backoff{Duration: min(time.Second, limit), Factor: 2, Steps: math.MaxInt32, Cap: limit}
}

// follow makes the answer Known, with whatever the store holds at the time of asking.
func (s *source) follow(store objectStore) {
	s.mu.Lock()
	s.answer, s.objects = facts.Answer{State: facts.Known}, store
	s.mu.Unlock()
	s.markDirty()
}

func (s *source) current() facts.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := s.answer
	if s.objects != nil {
		answer.Objects = s.objects.list()
	}
	return answer
}

// sleep waits, and says whether the context is still alive.
func (s *source) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := s.live.options.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

// jitter is the part by which waits differ, so that not all sources knock at the same time.
const jitter = 0.2

// pause waits for about d.
func (s *source) pause(ctx context.Context, d time.Duration) bool {
	return s.sleep(ctx, wait.Jitter(d, jitter))
}
