// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	. "github.com/onsi/gomega"
)

// A bundle that differed each time would differ in each commit.
func TestABundleOfAnExampleIsAlwaysTheSame(t *testing.T) {
	g := NewWithT(t)
	for _, x := range examples {
		if !x.keep {
			continue
		}
		first, err := x.collect()
		g.Expect(err).NotTo(HaveOccurred())
		second, err := x.collect()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(bytes.Equal(first, second)).To(BeTrue(), "the bundle of %s is the same each time", x.name)
	}
}
