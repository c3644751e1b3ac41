// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/test/world"
)

// The same fault turns what it must in a cluster of any size, and nothing else.
func TestSizes(t *testing.T) {
	table, err := ReadSizes()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, size := range table.Sizes {
		t.Run(fmt.Sprint(size.Nodes(), " nodes"), func(t *testing.T) {
			g := NewWithT(t)
			w, err := table.World(size)
			g.Expect(err).NotTo(HaveOccurred())
			before, healthy := verdictsOf(g, w), w.Save()
			g.Expect(before.Architecture.Status.Causes).To(BeEmpty(), "nothing is wrong with a cluster of any size")
			for _, f := range table.Faults {
				t.Run(f.Name, func(t *testing.T) {
					g := NewWithT(t)
					w.Restore(healthy)
					after := f.become(g, w)
					got := turnsOf(before, after)
					text, err := yaml.Marshal(got)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(got).To(Equal(f.Expect[strconv.Itoa(size.Nodes())]), "what turns in a cluster of %d nodes:\n%s", size.Nodes(), text)
					g.Expect(unsaid("the architecture", words(after.Architecture), f.Says)).To(BeEmpty())
				})
			}
			w.Restore(healthy)
			w.Advance(time.Minute)
			g.Expect(turnsOf(before, verdictsOf(g, w))).To(Equal(Turns{}), "nothing is left of them")
		})
	}
}

// become breaks a world and returns the verdicts at the end. It is looked at before, too, so that grace periods begin.
func (f *SizedFault) become(g Gomega, w *world.World) *world.Verdicts {
	g.Expect(f.Break.apply(w)).To(Succeed())
	w.Advance(f.After.Duration - longestGrace)
	verdictsOf(g, w)
	w.Advance(longestGrace)
	return verdictsOf(g, w)
}
