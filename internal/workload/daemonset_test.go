// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// cns returns a DaemonSet, with some of its pods available; status overrides what follows from that.
func cns(desired, available int, status string) *appsv1.DaemonSet {
	defaults := fmt.Sprintf("observedGeneration: 2, desiredNumberScheduled: %d, currentNumberScheduled: %d, updatedNumberScheduled: %d, numberReady: %d, numberAvailable: %d",
		desired, desired, desired, available, available)
	d := daemonSet("cns", "{selector: {matchLabels: {app: cns}}, template: {spec: {containers: [], tolerations: [{operator: Exists}]}}}", "{"+defaults+"}")
	d.Status = overlaid(d.Status, "{"+status+"}")
	return d
}

// overlaid puts YAML over a status.
func overlaid(status appsv1.DaemonSetStatus, text string) appsv1.DaemonSetStatus {
	over := decode[map[string]any](text)
	if len(over) == 0 {
		return status
	}
	fields := decode[appsv1.DaemonSetStatus](text)
	if _, given := over["currentNumberScheduled"]; given {
		status.CurrentNumberScheduled = fields.CurrentNumberScheduled
	}
	if _, given := over["updatedNumberScheduled"]; given {
		status.UpdatedNumberScheduled = fields.UpdatedNumberScheduled
	}
	status.Conditions = fields.Conditions
	return status
}

// aged returns a node of that age.
func aged(o client.Object, age time.Duration) client.Object {
	o.SetCreationTimestamp(metav1.NewTime(noon.Add(-age)))
	return o
}

func fresh(name string, age time.Duration) client.Object {
	return aged(nodeWith(name, unhealthy()), age)
}

// young returns a new node that is ready.
func young(name string, age time.Duration) client.Object {
	return aged(nodeWith(name, ready()), age)
}

// readyFor returns a new node that became ready some time ago.
func readyFor(name string, age, since time.Duration) client.Object {
	n := young(name, age).(*corev1.Node)
	n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(-since))
	return n
}

// leaving returns a node that the cluster autoscaler removes.
func leaving(name string) client.Object {
	return leavingFor(name, 5*time.Minute)
}

// leavingFor returns a node that the cluster autoscaler removes, and that has not been ready for so long.
func leavingFor(name string, since time.Duration) client.Object {
	n := node(name, "{taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}", "{conditions: ["+notReady()+"]}")
	n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(-since))
	return aged(n, 24*time.Hour)
}

// draining returns a node, called x, that is being removed and still runs its pods.
func draining() client.Object {
	return aged(node("x", "{taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}", "{conditions: ["+ready()+"]}"), 24*time.Hour)
}

func old(name string) client.Object { return aged(nodeWith(name, ready()), 24*time.Hour) }

