// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/snapshot"
)

// However many mappings change, summing them up leaves time for other work.
func TestArchitecturesRest(t *testing.T) {
	g := NewWithT(t)
	scheme := runtime.NewScheme()
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	by := clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC))
	lists, took := 0, 40*time.Millisecond
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks"}}).
		WithInterceptorFuncs(interceptor.Funcs{List: func(
			ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption,
		) error {
			lists++
			by.Step(took) // so many there are
			return c.List(ctx, list, options...)
		}}).Build()
	r := &ArchitectureReconciler{reader: c, engine: engine.Still(snapshot.NewRecord(), false), clock: by, next: map[string]time.Time{}}
	reconcile := func() time.Duration {
		result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: "aks"}})
		g.Expect(err).NotTo(HaveOccurred())
		return result.RequeueAfter
	}
	reconcile()
	g.Expect(reconcile()).To(Equal(160*time.Millisecond), "it comes again when it may")
	g.Expect(lists).To(Equal(1))
	by.Step(160 * time.Millisecond)
	took = time.Second
	reconcile()
	g.Expect(lists).To(Equal(2))
	g.Expect(reconcile()).To(Equal(maxRest))
	g.Expect(c.Delete(t.Context(), &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks"}})).To(Succeed())
	by.Step(time.Minute)
	r.writer = newStatusWriter(c, r.engine, &newListener().transitionRecorder, by)
	reconcile()
	g.Expect(r.next).To(BeEmpty())
}

// A status that can't be written is left to the work queue, which waits longer and longer.
func TestArchitecturesThatCannotBeWritten(t *testing.T) {
	g := NewWithT(t)
	scheme := runtime.NewScheme()
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	by := clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC))
	refusal := errors.New("a webhook says no")
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks"}}).
		WithInterceptorFuncs(interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
				by.Step(time.Second)
				return c.List(ctx, list, options...)
			},
			SubResourceApply: func(context.Context, client.Client, string, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
				return refusal
			},
		}).Build()
	e := engine.Still(snapshot.NewRecord(), false)
	r := &ArchitectureReconciler{reader: c, engine: e, clock: by, next: map[string]time.Time{},
		writer: newStatusWriter(c, e, &newListener().transitionRecorder, by)}
	request := ctrl.Request{NamespacedName: client.ObjectKey{Name: "aks"}}
	_, err := r.Reconcile(t.Context(), request)
	g.Expect(err).NotTo(HaveOccurred(), "it is being evaluated")
	e.EvaluateAll(t.Context())
	for range 3 {
		by.Step(time.Minute)
		_, err = r.Reconcile(t.Context(), request)
		if err != nil {
			break
		}
	}
	g.Expect(err).To(MatchError(refusal))
	_, err = r.Reconcile(t.Context(), request)
	g.Expect(err).To(MatchError(refusal), "at once, if the queue says so")
}
