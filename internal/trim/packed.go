// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
)

// Packed is an object as a store keeps it: a fraction of the size of one that is read. Informers find its name by
// GetObjectMeta.
type Packed interface {
	metav1.ObjectMetaAccessor
	// Name of the object, which costs less than all that tells it apart.
	Name() types.NamespacedName
	// Unpack makes the object, as it was trimmed.
	Unpack() client.Object
	// Same reports whether a check reads the same of another packed object.
	Same(other Packed) bool
}

// Pack returns the transform of an informer for the kind, which packs what Func leaves: of untyped objects what is in the
// mask, in JSON, and of typed ones all, as protobuf.
func Pack(kind schema.GroupVersionKind, mask facts.Mask) toolscache.TransformFunc {
	trim := Func(kind)
	return func(in any) (any, error) {
		if node, ok := in.(*corev1.Node); ok {
			return packNode(node), nil
		}
		trimmed, err := trim(in)
		if err != nil {
			return nil, err
		}
		switch o := trimmed.(type) {
		case *unstructured.Unstructured:
			return packUntyped(&kind, o, mask)
		case message:
			return packTyped(&kind, o)
		}
		return trimmed, nil
	}
}

// packedName is what a store tells objects by. Informers drop an update that leaves the resource version as it was.
type packedName struct {
	namespace, name, resourceVersion string
}

func nameOf(o client.Object) packedName {
	return packedName{intern(o.GetNamespace()), strings.Clone(o.GetName()), strings.Clone(o.GetResourceVersion())}
}

// Name implements Packed.
func (n packedName) Name() types.NamespacedName {
	return types.NamespacedName{Namespace: n.namespace, Name: n.name}
}

// GetObjectMeta implements Packed.
func (n packedName) GetObjectMeta() metav1.Object { return new(n.objectMeta()) }

func (n packedName) objectMeta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: n.namespace, Name: n.name, ResourceVersion: n.resourceVersion}
}

// Unpacked returns the object that a store keeps, packed or not; nil for anything else.
func Unpacked(stored any) client.Object {
	switch stored := stored.(type) {
	case Packed:
		return stored.Unpack()
	case client.Object:
		return stored
	}
	return nil
}
