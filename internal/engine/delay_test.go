// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// measured is what was measured of a type of check: how often, and how long it took in all.
type measured struct {
	times int
	took  time.Duration
}

// delays runs something, and returns what was measured meanwhile.
func (o *operator) delays(of func()) map[v1alpha1.CheckType]measured {
	o.t.Helper()
	before := o.measured()
	of()
	after := o.measured()
	for kind, was := range before {
		now := after[kind]
		after[kind] = measured{now.times - was.times, (now.took - was.took).Round(time.Millisecond)}
		if after[kind].times == 0 {
			delete(after, kind)
		}
	}
	return after
}

func (o *operator) measured() map[v1alpha1.CheckType]measured {
	registry := prometheus.NewRegistry()
	registry.MustRegister(delayMetric)
	families, err := registry.Gather()
	o.g.Expect(err).NotTo(HaveOccurred())
	all := map[v1alpha1.CheckType]measured{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			h := metric.GetHistogram()
			took := time.Duration(h.GetSampleSum() * float64(time.Second))
			all[v1alpha1.CheckType(metric.GetLabel()[0].GetValue())] = measured{int(h.GetSampleCount()), took}
		}
	}
	return all
}

// written has a status be written, some time after the last change was told.
func (o *operator) written(name string, after time.Duration) func() {
	return func() {
		o.pass(after)
		o.engine.Done(keyOf(name), true)
	}
}

// The delay of a status runs from the first change that it shows until it is written.
func TestDelayOfAStatus(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("web", 4))
		o.start()
		o.subscribe("a", deploymentCheck("web"))
		o.expectNotified("the first findings", "a")
		o.engine.Done(keyOf("a"), true)
		took := func(d time.Duration) map[v1alpha1.CheckType]measured {
			return map[v1alpha1.CheckType]measured{v1alpha1.CheckWorkload: {1, d}}
		}

		o.remove(deployments, "web")
		o.expectNotified("it is gone", "a")
		o.g.Expect(o.delays(o.written("a", 30*time.Millisecond))).To(Equal(took(30*time.Millisecond)), "a change, and its status")
		o.g.Expect(o.delays(o.written("a", time.Second))).To(BeEmpty(), "nothing has changed since")

		o.put(deployments, deployment("web", 4))
		o.expectNotified("it is back", "a")
		o.engine.Done(keyOf("a"), false)
		o.g.Expect(o.delays(o.written("a", time.Second))).To(BeEmpty(), "the status need not be written")

		o.remove(deployments, "web")
		o.expectNotified("it is gone again, and the write fails", "a")
		o.pass(time.Second)
		o.put(deployments, deployment("web", 4))
		o.expectNotified("it is back while it is written again", "a")
		o.g.Expect(o.delays(o.written("a", time.Second))).To(Equal(took(2*time.Second)), "from the first change on")

		o.put(deployments, deployment("other", 3))
		o.expectNotified("nobody asks for it")
		o.g.Expect(o.delays(o.written("a", time.Second))).To(BeEmpty(), "not a change of the status")
	})
}

// A change that comes while a status is being written is not shown by it.
func TestDelayOfAChangeMeanwhile(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("web", 4))
		o.start()
		o.subscribe("a", deploymentCheck("web"))
		o.expectNotified("the first findings", "a")
		o.engine.Done(keyOf("a"), true)
		free := o.hold(deployments)
		o.set(deployments, facts.Answer{State: facts.Known})
		o.tell(deployments, "web")
		o.pass(100 * time.Millisecond)
		o.g.Expect(o.results("a")[0].Present).To(Equal(v1alpha1.VerdictTrue), "it is being evaluated")
		o.g.Expect(o.delays(o.written("a", 0))).To(BeEmpty(), "a status that was assessed before")
		free()
		o.expectNotified("it is gone", "a")
		o.g.Expect(o.delays(o.written("a", 100*time.Millisecond))).To(
			Equal(map[v1alpha1.CheckType]measured{v1alpha1.CheckWorkload: {1, 200 * time.Millisecond}}))
	})
}

// What is collected before it is evaluated, and what is read before it is told, is part of the delay.
func TestDelayOfWhatTakesTime(t *testing.T) {
	inBubble(t, Options{Pace: 200 * time.Millisecond}, func(o *operator) {
		o.show(deployments, deployment("web", 4))
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.start()
		o.subscribe("nodes", nodesCheck("Ready"))
		o.subscribe("web", deploymentCheck("web"))
		o.afterBurst()
		o.expectNotified("the first findings", "nodes", "web")
		o.engine.Done(keyOf("nodes"), true)
		o.engine.Done(keyOf("web"), true)

		o.put(facts.Nodes, node("n", corev1.ConditionFalse))
		o.expectNotified("the node is not ready", "nodes")
		o.g.Expect(o.delays(o.written("nodes", 50*time.Millisecond))).To(
			Equal(map[v1alpha1.CheckType]measured{v1alpha1.CheckNodes: {1, 50 * time.Millisecond}}))
		o.put(facts.Nodes, node("n", corev1.ConditionUnknown))
		o.pass(150 * time.Millisecond)
		o.expectNotified("it is unreachable", "nodes")
		o.g.Expect(o.delays(o.written("nodes", 50*time.Millisecond))).To(
			Equal(map[v1alpha1.CheckType]measured{v1alpha1.CheckNodes: {1, 200 * time.Millisecond}}))

		o.put(deployments, deployment("web", 0))
		o.expectNotified("its pods are being read", "web")
		o.engine.Done(keyOf("web"), false)
		o.pass(100 * time.Millisecond)
		o.show(podsOf("web"), podOn("n", "web"))
		o.expectNotified("its pods say why", "web")
		o.g.Expect(o.delays(o.written("web", 50*time.Millisecond))).To(
			Equal(map[v1alpha1.CheckType]measured{v1alpha1.CheckWorkload: {1, 150 * time.Millisecond}}))

		o.pass(time.Hour)
		o.mu.Lock()
		o.notified = nil
		o.mu.Unlock()
		o.g.Expect(o.delays(func() { o.engine.Done(keyOf("web"), true) })).To(BeEmpty(), "what time alone turns was told by nobody")
	})
}
