// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
)

// Lease is the lock of a leader election that knows how long it is held. The elector finds out that it has lost the lease when
// it renews it the next time, and gives up after further tries: a process that was frozen writes until then.
type Lease struct {
	resourcelock.Interface

	clock clock.PassiveClock

	mu sync.Mutex
	// renewed is when the last renewal that succeeded began; zero while the lease is not held.
	renewed time.Time
	// duration is how long nobody else takes the lease after that.
	duration time.Duration
}

// NewLease returns the lock as a lease that is not held.
func NewLease(lock resourcelock.Interface) *Lease {
	return &Lease{Interface: lock, clock: clock.RealClock{}}
}

// Get reads who holds the lease.
func (l *Lease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.set(time.Time{}, 0)
	}
	return record, raw, err
}

// Create creates the lease, and takes it.
func (l *Lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.renew(ctx, record, l.Interface.Create)
}

// Update takes the lease, renews it or gives it back.
func (l *Lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.renew(ctx, record, l.Interface.Update)
}

func (l *Lease) renew(
	ctx context.Context, record resourcelock.LeaderElectionRecord, write func(context.Context, resourcelock.LeaderElectionRecord) error,
) error {
	began := l.clock.Now() // others count from a later time
	released := record.HolderIdentity != l.Identity()
	if released {
		l.set(time.Time{}, 0) // whatever comes of it
	}
	err := write(ctx, record)
	if err == nil && !released {
		l.set(began, time.Duration(record.LeaseDurationSeconds)*time.Second)
	}
	return err
}

func (l *Lease) set(renewed time.Time, duration time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed, l.duration = renewed, duration
}

// left returns how long nobody else takes the lease; not positive when it is not held.
func (l *Lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.renewed.IsZero() {
		return 0
	}
	return l.duration - elapsed(l.renewed, l.clock.Now())
}

// elapsed returns how much time has passed by that of two clocks which says more: the monotonic one stands still while a machine
// is suspended, and the wall clock may be set back.
func elapsed(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)).Abs())
}