func TestDaemonSetGrows(t *testing.T) {
	const (
		minute  = time.Minute
		message = "DaemonSet kube-system/cns: "
		joined  = ", growing: 2 nodes joined in the last 10 minutes (x, y)"
		joining = ", growing: 2 nodes joining (x, y)"
		crashed = "; 1 keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times "
	)
	windows := func(o client.Object) client.Object {
		return labeled(o, map[string]string{"kubernetes.io/os": "windows"})
	}
	for name, test := range map[string]struct {
		desired, available int
		status             string
		nodes, pods        []client.Object
		spec               func(*corev1.PodSpec)
		want               string
		recheck            time.Duration
		unasked            bool // the pods are not asked for
	}{
		"nodes have just joined": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), fresh("x", 10*time.Second), fresh("y", 30*time.Second)},
			want: "True Progressing: " + message + "2/4 available" + joining, recheck: 9*minute + 31*time.Second, unasked: true,
		},
		"nodes are joining, their pods are starting": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), young("x", 3*minute), young("y", 9*minute)},
			pods: []client.Object{pod("1", "x", containerStatuses(creating)), pod("2", "y", "{phase: Pending}")},
			want: "True Progressing: " + message + "2/4 available" + joined, recheck: minute + time.Second,
		},
		"a node leaves": {
			desired: 4, available: 3, nodes: []client.Object{old("a"), old("b"), old("c"), leaving("x")},
			want: "True Healthy: " + message + "3/4 available, 1 node leaving (x)", recheck: 55*minute + time.Second, unasked: true,
		},
		"a node should have left": {
			desired: 4, available: 3, nodes: []client.Object{old("a"), old("b"), old("c"), leavingFor("x", time.Hour)},
			want: "True NodesDown: " + message + "3/4 available; 1 on nodes that are unreachable (x)", unasked: true,
		},
		"nodes take long to become ready": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), fresh("x", 3*minute), fresh("y", 9*minute)},
			want: "True Progressing: " + message + "2/4 available" + joining, recheck: minute + time.Second, unasked: true,
		},
		"nodes have become ready just now": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), readyFor("x", 3*minute, minute), readyFor("y", 5*minute, 30*time.Second)},
			want: "True Progressing: " + message + "2/4 available" + joined, recheck: minute + time.Second, unasked: true,
		},
		"their pods do not exist yet": {
			desired: 4, available: 2, status: "currentNumberScheduled: 2",
			nodes: []client.Object{old("a"), old("b"), young("x", 3*minute), young("y", 3*minute)},
			want:  "True Progressing: " + message + "2/4 available" + joined, recheck: 7*minute + time.Second,
		},
		"one has taken too long": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), fresh("x", 3*minute), fresh("y", 10*minute)},
			pods: []client.Object{pod("1", "x", containerStatuses(creating)), pod("2", "y", containerStatuses(creating))},
			want: "True NodesDown: " + message + "2/4 available, growing: 1 node joining (x); 1 on nodes that are not ready (y)", recheck: 7*minute + time.Second,
		},
		"a pod on an old node is missing": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), young("x", 3*minute), young("y", 3*minute)},
			pods: []client.Object{pod("1", "x", containerStatuses(creating)), pod("2", "a", containerStatuses(running))},
			want: "False NotReady: " + message + "2/4 available; 1 not ready: container web, readiness probe failing (a)", recheck: 7*minute + time.Second,
		},
		"a pod on a new node crashes": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), aged(nodeWith("x", ready()), 3*minute), fresh("y", 3*minute)},
			pods: []client.Object{pod("1", "x", containerStatuses(crashing)), pod("2", "y", containerStatuses(creating))},
			want: "False CrashLooping: " + message + "2/4 available" + crashed + "(x)", recheck: 7*minute + time.Second,
		},
		"more are missing than have joined": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), old("c"), fresh("y", 3*minute)},
			pods: []client.Object{pod("1", "c", containerStatuses(crashing)), pod("2", "y", containerStatuses(creating))},
			want: "False CrashLooping: " + message + "2/4 available" + crashed + "(c)", recheck: 7*minute + time.Second,
		},
		"more are missing than have just joined, the pods are not known": {
			desired: 4, available: 1, nodes: []client.Object{old("a"), old("b"), fresh("x", 10*time.Second), fresh("y", 10*time.Second)},
			want: "False WorkloadUnavailable: " + message + "1/4 available", recheck: 9*minute + 51*time.Second,
		},
		"the new nodes are not meant for it": {
			desired: 2, available: 1, nodes: []client.Object{old("a"), windows(old("b")), fresh("x", 10*time.Second)},
			spec: func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"kubernetes.io/os": "windows"} },
			want: "False WorkloadUnavailable: " + message + "1/2 available",
		},
		"the new Windows nodes are": {
			desired: 2, available: 1, nodes: []client.Object{old("a"), windows(old("b")), fresh("w", 10*time.Second), windows(fresh("x", 10*time.Second)), windows(fresh("y", 10*time.Second))},
			spec: func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"kubernetes.io/os": "windows"} },
			want: "True Progressing: " + message + "1/2 available" + joining, recheck: 9*minute + 51*time.Second, unasked: true,
		},
		"it does not tolerate the new nodes": {
			desired: 3, available: 2, nodes: []client.Object{old("a"), old("b"),
				aged(node("x", "{taints: [{key: sku, value: gpu, effect: NoSchedule}]}", "{conditions: ["+ready()+"]}"), 10*time.Second)},
			spec: func(s *corev1.PodSpec) { s.Tolerations = []corev1.Toleration{{Key: "sku", Value: "arm"}} },
			want: "False WorkloadUnavailable: " + message + "2/3 available",
		},
		"its pods are not made before the new nodes are ready": {
			desired: 3, available: 2, nodes: []client.Object{old("a"), old("b"),
				aged(node("x", "{taints: [{key: node.kubernetes.io/not-ready, effect: NoSchedule}]}", "{conditions: ["+unhealthy()+"]}"), 10*time.Second)},
			spec: func(s *corev1.PodSpec) { s.Tolerations = nil },
			want: "False WorkloadUnavailable: " + message + "2/3 available",
		},
		"it tolerates the new nodes": {
			desired: 3, available: 2, nodes: []client.Object{old("a"), old("b"),
				aged(node("x", "{taints: [{key: sku, value: gpu, effect: NoSchedule}, {key: node.kubernetes.io/unreachable, effect: NoExecute}]}", "{conditions: ["+ready()+"]}"), 10*time.Second)},
			spec: func(s *corev1.PodSpec) { s.Tolerations = []corev1.Toleration{{Key: "sku", Value: "gpu"}} },
			want: "True Progressing: " + message + "2/3 available, growing: 1 node joined in the last 10 minutes (x)", recheck: minute + 51*time.Second, unasked: true,
		},
		"rolled out while it grows": {
			desired: 4, available: 1, status: "updatedNumberScheduled: 2",
			nodes: []client.Object{old("a"), old("b"), fresh("x", 3*minute), fresh("y", 3*minute)},
			pods:  []client.Object{pod("1", "x", containerStatuses(creating)), pod("2", "y", containerStatuses(creating)), newly(pod("3", "a", containerStatuses(creating)))},
			want:  "True Progressing: " + message + "1/4 available, 2/4 updated" + joining, recheck: 7*minute + time.Second,
		},

		// Machines that are switched off.
		"nodes are stopped": {
			desired: 4, available: 3, nodes: []client.Object{old("a"), old("b"), old("c"), pools()[4]},
			want: "True Healthy: " + message + "3/4 available, 1 node stopped (stopped)", unasked: true,
		},
		"nodes are stopped while it is rolled out": {
			desired: 4, available: 2, status: "updatedNumberScheduled: 2", nodes: []client.Object{old("a"), old("b"), old("c"), pools()[4]},
			want: "True Progressing: " + message + "2/4 available, 2/4 updated, 1 node stopped (stopped)",
		},
		"more are missing than nodes are stopped": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), old("c"), pools()[4]},
			pods: []client.Object{pod("1", "a", containerStatuses(crashing)), pod("2", "stopped", containerStatuses(running))},
			want: "False CrashLooping: " + message + "2/4 available, 1 node stopped (stopped)" + crashed + "(a)",
		},
		"nodes are stopped, others join": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), pools()[4], fresh("x", 10*time.Second)},
			want:    "True Progressing: " + message + "2/4 available, 1 node stopped (stopped), growing: 1 node joining (x)",
			recheck: 9*minute + 51*time.Second, unasked: true,
		},
		// Machines that are being removed.
		"a node is leaving": {
			desired: 4, available: 3, nodes: []client.Object{old("a"), old("b"), old("c"), leaving("x")},
			want: "True Healthy: " + message + "3/4 available, 1 node leaving (x)", recheck: 55*minute + time.Second, unasked: true,
		},
		"more are missing than nodes leave": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), old("c"), leaving("x")},
			pods: []client.Object{pod("1", "a", containerStatuses(crashing)), pod("2", "x", containerStatuses(running))},
			want: "False CrashLooping: " + message + "2/4 available, 1 node leaving (x)" + crashed + "(a)", recheck: 55*minute + time.Second,
		},
		"a node is leaving, and still runs its pod": {
			desired: 4, available: 3, nodes: []client.Object{old("a"), old("b"), old("c"), draining()},
			pods: []client.Object{pod("1", "a", containerStatuses(crashing))},
			want: "False CrashLooping: " + message + "3/4 available, 1 node leaving (x)" + crashed + "(a)",
		},
		"the pod of a node that is leaving goes": {
			desired: 4, available: 3, nodes: []client.Object{old("a"), old("b"), old("c"), draining()},
			pods: []client.Object{pod("1", "x", containerStatuses(creating))},
			want: "True Healthy: " + message + "3/4 available, 1 node leaving (x)",
		},
		"the pod of a node that is leaving is gone": {
			desired: 4, available: 3, status: "currentNumberScheduled: 3", nodes: []client.Object{old("a"), old("b"), old("c"), draining()},
			want: "True Healthy: " + message + "3/4 available, 1 node leaving (x)",
		},
		"the pod of a node that is leaving goes, another does not exist": {
			desired: 5, available: 3, status: "currentNumberScheduled: 4", nodes: []client.Object{old("a"), old("b"), old("c"), old("d"), draining()},
			pods: []client.Object{pod("1", "x", containerStatuses(creating))},
			want: "False WorkloadUnavailable: " + message + "3/5 available, 1 node leaving (x); 1 not created: see the events of the workload",
		},
		"the pod of a node that is leaving is gone, another node is down": {
			desired: 4, available: 2, status: "currentNumberScheduled: 3", nodes: []client.Object{old("a"), old("b"), draining(), aged(nodeWith("z", notReady()), time.Hour)},
			pods: []client.Object{pod("1", "z", containerStatuses(running))},
			want: "True NodesDown: " + message + "2/4 available, 1 node leaving (x); 1 on nodes that are unreachable (z)",
		},
		"the pod of a node that joins is there, another does not exist": {
			desired: 4, available: 2, status: "currentNumberScheduled: 3", nodes: []client.Object{old("a"), old("b"), old("c"), young("x", 3*minute)},
			pods: []client.Object{pod("1", "x", containerStatuses(creating))},
			want: "False WorkloadUnavailable: " + message + "2/4 available; 1 not created: see the events of the workload", recheck: 7*minute + time.Second,
		},
		"nodes are stopped, another is down": {
			desired: 4, available: 2, nodes: []client.Object{old("a"), old("b"), pools()[4], aged(nodeWith("z", notReady()), time.Hour)},
			want: "True NodesDown: " + message + "2/4 available, 1 node stopped (stopped); 1 on nodes that are unreachable (z)", unasked: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			workload := cns(test.desired, test.available, test.status)
			if test.spec != nil {
				test.spec(&workload.Spec.Template.Spec)
			}
			f := explained(workload, scene{nodes: test.nodes, pods: test.pods})
			g.Expect(summary(f)).To(Equal(test.want))
			g.Expect(f.RecheckAfter).To(Equal(test.recheck))
			asked := slices.ContainsFunc(f.Further, func(d facts.Demand) bool { return d.Kind == facts.PodKind })
			g.Expect(asked).To(Equal(!test.unasked), "whether pods are asked for")
		})
	}
}

