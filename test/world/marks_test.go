// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

func nodesOf(g Gomega, w *world.World) []string {
	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, o := range s.Objects {
		if n, ok := o.(*corev1.Node); ok {
			names = append(names, n.Name)
		}
	}
	return names
}

// waiting is a variant of ownCNI that only nodes which report show: their kubelets say that they wait for a CNI.
const ownCNI, waiting = "own-cni", "waiting"

// TestMarks: what a cluster is must not depend on its health. While all its nodes are down or stopped every row is found
// as before; while there are none, a row is at most unknown, and never another variant or absent.
func TestMarks(t *testing.T) {
	down := func(w *world.World, node string) error { return w.SetNode(node, world.NodeDown) }
	stopped := func(w *world.World, node string) error { return w.SetNode(node, world.NodeStopped) }
	removed := func(w *world.World, node string) error { return w.Delete(world.Ref{Kind: "Node", Name: node}) }
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, w, before := recovered(g, name)
			nodes, whole := nodesOf(g, w), w.Save()
			for what, change := range map[string]func(*world.World, string) error{"down": down, "stopped": stopped, "removed": removed} {
				for _, n := range nodes {
					g.Expect(change(w, n)).To(Succeed())
				}
				after, err := w.Run(20*time.Minute, 5*time.Minute)
				g.Expect(err).NotTo(HaveOccurred())
				for row, m := range after.Mappings {
					was, is := shapes.Verdict(before.Mappings[row]), shapes.Verdict(m)
					switch {
					case row == ownCNI && slices.Contains(was.Variants, waiting):
					case what == "removed":
						g.Expect(was.Variants).To(ContainElements(is.Variants), "without nodes no row turns to another variant: %s", row)
						if strings.HasPrefix(was.Present, "True") {
							g.Expect(is.Present).NotTo(HavePrefix("False"), "without nodes no row is absent that was there: %s", row)
						}
					default:
						g.Expect(is.Variants).To(Equal(was.Variants), "all nodes are %s: a row is found as before: %s: %s", what, row, is.Present)
					}
				}
				w.Restore(whole)
				_, err = w.Run(20*time.Minute, 5*time.Minute)
				g.Expect(err).NotTo(HaveOccurred())
			}
		})
	}
}

// TestMarksOfBrokenWorkloads: no pod of any workload runs, and every row is found as before.
func TestMarksOfBrokenWorkloads(t *testing.T) {
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, before := recovered(g, name)
			for _, o := range shape.Objects {
				if slices.Contains([]string{"Deployment", "DaemonSet", "StatefulSet"}, o.GetKind()) {
					ref := world.Ref{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
					g.Expect(w.SetPods(ref, world.Pods{State: world.CrashLooping, ExitCode: 1, Restarts: 9})).To(Succeed())
				}
			}
			after, err := w.Run(20*time.Minute, 5*time.Minute)
			g.Expect(err).NotTo(HaveOccurred())
			for row, m := range after.Mappings {
				was, is := shapes.Verdict(before.Mappings[row]), shapes.Verdict(m)
				g.Expect(is.Variants).To(Equal(was.Variants), "no pod runs: a row is found as before: %s: %s", row, is.Present)
			}
		})
	}
}

var (
	workloadKinds = sets.New("Deployment", "DaemonSet", "StatefulSet")
	// registrationKinds are objects that tell what is installed, and that somebody may delete.
	registrationKinds = sets.New("IngressClass", "GatewayClass", "CSIDriver", "ConfigMap", "APIService", "CustomResourceDefinition",
		"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "Service")
)

// TestMarksOfLostObjects: whatever a cluster loses, one thing after the other, or all things of a kind, as before they are
// installed, what is left of a component is never taken for another implementation of it, nor the cluster for one of
// another platform.
func TestMarksOfLostObjects(t *testing.T) {
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, before := recovered(g, name)
			whole := w.Save()
			losses := map[string][]*unstructured.Unstructured{}
			for _, o := range shape.Objects {
				ref := world.Ref{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
				switch {
				case workloadKinds.Has(o.GetKind()) && o.GetNamespace() == "kube-system":
					losses["all workloads of kube-system"] = append(losses["all workloads of kube-system"], o)
				case workloadKinds.Has(o.GetKind()):
				case registrationKinds.Has(o.GetKind()):
					losses["every "+o.GetKind()] = append(losses["every "+o.GetKind()], o)
				default:
					continue
				}
				losses[ref.String()] = []*unstructured.Unstructured{o}
			}
			var found []string
			for what, objects := range losses {
				for _, o := range objects {
					lose(g, w, shape, o)
				}
				found = append(found, flips(g, w, before, "without "+what)...)
				w.Restore(whole)
			}
			g.Expect(found).To(BeEmpty(), "what is left of a component is not taken for another implementation of it")
		})
	}
}

