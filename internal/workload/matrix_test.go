// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// ownFaults are all that a pod may have by itself, with the reason for each.
var ownFaults = []struct {
	name, reason string
	pod          func(name, node string) client.Object // nil: it does not exist
}{
	{"crashes", v1alpha1.ReasonCrashLooping, onNode(containerStatuses(crashing))},
	{"cannot pull its image", v1alpha1.ReasonImagePullFailed, onNode(containerStatuses(pulling))},
	{"cannot start", v1alpha1.ReasonNotReady, onNode(containerStatuses(cannotRun))},
	{"fails its probe", v1alpha1.ReasonNotReady, onNode(containerStatuses(running))},
	{"is created for an hour", v1alpha1.ReasonNotReady, onNode(containerStatuses(creating))},
	{"finds no node", v1alpha1.ReasonUnschedulable, onNone(unscheduled("0/9 nodes are available: 9 Insufficient cpu."))},
	{"waits for the scheduler for an hour", v1alpha1.ReasonUnschedulable, onNone("{phase: Pending}")},
	{"does not exist", v1alpha1.ReasonWorkloadUnavailable, nil},
}

// onNode returns what makes pods of that status, each on its node; onNone leaves them on none.
func onNode(status string) func(name, node string) client.Object {
	like := aged(pod("", "", status), time.Hour).(*corev1.Pod)
	return func(name, node string) client.Object {
		p := like.DeepCopy()
		p.Name, p.Spec.NodeName = name, node
		return p
	}
}

func onNone(status string) func(name, node string) client.Object {
	make := onNode(status)
	return func(name, _ string) client.Object { return make(name, "") }
}

// nodesLike returns what makes nodes like one.
func nodesLike(like client.Object) func(i int) client.Object {
	return func(i int) client.Object {
		n := like.DeepCopyObject().(client.Object)
		n.SetName(fmt.Sprintf("n%04d", i))
		return n
	}
}

// A fault of its own counts in proportion: for a DaemonSet of whose pods one percent is tolerated, and for a Deployment with
// the maxUnavailable of CoreDNS.
func TestOwnFaultsInProportion(t *testing.T) {
	well, percent := nodesLike(old("")), v1alpha1.WorkloadCheck{Tolerance: v1alpha1.Tolerance{Percent: new(int32(1))}}
	for _, size := range []struct {
		kind         v1alpha1.WorkloadKind
		pods, faulty int
		check        v1alpha1.WorkloadCheck
		want         v1alpha1.Verdict
	}{
		{kind: v1alpha1.WorkloadDaemonSet, pods: 6, faulty: 1, check: percent, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 6, faulty: 6, check: percent, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 100, faulty: 1, check: percent, want: v1alpha1.VerdictTrue},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 100, faulty: 2, check: percent, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 100, faulty: 100, check: percent, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 5000, faulty: 1, check: percent, want: v1alpha1.VerdictTrue},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 5000, faulty: 50, check: percent, want: v1alpha1.VerdictTrue},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 5000, faulty: 51, check: percent, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDaemonSet, pods: 5000, faulty: 5000, check: percent, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDeployment, pods: 1, faulty: 1, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDeployment, pods: 2, faulty: 1, want: v1alpha1.VerdictTrue},
		{kind: v1alpha1.WorkloadDeployment, pods: 2, faulty: 2, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDeployment, pods: 3, faulty: 1, want: v1alpha1.VerdictTrue},
		{kind: v1alpha1.WorkloadDeployment, pods: 3, faulty: 2, want: v1alpha1.VerdictFalse},
		{kind: v1alpha1.WorkloadDeployment, pods: 3, faulty: 3, want: v1alpha1.VerdictFalse},
	} {
		for _, fault := range ownFaults {
			t.Run(fmt.Sprintf("%s: %d of %d %s", size.kind, size.faulty, size.pods, fault.name), func(t *testing.T) {
				var nodes, pods []client.Object
				for i := range size.faulty {
					nodes = append(nodes, well(i))
					if fault.pod != nil {
						pods = append(pods, fault.pod(fmt.Sprintf("p%04d", i), nodes[i].GetName()))
					}
				}
				w, _ := Of(workloadOf(size.kind, size.pods, size.faulty, fault.pod != nil), &size.check)
				answer := facts.Answer{State: facts.Known, Objects: nodes}
				d := Diagnose(w, NodesOf(answer, noon), readPods(pods), noon)
				g := NewWithT(t)
				g.Expect(d.Healthy).To(Equal(size.want), d.Detail)
				if size.want == v1alpha1.VerdictTrue {
					g.Expect(d.Reason).To(Equal(v1alpha1.ReasonWithinTolerance))
				} else {
					g.Expect(d.Reason).To(Equal(fault.reason))
				}
				g.Expect(d.Causes).To(HaveLen(1))
				g.Expect(d.Causes[0].Count).To(Equal(size.faulty))
				g.Expect(d.Detail).To(ContainSubstring(fmt.Sprintf("; %d ", size.faulty)), "it is told, with its number")
				g.Expect(d.ExcusedFor).To(BeZero())
			})
		}
	}
}

func workloadOf(kind v1alpha1.WorkloadKind, pods, faulty int, created bool) client.Object {
	available, exist := int32(pods-faulty), int32(pods)
	if !created {
		exist = available
	}
	if kind == v1alpha1.WorkloadDaemonSet {
		d := cns(pods, pods-faulty, "")
		d.Status.CurrentNumberScheduled, d.Status.UpdatedNumberScheduled = exist, exist
		return d
	}
	d := deployment("web", fmt.Sprintf("{replicas: %d, selector: {matchLabels: {app: web}}, strategy: {rollingUpdate: {maxUnavailable: 1}}}", pods), "")
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: exist, UpdatedReplicas: int32(pods), ReadyReplicas: available, AvailableReplicas: available}
	return d
}

