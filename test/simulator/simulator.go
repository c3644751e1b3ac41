// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simulator makes a bare control plane show a shape: it creates the shape's objects, lets the real
// controllers roll out its workloads, keeps alive what hidden controllers would keep alive, and breaks and
// repairs parts of it on demand.
package simulator

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/test/cluster"
	"github.com/archmap/archmap/test/shapes"
)

// AzureRBACOpinion is what the authorizer of a cluster with Azure RBAC says of a user that Azure does not know.
const AzureRBACOpinion = "kubeguard: Azure does not have opinion for this user."

// fieldOwner owns the fields that the simulator applies.
const fieldOwner = client.FieldOwner("simulator")

var (
	namespaceKind  = schema.GroupKind{Kind: "Namespace"}
	nodeKind       = schema.GroupKind{Kind: "Node"}
	serviceKind    = schema.GroupKind{Kind: "Service"}
	leaseKind      = schema.GroupKind{Group: "coordination.k8s.io", Kind: "Lease"}
	deploymentKind = schema.GroupKind{Group: "apps", Kind: "Deployment"}
	daemonSetKind  = schema.GroupKind{Group: "apps", Kind: "DaemonSet"}
	definitionKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	apiServiceKind = schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}
)

// Simulator shows one shape on one cluster.
type Simulator struct {
	shape  *shapes.Shape
	client client.Client
	// extensions answers for the aggregated API servers of the shape.
	extensions *httptest.Server

	mu     sync.Mutex
	silent sets.Set[types.NamespacedName] // leases that are not renewed
}

// New prepares a simulator. Its Dial is wanted before the cluster starts, everything else after Apply.
func New(shape *shapes.Shape) *Simulator {
	return &Simulator{shape: shape, extensions: serveExtensions(shape), silent: sets.New[types.NamespacedName]()}
}

// Connect is in place of Apply for a cluster that shows the shape already.
func (s *Simulator) Connect(config *rest.Config) (err error) {
	s.client, err = client.New(config, client.Options{})
	return err
}

// Close ends what New started.
func (s *Simulator) Close() { s.extensions.Close() }

// Apply creates the shape's objects and returns when all its workloads are rolled out.
func (s *Simulator) Apply(ctx context.Context, config *rest.Config) error {
	if err := s.Connect(config); err != nil {
		return err
	}
	phases := make([][]*unstructured.Unstructured, phaseWebhooks+1)
	for _, o := range s.shape.Objects {
		phase := phaseOf(o)
		phases[phase] = append(phases[phase], o)
	}
	for i, objects := range phases {
		if err := s.applyAll(ctx, objects); err != nil {
			return err
		}
		if i == phaseHomes {
			if err := s.await(ctx, "namespaces and kinds to be usable", s.unusable); err != nil {
				return err
			}
		}
	}
	return s.await(ctx, "the workloads to be rolled out", s.unready)
}

const (
	// phaseHomes: namespaces and definitions, in which all else lives.
	phaseHomes = iota
	// phaseAddresses: Services with an address of their own, before the API server draws it for another one.
	phaseAddresses
	phaseOthers
	// phaseWebhooks: they would be called for all else.
	phaseWebhooks
)

// phaseOf says when an object is applied.
func phaseOf(o *unstructured.Unstructured) int {
	switch kind := o.GroupVersionKind().GroupKind(); {
	case kind == namespaceKind || kind == definitionKind:
		return phaseHomes
	case kind.Group == "admissionregistration.k8s.io":
		return phaseWebhooks
	case kind.Group == "" && kind.Kind == "Service":
		if address, _, _ := unstructured.NestedString(o.Object, "spec", "clusterIP"); address != "" {
			return phaseAddresses
		}
	}
	return phaseOthers
}

