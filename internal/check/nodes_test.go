// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/tally"
)

// condition of a node, as YAML, with a heartbeat of that long before noon.
func condition(conditionType, status, reason string, age time.Duration) string {
	return fmt.Sprintf("{type: %s, status: %q, reason: %s, lastHeartbeatTime: %q}",
		conditionType, status, reason, noon.Add(-age).Format(time.RFC3339))
}

// nodeWith is a node that reports these conditions.
func nodeWith(name string, conditions ...string) client.Object {
	return node(name, "", "{conditions: ["+strings.Join(conditions, ", ")+"]}")
}

func ready() string    { return condition("Ready", "True", "KubeletReady", 0) }
func notReady() string { return condition("Ready", "Unknown", "NodeStatusUnknown", 0) }

func TestNodesPresent(t *testing.T) {
	nodes := []client.Object{
		labeled(node("aks-1", "{providerID: 'azure:///a', podCIDR: 10.244.0.0/24}", `{
			nodeInfo: {containerRuntimeVersion: "containerd://1.7.28-1", kubeletVersion: v1.31.9},
			conditions: [{type: NetworkUnavailable, status: "False", reason: RouteCreated}]}`), map[string]string{"mode": "system"}),
		labeled(node("aks-2", "{providerID: 'azure:///b', taints: [{key: shutdown, effect: NoSchedule}]}", `{
			nodeInfo: {containerRuntimeVersion: "containerd://2.2.4", kubeletVersion: v1.32.0-aks}}`), map[string]string{"mode": "user"}),
		node("kind-1", "{providerID: 'kind://a'}", `{
			nodeInfo: {containerRuntimeVersion: "docker://24.0.0"},
			conditions: [{type: NetworkUnavailable, status: "False", reason: CiliumIsUp}]}`),
	}
	for name, test := range map[string]struct {
		nodes  string
		found  []string
		absent string
	}{
		"all":               {nodes: "{}", found: []string{"aks-1", "aks-2", "kind-1"}},
		"label":             {nodes: "{selector: {matchLabels: {mode: user}}}", found: []string{"aks-2"}},
		"label exists":      {nodes: "{selector: {matchExpressions: [{key: mode, operator: Exists}]}}", found: []string{"aks-1", "aks-2"}},
		"label on none":     {nodes: "{selector: {matchLabels: {mode: gateway}}}", absent: "no Nodes with labels mode=gateway among 3 nodes"},
		"taints ignored":    {nodes: "{ignoreTaints: [shutdown, other]}", found: []string{"aks-1", "kind-1"}},
		"taint forbidden":   {nodes: "{present: {forbiddenTaints: [shutdown]}}", found: []string{"aks-1", "kind-1"}},
		"runtime":           {nodes: "{present: {runtimePrefix: 'containerd://'}}", found: []string{"aks-1", "aks-2"}},
		"runtime of none":   {nodes: "{present: {runtimePrefix: 'cri-o://'}}", absent: "no Nodes with container runtime cri-o:// among 3 nodes"},
		"provider":          {nodes: "{present: {providerIDPrefix: 'azure://'}}", found: []string{"aks-1", "aks-2"}},
		"provider of none":  {nodes: "{present: {providerIDPrefix: 'aws://'}}", absent: "no Nodes with provider ID aws:// among 3 nodes"},
		"pod CIDR set":      {nodes: "{present: {podCIDR: Set}}", found: []string{"aks-1"}},
		"pod CIDR unset":    {nodes: "{present: {podCIDR: Unset}}", found: []string{"aks-2", "kind-1"}},
		"kubelet at least":  {nodes: "{present: {minKubelet: '1.32'}}", found: []string{"aks-2"}},
		"kubelet at most":   {nodes: "{present: {maxKubelet: '1.31'}}", found: []string{"aks-1"}},
		"kubelet between":   {nodes: "{present: {minKubelet: '1.31', maxKubelet: '1.32'}}", found: []string{"aks-1", "aks-2"}},
		"condition":         {nodes: "{present: {conditions: [{type: NetworkUnavailable, status: 'False'}]}}", found: []string{"aks-1", "kind-1"}},
		"reason":            {nodes: "{present: {conditions: [{type: NetworkUnavailable, status: 'False', reason: RouteCreated}]}}", found: []string{"aks-1"}},
		"forbidden reason":  {nodes: "{present: {forbiddenConditions: [{type: NetworkUnavailable, status: 'False', reason: RouteCreated}]}}", found: []string{"aks-2", "kind-1"}},
		"every part counts": {nodes: "{selector: {matchLabels: {mode: system}}, present: {providerIDPrefix: 'azure://', podCIDR: Set}}", found: []string{"aks-1"}},
		"every part is told": {
			nodes: `{selector: {matchLabels: {mode: system}}, present: {
				conditions: [{type: A, status: "True"}], forbiddenConditions: [{type: B, status: "True", reason: C}], forbiddenTaints: [d],
				runtimePrefix: 'e://', providerIDPrefix: 'f://', podCIDR: Unset, minKubelet: '1.2', maxKubelet: '1.3'}}`,
			absent: "no Nodes with labels mode=system and condition A=True and not condition B=True (C) and no taint d and " +
				"container runtime e:// and provider ID f:// and pod CIDR unset and kubelet 1.2 or later and kubelet 1.3 or earlier among 3 nodes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Nodes, nodes: " + test.nodes + "}")
			f := c.Evaluate(seeing(c, nodes...))
			g := NewWithT(t)
			g.Expect(objectNames(f)).To(ConsistOf(test.found))
			if test.found == nil {
				g.Expect(told(f)).To(Equal("False/NotAssessed NotFound: " + test.absent))
			} else {
				g.Expect(told(f)).To(Equal("True/NotAssessed Observed: " + msg.Count(len(test.found), "node")))
			}
		})
	}
}

