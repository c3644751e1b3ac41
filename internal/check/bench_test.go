// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// BenchmarkNodes5000 evaluates a big cluster, of which a few nodes are not ready.
func BenchmarkNodes5000(b *testing.B) {
	c := newCheck(`{type: Nodes, nodes: {
		selector: {matchExpressions: [{key: kubernetes.azure.com/cluster, operator: Exists}]},
		ignoreTaints: [node.cloudprovider.kubernetes.io/shutdown], version: Kubelet, tolerance: {percent: 1},
		healthy: {conditions: [{type: Ready, status: "True"}],
			forbiddenConditions: [{type: KubeletProblem, status: "True", maxHeartbeatAgeSeconds: 900}]}}}`)
	var nodes []client.Object
	for i := range 5000 {
		state := ready()
		if i%1000 == 0 {
			state = notReady()
		}
		n := node(fmt.Sprintf("aks-user-25795745-vmss%06x", i), "{providerID: 'azure:///a'}",
			"{nodeInfo: {kubeletVersion: v1.35.8}, conditions: ["+condition("KubeletProblem", "False", "KubeletIsUp", time.Minute)+", "+state+"]}")
		nodes = append(nodes, labeled(n, map[string]string{"kubernetes.azure.com/cluster": "MC_a", "kubernetes.azure.com/mode": "user"}))
	}
	given := seeing(c, nodes...)
	b.ReportAllocs()
	for b.Loop() {
		c.Evaluate(given)
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
