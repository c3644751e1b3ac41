// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
)

// A change of a node costs one evaluation of each distinct check of nodes, and as many looks at nodes, however many
// nodes and mappings there are.
func TestCostOfANode(t *testing.T) {
	cost := func(nodes int) (looks int) {
		inBubble(t, Options{}, func(o *operator) {
			o.show(facts.Nodes, nodesNamed(nodes)...)
			var names []string
			for i := range 30 {
				names = append(names, fmt.Sprint("mapping-", i))
				o.subscribe(names[i], nodesCheck("Ready"), `{name: `+names[i]+`, expect: Optional, type: Nodes, nodes: {}}`)
			}
			o.start()
			o.afterBurst()
			o.expectNotified("the first findings", names...)
			o.g.Expect(o.listed[facts.Nodes]).To(Equal(1))
			looks = o.looked[facts.Nodes]
			o.g.Expect(o.evaluations(func() {
				o.put(facts.Nodes, node("n3", corev1.ConditionFalse))
				o.afterBurst()
			})).To(Equal(counts{v1alpha1.CheckNodes: 2}), "of two distinct checks")
			o.expectNotified("it is not ready", names...)
			o.g.Expect(o.results("mapping-0")[0].Message).To(Equal(fmt.Sprintf("1/%d nodes unhealthy: n3 (Ready is False: Kubelet)", nodes)))
			o.g.Expect(o.listed[facts.Nodes]).To(Equal(1), "nobody reads all nodes")
			looks = o.looked[facts.Nodes] - looks
		})
		return looks
	}
	g := NewWithT(t)
	few := cost(6)
	g.Expect(few).To(BeNumerically("<=", 4))
	g.Expect(cost(2000)).To(Equal(few))
}

// A heartbeat that the sources tell of all the same costs no more than the classification of its node. That they tell of none is
// for their tests.
func TestCostOfAHeartbeat(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(facts.Nodes, nodesNamed(3)...)
		o.subscribe("m", nodesCheck("Ready"))
		o.start()
		o.afterBurst()
		o.expectNotified("the first findings", "m")
		beating := node("n1", corev1.ConditionTrue)
		beating.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(noon.Add(time.Minute))
		o.put(facts.Nodes, beating)
		o.afterBurst()
		o.expectNotified("nothing has changed")
	})
}

// Objects change in bursts: the first shows at once, the others together.
func TestBursts(t *testing.T) {
	inBubble(t, Options{Pace: time.Second}, func(o *operator) {
		o.show(facts.Nodes, nodesNamed(6)...)
		o.subscribe("m", nodesCheck("Ready"))
		o.start()
		o.expectNotified("the first findings", "m")
		o.pass(time.Second)
		o.put(facts.Nodes, node("n0", corev1.ConditionFalse))
		o.expectNotified("the first of a burst", "m")
		o.g.Expect(o.evaluations(func() {
			for i := range 3 {
				o.put(facts.Nodes, node(fmt.Sprint("n", i), corev1.ConditionUnknown))
				o.pass(300 * time.Millisecond)
			}
			o.expectNotified("not yet")
			o.pass(100 * time.Millisecond)
		})).To(Equal(counts{v1alpha1.CheckNodes: 1}))
		o.expectNotified("a second after the first", "m")
		o.g.Expect(o.evaluations(func() { o.show(facts.Nodes, nodesNamed(5)...) })).To(Equal(counts{v1alpha1.CheckNodes: 1}))
		o.expectNotified("what is read as a whole comes in no burst", "m")
		o.g.Expect(o.results("m")[0].Message).To(Equal("5/5 nodes healthy"))
	})
}

// While many changes come, they are evaluated less often; the first after that shows at once again.
func TestLongBursts(t *testing.T) {
	inBubble(t, Options{Pace: 100 * time.Millisecond}, func(o *operator) {
		o.show(facts.Nodes, nodesNamed(6)...)
		o.subscribe("m", nodesCheck("Ready"))
		o.start()
		o.pass(time.Second)
		// changes has a node turn so often, so long after one another.
		changes := func(n int, every time.Duration) counts {
			return o.evaluations(func() {
				for i := range n {
					o.put(facts.Nodes, node("n0", []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionTrue}[i%2]))
					o.pass(every)
				}
			})
		}
		o.g.Expect(changes(100, 30*time.Millisecond)).To(Equal(counts{v1alpha1.CheckNodes: 8}), "at 0, 0.1, 0.3, 0.7, 1.2 … 2.7 s")
		o.afterBurst()
		o.pass(time.Second)
		o.g.Expect(changes(1, time.Millisecond)).To(Equal(counts{v1alpha1.CheckNodes: 1}), "nothing has happened before")
		o.pass(time.Second)
		o.g.Expect(changes(30, 110*time.Millisecond)).To(Equal(counts{v1alpha1.CheckNodes: 30}), "each comes alone")
	})
}

