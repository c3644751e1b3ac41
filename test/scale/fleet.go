// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

const (
	// shapeName is an AKS cluster as most are: overlay network, every controller hidden, the usual add-ons. Each node has a
	// CSINode and a NodeNetworkConfig.
	shapeName = "overlay-cilium"
	// fewest is how many nodes the shape has; a cluster has at least as many.
	fewest = 6
	// poolLimit is how many nodes AKS allows in a node pool.
	poolLimit = 1000

	// nodeImages is how many images a kubelet lists by default.
	nodeImages = 50
)

// pools are node pools with so many nodes in all: two of the system, a tenth on spot machines, the others of the user.
func pools(nodes int) []world.NodePool {
	spot := max(1, min(nodes/10, poolLimit))
	list := []world.NodePool{{Name: "system", Like: "system", Count: 2}, {Name: "spot", Like: "spot", Count: spot}}
	for left, n := nodes-2-spot, 1; left > 0; n++ {
		pool := world.NodePool{Name: "user", Like: "user", Count: min(left, poolLimit)}
		if n > 1 {
			pool.Name = fmt.Sprintf("user%d", n)
		}
		list = append(list, pool)
		left -= pool.Count
	}
	return list
}

// fleet is a cluster as data.
type fleet struct {
	// objects of all kinds, with the statuses that controllers would have given them by now.
	objects []*unstructured.Unstructured
	// nodes are the names of its nodes.
	nodes []string
}

// newFleet makes a cluster with so many nodes.
func newFleet(shape *shapes.Shape, nodes int, now time.Time) (*fleet, error) {
	if nodes < fewest {
		return nil, fmt.Errorf("a cluster has at least %d nodes, not %d", fewest, nodes)
	}
	w, err := world.New(shape)
	if err != nil {
		return nil, err
	}
	if err := w.Resize(pools(nodes)...); err != nil {
		return nil, err
	}
	w.Advance(now.Sub(w.Now()))
	snapshot, err := w.Snapshot()
	if err != nil {
		return nil, err
	}
	f := &fleet{nodes: w.NodeNames()}
	images := someImages()
	for _, o := range snapshot.Objects {
		kind, err := apiutil.GVKForObject(o, clientgoscheme.Scheme)
		if err != nil {
			return nil, err
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, err
		}
		u := &unstructured.Unstructured{Object: content}
		u.SetGroupVersionKind(kind)
		if kind.Kind == nodeKind {
			// No check reads them, and they are the most of a node.
			if err := unstructured.SetNestedSlice(u.Object, images, statusField, "images"); err != nil {
				return nil, err
			}
		}
		f.objects = append(f.objects, u)
	}
	return f, nil
}

const nodeKind = "Node"

// someImages are those that a node has pulled, by digest and by tag.
func someImages() []any {
	images := make([]any, nodeImages)
	for i := range images {
		repository := fmt.Sprintf("mcr.microsoft.com/oss/v2/kubernetes/component-%02d", i)
		images[i] = map[string]any{
			"names": []any{
				repository + "@sha256:" + strings.Repeat(fmt.Sprintf("%02x", i), 32),
				fmt.Sprintf("%s:v1.%d.3-%d", repository, 20+i%15, i),
			},
			"sizeBytes": int64(48_000_000 + i*1_234_567),
		}
	}
	return images
}

func metaTime(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

// deployment is a rolled out one with two replicas, of a service that nobody knows.
func deployment(namespace, name string) *appsv1.Deployment {
	labels := map[string]string{"app.kubernetes.io/name": name}
	container := corev1.Container{
		Name: "main", Image: "registry.example.com/shop/" + name + ":v1.2.3", ImagePullPolicy: corev1.PullIfNotPresent,
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
		}},
		TerminationMessagePath: corev1.TerminationMessagePathDefault, TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			ProgressDeadlineSeconds: new(int32(600)), RevisionHistoryLimit: new(int32(10)),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{container}, RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst,
					SchedulerName: corev1.DefaultSchedulerName, TerminationGracePeriodSeconds: new(int64(30)),
				},
			},
		},
		Status: appsv1.DeploymentStatus{
			ObservedGeneration: 1, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas,
			Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable",
				Message: "Deployment has minimum availability.",
			}},
		},
	}
}

// replicas of a Deployment.
const replicas = 2

// configMap is one of 1.5 KB.
func configMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string]string{"settings": strings.Repeat("key=value;", 150)},
	}
}
