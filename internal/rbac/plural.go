// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Plurals finds the name of the resource by which the API server serves a kind. Without a cluster it has to be guessed
// for kinds whose definition is not at hand.
type Plurals map[schema.GroupKind]string

// irregular are the kinds for which the rule does not hold.
var irregular = Plurals{
	{Group: "metrics.k8s.io", Kind: "NodeMetrics"}: "nodes",
	{Group: "metrics.k8s.io", Kind: "PodMetrics"}:  "pods",
}

// NewPlurals knows the kinds of the definitions.
func NewPlurals(definitions ...*apiextensionsv1.CustomResourceDefinition) Plurals {
	p := Plurals{}
	for _, d := range definitions {
		p[schema.GroupKind{Group: d.Spec.Group, Kind: d.Spec.Names.Kind}] = d.Spec.Names.Plural
	}
	return p
}

// Of a kind.
func (p Plurals) Of(kind schema.GroupVersionKind) string {
	if plural, known := p[kind.GroupKind()]; known {
		return plural
	}
	if plural, known := irregular[kind.GroupKind()]; known {
		return plural
	}
	singular := strings.ToLower(kind.Kind)
	if vowelY(singular) {
		return singular + "s" // gateways
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural.Resource
}

func vowelY(word string) bool {
	stem, y := strings.CutSuffix(word, "y")
	return y && stem != "" && strings.Contains("aeou", stem[len(stem)-1:])
}