func TestNodesHealth(t *testing.T) {
	const (
		minute      = time.Minute
		mustReady   = "{healthy: {conditions: [{type: Ready, status: 'True'}]}}"
		mustBeUp    = "{healthy: {conditions: [{type: KubeletProblem, status: 'False', maxHeartbeatAgeSeconds: 900}]}}"
		mustNotBe   = "{healthy: {forbiddenConditions: [{type: KubeletProblem, status: 'True', maxHeartbeatAgeSeconds: 900}]}}"
		mustNotLast = "{healthy: {forbiddenConditions: [{type: DiskPressure, status: 'True', minAgeSeconds: 600}]}}"
		mayTell     = "{healthy: {conditions: [{type: Ready, status: 'True'}]}, notices: {except: [KubeletProblem], maxHeartbeatAgeSeconds: 900}}"
		healthy2    = "True/True Healthy: 2/2 nodes healthy"
		unhealthy1  = "True/False NodesUnhealthy: 1/2 nodes unhealthy: "
		down1       = "True/False NodeFault: 1/2 nodes unhealthy: "
	)
	up := func(age time.Duration) string { return condition("KubeletProblem", "False", "KubeletIsUp", age) }
	down := func(age time.Duration) string { return condition("KubeletProblem", "True", "KubeletIsDown", age) }
	pressure := func(age time.Duration) string {
		return fmt.Sprintf("{type: DiskPressure, status: 'True', reason: KubeletHasDiskPressure, message: no space, lastTransitionTime: %q}",
			noon.Add(-age).Format(time.RFC3339))
	}
	virtual := map[string]string{"type": "virtual-kubelet"}
	for name, test := range map[string]struct {
		nodes string
		b     client.Object // the second node; the first one, a, is well
		want  string
	}{
		"all meet it":                      {mustReady, nodeWith("b", ready()), healthy2},
		"one does not":                     {mustReady, nodeWith("b", notReady()), down1 + "b (Ready is Unknown: NodeStatusUnknown)"},
		"the reason differs":               {"{healthy: {conditions: [{type: Ready, status: 'True', reason: KubeletReady}]}}", nodeWith("b", condition("Ready", "True", "Other", 0)), unhealthy1 + "b (Ready is True: Other)"},
		"it does not report the condition": {mustReady, nodeWith("b"), down1 + "b (has no condition Ready)"},

		// Windows nodes have no problem detector: what must be there is missing, what must not be is not there.
		"required of a Windows node":  {mustBeUp, nodeWith("win", ready()), unhealthy1 + "win (has no condition KubeletProblem)"},
		"forbidden on a Windows node": {mustNotBe, nodeWith("win", ready()), healthy2},

		// When the machine dies its conditions stay as they were; only their heartbeat tells.
		"required, heartbeat is frozen":     {mustBeUp, nodeWith("b", ready(), up(16*minute)), unhealthy1 + "b (KubeletProblem has had no heartbeat since 2026-10-02T11:44:00Z)"},
		"required, heartbeat just in time":  {mustBeUp, nodeWith("b", up(15*minute)), healthy2},
		"forbidden":                         {mustNotBe, nodeWith("b", ready(), down(0)), unhealthy1 + "b (KubeletProblem: KubeletIsDown)"},
		"forbidden, be the node down or up": {mustNotBe, nodeWith("b", notReady(), down(0)), unhealthy1 + "b (KubeletProblem: KubeletIsDown)"},
		"forbidden, heartbeat is frozen":    {mustNotBe, nodeWith("b", down(16*minute)), healthy2},
		"any heartbeat will do": {
			"{healthy: {conditions: [{type: KubeletProblem, status: 'False'}]}}", nodeWith("b", up(999*time.Hour)), healthy2,
		},

		// What comes and goes is told at once, and counts when it stays.
		"forbidden for long, just now":    {mustNotLast, nodeWith("b", pressure(9*minute)), "True/True WithinTolerance: 2/2 nodes healthy; problems reported by 1 node: b (DiskPressure since 2026-10-02T11:51:00Z: KubeletHasDiskPressure, no space)"},
		"forbidden for long":              {mustNotLast, nodeWith("b", pressure(10*minute)), unhealthy1 + "b (DiskPressure since 2026-10-02T11:50:00Z: KubeletHasDiskPressure, no space)"},
		"forbidden for long, since when?": {mustNotLast, nodeWith("b", "{type: DiskPressure, status: 'True', reason: Full}"), unhealthy1 + "b (DiskPressure: Full)"},
		"forbidden for long, and over":    {mustNotLast, nodeWith("b", "{type: DiskPressure, status: 'False', reason: Fine}"), healthy2},

		// What nobody has named is told.
		"a notice":                          {mayTell, nodeWith("b", ready(), condition("Scheduled", "True", "Freeze", 0)), "True/True WithinTolerance: 2/2 nodes healthy; problems reported by 1 node: b (Scheduled: Freeze)"},
		"a notice, named after success":     {mayTell, nodeWith("b", ready(), condition("DiskReady", "False", "Worn", 0)), "True/True WithinTolerance: 2/2 nodes healthy; problems reported by 1 node: b (DiskReady is False: Worn)"},
		"no notice":                         {mayTell, nodeWith("b", ready(), condition("Scheduled", "False", "None", 0), condition("DiskReady", "True", "Fine", 0)), healthy2},
		"no notice, heartbeat is frozen":    {mayTell, nodeWith("b", ready(), condition("Scheduled", "True", "Freeze", 16*minute)), healthy2},
		"no notice, others tell":            {mayTell, nodeWith("b", ready(), down(0)), healthy2},
		"a notice of one that is unhealthy": {mayTell, nodeWith("b", notReady(), condition("Scheduled", "True", "Freeze", 0)), down1 + "b (Ready is Unknown: NodeStatusUnknown)"},

		// A virtual kubelet is no machine.
		"a virtual node":     {mustReady, labeled(nodeWith("b", notReady()), virtual), "True/True Healthy: 1/1 nodes healthy"},
		"only virtual nodes": {"{virtualNodes: Only, " + strings.TrimPrefix(mustReady, "{"), labeled(nodeWith("b", notReady()), virtual), "True/False NodesUnhealthy: 1/1 nodes unhealthy: b (Ready is Unknown: NodeStatusUnknown)"},
		"no virtual node":    {"{virtualNodes: Only, " + strings.TrimPrefix(mustReady, "{"), nodeWith("b", ready()), "False/NotAssessed NotFound: no Nodes with virtual kubelets among 2 nodes"},

		"forbidden taint": {
			"{healthy: {forbiddenTaints: [node.cloudprovider.kubernetes.io/uninitialized]}}",
			node("b", "{taints: [{key: node.cloudprovider.kubernetes.io/uninitialized, effect: NoSchedule}]}", ""),
			unhealthy1 + "b (has taint node.cloudprovider.kubernetes.io/uninitialized)",
		},
		"runtime": {
			"{healthy: {runtimePrefix: 'containerd://'}}", node("b", "", "{nodeInfo: {containerRuntimeVersion: 'docker://24.0.0'}}"),
			unhealthy1 + "b (container runtime is docker://24.0.0)",
		},
		"provider ID":    {"{healthy: {providerIDPrefix: 'azure://'}}", node("b", "", ""), unhealthy1 + `b (provider ID is "")`},
		"pod CIDR set":   {"{healthy: {podCIDR: Set}}", node("b", "", ""), unhealthy1 + "b (has no pod CIDR)"},
		"nodes left out": {"{ignoreTaints: [off], " + strings.TrimPrefix(mustReady, "{"), node("b", "{taints: [{key: off, effect: NoSchedule}]}", ""), "True/True Healthy: 1/1 nodes healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Nodes, nodes: " + test.nodes + "}")
			a := node("a", "{providerID: 'azure:///a', podCIDR: 10.244.0.0/24}", "{nodeInfo: {containerRuntimeVersion: 'containerd://2.2.4'}, conditions: ["+ready()+", "+up(0)+"]}")
			expectTold(t, c, seeing(c, a, test.b), test.want)
		})
	}
}

