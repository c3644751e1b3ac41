// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/msg"
)

func TestSkews(t *testing.T) { runArchitectures(t, skewCases(t)) }

// withKubelets returns a view of a cluster with an API server of this version, and a node for each kubelet.
func withKubelets(server string, kubelets ...string) *assess.ClusterView {
	v := aks
	v.KubernetesVersion, v.Kubelets = server, map[string]assess.NodeList{}
	nodes := map[string][]string{}
	for i, k := range kubelets {
		nodes[k] = append(nodes[k], fmt.Sprintf("n%d", i))
		v.Kubelets[k] = nodesNamed(nodes[k]...)
	}
	return &v
}

func skewCases(t testing.TB) []archCase {
	const (
		within, exceeded, unknown = "True WithinSkewPolicy", "False SkewExceeded", "Unknown VersionsUnknown"
		withProxy                 = "versionSkew: {components: [proxy]}"
	)
	// proxy is a component of these versions.
	proxy := func(versions ...string) []v1alpha1.ComponentMapping {
		m := healthy(t, "proxy")
		for _, v := range versions {
			m.Status.Versions = append(m.Status.Versions, v1alpha1.VersionCount{Version: v, Count: 1})
		}
		return list(m)
	}
	// finds are the skews, and the message of the condition.
	finds := func(message string, skews ...v1alpha1.VersionSkew) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
		return func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Skews).To(Equal(skews))
			g.Expect(the("VersionsSupported", s.Conditions).Message).To(Equal(message))
		}
	}
	says := func(message string) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) { return finds(message) }
	one := func(skewType v1alpha1.SkewType, name, message string) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
		return finds(name+": "+message, v1alpha1.VersionSkew{Type: skewType, Name: name, Message: message})
	}
	const proxies = `{name: agents, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, namePrefix: agent, container: main}}`
	const agents = "variants: [{name: other, checks: [" // a variant that the proxy below is not
	cilium := component(t, "proxy", agents+agent+"]}]", with(daemonSet("agent", 1, 1)))
	mixed := []v1alpha1.VersionSkew{{Type: v1alpha1.SkewMixedKubelets, Name: "pool", Message: "kubelets v1.32.3 (1), v1.33.1 (1)"}}
	upgrading := withKubelets("v1.33.1", "v1.33.1", "v1.32.3")
	upgrading.Mixed = mixed

	return []archCase{{
		name: "the same version", view: withKubelets("v1.33.1", "v1.33.1"), supported: within, also: says("kubelets are supported by the API server (v1.33.1)"),
	}, {
		name: "kubelets of another patch, and of another build", view: withKubelets("v1.30.2", "v1.30.100", "v1.30.101-akslts"), supported: within,
	}, {
		name: "three minor versions behind are supported", view: withKubelets("v1.33.1", "v1.30.9", "v1.33.1"), supported: within,
	}, {
		name: "four are not", view: withKubelets("v1.33.1", "v1.29.9", "v1.33.1", "v1.29.9"), supported: exceeded,
		also: one(v1alpha1.SkewTooFarBehind, "kubelet", "v1.29.9 is 4 minor versions behind the API server (v1.33.1); the limit is 3; 2 nodes: n0, n2"),
	}, {
		name: "a kubelet may never be newer", view: withKubelets("v1.33.1", "v1.34.0"), supported: exceeded,
		also: one(v1alpha1.SkewNewerThanAPIServer, "kubelet", "v1.34.0 is newer than the API server (v1.33.1), which is never supported; 1 node: n0"),
	}, {
		name: "the spec may be stricter", spec: "versionSkew: {maxMinorsBehind: 0}", view: withKubelets("v1.33.1", "v1.32.9"), supported: exceeded,
		also: one(v1alpha1.SkewTooFarBehind, "kubelet", "v1.32.9 is 1 minor version behind the API server (v1.33.1); the limit is 0; 1 node: n0"),
	}, {
		name: "what is not supported does not make a cluster unhealthy", view: withKubelets("v1.33.1", "v1.29.9"), mappings: list(healthy(t, "a")),
		supported: exceeded, healthy: "True AllChecksPass", complete: "True AllRequiredPresent",
	}, {
		name: "the version of the API server is not known", view: withKubelets("", "v1.33.1"), supported: unknown,
		also: says("couldn't compare the version of the API server"),
	}, {
		name: "a kubelet that does not tell its version", view: withKubelets("v1.33.1", "", "v1.33.1"), supported: unknown,
		also: says(`couldn't compare kubelet "" of n0`),
	}, {
		name: "no node", view: withKubelets("v1.33.1"), spec: "nodeSelector: null", platform: "True NoSelector", supported: unknown,
		also: says("couldn't compare the kubelets (no nodes found)"),
	}, {
		name: "a component behind the API server", spec: withProxy, view: withKubelets("v1.33.1", "v1.32.0"), mappings: proxy("v1.29.7-5"), supported: exceeded,
		also: one(v1alpha1.SkewTooFarBehind, "proxy", "v1.29.7-5 is 4 minor versions behind the API server (v1.33.1); the limit is 3"),
	}, {
		name: "a component newer than the API server", spec: withProxy, view: withKubelets("v1.33.1", "v1.33.1"), mappings: proxy("v1.33.1", "v1.34.0"), supported: exceeded,
		also: one(v1alpha1.SkewNewerThanAPIServer, "proxy", "v1.34.0 is newer than the API server (v1.33.1), which is never supported"),
	}, {
		name: "a component too far from the kubelets", spec: "versionSkew: {maxMinorsBehind: 1, components: [proxy]}", view: withKubelets("v1.33.1", "v1.33.1"),
		mappings: proxy("v1.31.1"), supported: exceeded,
		also: finds("proxy: v1.31.1 is 2 minor versions behind the API server (v1.33.1); the limit is 1; "+
			"proxy: proxy (v1.31.1) and the kubelets (v1.33.1) are more than 1 minor version apart",
			v1alpha1.VersionSkew{Type: v1alpha1.SkewTooFarBehind, Name: "proxy", Message: "v1.31.1 is 2 minor versions behind the API server (v1.33.1); the limit is 1"},
			v1alpha1.VersionSkew{Type: v1alpha1.SkewTooFarFromKubelets, Name: "proxy", Message: "proxy (v1.31.1) and the kubelets (v1.33.1) are more than 1 minor version apart"}),
	}, {
		name: "a component whose versions lie near the kubelets'", spec: withProxy, view: withKubelets("v1.33.1", "v1.30.1", "v1.33.1"),
		mappings: proxy("v1.30.1", "v1.33.1"), supported: within, also: says("kubelets, proxy are supported by the API server (v1.33.1)"),
	}, {
		name: "a kubelet without such a component near it", spec: withProxy, view: withKubelets("v1.33.1", "v1.29.1", "v1.33.1"), mappings: proxy("v1.33.1"), supported: exceeded,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Skews).To(HaveExactElements(HaveField("Type", v1alpha1.SkewTooFarBehind), HaveField("Type", v1alpha1.SkewTooFarFromKubelets)))
		},
	}, {
		name: "a part of a component without a kubelet near it", spec: "versionSkew: {maxMinorsBehind: 1, components: [proxy]}",
		view: withKubelets("v1.33.1", "v1.33.1"), mappings: proxy("v1.33.1", "v1.31.1"), supported: exceeded,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Skews).To(HaveExactElements(HaveField("Type", v1alpha1.SkewTooFarBehind), HaveField("Type", v1alpha1.SkewTooFarFromKubelets)))
		},
	}, {
		name: "every version is compared, also one that the display has no room for", spec: withProxy, view: withKubelets("v1.33.1", "v1.33.1"),
		mappings: list(component(t, "proxy", checks(proxies), with(daemonSet("agent-a", 4, 4, "a/agent:v1.33.1"), daemonSet("agent-b", 3, 3, "a/agent:v1.32.1"),
			daemonSet("agent-c", 2, 2, "a/agent:v1.31.1"), daemonSet("agent-d", 1, 1, "a/agent:v1.29.1")))),
		supported: exceeded, also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Skews).To(ContainElement(HaveField("Message", "v1.29.1 is 4 minor versions behind the API server (v1.33.1); the limit is 3")))
		},
	}, {
		name: "a version of its own counting is not compared", spec: withProxy, view: withKubelets("v1.33.1", "v1.33.1"), mappings: proxy("0.3.1"), supported: unknown,
		also: says("couldn't compare proxy (version unknown)"),
	}, {
		name: "nor is one that is none, beside one that is", spec: withProxy, view: withKubelets("v1.33.1", "v1.33.1"), mappings: proxy("v1.33.1", "latest"), supported: within,
	}, {
		name: "a component that is not there is not compared", spec: "versionSkew: {components: [gone, nowhere]}", view: withKubelets("v1.33.1", "v1.33.1"),
		mappings: list(gone(t, "gone")), supported: within,
	}, {
		name: "another variant than the one that is named is not compared", spec: "versionSkew: {components: [proxy/daemonset]}",
		view: withKubelets("v1.33.1", "v1.33.1"), mappings: list(cilium), supported: within, also: says("kubelets are supported by the API server (v1.33.1)"),
	}, {
		name: "a component that may not be looked at", spec: withProxy, view: withKubelets("v1.33.1", "v1.33.1"), mappings: list(forbidden(t, "proxy")), supported: unknown,
		also: says("couldn't compare proxy (not known to be present)"),
	}, {
		name: "a node pool that is being upgraded is supported, and told", view: upgrading, supported: within,
		also: finds("kubelets are supported by the API server (v1.33.1)", mixed...),
	}}
}

