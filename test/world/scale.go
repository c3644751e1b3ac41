// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/snapshot"
)

// Scale returns the same cluster with n nodes: each node many times, with the objects that bear its name, and DaemonSets with
// as many pods. A size below that of the cluster leaves it as it is.
func Scale(s *snapshot.Snapshot, n int) (*snapshot.Snapshot, error) {
	out := &snapshot.Snapshot{Time: s.Time, Coverage: s.Coverage, Responses: s.Responses, Reviews: s.Reviews}
	nodes := map[string]bool{}
	for _, o := range s.Objects {
		if kindOf(o) == "Node" {
			nodes[o.GetName()] = true
		}
	}
	copies := max(1, (n+len(nodes)-1)/len(nodes))
	for _, o := range s.Objects {
		o = o.DeepCopyObject().(client.Object)
		out.Objects = append(out.Objects, o)
		if kindOf(o) == daemonSetKind {
			scaled, err := scaleDaemonSet(o, int32(copies))
			if err != nil {
				return nil, err
			}
			out.Objects[len(out.Objects)-1] = scaled
		}
		if !nodes[o.GetName()] {
			continue
		}
		for i := 1; i < copies; i++ {
			again := o.DeepCopyObject().(client.Object)
			again.SetName(fmt.Sprintf("%s-%04d", o.GetName(), i))
			if labels := again.GetLabels(); labels[corev1.LabelHostname] != "" {
				labels[corev1.LabelHostname] = again.GetName()
				again.SetLabels(labels)
			}
			out.Objects = append(out.Objects, again)
		}
	}
	return out, nil
}

func kindOf(o client.Object) string { return o.GetObjectKind().GroupVersionKind().Kind }

// scaleDaemonSet gives a DaemonSet as many times the pods.
func scaleDaemonSet(o client.Object, times int32) (client.Object, error) {
	ds := &appsv1.DaemonSet{}
	switch o := o.(type) {
	case *appsv1.DaemonSet:
		ds = o
	case *unstructured.Unstructured:
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, ds); err != nil {
			return nil, fmt.Errorf("DaemonSet %s: %w", o.GetName(), err)
		}
	}
	s := &ds.Status
	for _, count := range []*int32{
		&s.DesiredNumberScheduled, &s.CurrentNumberScheduled, &s.UpdatedNumberScheduled, &s.NumberReady, &s.NumberAvailable,
		&s.NumberUnavailable, &s.NumberMisscheduled,
	} {
		*count *= times
	}
	return ds, nil
}
