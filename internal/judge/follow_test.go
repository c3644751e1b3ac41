// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package judge_test

import (
	"context"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	testclock "k8s.io/utils/clock/testing"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// following is a follower of a world, whose engine the test drives step by step.
type following struct {
	g        Gomega
	world    *world.World
	sources  *world.Sources
	engine   *engine.Engine
	clock    *testclock.FakeClock
	follower *judge.Follower
	// changed are whom the engine has notified of; notified are those of the last visit.
	mu                sync.Mutex
	changed, notified sets.Set[engine.Key]
}

func follow(t *testing.T, architecture *v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping) *following {
	g := NewWithT(t)
	f := &following{g: g, world: newWorld(g), changed: sets.New[engine.Key]()}
	f.clock = testclock.NewFakeClock(f.world.Now())
	f.sources = world.NewSources(snapshotOf(g, f.world))
	f.engine = engine.New(f.sources, func(key engine.Key) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed.Insert(key)
	}, engine.Options{Clock: f.clock, Pace: -1})
	f.follower = judge.Compile(architecture, mappings).Follow(f.engine, f.clock)
	f.follower.Judge(nil) // to subscribe
	return f
}

// judge judges the world as it is now.
func (f *following) judge() (*judge.Verdicts, time.Duration) {
	f.clock.SetTime(f.world.Now())
	f.sources.Update(snapshotOf(f.g, f.world))
	f.engine.EvaluateAll(context.Background())
	f.mu.Lock()
	f.notified, f.changed = f.changed, sets.New[engine.Key]()
	f.mu.Unlock()
	return f.follower.Judge(f.notified)
}

// TestFollow: what a follower says of a cluster as it changes is what the operator would, and it judges only what has
// changed or is due.
func TestFollow(t *testing.T) {
	g := NewWithT(t)
	loaded := shipped(g)
	f := follow(t, &loaded.Architectures[0], loaded.Mappings)
	var next time.Duration
	visit := func() map[string]shapes.Expected {
		t.Helper()
		var verdicts *judge.Verdicts
		verdicts, next = f.judge()
		out := map[string]shapes.Expected{}
		for i := range verdicts.Mappings {
			out[verdicts.Mappings[i].Name] = shapes.Verdict(&verdicts.Mappings[i])
		}
		g.Expect(meta.IsStatusConditionTrue(verdicts.Architecture.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
		return out
	}
	operator := func() map[string]shapes.Expected {
		t.Helper()
		verdicts, err := f.world.Judge()
		g.Expect(err).NotTo(HaveOccurred())
		return verdicts.Summary()
	}
	g.Expect(visit()).To(Equal(operator()))
	g.Expect(f.notified).To(HaveLen(len(loaded.Mappings)+1), "everybody is notified first")

	f.world.Advance(min(next, time.Second) / 2)
	visit()
	g.Expect(f.notified).To(BeEmpty(), "nothing has changed")

	dns := engine.Key{Kind: "ComponentMapping", Name: "coredns"}
	ref, err := world.ParseRef("Deployment kube-system/coredns")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.world.SetPods(ref, world.Pods{State: world.CrashLooping})).To(Succeed())
	f.world.Advance(time.Minute)
	verdict := visit()["coredns"]
	g.Expect(f.notified).To(HaveKey(dns))
	g.Expect(len(f.notified)).To(BeNumerically("<", 5), "only whom it concerns: %v", f.notified)
	g.Expect(verdict).To(Equal(operator()["coredns"]))
	g.Expect(next).To(BeNumerically(">", 0), "observedAt is to be renewed")
}

// TestFollowGrants: what turns bad has its grace period, after which it is bad although nothing has changed.
func TestFollowGrants(t *testing.T) {
	g := NewWithT(t)
	loaded := shipped(g)
	const grace = 5 * time.Minute
	for i := range loaded.Mappings {
		loaded.Mappings[i].Spec.GracePeriodSeconds = new(int32(grace.Seconds()))
	}
	f := follow(t, nil, loaded.Mappings)
	dns := func() (reason string, next time.Duration) {
		verdicts, next := f.judge()
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
	g.Expect(f.world.SetPods(ref, world.Pods{State: world.CrashLooping})).To(Succeed())
	f.world.Advance(2 * time.Minute)
	reason, next := dns()
	g.Expect(reason).To(Equal(v1alpha1.ReasonWithinGracePeriod))
	g.Expect(next).To(BeNumerically("<=", grace))
	f.world.Advance(grace)
	reason, _ = dns()
	g.Expect(reason).To(Equal(v1alpha1.ReasonCrashLooping), "it was due")
}
