// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/tally"
)

type counts = map[v1alpha1.CheckType]int

// What a check says is what it is, not who says it and what for.
func TestEqualChecksAreEvaluatedOnce(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("coredns", 4))
		same := "{name: other, expect: Optional, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [coredns]}}"
		o.g.Expect(o.evaluations(func() {
			o.g.Expect(o.subscribe("a", deploymentCheck("coredns"))).To(BeFalse(), "nothing is known yet")
			o.g.Expect(o.subscribe("b", same)).To(BeFalse())
			o.start()
		})).To(Equal(counts{v1alpha1.CheckWorkload: 1}))
		o.expectNotified("the first findings", "a", "b")
		o.g.Expect(o.evaluations(func() {
			o.g.Expect(o.subscribe("c", same, deploymentCheck("coredns"))).To(BeTrue(), "somebody has asked already")
		})).To(BeEmpty())

		o.g.Expect(o.evaluations(func() { o.put(deployments, deployment("coredns", 0)) })).To(
			Equal(counts{v1alpha1.CheckWorkload: 2}), "and once more with the nodes and pods that it asks for")
		o.expectNotified("it lacks all pods", "a", "b", "c")
		o.forget("a")
		o.put(deployments, deployment("coredns", 4))
		o.expectNotified("one of them has gone", "b", "c")
	})
}

// A change is told once to everybody of whom a finding has changed, and to nobody else.
func TestOnlyThoseWhoseFindingsChangeAreNotified(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("coredns", 4), deployment("metrics-server", 4))
		o.subscribe("dns", deploymentCheck("coredns"), deploymentCheck("coredns, kube-dns"), deploymentCheck("metrics-server"))
		o.subscribe("metrics", deploymentCheck("metrics-server"))
		o.start()
		o.expectNotified("the first findings", "dns", "metrics")

		o.put(deployments, deployment("coredns", 3))
		o.expectNotified("two of its checks read coredns", "dns")
		o.put(deployments, deployment("coredns", 3))
		o.expectNotified("the same")
		o.put(deployments, deployment("another", 0))
		o.expectNotified("nobody asks for it")
		o.remove(deployments, "metrics-server")
		o.expectNotified("both ask for it", "dns", "metrics")
		o.answer(deployments, facts.Answer{State: facts.NotPermitted, Message: "no"})
		o.expectNotified("nothing can be seen", "dns", "metrics")
		o.g.Expect(o.results("metrics")[0].Reason).To(Equal(v1alpha1.ReasonNotPermitted))
	})
}

// A change of one of many objects costs a look at that one, and expressions are evaluated of no other.
func TestObjectsAreJudgedOneByOne(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(widgets, thing("Widget", "x", true), thing("Widget", "y", true))
		o.start()
		o.subscribe("a", objectCheck("Widget", "object.well"))
		o.expectNotified("the first findings", "a")
		o.g.Expect(o.listed[widgets]).To(Equal(1))
		change := func() { o.put(widgets, thing("Widget", "x", false)) }
		o.g.Expect(o.evaluations(change)).To(Equal(counts{v1alpha1.CheckObject: 1}))
		o.expectNotified("it is not well", "a")
		o.g.Expect(o.results("a")[0].Message).To(Equal("Widget a/x is unhealthy"))
		o.g.Expect(o.listed[widgets]).To(Equal(1), "nobody reads all objects")

		o.remove(widgets, "x")
		o.expectNotified("it is gone", "a")
		o.g.Expect(o.results("a")[0].ObjectCount).To(Equal(1))
		o.show(widgets, thing("Widget", "z", false))
		o.expectNotified("they are others", "a")
		o.g.Expect(o.results("a")[0].ObjectCount).To(Equal(1))
		o.answer(widgets, facts.Answer{State: facts.NotServed, Message: "no such kind"})
		o.expectNotified("the kind is gone", "a")
		o.show(widgets)
		o.expectNotified("it is back", "a")
		o.g.Expect(o.results("a")[0].Reason).To(Equal(v1alpha1.ReasonNotFound))
	})
}

