// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
)

func TestCauses(t *testing.T) { runArchitectures(t, causeCases(t)) }

// inShort returns the reason and the components of each cause.
func inShort(s v1alpha1.ClusterArchitectureStatus) [][]string {
	var out [][]string
	for _, c := range s.Causes {
		out = append(out, append([]string{c.Reason}, c.Components...))
	}
	return out
}

func causeCases(t testing.TB) []archCase {
	// shared is a component that stands on the same agents as others; it has seen them fail so late.
	shared := func(name string, after time.Duration) v1alpha1.ComponentMapping {
		m := mappingCase{spec: checks(agent), visits: []visit{{after: after, cluster: with(daemonSet("agent", 1, 3))}}}.play(t).mapping
		m.Name = name
		return *m
	}
	hurt := func(name string, p v1alpha1.Placement) v1alpha1.ComponentMapping {
		return placed(p, unhealthy(t, name))
	}
	return []archCase{{
		name: "all is well", mappings: list(healthy(t, "a"), notNeeded(gone(t, "b")), forbidden(t, "c")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) { g.Expect(s.Causes).To(BeEmpty()) },
	}, {
		name:     "what is unhealthy or there in part first, then what is missing",
		mappings: list(half(t, "a"), gone(t, "b"), unhealthy(t, "c"), notNeeded(unhealthy(t, "d")), healthy(t, "e")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"WorkloadUnavailable", "c"}, {"WorkloadUnavailable", "d"}, {"PartMissing", "a"}, {"NotFound", "b"}}))
			g.Expect(s.Causes[0].Message).To(Equal("Deployment kube-system/c: 0/2 available"))
			g.Expect(s.Causes[3].Message).To(Equal("not found; no Deployment kube-system/b"))
		},
	}, {
		name:     "the same explanation is one cause, that began when the first of them broke",
		mappings: list(shared("a", 2*time.Hour), unhealthy(t, "b"), shared("c", time.Hour), shared("d", 3*time.Hour)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"WorkloadUnavailable", "b"}, {"WorkloadUnavailable", "a", "c", "d"}})) // of b nothing is left
			g.Expect(s.Causes[1].Since).To(at(time.Hour))
		},
	}, {
		name: "causes before consequences: the control plane, then nodes, then the cluster; each in the order of the table",
		mappings: list(
			hurt("c", v1alpha1.PlacementCluster), hurt("n2", v1alpha1.PlacementNode), hurt("p", v1alpha1.PlacementControlPlane), hurt("n1", v1alpha1.PlacementNode)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"WorkloadUnavailable", "p"}, {"WorkloadUnavailable", "n1"}, {"WorkloadUnavailable", "n2"}, {"WorkloadUnavailable", "c"}}))
		},
	}}
}

func placed(p v1alpha1.Placement, m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
	m.Spec.Placement = p
	return m
}

// since returns the component whose health has been what it is since so long after the start.
func since(after time.Duration, m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
	meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy).LastTransitionTime = metav1.NewTime(start.Add(after))
	return m
}

func TestNodeFaults(t *testing.T) { runArchitectures(t, nodeFaultCases(t)) }

// faulty returns a present component, some checks of which fail for these reasons, the worst first.
func faulty(t testing.TB, name string, reasons ...string) v1alpha1.ComponentMapping {
	m := unhealthy(t, name)
	check := m.Status.Checks[0]
	m.Status.Checks = nil
	for i, reason := range reasons {
		c := *check.DeepCopy()
		c.Name, c.Reason, c.Message = string(rune('a'+i)), reason, "so says the test of "+name
		c.Faults = []v1alpha1.Fault{faultOf(name, reason, c.Name+": "+c.Message)}
		m.Status.Checks = append(m.Status.Checks, c)
	}
	c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy)
	c.Reason, c.Message = reasons[0], "a: so says the test of "+name
	return m
}

