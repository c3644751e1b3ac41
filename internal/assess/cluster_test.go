// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
)

const poolLabels = "nodePoolLabel: pool\nnodeModeLabel: mode\nnodeImageLabel: image"

// view returns what an architecture of this spec sees of the cluster.
func view(t testing.TB, spec string, c cluster) assess.ClusterView {
	t.Helper()
	a := newArchitecture(t, spec)
	selectors, err := assess.ParseSelectors(&a.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return assess.ViewCluster(assess.NewScope(&a.Spec, selectors.Nodes), c.facts(assess.ClusterNeeds(), start))
}

// member returns a ready node of the platform, in a pool.
func member(name, pool, mode string) *corev1.Node {
	return node(name, corev1.ConditionTrue, map[string]string{"aks": "here", "pool": pool, "mode": mode, corev1.LabelOSStable: "linux", "image": "Ubuntu-202603"})
}

// versioned returns the node with other versions.
func versioned(n *corev1.Node, kubelet, runtime, image string) *corev1.Node {
	n.Status.NodeInfo.KubeletVersion, n.Status.NodeInfo.ContainerRuntimeVersion, n.Labels["image"] = kubelet, runtime, image
	return n
}

func labeled(n *corev1.Node, more map[string]string) *corev1.Node {
	maps.Copy(n.Labels, more)
	return n
}

func unlabeled(n *corev1.Node, keys ...string) *corev1.Node {
	for _, k := range keys {
		delete(n.Labels, k)
	}
	return n
}

func unready(n *corev1.Node, status corev1.ConditionStatus) *corev1.Node {
	n.Status.Conditions = nil
	if status != "" {
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue}, {Type: corev1.NodeReady, Status: status}}
	}
	return n
}

func TestNodePools(t *testing.T) {
	pool := func(name, mode string, nodes, ready int32) v1alpha1.NodePool {
		return v1alpha1.NodePool{Name: name, Mode: mode, OS: "linux", Nodes: new(nodes), Ready: new(ready),
			KubeletVersions: "v1.33.1", ContainerRuntimes: "containerd://1.7.27-1", NodeImages: "Ubuntu-202603"}
	}
	mixed := pool("a", "system", 4, 4)
	mixed.KubeletVersions = "v1.32.3 (3), v1.33.1 (1)"
	mixed.ContainerRuntimes = "containerd://1.7.27-1 (3), containerd://1.6.0 (1)"
	mixed.NodeImages = "Ubuntu-202603 (2), Ubuntu-202601 (1), Ubuntu-202602 (1)"
	windows := pool("win", "user", 1, 1)
	windows.OS = "windows"
	alone := pool("(none)", "", 2, 1)
	byOS := pool("a", "system", 1, 1)
	byOS.NodeImages = "Ubuntu 22.04.5 LTS"
	for _, c := range []struct {
		name, spec string
		nodes      []object
		pools      []v1alpha1.NodePool
	}{
		{name: "by mode and name, with their counts", spec: poolLabels,
			nodes: []object{member("n1", "z", "user"), member("n2", "b", "user"), member("n3", "sys", "system"), member("n4", "b", "user")},
			pools: []v1alpha1.NodePool{pool("sys", "system", 1, 1), pool("b", "user", 2, 2), pool("z", "user", 1, 1)}},
		{name: "nodes that are not ready", spec: poolLabels,
			nodes: []object{member("n1", "a", "user"), unready(member("n2", "a", "user"), corev1.ConditionFalse),
				unready(member("n3", "a", "user"), corev1.ConditionUnknown), unready(member("n4", "a", "user"), "")},
			pools: []v1alpha1.NodePool{pool("a", "user", 4, 1)}},
		{name: "mixed versions are counted, the most frequent first", spec: poolLabels,
			nodes: []object{
				versioned(member("n1", "a", "system"), "v1.32.3", "containerd://1.7.27-1", "Ubuntu-202601"),
				versioned(member("n2", "a", "system"), "v1.32.3", "containerd://1.7.27-1", "Ubuntu-202602"),
				versioned(member("n3", "a", "system"), "v1.33.1", "containerd://1.6.0", "Ubuntu-202603"),
				versioned(member("n4", "a", "system"), "v1.32.3", "containerd://1.7.27-1", "Ubuntu-202603")},
			pools: []v1alpha1.NodePool{mixed}},
		{name: "windows", spec: poolLabels,
			nodes: []object{labeled(member("n1", "win", "user"), map[string]string{corev1.LabelOSStable: "windows"})}, pools: []v1alpha1.NodePool{windows}},
		{name: "nodes that are provisioned one by one have no pool", spec: poolLabels,
			nodes: []object{unlabeled(member("n1", "", ""), "pool", "mode"), unready(unlabeled(member("n2", "", ""), "pool", "mode"), corev1.ConditionFalse), member("n3", "a", "user")},
			pools: []v1alpha1.NodePool{alone, pool("a", "user", 1, 1)}},
		{name: "nodes of another platform are in no pool", spec: poolLabels,
			nodes: []object{member("n1", "a", "user"), unlabeled(member("n2", "a", "user"), "aks"), unlabeled(member("n3", "b", "user"), "aks")},
			pools: []v1alpha1.NodePool{pool("a", "user", 1, 1)}},
		{name: "without a label for images the node's own word counts", spec: "nodePoolLabel: pool\nnodeModeLabel: mode",
			nodes: []object{member("n1", "a", "system")}, pools: []v1alpha1.NodePool{byOS}},
		{name: "a node without the label for images", spec: poolLabels,
			nodes: []object{unlabeled(member("n1", "a", "system"), "image")}, pools: []v1alpha1.NodePool{byOS}},
		{name: "without a label for pools none are listed", nodes: []object{member("n1", "a", "system")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			NewWithT(t).Expect(view(t, c.spec, with(c.nodes...)).NodePools).To(Equal(c.pools))
		})
	}
}

