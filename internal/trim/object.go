// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"

	"github.com/archmap/archmap/internal/facts"
)

// Untyped says whether objects of the kind are *unstructured.Unstructured.
func Untyped(kind schema.GroupVersionKind) bool {
	_, untyped := New(kind).(*unstructured.Unstructured)
	return untyped
}

// Masked returns an object with the fields of the mask, and those by which objects are told apart.
func Masked(u *unstructured.Unstructured, mask facts.Mask) *unstructured.Unstructured {
	if mask == nil {
		return u
	}
	masked := &unstructured.Unstructured{Object: mask.Apply(u.Object).(map[string]any)}
	identify(masked.Object, u.GroupVersionKind(), nameOf(u))
	return masked
}

// identify gives an object its kind, its name and its version.
func identify(object map[string]any, kind schema.GroupVersionKind, name packedName) {
	object["apiVersion"], object["kind"] = kind.GroupVersion().String(), kind.Kind
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	for field, value := range map[string]string{"namespace": name.namespace, "name": name.name, "resourceVersion": name.resourceVersion} {
		if value != "" {
			metadata[field] = value
		}
	}
}

// packedObject is an object of any kind but a node.
type packedObject struct {
	packedName

	kind *schema.GroupVersionKind
	// content is the object without what identifies it: JSON of an untyped one, protobuf of a typed one. Where it is long it
	// is deflated.
	content  string
	deflated bool
}

// message is a typed object.
type message interface {
	client.Object

	Marshal() ([]byte, error)
	Unmarshal(text []byte) error
}

func packUntyped(kind *schema.GroupVersionKind, u *unstructured.Unstructured, mask facts.Mask) (any, error) {
	packed := &packedObject{packedName: nameOf(u), kind: kind}
	object := mask.Apply(u.Object).(map[string]any)
	delete(object, "apiVersion")
	delete(object, "kind")
	if metadata, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{"namespace", "name", "resourceVersion"} {
			delete(metadata, field)
		}
		if len(metadata) == 0 {
			delete(object, "metadata")
		}
	}
	content, err := json.Marshal(object) // sorts keys
	packed.keep(content)
	return packed, err
}

func packTyped(kind *schema.GroupVersionKind, o message) (any, error) {
	packed := &packedObject{packedName: nameOf(o), kind: kind}
	o.SetNamespace("")
	o.SetName("")
	o.SetResourceVersion("")
	content, err := o.Marshal()
	packed.keep(content)
	return packed, err
}

// Same implements Packed.
func (p *packedObject) Same(other Packed) bool {
	o, ok := other.(*packedObject)
	return ok && p.deflated == o.deflated && p.content == o.content
}

// Unpack implements Packed. What was packed can be unpacked; of anything else it would be an object without fields.
func (p *packedObject) Unpack() client.Object {
	o := New(*p.kind)
	switch o := o.(type) {
	case *unstructured.Unstructured:
		_ = kjson.UnmarshalCaseSensitivePreserveInts(p.kept(), &o.Object)
		if o.Object == nil {
			o.Object = map[string]any{}
		}
		identify(o.Object, *p.kind, p.packedName)
	case message:
		_ = o.Unmarshal(p.kept())
		o.SetNamespace(p.namespace)
		o.SetName(p.name)
		o.SetResourceVersion(p.resourceVersion)
	}
	return o
}

// PackedList are objects that are sorted by namespace and name.
type PackedList []Packed

// PackList packs what is sorted by namespace and name, of the kind.
func PackList(kind schema.GroupVersionKind, mask facts.Mask, objects []client.Object) (PackedList, error) {
	pack, list := Pack(kind, mask), make(PackedList, 0, len(objects))
	for _, o := range objects {
		packed, err := pack(o)
		if err != nil {
			return nil, err
		}
		if p, ok := packed.(Packed); ok {
			list = append(list, p)
		}
	}
	return list, nil
}

// Same reports whether a check reads the same of both.
func (l PackedList) Same(other PackedList) bool {
	return slices.EqualFunc(l, other, func(a, b Packed) bool { return a.Name() == b.Name() && a.Same(b) })
}

// List implements facts.Objects.
func (l PackedList) List() []client.Object {
	objects := make([]client.Object, len(l))
	for i, p := range l {
		objects[i] = p.Unpack()
	}
	return objects
}

// Names implements facts.Objects.
func (l PackedList) Names() []types.NamespacedName {
	names := make([]types.NamespacedName, len(l))
	for i, p := range l {
		names[i] = p.Name()
	}
	return names
}

// Get implements facts.Objects.
func (l PackedList) Get(name types.NamespacedName) client.Object {
	if i, found := find(l, name, Packed.Name); found {
		return l[i].Unpack()
	}
	return nil
}