// faultOf returns the fault that a component tells: of the one node that is down, or of its own Deployment.
func faultOf(name, reason, message string) v1alpha1.Fault {
	f := v1alpha1.Fault{Kind: v1alpha1.FaultWorkload, Subject: v1alpha1.ObservedObject{Kind: "Deployment", Namespace: "kube-system", Name: name},
		Severity: v1alpha1.SeverityMajor, Reason: reason, Message: message, Next: "kubectl describe it"}
	if reason == v1alpha1.ReasonNodeFault || reason == v1alpha1.ReasonNodesDown {
		f.Kind, f.Subject, f.Reason = v1alpha1.FaultNode, v1alpha1.ObservedObject{Kind: "Node", Name: "a"}, v1alpha1.ReasonNodeFault
		f.OperatedBy = v1alpha1.OperatedByCustomer
	}
	return f
}

// tolerant returns a component that is healthy, for the reason, in spite of what its checks show.
func tolerant(t testing.TB, name, reason string, checks ...string) v1alpha1.ComponentMapping {
	m := faulty(t, name, checks...)
	c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy)
	c.Status, c.Reason = metav1.ConditionTrue, reason
	for i := range m.Status.Checks {
		m.Status.Checks[i].Healthy = v1alpha1.VerdictTrue
		m.Status.Checks[i].Faults[0].Severity = v1alpha1.SeverityMinor
	}
	return m
}

func TestMinorCauses(t *testing.T) { runArchitectures(t, minorCauseCases(t)) }

func minorCauseCases(t testing.TB) []archCase {
	const tolerated, down = v1alpha1.ReasonWithinTolerance, v1alpha1.ReasonNodesDown
	seen := view(t, "", with(node("a", "Unknown", map[string]string{"aks": "here"}), node("b", "True", map[string]string{"aks": "here"})))
	seen.KubernetesVersion = aks.KubernetesVersion
	const oneDown = "1 of 2 nodes is not ready: a (Kubelet)"
	severities := func(s v1alpha1.ClusterArchitectureStatus) []v1alpha1.Severity {
		var out []v1alpha1.Severity
		for _, c := range s.Causes {
			out = append(out, c.Severity)
		}
		return out
	}
	return []archCase{{
		name: "nodes that are down within tolerance are one minor cause, and nothing is unhealthy", view: &seen, healthy: "True AllChecksPass",
		mappings: list(tolerant(t, "kubelet", tolerated, down), tolerant(t, "cni", down, down), healthy(t, "dns")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{down, "cni", "kubelet"}}))
			g.Expect(severities(s)).To(Equal([]v1alpha1.Severity{v1alpha1.SeverityMinor}))
			g.Expect(s.Causes[0].Message).To(Equal(oneDown))
			g.Expect(s.Abstract[0]).To(HaveSuffix("3 of 3 components present, none unhealthy, 1 minor cause"))
			g.Expect(s.Abstract).To(ContainElement("~ cni, kubelet: NodesDown: " + oneDown))
		},
	}, {
		name: "what lacks pods on a node that is down is part of the one cause of that node", view: &seen,
		mappings: list(since(time.Hour, faulty(t, "kubelet", v1alpha1.ReasonNodeFault)), tolerant(t, "cni", down, down), tolerant(t, "csi", down, down)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{v1alpha1.ReasonNodeFault, "kubelet", "cni", "csi"}}))
			g.Expect(severities(s)).To(Equal([]v1alpha1.Severity{v1alpha1.SeverityMajor}))
			g.Expect(s.Abstract[0]).To(HaveSuffix("1 unhealthy (1 cause)"))
			g.Expect(s.Causes[0].Since).To(at(time.Hour), "not since the others became healthy")
		},
	}, {
		name: "a pod that keeps crashing is a cause of its own, after what somebody must act on", view: &seen,
		mappings: list(tolerant(t, "dns", tolerated, tolerated), unhealthy(t, "api"), gone(t, "scheduler"), tolerant(t, "csi", tolerated, tolerated, down)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{v1alpha1.ReasonWorkloadUnavailable, "api"}, {v1alpha1.ReasonNotFound, "scheduler"}, {down, "csi"}, {tolerated, "csi"}, {tolerated, "dns"}}))
			g.Expect(the("Healthy", s.Conditions).Message).To(HavePrefix("1 unhealthy (1 cause): api"))
			g.Expect(s.Causes[4].Message).To(Equal("a: so says the test of dns"))
		},
	}}
}