// virtual is the node as that of a virtual kubelet, which is silent.
func virtual(o object) object {
	n := o.(*corev1.Node)
	n.Labels["type"] = "virtual-kubelet"
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
	return n
}

func TestClusterView(t *testing.T) {
	nodes := []object{member("n1", "a", "user"), member("n2", "a", "user"), unlabeled(member("n3", "a", "user"), "aks")}
	two := map[string]assess.NodeList{"v1.33.1": nodesNamed("n1", "n2")}
	version := func(body string) cluster { return answering("/version", body, nodes...) }
	for _, c := range []struct {
		name, spec string
		cluster    cluster
		want       assess.ClusterView
	}{
		{"nodes and version", "", version(`{"major": "1", "gitVersion": "v1.33.1"}`),
			assess.ClusterView{Nodes: 3, MatchingNodes: 2, KubernetesVersion: "v1.33.1", Kubelets: two}},
		{"a virtual node is no machine", "", answering("/version", "", append(slices.Clone(nodes), virtual(member("vk", "a", "user")))...),
			assess.ClusterView{Nodes: 3, MatchingNodes: 2, Kubelets: two}},
		{"no nodeSelector is set", "nodeSelector: null", version(""), assess.ClusterView{Nodes: 3, MatchingNodes: 3, Kubelets: map[string]assess.NodeList{"v1.33.1": nodesNamed("n1", "n2", "n3")}}},
		{"a selector with expressions", "nodeSelector: {matchLabels: null, matchExpressions: [{key: aks, operator: DoesNotExist}]}", version(""),
			assess.ClusterView{Nodes: 3, MatchingNodes: 1, Kubelets: map[string]assess.NodeList{"v1.33.1": nodesNamed("n3")}}},
		{"the version is no JSON", "", version("Forbidden"), assess.ClusterView{Nodes: 3, MatchingNodes: 2, Kubelets: two}},
		{"the version is longer than the status has room for", "", version(`{"gitVersion": "v1.33.1-` + strings.Repeat("x", 100) + `"}`),
			assess.ClusterView{Nodes: 3, MatchingNodes: 2, KubernetesVersion: "v1.33.1-" + strings.Repeat("x", 52) + "…", Kubelets: two}},
		{"the version may not be read", "", version("").hidden(facts.NotPermitted, "/version"), assess.ClusterView{Nodes: 3, MatchingNodes: 2, Kubelets: two}},
		{"the version was not read yet", "", version("").hidden(facts.Pending, "/version"), assess.ClusterView{Pending: true, Nodes: 3, MatchingNodes: 2, Kubelets: two}},
		{"the nodes were not read yet", "", version("").hidden(facts.Pending, "Node"), assess.ClusterView{Pending: true}},
		{"the nodes may not be read", "", version("").hidden(facts.NotPermitted, "Node"),
			assess.ClusterView{Problem: v1alpha1.ReasonNotPermitted, ProblemMessage: "as the test has it"}},
		{"reading the nodes fails", "", version("").hidden(facts.Failed, "Node"),
			assess.ClusterView{Problem: v1alpha1.ReasonObservationFailed, ProblemMessage: "as the test has it"}},
		{"a dump without nodes", "", version("").hidden(facts.NotHeld, "Node"),
			assess.ClusterView{Problem: v1alpha1.ReasonNotInDump, ProblemMessage: "as the test has it"}},
		{"an API server without nodes", "", version("").hidden(facts.NotServed, "Node"),
			assess.ClusterView{Problem: v1alpha1.ReasonObservationFailed, ProblemMessage: "as the test has it"}},
	} {
		t.Run(c.name, func(t *testing.T) { NewWithT(t).Expect(view(t, c.spec, c.cluster)).To(Equal(c.want)) })
	}
}

