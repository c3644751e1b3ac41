// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// SizeTable is size.yaml: the same faults in clusters of several sizes, and what archmap says of each.
type SizeTable struct {
	// Shape of the clusters.
	Shape string `json:"shape"`
	// Sizes of the clusters, the smallest first.
	Sizes []Size `json:"sizes"`
	// Faults that are put into each.
	Faults []SizedFault `json:"faults"`
}

// Size is a size of a cluster.
type Size struct {
	Pools []world.NodePool `json:"pools"`
}

// Nodes is how many nodes there are.
func (s Size) Nodes() int {
	n := 0
	for _, p := range s.Pools {
		n += p.Count
	}
	return n
}

// SizedFault is a fault that hurts a share of the nodes or pods.
type SizedFault struct {
	Name string `json:"name"`
	// Break is what is done; one field of it is set.
	Break SizedBreak `json:"break"`
	// After is how long the fault lasts when the verdicts count.
	After metav1.Duration `json:"after"`
	// Expect by number of nodes.
	Expect map[string]Turns `json:"expect"`
	// Says are words of the architecture in clusters of every size.
	Says []string `json:"says"`
}

// SizedBreak is what is done to a cluster of any size.
type SizedBreak struct {
	Nodes   *NodesBreak  `json:"nodes"`
	Pods    *PodsBreak   `json:"pods"`
	RollOut *RollOutStep `json:"rollOut"`
}

// NodesBreak is what is wrong with some nodes.
type NodesBreak struct {
	// Pool has the nodes; or they are those of a Zone, by its number.
	Pool string `json:"pool"`
	Zone int    `json:"zone"`
	// Of is a workload, if any, whose pods are on them, one on each, and no others of it.
	Of string `json:"of"`
	// Count or Percent of them, rounded down, but one at least; all when neither is said.
	Count   int     `json:"count"`
	Percent float64 `json:"percent"`

	// Pods of a workload on the nodes are in a state.
	Pods *PodsStep `json:"pods"`
	// State of the nodes, a condition that their problem detectors report, a taint that they have, or a patch of an object
	// that each node has, with {node} for the node's name; one is set.
	State     world.NodeState `json:"state"`
	Condition *ConditionStep  `json:"condition"`
	Taint     string          `json:"taint"`
	Patch     *Patch          `json:"patch"`
}

// PodsBreak is what is wrong with pods of a workload: Count of them, or that share of as many as there are nodes, but one at
// least.
type PodsBreak struct {
	PodsStep `json:",inline"`

	Percent float64 `json:"percent"`
}

// Turns is what a fault turns; of a fault that turns nothing it is zero. Every row that it does not name must stay as it was.
type Turns struct {
	// Red are the rows that somebody must act on, with the reason of Healthy, or of Present.
	Red map[string]string `json:"red"`
	// Minor are the rows that stay healthy and tell of it, by the reason.
	Minor map[string][]string `json:"minor"`
	// Causes is how many major causes the architecture counts.
	Causes int `json:"causes"`
}

// ReadSizes returns the table of size.yaml.
func ReadSizes() (*SizeTable, error) {
	text, err := data.ReadFile("size.yaml")
	if err != nil {
		return nil, err
	}
	var table SizeTable
	if err := yaml.UnmarshalStrict(text, &table); err != nil {
		return nil, fmt.Errorf("size.yaml: %w", err)
	}
	return &table, nil
}

// World makes a cluster of the size.
func (t *SizeTable) World(size Size) (*world.World, error) {
	shape, err := shapes.Load(t.Shape)
	if err != nil {
		return nil, err
	}
	w, err := world.New(shape)
	if err != nil {
		return nil, err
	}
	return w, w.Resize(size.Pools...)
}

// share is how many of n: a percentage, rounded down, but one at least.
func share(percent float64, n int) int { return max(1, int(percent*float64(n)/100)) }

func (b *SizedBreak) apply(w *world.World) error {
	switch {
	case b.Nodes != nil:
		names, err := b.Nodes.names(w)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := b.Nodes.apply(w, name); err != nil {
				return err
			}
		}
		return nil
	case b.Pods != nil:
		pods := b.Pods.Pods
		if b.Pods.Percent > 0 {
			pods.Count = share(b.Pods.Percent, len(w.NodeNames()))
		}
		return onObject(b.Pods.Of, func(ref world.Ref) error { return w.SetPods(ref, pods) })
	case b.RollOut != nil:
		return onObject(b.RollOut.Of, func(ref world.Ref) error {
			return w.RollOut(ref, b.RollOut.Container, b.RollOut.Tag, b.RollOut.Stops)
		})
	}
	return errors.New("says nothing")
}

// names are those of the nodes that are meant.
func (b *NodesBreak) names(w *world.World) ([]string, error) {
	names := w.NodeNames(b.Pool)
	if b.Zone > 0 {
		names = w.NodesIn(b.Zone)
	}
	n := len(names)
	switch {
	case n < max(1, b.Count):
		return nil, errors.New("there are too few such nodes")
	case b.Count > 0:
		n = b.Count
	case b.Percent > 0:
		n = share(b.Percent, n)
	}
	names = names[len(names)-n:] // what runs on a few nodes is on the first ones
	if b.Of == "" {
		return names, nil
	}
	return names, onObject(b.Of, func(ref world.Ref) error {
		w.Place(ref, names...)
		return nil
	})
}

func (b *NodesBreak) apply(w *world.World, name string) error {
	switch {
	case b.Pods != nil:
		pods := b.Pods.Pods
		pods.Node = name
		return onObject(b.Pods.Of, func(ref world.Ref) error { return w.SetPods(ref, pods) })
	case b.State != "":
		return w.SetNode(name, b.State)
	case b.Condition != nil:
		c := b.Condition
		return w.SetNodeCondition(name, corev1.NodeCondition{
			Type: corev1.NodeConditionType(c.Type), Status: c.Status, Reason: c.Reason, Message: c.Message}, c.Age.Duration)
	case b.Taint != "":
		return w.Patch(world.Ref{Kind: "Node", Name: name}, map[string]any{"spec": map[string]any{
			"taints": []any{map[string]any{"key": b.Taint, "value": "true", "effect": "NoSchedule"}}}})
	case b.Patch != nil:
		return onObject(strings.ReplaceAll(b.Patch.Of, "{node}", name), func(ref world.Ref) error { return w.Patch(ref, b.Patch.Merge) })
	}
	return errors.New("says nothing of the nodes")
}

// turnsOf is what has become of the rows since they were as before.
func turnsOf(before, after *world.Verdicts) Turns {
	t := Turns{}
	was, is := before.Summary(), after.Summary()
	for _, row := range slices.Sorted(maps.Keys(is)) {
		present, healthy := is[row].Present, is[row].Healthy
		if was[row].Present == present && was[row].Healthy == healthy {
			continue
		}
		status, reason, _ := strings.Cut(healthy, "/")
		if was[row].Present != present {
			status, reason = "", present
		}
		if status != "True" {
			if t.Red == nil {
				t.Red = map[string]string{}
			}
			t.Red[row] = reason
			continue
		}
		if t.Minor == nil {
			t.Minor = map[string][]string{}
		}
		t.Minor[reason] = append(t.Minor[reason], row)
	}
	for _, c := range after.Architecture.Status.Causes {
		if c.Severity != v1alpha1.SeverityMinor {
			t.Causes++
		}
	}
	return t
}
