// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reporttest has reports of clusters for the tests of what is made of them.
package reporttest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

const (
	// Documented is the shape that is the architecture table taken literally.
	Documented = "documented"
	// Modern is the shape of today's AKS.
	Modern = "overlay-cilium"
	// Elsewhere is the shape of a cluster that is not AKS.
	Elsewhere = "kubeadm"
)

const (
	// Watched is how long a cluster has been watched when its report is made.
	Watched = 48 * time.Hour
	// Faulty is how long it has had its faults by then.
	Faulty = 10 * time.Minute
)

// loaded are the shapes by name; a world leaves its shape as it is.
var loaded sync.Map

// Fault changes a world.
type Fault func(*world.World) error

// Report is what archmap says of a shape that has been well for long, and has had the faults for a while.
func Report(shape string, faults ...Fault) (*report.Report, error) {
	load, _ := loaded.LoadOrStore(shape, sync.OnceValues(func() (*shapes.Shape, error) { return shapes.Load(shape) }))
	cluster, err := load.(func() (*shapes.Shape, error))()
	if err != nil {
		return nil, err
	}
	w, err := world.New(cluster)
	if err != nil {
		return nil, err
	}
	if _, err := w.Judge(); err != nil {
		return nil, err
	}
	w.Advance(Watched - Faulty)
	for _, fault := range faults {
		if err := fault(w); err != nil {
			return nil, err
		}
	}
	verdicts, err := w.Run(Faulty, time.Minute)
	if err != nil {
		return nil, err
	}
	r := &report.Report{Architecture: *verdicts.Architecture, Source: shape, ObservedAt: w.Now()}
	for _, name := range slices.Sorted(maps.Keys(verdicts.Mappings)) {
		r.Mappings = append(r.Mappings, *verdicts.Mappings[name].DeepCopy())
	}
	return r, nil
}

// Mapping is one of a report; nil when there is none of the name.
func Mapping(r *report.Report, name string) *v1alpha1.ComponentMapping {
	i := slices.IndexFunc(r.Mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Mappings[i]
}

// Pods are faulty in all replicas of a workload, such as "Deployment kube-system/coredns".
func Pods(workload string, pods world.Pods) Fault {
	return on(workload, func(w *world.World, ref world.Ref) error { return w.SetPods(ref, pods) })
}

// Gone is an object that was deleted.
func Gone(object string) Fault {
	return on(object, func(w *world.World, ref world.Ref) error { return w.Delete(ref) })
}

// Patched is an object with other fields.
func Patched(object string, patch map[string]any) Fault {
	return on(object, func(w *world.World, ref world.Ref) error { return w.Patch(ref, patch) })
}

// Node is one of a pool, such as user/0, in a state.
func Node(place string, state world.NodeState) Fault {
	return func(w *world.World) error {
		name, err := w.NodeName(place)
		if err != nil {
			return err
		}
		return w.SetNode(name, state)
	}
}

// Kubelet is another version of that of a node of a pool.
func Kubelet(place, version string) Fault {
	return func(w *world.World) error {
		name, err := w.NodeName(place)
		if err != nil {
			return err
		}
		return w.Patch(world.Ref{Kind: "Node", Name: name}, map[string]any{
			"status": map[string]any{"nodeInfo": map[string]any{"kubeletVersion": version}},
		})
	}
}

func on(object string, do func(*world.World, world.Ref) error) Fault {
	return func(w *world.World) error {
		ref, err := world.ParseRef(object)
		if err != nil {
			return err
		}
		return do(w, ref)
	}
}

// MaxComponents and MaxPools are as many as an architecture lists.
const (
	MaxComponents = 512
	MaxPools      = 200
)

// Big makes a report as large as the API allows of a smaller one: its components again and again under other names, and its
// node pools, of which one of the copies in 50 has lost a node.
func Big(r *report.Report) {
	small := r.Mappings
	r.Mappings = nil
	copies := map[string][]string{}
	for i := range MaxComponents {
		m := *small[i%len(small)].DeepCopy()
		name := m.Name
		if i >= len(small) {
			m.Name = fmt.Sprintf("%s-%d", name, i)
		}
		copies[name] = append(copies[name], m.Name)
		r.Mappings = append(r.Mappings, m)
	}
	for i := range r.Architecture.Status.Causes {
		c := &r.Architecture.Status.Causes[i]
		var affected []string
		for _, name := range c.Components {
			affected = append(affected, copies[name]...)
		}
		c.Components = affected[:min(len(affected), 64)]
	}
	pools := r.Architecture.Status.NodePools
	for i := len(pools); i < MaxPools; i++ {
		pool := *pools[0].DeepCopy()
		pool.Name = fmt.Sprintf("pool%d", i)
		if i%50 == 0 {
			pool.Ready = new(*pool.Nodes - 1)
		}
		r.Architecture.Status.NodePools = append(r.Architecture.Status.NodePools, pool)
	}
}
