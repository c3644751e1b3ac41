// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/archmap/archmap/test/shapes"
)

func TestALeaseThatCannotBeRenewedKeepsNoOtherFromIt(t *testing.T) {
	g := NewWithT(t)
	shape := &shapes.Shape{}
	for _, name := range []string{"deleted", "refused", "renewed"} {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("coordination.k8s.io/v1")
		o.SetKind("Lease")
		o.SetNamespace(metav1.NamespaceSystem)
		o.SetName(name)
		shape.Objects = append(shape.Objects, o)
	}
	refused := errors.New("refused")
	s := New(shape)
	defer s.Close()
	s.client = fake.NewClientBuilder().WithObjects(lease("refused"), lease("renewed")).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			if o.GetName() == "refused" {
				return refused
			}
			return c.Patch(ctx, o, patch, options...)
		},
	}).Build()

	g.Expect(s.renewLeases(t.Context())).To(MatchError(refused), "what the API server refuses is told")
	renewed := lease("renewed")
	g.Expect(s.client.Get(t.Context(), client.ObjectKeyFromObject(renewed), renewed)).To(Succeed())
	g.Expect(renewed.Spec.RenewTime).NotTo(BeNil(), "the leases after it are renewed")

	s.silent.Insert(client.ObjectKeyFromObject(lease("refused")))
	g.Expect(s.renewLeases(t.Context())).To(Succeed(), "a lease that was deleted is no error")
}

func lease(name string) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name}}
}
