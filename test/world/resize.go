// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/test/shapes"
)

// NodePool is a pool of a world that is resized.
type NodePool struct {
	Name string `json:"name"`
	// Like is the pool of the shape whose nodes its nodes are like.
	Like string `json:"like"`
	// Count of nodes.
	Count int `json:"count"`
}

// Resize gives a world that was just made other node pools. From then on ready pods of DaemonSets are left out: there are
// many, and they explain nothing.
func (w *World) Resize(pools ...NodePool) error {
	models := map[string][]*unstructured.Unstructured{}
	for _, pool := range w.shape.NodePools {
		name := pool.NodeName(0)
		for _, ref := range append([]Ref{{Kind: nodeKind}}, dependents...) {
			ref.Name = name
			if o := w.state.objects[ref]; o != nil {
				models[pool.Name] = append(models[pool.Name], o)
			}
		}
		for i := range pool.Count {
			if err := w.Delete(Ref{Kind: nodeKind, Name: pool.NodeName(i)}); err != nil {
				return err
			}
		}
	}
	w.order = slices.DeleteFunc(w.order, func(ref Ref) bool { return !w.Has(ref) })
	w.ordered = sets.New(w.order...)
	shape := *w.shape
	shape.NodePools = nil
	for _, pool := range pools {
		i := slices.IndexFunc(w.shape.NodePools, func(p shapes.NodePool) bool { return p.Name == pool.Like })
		if i < 0 {
			return fmt.Errorf("the shape %s has no pool %s", shape.Name, pool.Like)
		}
		added := w.shape.NodePools[i]
		added.Name, added.Count, added.NodeNames = pool.Name, pool.Count, nil
		added.NodePrefix = strings.Replace(added.NodePrefix, pool.Like, pool.Name, 1)
		shape.NodePools = append(shape.NodePools, added)
		if err := w.fill(added, pool.Like, models[pool.Like]); err != nil {
			return err
		}
	}
	w.shape, w.resized = &shape, true
	return nil
}

// fill adds the nodes of a pool, each with what belongs to it. The model is the first node of the pool that they are like.
func (w *World) fill(pool shapes.NodePool, like string, model []*unstructured.Unstructured) error {
	if len(model) == 0 {
		return errors.New("a world can be resized only once")
	}
	for i := range pool.Count {
		for _, m := range model {
			o := renamed(m, model[0].GetName(), pool.NodeName(i))
			labels := o.GetLabels()
			for label, value := range labels {
				switch {
				case strings.HasSuffix(label, "agentpool") && value == like:
					labels[label] = pool.Name
				case strings.HasSuffix(label, "/zone") && w.shape.Zones > 0:
					labels[label] = fmt.Sprintf("%s-%d", w.shape.Region, i%w.shape.Zones+1)
				}
			}
			o.SetLabels(labels)
			if err := w.add(o, birth); err != nil {
				return err
			}
		}
	}
	return nil
}

// NodeNames lists the nodes of the pools that are named, or of all, in their order.
func (w *World) NodeNames(pools ...string) []string {
	var names []string
	for _, pool := range w.shape.NodePools {
		if len(pools) > 0 && !slices.Contains(pools, pool.Name) {
			continue
		}
		for i := range pool.Count {
			names = append(names, pool.NodeName(i))
		}
	}
	return names
}

// Place moves the pods of a Deployment or StatefulSet to nodes, one to each.
func (w *World) Place(workload Ref, nodes ...string) { w.placed[workload] = slices.Clone(nodes) }

// renamed copies an object in which another name stands for a name.
func renamed(o *unstructured.Unstructured, name, another string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: replaced(o.Object, name, another).(map[string]any)}
}

func replaced(value any, text, by string) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = replaced(item, text, by)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = replaced(item, text, by)
		}
		return out
	case string:
		return strings.ReplaceAll(v, text, by)
	}
	return value
}

// NodesIn lists the nodes in a zone, by its number.
func (w *World) NodesIn(zone int) []string {
	var names []string
	for _, pool := range w.shape.NodePools {
		for i := range pool.Count {
			if w.shape.Zones > 0 && i%w.shape.Zones+1 == zone {
				names = append(names, pool.NodeName(i))
			}
		}
	}
	return names
}
