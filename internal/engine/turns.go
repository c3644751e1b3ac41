// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// turns is a slot that one has at a time. Next is whose subscribers were served longest ago: a subscriber with many
// expensive checks holds up its own, and others by one evaluation.
type turns struct {
	mu      sync.Mutex
	taken   bool
	waiting []*turn
	// served is the number of the turn that a subscriber had last, since the slot was last free.
	served map[Key]uint64
	number uint64
}

// turn is that of one who waits; ready is closed when it has come.
type turn struct {
	subscribers []Key
	ready       chan struct{}
}

func newTurns() *turns { return &turns{served: map[Key]uint64{}} }

// take waits for the slot, unless the context ends before.
func (t *turns) take(ctx context.Context, subscribers []Key) (ok bool) {
	t.mu.Lock()
	if !t.taken {
		t.serveLocked(subscribers)
		t.mu.Unlock()
		return true
	}
	own := &turn{subscribers, make(chan struct{})}
	t.waiting = append(t.waiting, own)
	t.mu.Unlock()
	select {
	case <-own.ready:
		return true
	case <-ctx.Done():
	}
	t.mu.Lock()
	waiting := t.removeLocked(own)
	t.mu.Unlock()
	if !waiting { // it came meanwhile
		t.release()
	}
	return false
}

// release gives the slot to the next.
func (t *turns) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.taken = false
		clear(t.served)
		return
	}
	next := slices.MinFunc(t.waiting, func(a, b *turn) int { return cmp.Compare(t.lastLocked(a), t.lastLocked(b)) })
	t.removeLocked(next)
	t.serveLocked(next.subscribers)
	close(next.ready)
}

func (t *turns) serveLocked(subscribers []Key) {
	t.taken = true
	t.number++
	for _, key := range subscribers {
		t.served[key] = t.number
	}
}

// lastLocked is when the one of the subscribers was served that has waited for longest; 0 is never.
func (t *turns) lastLocked(of *turn) uint64 {
	last := t.number
	for _, key := range of.subscribers {
		last = min(last, t.served[key])
	}
	return last
}

func (t *turns) removeLocked(own *turn) (found bool) {
	i := slices.Index(t.waiting, own)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	return i >= 0
}
