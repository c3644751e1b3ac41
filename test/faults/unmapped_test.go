// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// unknownAgent is a DaemonSet of kube-system, which no mapping names, on the nodes of the mode; on all when it is empty.
func unknownAgent(i int, mode string) (world.Ref, *unstructured.Unstructured) {
	name, on := fmt.Sprintf("new-agent-%02d", i), map[string]any{}
	if mode != "" {
		on["kubernetes.azure.com/mode"] = mode
	}
	selector := map[string]any{"app": name}
	return world.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: name},
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": map[string]any{"namespace": "kube-system", "name": name},
			"spec": map[string]any{
				"selector": map[string]any{"matchLabels": selector},
				"template": map[string]any{
					"metadata": map[string]any{"labels": selector},
					"spec": map[string]any{
						"nodeSelector": on, "tolerations": []any{map[string]any{"operator": "Exists"}},
						"containers": []any{map[string]any{"name": "agent", "image": "mcr.microsoft.com/aks/new-agent:v1"}},
					},
				},
			},
		}}
}

// TestManyUnmapped: of forty workloads that no mapping covers, the one that is unhealthy comes first, and thirty-two are
// listed, whatever the size of the cluster; none of them turns a verdict. The operator, which follows what changes, and the
// plugin, which looks once, list the same.
func TestManyUnmapped(t *testing.T) {
	for _, nodes := range []int{6, 100, 5000} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(g, "overlay-cilium")
			g.Expect(w.Resize(world.NodePool{Name: "system", Like: "system", Count: 3}, world.NodePool{Name: "user", Like: "user", Count: nodes - 3})).To(Succeed())
			follow := func(string) {} // at 5,000 nodes it takes long, and says nothing more
			if nodes <= 100 {
				follow = newOperator(g, w).expectAgreement
			}
			follow("at first")
			before := verdictsOf(g, w)
			healthy := w.Save()

			w.Advance(time.Minute)
			for i := range 39 {
				_, agent := unknownAgent(i, "system")
				g.Expect(w.Create(agent)).To(Succeed())
			}
			last, agent := unknownAgent(39, "")
			g.Expect(w.Create(agent)).To(Succeed())
			follow("forty have come")
			all := verdictsOf(g, w)
			g.Expect(all.Architecture.Status.UnmappedSummary).To(Equal(summaryOf(40, 0)))
			g.Expect(all.Architecture.Status.Unmapped).To(And(HaveLen(32), HaveEach(HaveField("State", v1alpha1.WorkloadHealthy))))
			g.Expect(all.PodLists).To(BeZero(), "nobody asks for the pods of what is healthy")

			g.Expect(w.SetPods(last, world.Pods{State: world.CrashLooping, Count: nodes / 2})).To(Succeed())
			follow("one crash-loops")
			w.Advance(10 * time.Minute)
			follow("and goes on")
			broken := verdictsOf(g, w)
			g.Expect(broken.Architecture.Status.UnmappedSummary).To(Equal(summaryOf(40, 1)))
			g.Expect(broken.Architecture.Status.Unmapped).To(HaveLen(32))
			g.Expect(broken.Architecture.Status.Unmapped[0]).To(And(HaveField("Name", v1alpha1.ObjectName("new-agent-39")),
				HaveField("Reason", v1alpha1.ReasonCrashLooping),
				HaveField("Message", ContainSubstring(fmt.Sprintf("%d/%d available", nodes-nodes/2, nodes)))))
			g.Expect(turned(before, broken)).To(BeEmpty(), "no verdict turns")
			g.Expect(broken.PodLists).To(Equal(1))
			if nodes <= 100 {
				expectPluginAgrees(g, w, broken, time.Time{}, "one crash-loops")
			}

			w.Restore(healthy)
			follow("they are gone")
			g.Expect(verdictsOf(g, w).Architecture.Status.Unmapped).To(BeEmpty())
		})
	}
}

func summaryOf(total, unhealthy int32) v1alpha1.UnmappedSummary {
	return v1alpha1.UnmappedSummary{Total: &total, Unhealthy: &unhealthy}
}

// TestUnmappedWithoutRights: whoever may not list a kind says so, and lists what is left.
func TestUnmappedWithoutRights(t *testing.T) {
	g := NewWithT(t)
	p, err := shipped()
	g.Expect(err).NotTo(HaveOccurred())
	w := newWorld(g, "overlay-cilium")
	_, agent := unknownAgent(0, "")
	g.Expect(w.Create(agent)).To(Succeed())
	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	for _, need := range p.compiled.Needs() {
		// Those of Dapr and of NGINX are their mappings'.
		if need.Kind.Kind == "StatefulSet" && need.Selector == "" && need.Namespace != "dapr-system" && need.Namespace != "nginx-ingress" {
			s.Reads = append(s.Reads, snapshot.Read{Need: need, State: facts.NotPermitted, Message: "grant the rule"})
		}
	}
	v := p.compiled.Judge(s)
	g.Expect(shapes.ArchitectureVerdict(v.Architecture).Unmapped).To(Equal([]string{"DaemonSet kube-system/new-agent-00 Healthy"}))
	summary := v.Architecture.Status.UnmappedSummary
	g.Expect(summary.Reason).To(Equal(v1alpha1.ReasonNotPermitted))
	g.Expect(summary.Message).To(And(HavePrefix("couldn't read StatefulSets in kube-system, "), HaveSuffix(" more: grant the rule")))
	r := v.Report("a cluster")
	g.Expect(r.Concerns()).To(BeEmpty(), "no verdict depends on it")
	g.Expect(report.Unmapped(r, false).Notes).To(ContainElement(HavePrefix("There may be more workloads that no mapping covers: couldn't read StatefulSets")))
}