// TestNodeStates tells nodes that are down from those that need not be ready.
func TestNodeStates(t *testing.T) {
	g := NewWithT(t)
	aged := func(n *corev1.Node, age time.Duration) *corev1.Node {
		n.CreationTimestamp = metav1.NewTime(start.Add(-age))
		return n
	}
	stopped := unready(member("stopped", "a", "user"), corev1.ConditionUnknown)
	stopped.Spec.Taints = []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown"}}
	cordoned, both := member("cordoned", "a", "user"), unready(member("down", "a", "user"), corev1.ConditionFalse)
	cordoned.Spec.Unschedulable, both.Spec.Unschedulable = true, true
	silent := unready(unlabeled(member("silent", "a", "user"), "aks"), "")
	seen := view(t, poolLabels, with(stopped, cordoned, both, silent,
		aged(unready(member("young", "a", "user"), corev1.ConditionFalse), 4*time.Minute),
		aged(unready(member("younger", "a", "user"), corev1.ConditionFalse), time.Minute),
		aged(member("ready already", "a", "user"), 9*time.Minute)))
	g.Expect(seen.Down).To(Equal(nodesNamed("down (Ready is False)", "silent (no Ready condition)")), "of whatever platform")
	g.Expect(seen.Cordoned).To(Equal(nodesNamed("cordoned")))
	g.Expect(seen.DownAt).To(Equal(start.Add(6 * time.Minute)))
	g.Expect(seen.Kubelets["v1.33.1"].Count).To(Equal(5), "its kubelet does not run")

	a := newArchitecture(t, poolLabels)
	_, wait := assess.Architecture(a, list(healthy(t, "a")), seen, start.Add(4*time.Minute))
	g.Expect(wait).To(Equal(2*time.Minute), "when the first of them counts as down")
	_, wait = assess.Architecture(a, list(healthy(t, "a")), seen, start.Add(7*time.Minute))
	g.Expect(wait).To(Equal(time.Second))
}

// TestPoolsFit holds pools that nodes make up to what the API takes.
func TestPoolsFit(t *testing.T) {
	g := NewWithT(t)
	var nodes []object
	for i := range 40 {
		name := fmt.Sprintf("n%02d", i)
		nodes = append(nodes, versioned(member(name, strings.Repeat("p", 63), strings.Repeat("m", 63)), "v1.33."+strings.Repeat("9", 90)+name, strings.Repeat("r", 90)+name, strings.Repeat("i", 60)+name))
	}
	a := newArchitecture(t, poolLabels)
	a.Status, _ = assess.Architecture(a, list(healthy(t, "a")), view(t, poolLabels, with(nodes...)), start)
	g.Expect(a.Status.NodePools).To(HaveLen(1))
	g.Expect(schemaOf(t, "architecture.archmap.dev_clusterarchitectures.yaml")(&a.Status)).To(BeEmpty())
}

func TestClusterNeeds(t *testing.T) {
	g := NewWithT(t)
	g.Expect(assess.ClusterNeeds()).To(ContainElement(facts.Nodes), "the nodes that every check of nodes shares")
	g.Expect(assess.ClusterNeeds()).To(ContainElement(HaveField("Path", "/version")))
}

func TestParseSelectors(t *testing.T) {
	for _, c := range []struct {
		name, spec        string
		nodes, components string
		err               string
	}{
		{name: "both", nodes: "aks=here", components: v1alpha1.PlatformLabel + "=aks"},
		{name: "no selector of nodes picks all", spec: "nodeSelector: null", nodes: labels.Everything().String(), components: v1alpha1.PlatformLabel + "=aks"},
		{name: "expressions", spec: "nodeSelector: {matchLabels: null, matchExpressions: [{key: a, operator: In, values: [b, c]}]}", nodes: "a in (b,c)", components: v1alpha1.PlatformLabel + "=aks"},
		{name: "a selector of nodes that cannot be used", spec: "nodeSelector: {matchExpressions: [{key: a, operator: Like}]}", err: "spec.nodeSelector: "},
		{name: "a selector of components that cannot be used", spec: "componentSelector: {matchExpressions: [{key: a, operator: In}]}", err: "spec.componentSelector: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			selectors, err := assess.ParseSelectors(&newArchitecture(t, c.spec).Spec)
			if c.err != "" {
				g.Expect(err).To(MatchError(HavePrefix(c.err)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(selectors.Nodes.String()).To(Equal(c.nodes))
			g.Expect(selectors.Components.String()).To(Equal(c.components))
		})
	}
}
