// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/archmap/archmap/internal/facts"
)

const (
	// widenDebounce is for how long nobody must want more of the objects of a source before it reads them again: mappings
	// that come at the same time want more one after the other. maxWidenDebounce is how long the first waits.
	widenDebounce    = 100 * time.Millisecond
	maxWidenDebounce = time.Second
)

// errWidened ends a watch of objects of which more is wanted.
var errWidened = errors.New("more of the objects is wanted")

// wanted is a need that a source meets.
type wanted struct {
	need facts.Need
	mask facts.Mask
}

// want has the source meet another need. Where that wants more of the objects than is read, they are read again; the answer
// that there is stands for those whom it satisfies.
func (s *source) want(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.wanted, func(w wanted) bool { return w.need == need }) {
		return
	}
	more := wanted{need, facts.ParseMask(need.Mask)}
	s.wanted = append(slices.Clone(s.wanted), more)
	if !s.mask.Covers(more.mask) {
		s.mask = s.mask.Union(more.mask)
		signal(s.widened)
	}
}

// drop has the source meet a need no more, and says how many others it meets. It goes on reading as much of the objects.
func (s *source) drop(need facts.Need) (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = slices.DeleteFunc(slices.Clone(s.wanted), func(w wanted) bool { return w.need == need })
	return len(s.wanted)
}

// beginReading returns the fields to read.
func (s *source) beginReading() facts.Mask {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = s.mask
	return s.reading
}

// missesLocked says whether somebody with a mask wants more than the answer has.
func (s *source) missesLocked(mask facts.Mask) bool {
	return s.answer.State == facts.Known && !s.held.Covers(mask)
}

// wantsMore says whether more is wanted than is read.
func (s *source) wantsMore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.reading.Covers(s.mask)
}

// awaitWider waits until more is wanted than is read, and says whether the context is still alive.
func (s *source) awaitWider(ctx context.Context) bool {
	for !s.wantsMore() {
		select {
		case <-ctx.Done():
			return false
		case <-s.widened:
		}
	}
	return s.debounceWider(ctx)
}

// debounceWider waits while what is wanted grows.
func (s *source) debounceWider(ctx context.Context) bool {
	clock := s.sources.options.Clock
	end := clock.NewTimer(maxWidenDebounce)
	defer end.Stop()
	for {
		quiet := clock.NewTimer(widenDebounce)
		select {
		case <-s.widened:
			quiet.Stop()
			continue
		case <-ctx.Done():
		case <-quiet.C():
		case <-end.C():
		}
		quiet.Stop()
		return ctx.Err() == nil
	}
}
