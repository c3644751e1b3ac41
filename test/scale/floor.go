// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/archmap/archmap/api/v1alpha1"
)

// floorCommand is the argument with which the bench starts itself as the floor.
const floorCommand = "floor"

// Objects of the floor.
const (
	floorRow          = "floor-row"
	floorDNSRow       = "floor-coredns"
	floorNodeRow      = "floor-node"
	floorArchitecture = "floor"
)

// floor is the least that a program can do that shows the health of an object in a status: it watches the object alone, and
// applies a status as big as archmap's, with a service account's token, as archmap does.
type floor struct {
	objects *kubernetes.Clientset
	dynamic dynamic.Interface
}

// runFloor is what the child process does until it is stopped.
func runFloor(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(floorCommand, flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "Whom to act as.")
	node := flags.String("node", "", "Follow this node, and a Deployment, in rows.")
	cold := flags.Int("cold", 0, "Read a cluster once, and apply so many rows.")
	many := flags.Bool("many", false, "Follow many Deployments in rows.")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := newFloor(*kubeconfig)
	if err != nil {
		return err
	}
	switch {
	case *cold > 0:
		return f.runCold(ctx, *cold)
	case *many:
		return f.runMany(ctx)
	}
	return f.follow(ctx, *node)
}

func newFloor(kubeconfig string) (*floor, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	f := &floor{}
	if f.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	f.objects, err = kubernetes.NewForConfig(config)
	return f, err
}

// follow shows Deployments and a node in rows, and the first of the rows in an architecture.
func (f *floor) follow(ctx context.Context, node string) error {
	row, err := f.template(ctx, mappings, ownRow)
	if err != nil {
		return err
	}
	dnsRow, err := f.template(ctx, mappings, coreDNS)
	if err != nil {
		return err
	}
	nodeRow, err := f.template(ctx, mappings, ownNodeRow)
	if err != nil {
		return err
	}
	whole, err := f.template(ctx, architectures, architecture)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	deployments := func(options metav1.ListOptions) (watch.Interface, error) {
		return f.objects.AppsV1().Deployments(namespace).Watch(ctx, options)
	}
	nodes := func(options metav1.ListOptions) (watch.Interface, error) {
		return f.objects.CoreV1().Nodes().Watch(ctx, options)
	}
	rows := func(options metav1.ListOptions) (watch.Interface, error) {
		return f.kind(floorGroup, mappings).Watch(ctx, options)
	}
	group.Go(func() error {
		return each(ctx, deployments, floorDeployment, func(d *appsv1.Deployment) error {
			return f.applyRow(ctx, row, floorRow, isAvailable(d))
		})
	})
	group.Go(func() error {
		return each(ctx, deployments, floorDNS, func(d *appsv1.Deployment) error {
			return f.applyRow(ctx, dnsRow, floorDNSRow, isAvailable(d))
		})
	})
	group.Go(func() error {
		return each(ctx, nodes, node, func(n *corev1.Node) error { return f.applyRow(ctx, nodeRow, floorNodeRow, isReady(n)) })
	})
	group.Go(func() error {
		return each(ctx, rows, floorRow, func(u *unstructured.Unstructured) error { return f.applyWhole(ctx, whole, u) })
	})
	return group.Wait()
}

func (f *floor) kind(group, resource string) dynamic.ResourceInterface {
	return f.dynamic.Resource(resourceOf(group, resource))
}

func resourceOf(group, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: v1alpha1.GroupVersion.Version, Resource: resource}
}

// template is the status that archmap wrote.
func (f *floor) template(ctx context.Context, resource, name string) (*unstructured.Unstructured, error) {
	u, err := f.kind(v1alpha1.GroupVersion.Group, resource).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	template := &unstructured.Unstructured{Object: map[string]any{statusField: u.Object[statusField]}}
	template.SetGroupVersionKind(u.GroupVersionKind())
	template.SetAPIVersion(floorGroup + "/" + v1alpha1.GroupVersion.Version)
	return template, nil
}

// each does something for each state of an object, of several at once only for the last.
func each[T any](ctx context.Context, from func(metav1.ListOptions) (watch.Interface, error), name string, do func(T) error) error {
	w, err := from(metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		event, ok := <-w.ResultChan()
		for ok && len(w.ResultChan()) > 0 {
			event, ok = <-w.ResultChan()
		}
		if ctx.Err() != nil {
			return nil
		}
		object, isObject := event.Object.(T)
		if !ok || !isObject {
			return errors.New("the floor's watch of " + name + " has ended")
		}
		if err := do(object); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func isReady(node *corev1.Node) bool {
	i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	return i >= 0 && node.Status.Conditions[i].Status == corev1.ConditionTrue
}

func (f *floor) apply(ctx context.Context, resource string, u *unstructured.Unstructured) error {
	options := metav1.ApplyOptions{FieldManager: "floor", Force: true}
	_, err := f.kind(floorGroup, resource).ApplyStatus(ctx, u.GetName(), u, options)
	if err != nil {
		return fmt.Errorf("the floor: apply %s: %w", u.GetName(), err)
	}
	return nil
}

// applyRow applies a status of the size of the template, with another health.
func (f *floor) applyRow(ctx context.Context, template *unstructured.Unstructured, name string, healthy bool) error {
	u := template.DeepCopy()
	u.SetName(name)
	conditions, _, err := unstructured.NestedSlice(u.Object, statusField, "conditions")
	if err != nil {
		return err
	}
	for _, c := range conditions {
		if condition := c.(map[string]any); condition[typeField] == v1alpha1.ConditionHealthy {
			condition[statusField], condition[turnedField] = truth(healthy), time.Now().UTC().Format(time.RFC3339)
		}
	}
	if err := unstructured.SetNestedSlice(u.Object, conditions, statusField, "conditions"); err != nil {
		return err
	}
	return f.apply(ctx, mappings, u)
}

// applyWhole shows a row in the status of an architecture, in place of archmap's own row.
func (f *floor) applyWhole(ctx context.Context, template, row *unstructured.Unstructured) error {
	healthy := condition(row, v1alpha1.ConditionHealthy).status
	if healthy == "" {
		return nil // it has no verdict yet
	}
	u := template.DeepCopy()
	u.SetName(floorArchitecture)
	components, _, err := unstructured.NestedSlice(u.Object, statusField, "components")
	if err != nil {
		return err
	}
	for _, c := range components {
		if component := c.(map[string]any); component["name"] == ownRow {
			component["name"], component["healthy"] = floorRow, healthy
		}
	}
	if err := unstructured.SetNestedSlice(u.Object, components, statusField, "components"); err != nil {
		return err
	}
	return f.apply(ctx, architectures, u)
}

func truth(value bool) string {
	if value {
		return string(metav1.ConditionTrue)
	}
	return string(metav1.ConditionFalse)
}
