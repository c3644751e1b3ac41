// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package testbed

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Fault is something that breaks, and the row that shows it.
type Fault struct {
	// Title says what breaks, RepairTitle what fixes it.
	Title, RepairTitle string
	// Mapping is the name of the row, Reason what its condition Healthy then says.
	Mapping, Reason string
	// Message is a part of the condition's message.
	Message string

	Break, Repair func(context.Context) error
}

// Faults returns what the demo breaks, one after the other, as far as the shape has it.
func (b *Testbed) Faults() []Fault {
	const (
		dns       = "coredns"
		scheduler = "kube-scheduler"
	)
	node := b.lastNode()
	return slices.DeleteFunc([]Fault{
		{
			Title: "CoreDNS crash-loops: every pod of its Deployment", RepairTitle: "The pods run again",
			Mapping: dns, Reason: v1alpha1.ReasonCrashLooping, Message: "crashing: container coredns",
			Break:  func(ctx context.Context) error { return b.Simulator.Crash(ctx, metav1.NamespaceSystem, dns) },
			Repair: func(ctx context.Context) error { return b.Simulator.Heal(ctx, metav1.NamespaceSystem, dns) },
		},
		{
			Title: "The hidden scheduler falls silent: its lease is renewed no more", RepairTitle: "The lease is renewed again",
			Mapping: scheduler, Reason: v1alpha1.ReasonLeaseStale, Message: scheduler,
			Break: func(context.Context) error { return b.Simulator.StopLease(metav1.NamespaceSystem, scheduler) },
			Repair: func(context.Context) error {
				b.Simulator.RenewLease(metav1.NamespaceSystem, scheduler)
				return nil
			},
		},
		{
			Title: "The kubelet of " + node + " dies", RepairTitle: "The kubelet is back",
			// The problem detector reports it at once, the node controller some seconds later, the row after its grace period.
			Mapping: "kubelet", Reason: v1alpha1.ReasonNodeFault, Message: node + " (Ready is Unknown",
			Break:  func(ctx context.Context) error { return b.Simulator.StopKubelet(ctx, node) },
			Repair: func(ctx context.Context) error { return b.Simulator.StartKubelet(ctx, node) },
		},
	}, func(f Fault) bool { return b.shape.Expected[f.Mapping].Variants == nil })
}

// ShownBy reports whether a row shows the fault, with its reason and message.
func (f Fault) ShownBy(m *v1alpha1.ComponentMapping) bool {
	healthy := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy)
	return healthy != nil && healthy.Status == metav1.ConditionFalse && healthy.Reason == f.Reason && strings.Contains(healthy.Message, f.Message)
}

// lastNode returns a node of the last pool, which runs only pods of DaemonSets: the consequences of its death are
// easy to predict.
func (b *Testbed) lastNode() string {
	pool := b.shape.NodePools[len(b.shape.NodePools)-1]
	return pool.NodeName(pool.Count - 1)
}

// UntilUnhealthy waits until a row is unhealthy.
func (b *Testbed) UntilUnhealthy(ctx context.Context, mapping string) (*v1alpha1.ComponentMapping, error) {
	return b.UntilMapping(ctx, mapping, "is unhealthy", func(m *v1alpha1.ComponentMapping) bool {
		return meta.IsStatusConditionFalse(m.Status.Conditions, v1alpha1.ConditionHealthy)
	})
}

// UntilBroken waits until the fault's row shows the fault.
func (b *Testbed) UntilBroken(ctx context.Context, fault Fault) (*v1alpha1.ComponentMapping, error) {
	return b.UntilMapping(ctx, fault.Mapping, "is unhealthy, "+fault.Reason, fault.ShownBy)
}

// UntilCounted waits until the architecture counts a row among those that are unhealthy.
func (b *Testbed) UntilCounted(ctx context.Context, mapping string) (*v1alpha1.ClusterArchitecture, error) {
	return b.UntilArchitecture(ctx, "is unhealthy because of "+mapping, func(a *v1alpha1.ClusterArchitecture) bool {
		return meta.IsStatusConditionFalse(a.Status.Conditions, v1alpha1.ConditionHealthy) &&
			slices.ContainsFunc(a.Status.Causes, func(c v1alpha1.Cause) bool { return slices.Contains(c.Components, mapping) })
	})
}

// UntilHealthy waits until a row is healthy.
func (b *Testbed) UntilHealthy(ctx context.Context, mapping string) (*v1alpha1.ComponentMapping, error) {
	return b.UntilMapping(ctx, mapping, "is healthy", func(m *v1alpha1.ComponentMapping) bool {
		return meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionHealthy)
	})
}

// UntilAllHealthy waits until nothing of the architecture is unhealthy, rolls out, or is tolerated.
func (b *Testbed) UntilAllHealthy(ctx context.Context) (*v1alpha1.ClusterArchitecture, error) {
	return b.UntilArchitecture(ctx, "is healthy, and all rollouts are done", func(a *v1alpha1.ClusterArchitecture) bool {
		return meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionHealthy) &&
			!slices.ContainsFunc(a.Status.Components, func(c v1alpha1.ComponentSummary) bool {
				return c.Healthy == metav1.ConditionTrue && c.Reason != ""
			})
	})
}