// Without any machine nothing is known that machines show; the node of a virtual kubelet stays when a cluster is stopped.
func TestNodesWithoutMachines(t *testing.T) {
	const without = "Unknown/NotAssessed NotObservable: the cluster has no nodes to check"
	virtual := labeled(nodeWith("v", notReady()), map[string]string{"type": "virtual-kubelet"})
	machines := newCheck("{type: Nodes, nodes: {selector: {matchLabels: {a: b}}}}")
	expectTold(t, machines, seeing(machines), without)
	expectTold(t, machines, seeing(machines, virtual), without)
	expectTold(t, machines, seeing(machines, virtual, nodeWith("a", ready())), "False/NotAssessed NotFound: no Nodes with labels a=b among 2 nodes")
	others := newCheck("{type: Nodes, nodes: {virtualNodes: Only}}")
	expectTold(t, others, seeing(others), without)
	expectTold(t, others, seeing(others, virtual), "True/NotAssessed Observed: 1 node")
}

func TestNodesPodCIDRMustBeUnset(t *testing.T) {
	c := newCheck("{type: Nodes, nodes: {healthy: {podCIDR: Unset}}}")
	expectTold(t, c, seeing(c, node("a", "{podCIDR: 10.244.0.0/24}", "")),
		"True/False NodesUnhealthy: 1/1 nodes unhealthy: a (has pod CIDR 10.244.0.0/24)")
}

