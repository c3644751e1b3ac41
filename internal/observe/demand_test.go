// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// explainer observes pods by a clock that the test turns, and counts how often they are listed.
type explainer struct {
	*observer

	listed atomic.Int64
	broken atomic.Bool
}

// explaining runs a test of pods that are read on demand.
func explaining(t *testing.T, test func(e *explainer)) {
	kube := kubefake.NewClientset()
	kube.Resources = []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "pods", Kind: "Pod", Namespaced: true, Verbs: metav1.Verbs{"list"}}}}}
	kube.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	e := &explainer{}
	reader := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			e.listed.Add(1)
			if e.broken.Load() {
				return errors.New("the network is down")
			}
			return c.List(ctx, list, opts...)
		},
	}).Build()
	inBubble(t, Options{}, &api{reader: reader, kube: kube, now: time.Now}, (*source).run, func(o *observer) {
		e.observer = o
		o.start()
		test(e)
	})
}

// pods is the need for the pods of a workload.
var pods = facts.Need{Kind: facts.PodKind, Namespace: "a", Interval: facts.DefaultInterval}

// want asks for the pods at a revision.
func (e *explainer) want(revision uint64, inconclusive bool) {
	e.sources.Want(pods)
	e.sources.Demand(facts.Demand{Need: pods, Refresh: facts.Refresh{Revision: revision, Inconclusive: inconclusive}})
}

// expectLists waits until nothing moves, and sees how often the pods were listed.
func (e *explainer) expectLists(n int64, why string) {
	e.t.Helper()
	synctest.Wait()
	e.g.Expect(e.listed.Load()).To(Equal(n), why)
}

func TestPodsAreReadOncePerRevision(t *testing.T) {
	explaining(t, func(e *explainer) {
		e.want(1, false)
		e.expectLists(1, "first")
		e.pass(lastingPause - time.Second)
		e.want(1, false)
		e.expectLists(1, "nothing has changed")
		e.want(2, false)
		e.expectLists(2, "something has changed")

		e.want(3, false)
		e.expectLists(2, "the last time was just now")
		e.pass(29 * time.Second)
		e.expectLists(2, "the last time was 29 seconds ago")
		e.pass(time.Second)
		e.expectLists(3, "the last time was 30 seconds ago")

		e.want(4, false)
		e.want(3, false)
		e.pass(30 * time.Second)
		e.expectLists(4, "what turns back may have other pods")
	})
}

func TestPodsAreReadLessAndLessOften(t *testing.T) {
	explaining(t, func(e *explainer) {
		e.want(1, true)
		e.expectLists(1, "first")
		lists := int64(1)
		for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
			e.pass(pause - time.Second)
			e.expectLists(lists, "not yet")
			e.pass(pause/5 + 2*time.Second) // the pause varies by a fifth
			lists++
			e.expectLists(lists, "after "+pause.String())
		}
		e.want(1, false)
		e.pass(lastingPause - time.Second)
		e.expectLists(lists, "the last answer says enough")
		e.want(1, true)
		e.expectLists(lists+1, "it no longer does")

		e.want(2, true)
		e.pass(30 * time.Second)
		e.expectLists(lists+2, "another revision")
		e.pass(36 * time.Second)
		e.expectLists(lists+3, "begins anew")
	})
}

func TestPodsAreNotReadTwiceInTurnWhenNobodyWantedThemBetween(t *testing.T) {
	explaining(t, func(e *explainer) {
		e.want(1, false)
		e.expectLists(1, "first")
		e.sources.Drop(pods)
		e.want(1, false)
		e.expectLists(1, "just now")
		e.pass(30 * time.Second)
		e.expectLists(2, "in turn")
	})
}

func TestPodsAreReadAgainWhenReadingFails(t *testing.T) {
	explaining(t, func(e *explainer) {
		e.broken.Store(true)
		e.want(1, false)
		e.expectLists(1, "it fails")
		e.broken.Store(false)
		e.pass(30 * time.Second)
		e.expectLists(2, "it is tried again")
		e.pass(lastingPause - time.Second)
		e.expectLists(2, "it has succeeded")
	})
}

// Why an image does not arrive, or how often a program has crashed, changes while the workload's numbers stay.
func TestPodsAreReadAgainWhileWhatTheyExplainLasts(t *testing.T) {
	explaining(t, func(e *explainer) {
		e.want(1, false)
		for n := range int64(4) {
			e.expectLists(n+1, "not yet")
			e.pass(lastingPause - time.Second)
			e.expectLists(n+1, "not before 10 minutes")
			e.pass(lastingPause/5 + 2*time.Second) // the pause varies by a fifth
		}
		e.expectLists(5, "after 40 minutes")
		e.want(1, true)
		e.pass(38 * time.Second)
		e.expectLists(6, "it no longer says enough, which is soon looked after")
		e.sources.Drop(pods)
		e.clock.Step(time.Hour)
		e.expectLists(6, "what is well is not explained")
	})
}

// However much is watched, there is room to explain it.
func TestPodsHaveRoom(t *testing.T) {
	explaining(t, func(e *explainer) {
		e.sources.options.MaxSources = 0
		e.want(1, false)
		e.expectLists(1, "the limit is reached")
	})
}

// What tells which versions run, and events, are read as pods are, not polled.
func TestRevisionsAreReadOnDemand(t *testing.T) {
	g := NewWithT(t)
	for kind, onDemand := range map[schema.GroupVersionKind]bool{
		facts.PodKind: true, facts.ReplicaSetKind: true, facts.ControllerRevisionKind: true, facts.EventKind: true, facts.Nodes.Kind: false,
	} {
		g.Expect(facts.Need{Kind: kind, Interval: facts.DefaultInterval}.OnDemand()).To(Equal(onDemand), kind.Kind)
	}
}

// Only pods that explain something are held, and of those only what does.
func TestPodsAreTrimmed(t *testing.T) {
	g := NewWithT(t)
	home := &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
		{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"n"}}}}}}
	owners := []metav1.OwnerReference{{Kind: "DaemonSet", Name: "a", Controller: new(true)}}
	trimmed, err := trim.Func(facts.PodKind)(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"a": "b"}, OwnerReferences: owners},
		Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "a"}}, Affinity: &corev1.Affinity{
			PodAntiAffinity: &corev1.PodAntiAffinity{}, NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: home}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(trimmed).To(Equal(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"a": "b"}, OwnerReferences: owners},
		Spec: corev1.PodSpec{NodeName: "n", Affinity: &corev1.Affinity{
			NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: home}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}))
}
