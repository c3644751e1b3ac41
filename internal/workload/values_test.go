// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/nodestate"
)

// situations are workloads in surroundings that need every step of a diagnosis.
var situations = map[string]struct {
	workload    client.Object
	nodes, pods []client.Object
	want        string
}{
	"a Deployment with five causes": {
		workload: web(9, 2),
		nodes:    pools(),
		pods: []client.Object{
			pod("a", "n1", containerStatuses(crashing)), pod("b", "unreachable", containerStatuses(running)), pod("c", "notready", containerStatuses(running)),
			pod("d", "", unscheduled("0/12 nodes are available: 12 Insufficient cpu.")), pod("e", "", unscheduled("0/13 nodes are available: 13 Insufficient cpu.")),
			pod("f", "n2", containerStatuses(creating)), pod("g", "n2", containerStatuses(pulling)),
		},
		want: "False Unschedulable: Deployment kube-system/web: 2/9 available; " +
			"2 cannot be scheduled: 0/12 nodes are available: 12 Insufficient cpu (d, e); " +
			"1 keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (n1); " +
			"1 cannot pull image registry.example/web:v1 for container web: ImagePullBackOff, not found (n2) and 3 more",
	},
	"pods that wait for any node, and one that waits for a certain one": {
		workload: web(4, 1),
		nodes:    []client.Object{cordoned("x"), cordoned("y"), cordoned("z")},
		pods: []client.Object{
			pod("a", "", unscheduled("0/3 nodes are available: 3 node(s) were unschedulable.")),
			boundTo("y", pod("b", "", unscheduled("0/3 nodes are available: 3 node(s) were unschedulable."))),
			pod("c", "", unscheduled("0/3 nodes are available: 3 node(s) were unschedulable.")),
		},
		want: "True NodesDown: Deployment kube-system/web: 1/4 available; 3 cannot be scheduled because nodes are cordoned (x, y, z)",
	},
	"a DaemonSet whose nodes are stopped, drained and joining, and one of whose pods crashes": {
		workload: cns(7, 2, "currentNumberScheduled: 6"),
		nodes:    []client.Object{old("a"), old("b"), young("j", 3*time.Minute), young("k", 4*time.Minute), leaving("l"), pools()[4], draining()},
		pods: []client.Object{
			pod("1", "a", containerStatuses(crashing)), pod("2", "j", containerStatuses(creating)), pod("3", "l", containerStatuses(running)),
			pod("4", "stopped", containerStatuses(running)), pod("5", "x", containerStatuses(creating)),
		},
		want: "False CrashLooping: DaemonSet kube-system/cns: 2/7 available, 1 node stopped (stopped), 2 nodes leaving (l, x); " +
			"1 keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (a)",
	},
	"a DaemonSet that grows": {
		workload: cns(4, 2, ""),
		nodes:    []client.Object{old("a"), old("b"), young("j", 3*time.Minute), young("k", 4*time.Minute)},
		pods:     []client.Object{pod("1", "j", containerStatuses(creating)), pod("2", "k", "{phase: Pending}")},
		want:     "True Progressing: DaemonSet kube-system/cns: 2/4 available, growing: 2 nodes joined in the last 10 minutes (j, k)",
	},
	"a roll-out that hangs": {
		workload: cns(3, 2, "updatedNumberScheduled: 1"),
		nodes:    []client.Object{old("a"), old("b"), old("c")},
		pods:     []client.Object{pod("1", "a", containerStatuses(crashing)), pod("2", "b", containerStatuses(creating))},
		want: "False RolloutStuck: DaemonSet kube-system/cns: 2/3 available, 1/3 updated; " +
			"1 keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (a); 1 not ready: container web, ContainerCreating (b)",
	},
	"a StatefulSet with pods that do not exist": {
		workload: statefulSet("web", "{replicas: 4, minReadySeconds: 30, selector: {matchLabels: {app: web}}}",
			"{observedGeneration: 2, replicas: 3, readyReplicas: 1, availableReplicas: 0}"),
		nodes: pools(),
		pods:  []client.Object{pod("web-1", "n1", containerStatuses(running)), pod("web-2", "n2", containerStatuses(running))},
		want: "False NotReady: StatefulSet kube-system/web: 0/4 available; 2 not ready: container web, readiness probe failing (n1, n2); " +
			"1 ready, but for less than 30 seconds; 1 not created: the previous pod is not ready",
	},
}

func cordoned(name string) client.Object {
	return node(name, "{unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}", "{conditions: ["+ready()+"]}")
}

// readPods returns pods that were asked for.
func readPods(pods []client.Object) Pods {
	return Pods{Answer: facts.Answer{State: facts.Known, ReadAt: noon, Objects: pods}, Events: facts.Answer{State: facts.NotPermitted}}
}

// diagnoseNow returns the diagnosis of a situation as it is read in order.
func diagnoseNow(o client.Object, nodes, pods []client.Object) Diagnosis {
	w, _ := Of(o, &v1alpha1.WorkloadCheck{})
	return Diagnose(w, NodesOf(facts.Answer{State: facts.Known, Objects: nodes}, noon), readPods(pods), noon)
}

func copies(objects ...client.Object) []client.Object {
	var out []client.Object
	for _, o := range objects {
		out = append(out, o.DeepCopyObject().(client.Object))
	}
	return out
}

