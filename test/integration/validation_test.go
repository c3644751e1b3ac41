// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/mistakes"
)

var _ = Describe("Validation", func() {
	cases := 0
	for _, file := range mistakes.Files() {
		cases += len(file.Cases)

		Describe("of "+file.Path, func() {
			It("accepts the base", func() {
				Expect(tryCreate(file.Base)).To(Succeed())
			})
			for _, mistake := range file.Cases {
				It("refuses "+mistake.Name, func() {
					spoiled, err := mistake.Spoil(file.Base)
					Expect(err).NotTo(HaveOccurred())
					expectComplaints(tryCreate(spoiled), mistake.Want)
				})
			}
		})
	}

	It("is held to at least 40 mistakes", func() {
		Expect(cases).To(BeNumerically(">=", 40))
	})

	for _, path := range glob("testdata/valid/*.yaml") {
		It("accepts "+path, func() {
			Expect(tryCreate(readYAML[json.RawMessage](path))).To(Succeed())
		})
	}

	DescribeTable("says which field does not exist",
		func(patch, field string) {
			object := readYAML[json.RawMessage]("testdata/valid/minimal.yaml")
			err := tryCreate(merge(object, json.RawMessage(patch)))
			Expect(err).To(MatchError(ContainSubstring("unknown field %q", field)))
		},
		Entry("of the spec", `{"spec": {"chekcs": []}}`, "spec.chekcs"),
		Entry("of the implementation", `{"spec": {"implementation": {"method": "DaemonSet"}}}`, "spec.implementation.method"),
		Entry("of a check", `{"spec": {"checks": [{"name": "a", "type": "Endpoint", "interval": "5s"}]}}`, "spec.checks[0].interval"),
		Entry("of a union member", `{"spec": {"checks": [{"name": "a", "type": "Workload", "workload": {"name": "a"}}]}}`,
			"spec.checks[0].workload.name"),
	)

	DescribeTable("accepts mappings of full size",
		func(shared int, variants ...int) {
			Expect(k8sClient.Create(ctx, mappingOfSize(shared, variants...), client.DryRunAll)).To(Succeed())
		},
		Entry("64 checks", 64),
		Entry("48 checks and 16 in a variant", 48, 16),
		Entry("16 variants of 4 checks", 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4),
	)

	DescribeTable("refuses mappings that are too large",
		func(field, words string, shared int, variants ...int) {
			err := k8sClient.Create(ctx, mappingOfSize(shared, variants...), client.DryRunAll)
			expectComplaints(err, map[string]string{field: words})
		},
		Entry("65 checks", "spec.checks", "Too many: 65: must have at most 64 items", 65),
		Entry("49 checks and 16 in a variant", "spec", "checks and the checks of all variants together may not be more than 64", 49, 16),
		Entry("17 checks in a variant", "spec.variants[0].checks", "Too many: 17: must have at most 16 items", 0, 17),
		Entry("17 variants", "spec.variants", "Too many: 17: must have at most 16 items", 0,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
	)

	It("fills in the defaults that the documentation promises", func() {
		mapping := mappingOfSize(0)
		mapping.Spec.Checks = []v1alpha1.Check{
			{Name: "nodes", Type: v1alpha1.CheckNodes, Method: "SystemdService", Nodes: &v1alpha1.NodesCheck{}},
			{Name: "object", Type: v1alpha1.CheckObject, Method: "None",
				Object: &v1alpha1.ObjectCheck{APIVersion: "v1", Kind: "Service"}},
		}
		Expect(k8sClient.Create(ctx, mapping, client.DryRunAll)).To(Succeed())

		Expect(mapping.Spec.Presence).To(Equal(v1alpha1.PresenceRequired))
		Expect(mapping.Spec.Checks[0].Expect).To(Equal(v1alpha1.ExpectPresent))
		Expect(mapping.Spec.Checks[1].Object.Observe).To(Equal(v1alpha1.ObserveWatch))
	})
})

func merge(object, patch json.RawMessage) json.RawMessage {
	GinkgoHelper()
	merged, err := jsonpatch.MergePatch(object, patch)
	Expect(err).NotTo(HaveOccurred())
	return merged
}

// tryCreate asks the API server whether it would accept an object, as strictly as kubectl does.
func tryCreate(manifest json.RawMessage) error {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	Expect(object.UnmarshalJSON(manifest)).To(Succeed())
	strict := client.WithFieldValidation(k8sClient, metav1.FieldValidationStrict)
	return strict.Create(ctx, object, client.DryRunAll)
}

// expectComplaints holds an answer of the API server to a map from fields to words about them.
func expectComplaints(err error, want map[string]string) {
	GinkgoHelper()
	Expect(err).To(MatchError(apierrors.IsInvalid, "IsInvalid"))
	found := complaints(err)
	for field, words := range want {
		Expect(found).To(HaveKeyWithValue(field, ContainSubstring(words)), "%v", err)
	}
	Expect(found).To(HaveLen(len(want)), "%v", err)
}

// complaints maps the fields that the API server complains about to what it says of them.
func complaints(err error) map[string]string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil
	}
	found := map[string]string{}
	for _, cause := range status.Status().Details.Causes {
		// Some mistakes keep the API server from looking for others, and it says so.
		if !strings.Contains(cause.Message, "some validation rules were not checked") {
			found[cause.Field] += cause.Message + "\n"
		}
	}
	return found
}

// mappingOfSize has so many shared checks, and a variant for each further number, with so many checks.
func mappingOfSize(shared int, variants ...int) *v1alpha1.ComponentMapping {
	mapping := &v1alpha1.ComponentMapping{
		ObjectMeta: metav1.ObjectMeta{Name: "large"},
		Spec: v1alpha1.ComponentMappingSpec{
			Component:  "large",
			Category:   v1alpha1.CategoryAddon,
			Placement:  v1alpha1.PlacementCluster,
			OperatedBy: v1alpha1.OperatedByCustomer,
			Implementation: v1alpha1.Implementation{
				Name:    "Large",
				Methods: []v1alpha1.ImplementationMethod{v1alpha1.MethodDeployment},
				Source:  v1alpha1.Source{Name: "example"},
			},
			Checks: checks(shared),
		},
	}
	for i, size := range variants {
		mapping.Spec.Variants = append(mapping.Spec.Variants,
			v1alpha1.Variant{Name: fmt.Sprintf("variant-%d", i), Checks: checks(size)})
	}
	return mapping
}

func checks(n int) []v1alpha1.Check {
	list := make([]v1alpha1.Check, n)
	for i := range list {
		list[i] = v1alpha1.Check{
			Name: fmt.Sprintf("check-%d", i),
			Type: v1alpha1.CheckWorkload,
			Workload: &v1alpha1.WorkloadCheck{
				Kind: v1alpha1.WorkloadDeployment, Namespace: "default", Names: []v1alpha1.ObjectName{"large"},
			},
		}
	}
	return list
}

// glob lists files while the tree of tests is built, where a failure can only be a panic.
func glob(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		panic("no files match " + pattern)
	}
	return paths
}

func readYAML[T any](path string) T {
	var content T
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.UnmarshalStrict(data, &content)
	}
	if err != nil {
		panic(path + ": " + err.Error())
	}
	return content
}
