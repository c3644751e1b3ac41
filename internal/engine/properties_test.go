// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
)

// story is a cluster to which things happen while mappings come, go and change.
type story struct {
	*operator

	r *rand.Rand
	// asks are the checks of the mappings, by name.
	asks map[string][]string
}

var storyChecks = []string{
	deploymentCheck("web"), deploymentCheck("api, web"), nodesCheck("Ready"), nodesCheck("DiskPressure"),
	`{name: c, type: Nodes, nodes: {selector: {matchLabels: {gpu: "true"}}}}`,
	objectCheck("Widget", "object.well"), objectCheck("Gadget", "object.well"), daemonSetCheck,
}

func (s *story) step() {
	name := fmt.Sprint("n", s.r.IntN(4))
	switch s.r.IntN(17) {
	case 0, 1, 2:
		mapping := fmt.Sprint("m", s.r.IntN(4))
		s.asks[mapping] = nil
		for range 1 + s.r.IntN(4) {
			s.asks[mapping] = append(s.asks[mapping], storyChecks[s.r.IntN(len(storyChecks))])
		}
		s.subscribe(mapping, s.asks[mapping]...)
	case 3:
		mapping := fmt.Sprint("m", s.r.IntN(4))
		delete(s.asks, mapping)
		s.forget(mapping)
	case 4:
		s.remove(facts.Nodes, name)
	case 5, 6:
		n := node(name, []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse}[s.r.IntN(2)])
		n.Spec.Unschedulable = s.r.IntN(4) == 0
		s.put(facts.Nodes, n)
	case 7, 8:
		s.put(deployments, deployment([]string{"web", "api"}[s.r.IntN(2)], s.r.Int32N(5)))
	case 9:
		s.remove(deployments, "api")
	case 10:
		s.put(widgets, thing("Widget", name, s.r.IntN(2) == 0))
		s.remove(widgets, fmt.Sprint("n", s.r.IntN(4)))
	case 11:
		s.unseen()
	case 12, 13:
		s.put(daemonSets, daemonSet("cns", 3+s.r.Int32N(2), s.r.Int32N(3)))
	case 14:
		s.show(podsOf("cns"), crashingPods(s.r.IntN(3))...)
	case 15:
		n := node(name, corev1.ConditionTrue)
		// What follows from its age does so half a minute from when anybody looks: who waits for it may be a second late.
		n.CreationTimestamp = metav1.NewTime(s.clock.Now().Add(-30 * time.Second))
		n.Status.Conditions[0].LastTransitionTime = n.CreationTimestamp
		s.put(facts.Nodes, n)
	case 16:
		s.pass(time.Duration(1+s.r.IntN(3)) * time.Minute)
	}
}

// unseen has a whole answer change.
func (s *story) unseen() {
	need := []facts.Need{facts.Nodes, widgets, deployments, podsOf("web")}[s.r.IntN(4)]
	switch s.r.IntN(3) {
	case 0:
		s.answer(need, facts.Answer{State: facts.Failed, Message: "the network is down"})
	case 1:
		s.answer(need, facts.Answer{})
	default:
		s.fill(need)
	}
}

func (s *story) fill(need facts.Need) {
	s.show(need, map[facts.Need][]client.Object{
		facts.Nodes: nodesNamed(1 + s.r.IntN(4)), widgets: {thing("Widget", "n1", true)}, gadgets: {thing("Gadget", "g", true)},
		deployments: {deployment("web", s.r.Int32N(5))}, daemonSets: {newDaemonSet("cns")},
		podsOf("web"): {podOn("n1", "web")}, podsOf("cns"): {podOn("n2", "cns")},
	}[need]...)
}

// expectFresh holds what the engine has come to to what one comes to that is made anew, at that time and with the memory of statuses.
func (s *story) expectFresh(when string) {
	s.afterBurst()
	fresh := newOperator(s.t, Options{})
	fresh.clock.SetTime(s.clock.Now())
	fresh.answers, fresh.failed = maps.Clone(s.answers), s.remembersFailed
	for mapping, checks := range s.asks {
		fresh.subscribe(mapping, checks...)
	}
	fresh.engine.EvaluateAll(context.Background())
	for _, mapping := range slices.Sorted(maps.Keys(s.asks)) {
		got, want := fmt.Sprintf("%+v", s.results(mapping)), fmt.Sprintf("%+v", fresh.results(mapping))
		if got != want {
			s.t.Fatalf("%s, %s with %q:\n%s\na fresh engine says\n%s", when, mapping, s.asks[mapping], got, want)
		}
	}
	if got, want := s.wants(), fresh.wants(); !slices.Equal(got, want) {
		s.t.Fatalf("%s: %s are observed, a fresh engine observes %s", when, got, want)
	}
	fresh.end()
}

// remembersFailed reports whether the check failed when it was decided last.
func (s *story) remembersFailed(c *check.Check) bool {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	cell := s.engine.results[c.Key()]
	w, ok := cell.lane.worker.(*checkWorker)
	return ok && w.failed
}

// Whatever happens in whatever order, an engine comes to what one comes to that is made anew, and observes no more.
func TestEngineEqualsAFreshOne(t *testing.T) {
	for seed := range uint64(100) {
		options := Options{}
		if seed%2 == 0 {
			options.Pace = 200 * time.Millisecond
		}
		inBubble(t, options, func(o *operator) {
			o.editedMeanwhile = true
			s := &story{operator: o, r: rand.New(rand.NewPCG(seed, 0)), asks: map[string][]string{}}
			for _, need := range []facts.Need{facts.Nodes, widgets, gadgets, deployments, daemonSets, podsOf("web"), podsOf("cns")} {
				s.fill(need)
			}
			if seed%3 > 0 {
				o.start()
			}
			for step := range 60 {
				if s.step(); s.r.IntN(3) == 0 {
					synctest.Wait()
				}
				if step == 20 && o.stop == nil {
					o.start()
				}
				if step > 20 && s.r.IntN(6) == 0 {
					s.expectFresh(fmt.Sprintf("seed %d, step %d", seed, step))
				}
			}
			s.expectFresh(fmt.Sprintf("seed %d, at the end", seed))
		})
	}
}