func TestSameValuesSameDiagnosis(t *testing.T) {
	for name, s := range situations {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			first := diagnoseNow(s.workload, s.nodes, s.pods)
			g.Expect(summary(first)).To(Equal(s.want))

			// The same values, even those that were used before.
			w, _ := Of(s.workload, &v1alpha1.WorkloadCheck{})
			nodes, pods := NodesOf(facts.Answer{State: facts.Known, Objects: s.nodes}, noon), readPods(s.pods)
			g.Expect(Diagnose(w, nodes, pods, noon)).To(Equal(first))
			g.Expect(Diagnose(w, nodes, pods, noon)).To(Equal(first))
			g.Expect(diagnoseNow(copies(s.workload)[0], copies(s.nodes...), copies(s.pods...))).To(Equal(first))
		})
	}
}

func TestDiagnoseChangesNothing(t *testing.T) {
	for name, s := range situations {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			workload, nodes, pods := copies(s.workload)[0], copies(s.nodes...), copies(s.pods...)
			slices.Reverse(pods) // so that sorting them would show
			podsBefore := copies(pods...)
			w, _ := Of(workload, &v1alpha1.WorkloadCheck{})
			before := w
			diagnosis := Diagnose(w, NodesOf(facts.Answer{State: facts.Known, Objects: nodes}, noon), readPods(pods), noon)

			g.Expect(w).To(Equal(before))
			g.Expect(workload).To(Equal(s.workload))
			g.Expect(nodes).To(Equal(s.nodes))
			g.Expect(pods).To(Equal(podsBefore))

			// Nor do two diagnoses share what one could change.
			again := Diagnose(w, NodesOf(facts.Answer{State: facts.Known, Objects: nodes}, noon), readPods(pods), noon)
			for _, c := range diagnosis.Causes {
				clear(c.Places)
			}
			clear(diagnosis.Causes)
			clear(diagnosis.Further)
			g.Expect(again).To(Equal(diagnoseNow(s.workload, s.nodes, s.pods)))
		})
	}
}

// index has nodes sorted by name.
type index struct {
	all, suspects []*corev1.Node
}

func (i index) Suspects() []*corev1.Node { return i.suspects }

func (i index) Get(name string) *corev1.Node {
	for _, node := range i.all {
		if node.Name == name {
			return node
		}
	}
	return nil
}

func (i index) Alike() []nodestate.Alike {
	var out []nodestate.Alike
	for _, node := range i.all {
		out = append(out, nodestate.Alike{Traits: nodestate.TraitsOf(node), Count: 1, Example: node.Name})
	}
	return out
}

func (i index) Exists(name string) bool {
	return slices.ContainsFunc(i.all, func(node *corev1.Node) bool { return node.Name == name })
}

func TestOrderDoesNotMatter(t *testing.T) {
	for name, s := range situations {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			want := diagnoseNow(s.workload, s.nodes, s.pods)
			w, _ := Of(s.workload, &v1alpha1.WorkloadCheck{})
			for seed := range uint64(50) {
				r := rand.New(rand.NewPCG(seed, 0))
				pods, index := slices.Clone(s.pods), index{}
				for _, o := range s.nodes {
					node := o.(*corev1.Node)
					index.all = append(index.all, node)
					_, suspect, _ := nodestate.Suspect(node, noon)
					if suspect || seed%2 == 0 { // a node that explains nothing does no harm
						index.suspects = append(index.suspects, node)
					}
				}
				r.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
				nodes := NodesOf(facts.Answer{State: facts.Known, Nodes: index}, noon)
				g.Expect(Diagnose(w, nodes, readPods(pods), noon)).To(Equal(want), fmt.Sprint("order ", seed))
			}
		})
	}
}

// A workload that lacks nothing costs no look at nodes and pods.
func TestHealthyWorkloadIsNotExamined(t *testing.T) {
	g := NewWithT(t)
	for _, o := range []client.Object{web(3, 3), cns(3, 3, ""), deployment("idle", "{replicas: 0}", "{observedGeneration: 2}")} {
		w, ok := Of(o, &v1alpha1.WorkloadCheck{})
		g.Expect(ok).To(BeTrue())
		g.Expect(w.Unexplained()).To(BeFalse())
		blind := Nodes{state: facts.Known, exists: func(string) bool { panic("it looks at nodes") }}
		d := Diagnose(w, blind, readPods([]client.Object{pod("a", "n1", containerStatuses(crashing))}), noon)
		g.Expect(d).To(Equal(Diagnosis{Verdict: d.Verdict, Faults: d.Faults}))
	}
	_, ok := Of(old("a"), &v1alpha1.WorkloadCheck{})
	g.Expect(ok).To(BeFalse(), "a node is no workload")
}

func TestCausesAreTyped(t *testing.T) {
	d := diagnoseNow(web(4, 0), pools(), []client.Object{
		pod("a", "n2", containerStatuses(crashing)), pod("b", "n1", containerStatuses(crashing)),
		pod("c", "n1", containerStatuses(creating)), pod("d", "unreachable", containerStatuses(running)),
	})
	for i := range d.Causes { // what the faults tell
		c := &d.Causes[i]
		d.Causes[i] = Cause{Reason: c.Reason, Text: c.Text, Count: c.Count, Restarts: c.Restarts, Transient: c.Transient, Starting: c.Starting, Places: c.Places}
	}
	NewWithT(t).Expect(d.Causes).To(Equal([]Cause{
		{Reason: "CrashLooping", Text: "keeps crashing: container web, last exit code 137 (OOMKilled)", Count: 2, Restarts: 3, Places: []string{"n1", "n2"}},
		{Reason: "NotReady", Text: "not ready: container web, ContainerCreating", Count: 1, Transient: true, Places: []string{"n1"}},
		{Reason: "NodeFault", Text: "on nodes that are unreachable", Count: 1, Places: []string{"unreachable"}},
	}))
}
