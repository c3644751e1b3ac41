// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// What is well in verdicts that nobody keeps is not known to be well; what is bad stays bad.
func TestVerdictOfTheDead(t *testing.T) {
	g := NewWithT(t)
	concerns := func(status metav1.ConditionStatus, stale string) []report.Concern {
		m := v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "coredns"}}
		m.Status.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionPresent, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonObserved},
			{Type: v1alpha1.ConditionHealthy, Status: status, Reason: v1alpha1.ReasonAllChecksPass},
		}
		r := &Result{Report: &report.Report{Mappings: []v1alpha1.ComponentMapping{m}}, Stale: stale}
		return r.Concerns()
	}
	g.Expect(concerns(metav1.ConditionTrue, "")).To(BeEmpty())
	g.Expect(concerns(metav1.ConditionTrue, "the operator died")).To(ConsistOf(report.ConcernUnknown))
	g.Expect(concerns(metav1.ConditionFalse, "the operator died")).To(ConsistOf(report.ConcernUnhealthy, report.ConcernUnknown))
}

// The cluster is evaluated here where the operator is dead or there is none, not where it cannot be told.
func TestNoneAlive(t *testing.T) {
	g := NewWithT(t)
	g.Expect(noneAlive(&Result{}, nil)).To(BeFalse())
	g.Expect(noneAlive(&Result{Stale: "the operator died"}, nil)).To(BeTrue())
	g.Expect(noneAlive(nil, fmt.Errorf("wrapped: %w", noOperatorf("archmap is not installed")))).To(BeTrue())
	g.Expect(noneAlive(nil, errors.New("no answer within 30s"))).To(BeFalse())
}

// Whoever does not heed the context is not waited for.
func TestWithin(t *testing.T) {
	g := NewWithT(t)
	done := make(chan struct{})
	defer close(done)
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(errors.New("no answer within 1s"))
	_, err := Interruptible(ctx, func(context.Context) (int, error) {
		<-done
		return 0, nil
	})
	g.Expect(err).To(MatchError("no answer within 1s"))
}