// What explains a workload is observed as long as it has to be explained.
func TestFurtherNeeds(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("web", 4), deployment("api", 4))
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.show(podsOf("web"), podOn("n", "web"))
		o.start()
		o.subscribe("web", deploymentCheck("web"))
		o.subscribe("api", deploymentCheck("api"))
		o.expectNotified("the first findings", "api", "web")
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment"}))
		o.g.Expect(o.engine.Demands()).To(BeEmpty())

		o.put(deployments, deployment("web", 0))
		o.afterBurst()
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment", "Node", "Pod"}))
		o.g.Expect(facts.NeedsOf(o.engine.Demands())).To(ConsistOf(facts.Nodes, podsOf("web")))
		last := o.demands[len(o.demands)-1]
		o.g.Expect(last.Need).To(Equal(podsOf("web")))
		o.g.Expect(last.Refresh.Revision).NotTo(BeZero(), "for which it is read")
		o.put(deployments, deployment("api", 0))
		o.afterBurst()
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment", "Node", "Pod", "Pod"}))

		o.put(deployments, deployment("web", 4))
		synctest.Wait()
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment", "Node", "Pod"}), "somebody still looks at nodes")
		o.forget("api")
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment"}))
		o.g.Expect(o.begun[facts.Nodes]).To(Equal(1), "they are observed without a break")
	})
}

// What is read to explain a finding changes it.
func TestFindingsAreExplained(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("web", 0))
		o.start()
		o.subscribe("web", deploymentCheck("web"))
		synctest.Wait()
		o.g.Expect(o.results("web")[0].Explaining).To(BeTrue())
		o.show(facts.Nodes, node("n", corev1.ConditionFalse))
		o.show(podsOf("web"), podOn("n", "web"))
		synctest.Wait()
		o.g.Expect(o.results("web")[0].Explaining).To(BeFalse())
		o.g.Expect(o.results("web")[0].Message).To(ContainSubstring("on nodes that are not ready"))
		o.put(facts.Nodes, node("n", corev1.ConditionTrue))
		synctest.Wait()
		o.g.Expect(o.results("web")[0].Message).NotTo(ContainSubstring("nodes"))
	})
}

// Time alone changes findings.
func TestFindingsAreEvaluatedWhenTheyAreDue(t *testing.T) {
	const fresh = `{name: c, type: Nodes, nodes: {healthy: {conditions: [{type: Ready, status: "True", maxHeartbeatAgeSeconds: 60}]}}}`
	inBubble(t, Options{}, func(o *operator) {
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.start()
		o.subscribe("a", fresh)
		o.afterBurst()
		o.expectNotified("the first findings", "a")
		o.pass(59 * time.Second)
		o.expectNotified("the heartbeat is young enough")
		o.pass(2 * time.Second)
		o.afterBurst()
		o.expectNotified("it stopped", "a")
		o.g.Expect(o.results("a")[0].Healthy).To(Equal(v1alpha1.VerdictFalse))
		beating := node("n", corev1.ConditionTrue)
		beating.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(noon.Add(time.Minute))
		o.putSilently(facts.Nodes, beating)
		o.pass(31 * time.Second)
		o.afterBurst()
		o.expectNotified("it goes on, which nobody tells", "a")
		o.g.Expect(o.results("a")[0].Healthy).To(Equal(v1alpha1.VerdictTrue))
	})
	inBubble(t, Options{}, func(o *operator) {
		o.show(widgets, thing("Widget", "x", true))
		o.start()
		o.subscribe("a", objectCheck("Widget", `now < timestamp("2026-10-02T12:01:00Z")`))
		o.expectNotified("the first findings", "a")
		o.pass(30 * time.Second)
		o.expectNotified("too early")
		o.pass(31 * time.Second)
		o.expectNotified("it has come", "a")
		o.g.Expect(o.results("a")[0].Healthy).To(Equal(v1alpha1.VerdictFalse))
		o.g.Expect(o.evaluations(func() { o.pass(time.Hour) })).To(BeEmpty(), "it will not turn any more")
	})
	inBubble(t, Options{}, func(o *operator) {
		joining := node("n", corev1.ConditionFalse)
		joining.CreationTimestamp, joining.Status.Conditions[0].Reason = metav1.NewTime(noon), "NodeStatusNeverUpdated"
		o.show(facts.Nodes, joining)
		o.show(daemonSets, newDaemonSet("cns"))
		o.show(podsOf("cns"), podOn("n", "cns"))
		o.start()
		o.subscribe("a", daemonSetCheck)
		o.afterBurst()
		o.expectNotified("the first findings, before and after nodes are seen", "a", "a")
		o.g.Expect(o.results("a")[0].Reason).To(Equal(v1alpha1.ReasonProgressing))
		o.pass(9 * time.Minute)
		o.expectNotified("the node may take longer")
		o.pass(2 * time.Minute)
		o.g.Expect(o.results("a")[0].Reason).To(Equal(v1alpha1.ReasonNodesDown))
	})
}