func nodeFaultCases(t testing.TB) []archCase {
	const allReady = `{name: nodes, type: Nodes, nodes: {healthy: {conditions: [{type: Ready, status: "True"}]}}}`
	ready := func(name string, status corev1.ConditionStatus) *corev1.Node {
		return node(name, status, map[string]string{"aks": "here"})
	}
	nodes := with(ready("a", "Unknown"), ready("b", "False"), ready("c", "True"))
	kubelet := component(t, "kubelet", checks(allReady), nodes)
	seen := view(t, "", nodes)
	seen.KubernetesVersion = aks.KubernetesVersion
	cordoned := ready("d", "True")
	cordoned.Spec.Unschedulable = true
	drained := view(t, "", with(ready("c", "True"), cordoned))
	const twoDown = "2 of 3 nodes are not ready: a (Kubelet), b (Kubelet)"

	var dozen []object
	for _, name := range []string{"a", "b", "d", "e", "f", "g", "h", "i", "j", "k"} {
		dozen = append(dozen, ready(name, "False"))
	}
	crowd := view(t, "", with(dozen...))

	return []archCase{{
		name: "nodes that are down are one cause, whatever they affect, and come first",
		mappings: list(placed(v1alpha1.PlacementControlPlane, unhealthy(t, "api")), placed(v1alpha1.PlacementNode, kubelet),
			placed(v1alpha1.PlacementNode, faulty(t, "proxy", v1alpha1.ReasonNodeFault)), faulty(t, "dns", v1alpha1.ReasonNodeFault, v1alpha1.ReasonNodeFault)),
		view: &seen, healthy: "False ComponentsUnhealthy",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"NodeFault", "kubelet", "proxy", "dns"}, {"WorkloadUnavailable", "api"}}))
			g.Expect(s.Causes[0].Message).To(Equal(twoDown))
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("4 unhealthy (2 causes): kubelet, proxy, dns: NodeFault: " + twoDown +
				"; api: WorkloadUnavailable: Deployment kube-system/api: 0/2 available"))
		},
	}, {
		name: "began when the first of them was hurt", view: &seen,
		mappings: list(since(time.Hour, faulty(t, "a", v1alpha1.ReasonNodeFault)), since(time.Minute, faulty(t, "b", v1alpha1.ReasonNodeFault))),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Causes[0].Since).To(at(time.Minute))
		},
	}, {
		name: "what has another fault beside it counts under both", view: &seen,
		mappings: list(faulty(t, "a", v1alpha1.ReasonNodeFault), faulty(t, "b", v1alpha1.ReasonCrashLooping, v1alpha1.ReasonNodeFault),
			faulty(t, "c", v1alpha1.ReasonLeaseStale, v1alpha1.ReasonNodeFault)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"NodeFault", "a", "b", "c"}, {"CrashLooping", "b"}, {"LeaseStale", "c"}}))
		},
	}, {
		name: "more nodes than a check names", mappings: list(component(t, "kubelet", checks(allReady), with(dozen...))), view: &crowd,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"NodeFault", "kubelet"}}))
			g.Expect(s.Causes[0].Message).To(Equal("10 of 10 nodes are not ready: a (Kubelet), b (Kubelet), d (Kubelet) and 7 more"))
		},
	}, {
		name: "nodes that are cordoned", mappings: list(faulty(t, "dns", v1alpha1.ReasonNodeFault)), view: &drained,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Causes[0].Message).To(Equal("1 of 2 nodes is cordoned: d"))
		},
	}, {
		name: "nodes that have just recovered: one cause all the same", mappings: list(faulty(t, "a", v1alpha1.ReasonNodeFault), faulty(t, "b", v1alpha1.ReasonNodeFault)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"NodeFault", "a", "b"}}))
			g.Expect(s.Causes[0].Message).To(Equal("a: so says the test of a"))
		},
	}}
}