// lose deletes an object and, with the definition of a kind, what is of that kind.
func lose(g Gomega, w *world.World, shape *shapes.Shape, o *unstructured.Unstructured) {
	g.Expect(w.Delete(world.Ref{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()})).To(Succeed())
	if o.GetKind() != "CustomResourceDefinition" {
		return
	}
	kind, _, err := unstructured.NestedString(o.Object, "spec", "names", "kind")
	g.Expect(err).NotTo(HaveOccurred())
	for _, custom := range shape.Objects {
		if custom.GetKind() == kind {
			g.Expect(w.Delete(world.Ref{Kind: kind, Namespace: custom.GetNamespace(), Name: custom.GetName()})).To(Succeed())
		}
	}
}

// flips judges the world, and lists the rows that are found as what they were not before, and the platform if it is
// another.
func flips(g Gomega, w *world.World, before *world.Verdicts, what string) []string {
	w.Advance(time.Minute)
	after, err := w.Judge()
	g.Expect(err).NotTo(HaveOccurred())
	if len(flipped(before, after)) > 0 { // whether a variant is one of what is broken is told after its grace period
		w.Advance(10 * time.Minute)
		after, err = w.Judge()
		g.Expect(err).NotTo(HaveOccurred())
	}
	var out []string
	for _, row := range flipped(before, after) {
		out = append(out, what+": "+row)
	}
	platform := func(v *world.Verdicts) string {
		return shapes.ConditionOf(v.Architecture.Status.Conditions, v1alpha1.ConditionPlatformDetected)
	}
	if platform(after) != platform(before) {
		out = append(out, what+": the platform is "+platform(after))
	}
	return out
}

// flipped lists the rows that have turned to another variant. One that tells of what is broken in the same implementation
// is none.
func flipped(before, after *world.Verdicts) []string {
	var out []string
	for row, m := range after.Mappings {
		was, is := before.Mappings[row].Status, m.Status
		broken := is.Implementation == was.Implementation && is.OperatedBy == was.OperatedBy &&
			meta.IsStatusConditionFalse(is.Conditions, v1alpha1.ConditionHealthy)
		for _, variant := range is.Variants {
			if !slices.Contains(was.Variants, variant) && !broken && !leavesNoMark(row, variant, was.Variants) {
				out = append(out, fmt.Sprintf("%s turns from %v to %v: %s", row, was.Variants, is.Variants, is.Message))
			}
		}
	}
	return out
}

// leavesNoMark says that nothing in the cluster tells the two apart but what was lost: a controller that runs hidden in
// Azure writes the same objects as the Deployment of the document, nodes of AKS may wait for a CNI, and an add-on that lost all that
// runs may as well have been removed.
func leavesNoMark(row, variant string, was []string) bool {
	return row == ownCNI && variant == waiting ||
		variant == "left-behind" ||
		variant == "hosted" && slices.Contains(was, "in-cluster") ||
		variant == "hosted-controller" && slices.Contains(was, "in-cluster-controller")
}

// TestMarksOfStartingNodes: a cluster whose nodes all start, each in a state that a start goes through, is no other one.
func TestMarksOfStartingNodes(t *testing.T) {
	set := func(state world.NodeState) func(*world.World, string) error {
		return func(w *world.World, node string) error { return w.SetNode(node, state) }
	}
	patch := func(merge map[string]any) func(*world.World, string) error {
		return func(w *world.World, node string) error { return w.Patch(world.Ref{Kind: "Node", Name: node}, merge) }
	}
	uninitialized := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{
			"topology.kubernetes.io/zone": nil, "topology.kubernetes.io/region": nil, "node.kubernetes.io/instance-type": nil,
			"failure-domain.beta.kubernetes.io/zone": nil, "failure-domain.beta.kubernetes.io/region": nil, "beta.kubernetes.io/instance-type": nil}},
		"spec": map[string]any{"providerID": nil, "podCIDR": nil, "podCIDRs": nil,
			"taints": []any{map[string]any{"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}}},
	}
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, before := recovered(g, name)
			nodes, whole := nodesOf(g, w), w.Save()
			var found []string
			for what, change := range map[string]func(*world.World, string) error{
				"joining": set(world.NodeJoining), "without CNI": set(world.NodeWithoutCNI), "without runtime": set(world.RuntimeDown),
				"without routes": set(world.NodeNetworkUnavailable), "uninitialized": patch(uninitialized),
			} {
				if what == "without routes" && shape.Network != shapes.Routes {
					continue // nobody makes any there
				}
				for _, n := range nodes {
					g.Expect(change(w, n)).To(Succeed())
				}
				found = append(found, flips(g, w, before, "all nodes are "+what)...)
				w.Restore(whole)
			}
			g.Expect(found).To(BeEmpty(), "a cluster that starts is not taken for another one")
		})
	}
}
