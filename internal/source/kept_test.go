// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

func TestChooseArchitecture(t *testing.T) {
	named := func(names ...string) *kept {
		k := &kept{}
		for _, name := range names {
			k.architectures = append(k.architectures, v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		return k
	}
	for name, c := range map[string]struct {
		kept         *kept
		asked, found string
		note         string
		problem      string
	}{
		"none":               {kept: named()},
		"the only one":       {kept: named("gke"), found: "gke"},
		"the shipped one":    {kept: named("zzz", "aks", "aaa"), found: "aks", note: "ClusterArchitecture aks; choose with --architecture: aaa, aks, zzz"},
		"the first by name":  {kept: named("zzz", "bbb"), found: "bbb", note: "ClusterArchitecture bbb; choose with --architecture: bbb, zzz"},
		"the named one":      {kept: named("zzz", "aks"), asked: "zzz", found: "zzz"},
		"one that is not":    {kept: named("zzz", "aks"), asked: "yyy", problem: `no ClusterArchitecture "yyy"; there are: aks, zzz`},
		"one of none at all": {kept: named(), asked: "yyy", problem: `no ClusterArchitecture "yyy", and no other`},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			found, note, err := c.kept.choose(c.asked)
			if c.problem != "" {
				g.Expect(err).To(MatchError(ContainSubstring(c.problem)))
				g.Expect(errors.As(err, &InputError{})).To(BeTrue(), "whoever asked must ask for another")
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(note).To(ContainSubstring(c.note))
			if c.found == "" {
				g.Expect(found).To(BeNil())
				return
			}
			g.Expect(found.Name).To(Equal(c.found))
		})
	}
}

// What only other architectures take in is theirs; what none takes in belongs to each.
func TestMappingsOfArchitecture(t *testing.T) {
	g := NewWithT(t)
	architecture := func(platform string) v1alpha1.ClusterArchitecture {
		a := v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: platform}}
		a.Spec.ComponentSelector = metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.PlatformLabel: platform}}
		return a
	}
	mapping := func(name, platform string) v1alpha1.ComponentMapping {
		return v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.PlatformLabel: platform}}}
	}
	k := &kept{
		architectures: []v1alpha1.ClusterArchitecture{architecture("aks"), architecture("gke")},
		mappings:      []v1alpha1.ComponentMapping{mapping("a", "aks"), mapping("g", "gke"), mapping("o", "own")},
	}
	g.Expect(k.mappingsOf(&k.architectures[0])).To(HaveExactElements(HaveField("Name", "a"), HaveField("Name", "o")))
	g.Expect(k.mappingsOf(&k.architectures[1])).To(HaveExactElements(HaveField("Name", "g"), HaveField("Name", "o")))
	g.Expect(k.mappingsOf(nil)).To(HaveLen(3))
}