// While nobody knows whose pod is missing, nothing is said; when nobody may know, it is taken for that of the node that
// leaves.
func TestDaemonSetToleratesNodesThatLeave(t *testing.T) {
	workload := cns(4, 3, "")
	s := scene{nodes: []client.Object{old("a"), old("b"), old("c"), draining()}, noPods: facts.NotPermitted}
	f := diagnosed(workload, map[facts.Need]facts.Answer{facts.Nodes: s.answer(facts.Nodes)})
	g := NewWithT(t)
	g.Expect(summary(f)).To(Equal("Unknown NotYetObserved: DaemonSet kube-system/cns: 3/4 available"))
	g.Expect(f.Further).To(ContainElement(HaveField("Kind", facts.PodKind)))
	g.Expect(summary(explained(workload, s))).To(Equal("True Healthy: DaemonSet kube-system/cns: 3/4 available, 1 node leaving (x)"))
}

// What is wrong on other nodes is not forgotten while nodes join.
func TestDaemonSetFailsWhileItGrows(t *testing.T) {
	g := NewWithT(t)
	workload := cns(4, 3, "")
	s := scene{nodes: []client.Object{old("a"), old("b"), old("c"), old("d")}, pods: []client.Object{pod("1", "a", containerStatuses(crashing))}}
	before := explained(workload, s)
	g.Expect(before.Reason).To(Equal(v1alpha1.ReasonCrashLooping))

	// The pod of the new node is ready at once.
	workload = cns(5, 4, "")
	s.nodes = append(s.nodes, fresh("x", 10*time.Second))
	answers := map[facts.Need]facts.Answer{}
	for _, need := range facts.NeedsOf(before.Further) {
		answers[need] = s.answer(need)
	}
	w, _ := Of(workload, &v1alpha1.WorkloadCheck{})
	nodes, pods := NodesOf(answers[facts.Nodes], noon), podsOf(w, answers)
	pods.Failed = true
	f := Diagnose(w, nodes, pods, noon)
	g.Expect(f.Reason).To(Equal(v1alpha1.ReasonCrashLooping))
	g.Expect(podsWanted(f)).NotTo(Equal(podsWanted(before)), "they are read again")

	// What did not fail before is judged by its nodes, whoever has asked for its pods meanwhile.
	pods.Failed = false
	f = Diagnose(w, nodes, pods, noon)
	g.Expect(f.Reason).To(Equal(v1alpha1.ReasonProgressing))
	g.Expect(f.Further).To(Equal([]facts.Demand{{Need: facts.Nodes}}))
}

