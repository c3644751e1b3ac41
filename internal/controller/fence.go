// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// beatInterval is how often a fence notes that the process runs.
	beatInterval = time.Second
	// frozenAfter is how long there is no beat of a process that was frozen: longer than a busy machine lets a goroutine wait.
	frozenAfter = 5 * time.Second
	// catchUp is how long nothing is written after that. Within it what the API server has sent meanwhile arrives, watches that
	// it has ended begin again, and what is due is read.
	catchUp = 5 * time.Second
	// leaseRetry is how soon to try again without the lease: as often as the elector renews it.
	leaseRetry = 2 * time.Second
)

// fence says whether a status may be written. It may not while the lease is not held for sure, nor just after the process was
// frozen or the clock jumped: what was read before is out of date.
type fence struct {
	clock clock.WithTicker
	// lease is nil without an election.
	lease *Lease

	mu sync.Mutex
	// beat is when the process was known to run; zero before Start. woken is when it was found to have been frozen.
	beat, woken time.Time
}

// Start notes that the process runs until the context is done.
func (f *fence) Start(ctx context.Context) error {
	f.mu.Lock()
	f.beat = f.clock.Now()
	f.mu.Unlock()
	ticker := f.clock.NewTicker(beatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			f.mu.Lock()
			f.beatLocked()
			f.mu.Unlock()
		}
	}
}

// beatLocked notes that the process runs, and whether it was frozen.
func (f *fence) beatLocked() {
	if f.beat.IsZero() {
		return
	}
	now := f.clock.Now()
	if gap := elapsed(f.beat, now); gap > frozenAfter {
		f.woken = now
		ctrl.Log.WithName("fence").Info("The process was frozen, or the clock has jumped: statuses are written again after what they show was read again",
			"gap", gap.String(), "pause", catchUp.String())
	}
	f.beat = now
}

// hold returns how long nothing may be written; not positive: it may be now.
func (f *fence) hold() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beatLocked() // a reconcile may run before the beat
	if f.lease != nil && f.lease.left() <= 0 {
		return leaseRetry
	}
	if f.woken.IsZero() {
		return 0
	}
	return catchUp - f.clock.Since(f.woken)
}

// within ends a write no later than the lease: it may have to wait for its turn, or the process may be frozen.
func (f *fence) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.lease == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, f.lease.left())
}
