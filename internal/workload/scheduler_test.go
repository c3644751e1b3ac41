// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/nodestate"
)

func TestSchedulerText(t *testing.T) {
	for message, want := range map[string]struct {
		mayBeNodes bool
		states     string
	}{
		"0/3 nodes are available: 3 node(s) were unschedulable.":                                                                                                                                 {true, "are cordoned"},
		"0/3 nodes are available: 3 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.":                                                {true, "are cordoned"},
		"0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient memory. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling.":                         {false, "are cordoned"},
		"0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: x.": {true, ""},
		"0/3 nodes are available: 2 node(s) had untolerated taint(s), 1 Too many pods.":                                                                                                          {false, ""},

		// What older schedulers say.
		"0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 2 node(s) had untolerated taint {CriticalAddonsOnly: true}. preemption: 0/3.": {true, "are unreachable"},
		"0/3 nodes are available: 3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.":                                                                                {true, "are not ready"},
		"0/3 nodes are available: 3 node(s) had untolerated taint {node.cloudprovider.kubernetes.io/shutdown: }.":                                                                   {true, "are stopped"},
		"0/2 nodes are available: 1 node(s) had taint {node.kubernetes.io/unreachable: }, that the pod didn't tolerate, 1 node(s) were unschedulable.":                              {true, "are cordoned or are unreachable"},
		"0/3 nodes are available: 3 node(s) had taints that the pod didn't tolerate.":                                                                                               {true, ""},

		// Nodes are there, and the pod is kept from them by what it is.
		"0/3 nodes are available: 3 node(s) had untolerated taint {CriticalAddonsOnly: true}.":                                         {false, ""},
		"0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.":                                                     {false, ""},
		"0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) were unschedulable.":                       {true, "are cordoned"},
		"0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.":               {true, "are cordoned"},
		"0/2 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }, 1 node(s) were unschedulable.": {true, "are cordoned or are under pressure"},
		"0/5 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/5 nodes are available.":              {false, ""},
		"no nodes available to schedule pods": {false, ""},
		"":                                    {false, ""},
		"0/1 nodes are available: ":           {false, ""},
	} {
		t.Run(message, func(t *testing.T) {
			text := parseSchedulerText(message)
			g := NewWithT(t)
			g.Expect(text.mayBeNodes()).To(Equal(want.mayBeNodes))
			g.Expect(nodestate.Describe(text.states)).To(Equal(want.states))
			g.Expect(text.message).NotTo(ContainSubstring("reemption"))
		})
	}
}