// Nodes that come and go are told where none counts, and so is that they cannot be seen.
func TestNodesComeAndGo(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(facts.Nodes, nodesNamed(2)...)
		o.subscribe("m", `{name: c, type: Nodes, nodes: {selector: {matchLabels: {gpu: "true"}}}}`)
		o.start()
		o.afterBurst()
		message := func() string { return o.results("m")[0].Message }
		o.g.Expect(message()).To(Equal("no Nodes with labels gpu=true among 2 nodes"))
		o.put(facts.Nodes, node("another", corev1.ConditionTrue))
		o.afterBurst()
		o.g.Expect(message()).To(Equal("no Nodes with labels gpu=true among 3 nodes"))
		o.remove(facts.Nodes, "another")
		o.afterBurst()
		o.g.Expect(message()).To(Equal("no Nodes with labels gpu=true among 2 nodes"))
		o.answer(facts.Nodes, facts.Answer{State: facts.Failed, Message: "etcd is away"})
		synctest.Wait()
		o.g.Expect(message()).To(ContainSubstring("etcd is away"))
		o.answer(facts.Nodes, facts.Answer{State: facts.Failed, Message: "the network is down"})
		synctest.Wait()
		o.g.Expect(message()).To(ContainSubstring("the network is down"))
		o.show(facts.Nodes, nodesNamed(4)...)
		synctest.Wait()
		o.g.Expect(message()).To(Equal("no Nodes with labels gpu=true among 4 nodes"))
	})
}

// Checks of nodes come and go while others are counted.
func TestNodeCountsComeAndGo(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(facts.Nodes, nodesNamed(2)...)
		o.start()
		o.subscribe("a", nodesCheck("Ready"))
		o.afterBurst()
		o.expectNotified("the first findings", "a")
		o.g.Expect(o.evaluations(func() {
			o.subscribe("b", nodesCheck("DiskPressure"))
			o.afterBurst()
		})).To(Equal(counts{v1alpha1.CheckNodes: 1}), "the others are counted already")
		o.expectNotified("the first findings", "b")
		o.forget("a")
		o.g.Expect(o.wants()).To(Equal([]string{"Node"}))
		o.subscribe("c", nodesCheck("MemoryPressure"))
		o.forget("c")
		o.subscribe("d", nodesCheck("PIDPressure"))
		o.afterBurst()
		o.expectNotified("the first findings", "d")
		o.g.Expect(o.evaluations(func() {
			o.put(facts.Nodes, node("n1", corev1.ConditionFalse))
			o.afterBurst()
		})).To(Equal(counts{v1alpha1.CheckNodes: 2}), "of those that are left")
		o.g.Expect(o.engine.nodes.counts).To(And(HaveLen(2), HaveKey(2), HaveKey(3)), "slots are used again")
		o.g.Expect(o.begun[facts.Nodes]).To(Equal(1), "they are observed without a break")
	})
}

// Who explains a workload sees nodes when the checks of nodes do, and not before.
func TestWorkloadsSeeNodesAsTheyAreCounted(t *testing.T) {
	const notReady, gone = "on nodes that are not ready", "on nodes that no longer exist"
	inBubble(t, Options{Pace: 300 * time.Millisecond}, func(o *operator) {
		o.show(deployments, deployment("web", 0))
		o.show(facts.Nodes, nodesNamed(3)...)
		o.show(podsOf("web"), podOn("n1", "web"))
		o.subscribe("web", deploymentCheck("web"))
		o.start()
		// meanwhile has something happen while a burst of nodes is not counted yet.
		meanwhile := func(something func()) {
			o.pass(time.Second) // what is looked at again by time is
			o.pass(400 * time.Millisecond)
			o.put(facts.Nodes, node("n2", corev1.ConditionTrue))
			synctest.Wait() // it is counted: what comes now is more of a burst
			something()
		}
		message := func() string {
			synctest.Wait()
			return o.results("web")[0].Message
		}
		o.g.Expect(message()).NotTo(ContainSubstring("nodes"))

		meanwhile(func() {
			o.put(facts.Nodes, node("n1", corev1.ConditionFalse))
			o.put(deployments, deployment("web", 1))
			o.g.Expect(message()).To(ContainSubstring("1/4 available"))
			o.g.Expect(message()).NotTo(ContainSubstring("nodes"), "it is not counted yet")
		})
		o.pass(time.Second)
		o.g.Expect(message()).To(ContainSubstring(notReady))
		meanwhile(func() {
			o.put(facts.Nodes, node("n1", corev1.ConditionTrue))
			o.put(deployments, deployment("web", 0))
			o.g.Expect(message()).To(ContainSubstring(notReady), "it is still counted as not ready")
		})
		o.pass(time.Second)
		o.g.Expect(message()).NotTo(ContainSubstring("nodes"))

		meanwhile(func() {
			o.remove(facts.Nodes, "n1")
			o.put(deployments, deployment("web", 1))
			o.g.Expect(message()).NotTo(ContainSubstring("nodes"), "it is still counted")
		})
		o.pass(time.Second)
		o.g.Expect(message()).To(ContainSubstring(gone), "although it was well")
		o.pass(time.Second)
		o.put(facts.Nodes, node("n1", corev1.ConditionTrue))
		o.pass(time.Second)
		o.g.Expect(message()).NotTo(ContainSubstring("nodes"), "it is back")
		o.show(facts.Nodes, nodesNamed(1)...)
		o.g.Expect(message()).To(ContainSubstring(gone))
		o.answer(facts.Nodes, facts.Answer{State: facts.NotPermitted})
		o.pass(time.Second)
		o.g.Expect(message()).NotTo(ContainSubstring(gone), "nothing is known of nodes")
	})
}

