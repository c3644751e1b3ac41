// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package nodestate_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/internal/nodestate"
)

func TestNodeState(t *testing.T) {
	now := time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)
	const day, old, fresh = 24 * time.Hour, 10 * time.Minute, 10*time.Minute - time.Second
	shutdown := []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown"}}
	for _, c := range []struct {
		name    string
		age     time.Duration
		turned  time.Duration // ago; 0 is when it was created
		ready   corev1.ConditionStatus
		reason  string
		taints  []corev1.Taint
		deleted bool

		joining, stopped, leaving, down bool
	}{
		{name: "a ready node", age: old, ready: corev1.ConditionTrue},
		{name: "not ready", age: old, ready: corev1.ConditionFalse, down: true},
		{name: "unreachable", age: old, ready: corev1.ConditionUnknown, down: true},
		{name: "without the condition", age: old, down: true},
		{name: "a node that joins", age: fresh, ready: corev1.ConditionFalse, joining: true},
		{name: "nothing was heard of a new node yet", age: fresh, ready: corev1.ConditionUnknown, reason: "NodeStatusNeverUpdated", joining: true},
		{name: "nothing is heard of a new node any more", age: fresh, ready: corev1.ConditionUnknown, reason: "NodeStatusUnknown", down: true},
		{name: "a new node that is ready", age: fresh, ready: corev1.ConditionTrue, joining: true},
		{name: "stopped on purpose", age: old, ready: corev1.ConditionUnknown, taints: shutdown, stopped: true},
		{name: "the cluster autoscaler removes it", age: old, ready: corev1.ConditionUnknown, taints: []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}, leaving: true},
		{name: "Karpenter removes it", age: old, ready: corev1.ConditionFalse, taints: []corev1.Taint{{Key: "karpenter.sh/disrupted"}}, leaving: true},
		{name: "an older Karpenter removes it", age: old, ready: corev1.ConditionTrue, taints: []corev1.Taint{{Key: "karpenter.sh/disruption"}}, leaving: true},
		{name: "it is being deleted", age: old, ready: corev1.ConditionFalse, deleted: true, leaving: true},
		{name: "it has been leaving for an hour", age: day, turned: time.Hour, ready: corev1.ConditionUnknown, taints: []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}, down: true},
		{name: "it has been leaving for just less", age: day, turned: time.Hour - time.Second, ready: corev1.ConditionUnknown, taints: []corev1.Taint{{Key: "karpenter.sh/disrupted"}}, leaving: true},
		{name: "a finalizer keeps it", age: day, turned: time.Hour, ready: corev1.ConditionFalse, deleted: true, down: true},
		{name: "it drains for long", age: day, turned: 20 * time.Hour, ready: corev1.ConditionTrue, taints: []corev1.Taint{{Key: "karpenter.sh/disrupted"}}, leaving: true},
		{name: "stopped for long", age: day, turned: 20 * time.Hour, ready: corev1.ConditionUnknown, taints: shutdown, stopped: true},
		{name: "cordoned", age: old, ready: corev1.ConditionTrue, taints: []corev1.Taint{{Key: corev1.TaintNodeUnschedulable}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			node := &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-c.age))},
				Spec:       corev1.NodeSpec{Taints: c.taints},
			}
			if c.deleted {
				node.DeletionTimestamp = new(metav1.NewTime(now))
			}
			if c.ready != "" {
				node.Status.Conditions = []corev1.NodeCondition{
					{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse}, {Type: corev1.NodeReady, Status: c.ready, Reason: c.reason}}
				if c.turned > 0 {
					node.Status.Conditions[1].LastTransitionTime = metav1.NewTime(now.Add(-c.turned))
				}
			}
			g.Expect(nodestate.IsJoining(node, now)).To(Equal(c.joining), "joining")
			g.Expect(nodestate.IsStopped(node)).To(Equal(c.stopped), "stopped")
			g.Expect(nodestate.IsLeaving(node, now)).To(Equal(c.leaving), "leaving")
			g.Expect(nodestate.IsDown(node, now)).To(Equal(c.down), "down")
			g.Expect(nodestate.IsReady(node)).To(Equal(c.ready == corev1.ConditionTrue), "ready")
		})
	}
}

// A node that is suspect may lack a pod; one that is not explains nothing.
func TestSuspect(t *testing.T) {
	now := time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)
	node := func(age time.Duration, ready corev1.ConditionStatus, change func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", CreationTimestamp: metav1.NewTime(now.Add(-age))}}
		if ready != "" {
			n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
		}
		if change != nil {
			change(n)
		}
		return n
	}
	taint := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: key}} }
	}
	for name, test := range map[string]struct {
		node *corev1.Node
		want bool
	}{
		"ready for long":      {node(time.Hour, "True", nil), false},
		"just no longer new":  {node(10*time.Minute+time.Second, "True", nil), false},
		"new":                 {node(10*time.Minute, "True", nil), true},
		"not ready":           {node(time.Hour, "False", nil), true},
		"unreachable":         {node(time.Hour, "Unknown", nil), true},
		"without a condition": {node(time.Hour, "", nil), true},
		"cordoned":            {node(time.Hour, "True", func(n *corev1.Node) { n.Spec.Unschedulable = true }), true},
		"stopped":             {node(time.Hour, "True", taint(nodestate.StoppedTaint)), true},
		"leaving":             {node(time.Hour, "True", taint("karpenter.sh/disrupted")), true},
		"with another taint":  {node(time.Hour, "True", taint("sku")), false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, suspect, until := nodestate.Suspect(test.node, now)
			g.Expect(suspect).To(Equal(test.want))
			if until.IsZero() {
				return
			}
			_, suspect, _ = nodestate.Suspect(test.node, until)
			g.Expect(suspect).To(BeFalse(), "it is no longer new then")
		})
	}
}