// Faults of nodes count for the nodes, whatever the size, until no pod is left.
func TestFaultsOfNodes(t *testing.T) {
	well, pod := nodesLike(old("")), onNode(containerStatuses(running))
	for _, size := range []struct{ nodes, down int }{{6, 1}, {6, 5}, {6, 6}, {100, 1}, {100, 99}, {100, 100}, {5000, 1}, {5000, 300}, {5000, 5000}} {
		for name, fault := range map[string]struct {
			node   func(i int) client.Object
			listed bool // the numbers do not surely say whose pods are missing
		}{
			"unreachable": {nodesLike(aged(nodeWith("", notReady()), time.Hour)), false},
			"not ready":   {nodesLike(aged(nodeWith("", unhealthy()), time.Hour)), true},
		} {
			t.Run(fmt.Sprintf("%d of %d %s", size.down, size.nodes, name), func(t *testing.T) {
				var s scene
				for i := range size.nodes {
					n := well(i)
					if i < size.down {
						n = fault.node(i)
						s.pods = append(s.pods, pod("p"+n.GetName(), n.GetName()))
					}
					s.nodes = append(s.nodes, n)
				}
				d := explained(cns(size.nodes, size.nodes-size.down, ""), s)
				g := NewWithT(t)
				want := []any{v1alpha1.VerdictTrue, v1alpha1.ReasonNodesDown}
				if size.down == size.nodes {
					want = []any{v1alpha1.VerdictFalse, v1alpha1.ReasonNodeFault}
				}
				g.Expect([]any{d.Healthy, d.Reason}).To(Equal(want), d.Detail)
				g.Expect(d.Causes).To(HaveLen(1))
				g.Expect(d.Causes[0].Count).To(Equal(size.down))
				listed := podsWanted(d) != (facts.Refresh{})
				g.Expect(listed).To(Equal(fault.listed), "whether its pods are listed")
			})
		}
	}
}

// A pod that no node takes is the nodes' fault when all that keeps it off is their state, by the scheduler's words as by what
// is known of the nodes.
func TestTaintsThatAreStates(t *testing.T) {
	for key, says := range map[string]string{
		"node.kubernetes.io/not-ready":                                    "are not ready",
		"node.kubernetes.io/disk-pressure":                                "are under pressure",
		"node.kubernetes.io/network-unavailable":                          "have no network",
		"node.kubernetes.io/out-of-service":                               "are stopped",
		"node.cloudprovider.kubernetes.io/uninitialized":                  "are not initialized",
		"node.cloudprovider.kubernetes.io/shutdown":                       "are stopped",
		"ToBeDeletedByClusterAutoscaler":                                  "are leaving",
		"karpenter.sh/disrupted":                                          "are leaving",
		"karpenter.sh/unregistered":                                       "are not initialized",
		"node.cilium.io/agent-not-ready":                                  "are not initialized",
		"disk.csi.azure.com/agent-not-ready":                              "are not initialized",
		"remediator.kubernetes.azure.com/unschedulable":                   "are being repaired",
		"startup-taint.cluster-autoscaler.kubernetes.io/auditd-not-ready": "are not initialized",
		"CriticalAddonsOnly":                                              "",
		"kubernetes.azure.com/scalesetpriority":                           "",
		"sku":                                                             "",
	} {
		t.Run(key, func(t *testing.T) {
			g := NewWithT(t)
			named := fmt.Sprintf("0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) had untolerated taint {%s: true}.", key)
			unseen := scene{noNodes: facts.NotPermitted, pods: []client.Object{pod("web-0", "", unscheduled(named))}}
			tainted := node("x", fmt.Sprintf("{taints: [{key: %s, effect: NoSchedule}]}", key), "{conditions: ["+ready()+"]}")
			unnamed := unscheduled("0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) had untolerated taint(s).")
			seen := scene{nodes: []client.Object{old("a"), aged(tainted, time.Hour)}, pods: []client.Object{pod("web-0", "", unnamed)}}
			if says == "" {
				g.Expect(explained(web(2, 1), unseen).Reason).To(Equal(v1alpha1.ReasonUnschedulable))
				g.Expect(explained(web(2, 1), seen).Reason).To(Equal(v1alpha1.ReasonUnschedulable))
				return
			}
			d := explained(web(2, 1), unseen)
			g.Expect(summary(d)).To(Equal("True NodesDown: Deployment kube-system/web: 1/2 available; 1 cannot be scheduled because nodes " + says))
			switch key { // a node that is ready is about to lose the taint, or is being drained
			case "ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted":
				says = "are being drained"
			case "node.kubernetes.io/not-ready", "node.kubernetes.io/out-of-service", "node.cloudprovider.kubernetes.io/shutdown":
				return
			}
			g.Expect(summary(explained(web(2, 1), seen))).To(
				Equal("True NodesDown: Deployment kube-system/web: 1/2 available; 1 cannot be scheduled because nodes " + says + " (x)"))
			on := pod("web-0", "x", containerStatuses(crashing)).(*corev1.Pod)
			g.Expect(explained(web(2, 1), scene{nodes: seen.nodes, pods: []client.Object{on}}).Reason).To(
				Equal(v1alpha1.ReasonCrashLooping), "what runs there already answers for itself")
		})
	}
}
