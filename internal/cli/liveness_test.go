// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// heldLease is the operator's lease as it was renewed so long before noon.
func heldLease(holder string, age time.Duration) lease {
	at := metav1.NewMicroTime(noon.Add(-age))
	return lease{Lease: &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "archmap-system", Name: leaseName},
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
		"without a lease, dead":                {unseen, before(8 * time.Minute), false, before(8 * time.Minute), "not alive: it last looked at ClusterArchitecture aks 8m ago"},
		"without a lease, unknown":             {unseen, never, false, never, "does not seem to be alive: there is no Lease"},
		"an old lease of one that was elected": {heldLease(holder, time.Hour), before(time.Minute), true, before(time.Minute), ""},
		"dead":                                 {heldLease(holder, time.Hour), before(61 * time.Minute), false, before(time.Hour), "died 60m ago (2026-11-23T11:00:00Z): the Lease archmap-system/manager.archmap.dev is not renewed"},
		"dead, seen last at work":              {heldLease(holder, time.Hour), before(59*time.Minute + 30*time.Second), false, before(59*time.Minute + 30*time.Second), "died 59m ago"},
		"dead for two minutes":                 {heldLease(holder, 2*time.Minute), before(150 * time.Second), false, before(2 * time.Minute), "died 2m ago"},
		"stopped":                              {heldLease("", 2*time.Minute), before(3 * time.Minute), false, before(2 * time.Minute), "was stopped 2m ago (2026-11-23T11:58:00Z): nobody holds"},
		"stuck":                                {heldLease(holder, time.Second), before(10 * time.Minute), false, before(10 * time.Minute), "is stuck: it renews its lease, but it last looked"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			life := lifeOf(c.lease, "aks", c.observedAt, noon)
			g.Expect(life.alive).To(Equal(c.alive))
			g.Expect(life.last).To(BeTemporally("==", c.last))
			if c.alive {
				g.Expect(life.doubt()).To(BeEmpty())
				return
			}
			g.Expect(life.doubt()).To(ContainSubstring(c.problem))
		})
	}
}

// What is well in verdicts that nobody keeps is not known to be well; what is bad stays bad.
func TestVerdictOfTheDead(t *testing.T) {
	g := NewWithT(t)
	picture := func(status metav1.ConditionStatus) *report.Picture {
		m := v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "coredns"}}
		m.Status.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionPresent, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonObserved},
			{Type: v1alpha1.ConditionHealthy, Status: status, Reason: v1alpha1.ReasonAllChecksPass},
		}
		return &report.Picture{Mappings: []v1alpha1.ComponentMapping{m}}
	}
	g.Expect(liveness{alive: true}.verdict(picture(metav1.ConditionTrue))).To(Equal(catalog.Healthy))
	g.Expect(liveness{}.verdict(picture(metav1.ConditionTrue))).To(Equal(catalog.Unknown))
	g.Expect(liveness{}.verdict(picture(metav1.ConditionFalse))).To(Equal(catalog.Unhealthy))
}

func TestChooseArchitecture(t *testing.T) {
	named := func(names ...string) *kept {
		k := &kept{}
		for _, name := range names {
			k.architectures = append(k.architectures, v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		return k
	}
	for name, c := range map[string]struct {
		kept         *kept
		asked, found string
		note         string
		problem      string
	}{
		"none":               {kept: named()},
		"the only one":       {kept: named("gke"), found: "gke"},
		"the shipped one":    {kept: named("zzz", "aks", "aaa"), found: "aks", note: "ClusterArchitecture aks; there are: aaa, aks, zzz"},
		"the first by name":  {kept: named("zzz", "bbb"), found: "bbb", note: "ClusterArchitecture bbb; there are: bbb, zzz"},
		"the named one":      {kept: named("zzz", "aks"), asked: "zzz", found: "zzz"},
		"one that is not":    {kept: named("zzz", "aks"), asked: "yyy", problem: `no ClusterArchitecture "yyy"; there are: aks, zzz`},
		"one of none at all": {kept: named(), asked: "yyy", problem: `no ClusterArchitecture "yyy", nor any other`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			found, note, err := c.kept.choose(c.asked)
			if c.problem != "" {
				g.Expect(err).To(MatchError(ContainSubstring(c.problem)))
				code, _ := exitCode(err)
				g.Expect(code).To(Equal(exitUsage))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(note).To(ContainSubstring(c.note))
			if c.found == "" {
				g.Expect(found).To(BeNil())
				return
			}
			g.Expect(found.Name).To(Equal(c.found))
		})
	}
}

// What only other architectures take in is theirs; what none takes in belongs to each.
func TestMappingsOfArchitecture(t *testing.T) {
	g := NewWithT(t)
	architecture := func(platform string) v1alpha1.ClusterArchitecture {
		a := v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: platform}}
		a.Spec.ComponentSelector = metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.PlatformLabel: platform}}
		return a
	}
	mapping := func(name, platform string) v1alpha1.ComponentMapping {
		return v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.PlatformLabel: platform}}}
	}
	k := &kept{
		architectures: []v1alpha1.ClusterArchitecture{architecture("aks"), architecture("gke")},
		mappings:      []v1alpha1.ComponentMapping{mapping("a", "aks"), mapping("g", "gke"), mapping("o", "own")},
	}
	g.Expect(k.mappingsOf(&k.architectures[0])).To(HaveExactElements(HaveField("Name", "a"), HaveField("Name", "o")))
	g.Expect(k.mappingsOf(&k.architectures[1])).To(HaveExactElements(HaveField("Name", "g"), HaveField("Name", "o")))
	g.Expect(k.mappingsOf(nil)).To(HaveLen(3))
}

// Whoever does not heed the context is not waited for.
func TestWithin(t *testing.T) {
	g := NewWithT(t)
	done := make(chan struct{})
	defer close(done)
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(errors.New("no answer within 1s"))
	_, err := within(ctx, func(context.Context) (int, error) {
		<-done
		return 0, nil
	})
	g.Expect(err).To(MatchError("no answer within 1s"))
}
