// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
)

// replicaSet of the Deployment coredns.
func replicaSet(image string, replicas, ready int32) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		TypeMeta: metav1.TypeMeta{Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: fmt.Sprintf("coredns-%s", image),
			OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "coredns", Controller: new(true)}}},
		Spec: appsv1.ReplicaSetSpec{Template: running([]string{image})}, Status: appsv1.ReplicaSetStatus{Replicas: replicas, ReadyReplicas: ready},
	}
}

// updating is a CoreDNS of 4 pods that are being replaced by ones of v1.13.0.
func updating(paused bool, sets ...*appsv1.ReplicaSet) cluster {
	d := deployment("coredns", 4, 4, "r/coredns:v1.13.0")
	d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Spec.Paused = 1, 4, paused
	c := with(d)
	for _, rs := range sets {
		c.objects = append(c.objects, rs)
	}
	return c
}

// A roll-out shows the old version and the new one, typed and for people, and is no difference from the documentation.
func TestVersionsOfRollOut(t *testing.T) {
	sets := []*appsv1.ReplicaSet{replicaSet("r/coredns:v1.11.1", 3, 3), replicaSet("r/coredns:v1.13.0", 2, 0)}
	for _, c := range []mappingCase{{
		name: "two minor versions for a while", spec: checks(dns), cluster: updating(false, sets...),
		present: "True Observed", healthy: "True Progressing", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1.11.1 (3), v1.13.0 (0 of 2 ready)"))
			g.Expect(s.Versions).To(Equal([]v1alpha1.VersionCount{
				{Version: "v1.11.1", Count: 3, Ready: new(int32(3))}, {Version: "v1.13.0", Count: 2, Ready: new(int32(0))}}))
			g.Expect(checkNamed("coredns", s).Version).To(Equal(s.Version))
			g.Expect(s.Image).To(Equal("r/coredns"))
		},
	}, {
		name: "a roll-out of the same version", spec: checks(dns),
		cluster: updating(false, replicaSet("old/coredns:v1.13.0", 3, 3), replicaSet("r/coredns:v1.13.0", 2, 0)),
		present: "True Observed", healthy: "True Progressing", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1.13.0"))
			g.Expect(s.Versions).To(Equal([]v1alpha1.VersionCount{{Version: "v1.13.0", Count: 5}}), "ready is told of several versions only")
			g.Expect(s.Image).To(Equal("old/coredns, r/coredns"))
		},
	}, {
		name: "paused half-way, which lasts", spec: checks(dns), cluster: updating(true, sets...),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False VersionSkew",
		says: "several minor versions are in use at once: v1.11.1 (3), v1.13.0 (2)",
	}, {
		name: "ReplicaSets may not be read", spec: checks(dns), cluster: updating(false, sets...).hidden(facts.NotPermitted, "ReplicaSet kube-system"),
		present: "True Observed", healthy: "True Progressing", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Versions).To(Equal([]v1alpha1.VersionCount{{Version: "v1.13.0", Count: 1}}), "what is certain")
			g.Expect(checkNamed("coredns", s).Message).To(HaveSuffix("version of 3 pods unknown: not permitted to read its ReplicaSets: as the test has it"))
		},
	}} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

// After a restart in the middle of a roll-out the status stays as it was until it is read which versions run.
func TestVersionsWhileTheyAreRead(t *testing.T) {
	g := NewWithT(t)
	c := updating(false, replicaSet("r/coredns:v1.11.1", 3, 3), replicaSet("r/coredns:v1.13.0", 2, 2))
	m := newMapping(t, checks(dns))
	m.Status, _ = assess.Mapping(m, evaluate(t, m, c, start), start)
	g.Expect(m.Status.Version).To(Equal("v1.11.1 (3), v1.13.0 (2)"))
	before := *m.Status.DeepCopy()
	later := start.Add(time.Hour)
	m.Status, _ = assess.Mapping(m, evaluate(t, m, c.hidden(facts.Pending, "ReplicaSet kube-system"), later), later)
	g.Expect(m.Status).To(Equal(before))
}
