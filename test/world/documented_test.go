// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/test/shapes"
)

// TestNoNews: no healthy AKS cluster differs from its documentation in a way that the catalog does not explain, and each
// Correction that claims to explain a difference explains one that some cluster shows.
func TestNoNews(t *testing.T) {
	g := NewWithT(t)
	claimed, explained := map[string]bool{}, map[string]bool{}
	for _, name := range shapes.Names() {
		_, _, verdicts := recovered(g, name)
		aks := meta.IsStatusConditionTrue(verdicts.Architecture.Status.Conditions, v1alpha1.ConditionPlatformDetected)
		for row, m := range verdicts.Mappings {
			for _, a := range m.Spec.Implementation.Advisories {
				for _, t := range a.Explains {
					claimed[row+" "+string(t)+": "+a.Message] = true
				}
			}
			for _, d := range m.Status.Differences {
				if aks {
					g.Expect(d.Correction).NotTo(BeEmpty(), "every difference of a healthy AKS cluster is known: %s of %s [%s]: %s", row, name,
						strings.Join(m.Status.Variants, ", "), catalog.DescribeDifference(d))
				}
				explained[row+" "+string(d.Type)+": "+d.Correction] = true
			}
		}
	}
	for claim := range claimed {
		g.Expect(explained).To(HaveKey(claim), "what a Correction explains is a difference that some cluster shows")
	}
}
