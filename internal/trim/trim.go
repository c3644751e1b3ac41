// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trim drops from objects what no check reads.
package trim

import (
	"cmp"
	"slices"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/workload"
)

// Func returns the transform of an informer for the kind, which drops everything that no check reads.
func Func(kind schema.GroupVersionKind) toolscache.TransformFunc {
	return func(in any) (any, error) {
		o, ok := in.(client.Object)
		if !ok {
			return in, nil
		}
		o.SetManagedFields(nil)
		switch o := o.(type) {
		case *corev1.Node:
			return Node(o), nil
		case *corev1.Pod:
			o.Annotations, o.Spec = nil, corev1.PodSpec{NodeName: o.Spec.NodeName, Affinity: nodeAffinity(o.Spec.Affinity)}
		case *appsv1.Deployment:
			o.Annotations, o.Spec.Template.Spec = nil, trimPod(o.Spec.Template.Spec)
		case *appsv1.DaemonSet:
			o.Annotations, o.Spec.Template.Spec = nil, trimPod(o.Spec.Template.Spec)
		case *appsv1.StatefulSet:
			o.Annotations, o.Spec.Template.Spec = nil, trimPod(o.Spec.Template.Spec)
			o.Spec.VolumeClaimTemplates = nil
		case *appsv1.ReplicaSet:
			trimReplicaSet(o)
		case *appsv1.ControllerRevision:
			return o, trimRevision(o)
		case *corev1.Event:
			trimEvent(o)
		case *unstructured.Unstructured:
			trimUnstructured(o, kind)
		}
		return o, nil
	}
}

// trimReplicaSet keeps the owner, the counts of pods, and names and images of the containers.
func trimReplicaSet(rs *appsv1.ReplicaSet) {
	rs.Annotations = nil
	rs.Spec = appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: trimPod(rs.Spec.Template.Spec).Containers}}}
	for i := range rs.Spec.Template.Spec.Containers {
		rs.Spec.Template.Spec.Containers[i].Ports = nil
	}
	rs.Status = appsv1.ReplicaSetStatus{Replicas: rs.Status.Replicas, ReadyReplicas: rs.Status.ReadyReplicas}
}

// trimRevision keeps the owner, the number, and of the template names and images of the containers.
func trimRevision(r *appsv1.ControllerRevision) error {
	r.Annotations = nil
	return workload.TrimRevision(r)
}

// trimEvent keeps of which object it tells what, who reports it, and when.
func trimEvent(e *corev1.Event) {
	of := e.InvolvedObject
	*e = corev1.Event{
		TypeMeta: e.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name, UID: e.UID, ResourceVersion: e.ResourceVersion,
			CreationTimestamp: e.CreationTimestamp},
		InvolvedObject: corev1.ObjectReference{APIVersion: of.APIVersion, Kind: of.Kind, Namespace: of.Namespace, Name: of.Name, UID: of.UID},
		Type:           e.Type, Reason: e.Reason, Message: msg.Truncate(e.Message, MaxConditionMessage),
		Source: corev1.EventSource{Component: e.Source.Component}, ReportingController: e.ReportingController,
		FirstTimestamp: e.FirstTimestamp, LastTimestamp: e.LastTimestamp, EventTime: e.EventTime, Count: e.Count, Series: e.Series,
	}
}

// trimPod keeps names, images and ports of the containers, and what says on which nodes the pods may run.
func trimPod(spec corev1.PodSpec) corev1.PodSpec {
	out := corev1.PodSpec{
		NodeSelector: spec.NodeSelector, Affinity: nodeAffinity(spec.Affinity), Tolerations: spec.Tolerations, HostNetwork: spec.HostNetwork,
	}
	for _, c := range spec.Containers {
		out.Containers = append(out.Containers, corev1.Container{Name: c.Name, Image: c.Image, Ports: c.Ports})
	}
	return out
}

// nodeAffinity keeps which nodes are required.
func nodeAffinity(a *corev1.Affinity) *corev1.Affinity {
	if a == nil || a.NodeAffinity == nil || a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution}}
}

// CustomResourceDefinition is the kind that defines others.
var CustomResourceDefinition = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// nodeClaim is the kind of which each node of Karpenter has one. What is asked of the machine, most of its size, lists
// every type of machine that would do.
var nodeClaim = schema.GroupKind{Group: "karpenter.sh", Kind: "NodeClaim"}

// nodeNetworkConfig is the kind of which each node of Azure CNI has one, with every address of its pods.
var nodeNetworkConfig = schema.GroupKind{Group: "acn.azure.com", Kind: "NodeNetworkConfig"}

// trimNetworkContainers drops the addresses; how many there are stands beside them.
func trimNetworkContainers(u *unstructured.Unstructured) {
	containers, _, _ := unstructured.NestedFieldNoCopy(u.Object, "status", "networkContainers")
	list, _ := containers.([]any)
	for _, c := range list {
		if container, ok := c.(map[string]any); ok {
			delete(container, "ipAssignments")
		}
	}
}

// constraintTemplate is the kind of the policies of Gatekeeper, most of whose size is their program.
var constraintTemplate = schema.GroupKind{Group: "templates.gatekeeper.sh", Kind: "ConstraintTemplate"}

