// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	strictyaml "sigs.k8s.io/yaml"
)

// customResourcesKind lists, in short, the kinds that a part brings. It never gets to the cluster: in its place
// come the definitions.
var customResourcesKind = schema.GroupVersionKind{Group: "shapes", Version: "v1", Kind: "CustomResources"}

type customResources struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec []customResource `json:"spec"`
}

// customResource is a kind whose schema does not matter.
type customResource struct {
	Name       string                        `json:"name"`
	Kind       string                        `json:"kind"`
	Versions   []string                      `json:"versions"`
	Scope      apiextensionsv1.ResourceScope `json:"scope"`
	ShortNames []string                      `json:"shortNames"`
}

func define(text []byte) ([]*unstructured.Unstructured, error) {
	var list customResources
	if err := strictyaml.UnmarshalStrict(text, &list); err != nil {
		return nil, err
	}
	var definitions []*unstructured.Unstructured
	for _, r := range list.Spec {
		definition, err := r.definition()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}

// definition returns a CustomResourceDefinition that accepts anything. The first version is the stored one.
func (r customResource) definition() (*unstructured.Unstructured, error) {
	plural, group, _ := strings.Cut(r.Name, ".")
	crd := &apiextensionsv1.CustomResourceDefinition{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: definitionKind.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: r.Name},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group,
			Scope: r.Scope,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: plural, Singular: strings.ToLower(r.Kind), Kind: r.Kind, ListKind: r.Kind + "List", ShortNames: r.ShortNames,
			},
		},
	}
	if strings.HasSuffix(group, ".k8s.io") {
		crd.Annotations = map[string]string{"api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements"}
	}
	anything := &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	for i, version := range r.Versions {
		crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: version, Served: true, Storage: i == 0,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: anything},
		})
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}, err
}

var definitionKind = schema.GroupKind{Group: apiextensionsv1.GroupName, Kind: "CustomResourceDefinition"}

// customKinds returns the kinds that the shape's definitions serve.
func (s *Shape) customKinds() sets.Set[schema.GroupVersionKind] {
	kinds := sets.New[schema.GroupVersionKind]()
	for _, o := range s.Of(definitionKind) {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &crd); err != nil {
			continue // check tells
		}
		for _, version := range crd.Spec.Versions {
			kinds.Insert(schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind})
		}
	}
	return kinds
}
