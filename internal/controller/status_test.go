// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/snapshot"
)

// notebook notes what a statusWriter applies, as JSON.
type notebook struct {
	*statusWriter

	clock   *clocktesting.FakeClock
	applied []string
}

func newNotebook(t *testing.T) *notebook {
	t.Helper()
	l := newListener()
	n := &notebook{clock: l.clock}
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{SubResourceApply: func(
		_ context.Context, _ client.Client, _ string, apply runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption,
	) error {
		raw, err := json.Marshal(apply)
		n.applied = append(n.applied, string(raw))
		return err
	}}).Build()
	n.statusWriter = newStatusWriter(c, engine.Still(snapshot.NewRecord(), false), &l.transitionRecorder, l.clock)
	return n
}

// write has a mapping go from some conditions to others, and returns how often that was applied and when to come again.
func (n *notebook) write(t *testing.T, m *v1alpha1.ComponentMapping, after ...string) (writes int, again time.Duration) {
	t.Helper()
	n.applied = nil
	status := v1alpha1.ComponentMappingStatus{Conditions: conditions(after...)}
	result, err := n.writeMapping(t.Context(), m, status, 0)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	if len(n.applied) > 0 {
		m.Status = status
	}
	return len(n.applied), result.RequeueAfter
}

// That facts are being read is written only where it takes long: what they show is the first that is written.
func TestFirstReadsAreNotWritten(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	observing := "Ready Unknown Observing: check pods: still reading"
	m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "dns", UID: "1"}}
	expect := func(writes int, again time.Duration, after string) {
		t.Helper()
		written, wait := n.write(t, m, after)
		g.Expect(written).To(Equal(writes))
		g.Expect(wait).To(Equal(again))
	}
	expect(0, firstReads, observing)
	n.clock.Step(time.Second)
	expect(0, firstReads-time.Second, observing)
	expect(1, 0, "Ready True Evaluated: all")
	n.clock.Step(time.Minute)
	expect(0, firstReads, observing)
	n.clock.Step(firstReads)
	expect(1, 0, observing)
	expect(0, 0, observing)
	expect(1, 0, "Ready True Evaluated: all")

	expect(0, firstReads, observing)
	n.forget(engine.Key{Kind: mappingKind, Name: "dns"})
	n.clock.Step(firstReads)
	expect(0, firstReads, observing)
}

// What is applied is the status and what names the object, and nothing else.
func TestStatusApply(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "dns", UID: "1", Labels: map[string]string{"a": "b"}}}
	_, _ = n.write(t, m, "Ready True Evaluated: all")
	status, err := json.Marshal(m.Status)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(n.applied).To(HaveExactElements(MatchJSON(`{"apiVersion": "architecture.archmap.dev/v1alpha1", "kind": "ComponentMapping",
		"metadata": {"name": "dns", "uid": "1"}, "status": ` + string(status) + `}`)))

	applied := newStatusApply(engine.Key{Kind: mappingKind, Name: "dns"}, m, &m.Status)
	g.Expect(json.Unmarshal([]byte(`{"metadata": {"name": "dns", "resourceVersion": "7"}, "status": {"message": "other"}}`), applied)).To(Succeed())
	g.Expect(*applied.ResourceVersion).To(Equal("7"), "the next read must not be older")
	g.Expect(m.Status.Message).To(BeEmpty(), "what is shared with others stays as it is")
}
