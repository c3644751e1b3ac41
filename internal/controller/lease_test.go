// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	clocktesting "k8s.io/utils/clock/testing"
)

// lock is a resource lock in memory.
type lock struct {
	resourcelock.Interface
	holder string
	err    error
	during func()
}

func (l *lock) Identity() string { return "us" }

func (l *lock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &resourcelock.LeaderElectionRecord{HolderIdentity: l.holder}, nil, l.err
}

func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}

func (l *lock) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.during != nil {
		l.during()
	}
	if l.err == nil {
		l.holder = record.HolderIdentity
	}
	return l.err
}

// A lease is held for as long as nobody else takes it, and not a moment longer, whatever becomes of the process meanwhile.
func TestLease(t *testing.T) {
	g := NewWithT(t)
	ctx, l := t.Context(), &lock{}
	c := clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC))
	lease := NewLease(l)
	lease.clock = c
	ours := resourcelock.LeaderElectionRecord{HolderIdentity: "us", LeaseDurationSeconds: 15}
	g.Expect(lease.left()).To(BeZero(), "not held yet")
	g.Expect(lease.Create(ctx, ours)).To(Succeed())
	g.Expect(lease.left()).To(Equal(15 * time.Second))
	c.Step(20 * time.Second)
	g.Expect(lease.left()).To(BeNumerically("<=", 0), "frozen")

	l.during = func() { c.Step(3 * time.Second) }
	g.Expect(lease.Update(ctx, ours)).To(Succeed())
	g.Expect(lease.left()).To(Equal(12*time.Second), "from before the request")
	l.err = errors.New("timeout")
	g.Expect(lease.Update(ctx, ours)).NotTo(Succeed())
	g.Expect(lease.left()).To(Equal(9*time.Second), "nobody else may take it sooner")
	_, _, err := lease.Get(ctx)
	g.Expect(err).To(HaveOccurred())
	g.Expect(lease.left()).To(Equal(9 * time.Second))

	l.err, l.holder = nil, "another"
	_, _, err = lease.Get(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(lease.left()).To(BeZero(), "somebody else has it")

	l.during = nil
	g.Expect(lease.Update(ctx, ours)).To(Succeed())
	l.during = func() { g.Expect(lease.left()).To(BeZero(), "whether the request succeeds or not") }
	g.Expect(lease.Update(ctx, resourcelock.LeaderElectionRecord{LeaseDurationSeconds: 1})).To(Succeed())
	g.Expect(lease.left()).To(BeZero(), "given back")
}

// The monotonic clock stands still while a machine is suspended, and the wall clock may be set.
func TestElapsed(t *testing.T) {
	g := NewWithT(t)
	now := time.Now()
	for jump, want := range map[time.Duration]time.Duration{0: time.Second, 20 * time.Second: 21 * time.Second, -20 * time.Second: 19 * time.Second} {
		since := now.Add(-time.Second)
		g.Expect(elapsed(since, now)).To(Equal(time.Second))
		g.Expect(elapsed(since.Round(0), now.Add(jump).Round(0))).To(Equal(want), "the wall clock jumps by %s", jump)
	}
}