// A mapping that changes its checks keeps what both have.
func TestChecksAreEdited(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4), deployment("b", 4), deployment("c", 4))
		o.show(widgets, thing("Widget", "x", true))
		o.start()
		o.subscribe("m", deploymentCheck("a"), deploymentCheck("b"), objectCheck("Widget", "object.well"))
		o.expectNotified("the first findings", "m")
		o.g.Expect(o.evaluations(func() {
			o.g.Expect(o.subscribe("m", deploymentCheck("b"), deploymentCheck("c"))).To(BeFalse(), "one is new")
		})).To(Equal(counts{v1alpha1.CheckWorkload: 1}))
		o.expectNotified("the new one", "m")
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment"}))
		o.g.Expect(o.begun[deployments]).To(Equal(1), "it is observed without a break")

		o.put(deployments, deployment("a", 3))
		o.expectNotified("it no longer asks for it")
		o.put(deployments, deployment("b", 3))
		o.expectNotified("it still asks for it", "m")
		o.put(deployments, deployment("c", 3))
		o.expectNotified("it asks for it now", "m")
		o.g.Expect(o.subscribe("m", deploymentCheck("c"))).To(BeTrue(), "it was known")
		o.put(deployments, deployment("c", 4))
		o.expectNotified("it is all that it asks for", "m")
	})
}

// Whoever changes its checks waits for each lane once, however it is touched meanwhile.
func TestChecksOfNodesAreEdited(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.start()
		o.subscribe("m", nodesCheck("Ready"), deploymentCheck("a"))
		o.expectNotified("the first findings", "m")
		o.subscribe("m", nodesCheck("DiskPressure"), deploymentCheck("a"))
		o.expectNotified("the new one", "m")
		for _, available := range []int32{3, 4, 3} {
			o.put(deployments, deployment("a", available))
			o.expectNotified("at once", "m")
		}

		free := o.hold(facts.Nodes)
		o.put(facts.Nodes, node("n", corev1.ConditionFalse))
		o.subscribe("late", nodesCheck("DiskPressure"), nodesCheck("Ready"), deploymentCheck("a"))
		synctest.Wait()
		free()
		o.expectNotified("the nodes are counted", "late", "m")
		for _, available := range []int32{4, 3, 4} {
			o.put(deployments, deployment("a", available))
			o.expectNotified("at once", "late", "m")
		}
	})
}

// A finding that is not known yet is waited for.
func TestNobodyIsNotifiedOfAPart(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		free := o.hold(facts.Nodes)
		o.start()
		o.subscribe("m", nodesCheck("Ready"), deploymentCheck("a"))
		o.expectNotified("the nodes are not counted yet")
		free()
		o.expectNotified("they are", "m")
	})
}