// A share of the nodes may be unhealthy, rounded down, and is told all the same.
func TestNodesTolerance(t *testing.T) {
	const down = "(Ready is Unknown: NodeStatusUnknown)"
	for name, test := range map[string]struct {
		percent, notReady int
		want              string
	}{
		"none is unhealthy":       {10, 0, "True/True Healthy: 10/10 nodes healthy"},
		"as many as tolerated":    {10, 1, "True/True NodesDown: 1/10 nodes unhealthy, within tolerance: n0 " + down},
		"one more than tolerated": {10, 2, "True/False NodeFault: 2/10 nodes unhealthy: n0 " + down + ", n1 " + down},
		"it is rounded down":      {9, 1, "True/False NodeFault: 1/10 nodes unhealthy: n0 " + down},
		"19 % of ten are one":     {19, 2, "True/False NodeFault: 2/10 nodes unhealthy: n0 " + down + ", n1 " + down},
		"none is the default":     {0, 1, "True/False NodeFault: 1/10 nodes unhealthy: n0 " + down},
		"all of them never are":   {99, 10, "True/False NodeFault: 10/10 nodes unhealthy: n0 " + down + ", n1 " + down + ", n2 " + down + " and 7 more"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(fmt.Sprintf("{type: Nodes, nodes: {tolerance: {percent: %d}, healthy: {conditions: [{type: Ready, status: 'True'}]}}}", test.percent))
			var nodes []client.Object
			for i := range 10 {
				state := ready()
				if i < test.notReady {
					state = notReady()
				}
				nodes = append(nodes, nodeWith(fmt.Sprintf("n%d", i), state))
			}
			expectTold(t, c, seeing(c, nodes...), test.want)
		})
	}
}

// pool is nodes of a pool, of which the first ones are not ready.
func pool(name string, nodes, notReadyNodes int) []client.Object {
	var out []client.Object
	for i := range nodes {
		state := ready()
		if i < notReadyNodes {
			state = notReady()
		}
		o := nodeWith(fmt.Sprintf("%s%04d", name, i), state)
		if name != "" {
			o = labeled(o, map[string]string{"example.com/pool": name})
		}
		out = append(out, o)
	}
	return out
}

// The tolerance holds for each group: a small pool that is down counts in a big cluster, too.
func TestNodesGroups(t *testing.T) {
	const down = "(Ready is Unknown: NodeStatusUnknown)"
	joined := func(pools ...[]client.Object) []client.Object { return slices.Concat(pools...) }
	for name, test := range map[string]struct {
		nodes []client.Object
		want  string
		first string
	}{
		"all are healthy": {joined(pool("a", 3, 0), pool("b", 3, 0)), "True/True Healthy: 6/6 nodes healthy", "a0000"},
		"a dead pool of three among 300 nodes": {joined(pool("a", 297, 0), pool("z", 3, 3)),
			"True/False NodeFault: pool z: 3/3 nodes unhealthy: z0000 " + down + ", z0001 " + down + ", z0002 " + down, "z0000"},
		"as many of a big pool": {joined(pool("a", 297, 3), pool("z", 3, 0)),
			"True/True NodesDown: pool a: 3/297 nodes unhealthy, within tolerance: a0000 " + down + ", a0001 " + down + ", a0002 " + down, "a0000"},
		"one of several pools, each": {joined(pool("a", 20, 1), pool("b", 20, 1), pool("c", 20, 1), pool("d", 20, 1), pool("e", 20, 0)),
			"True/True NodesDown: pool a: 1/20 nodes unhealthy, pool b: 1/20 nodes unhealthy, pool c: 1/20 nodes unhealthy and 1 more, " +
				"within tolerance: a0000 " + down + ", b0000 " + down + ", c0000 " + down + " and 1 more", "a0000"},
		"what is not tolerated comes first": {joined(pool("a", 20, 1), pool("z", 3, 1)),
			"True/False NodeFault: pool z: 1/3 nodes unhealthy: z0000 " + down + "; pool a: 1/20 nodes unhealthy, within tolerance: a0000 " + down, "z0000"},
		"nodes without the label are one group": {joined(pool("a", 20, 0), pool("", 3, 1)),
			"True/False NodeFault: no pool: 1/3 nodes unhealthy: 0000 " + down, "0000"},
		"they alone":                        {pool("", 20, 1), "True/True NodesDown: 1/20 nodes unhealthy, within tolerance: 0000 " + down, "0000"},
		"a single pool goes without saying": {pool("a", 3, 1), "True/False NodeFault: 1/3 nodes unhealthy: a0000 " + down, "a0000"},
		"nodes that join or leave do not make a pool bigger": {joined(pool("a", 19, 1), []client.Object{
			labeled(fresh("a1", time.Minute), map[string]string{"example.com/pool": "a"}),
			labeled(leaving("a2"), map[string]string{"example.com/pool": "a"})}, pool("b", 1, 0)),
			"True/False NodeFault: pool a: 1/19 nodes unhealthy: a0000 " + down + "; 1 node joining: a1; 1 node leaving: a2", "a0000"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Nodes, nodes: {groupBy: [example.com/pool], tolerance: {percent: 5}, healthy: {conditions: [{type: Ready, status: 'True'}]}}}")
			f := c.Evaluate(seeing(c, test.nodes...))
			g := NewWithT(t)
			g.Expect(told(f)).To(Equal(test.want))
			g.Expect(objectNames(f)[0]).To(Equal(test.first), "what is worst is listed first")
			g.Expect(f.ObjectCount).To(Equal(len(test.nodes)))
		})
	}
}

