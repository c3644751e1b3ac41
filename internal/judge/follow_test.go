// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package judge_test

import (
	"testing"
	"time"

	"github.com/archmap/archmap/internal/snapshot"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	testclock "k8s.io/utils/clock/testing"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// window is an observer of a world. It counts who looks.
type window struct {
	*snapshot.Snapshot
	looks map[observe.Key]int
}

func (w *window) Observe(key observe.Key, needs []facts.Need, view observe.View) observe.Seen {
	w.looks[key]++
	return w.Dump.Observe(needs, view)
}

// TestFollow: what a follower says of a cluster as it changes is what the operator would, and it judges only what has
// changed or is due.
func TestFollow(t *testing.T) {
	g := NewWithT(t)
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	g.Expect(err).NotTo(HaveOccurred())
	shape, err := shapes.Load("overlay-cilium")
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(shape)
	g.Expect(err).NotTo(HaveOccurred())
	clock, seen := testclock.NewFakeClock(w.Now()), &window{looks: map[observe.Key]int{}}
	follower := judge.Compile(&loaded.Architectures[0], loaded.Mappings).Follow(seen, clock)
	var next time.Duration
	look := func(changed ...observe.Key) map[string]shapes.Expected {
		t.Helper()
		clock.SetTime(w.Now())
		seen.Dump, err = w.Dump()
		g.Expect(err).NotTo(HaveOccurred())
		clear(seen.looks)
		var verdicts *judge.Verdicts
		verdicts, next = follower.Judge(sets.New(changed...))
		out := map[string]shapes.Expected{}
		for i := range verdicts.Mappings {
			out[verdicts.Mappings[i].Name] = shapes.Verdict(&verdicts.Mappings[i])
		}
		g.Expect(meta.IsStatusConditionTrue(verdicts.Architecture.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		return out
	}
	operator := func() map[string]shapes.Expected {
		t.Helper()
		verdicts, err := w.Judge()
		g.Expect(err).NotTo(HaveOccurred())
		return verdicts.Summary()
	}
	g.Expect(look()).To(Equal(operator()))
	g.Expect(seen.looks).To(HaveLen(len(loaded.Mappings)+1), "everybody looks first")

	w.Advance(min(next, time.Second) / 2)
	look()
	g.Expect(seen.looks).To(HaveLen(1), "then only the architecture, as nothing is due")

	dns := observe.Key{Kind: "ComponentMapping", Name: "coredns"}
	ref, err := world.ParseRef("Deployment kube-system/coredns")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.SetPods(ref, world.Pods{State: world.CrashLooping})).To(Succeed())
	w.Advance(time.Minute)
	verdict := look(dns)["coredns"]
	g.Expect(seen.looks).To(HaveKey(dns))
	g.Expect(verdict).To(Equal(operator()["coredns"]))
	g.Expect(next).To(BeNumerically(">", 0), "observedAt is to be renewed")
}

// TestFollowGrants: what turns bad has its grace period, after which it is bad although nothing has changed.
func TestFollowGrants(t *testing.T) {
	g := NewWithT(t)
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	g.Expect(err).NotTo(HaveOccurred())
	shape, err := shapes.Load("overlay-cilium")
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(shape)
	g.Expect(err).NotTo(HaveOccurred())
	const grace = 5 * time.Minute
	for i := range loaded.Mappings {
		loaded.Mappings[i].Spec.GracePeriodSeconds = new(int32(grace.Seconds()))
	}
	clock, seen := testclock.NewFakeClock(w.Now()), &window{looks: map[observe.Key]int{}}
	follower := judge.Compile(nil, loaded.Mappings).Follow(seen, clock)
	dns := func(changed ...observe.Key) (reason string, next time.Duration) {
		clock.SetTime(w.Now())
		seen.Dump, err = w.Dump()
		g.Expect(err).NotTo(HaveOccurred())
		verdicts, next := follower.Judge(sets.New(changed...))
		g.Expect(verdicts.Architecture).To(BeNil())
		for i := range verdicts.Mappings {
			if verdicts.Mappings[i].Name == "coredns" {
				reason = meta.FindStatusCondition(verdicts.Mappings[i].Status.Conditions, v1alpha1.ConditionHealthy).Reason
			}
		}
		return reason, next
	}
	dns()
	ref, err := world.ParseRef("Deployment kube-system/coredns")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.SetPods(ref, world.Pods{State: world.CrashLooping})).To(Succeed())
	w.Advance(2 * time.Minute)
	reason, next := dns(observe.Key{Kind: "ComponentMapping", Name: "coredns"})
	g.Expect(reason).To(Equal(v1alpha1.ReasonWithinGracePeriod))
	g.Expect(next).To(BeNumerically("<=", grace))
	w.Advance(grace)
	reason, _ = dns()
	g.Expect(reason).To(Equal(v1alpha1.ReasonCrashLooping), "it was due")
}
