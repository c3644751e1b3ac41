// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/nodestate"
)

// sharing finds what bad pods of a workload have in common and ready ones have not.
type sharing struct {
	workload Workload
	nodes    Nodes
	ready    map[facts.PodRevision]int
	// revisions of the pods that are not ready, by their names.
	revisions map[string]facts.PodRevision
	// bad are the nodes of all of them, by their traits.
	bad map[nodestate.Traits]int
	// good are those of the ready pods; set when first asked for.
	good map[nodestate.Traits]int
}

// newSharing costs as much as there are pods that are not ready.
func newSharing(w Workload, nodes Nodes, pods []*corev1.Pod, ready map[facts.PodRevision]int) *sharing {
	s := &sharing{workload: w, nodes: nodes, ready: ready, revisions: map[string]facts.PodRevision{}, bad: map[nodestate.Traits]int{}}
	var places []string
	for _, pod := range pods {
		s.revisions[pod.Name] = revisionOf(pod)
		places = append(places, pod.Spec.NodeName)
	}
	s.bad, _ = s.traitsOf(places)
	return s
}

// revisionOf is the revision of a pod, ready or not.
func revisionOf(pod *corev1.Pod) facts.PodRevision {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return facts.PodRevision{}
	}
	of := facts.PodRevision{Namespace: pod.Namespace, Kind: owner.Kind, Name: owner.Name}
	if owner.Kind != facts.ReplicaSetKind.Kind {
		of.Hash = pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	}
	return of
}

// describe says what the pods of a cause have in common, behind their number and what is wrong with them; it is empty when
// nothing tells.
func (s *sharing) describe(c *Cause) string {
	if c.Reason == v1alpha1.ReasonNodeFault || c.Starting {
		return "" // that is the nodes' to say, or passes
	}
	if s.ofNewRevision(c.pods) {
		return allOf(c.Count, "of the new revision")
	}
	on, known := s.traitsOf(c.Places)
	if !known {
		return ""
	}
	if where := nodestate.CommonOf(on, s.goodNodes()).Where(); where != "" {
		return "all " + where
	}
	return ""
}

func allOf(count int, what string) string {
	if count > 1 {
		return "all " + what
	}
	return what
}

// ofNewRevision reports whether a roll-out is under way, and the pods are all those of the new revision, of which none is ready,
// while those of the old one are.
func (s *sharing) ofNewRevision(pods []string) bool {
	w := s.workload
	n := w.countRevisions()
	if !w.rolling || len(pods) == 0 || int(n.updated) != len(pods) || n.created == n.updated {
		return false
	}
	of := s.revisions[pods[0]]
	old := 0
	for ready, count := range s.ready {
		switch {
		case ready.Node != "" || !w.makes(ready):
		case ready == of:
			return false
		default:
			old += count
		}
	}
	return of != (facts.PodRevision{}) && old > 0 && int(n.created-n.updated) != len(pods) &&
		!slices.ContainsFunc(pods, func(name string) bool { return s.revisions[name] != of })
}

// makes reports whether pods of the revision are the workload's.
func (w Workload) makes(of facts.PodRevision) bool {
	if of.Namespace != w.Object.GetNamespace() {
		return false
	}
	if w.Kind == v1alpha1.WorkloadDeployment {
		return of.Kind == facts.ReplicaSetKind.Kind && w.ownsReplicaSet(of.Name)
	}
	return of.Kind == string(w.Kind) && of.Name == w.Object.GetName()
}

// traitsOf counts nodes by their traits; known is false when one of the places is none.
func (s *sharing) traitsOf(places []string) (counted map[nodestate.Traits]int, known bool) {
	counted, known = map[nodestate.Traits]int{}, true
	seen := map[string]bool{}
	for _, name := range places {
		if seen[name] {
			continue
		}
		seen[name] = true
		if node := s.nodes.get(name); name != "" && node != nil {
			counted[nodestate.TraitsOf(node)]++
		} else {
			known = false
		}
	}
	return counted, known
}

// goodNodes counts the nodes with a ready pod: of a DaemonSet those where its pods may run and none is bad. It costs as much
// as nodes differ in their traits.
func (s *sharing) goodNodes() map[nodestate.Traits]int {
	if s.good != nil {
		return s.good
	}
	s.good = map[nodestate.Traits]int{}
	if s.workload.Kind != v1alpha1.WorkloadDaemonSet {
		var places []string
		for of := range s.ready {
			if of.Node != "" && s.workload.makes(of) {
				places = append(places, of.Node)
			}
		}
		s.good, _ = s.traitsOf(places)
		return s.good
	}
	p := daemonPlacement(s.workload.PodSpec)
	for _, nodes := range s.nodes.alike() {
		if example := s.nodes.get(nodes.Example); example != nil && p.allows(example) {
			s.good[nodes.Traits] += nodes.Count
		}
	}
	for traits, n := range s.bad {
		if s.good[traits] -= n; s.good[traits] <= 0 {
			delete(s.good, traits)
		}
	}
	return s.good
}