// Who can act, and where to read on, follows the fault, not the component that has it.
func TestWhoActs(t *testing.T) {
	const provider, customer, shared = v1alpha1.OperatedByProvider, v1alpha1.OperatedByCustomer, v1alpha1.OperatedByShared
	with := func(f v1alpha1.Fault, m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
		f.Severity, f.Message = v1alpha1.SeverityMajor, "it is so"
		m.Status.Checks[0].Faults = []v1alpha1.Fault{f}
		return m
	}
	of := func(kind v1alpha1.FaultKind, reason, name string) v1alpha1.Fault {
		return v1alpha1.Fault{Kind: kind, Reason: reason, Subject: v1alpha1.ObservedObject{Kind: string(kind), Name: name}}
	}
	scheduling := of(v1alpha1.FaultScheduling, v1alpha1.ReasonUnschedulable, "x")
	scheduling.OperatedBy, scheduling.Extent = customer, v1alpha1.ExtentAll
	denied := func(policy string) v1alpha1.Fault {
		f := of(v1alpha1.FaultAdmission, v1alpha1.ReasonAdmissionDenied, policy)
		f.Subject.Kind, f.OperatedBy = "ValidatingAdmissionPolicy", customer
		return f
	}
	provisioner := by(provider, unhealthy(t, "p"))
	provisioner.Spec.Provides = []v1alpha1.Provision{v1alpha1.ProvidesNodes}
	for name, test := range map[string]struct {
		mappings []v1alpha1.ComponentMapping
		want     v1alpha1.Operator
		url      string
	}{
		"the provider's registry":                   {list(with(of(v1alpha1.FaultRegistry, "ImagePullFailed", "mcr.microsoft.com"), by(provider, unhealthy(t, "a")))), shared, "outbound-connections"},
		"another registry":                          {list(with(of(v1alpha1.FaultRegistry, "ImagePullFailed", "quay.io"), by(provider, unhealthy(t, "a")))), customer, "outbound-connections"},
		"no room":                                   {list(with(scheduling, by(provider, unhealthy(t, "a")))), customer, "troubleshoot-pod-scheduler-errors"},
		"no room, and nobody makes any":             {list(with(scheduling, by(provider, unhealthy(t, "a"))), provisioner), provider, "troubleshoot-pod-scheduler-errors"},
		"the provider's policy, for its own pods":   {list(with(denied("aks-managed-x"), by(provider, unhealthy(t, "a")))), provider, "concepts/policy"},
		"the provider's policy, for the customer's": {list(with(denied("aks-managed-x"), by(customer, unhealthy(t, "a")))), customer, "concepts/policy"},
		"the customer's policy":                     {list(with(denied("x"), by(provider, unhealthy(t, "a")))), customer, "concepts/policy"},
		"the provider's workload":                   {list(by(provider, unhealthy(t, "a"))), provider, "debug-pods"},
		"scaled to 0":                               {list(with(of(v1alpha1.FaultWorkload, v1alpha1.ReasonScaledToZero, "x"), by(provider, unhealthy(t, "a")))), shared, "debug-pods"},
		"the customer's, scaled to 0":               {list(with(of(v1alpha1.FaultWorkload, v1alpha1.ReasonScaledToZero, "x"), by(customer, unhealthy(t, "a")))), customer, "debug-pods"},
		"one runs what another shares": {list(by(shared, unhealthy(t, "a")), with(of(v1alpha1.FaultWorkload, "NotReady", "x"), by(shared, unhealthy(t, "b"))),
			with(of(v1alpha1.FaultWorkload, "NotReady", "x"), by(provider, unhealthy(t, "c")))), shared, "debug-pods"},
		"a lost object": {list(with(of(v1alpha1.FaultObject, v1alpha1.ReasonNotFound, "x"), by(provider, unhealthy(t, "a")))), provider, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := newArchitecture(t, "platform: aks")
			status, _ := assess.Architecture(a, test.mappings, aks, start)
			g.Expect(status.Causes).NotTo(BeEmpty())
			g.Expect(status.Causes[0].OperatedBy).To(Equal(test.want))
			g.Expect(string(status.Causes[0].URL)).To(ContainSubstring(test.url))
			if name == "one runs what another shares" {
				g.Expect(status.Causes[1].OperatedBy).To(Equal(provider))
			}
		})
	}
}

