// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// A DaemonSet and a StatefulSet have no deadline for a roll-out: whether it hangs, only their pods tell.
func TestRollOutThatHangs(t *testing.T) {
	const (
		begins  = "DaemonSet kube-system/cns: 2/3 available, 1/3 updated"
		crashed = "; 1 keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (a)"
	)
	nodes := []client.Object{old("a"), old("b"), old("c")}
	dead := []client.Object{old("a"), old("b"), pools()[5]}
	going := pod("cns-0", "a", containerStatuses(crashing))
	going.SetDeletionTimestamp(new(metav1.NewTime(noon)))
	for name, test := range map[string]struct {
		available int
		nodes     []client.Object
		pods      []client.Object
		noPods    facts.State
		want      string
	}{
		"a new pod crashes":                       {2, nodes, []client.Object{newly(pod("cns-0", "a", containerStatuses(crashing)))}, facts.Pending, "True RolloutFailing: " + begins + crashed},
		"its image does not come for ten minutes": {2, nodes, []client.Object{aged(pod("cns-0", "a", containerStatuses(pulling)), 10*time.Minute)}, facts.Pending, "False RolloutStuck: " + begins + "; 1 cannot pull image registry.example/web:v1 for container web: ImagePullBackOff, not found (a)"},
		"a dead node's pod uses up what may be missing": {2, dead, []client.Object{pod("cns-0", "unreachable", containerStatuses(running))}, facts.Pending,
			"True NodesDown: " + begins + "; 1 on nodes that are unreachable (unreachable)"},
		"its pod is starting":                  {2, nodes, []client.Object{newly(pod("cns-0", "a", containerStatuses(creating)))}, facts.Pending, "True Progressing: " + begins},
		"its pod is not ready yet":             {2, nodes, []client.Object{newly(pod("cns-0", "a", containerStatuses(running)))}, facts.Pending, "True Progressing: " + begins},
		"an old pod goes away":                 {2, nodes, []client.Object{going}, facts.Pending, "True Progressing: " + begins},
		"no pod is there just now":             {2, nodes, nil, facts.Pending, "True Progressing: " + begins},
		"its pods cannot be seen":              {2, nodes, nil, facts.NotPermitted, "True Progressing: " + begins},
		"the pod that crashed is ready by now": {3, nodes, []client.Object{pod("cns-0", "a", containerStatuses(crashing))}, facts.Pending, "True Progressing: DaemonSet kube-system/cns: 3/3 available, 1/3 updated"},
	} {
		t.Run(name, func(t *testing.T) {
			workload := cns(3, test.available, "updatedNumberScheduled: 1")
			f := explained(workload, scene{nodes: test.nodes, pods: test.pods, noPods: test.noPods})
			NewWithT(t).Expect(summary(f)).To(Equal(test.want))
		})
	}
	t.Run("of a StatefulSet", func(t *testing.T) {
		web := statefulSet("web", "{replicas: 3, selector: {matchLabels: {app: web}}}",
			"{observedGeneration: 2, replicas: 3, currentRevision: a, updateRevision: b, updatedReplicas: 1, availableReplicas: 2}")
		s := scene{nodes: nodes, pods: []client.Object{pod("web-2", "a", containerStatuses(crashing))}}
		expectWhy(t, explained(web, s), "RolloutStuck: StatefulSet kube-system/web: 2/3 available, 1/3 updated"+crashed)
		s.pods = []client.Object{newly(pod("web-2", "a", containerStatuses(creating)))}
		expectWhy(t, explained(web, s), "Progressing: StatefulSet kube-system/web: 2/3 available, 1/3 updated")
	})
}

