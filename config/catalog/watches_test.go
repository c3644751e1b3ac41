// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
)

// TestWatches: the operator opens 256 watches and polls at most. The shipped mappings leave room for those of a cluster's
// owner.
func TestWatches(t *testing.T) {
	c := load(t, catalog.AKS, catalog.AKSExtras)
	open := sets.New[facts.Need]()
	for _, need := range judge.Compile(&c.Architectures[0], c.Mappings).Needs() {
		if !need.OnDemand() {
			open.Insert(need.Whole()) // what is read of the objects makes no difference
		}
	}
	t.Logf("%d watches and polls", len(open))
	NewWithT(t).Expect(len(open)).To(BeNumerically("<", 200))
}