// The first label that a node carries with a value names its group, and the same value of two labels is two groups.
func TestNodesGroupLabels(t *testing.T) {
	const down = "(Ready is Unknown: NodeStatusUnknown)"
	c := newCheck("{type: Nodes, nodes: {groupBy: [example.com/pool, karpenter.sh/nodepool], tolerance: {percent: 5}, healthy: {conditions: [{type: Ready, status: 'True'}]}}}")
	provisioned := func(prefix, nodePool string, nodes, notReadyNodes int, labels map[string]string) []client.Object {
		out := pool(prefix, nodes, notReadyNodes)
		for _, o := range out {
			o.SetLabels(map[string]string{"example.com/pool": "", "karpenter.sh/nodepool": nodePool})
			maps.Copy(o.GetLabels(), labels)
		}
		return out
	}
	big := provisioned("big", "default", 300, 0, nil)
	for name, test := range map[string]struct {
		nodes []client.Object
		want  string
	}{
		"a dead NodePool of three among 300 nodes": {slices.Concat(big, provisioned("c", "gpu", 3, 3, nil)),
			"True/False NodeFault: nodepool gpu: 3/3 nodes unhealthy: c0000 " + down + ", c0001 " + down + ", c0002 " + down},
		"a pool and a NodePool of the same name": {slices.Concat(big, pool("default", 3, 1)),
			"True/False NodeFault: pool default: 1/3 nodes unhealthy: default0000 " + down},
		"the first label counts": {slices.Concat(provisioned("c", "gpu", 3, 3, map[string]string{"example.com/pool": "a"}), pool("a", 100, 0)),
			"True/True NodesDown: 3/103 nodes unhealthy, within tolerance: c0000 " + down + ", c0001 " + down + ", c0002 " + down},
		"nodes that carry neither": {slices.Concat(big, pool("", 3, 1)),
			"True/False NodeFault: no pool or nodepool: 1/3 nodes unhealthy: 0000 " + down},
	} {
		t.Run(name, func(t *testing.T) { expectTold(t, c, seeing(c, test.nodes...), test.want) })
	}
}

// The reason is that of the groups with too many unhealthy nodes, be something worse tolerated in another.
func TestNodesGroupsReason(t *testing.T) {
	c := newCheck(`{type: Nodes, nodes: {groupBy: [example.com/pool], tolerance: {percent: 5}, healthy: {
		conditions: [{type: Ready, status: 'True'}], forbiddenConditions: [{type: KubeletProblem, status: 'True'}]}}}`)
	big := pool("a", 20, 0)
	big[7] = labeled(nodeWith("a0007", ready(), condition("KubeletProblem", "True", "KubeletIsDown", 0)), big[7].GetLabels())
	expectTold(t, c, seeing(c, append(big, pool("b", 3, 3)...)...), "True/False NodeFault: "+
		"pool b: 3/3 nodes unhealthy: b0000 (Ready is Unknown: NodeStatusUnknown), b0001 (Ready is Unknown: NodeStatusUnknown), b0002 (Ready is Unknown: NodeStatusUnknown); "+
		"pool a: 1/20 nodes unhealthy, within tolerance: a0007 (KubeletProblem: KubeletIsDown)")
}

