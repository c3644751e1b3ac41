// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// heldLease returns the operator's lease as it was renewed so long before noon.
func heldLease(holder string, age time.Duration) lease {
	at := metav1.NewMicroTime(noon.Add(-age))
	return lease{Lease: &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "archmap-system", Name: LeaseName},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &at},
	}}
}

func TestLiveness(t *testing.T) {
	const holder = "archmap-0"
	unseen := lease{problem: "there is no Lease"}
	never := time.Time{}
	before := func(d time.Duration) time.Time { return noon.Add(-d) }
	for name, c := range map[string]struct {
		lease      lease
		observedAt time.Time
		alive      bool
		last       time.Time
		problem    string
	}{
		"alive":                                {heldLease(holder, 2*time.Second), before(4 * time.Minute), true, before(2 * time.Second), ""},
		"alive, with nothing to sum up":        {heldLease(holder, 2*time.Second), never, true, before(2 * time.Second), ""},
		"alive, by a clock that is ahead":      {heldLease(holder, -time.Minute), before(-time.Minute), true, before(-time.Minute), ""},
		"alive at the edge":                    {heldLease(holder, leaseMaxAge), before(observedAtMaxAge), true, before(leaseMaxAge), ""},
		"without a lease, alive":               {unseen, before(6 * time.Minute), true, before(6 * time.Minute), ""},
		"without a lease, dead":                {unseen, before(8 * time.Minute), false, before(8 * time.Minute), "not running: it last updated ClusterArchitecture aks 8m ago"},
		"without a lease, unknown":             {unseen, never, false, never, "does not seem to be running: there is no Lease"},
		"an old lease of one that was elected": {heldLease(holder, time.Hour), before(time.Minute), true, before(time.Minute), ""},
		"dead":                                 {heldLease(holder, time.Hour), before(61 * time.Minute), false, before(time.Hour), "died 60m ago (2026-11-23T11:00:00Z): it no longer renews the Lease archmap-system/manager.archmap.dev"},
		"dead, seen last at work":              {heldLease(holder, time.Hour), before(59*time.Minute + 30*time.Second), false, before(59*time.Minute + 30*time.Second), "died 59m ago"},
		"dead for two minutes":                 {heldLease(holder, 2*time.Minute), before(150 * time.Second), false, before(2 * time.Minute), "died 2m ago"},
		"stopped":                              {heldLease("", 2*time.Minute), before(3 * time.Minute), false, before(2 * time.Minute), "was stopped 2m ago (2026-11-23T11:58:00Z): the Lease archmap-system/manager.archmap.dev has no holder"},
		"stuck":                                {heldLease(holder, time.Second), before(10 * time.Minute), false, before(10 * time.Minute), "is stuck: it renews its lease, but it last updated"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			life := lifeOf(c.lease, "aks", c.observedAt, noon)
			g.Expect(life.alive).To(Equal(c.alive))
			g.Expect(life.last).To(BeTemporally("==", c.last))
			if c.alive {
				g.Expect(life.stale()).To(BeEmpty())
				return
			}
			g.Expect(life.stale()).To(ContainSubstring(c.problem))
		})
	}
}
