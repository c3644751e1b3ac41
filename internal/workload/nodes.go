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

// Nodes is what Diagnose needs to know about nodes. Callers that keep an index need not visit every node for a
// diagnosis. It is read-only; the zero value means that the nodes are being read for the first time.
type Nodes struct {
	state facts.State
	// suspects are the nodes that nodestate.Suspect reports, sorted by name.
	suspects []*corev1.Node
	exists   func(name string) bool
	// get finds a node, nil when there is none; alike are all nodes by their traits.
	get   func(name string) *corev1.Node
	alike func() []nodestate.Alike
	now   time.Time
}

// NodesOf returns the nodes of an answer: from its index if it has one, else from its objects, which are sorted by name.
func NodesOf(answer facts.Answer, now time.Time) Nodes {
	if answer.Nodes != nil {
		return Nodes{state: answer.State, suspects: answer.Nodes.Suspects(), exists: answer.Nodes.Exists,
			get: answer.Nodes.Get, alike: answer.Nodes.Alike, now: now}
	}
	var suspects []*corev1.Node
	for _, o := range answer.Objects {
		if node, ok := o.(*corev1.Node); ok {
			if _, is, _ := nodestate.Suspect(node, now); is {
				suspects = append(suspects, node)
			}
		}
	}
	get := func(name string) *corev1.Node { return find(answer, name) }
	return Nodes{state: answer.State, suspects: suspects, exists: func(name string) bool { return get(name) != nil },
		get: get, alike: func() []nodestate.Alike { return alike(answer) }, now: now}
}

func find(nodes facts.Answer, name string) *corev1.Node {
	i, found := slices.BinarySearchFunc(nodes.Objects, name, func(o client.Object, name string) int {
		return strings.Compare(o.GetName(), name)
	})
	if !found {
		return nil
	}
	node, _ := nodes.Objects[i].(*corev1.Node)
	return node
}

func alike(nodes facts.Answer) []nodestate.Alike {
	var out []nodestate.Alike
	for _, o := range nodes.Objects {
		if node, ok := o.(*corev1.Node); ok {
			out = append(out, nodestate.Alike{Traits: nodestate.TraitsOf(node), Count: 1, Example: node.Name})
		}
	}
	return out
}

// suspect returns the suspect of the name; nil when there is none.
func (n Nodes) suspect(name string) *corev1.Node {
	i, found := slices.BinarySearchFunc(n.suspects, name, func(node *corev1.Node, name string) int {
		return strings.Compare(node.Name, name)
	})
	if !found {
		return nil
	}
	return n.suspects[i]
}

// stateOf returns the state of a node by its name; Ready while the nodes are not known.
func (n Nodes) stateOf(name string) nodestate.State {
	if n.state != facts.Known {
		return nodestate.Ready
	}
	switch suspect := n.suspect(name); {
	case suspect != nil:
		return nodestate.Of(suspect, n.now)
	case n.exists(name):
		return nodestate.Ready
	}
	return nodestate.Gone
}

// blockedNodes are the nodes that could run pods of a workload if their own state allowed it, sorted by name.
type blockedNodes struct {
	names  []string
	states []nodestate.State
}

func blockedFor(w Workload, nodes Nodes) blockedNodes {
	var b blockedNodes
	p := meantPlacement(w.PodSpec)
	for _, n := range nodes.suspects {
		if state := nodestate.Of(n, nodes.now); state != nodestate.Ready && p.allows(n) {
			b.names, b.states = append(b.names, n.Name), append(b.states, state)
		}
	}
	return b
}

// stateOf returns the state of the node; ok is false when it is not among them.
func (b blockedNodes) stateOf(name string) (state nodestate.State, ok bool) {
	i, ok := slices.BinarySearch(b.names, name)
	if ok {
		state = b.states[i]
	}
	return state, ok
}