// A node that moves to another pool counts there from then on.
func TestNodesGroupsFollowLabels(t *testing.T) {
	c := newCheck("{type: Nodes, nodes: {groupBy: [example.com/pool], tolerance: {percent: 5}, healthy: {conditions: [{type: Ready, status: 'True'}]}}}")
	nodes := map[string]*corev1.Node{}
	for _, o := range slices.Concat(pool("a", 20, 1), pool("b", 20, 0)) {
		nodes[o.GetName()] = o.(*corev1.Node)
	}
	table := tally.NewTable(func(name string) (*corev1.Node, bool) {
		n, ok := nodes[name]
		return n, ok
	})
	counted := c.CountNodes(table, noon)
	for name := range nodes {
		table.Update(name, noon, func(int) {})
	}
	g := NewWithT(t)
	g.Expect(counted.Result(noon).Reason).To(Equal("NodesDown"))
	moved := nodes["a0000"].DeepCopy()
	moved.Labels = map[string]string{"example.com/pool": "c"}
	nodes["a0000"] = moved
	table.Update("a0000", noon, func(int) {})
	g.Expect(counted.Result(noon).Message).To(Equal("pool c: 1/1 nodes unhealthy: a0000 (Ready is Unknown: NodeStatusUnknown)"))
}

// At most eight objects are listed, the unhealthy ones first, and all are counted.
func TestNodesListed(t *testing.T) {
	c := newCheck("{type: Nodes, nodes: {healthy: {conditions: [{type: Ready, status: 'True'}]}}}")
	var nodes []client.Object
	for i := range 20 {
		nodes = append(nodes, nodeWith(fmt.Sprintf("n%02d", i), ready()))
	}
	nodes[17] = nodeWith("n17", notReady())
	f := c.Evaluate(seeing(c, nodes...))
	g := NewWithT(t)
	g.Expect(objectNames(f)).To(Equal([]string{"n17", "n00", "n01", "n02", "n03", "n04", "n05", "n06"}))
	g.Expect(f.ObjectCount).To(Equal(20))
}

func TestNodesVersions(t *testing.T) {
	on := func(name, kubelet, runtime string) client.Object {
		return node(name, "", fmt.Sprintf("{nodeInfo: {kubeletVersion: %q, containerRuntimeVersion: %q}}", kubelet, runtime))
	}
	nodes := []client.Object{
		on("a", "v1.33.6", "containerd://1.7.30-1"),
		on("b", "v1.32.7", "containerd://1.7.28-1"),
		on("c", "v1.32.7", "containerd://1.7.30-1"),
		on("d", "v1.32.7", ""),
	}
	for field, want := range map[string]string{
		"Kubelet":          "v1.32.7 (3), v1.33.6 (1)",
		"ContainerRuntime": "1.7.30-1 (2), 1.7.28-1 (1)",
		"":                 "",
	} {
		t.Run(field, func(t *testing.T) {
			c := newCheck("{type: Nodes, nodes: {version: '" + field + "'}}")
			NewWithT(t).Expect(FormatVersions(c.Evaluate(seeing(c, nodes...)).Versions)).To(Equal(want))
		})
	}
}

// A heartbeat causes no event, and neither does its end: the check itself says when to look again.
func TestNodesRecheck(t *testing.T) {
	const second = time.Second
	up := func(age time.Duration) string { return condition("KubeletProblem", "False", "KubeletIsUp", age) }
	const required = "{healthy: {conditions: [{type: KubeletProblem, status: 'False', maxHeartbeatAgeSeconds: 900}]}}"
	for name, test := range map[string]struct {
		nodes   string
		objects []client.Object
		want    time.Duration
	}{
		"when the heartbeat will be too old":                 {required, []client.Object{nodeWith("a", up(600*second))}, 301 * second},
		"when the first of several will be too old":          {required, []client.Object{nodeWith("a", up(600*second)), nodeWith("b", up(700*second)), nodeWith("c", up(0))}, 201 * second},
		"soon, in case a heartbeat that has stopped goes on": {required, []client.Object{nodeWith("a", up(901*second)), nodeWith("b", up(600*second))}, timedRecheck},
		"for a forbidden one too": {
			"{healthy: {forbiddenConditions: [{type: KubeletProblem, status: 'True', maxHeartbeatAgeSeconds: 900}]}}",
			[]client.Object{nodeWith("a", condition("KubeletProblem", "True", "KubeletIsDown", 600*second))}, 301 * second,
		},
		"never, when no age is given":      {"{healthy: {conditions: [{type: KubeletProblem, status: 'False'}]}}", []client.Object{nodeWith("a", up(600*second))}, 0},
		"never, when another part decides": {required, []client.Object{nodeWith("a", condition("KubeletProblem", "True", "KubeletIsDown", 600*second))}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Nodes, nodes: " + test.nodes + "}")
			recheck := c.Evaluate(seeing(c, test.objects...)).RecheckAfter
			NewWithT(t).Expect(recheck).To(Equal(test.want))
		})
	}
}