// While it is not known whether nodes join, nothing is said.
func TestDaemonSetWaitsForNodes(t *testing.T) {
	workload := cns(3, 2, "")
	f := diagnosed(workload, nil)
	g := NewWithT(t)
	g.Expect(f.Pending).To(BeTrue())
	g.Expect(summary(f)).To(Equal("Unknown NotYetObserved: DaemonSet kube-system/cns: 2/3 available"))
	g.Expect(f.Further).To(Equal([]facts.Demand{{Need: facts.Nodes}}))
	expectWhy(t, explained(workload, scene{noNodes: facts.NotPermitted}), "WorkloadUnavailable: DaemonSet kube-system/cns: 2/3 available")
}

// boundTo returns the pod with the affinity of one that must go to a node.
func boundTo(node string, o client.Object) client.Object {
	o.(*corev1.Pod).Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
			{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}}}}}}
	return o
}

// A pod of a DaemonSet that is on no node yet is on its way to a certain one.
func TestDaemonSetPodIsPlacedByItsAffinity(t *testing.T) {
	workload := cns(4, 1, "")
	const noRoom = "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]"
	expectWhy(t, explained(workload, scene{nodes: pools(), pods: []client.Object{boundTo("n1", pod("cns-n1", "", unscheduled(noRoom+". preemption: no.")))}}),
		"Unschedulable: DaemonSet kube-system/cns: 1/4 available, 1 node stopped (stopped); 1 cannot be scheduled: "+noRoom+" (n1)")
}