// TestMixedPools finds the pools whose nodes are not alike.
func TestMixedPools(t *testing.T) {
	const runtime = "containerd://1.7.27-1"
	nodes := []object{
		versioned(member("n1", "a", "system"), "v1.32.3", runtime, "Ubuntu-202601"),
		versioned(member("n2", "a", "system"), "v1.33.1", runtime, "Ubuntu-202603"),
		versioned(member("n3", "a", "system"), "v1.32.3", runtime, "Ubuntu-202601"),
		versioned(member("n4", "b", "user"), "v1.33.1", runtime, "Ubuntu-202601"),
		versioned(member("n5", "b", "user"), "v1.33.1", runtime, "Ubuntu-202603"),
		versioned(member("n6", "c", "user"), "v1.33.1", runtime, "Ubuntu-202603"),
		// Nodes that are provisioned one by one have nothing in common.
		versioned(unlabeled(member("n7", "", "user"), "pool"), "v1.33.1", runtime, "Ubuntu-202603"),
		versioned(unlabeled(member("n8", "", "user"), "pool"), "v1.32.3", runtime, "Ubuntu-202603"),
	}
	g := NewWithT(t)
	seen := view(t, poolLabels, with(nodes...))
	g.Expect(seen.Mixed).To(Equal([]v1alpha1.VersionSkew{
		{Type: v1alpha1.SkewMixedKubelets, Name: "a", Message: "kubelets v1.32.3 (2), v1.33.1 (1)"},
		{Type: v1alpha1.SkewMixedNodeImages, Name: "a", Message: "node images Ubuntu-202601 (2), Ubuntu-202603 (1)"},
		{Type: v1alpha1.SkewMixedNodeImages, Name: "b", Message: "node images Ubuntu-202601 (1), Ubuntu-202603 (1)"}}))
	g.Expect(seen.Kubelets).To(Equal(map[string]assess.NodeList{"v1.32.3": nodesNamed("n1", "n3", "n8"), "v1.33.1": nodesNamed("n2", "n4", "n5", "n6", "n7")}))
}

// TestSkewMessagesFit holds skews to what the API takes.
func TestSkewMessagesFit(t *testing.T) {
	g := NewWithT(t)
	v := withKubelets("v1.33.1")
	for i := range 70 {
		v.Kubelets[fmt.Sprintf("v1.20.%d", i)] = nodesNamed(fmt.Sprintf("%0253d", i), fmt.Sprintf("%0253d", i), fmt.Sprintf("%0253d", i))
	}
	a := newArchitecture(t, "")
	a.Status, _ = assess.Architecture(a, list(healthy(t, "a")), *v, start)
	g.Expect(a.Status.Skews).To(HaveLen(64))
	g.Expect(the("Ready", a.Status.Conditions).Message).To(Equal("only the first 64 of 70 skews are listed"))
	g.Expect(len(the("VersionsSupported", a.Status.Conditions).Message)).To(BeNumerically("<=", msg.MaxMessage))
	g.Expect(schemaOf(t, "architecture.archmap.dev_clusterarchitectures.yaml")(&a.Status)).To(BeEmpty())
}