// Heartbeats move all the time, and so does time itself; a finding that is the same but for them compares
// equal, so that nobody is bothered.
func TestHeartbeatsChangeNoFinding(t *testing.T) {
	const minute = time.Minute
	c := newCheck("{type: Nodes, nodes: {version: Kubelet, healthy: {conditions: [{type: Ready, status: 'True', maxHeartbeatAgeSeconds: 900}]}}}")
	at := func(now, heartbeat time.Duration) facts.Facts {
		given := seeing(c,
			nodeWith("a", condition("Ready", "True", "KubeletReady", 5*minute-heartbeat)),
			nodeWith("b", condition("Ready", "Unknown", "NodeStatusUnknown", 2*minute-heartbeat)))
		given.Now = noon.Add(now)
		return given
	}
	before := c.Evaluate(at(0, 0))
	g := NewWithT(t)
	g.Expect(before.RecheckAfter).To(Equal(10*minute + time.Second))
	for name, given := range map[string]facts.Facts{
		"later":                    at(minute, 0),
		"with the next heartbeat":  at(0, 5*minute),
		"later, with the next one": at(5*minute, 5*minute),
	} {
		after := c.Evaluate(given)
		g.Expect(reflect.DeepEqual(before.Result, after.Result)).To(BeTrue(), name)
	}
	changed := at(0, 0)
	changed.Answers[facts.Nodes].Objects[0] = nodeWith("a", notReady())
	after := c.Evaluate(changed)
	g.Expect(reflect.DeepEqual(before.Result, after.Result)).To(BeFalse(), "a real change is seen")
}

func TestNodesNeeds(t *testing.T) {
	c := newCheck("{type: Nodes, nodes: {selector: {matchLabels: {a: b}}}}")
	NewWithT(t).Expect(c.Needs()).To(ConsistOf(facts.Nodes), "all checks of nodes share one watch")
}

// aged is a node of that age.
func aged(o client.Object, age time.Duration) client.Object {
	o.SetCreationTimestamp(metav1.NewTime(noon.Add(-age)))
	return o
}

func fresh(name string, age time.Duration) client.Object {
	return aged(nodeWith(name, condition("Ready", "False", "KubeletNotReady", 0)), age)
}

func old(name string) client.Object { return aged(nodeWith(name, ready()), 24*time.Hour) }

// leaving is a node that the cluster autoscaler removes.
func leaving(name string) client.Object {
	return leavingFor(name, 5*time.Minute)
}

// leavingFor returns a node that the cluster autoscaler removes, and that has not been ready for so long.
func leavingFor(name string, since time.Duration) client.Object {
	n := node(name, "{taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}", "{conditions: ["+notReady()+"]}")
	n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(noon.Add(-since))
	return aged(n, 24*time.Hour)
}

// A node that joins gets ten minutes to become ready. It counts neither way until then.
func TestNodesJoin(t *testing.T) {
	const (
		minute  = time.Minute
		healthy = "healthy: {conditions: [{type: Ready, status: 'True'}], forbiddenConditions: [{type: KubeletProblem, status: 'True'}]}"
	)
	sick := func(name string, age time.Duration) client.Object {
		return aged(nodeWith(name, ready(), condition("KubeletProblem", "True", "KubeletIsDown", 0)), age)
	}
	for name, test := range map[string]struct {
		nodes   []client.Object
		percent int
		want    string
		recheck time.Duration
	}{
		"two join": {
			[]client.Object{old("a"), fresh("x", minute), fresh("y", 4*minute)}, 0,
			"True/True Progressing: 1/1 nodes healthy; 2 nodes joining: x, y", 6*minute + time.Second,
		},
		"one without any condition joins": {
			[]client.Object{old("a"), aged(nodeWith("x"), minute)}, 0,
			"True/True Progressing: 1/1 nodes healthy; 1 node joining: x", 9*minute + time.Second,
		},
		"its time is over": {
			[]client.Object{old("a"), fresh("x", 10*minute)}, 0,
			"True/False NodeFault: 1/2 nodes unhealthy: x (Ready is False: KubeletNotReady)", 0,
		},
		"it was ready": {
			[]client.Object{old("a"), turned(fresh("x", 5*minute), time.Minute)}, 0,
			"True/False NodeFault: 1/2 nodes unhealthy: x (Ready is False: KubeletNotReady)", 0,
		},
		"it never was": {
			[]client.Object{old("a"), turned(fresh("x", 5*minute), 5*minute)}, 0,
			"True/True Progressing: 1/1 nodes healthy; 1 node joining: x", 5*minute + time.Second,
		},
		"it is ready": {[]client.Object{old("a"), aged(nodeWith("x", ready()), minute)}, 0, "True/True Healthy: 2/2 nodes healthy", 0},
		"it is ready, and something else is wrong": {
			[]client.Object{old("a"), sick("x", minute)}, 0,
			"True/False NodesUnhealthy: 1/2 nodes unhealthy: x (KubeletProblem: KubeletIsDown)", 0,
		},
		"another one is down": {
			[]client.Object{old("a"), aged(nodeWith("b", notReady()), time.Hour), fresh("x", minute)}, 0,
			"True/False NodeFault: 1/2 nodes unhealthy: b (Ready is Unknown: NodeStatusUnknown); 1 node joining: x", 9*minute + time.Second,
		},
		"another one is down, enough are not": {
			[]client.Object{old("a"), aged(nodeWith("b", notReady()), time.Hour), fresh("x", minute)}, 50,
			"True/True NodesDown: 1/2 nodes unhealthy, within tolerance: b (Ready is Unknown: NodeStatusUnknown); 1 node joining: x", 9*minute + time.Second,
		},
		"another one is leaving": {[]client.Object{old("a"), leaving("x"), leaving("y")}, 0, "True/True Healthy: 1/1 nodes healthy; 2 nodes leaving: x, y", 55*minute + time.Second},
		"all are leaving":        {[]client.Object{leaving("x")}, 0, "True/True Healthy: 1 node leaving: x", 55*minute + time.Second},
		"one should have left": {
			[]client.Object{old("a"), leaving("x"), leavingFor("y", time.Hour)}, 0,
			"True/False NodeFault: 1/2 nodes unhealthy: y (Ready is Unknown: NodeStatusUnknown); 1 node leaving: x", 55*minute + time.Second,
		},
		"a new cluster": {[]client.Object{fresh("x", 0)}, 0, "True/True Progressing: 1 node joining: x", 10*minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(fmt.Sprintf("{type: Nodes, nodes: {tolerance: {percent: %d}, %s}}", test.percent, healthy))
			f := c.Evaluate(seeing(c, test.nodes...))
			g := NewWithT(t)
			g.Expect(told(f)).To(Equal(test.want))
			g.Expect(f.RecheckAfter).To(Equal(test.recheck))
		})
	}
}

