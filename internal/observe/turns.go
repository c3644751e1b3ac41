// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"sync"

	"github.com/archmap/archmap/internal/facts"
)

// turn tells all who wait that something has changed for one of them.
type turn struct {
	mu sync.Mutex
	// changed is closed at the next change, and is another one then.
	changed chan struct{}
}

func newTurn() *turn { return &turn{changed: make(chan struct{})} }

// next returns what is closed at the next change.
func (t *turn) next() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

func (t *turn) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}

// turns are what is closed when a need that could not be met is to be tried out of turn.
type turns struct {
	// served: other kinds are served than before. granted: a right that was missing was given to another source, as roles
	// grant several at a time.
	served, granted <-chan struct{}
}

// turns are to be taken before an attempt, so that no change after it is missed.
func (s *Sources) turns() turns { return turns{served: s.kinds.next(), granted: s.granted.next()} }

// after returns what to wait for after an attempt that came to a state; nil is never closed.
func (t turns) after(state facts.State) <-chan struct{} {
	switch state {
	case facts.NotServed:
		return t.served
	case facts.NotPermitted:
		return t.granted
	}
	return nil
}
