// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

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

// waiting is a state that only nodes which report show: their kubelets say that they wait for a CNI.
const waiting = "own-cni"

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
					case row == waiting && slices.Contains(was.Variants, "waiting"):
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
