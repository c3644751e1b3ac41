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
	// suspects are the nodes that nodestate.Suspect reports, sorted by name.
	suspects []*corev1.Node
	exists   func(name string) bool
}

// NodesOf are the nodes of an answer: looked up where it has an index, else by going through its objects, which are
// sorted by name.
func NodesOf(answer facts.Answer, now time.Time) Nodes {
	if answer.Nodes != nil {
		return Nodes{state: answer.State, suspects: answer.Nodes.Suspects(), exists: answer.Nodes.Exists}
	}
	var suspects []*corev1.Node
	for _, o := range answer.Objects {
		if node, ok := o.(*corev1.Node); ok {
			if _, is, _ := nodestate.Suspect(node, now); is {
				suspects = append(suspects, node)
			}
		}
	}
	return Nodes{state: answer.State, suspects: suspects, exists: func(name string) bool { return exists(answer, name) }}
}

func exists(nodes facts.Answer, name string) bool {
	_, found := slices.BinarySearchFunc(nodes.Objects, name, func(o client.Object, name string) int {
		return strings.Compare(o.GetName(), name)
	})
	return found
}

// stateOf is the state of a node by its name; a node is well while nodes cannot be seen.
func (n Nodes) stateOf(name string) nodestate.State {
	if n.state != facts.Known {
		return nodestate.Well
	}
	i, found := slices.BinarySearchFunc(n.suspects, name, func(node *corev1.Node, name string) int {
		return strings.Compare(node.Name, name)
	})
	switch {
	case found:
		return nodestate.Of(n.suspects[i])
	case n.exists(name):
		return nodestate.Well
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
	for _, n := range nodes.suspects {
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