// A roll-out that goes on is Progressing all the time, and its pods are asked for less and less often: the numbers
// that move are no news.
func TestRollOutThatGoesOn(t *testing.T) {
	g := NewWithT(t)
	nodes := []client.Object{}
	for i := range 100 {
		nodes = append(nodes, old(fmt.Sprintf("n%02d", i)))
	}
	asked := map[facts.Refresh]bool{}
	for updated := range 100 {
		for _, available := range []int{99, 100} {
			workload := cns(100, available, fmt.Sprintf("updatedNumberScheduled: %d", updated))
			s := scene{nodes: nodes, pods: []client.Object{newly(pod("cns", fmt.Sprintf("n%02d", updated), containerStatuses(creating)))}}
			f := explained(workload, s)
			g.Expect(f.Healthy).To(Equal(v1alpha1.VerdictTrue))
			g.Expect(f.Reason).To(Equal(v1alpha1.ReasonProgressing))
			asked[podsWanted(f)] = true
		}
	}
	g.Expect(asked).To(HaveLen(1))
	for refresh := range asked {
		g.Expect(refresh.Inconclusive).To(BeTrue())
	}

	workload := cns(100, 99, "updatedNumberScheduled: 7")
	stuck := func() facts.Refresh {
		return podsWanted(explained(workload, scene{nodes: nodes, pods: []client.Object{pod("cns", "n07", containerStatuses(crashing))}}))
	}
	before := stuck()
	workload.Status.UpdatedNumberScheduled = 8
	g.Expect(stuck()).NotTo(Equal(before), "when it hangs, whatever moves is news")

	workload = cns(100, 100, "")
	f := explained(workload, scene{nodes: nodes})
	g.Expect(f.Reason).To(Equal(v1alpha1.ReasonHealthy))
	g.Expect(f.Further).To(BeEmpty())
}

// What nobody may look at is told, also when as many pods as that may be missing.
func TestUnreadablePodsAreTold(t *testing.T) {
	g := NewWithT(t)
	dns := deployment("coredns", "{replicas: 2, selector: {matchLabels: {app: web}}, strategy: {rollingUpdate: {maxUnavailable: 1}}}",
		"{observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1}")
	s := scene{nodes: pools(), noPods: facts.NotPermitted}
	g.Expect(summary(explained(dns, s))).To(Equal("True WithinTolerance: Deployment kube-system/coredns: 1/2 available; " +
		"cause unknown: not permitted to read its pods: grant the rule"))
}

// A workload without any pod is not judged before it is known whether they only start.
func TestOutageWaitsForItsPods(t *testing.T) {
	g := NewWithT(t)
	d := diagnosed(web(1, 0), map[facts.Need]facts.Answer{facts.Nodes: {State: facts.Known, Objects: pools()}})
	g.Expect(summary(d)).To(Equal("Unknown NotYetObserved: Deployment kube-system/web: 0/1 available"))
	d = explained(web(1, 0), scene{nodes: pools(), pods: []client.Object{pod("web-0", "n1", containerStatuses(crashing))}})
	g.Expect(d.Reason).To(Equal(v1alpha1.ReasonCrashLooping))
}

// A roll-out cannot replace the pods of nodes that are down: as long as it waits for nothing else, no pods are listed.
func TestRollOutThatWaitsForNodesListsNoPods(t *testing.T) {
	g := NewWithT(t)
	nodes := []client.Object{old("a"), old("b"), aged(nodeWith("z", notReady()), time.Hour)}
	asks := func(updated, available int) bool {
		d := diagnosed(cns(3, available, fmt.Sprintf("updatedNumberScheduled: %d", updated)), map[facts.Need]facts.Answer{
			facts.Nodes: {State: facts.Known, Objects: nodes}})
		return podsWanted(d) != (facts.Refresh{})
	}
	g.Expect(asks(2, 2)).To(BeFalse(), "only the pod of the node that is down is not new")
	g.Expect(asks(1, 2)).To(BeTrue(), "another one is to be replaced")
	g.Expect(asks(2, 1)).To(BeTrue(), "another one is missing")
}

// A DaemonSet that no node matches is idle, also while its controller has yet to see a change.
func TestIdleWhileUnobserved(t *testing.T) {
	d := diagnosed(daemonSet("win", "", "{observedGeneration: 1}"), nil)
	NewWithT(t).Expect(d.Reason).To(Equal(v1alpha1.ReasonIdle))
}