func trimUnstructured(u *unstructured.Unstructured, kind schema.GroupVersionKind) {
	if annotations := u.GetAnnotations(); annotations != nil {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		u.SetAnnotations(annotations)
	}
	switch {
	case kind.GroupKind() == CustomResourceDefinition:
		unstructured.RemoveNestedField(u.Object, "spec", "versions") // the schemas, most of its size
	case kind.GroupKind() == nodeClaim:
		for _, fields := range [][]string{{"spec"}, {"status", "capacity"}, {"status", "allocatable"}} {
			unstructured.RemoveNestedField(u.Object, fields...)
		}
	case kind.GroupKind() == nodeNetworkConfig:
		trimNetworkContainers(u)
	case kind.GroupKind() == constraintTemplate:
		unstructured.RemoveNestedField(u.Object, "spec", "targets")
	case kind.Group == "admissionregistration.k8s.io":
		trimWebhooks(u)
	case kind.GroupKind() == signingRequest:
		trimSigningRequest(u)
	}
}

// signingRequest is what each kubelet creates that joins, and again to renew its certificate.
var signingRequest = schema.GroupKind{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}

// trimSigningRequest drops the request, and of the certificate keeps whether there is one.
func trimSigningRequest(u *unstructured.Unstructured) {
	for _, field := range []string{"request", "groups", "extra", "usages"} {
		unstructured.RemoveNestedField(u.Object, "spec", field)
	}
	if status, ok := u.Object["status"].(map[string]any); ok && status["certificate"] != nil && status["certificate"] != "" {
		status["certificate"] = CABundle
	}
}

// CABundle stands for the certificates of a webhook, or of a kubelet, most of their size, of which checks read whether there
// are any. Like those it is base64.
const CABundle = "dHJpbW1lZA=="

func trimWebhooks(u *unstructured.Unstructured) {
	webhooks, _ := u.Object["webhooks"].([]any)
	for _, w := range webhooks {
		webhook, _ := w.(map[string]any)
		if config, ok := webhook["clientConfig"].(map[string]any); ok && config["caBundle"] != nil && config["caBundle"] != "" {
			config["caBundle"] = CABundle
		}
	}
}

func intern(s string) string { return unique.Make(s).Value() }

// Same reports whether an update changes nothing that a check reads, such as a new resourceVersion or heartbeat. Both are as
// a store keeps them.
func Same(before, after any) bool {
	b, packed := before.(Packed)
	a, packedToo := after.(Packed)
	return packed && packedToo && b.Same(a)
}

// New returns an empty object of the kind: typed where checks read typed objects.
func New(kind schema.GroupVersionKind) client.Object {
	switch kind {
	case appsv1.SchemeGroupVersion.WithKind("Deployment"):
		return &appsv1.Deployment{}
	case appsv1.SchemeGroupVersion.WithKind("DaemonSet"):
		return &appsv1.DaemonSet{}
	case appsv1.SchemeGroupVersion.WithKind("StatefulSet"):
		return &appsv1.StatefulSet{}
	case facts.ReplicaSetKind:
		return &appsv1.ReplicaSet{}
	case facts.ControllerRevisionKind:
		return &appsv1.ControllerRevision{}
	case facts.Nodes.Kind:
		return &corev1.Node{}
	case facts.PodKind:
		return &corev1.Pod{}
	case facts.EventKind:
		return &corev1.Event{}
	case coordinationv1.SchemeGroupVersion.WithKind("Lease"):
		return &coordinationv1.Lease{}
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	return u
}

// NewList returns an empty list of the kind, typed where New is.
func NewList(kind schema.GroupVersionKind) client.ObjectList {
	listKind := kind.GroupVersion().WithKind(kind.Kind + "List")
	if _, untyped := New(kind).(*unstructured.Unstructured); !untyped {
		if list, err := scheme.Scheme.New(listKind); err == nil {
			return list.(client.ObjectList)
		}
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(listKind)
	return list
}

// Sort sorts objects by namespace and name.
func Sort(objects []client.Object) {
	slices.SortFunc(objects, func(a, b client.Object) int {
		return compare(client.ObjectKeyFromObject(a), client.ObjectKeyFromObject(b))
	})
}

// Find returns the object with the name from sorted objects; nil when there is none.
func Find(objects []client.Object, name types.NamespacedName) client.Object {
	i, found := find(objects, name, func(o client.Object) types.NamespacedName { return client.ObjectKeyFromObject(o) })
	if !found {
		return nil
	}
	return objects[i]
}

func find[O any](sorted []O, name types.NamespacedName, nameOf func(O) types.NamespacedName) (int, bool) {
	return slices.BinarySearchFunc(sorted, name, func(o O, name types.NamespacedName) int { return compare(nameOf(o), name) })
}

// SortNames sorts names of objects as Sort does objects.
func SortNames(names []types.NamespacedName) { slices.SortFunc(names, compare) }

func compare(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Sorted are objects sorted by namespace and name, in which single ones are looked up.
type Sorted []client.Object

// List returns all of them. Nobody changes it.
func (s Sorted) List() []client.Object { return s }

// Names returns the names of all of them.
func (s Sorted) Names() []types.NamespacedName {
	names := make([]types.NamespacedName, len(s))
	for i, o := range s {
		names[i] = client.ObjectKeyFromObject(o)
	}
	return names
}

// Get returns the object of a name; nil when it is not there.
func (s Sorted) Get(name types.NamespacedName) client.Object { return Find(s, name) }
