// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// TestEveryMapping holds the end of every story to what must be true of all statuses.
func TestEveryMapping(t *testing.T) {
	fits := schemaOf(t, "architecture.archmap.dev_componentmappings.yaml")
	for _, c := range mappingCases() {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			end := c.play(t)
			g.Expect(flaws(end.mapping)).To(BeEmpty())
			g.Expect(fits(&end.mapping.Status)).To(BeEmpty(), "what the API server would refuse")

			before := end.mapping.DeepCopy()
			later, wait := 24*time.Hour, end.wait
			if wait > 0 { // when a grace period ends, the status changes
				later = (wait / 2).Truncate(time.Second)
			}
			again, left := end.again(later)
			g.Expect(equality.Semantic.DeepEqual(again, before.Status)).To(BeTrue(), "the same facts, later:\n%s", diffable(again, before.Status))
			g.Expect(left).To(Equal(wait-min(later, wait)), "what is left of a grace period")
			g.Expect(end.mapping).To(Equal(before), "the mapping is only read")
		})
	}
}

func diffable(a, b any) string {
	return fmt.Sprintf("%s\n---\n%s", must(yaml.Marshal(a)), must(yaml.Marshal(b)))
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

var camelCase = regexp.MustCompile(`^[A-Z][a-zA-Z]+$`)

// flaws returns what is wrong with a status, whatever it is about.
func flaws(m *v1alpha1.ComponentMapping) []string {
	var out []string
	s := &m.Status
	hold := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	status := func(conditionType string) metav1.ConditionStatus { return the(conditionType, s.Conditions).Status }
	ready, present := the(v1alpha1.ConditionReady, s.Conditions), status(v1alpha1.ConditionPresent) == metav1.ConditionTrue
	stalled := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionStalled)

	for _, t := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented} {
		hold(status(t) != "", "condition %s is missing", t)
	}
	for _, c := range s.Conditions {
		hold(camelCase.MatchString(c.Reason), "reason of %s: %q", c.Type, c.Reason)
		hold(c.Message != "" && len(c.Message) <= msg.MaxMessage, "message of %s: %q", c.Type, c.Message)
		hold(!c.LastTransitionTime.IsZero(), "%s has no lastTransitionTime", c.Type)
		hold(c.ObservedGeneration == m.Generation || ready.Status == metav1.ConditionUnknown && c.ObservedGeneration < m.Generation,
			"%s has observedGeneration %d", c.Type, c.ObservedGeneration)
	}
	hold(s.Message != "" && len(s.Message) <= msg.MaxMessage, "message: %q", s.Message)
	hold(s.ObservedGeneration == m.Generation, "observedGeneration %d", s.ObservedGeneration)
	hold(!present || s.Implementation != "", "present without implementation")
	hold(status(v1alpha1.ConditionPresent) != metav1.ConditionFalse || s.Implementation == "", "absent as %s", s.Implementation)

	// kstatus: a status is current when Ready is True, in progress when it is Unknown, failed when it is False
	// and Stalled is True.
	hold((ready.Status == metav1.ConditionTrue) == (ready.Reason == v1alpha1.ReasonEvaluated || ready.Reason == v1alpha1.ReasonAwaitingRenewal), "Ready=%s %s", ready.Status, ready.Reason)
	hold((ready.Status == metav1.ConditionUnknown) == (ready.Reason == v1alpha1.ReasonObserving), "Ready=%s %s", ready.Status, ready.Reason)
	hold((ready.Status == metav1.ConditionFalse) == (stalled != nil), "Ready=%s, Stalled is %v", ready.Status, stalled)
	hold(ready.ObservedGeneration == m.Generation, "Ready is about generation %d", ready.ObservedGeneration)

	hold(present || status(v1alpha1.ConditionAsDocumented) == metav1.ConditionUnknown, "not present, but AsDocumented=%s", status(v1alpha1.ConditionAsDocumented))
	healthy := status(v1alpha1.ConditionHealthy)
	hold(present || healthy != metav1.ConditionTrue, "not present, but Healthy=%s", healthy)
	hold(status(v1alpha1.ConditionPresent) != metav1.ConditionFalse || healthy == metav1.ConditionUnknown, "absent, but Healthy=%s", healthy)
	hold(present || len(s.Methods) == 0 && s.MethodSummary == "", "not present, but methods %v (%s)", s.Methods, s.MethodSummary)
	hold((len(s.Methods) > 0) == (s.MethodSummary != ""), "methods %v in short %q", s.Methods, s.MethodSummary)
	hold(present || s.Variant == "" && len(s.Variants) == 0, "not present, but variants %v", s.Variants)
	hold(s.Variant == "" && len(s.Variants) == 0 || s.Variant == s.Variants[0], "variant %s of %v", s.Variant, s.Variants)
	hold(present || s.Version == "" && s.Image == "", "not present, but version %s, image %s", s.Version, s.Image)
	hold((len(s.Versions) > 0) == (s.Version != ""), "version %q of %v", s.Version, s.Versions)
	seen := s.Evidence == v1alpha1.EvidenceDirect || s.Evidence == v1alpha1.EvidenceIndirect
	hold(present == seen, "present is %t, evidence %s", present, s.Evidence)

	hold(len(s.Checks) <= 64, "%d checks", len(s.Checks))
	for _, c := range s.Checks {
		hold(camelCase.MatchString(c.Reason), "reason of check %s: %q", c.Name, c.Reason)
		hold(c.Message != "" && len(c.Message) <= msg.MaxCheckMessage, "message of check %s: %q", c.Name, c.Message)
		hold(len(c.Objects) <= check.MaxObjects, "check %s names %d objects", c.Name, len(c.Objects))
		hold(!c.LastTransitionTime.IsZero(), "check %s has no lastTransitionTime", c.Name)
	}
	return out
}

// schemaOf makes a function that tells what the API server would refuse of a status of this CRD.
func schemaOf(t testing.TB, file string) func(status any) field.ErrorList {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", file))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	decode(t, string(raw), &crd)
	var schema apiextensions.JSONSchemaProps
	status := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&status, &schema, nil); err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(&schema)
	if err != nil {
		t.Fatal(err)
	}
	structural, err := structuralschema.NewStructural(&schema)
	if err != nil {
		t.Fatal(err)
	}
	return func(s any) field.ErrorList {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s)
		if err != nil {
			t.Fatal(err)
		}
		path := field.NewPath("status")
		return slices.Concat(validation.ValidateCustomResource(path, object, validator), listtype.ValidateListSetsAndMaps(path, structural, object))
	}
}
