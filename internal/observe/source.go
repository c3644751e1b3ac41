// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"fmt"
	"math"
	"slices"
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
	// need is without a mask: needs that only their masks tell apart share a source.
	need facts.Need
	// outlook belongs to the goroutine of run.
	outlook outlook
	// demanded has room for one signal that refresh has changed.
	demanded chan struct{}
	// widened has room for one signal that mask has changed.
	widened chan struct{}

	mu sync.Mutex
	// cancel is nil until the source runs; ended says that it does no more.
	cancel  context.CancelFunc
	ended   bool
	changed func(need facts.Need, object types.NamespacedName)
	// wanted are the needs that it meets, by their masks; a slice is never changed.
	wanted []wanted
	// mask has the fields that any of them has wanted, reading those that are being read, and held those of the answer. Who
	// wants more than is held gets missing.
	mask, reading, held facts.Mask
	missing             facts.Answer
	answer              facts.Answer
	// refresh is when to read again what is read on demand; revisions counts how often that was for another
	// revision than before, as what turns back to what it was may have other pods now.
	refresh   facts.Refresh
	revisions int
	// objects, when set, is asked for the objects of an answer that is Known.
	objects facts.Objects
}

func newSource(sources *Sources, need facts.Need) *source {
	s := &source{sources: sources, need: need.Whole(), outlook: newOutlook(need.Whole(), sources.options.RetryInterval),
		demanded: make(chan struct{}, 1), widened: make(chan struct{}, 1), mask: facts.Mask{}}
	if need.WatchesMetadata() { // which is compared with what was read
		s.mask.Add("metadata", "uid")
		s.mask.Add("metadata", "generation")
	}
	return s
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
	s.cancel, s.changed, s.answer, s.reading = cancel, changed, facts.Answer{}, s.mask
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
func (s *source) refuse(why string, changed func(facts.Need, types.NamespacedName)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.changed = facts.Answer{State: facts.Failed, Message: why}, changed
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
		s.answer, s.objects, s.held, s.missing = answer, nil, s.reading, facts.Answer{}
		return true
	})
}

// follow makes the answer Known, with whatever the store holds at the time of asking.
func (s *source) follow(store facts.Objects) {
	s.update(func() bool {
		s.answer, s.objects, s.held, s.missing = facts.Answer{State: facts.Known}, store, s.reading, facts.Answer{}
		return true
	})
}

// hold makes an answer Known that was read in one go. One that says the same as before is no news, which it reports.
func (s *source) hold(answer facts.Answer, objects trim.PackedList) (news bool) {
	s.update(func() bool {
		before, polled := s.objects.(trim.PackedList)
		same := polled && s.answer.State == facts.Known && s.held.Covers(s.reading) && before.Same(objects)
		s.answer, s.objects, s.held, s.missing = answer, objects, s.reading, facts.Answer{}
		news = !same
		return news
	})
	return news
}

// giveUpWaiting says that a first read fails, when it has been tried for SyncTimeout. An answer that there is
// already stands: it was true when it was read. Who wants more of the objects is told.
func (s *source) giveUpWaiting(began time.Time, err error) {
	if s.sources.options.Clock.Since(began) < s.sources.options.SyncTimeout {
		return
	}
	failed := facts.Answer{State: facts.Failed, Message: fmt.Sprintf("still reading after %s: %s", s.sources.options.SyncTimeout, s.sources.api.explain(err))}
	s.update(func() bool {
		switch {
		case s.answer.State == facts.Pending || s.answer.State == facts.Deferred:
			s.answer = failed
		case s.missesLocked(s.mask) && s.missing.State == facts.Pending:
			s.missing = failed
		default:
			return false
		}
		return true
	})
}

// update changes the answer, unless the source has ended: what it learns then is nobody's.
func (s *source) update(change func() bool) {
	s.mu.Lock()
	refused := s.answer.State == facts.NotPermitted
	changed := !s.ended && change()
	granted := refused && s.answer.State == facts.Known
	s.mu.Unlock()
	if granted {
		s.sources.granted.tell()
	}
	if changed {
		s.tell(types.NamespacedName{})
	}
}

// tell tells all whose needs it meets.
func (s *source) tell(object types.NamespacedName) {
	s.mu.Lock()
	notify, all := s.changed, s.wanted
	s.mu.Unlock()
	if notify == nil {
		return
	}
	for _, w := range all {
		notify(w.need, object)
	}
}

// objectChanged tells of a change of one object, once the store that holds it is what is followed.
func (s *source) objectChanged(store facts.Objects, object types.NamespacedName) {
	s.mu.Lock()
	followed := !s.ended && s.objects == store
	s.mu.Unlock()
	if followed {
		s.tell(object)
	}
}

// backoff is the time between attempts at what fails for a passing reason: short at first.
func (s *source) backoff() *wait.Backoff {
	limit := s.sources.options.RetryInterval
	return &wait.Backoff{Duration: min(time.Second, limit), Factor: 2, Steps: math.MaxInt32, Cap: limit}
}

// view returns the answer to a need without its objects, and what holds them.
func (s *source) view(need facts.Need) (facts.Answer, facts.Objects) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.wanted, func(w wanted) bool { return w.need == need })
	switch {
	case i < 0:
		return facts.Answer{}, trim.Sorted(nil)
	case s.missesLocked(s.wanted[i].mask):
		return s.missing, trim.Sorted(nil)
	}
	return s.viewLocked()
}

func (s *source) viewLocked() (facts.Answer, facts.Objects) {
	answer, store := s.answer, s.objects
	if store == nil {
		store = trim.Sorted(answer.Objects)
	}
	answer.Objects = nil
	return answer, store
}

func (s *source) state() facts.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer.State
}

// current is the answer, whatever it holds of the objects.
func (s *source) current() facts.Answer {
	s.mu.Lock()
	answer, store := s.viewLocked()
	s.mu.Unlock()
	answer.Objects = store.List()
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