func (s *Simulator) applyAll(ctx context.Context, objects []*unstructured.Unstructured) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, o := range objects {
		group.Go(func() error {
			if err := s.apply(ctx, o.DeepCopy()); err != nil {
				return fmt.Errorf("apply %s %s: %w", o.GetKind(), client.ObjectKeyFromObject(o), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (s *Simulator) apply(ctx context.Context, o *unstructured.Unstructured) error {
	failOpen(o)
	if err := fillIn(o, time.Now()); err != nil {
		return err
	}
	// Apply overwrites what it is given with the answer.
	answer := client.ApplyConfigurationFromUnstructured(o.DeepCopy())
	if err := s.client.Apply(ctx, answer, fieldOwner, client.ForceOwnership); err != nil {
		return err
	}
	if o.Object["status"] == nil {
		return nil
	}
	err := s.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(o), fieldOwner, client.ForceOwnership)
	if apierrors.IsNotFound(err) {
		return nil // without a subresource, the status went with the object
	}
	return err
}

// failOpen has the API server go on without webhooks: no program runs in the pods that could answer, so those that must be
// asked would reject every namespace.
func failOpen(o *unstructured.Unstructured) {
	if o.GroupVersionKind().Group != "admissionregistration.k8s.io" {
		return
	}
	webhooks, _ := o.Object["webhooks"].([]any)
	for _, w := range webhooks {
		if webhook, ok := w.(map[string]any); ok {
			webhook["failurePolicy"] = "Ignore"
		}
	}
}

// fillIn adds what moves: times, and the kubelet of a node.
func fillIn(o *unstructured.Unstructured, now time.Time) error {
	switch o.GroupVersionKind().GroupKind() {
	case leaseKind:
		spec, _, err := unstructured.NestedMap(o.Object, "spec")
		if err != nil {
			return err
		}
		spec["acquireTime"], spec["renewTime"] = micro(now), micro(now)
		return unstructured.SetNestedMap(o.Object, spec, "spec")
	case nodeKind:
		labels := o.GetLabels()
		labels[cluster.KubeletLabel] = cluster.KubeletValue
		o.SetLabels(labels)
		conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
		if err != nil {
			return err
		}
		for _, c := range conditions {
			condition := c.(map[string]any)
			condition["lastHeartbeatTime"] = now.UTC().Format(time.RFC3339)
			condition["lastTransitionTime"] = condition["lastHeartbeatTime"]
		}
		return unstructured.SetNestedSlice(o.Object, conditions, "status", "conditions")
	}
	return nil
}

// await waits until nothing is left that missing finds.
func (s *Simulator) await(ctx context.Context, what string, missing func(context.Context) ([]string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var left []string
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		left, err = missing(ctx)
		return err == nil && len(left) == 0, err
	})
	if wait.Interrupted(err) {
		return fmt.Errorf("waiting for %s: %w; still missing: %s", what, context.Cause(ctx), strings.Join(left, ", "))
	}
	return err
}

// unusable lists namespaces that cannot take pods yet, and kinds that are not served yet.
func (s *Simulator) unusable(ctx context.Context) ([]string, error) {
	var missing []string
	for _, namespace := range s.shape.Of(namespaceKind) {
		err := s.client.Get(ctx, client.ObjectKey{Namespace: namespace.GetName(), Name: "default"}, &corev1.ServiceAccount{})
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil {
			missing = append(missing, "service account "+namespace.GetName()+"/default")
		}
	}
	for _, definition := range s.shape.Of(definitionKind) {
		established, err := s.hasCondition(ctx, definition, string(apiextensionsv1.Established))
		if err != nil {
			return nil, err
		}
		if !established {
			missing = append(missing, "kind "+definition.GetName())
		}
	}
	return missing, nil
}

// unready lists workloads and aggregated APIs that are not up.
func (s *Simulator) unready(ctx context.Context) ([]string, error) {
	var missing []string
	for _, o := range s.shape.Of(deploymentKind) {
		var d appsv1.Deployment
		if err := s.client.Get(ctx, client.ObjectKeyFromObject(o), &d); err != nil {
			return nil, err
		}
		if d.Status.ObservedGeneration < d.Generation || d.Status.AvailableReplicas < *d.Spec.Replicas {
			missing = append(missing, "Deployment "+d.Name)
		}
	}
	for _, o := range s.shape.Of(daemonSetKind) {
		var d appsv1.DaemonSet
		if err := s.client.Get(ctx, client.ObjectKeyFromObject(o), &d); err != nil {
			return nil, err
		}
		if d.Status.ObservedGeneration < d.Generation || d.Status.NumberAvailable < d.Status.DesiredNumberScheduled {
			missing = append(missing, "DaemonSet "+d.Name)
		}
	}
	for _, o := range s.shape.Of(apiServiceKind) {
		available, err := s.hasCondition(ctx, o, "Available")
		if err != nil {
			return nil, err
		}
		if !available {
			missing = append(missing, "APIService "+o.GetName())
		}
	}
	return missing, nil
}

func (s *Simulator) hasCondition(ctx context.Context, o *unstructured.Unstructured, conditionType string) (bool, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	if err := s.client.Get(ctx, client.ObjectKeyFromObject(o), live); err != nil {
		return false, err
	}
	var typed struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, &typed)
	return meta.IsStatusConditionTrue(typed.Status.Conditions, conditionType), err
}

func micro(t time.Time) string { return t.UTC().Format(metav1.RFC3339Micro) }