// An image of which nothing is known is that of a registry from which others get nothing; one that is not there is its own
// cause.
func TestImagesOfAFailingRegistry(t *testing.T) {
	pulling := func(name string, f v1alpha1.Fault) v1alpha1.ComponentMapping {
		m := faulty(t, name, v1alpha1.ReasonImagePullFailed)
		f.Severity, f.Reason, f.Message, f.Subject.Kind = v1alpha1.SeverityMajor, v1alpha1.ReasonImagePullFailed, "it is so", string(f.Kind)
		m.Status.Checks[0].Faults = []v1alpha1.Fault{f}
		return m
	}
	registry := v1alpha1.ObservedObject{Kind: "Registry", Name: "r"}
	untold := v1alpha1.Fault{Kind: v1alpha1.FaultImage, Subject: v1alpha1.ObservedObject{Name: "r/untold:1"}, Related: []v1alpha1.ObservedObject{registry}}
	lost := v1alpha1.Fault{Kind: v1alpha1.FaultImage, Subject: v1alpha1.ObservedObject{Name: "r/lost:1"}}
	failing := v1alpha1.Fault{Kind: v1alpha1.FaultRegistry, Subject: registry}
	runArchitectures(t, []archCase{{
		name: "with others that fail", mappings: list(pulling("a", untold), pulling("b", failing), pulling("c", lost)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(ConsistOf([]string{"ImagePullFailed", "b", "a"}, []string{"ImagePullFailed", "c"}))
		},
	}, {
		name: "alone", mappings: list(pulling("a", untold), pulling("c", lost)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{"ImagePullFailed", "a"}, {"ImagePullFailed", "c"}}))
		},
	}})
}

// What causes cost does not depend on how many nodes there are.
func BenchmarkCauses(b *testing.B) {
	mappings := list(since(time.Hour, faulty(b, "kubelet", v1alpha1.ReasonNodeFault)))
	for i := range 40 {
		name := fmt.Sprintf("m%d", i)
		mappings = append(mappings, tolerant(b, name, v1alpha1.ReasonNodesDown, v1alpha1.ReasonNodesDown, v1alpha1.ReasonWithinTolerance))
	}
	for _, nodes := range []int{6, 100, 5000} {
		b.Run(fmt.Sprintf("%d nodes", nodes), func(b *testing.B) {
			var objects []object
			for i := range nodes {
				status := corev1.ConditionTrue
				if i%50 == 0 {
					status = corev1.ConditionUnknown
				}
				objects = append(objects, node(fmt.Sprintf("n%04d", i), status, map[string]string{
					"aks": "here", "kubernetes.azure.com/agentpool": fmt.Sprintf("pool%d", i%10), corev1.LabelTopologyZone: fmt.Sprint(i % 3)}))
			}
			seen := view(b, "", with(objects...))
			a := newArchitecture(b, "")
			b.ReportAllocs()
			for b.Loop() {
				assess.Architecture(a, mappings, seen, start)
			}
		})
	}
}