// What takes long holds up nobody else.
func TestCostlyExpressionDelaysNobodyElse(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.show(widgets, thing("Widget", "x", true))
		o.subscribe("slow", objectCheck("Widget", "object.well"), deploymentCheck("a"))
		o.subscribe("other", deploymentCheck("a"))
		o.start()
		o.expectNotified("the first findings", "other", "slow")

		free := o.hold(widgets)
		o.put(widgets, thing("Widget", "x", false))
		scaled := deployment("a", 5)
		scaled.Spec.Replicas, scaled.Status.Replicas, scaled.Status.UpdatedReplicas = new(int32(5)), 5, 5
		o.put(deployments, scaled)
		o.expectNotified("only the slow one waits", "other")
		o.g.Expect(o.results("slow")[0].Healthy).To(Equal(v1alpha1.VerdictTrue), "it is asked meanwhile")
		o.g.Expect(o.subscribe("late", objectCheck("Widget", "object.well"))).To(BeTrue())
		o.g.Expect(o.engine.Demands()).To(BeEmpty())
		o.forget("late")
		free()
		o.expectNotified("once for both", "slow")
		o.g.Expect(o.results("slow")[0].Healthy).To(Equal(v1alpha1.VerdictFalse))
	})
}

// A mapping whose own expression takes long is notified of what else has changed all the same.
func TestSlowChecksSilenceNobody(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.show(widgets, thing("Widget", "x", true))
		o.start()
		o.subscribe("slow", objectCheck("Widget", "object.well"), deploymentCheck("a"))
		o.expectNotified("the first findings", "slow")
		free := o.hold(widgets)
		o.tell(widgets, "x")
		o.put(deployments, deployment("a", 0))
		o.pass(patience - time.Millisecond)
		o.g.Expect(o.notified).To(BeEmpty(), "the rest may be there soon")
		o.pass(time.Millisecond)
		o.expectNotified("it has waited", "slow")
		free()
		synctest.Wait()
		o.g.Expect(o.notified).To(BeEmpty(), "the expression comes to the same")
	})
}

// A source that fails while an evaluation is under way does not make absent what was there.
func TestEvaluationsSeeOneAnswer(t *testing.T) {
	for need, check := range map[facts.Need]string{widgets: objectCheck("Widget", "object.well"), facts.Nodes: nodesCheck("Ready")} {
		inBubble(t, Options{}, func(o *operator) {
			o.show(widgets, thing("Widget", "x", true))
			o.show(facts.Nodes, nodesNamed(3)...)
			o.start()
			o.subscribe("m", check)
			o.expectNotified("the first findings", "m")
			free := o.hold(need)
			o.tell(need, "")
			synctest.Wait()
			o.set(need, facts.Answer{State: facts.NotPermitted, Message: "it was taken away"})
			free()
			synctest.Wait()
			o.g.Expect(o.notified).To(BeEmpty(), "%s: nothing was deleted", need.Kind.Kind)
		})
	}
}

// Two who explain by the same pods do not have them read again and again.
func TestDemandsOfOneNeedAreMerged(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		a, b := deployment("a", 0), deployment("b", 0)
		a.UID, b.UID = "1", "2"
		b.Spec.Selector = a.Spec.Selector
		o.show(deployments, a, b)
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.show(podsOf("a"), podOn("n", "a"))
		o.subscribe("m", deploymentCheck("a"))
		o.subscribe("k", deploymentCheck("b"))
		o.start()
		synctest.Wait()
		o.demands = nil
		for range 5 {
			o.tell(podsOf("a"), "")
			synctest.Wait()
		}
		revisions := map[uint64]bool{}
		for _, d := range o.demands {
			if d.Need == podsOf("a") {
				revisions[d.Refresh.Revision] = true
			}
		}
		o.g.Expect(revisions).To(HaveLen(1), "nothing has changed, so there is one revision")
	})
}

// What is due at once, or was due long ago, is not evaluated again and again.
func TestLeastWait(t *testing.T) {
	clock := clocktesting.NewFakeClock(noon)
	e := New(newCluster(), func(Key) {}, Options{Clock: clock})
	for _, due := range []time.Time{noon.Add(-time.Hour), noon, noon.Add(time.Millisecond)} {
		l := newLane(nil)
		e.dueLocked(l, due)
		NewWithT(t).Expect(l.due).To(Equal(noon.Add(leastWait)))
	}
	later := newLane(nil)
	e.dueLocked(later, noon.Add(time.Minute))
	NewWithT(t).Expect(later.due).To(Equal(noon.Add(time.Minute)))
}

