// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/workload"
)

const discovery = "{type: Workload, workload: {kind: Deployment, namespace: kube-system, namePrefix: istiod-, container: discovery}}"

// rollingOut is a Deployment that wants 2 pods, and has one more of which the last is new.
func rollingOut(name, image string) client.Object {
	return deployment(name, "{replicas: 2, "+strings.TrimPrefix(containers("discovery", image), "{"), "{observedGeneration: 2, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2}")
}

func replicaSet(of, hash, image string, replicas, ready int) client.Object {
	rs := decode[*appsv1.ReplicaSet](metadata("kube-system", of+"-"+hash) + part("spec", containers("discovery", image)) +
		part("status", fmt.Sprintf("{replicas: %d, readyReplicas: %d}", replicas, ready)))
	rs.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", Name: of, Controller: new(true)}}
	return rs
}

// What several workloads of a check run is put together.
func TestVersionsOfSeveralWorkloads(t *testing.T) {
	g := NewWithT(t)
	c := newCheck(discovery)
	steady := deployment("istiod-1-28", "{replicas: 2, "+strings.TrimPrefix(containers("discovery", "r/istio/pilot:1.28.3"), "{"),
		"{observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}")
	given := seeing(c, steady, rollingOut("istiod-1-29", "new/istio/pilot:1.29.2"))
	sets := workload.RevisionsNeed(v1alpha1.WorkloadDeployment, "kube-system")

	f := c.Evaluate(given)
	g.Expect(f.VersionsPending).To(BeTrue())
	g.Expect(facts.NeedsOf(f.Further)).To(ContainElement(sets))
	g.Expect(c.AllNeeds()).To(ContainElement(sets), "known before anything was seen")
	for _, need := range facts.NeedsOf(f.Further) {
		given.Answers[need] = facts.Answer{State: facts.Known}
	}

	given.Answers[sets] = facts.Answer{State: facts.Known, Objects: []client.Object{
		replicaSet("istiod-1-28", "a", "r/istio/pilot:1.28.3", 2, 2),
		replicaSet("istiod-1-29", "a", "r/istio/pilot:1.28.3", 1, 1), replicaSet("istiod-1-29", "b", "new/istio/pilot:1.29.2", 1, 0),
		replicaSet("istiod-1-29", "c", "old/istio/pilot:1.29.2", 1, 1)}}
	f = c.Evaluate(given)
	g.Expect(f.VersionsPending).To(BeFalse())
	g.Expect(f.RollingOut).To(BeTrue())
	g.Expect(f.Versions).To(Equal([]VersionCount{{"1.28.3", 3, nil}, {"1.29.2", 2, new(int32(1))}}), "how many are ready is not known of the steady ones")
	g.Expect(FormatVersions(f.Versions)).To(Equal("1.28.3 (3), 1.29.2 (1 of 2 ready)"))
	g.Expect(f.Images).To(Equal([]string{"new/istio/pilot", "old/istio/pilot", "r/istio/pilot"}))
	g.Expect(told(f)).To(Equal("True/True Progressing: Deployment kube-system/istiod-1-29: 2/2 available, 1/2 updated"))

	given.Answers[sets] = facts.Answer{State: facts.NotPermitted, Message: "grant it"}
	f = c.Evaluate(given)
	g.Expect(f.VersionsPending).To(BeFalse())
	g.Expect(FormatVersions(f.Versions)).To(Equal("1.28.3 (2), 1.29.2 (1)"))
	g.Expect(told(f)).To(Equal("True/True Progressing: Deployment kube-system/istiod-1-29: 2/2 available, 1/2 updated; " +
		"version of 2 pods unknown: not permitted to read its ReplicaSets: grant it"))

	g.Expect(facts.NeedsOf(c.Evaluate(seeing(c, steady)).Further)).To(BeEmpty(), "a steady state asks for nothing")
	without := newCheck(strings.ReplaceAll(discovery, ", container: discovery", ""))
	g.Expect(without.AllNeeds()).NotTo(ContainElement(sets), "without a container there is no version")
	g.Expect(facts.NeedsOf(without.Evaluate(seeing(without, rollingOut("istiod-1", "r/a:v1"))).Further)).NotTo(ContainElement(sets))
}

func TestAddVersions(t *testing.T) {
	g := NewWithT(t)
	g.Expect(AddVersions([]VersionCount{{"v2", 2, new(int32(0))}, {"", 9, nil}, {"v1", 1, new(int32(1))}, {"v2", 3, new(int32(3))}})).To(Equal(
		[]VersionCount{{"v2", 5, new(int32(3))}, {"v1", 1, new(int32(1))}}))
	for want, versions := range map[string][]VersionCount{
		"":                                  {},
		"v1":                                {{"v1", 3, new(int32(0))}},
		"v1 (2), v2 (0 of 2 ready)":         {{"v1", 2, new(int32(2))}, {"v2", 2, new(int32(0))}},
		"v1 (1), v2 (1)":                    {{"v1", 1, nil}, {"v2", 1, nil}},
		"v1 (4), v2 (3), v3 (2) and 1 more": {{"v1", 4, nil}, {"v2", 3, nil}, {"v3", 2, nil}, {"v4", 1, nil}},
	} {
		g.Expect(FormatVersions(versions)).To(Equal(want))
	}
}
