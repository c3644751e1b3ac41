// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	clocktesting "k8s.io/utils/clock/testing"
)

// Nothing is written while the lease is not held, nor just after the process was frozen.
func TestFence(t *testing.T) {
	g := NewWithT(t)
	c := clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC))
	lease := NewLease(&lock{})
	lease.clock = c
	f := &fence{clock: c, lease: lease}
	g.Expect(f.hold()).To(Equal(leaseRetry), "not elected")
	renew := func() {
		t.Helper()
		g.Expect(lease.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "us", LeaseDurationSeconds: 15})).To(Succeed())
	}
	renew()
	g.Expect(f.hold()).To(BeNumerically("<=", 0))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Start(ctx) }()
	g.Eventually(c.HasWaiters).Should(BeTrue())
	for range 10 {
		c.Step(time.Second)
		g.Expect(f.hold()).To(BeNumerically("<=", 0), "it runs")
	}
	renew()

	c.Step(8 * time.Second)
	g.Expect(f.hold()).To(Equal(catchUp), "it was frozen, though not for as long as the lease")
	c.Step(catchUp - time.Second)
	g.Expect(f.hold()).To(Equal(time.Second))
	c.Step(time.Second)
	renew()
	g.Expect(f.hold()).To(BeNumerically("<=", 0))

	c.Step(20 * time.Second)
	g.Expect(f.hold()).To(Equal(leaseRetry), "somebody else may have the lease")
	renew()
	g.Expect(f.hold()).To(Equal(catchUp), "what was read before is out of date all the same")

	within, done := f.within(t.Context())
	deadline, ok := within.Deadline()
	done()
	g.Expect(ok).To(BeTrue())
	g.Expect(time.Until(deadline)).To(BeNumerically("~", 15*time.Second, 5*time.Second), "a write ends with the lease")
	cancel()
	g.Expect(<-ended).To(Succeed())
}

// Without an election, and before it is started, a fence lets all pass.
func TestFenceThatIsOpen(t *testing.T) {
	g := NewWithT(t)
	c := clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC))
	f := &fence{clock: c}
	c.Step(time.Hour)
	g.Expect(f.hold()).To(BeNumerically("<=", 0))
	within, done := f.within(t.Context())
	defer done()
	_, ok := within.Deadline()
	g.Expect(ok).To(BeFalse())
}
