// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Nodes of several pools are one group only where more than their number shows that they have the same cause; what nodes have
// in common is told only where others have it not.
func TestNodeGroups(t *testing.T) {
	count := 0
	of := func(pool, zone, image string, down time.Duration) *corev1.Node {
		count++
		status := corev1.ConditionTrue
		if down > 0 {
			status = corev1.ConditionUnknown
		}
		n := node(fmt.Sprintf("%s%d", pool, count), status, map[string]string{
			"aks": "here", "kubernetes.azure.com/agentpool": pool, corev1.LabelTopologyZone: zone, "image": image, corev1.LabelOSStable: "linux"})
		n.CreationTimestamp = metav1.NewTime(start.Add(-24 * time.Hour))
		n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(start.Add(-down))
		return n
	}
	cordon := func(n *corev1.Node) *corev1.Node {
		n.Spec.Unschedulable = true
		return n
	}
	const hour, now = time.Hour, 0
	for name, test := range map[string]struct {
		nodes []object
		want  []string
	}{
		"none": {[]object{of("a", "1", "x", now)}, nil},
		"one of a pool has nothing in common with itself": {[]object{of("a", "1", "x", hour), of("a", "2", "y", now)}, []string{"[a] 1/2 "}},
		"two of a pool, in one zone":                      {[]object{of("a", "1", "x", hour), of("a", "1", "x", hour), of("a", "2", "x", now)}, []string{"[a] 2/3 zone 1"}},
		"two of a pool, with one image":                   {[]object{of("a", "1", "y", hour), of("a", "2", "y", hour), of("b", "1", "x", now)}, []string{"[a] 2/2 node image y"}},
		"others have it, too":                             {[]object{of("a", "1", "x", hour), of("a", "1", "x", hour), of("b", "1", "x", now)}, []string{"[a] 2/2 "}},
		"two pools at the same time, and nothing else":    {[]object{of("a", "1", "x", hour), of("b", "2", "x", hour), of("c", "1", "x", now), of("c", "2", "x", now)}, []string{"[a] 1/1 ", "[b] 1/1 "}},
		"two pools at the same time in one zone":          {[]object{of("a", "1", "x", hour), of("b", "1", "x", hour+time.Minute), of("c", "2", "x", now)}, []string{"[a b] 2/2 zone 1"}},
		"two pools in one zone, at other times":           {[]object{of("a", "1", "x", hour), of("b", "1", "x", 2*hour), of("c", "2", "x", now)}, []string{"[a] 1/1 ", "[b] 1/1 "}},
		"three pools at the same time":                    {[]object{of("a", "1", "x", hour), of("b", "2", "x", hour), of("c", "1", "x", hour), of("c", "2", "x", now)}, []string{"[a b c] 3/4 "}},
		"all nodes":                                       {[]object{of("a", "1", "x", hour), of("b", "2", "x", 2*hour)}, []string{"[a b] 2/2 "}},
		"cordoned pools":                                  {[]object{cordon(of("a", "1", "x", now)), cordon(of("b", "2", "x", now)), of("c", "1", "x", now), of("c", "2", "x", now)}, []string{"[a b] 2/2 "}},
		"a cordoned pool and one that is down":            {[]object{cordon(of("a", "1", "x", now)), of("b", "2", "x", hour), of("c", "1", "x", now), of("c", "2", "x", now)}, []string{"[a] 1/1 ", "[b] 1/1 "}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, g := range view(t, "nodeImageLabel: image", with(test.nodes...)).NodeGroups {
				got = append(got, fmt.Sprintf("%v %d/%d %s", g.Pools, g.Down.Count+g.Cordoned.Count, g.Nodes, g.Common.String()))
			}
			NewWithT(t).Expect(got).To(Equal(test.want))
		})
	}
}
