// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// BenchmarkDiagnose5000 diagnoses a DaemonSet of a big cluster, a tenth of whose nodes are down: with all nodes to look
// through, and with those kept that are suspect; where nodes account for all, and where a pod crashes besides, so that all
// pods are looked through.
func BenchmarkDiagnose5000(b *testing.B) {
	var nodes, pods []client.Object
	for i := range 5000 {
		name := fmt.Sprintf("aks-user-25795745-vmss%06d", i)
		if i%10 != 0 {
			nodes = append(nodes, old(name))
			continue
		}
		nodes = append(nodes, aged(nodeWith(name, notReady()), time.Hour))
		pods = append(pods, pod("cns-"+name, name, containerStatuses(running)))
	}
	pods = append(pods, pod("cns-crashing", "aks-user-25795745-vmss000001", containerStatuses(crashing)))
	answer := facts.Answer{State: facts.Known, Objects: nodes}
	podsRead := Pods{Answer: facts.Answer{State: facts.Known, ReadAt: noon, Objects: pods}}
	kept := NodesOf(answer, noon)
	for _, c := range []struct {
		name      string
		available int
		nodes     func() Nodes
		reason    string
	}{
		{"scan/nodes", 4500, func() Nodes { return NodesOf(answer, noon) }, v1alpha1.ReasonNodesDown},
		{"kept/nodes", 4500, func() Nodes { return kept }, v1alpha1.ReasonNodesDown},
		{"kept/pods", 4499, func() Nodes { return kept }, v1alpha1.ReasonCrashLooping},
	} {
		w, _ := Of(cns(5000, c.available, ""), &v1alpha1.WorkloadCheck{})
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := Diagnose(w, c.nodes(), podsRead, noon); d.Reason != c.reason {
					b.Fatal(summary(d))
				}
			}
		})
	}
}