// A check holds nothing of the objects that it does not name.
func TestOtherObjectsAreNotHeld(t *testing.T) {
	const objects, checks = 200, 10
	c := newCluster()
	var all []client.Object
	for i := range objects {
		all = append(all, thing("Widget", fmt.Sprintf("w%04d", i), true))
	}
	c.show(widgets, all...)
	e := New(c, func(Key) {}, Options{Pace: -1})
	for i := range checks {
		e.Findings(keyOf(fmt.Sprint(i)), compileChecks(t, fmt.Sprintf(
			`{name: c, type: Object, object: {apiVersion: example.com/v1, kind: Widget, namespace: a, name: w%04d}}`, i)))
	}
	e.EvaluateAll(t.Context())
	rows := 0
	for l := range e.lanes {
		if w, ok := l.worker.(*objectWorker); ok {
			rows += w.table.Len()
		}
	}
	NewWithT(t).Expect(rows).To(Equal(checks))
}

// Forget ends an evaluation that is under way, and so does the end of the engine.
func TestEvaluationsEndEarly(t *testing.T) {
	table := tally.NewTable(func(string) (int, bool) { return 0, true })
	ctx, cancel := context.WithCancel(t.Context())
	evaluated := 0
	tally.Add(table, func(int, time.Time) (struct{}, bool, time.Time) {
		if evaluated++; evaluated == 3 {
			cancel()
		}
		return struct{}{}, true, time.Time{}
	}, time.Time{})
	refill(ctx, table, []string{"a", "b", "c", "d", "e"}, func(name string) bool { return table.Update(name, time.Time{}, func(int) {}) })
	NewWithT(t).Expect(evaluated).To(Equal(3))
}

func TestForget(t *testing.T) {
	everything := []string{deploymentCheck("web"), nodesCheck("Ready"), objectCheck("Widget", "object.well")}
	fill := func(o *operator) {
		o.show(deployments, deployment("web", 0))
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.show(widgets, thing("Widget", "x", true))
	}
	// nothing holds when nobody is left: nothing is observed, nothing is evaluated, whatever happens.
	nothing := func(o *operator) {
		o.g.Expect(o.wants()).To(BeEmpty())
		o.g.Expect(o.evaluations(func() {
			o.afterBurst()
			o.engine.Changed(facts.Nodes, objectName("n"))
			o.engine.Changed(deployments, objectName("web"))
			o.pass(time.Hour)
		})).To(BeEmpty())
		if o.stop != nil {
			o.g.Expect(o.engine.nodes.counts).To(BeEmpty(), "no check counts nodes")
		}
		o.expectNotified("nobody is left")
	}
	t.Run("after a while", func(t *testing.T) {
		inBubble(t, Options{}, func(o *operator) {
			fill(o)
			o.start()
			o.subscribe("m", everything...)
			o.afterBurst()
			o.expectNotified("the first findings", "m")
			o.forget("m")
			o.forget("m")
			nothing(o)
		})
	})
	t.Run("before the start", func(t *testing.T) {
		inBubble(t, Options{}, func(o *operator) {
			fill(o)
			o.subscribe("m", everything...)
			o.forget("m")
			o.g.Expect(o.wants()).To(BeEmpty())
			o.start()
			nothing(o)
		})
	})
	t.Run("while it is evaluated", func(t *testing.T) {
		inBubble(t, Options{}, func(o *operator) {
			fill(o)
			freeDeployments := o.hold(deployments)
			freeWidgets := o.hold(widgets)
			freeNodes := o.hold(facts.Nodes)
			o.start()
			o.subscribe("m", everything...)
			synctest.Wait()
			o.g.Expect(o.wants()).To(Equal([]string{"Deployment", "Node", "Widget"}))
			o.forget("m")
			o.g.Expect(o.wants()).To(BeEmpty())
			freeDeployments() // they would have to be explained
			freeWidgets()
			freeNodes()
			synctest.Wait()
			nothing(o)
		})
	})
	t.Run("after the end", func(t *testing.T) {
		inBubble(t, Options{}, func(o *operator) {
			fill(o)
			o.start()
			o.subscribe("m", everything...)
			o.afterBurst()
			o.expectNotified("the first findings", "m")
			o.stop()
			o.g.Expect(<-o.stopped).To(Succeed())
			o.stop = nil
			o.forget("m")
			o.forget("never heard of")
			nothing(o)
		})
	})
}