func TestDaemonSetOf5000Nodes(t *testing.T) {
	g := NewWithT(t)
	var nodes, pods []client.Object
	for i := range 5000 {
		name := fmt.Sprintf("aks-user-25795745-vmss%06d", i)
		if i%2000 != 7 {
			nodes = append(nodes, old(name))
			continue
		}
		nodes = append(nodes, aged(nodeWith(name, notReady()), time.Hour))
		pods = append(pods, pod("cns-"+name, name, containerStatuses(running)))
	}
	workload := cns(5000, 4997, "")
	f := explained(workload, scene{nodes: nodes, pods: pods})
	expectWhy(t, f, "NodesDown: DaemonSet kube-system/cns: 4997/5000 available; 3 on nodes that are unreachable "+
		"(aks-user-25795745-vmss000007, aks-user-25795745-vmss002007, aks-user-25795745-vmss004007)")
	g.Expect(f.Further).To(Equal([]facts.Demand{{Need: facts.Nodes}}), "the nodes account for all of it: no pods are listed")

	crashing := append(slices.Clone(pods), pod("cns-0", "aks-user-25795745-vmss000000", containerStatuses(crashing)))
	f = explained(cns(5000, 4996, ""), scene{nodes: nodes, pods: crashing})
	g.Expect(f.Reason).To(Equal(v1alpha1.ReasonCrashLooping))
	g.Expect(f.Further).To(ContainElement(HaveField("Kind", facts.PodKind)), "one more is missing")

	t.Run("all down", func(t *testing.T) {
		nodes, pods = nil, nil
		for i := range 5000 {
			name := fmt.Sprintf("aks-user-25795745-vmss%06d", i)
			nodes = append(nodes, aged(nodeWith(name, notReady()), time.Hour))
			pods = append(pods, pod("cns-"+name, name, containerStatuses(running)))
		}
		workload := cns(5000, 0, "")
		f := explained(workload, scene{nodes: nodes, pods: pods})
		NewWithT(t).Expect(f.Reason).To(Equal(v1alpha1.ReasonNodeFault))
		NewWithT(t).Expect(f.Detail).To(HaveSuffix("and 4997 more)"))
		NewWithT(t).Expect(len(f.Detail)).To(BeNumerically("<", 256))
	})
}
