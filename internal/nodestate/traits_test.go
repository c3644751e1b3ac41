// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package nodestate_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/nodestate"
)

// What bad nodes have in common is told when good ones have it not, or so few that it is no coincidence; of several traits
// the one that tells most.
func TestCommonOf(t *testing.T) {
	type traits = map[nodestate.Traits]int
	of := func(pool, zone, kubelet string) nodestate.Traits {
		return nodestate.Traits{Pool: pool, Zone: zone, Kubelet: kubelet, OS: "linux"}
	}
	for name, test := range map[string]struct {
		bad, good traits
		want      string
		others    int
	}{
		"nothing is bad":                         {traits{}, traits{of("a", "1", "x"): 3}, "", 0},
		"one node":                               {traits{of("b", "1", "x"): 1}, traits{of("a", "1", "x"): 3}, "", 0},
		"no good node":                           {traits{of("a", "1", "x"): 3}, traits{}, "", 0},
		"good ones have it, too":                 {traits{of("a", "1", "x"): 2}, traits{of("a", "1", "x"): 4}, "", 0},
		"nearly all good ones have it":           {traits{of("a", "1", "x"): 4}, traits{of("a", "1", "x"): 95, of("b", "1", "x"): 1}, "", 0},
		"only they have it":                      {traits{of("a", "1", "x"): 2, of("a", "2", "x"): 1}, traits{of("b", "1", "x"): 4}, "node pool a", 0},
		"of several the one that is said first":  {traits{of("a", "2", "y"): 2}, traits{of("b", "1", "x"): 4}, "node pool a", 0},
		"of several the one that fewest have":    {traits{of("a", "1", "y"): 4}, traits{of("a", "1", "x"): 1, of("b", "2", "x"): 95}, "kubelet y", 0},
		"across pools":                           {traits{of("a", "1", "y"): 1, of("b", "2", "y"): 1}, traits{of("a", "1", "x"): 4}, "kubelet y", 0},
		"a zone in which others are well":        {traits{of("a", "2", "x"): 8}, traits{of("a", "1", "x"): 20, of("a", "2", "x"): 2, of("a", "3", "x"): 10}, "zone 2", 2},
		"a zone in which they may be by chance":  {traits{of("a", "2", "x"): 3}, traits{of("a", "1", "x"): 10, of("a", "2", "x"): 7, of("a", "3", "x"): 10}, "", 0},
		"what a node does not tell is no trait":  {traits{of("", "", "x"): 3}, traits{of("a", "1", "x"): 3}, "", 0},
		"different ones have nothing in common":  {traits{of("a", "1", "x"): 1, of("b", "2", "x"): 1}, traits{of("c", "3", "x"): 9}, "", 0},
		"three of 5,000 in a pool of three":      {traits{of("c", "1", "x"): 3}, traits{of("a", "1", "x"): 4997}, "node pool c", 0},
		"three of 5,000 in a pool of 250 others": {traits{of("c", "1", "x"): 3}, traits{of("c", "1", "x"): 250, of("a", "1", "x"): 4747}, "node pool c", 250},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := nodestate.CommonOf(test.bad, test.good)
			g.Expect(got.String()).To(Equal(test.want))
			g.Expect(got.Others).To(Equal(test.others))
			if test.want == "" {
				g.Expect(got.Where()).To(BeEmpty())
			} else {
				g.Expect(got.Where()).To(ContainSubstring(got.Value))
			}
		})
	}
}
