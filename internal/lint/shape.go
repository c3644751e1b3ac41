// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// shape is what is known of a value: whether it has fields, and which. Of a nil shape nothing is known, and so nothing that
// is read of it can be wrong. Types may hold themselves, so that what is below is found when it is asked for.
type shape struct {
	// of identifies the shape: two with the same are the same.
	of any
	// fields of an object; nil for what is none.
	fields func() map[string]*shape
	// element of a list, or a value of a map.
	element func() *shape
	isMap   bool
}

// empty is the shape of [] and {}, to which anything may be added.
var empty = &shape{of: "empty"}

// scalar is the shape of what has no fields and no elements.
var scalar = &shape{of: "scalar"}

func listOf(element *shape) *shape {
	return &shape{of: [1]any{element}, element: func() *shape { return element }}
}

// field returns what is known of a field; ok is false when the value surely has no such field.
func (s *shape) field(name string) (field *shape, ok bool) {
	switch {
	case s == nil || s == empty:
		return nil, true
	case s.fields != nil:
		field, ok = s.fields()[name]
		return field, ok
	case s.isMap:
		return s.element(), true
	}
	return nil, false
}

// item returns what is known of an element of a list, or of a value of a map.
func (s *shape) item() *shape {
	if s == nil || s.element == nil {
		return nil
	}
	return s.element()
}

// names of the fields.
func (s *shape) names() []string {
	if s == nil || s.fields == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.fields()))
}

// merge is the shape of what is one or the other.
func merge(a, b *shape) *shape {
	switch {
	case a == empty:
		return b
	case b == empty:
		return a
	case a == nil || b == nil || a == scalar || b == scalar:
		return nil
	case a.of == b.of:
		return a
	case a.element != nil && b.element != nil && !a.isMap && !b.isMap:
		return listOf(merge(a.element(), b.element()))
	}
	return nil
}

// apiService is the kind of that name, of which the Go types are in a module of its own.
type apiService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`
	Spec              struct {
		Service *struct {
			Namespace string `json:"namespace,omitempty"`
			Name      string `json:"name,omitempty"`
			Port      *int32 `json:"port,omitempty"`
		} `json:"service,omitempty"`
		Group                 string `json:"group,omitempty"`
		Version               string `json:"version,omitempty"`
		InsecureSkipTLSVerify bool   `json:"insecureSkipTLSVerify,omitempty"`
		CABundle              []byte `json:"caBundle,omitempty"`
		GroupPriorityMinimum  int32  `json:"groupPriorityMinimum"`
		VersionPriority       int32  `json:"versionPriority"`
	} `json:"spec,omitzero"`
	Status struct {
		Conditions []struct {
			Type               string      `json:"type"`
			Status             string      `json:"status"`
			LastTransitionTime metav1.Time `json:"lastTransitionTime,omitzero"`
			Reason             string      `json:"reason,omitempty"`
			Message            string      `json:"message,omitempty"`
		} `json:"conditions,omitempty"`
	} `json:"status,omitzero"`
}

// shapeOf returns the shape of the objects of a kind: of one of Kubernetes itself by its Go type, of another by the first of
// the definitions that has it. It is nil when neither is known.
func shapeOf(kind schema.GroupVersionKind, definitions []*apiextensionsv1.CustomResourceDefinition) *shape {
	switch kind {
	case schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}:
		return shapeOfType(reflect.TypeFor[apiService]())
	case apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"):
		return shapeOfType(reflect.TypeFor[apiextensionsv1.CustomResourceDefinition]())
	}
	if o, err := scheme.Scheme.New(kind); err == nil {
		return shapeOfType(reflect.TypeOf(o))
	}
	for _, d := range definitions {
		if d.Spec.Group != kind.Group || d.Spec.Names.Kind != kind.Kind {
			continue
		}
		for _, v := range d.Spec.Versions {
			if v.Name == kind.Version && v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
				return shapeOfRoot(v.Schema.OpenAPIV3Schema)
			}
		}
	}
	return nil
}

var marshaler = reflect.TypeFor[json.Marshaler]()

// shapeOfType is the shape of the JSON of a Go type. What writes its JSON itself, such as a time or a quantity, may be
// anything.
func shapeOfType(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) {
		return nil
	}
	element := func() *shape { return shapeOfType(t.Elem()) }
	switch t.Kind() {
	case reflect.Struct:
		return &shape{of: t, fields: func() map[string]*shape { return fieldsOf(t) }}
	case reflect.Map:
		return &shape{of: t, element: element, isMap: true}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return scalar // its JSON is a string
		}
		return &shape{of: t, element: element}
	case reflect.Interface:
		return nil
	}
	return scalar
}

func fieldsOf(t reflect.Type) map[string]*shape {
	out := map[string]*shape{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous:
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			maps.Copy(out, fieldsOf(embedded))
		case name == "":
			out[f.Name] = shapeOfType(f.Type)
		default:
			out[name] = shapeOfType(f.Type)
		}
	}
	return out
}

// shapeOfRoot is the shape of the objects of a definition: every one has its kind and its metadata.
func shapeOfRoot(s *apiextensionsv1.JSONSchemaProps) *shape {
	below := shapeOfSchema(s)
	if below == nil || below.fields == nil {
		return nil
	}
	return &shape{of: s, fields: func() map[string]*shape {
		out := maps.Clone(below.fields())
		out["apiVersion"], out["kind"] = scalar, scalar
		out["metadata"] = shapeOfType(reflect.TypeFor[metav1.ObjectMeta]())
		return out
	}}
}

// shapeOfSchema is the shape of what a structural schema allows. Fields that the API server does not prune may be any.
func shapeOfSchema(s *apiextensionsv1.JSONSchemaProps) *shape {
	anything := s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields || s.XEmbeddedResource || s.XIntOrString
	values := s.AdditionalProperties
	switch {
	case anything:
		return nil
	case values != nil && values.Schema != nil:
		return &shape{of: s, isMap: true, element: func() *shape { return shapeOfSchema(values.Schema) }}
	case len(s.Properties) > 0:
		return &shape{of: s, fields: func() map[string]*shape {
			out := map[string]*shape{}
			for name := range s.Properties {
				out[name] = shapeOfSchema(new(s.Properties[name]))
			}
			return out
		}}
	case s.Items != nil && s.Items.Schema != nil:
		return &shape{of: s, element: func() *shape { return shapeOfSchema(s.Items.Schema) }}
	case s.Type == "string" || s.Type == "integer" || s.Type == "number" || s.Type == "boolean":
		return scalar
	}
	return nil
}
