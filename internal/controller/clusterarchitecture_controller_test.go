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

// architectures reconciles one ClusterArchitecture, with a client that is intercepted.
type architectures struct {
	*ArchitectureReconciler

	t     *testing.T
	clock *clocktesting.FakeClock
	// took is how long a list takes, and lists how many there were.
	took  time.Duration
	lists int
}

func newArchitectures(t *testing.T, took time.Duration, apply error) (*architectures, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	l := newListener()
	a := &architectures{t: t, clock: l.clock, took: took}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks"}}).
		WithInterceptorFuncs(interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
				a.lists++
				a.clock.Step(a.took) // so many there are
				return c.List(ctx, list, options...)
			},
			SubResourceApply: func(context.Context, client.Client, string, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
				return apply
			},
		}).Build()
	e := engine.Still(snapshot.NewRecord(), false)
	a.ArchitectureReconciler = &ArchitectureReconciler{reader: c, engine: e, clock: a.clock, next: map[string]time.Time{},
		writer: newStatusWriter(c, e, &l.transitionRecorder, a.clock, &fence{clock: a.clock})}
	return a, c
}

func (a *architectures) reconcile() (again time.Duration, err error) {
	result, err := a.Reconcile(a.t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: "aks"}})
	return result.RequeueAfter, err
}

// However many mappings change, summing them up leaves time for other work.
func TestArchitecturesRest(t *testing.T) {
	g := NewWithT(t)
	a, c := newArchitectures(t, 40*time.Millisecond, nil)
	expect := func(lists int, again time.Duration, why string) {
		t.Helper()
		after, err := a.reconcile()
		g.Expect(err).NotTo(HaveOccurred(), why)
		g.Expect(after).To(Equal(again), why)
		g.Expect(a.lists).To(Equal(lists), why)
	}
	expect(1, 0, "it is being evaluated")
	expect(1, 160*time.Millisecond, "it comes again when it may")
	a.clock.Step(160 * time.Millisecond)
	a.took = time.Second
	expect(2, 0, "it may")
	expect(2, maxRest, "it took long")
	g.Expect(c.Delete(t.Context(), &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks"}})).To(Succeed())
	a.clock.Step(time.Minute)
	expect(2, 0, "it is gone")
	g.Expect(a.next).To(BeEmpty())
}

// A status that can't be written is left to the work queue, which waits longer and longer.
func TestArchitecturesThatCannotBeWritten(t *testing.T) {
	g := NewWithT(t)
	refusal := errors.New("a webhook says no")
	a, _ := newArchitectures(t, time.Second, refusal)
	_, err := a.reconcile()
	g.Expect(err).NotTo(HaveOccurred(), "it is being evaluated")
	a.engine.EvaluateAll(t.Context())
	a.clock.Step(maxRest)
	for range 2 {
		_, err = a.reconcile()
		g.Expect(err).To(MatchError(refusal), "at once, if the queue says so")
	}
}
