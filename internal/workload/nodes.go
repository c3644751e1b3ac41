// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/nodestate"
)

// Nodes is all that Diagnose asks about nodes. Whoever has it kept need not look at every node of a cluster for a
// diagnosis. Read-only; the zero value says that the nodes are being read for the first time.
type Nodes struct {
	state facts.State
	// notWell are those that are not PlainlyWell, sorted by name.
	notWell []*corev1.Node
	named   func(name string) *corev1.Node
}

// PlainlyWell says whether nothing about a node can explain that a pod is missing: it is ready, neither cordoned,
// stopped nor leaving, and has been there for nodestate.JoiningTime.
func PlainlyWell(node *corev1.Node, now time.Time) bool {
	return nodestate.Of(node) == nodestate.Well && !nodestate.IsLeaving(node) && !nodestate.IsJoining(node, now)
}

// NewNodes says what came of the need for nodes, which of them are not PlainlyWell, and finds a node by its name: nil
// when there is none. notWell may be in any order, and may have others besides, as nodes grow older; it is not kept.
// Nodes and named must not change while they are used.
func NewNodes(state facts.State, notWell []*corev1.Node, named func(name string) *corev1.Node) Nodes {
	sorted := slices.SortedFunc(slices.Values(notWell), func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return Nodes{state: state, notWell: sorted, named: named}
}

// NodesOf looks through the answer to the need for nodes, whose objects are sorted by name.
func NodesOf(answer facts.Answer, now time.Time) Nodes {
	var notWell []*corev1.Node
	for _, o := range answer.Objects {
		if node, ok := o.(*corev1.Node); ok && !PlainlyWell(node, now) {
			notWell = append(notWell, node)
		}
	}
	return NewNodes(answer.State, notWell, func(name string) *corev1.Node { return named(answer, name) })
}

func named(nodes facts.Answer, name string) *corev1.Node {
	i, found := slices.BinarySearchFunc(nodes.Objects, name, func(o client.Object, name string) int {
		return strings.Compare(o.GetName(), name)
	})
	if !found {
		return nil
	}
	node, _ := nodes.Objects[i].(*corev1.Node)
	return node
}

// stateOf is the state of a node by its name; a node is well while nodes cannot be seen.
func (n Nodes) stateOf(name string) nodestate.State {
	if n.state != facts.Known {
		return nodestate.Well
	}
	if node := n.named(name); node != nil {
		return nodestate.Of(node)
	}
	return nodestate.Gone
}

// hindered are nodes that could run pods of a workload, but for what is wrong with them; sorted by name.
type hindered struct {
	names  []string
	states []nodestate.State
}

func hinderedFor(w Workload, nodes Nodes) hindered {
	var h hindered
	p := newPlacement("", w.PodSpec)
	for _, n := range nodes.notWell {
		if state := nodestate.Of(n); state != nodestate.Well && p.allows(n) {
			h.names, h.states = append(h.names, n.Name), append(h.states, state)
		}
	}
	return h
}

// stateOf is the state of the node; ok is false when it is not among them.
func (h hindered) stateOf(name string) (state nodestate.State, ok bool) {
	i, ok := slices.BinarySearch(h.names, name)
	if ok {
		state = h.states[i]
	}
	return state, ok
}
