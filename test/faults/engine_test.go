// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/test/world"
)

// operator is an engine that follows a world as the operator's does: it is notified of what changes, and whom it notifies
// is assessed.
type operator struct {
	g        Gomega
	world    *world.World
	sources  *world.Sources
	engine   *engine.Engine
	clock    *clocktesting.FakeClock
	follower *judge.Follower

	mu      sync.Mutex
	changed sets.Set[engine.Key]
}

func newOperator(g Gomega, w *world.World) *operator {
	rows, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	g.Expect(err).NotTo(HaveOccurred())
	current, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	o := &operator{g: g, world: w, sources: world.NewSources(current), clock: clocktesting.NewFakeClock(w.Now()), changed: sets.New[engine.Key]()}
	o.engine = engine.New(o.sources, o.notify, engine.Options{Clock: o.clock, Pace: -1})
	o.follower = judge.Compile(&rows.Architectures[0], rows.Mappings).Follow(o.engine, o.clock)
	o.follower.Judge(nil) // to subscribe
	return o
}

func (o *operator) notify(key engine.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed.Insert(key)
}

// expectAgreement expects that incremental evaluation gives the same verdicts as evaluating everything anew.
func (o *operator) expectAgreement(when string) {
	current, err := o.world.Snapshot()
	o.g.Expect(err).NotTo(HaveOccurred())
	o.clock.SetTime(o.world.Now())
	o.sources.Update(current)
	o.engine.EvaluateAll(context.Background())
	o.mu.Lock()
	changed := o.changed
	o.changed = sets.New[engine.Key]()
	o.mu.Unlock()

	followed, _ := o.follower.Judge(changed)
	anew := verdictsOf(o.g, o.world)
	for i := range followed.Mappings {
		m := &followed.Mappings[i]
		if want := anew.Mappings[m.Name].Status; !equality.Semantic.DeepEqual(m.Status, want) {
			o.g.Expect(cmp.Diff(want, m.Status)).To(BeEmpty(), "%s, %s: the engine differs from a fresh evaluation", when, m.Name)
		}
	}
	want, got := anew.Architecture.Status, followed.Architecture.Status
	if want.ObservedAt = got.ObservedAt; !equality.Semantic.DeepEqual(got, want) {
		o.g.Expect(cmp.Diff(want, got)).To(BeEmpty(), "%s: the architecture differs from a fresh evaluation", when)
	}
}

// For any sequence of changes, an engine that follows them gives the same verdicts as one that evaluates everything
// anew.
func TestEngineFollows(t *testing.T) {
	for shape, cases := range faultsByShape(NewWithT(t)) {
		t.Run(shape, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(g, shape)
			o := newOperator(g, w)
			o.expectAgreement("at first")
			healthy := w.Save()
			for _, c := range cases {
				g.Expect(apply(w, c.Break, healthy, func(*world.Verdicts) {})).To(Succeed())
				o.expectAgreement(c.Name)
				w.Advance(2 * time.Minute)
				o.expectAgreement(c.Name + ", after two minutes")
				w.Advance(max(longestGrace, c.After.Duration))
				o.expectAgreement(c.Name + ", after its grace")
				w.Restore(healthy)
				o.expectAgreement(c.Name + ", repaired")
			}
		})
	}
}