// A workload that is explained reads the nodes anew when nobody has read them in between.
func TestNodesAreReadAgain(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("web", 0))
		o.show(facts.Nodes, nodesNamed(2)...)
		o.show(podsOf("web"), podOn("n1", "web"))
		o.subscribe("web", deploymentCheck("web"))
		o.start()
		o.afterBurst()
		for round := range 3 {
			o.put(deployments, deployment("web", 4))
			synctest.Wait()
			o.g.Expect(o.wants()).To(Equal([]string{"Deployment"}))
			if round > 0 {
				o.afterBurst() // or it is wanted again before anybody has seen that it was not
			}
			o.show(facts.Nodes, nodesNamed(2-round%2)...)
			o.put(deployments, deployment("web", 0))
			o.afterBurst()
			o.g.Expect(o.results("web")[0].Explaining).To(BeFalse(), "round %d", round)
			explained := ContainSubstring("no longer exist")
			if round%2 == 0 {
				explained = Not(explained)
			}
			o.g.Expect(o.results("web")[0].Message).To(explained, "round %d", round)
		}
	})
}

// Architectures that show the same share one view.
func TestViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOperator(t, Options{})
		t.Cleanup(o.abort)
		scopes := map[string]*assess.Scope{}
		viewed := map[string]assess.ClusterView{}
		view := func(name string) (assess.ClusterView, bool) {
			return o.engine.View(Key{Kind: "ClusterArchitecture", Name: name}, scopes[name], nil)
		}
		var notified []string
		o.engine.notify = func(key Key) {
			if key.Kind != "ClusterArchitecture" {
				return
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			notified = append(notified, key.Name)
			v, ok := view(key.Name)
			o.g.Expect(ok).To(BeTrue(), "it is at hand")
			viewed[key.Name] = v
		}
		expectNotified := func(why string, names ...string) {
			t.Helper()
			synctest.Wait()
			o.g.Expect(notified).To(ConsistOf(names), why)
			notified = nil
		}
		subscribe := func(name, pool string) bool {
			compiled := CompileArchitecture(&v1alpha1.ClusterArchitectureSpec{NodePoolLabel: v1alpha1.QualifiedName(pool)})
			scopes[name] = compiled.scope
			o.checks[Key{Kind: "ClusterArchitecture", Name: name}] = nil
			_, ok := view(name)
			return ok
		}
		version := func(v string) {
			o.answer(assess.VersionNeed, facts.Answer{State: facts.Known, Response: facts.Response{Status: 200, Body: `{"gitVersion": "` + v + `"}`}})
		}
		o.show(facts.Nodes, nodesNamed(2)...)
		version("v1.33.1")
		o.g.Expect(subscribe("a", "pool")).To(BeFalse())
		o.g.Expect(subscribe("b", "pool")).To(BeFalse())
		o.g.Expect(o.engine.views).To(HaveLen(1))
		o.start()
		o.afterBurst()
		expectNotified("the first view", "a", "b")
		o.g.Expect(viewed["a"].Nodes).To(Equal(2))
		o.g.Expect(viewed["a"].KubernetesVersion).To(Equal("v1.33.1"))

		version("v1.33.1")
		expectNotified("it is the same")
		version("v1.34.0")
		expectNotified("it is another", "a", "b")
		o.g.Expect(viewed["b"].KubernetesVersion).To(Equal("v1.34.0"))
		o.put(facts.Nodes, node("n1", corev1.ConditionFalse))
		o.afterBurst()
		expectNotified("a node is down", "a", "b")
		o.g.Expect(viewed["b"].Down.Count).To(Equal(1))

		o.g.Expect(subscribe("a", "other")).To(BeFalse(), "it shows something else now")
		o.afterBurst()
		expectNotified("its first view", "a")
		o.engine.Forget(Key{Kind: "ClusterArchitecture", Name: "b"})
		o.g.Expect(o.engine.views).To(HaveLen(1))
		o.g.Expect(o.wants()).To(Equal([]string{"/version", "Node"}))
		o.subscribe("m", nodesCheck("Ready"))
		o.engine.Forget(Key{Kind: "ClusterArchitecture", Name: "a"})
		o.g.Expect(o.wants()).To(Equal([]string{"Node"}), "nobody shows the version")
		o.afterBurst()
		expectNotified("it has gone")
		o.end()
	})
}