// turned is a node whose conditions have been what they are for so long.
func turned(o client.Object, ago time.Duration) client.Object {
	n := o.(*corev1.Node)
	for i := range n.Status.Conditions {
		n.Status.Conditions[i].LastTransitionTime = metav1.NewTime(noon.Add(-ago))
	}
	return n
}

func TestNodesConditionMessage(t *testing.T) {
	withMessage := func(name, message string) client.Object {
		return node(name, "", fmt.Sprintf("{conditions: [{type: Ready, status: 'False', reason: KubeletNotReady, message: %q}]}", message))
	}
	const (
		noNetwork = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
		waits     = "{type: Ready, status: 'False', messageContains: CNI plugin not initialized}"
		mustReady = "healthy: {conditions: [{type: Ready, status: 'True'}]}"
		notReadyB = "b (Ready is False: KubeletNotReady)"
	)
	for name, test := range map[string]struct {
		nodes string
		b     client.Object // the second node; the first one, a, is well
		want  string
	}{
		"left out":             {"{ignoreConditions: [" + waits + "], " + mustReady + "}", withMessage("b", noNetwork), "True/True Healthy: 1/1 nodes healthy"},
		"another message":      {"{ignoreConditions: [" + waits + "], " + mustReady + "}", withMessage("b", "PLEG is not healthy"), "True/False NodeFault: 1/2 nodes unhealthy: " + notReadyB},
		"another status":       {"{ignoreConditions: [" + waits + "], " + mustReady + "}", nodeWith("b", notReady()), "True/False NodeFault: 1/2 nodes unhealthy: b (Ready is Unknown: NodeStatusUnknown)"},
		"of any message":       {"{ignoreConditions: [{type: Ready, status: 'False'}], " + mustReady + "}", withMessage("b", "anything"), "True/True Healthy: 1/1 nodes healthy"},
		"one of several":       {"{ignoreConditions: [{type: Ready, status: Unknown}, {type: KubeletProblem, status: 'True'}], " + mustReady + "}", nodeWith("b", notReady()), "True/True Healthy: 1/1 nodes healthy"},
		"forbidden":            {"{healthy: {forbiddenConditions: [" + waits + "]}}", withMessage("b", noNetwork), "True/False NodesUnhealthy: 1/2 nodes unhealthy: b (Ready is False: KubeletNotReady, " + noNetwork + ")"},
		"forbidden, not there": {"{healthy: {forbiddenConditions: [" + waits + "]}}", withMessage("b", "PLEG is not healthy"), "True/True Healthy: 2/2 nodes healthy"},
		"a sign of presence":   {"{present: {conditions: [" + waits + "]}}", withMessage("b", noNetwork), "True/NotAssessed Observed: 1 node"},
		"no sign of presence": {
			"{present: {conditions: [" + waits + "]}}", withMessage("b", "PLEG is not healthy"),
			`False/NotAssessed NotFound: no Nodes with condition Ready=False with "CNI plugin not initialized" in its message among 2 nodes`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Nodes, nodes: " + test.nodes + "}")
			expectTold(t, c, seeing(c, nodeWith("a", ready()), test.b), test.want)
		})
	}
}
