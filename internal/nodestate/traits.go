// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package nodestate

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// imageLabel is the label by which AKS names the image of a node; elsewhere the kubelet's word for its operating system must do.
const imageLabel = "kubernetes.azure.com/node-image-version"

// Traits are what nodes may have in common. Each is empty where a node does not tell.
type Traits struct {
	Pool, Image, Kubelet, Zone, Size, OS, Arch string
}

// TraitsOf returns the traits of a node.
func TraitsOf(node *corev1.Node) Traits {
	return Traits{
		Pool: Pool(node), Image: cmp.Or(node.Labels[imageLabel], node.Status.NodeInfo.OSImage), Kubelet: node.Status.NodeInfo.KubeletVersion,
		Zone: node.Labels[corev1.LabelTopologyZone], Size: node.Labels[corev1.LabelInstanceTypeStable],
		OS: node.Labels[corev1.LabelOSStable], Arch: node.Labels[corev1.LabelArchStable],
	}
}

// Alike is nodes that have the same traits.
type Alike struct {
	Traits

	Count int
	// Example is the name of one of them.
	Example string
}

// traits are those that tell something, what can be acted on first.
var traits = []struct {
	name string
	of   func(*Traits) string
	// where says where pods are, with room for the value.
	where string
}{
	{"node pool", func(t *Traits) string { return t.Pool }, "on node pool %s"},
	{"node image", func(t *Traits) string { return t.Image }, "on nodes with image %s"},
	{"kubelet", func(t *Traits) string { return t.Kubelet }, "on nodes with kubelet %s"},
	{"zone", func(t *Traits) string { return t.Zone }, "in zone %s"},
	{"size", func(t *Traits) string { return t.Size }, "on nodes of size %s"},
	{"operating system", func(t *Traits) string { return t.OS }, "on %s nodes"},
	{"architecture", func(t *Traits) string { return t.Arch }, "on %s nodes"},
}

// Common is a trait that bad nodes share.
type Common struct {
	// Trait and Value say which: "zone", "2". They are empty where nothing tells.
	Trait, Value string
	// Others is how many good nodes have it as well.
	Others int

	where string
}

// Where returns "in zone 2", to be said of pods; empty where nothing tells.
func (c Common) Where() string {
	if c.Trait == "" {
		return ""
	}
	return fmt.Sprintf(c.where, c.Value)
}

// String returns "zone 2".
func (c Common) String() string {
	if c.Trait == "" {
		return ""
	}
	return c.Trait + " " + c.Value
}

// coincidence is how likely it may be that as many nodes share a trait by chance, so that it still tells something: with some
// traits to look at, a wrong hint in 20 at most.
const coincidence = 0.01

// CommonOf returns what all bad nodes have in common and good ones have not, or so few that it is no coincidence: of several
// traits the one that fewest good nodes have. Both are counted by their traits. One bad node has nothing in common, and where
// there is no good one nothing can be told.
func CommonOf(bad, good map[Traits]int) Common {
	badNodes, goodNodes := total(bad), total(good)
	var best Common
	if badNodes < 2 || goodNodes == 0 {
		return best
	}
	for _, trait := range traits {
		value, shared := sharedValue(bad, trait.of)
		if !shared {
			continue
		}
		others := 0
		for t, n := range good {
			if trait.of(&t) == value {
				others += n
			}
		}
		if (others == 0 || chance(badNodes, badNodes+others, badNodes+goodNodes) < coincidence) && (best.Trait == "" || others < best.Others) {
			best = Common{Trait: trait.name, Value: value, Others: others, where: trait.where}
		}
	}
	return best
}

// sharedValue is what all of the nodes have for a trait.
func sharedValue(nodes map[Traits]int, of func(*Traits) string) (value string, shared bool) {
	for t := range nodes {
		switch v := of(&t); {
		case v == "":
			return "", false
		case value == "":
			value = v
		case v != value:
			return "", false
		}
	}
	return value, value != ""
}

func total(nodes map[Traits]int) int {
	sum := 0
	for _, n := range nodes {
		sum += n
	}
	return sum
}

// chance is how likely it is that so many nodes out of all of them, taken at random, all have a trait that some have.
func chance(taken, having, all int) float64 {
	p := 1.0
	for i := range taken {
		p *= float64(having-i) / float64(all-i)
	}
	return p
}
