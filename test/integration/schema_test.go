// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

type schema = apiextensionsv1.JSONSchemaProps

// TestSchema holds the schemas of the custom resources to what a person and the API server need: every
// field is explained, every size has a limit, every rule speaks in words. It needs no control plane.
func TestSchema(t *testing.T) {
	for _, path := range glob(filepath.Join(crdDir, "*.yaml")) {
		crd := readYAML[apiextensionsv1.CustomResourceDefinition](path)
		for _, version := range crd.Spec.Versions {
			root := version.Schema.OpenAPIV3Schema
			// What every object has is not ours to limit.
			delete(root.Properties, "apiVersion")
			delete(root.Properties, "kind")
			delete(root.Properties, "metadata")
			walk(crd.Spec.Names.Kind, root, func(path string, s *schema) {
				for _, fault := range faults(path, s) {
					t.Errorf("%s %s", path, fault)
				}
			})
		}
	}
}

// walk visits a schema and all below it, but for the inside of a metav1.LabelSelector, which has limits
// for nothing.
func walk(path string, s *schema, visit func(path string, s *schema)) {
	visit(path, s)
	if isLabelSelector(s) {
		return
	}
	for name, property := range s.Properties {
		walk(path+"."+name, &property, visit)
	}
	if s.Items != nil {
		walk(path+"[]", s.Items.Schema, visit)
	}
	if s.AdditionalProperties != nil {
		walk(path+"{}", s.AdditionalProperties.Schema, visit)
	}
}

func isLabelSelector(s *schema) bool {
	_, labels := s.Properties["matchLabels"]
	_, expressions := s.Properties["matchExpressions"]
	return labels && expressions
}

// faults says what is wrong with a schema, whatever is below it aside.
func faults(path string, s *schema) []string {
	var found []string
	require := func(holds bool, fault string) {
		if !holds {
			found = append(found, fault)
		}
	}
	isElement := strings.HasSuffix(path, "[]")
	require(isElement || s.Description != "", "has no description")
	switch s.Type {
	case "array":
		require(s.MaxItems != nil, "has no maxItems")
	case "string":
		require(s.MaxLength != nil || s.Enum != nil || s.Format != "", "has neither maxLength, enum nor format")
	case "object":
		require(s.AdditionalProperties == nil || s.MaxProperties != nil, "has no maxProperties")
	}
	// Nobody writes a status by hand.
	require(s.Pattern == "" || strings.Contains(path, ".status."),
		"has a pattern, and the API server's message would show nothing else: use a CEL rule")
	for _, rule := range s.XValidations {
		require(rule.Message != "" || rule.MessageExpression != "", "has a rule without a message: "+rule.Rule)
	}
	return found
}

// TestExplain holds kubectl explain componentmapping.spec.checks.workload, and its like, to say what the
// verdicts of a check type mean.
func TestExplain(t *testing.T) {
	crd := readYAML[apiextensionsv1.CustomResourceDefinition](
		filepath.Join(crdDir, "architecture.archmap.dev_componentmappings.yaml"))
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	check := spec.Properties["checks"].Items.Schema
	types := 0
	for name, member := range check.Properties {
		if member.Type != "object" {
			continue
		}
		types++
		for _, verdict := range []string{"\nPresent: ", "\nHealthy: "} {
			if !strings.Contains(member.Description, verdict) {
				t.Errorf("%s is not explained: no %q in %q", name, verdict, member.Description)
			}
		}
	}
	if known := len(check.Properties["type"].Enum); types != known {
		t.Errorf("%d members for %d check types", types, known)
	}
}