// Start returns when everything has stopped, and not before.
func TestEnd(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(widgets, thing("Widget", "x", true))
		o.show(deployments, deployment("a", 4))
		o.show(facts.Nodes, node("n", corev1.ConditionTrue))
		o.start()
		o.subscribe("m", objectCheck("Widget", "object.well"))
		o.subscribe("n", nodesCheck("Ready"), deploymentCheck("a"))
		o.afterBurst()
		o.expectNotified("the first findings", "m", "n")
		o.put(facts.Nodes, node("n", corev1.ConditionFalse)) // its lane sleeps
		free := o.hold(widgets)
		o.put(widgets, thing("Widget", "x", false))
		synctest.Wait()
		o.stop()
		synctest.Wait()
		o.g.Expect(o.stopped).NotTo(Receive(), "something is at work")
		free()
		synctest.Wait()
		o.g.Expect(<-o.stopped).To(Succeed())
		o.stop = nil
		o.mu.Lock()
		o.notified = nil
		o.mu.Unlock()

		o.g.Expect(o.evaluations(func() {
			o.put(widgets, thing("Widget", "x", true))
			o.put(deployments, deployment("a", 3))
			o.put(facts.Nodes, node("n", corev1.ConditionTrue))
			o.g.Expect(o.subscribe("late", deploymentCheck("b"))).To(BeFalse())
			o.pass(time.Hour)
		})).To(BeEmpty(), "nothing is evaluated after the end")
		o.expectNotified("nobody is notified after the end")
	})
}

// What is asked and what changes before the start is evaluated once it has started.
func TestBeforeTheStart(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		o.g.Expect(o.evaluations(func() {
			o.subscribe("m", deploymentCheck("a"))
			o.put(deployments, deployment("a", 4))
		})).To(BeEmpty())
		o.g.Expect(o.evaluations(o.start)).To(Equal(counts{v1alpha1.CheckWorkload: 1}))
		o.expectNotified("it has started", "m")
	})
}

// An engine on what does not change evaluates when it is told to, and until nothing is left.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOperator(t, Options{})
		o.show(deployments, deployment("web", 0))
		o.show(facts.Nodes, node("n", corev1.ConditionFalse))
		o.show(podsOf("web"), podOn("n", "web"))
		o.subscribe("m", deploymentCheck("web"), nodesCheck("Ready"))
		ended, end := context.WithCancel(context.Background())
		end()
		o.engine.EvaluateAll(ended)
		_, ok := o.engine.Findings(keyOf("m"), o.checks[keyOf("m")])
		o.g.Expect(ok).To(BeFalse(), "the context has ended")

		o.engine.EvaluateAll(context.Background())
		o.g.Expect(o.results("m")[0].Message).To(ContainSubstring("on nodes that are not ready"), "all rounds of explaining are done")
		o.g.Expect(o.evaluations(func() { o.engine.EvaluateAll(context.Background()) })).To(BeEmpty())
		o.g.Expect(o.evaluations(func() { o.put(deployments, deployment("web", 4)) })).To(BeEmpty(), "not before it is told to")
		o.engine.EvaluateAll(context.Background())
		o.g.Expect(o.results("m")[0].Healthy).To(Equal(v1alpha1.VerdictTrue))
		o.end()
	})
}

// What a check names tells which objects it reads: the others are not its concern.
func TestOtherObjectsAreNotEvaluated(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("web", 2), deployment("api", 2))
		o.subscribe("web", "{name: c, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [web]}}")
		o.subscribe("all", "{name: c, type: Workload, workload: {kind: Deployment, namespace: kube-system, namePrefix: a}}")
		o.start()
		o.afterBurst()
		o.g.Expect(o.evaluations(func() { o.put(deployments, deployment("web", 1)) })).To(Equal(counts{v1alpha1.CheckWorkload: 1}))
		o.g.Expect(o.evaluations(func() { o.put(deployments, deployment("other", 1)) })).To(BeEmpty())
	})
}
