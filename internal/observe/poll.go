// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// poll reads the need every interval until the context ends, and as soon as the metadata of its objects has changed. When
// reading fails because the API server cannot be reached, what was read last stands.
func (s *source) poll(ctx context.Context) {
	began := s.sources.options.Clock.Now()
	metadata := newMetadata(s.need.Interval)
	var following sync.WaitGroup
	defer following.Wait()
	if s.need.WatchesMetadata() {
		following.Go(func() { s.sources.followMetadata(ctx, s, metadata) })
	}
	for s.awaitRead(ctx) {
		next := s.sources.turns()
		if s.wantsMore() { // it is a first read for some
			began = s.sources.options.Clock.Now()
		}
		s.refill(ctx, began)
		if !s.awaitPoll(ctx, metadata, next) {
			return
		}
	}
}

// awaitRead waits until one more read of what is polled is due, and reports whether the context is still alive. Whoever comes
// first reads first, so that many sources that are read often delay the others by a round.
func (s *source) awaitRead(ctx context.Context) bool {
	select {
	case s.sources.nextPoll <- struct{}{}:
		defer func() { <-s.sources.nextPoll }()
	case <-ctx.Done():
		return false
	}
	clock := s.sources.options.Clock
	now := clock.Now()
	turn := s.sources.polls.ReserveN(now, 1)
	if !s.sleep(ctx, turn.DelayFrom(now)) {
		turn.CancelAt(clock.Now()) // it is the last one: whoever comes next has it
		return false
	}
	return true
}

// awaitPoll waits until the need is to be read again, and reports whether the context is still alive. next tells when what
// stood in the way may have changed since before the last read. What is not known is asked for as often as for a watch.
func (s *source) awaitPoll(ctx context.Context, m *metadata, next turns) bool {
	clock, state, interval := s.sources.options.Clock, s.state(), s.need.Interval
	switch state {
	case facts.NotServed:
		defer s.sources.kinds.wait()()
	case facts.NotPermitted, facts.Pending, facts.Failed:
		interval = min(interval, s.sources.options.RetryInterval)
	}
	if s.outlook.unconfirmed() {
		interval = min(interval, s.outlook.soon())
	}
	timer := clock.NewTimer(wait.Jitter(interval, jitter))
	defer timer.Stop()
	changed, widened := next.after(state), s.widened
	if state != facts.Known { // nothing is held of which more could be
		widened = nil
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C():
			return true
		case <-changed:
			return true
		case <-widened:
			if s.wantsMore() {
				return s.debounceWider(ctx)
			}
		case <-m.changed:
			if !s.sleep(ctx, changeDebounce) {
				return false
			}
			if m.reads.TokensAt(clock.Now()) >= 1 && !m.sees(s.current()) {
				m.reads.AllowN(clock.Now(), 1)
				return true
			}
		}
	}
}

// refill reads once and replaces the answer, and says whether anything was learned.
func (s *source) refill(ctx context.Context, began time.Time) bool {
	answer, objects, err := s.readPacked(ctx)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		s.sources.log(s.need).V(1).Info("Couldn't read; will retry", "error", err.Error())
		s.sources.metrics.countRead(s.need, resultFailed)
		s.giveUpWaiting(began, err)
		return false
	}
	if objects != nil {
		s.sources.metrics.countRead(s.need, resultOf(s.hold(answer, objects)))
		return true
	}
	s.sources.metrics.countRead(s.need, resultChanged) // it is not compared
	s.keepRenewals(&answer)
	s.set(answer)
	return true
}

// readPacked reads what is wanted of the objects. Untyped ones are packed, and not part of the answer.
func (s *source) readPacked(ctx context.Context) (facts.Answer, trim.PackedList, error) {
	mask := s.beginReading()
	answer, err := s.read(ctx, mask)
	if err != nil || answer.State != facts.Known || !s.need.ReadsObjects() || !trim.Untyped(s.need.Kind) {
		return answer, nil, err
	}
	objects, err := trim.PackList(s.need.Kind, mask, answer.Objects)
	answer.Objects = nil
	return answer, objects, err
}

// read looks once. An error means that nothing was learned. However seldom it looks, it does not wait for long: a first read that hangs
// must fail soon.
func (s *source) read(ctx context.Context, mask facts.Mask) (facts.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, min(s.need.Interval, 2*s.sources.options.SyncTimeout))
	defer cancel()
	need := s.need
	need.Mask = mask.String()
	answer, err := s.attempt(ctx, need)
	now := s.sources.options.Clock.Now()
	if refused := s.outlook.believe(err, now); refused != nil {
		return *refused, nil
	}
	answer.ReadAt = now
	return answer, err
}

// attempt asks for what is needed; where that fails in a way that lasts, what is in the way is the answer.
func (s *source) attempt(ctx context.Context, need facts.Need) (facts.Answer, error) {
	if !s.need.ReadsObjects() {
		return s.sources.api.ask(ctx, need)
	}
	for {
		if problem, err := s.outlook.obstacle(ctx, s.sources.api); err != nil || problem != nil {
			return ptr.Deref(problem, facts.Answer{}), err
		}
		answer, err := s.sources.api.ask(ctx, need)
		if !s.outlook.learn(err == nil, err) {
			return answer, err
		}
	}
}

// keepRenewals notes since when each lease has had its renewTime, by the clock of this process.
func (s *source) keepRenewals(answer *facts.Answer) {
	if s.need.Kind != coordinationv1.SchemeGroupVersion.WithKind("Lease") || answer.State != facts.Known {
		return
	}
	previous := s.current()
	before := map[types.NamespacedName]*metav1.MicroTime{}
	for _, o := range previous.Objects {
		if lease, ok := o.(*coordinationv1.Lease); ok {
			before[client.ObjectKeyFromObject(o)] = lease.Spec.RenewTime
		}
	}
	answer.Renewals = map[types.NamespacedName]facts.Renewal{}
	for _, o := range answer.Objects {
		key := client.ObjectKeyFromObject(o)
		renewal := facts.Renewal{Since: answer.ReadAt}
		if last, seen := before[key]; seen {
			renewal.Moved = true
			if o.(*coordinationv1.Lease).Spec.RenewTime.Equal(last) {
				renewal = previous.Renewals[key]
			}
		}
		answer.Renewals[key] = renewal
	}
}
