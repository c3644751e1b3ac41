// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// An address that a Service brings must not be drawn for another one before, nor a webhook be called for what is applied
// after it.
func TestPhases(t *testing.T) {
	for text, want := range map[string]int{
		"{apiVersion: v1, kind: Namespace}":                                                     phaseHomes,
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition}":                 phaseHomes,
		"{apiVersion: v1, kind: Service, spec: {clusterIP: 10.0.12.81}}":                        phaseAddresses,
		"{apiVersion: v1, kind: Service, spec: {ports: [{port: 443}]}}":                         phaseOthers,
		"{apiVersion: apps/v1, kind: Deployment}":                                               phaseOthers,
		"{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration}":   phaseWebhooks,
		"{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration}":     phaseWebhooks,
		"{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding}": phaseWebhooks,
	} {
		t.Run(text, func(t *testing.T) {
			g := NewWithT(t)
			var o unstructured.Unstructured
			g.Expect(yaml.Unmarshal([]byte(text), &o.Object)).To(Succeed())
			g.Expect(phaseOf(&o)).To(Equal(want))
		})
	}
	NewWithT(t).Expect([]int{phaseHomes, phaseAddresses, phaseOthers, phaseWebhooks}).To(HaveExactElements(0, 1, 2, 3), "they follow each other")
}
