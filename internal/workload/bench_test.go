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
// through, and with those kept that are suspect.
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
	w, _ := Of(cns(5000, 4500, ""), &v1alpha1.WorkloadCheck{})
	answer := facts.Answer{State: facts.Known, Objects: nodes}
	podsRead := Pods{Answer: facts.Answer{State: facts.Known, ReadAt: noon, Objects: pods}, Asked: true}
	kept := NodesOf(answer, noon)
	for name, nodesNow := range map[string]func() Nodes{
		"scan": func() Nodes { return NodesOf(answer, noon) },
		"kept": func() Nodes { return kept },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := Diagnose(w, nodesNow(), podsRead, noon); d.Reason != v1alpha1.ReasonNodesDown {
					b.Fatal(summary(d))
				}
			}
		})
	}
}
