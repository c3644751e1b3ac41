// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/tally"
)

// poolChecks holds nodes to criteria pool by pool, as a catalog does.
const poolChecks = `{type: Nodes, nodes: {
	selector: {matchExpressions: [{key: kubernetes.azure.com/cluster, operator: Exists}]},
	ignoreTaints: [node.cloudprovider.kubernetes.io/shutdown], version: Kubelet,
	groupBy: [kubernetes.azure.com/agentpool], tolerance: {percent: 5},
	healthy: {conditions: [{type: Ready, status: "True"}],
		forbiddenConditions: [{type: KubeletProblem, status: "True", maxHeartbeatAgeSeconds: 900}]}}}`

// nodes5000 are those of a big cluster of 200 pools, of which a few are not ready.
func nodes5000() []client.Object {
	var nodes []client.Object
	for i := range 5000 {
		state := ready()
		if i%1000 == 0 {
			state = notReady()
		}
		n := node(fmt.Sprintf("aks-user-25795745-vmss%06x", i), "{providerID: 'azure:///a'}",
			"{nodeInfo: {kubeletVersion: v1.35.8}, conditions: ["+condition("KubeletProblem", "False", "KubeletIsUp", time.Minute)+", "+state+"]}")
		nodes = append(nodes, labeled(n, map[string]string{
			"kubernetes.azure.com/cluster": "MC_a", "kubernetes.azure.com/mode": "user", "kubernetes.azure.com/agentpool": fmt.Sprintf("p%03d", i%200)}))
	}
	return nodes
}

// BenchmarkNodes5000 evaluates a big cluster.
func BenchmarkNodes5000(b *testing.B) {
	c := newCheck(poolChecks)
	given := seeing(c, nodes5000()...)
	b.ReportAllocs()
	for b.Loop() {
		c.Evaluate(given)
	}
}

// BenchmarkNodeOf5000 counts the change of one node of a big cluster, and evaluates.
func BenchmarkNodeOf5000(b *testing.B) {
	c, nodes, last := newCheck(poolChecks), map[string]*corev1.Node{}, ""
	for _, o := range nodes5000() {
		last = o.GetName()
		nodes[last] = o.(*corev1.Node)
	}
	table := tally.NewTable(func(name string) (*corev1.Node, bool) {
		n, ok := nodes[name]
		return n, ok
	})
	counted := c.CountNodes(table, noon)
	for name := range nodes {
		table.Update(name, noon, func(int) {})
	}
	states := []*corev1.Node{nodes[last], nodes[last].DeepCopy()}
	states[1].Status.Conditions[1].Status = corev1.ConditionUnknown
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		nodes[last] = states[i%2]
		table.Update(last, noon, func(int) {})
		if r := counted.Result(noon); r.ObjectCount != 5000 {
			b.Fatal(r)
		}
	}
}

// BenchmarkWorkload evaluates one Deployment among the forty of a namespace.
func BenchmarkWorkload(b *testing.B) {
	c := newCheck("{type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [app-17], container: app, imagePath: kubernetes/coredns}}")
	var deployments []client.Object
	for i := range 40 {
		deployments = append(deployments, deployment(fmt.Sprintf("app-%d", i),
			containers("app", "mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.13.1-20"),
			"{observedGeneration: 2, updatedReplicas: 1, availableReplicas: 1}"))
	}
	given := seeing(c, deployments...)
	b.ReportAllocs()
	for b.Loop() {
		c.Evaluate(given)
	}
}

// BenchmarkObjects5000 evaluates the objects of 5,000 nodes by an expression that asks for the time only where something
// is wrong.
func BenchmarkObjects5000(b *testing.B) {
	c := newCheck(`{type: Object, method: None, object: {apiVersion: acn.azure.com/v1alpha, kind: NodeNetworkConfig, namespace: kube-system,
  healthy: "object.?status.?assignedIPCount.orValue(0) > 0 || now > timestamp('2030-01-01T00:00:00Z')"}}`)
	var configs []client.Object
	for i := range 5000 {
		configs = append(configs, object(fmt.Sprintf("{metadata: {namespace: kube-system, name: n%d}, status: {assignedIPCount: 256}}", i)))
	}
	given := seeing(c, configs...)
	for b.Loop() {
		if f := c.Evaluate(given); f.Healthy != v1alpha1.VerdictTrue || f.RecheckAfter != 0 {
			b.Fatal(told(f))
		}
	}
}
