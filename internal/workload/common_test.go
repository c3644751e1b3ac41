// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// inPool returns a node that has been there for long.
func inPool(name, pool, zone, kubelet string) client.Object {
	n := labeled(old(name), map[string]string{"kubernetes.azure.com/agentpool": pool, corev1.LabelTopologyZone: zone, corev1.LabelOSStable: "linux"})
	n.(*corev1.Node).Status.NodeInfo.KubeletVersion = kubelet
	return n
}

// crashingOn returns a pod of a controller that keeps crashing on a node.
func crashingOn(node, kind, owner, hash string) client.Object {
	p := podOf(kind, owner, "web-"+node).(*corev1.Pod)
	p.Spec.NodeName, p.Labels = node, map[string]string{"controller-revision-hash": hash}
	return aged(p, time.Hour)
}

// What the bad pods of a workload have in common is said when its ready pods have it not: where they run, or what.
func TestWhatBadPodsHaveInCommon(t *testing.T) {
	nodes := []client.Object{
		inPool("a1", "a", "1", "v1.35.1"), inPool("a2", "a", "2", "v1.35.1"), inPool("a3", "a", "3", "v1.35.1"),
		inPool("b1", "b", "1", "v1.35.2"), inPool("b2", "b", "2", "v1.35.2"), inPool("c1", "c", "3", "v1.35.2"), inPool("g1", "gpu", "1", "v1.35.1"),
	}
	taint := []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	nodes[6].(*corev1.Node).Spec.Taints = taint
	daemon := func(desired, bad, updated int) client.Object {
		return daemonSet("web", "{selector: {matchLabels: {app: web}}, template: {metadata: {}, spec: {containers: []}}}", fmt.Sprintf(
			"{observedGeneration: 2, desiredNumberScheduled: %d, currentNumberScheduled: %d, updatedNumberScheduled: %d, numberReady: %d, numberAvailable: %d, numberMisscheduled: 0}",
			desired, desired, updated, desired-bad, desired-bad))
	}
	replicas := func(desired, bad, all, updated int) client.Object {
		return deployment("web", fmt.Sprintf("{replicas: %d, selector: {matchLabels: {app: web}}, strategy: {rollingUpdate: {maxUnavailable: 0}}, template: {metadata: {}, spec: {containers: []}}}", desired),
			fmt.Sprintf("{observedGeneration: 2, replicas: %d, updatedReplicas: %d, readyReplicas: %d, availableReplicas: %d}", all, updated, all-bad, all-bad))
	}
	onDaemon := func(hash string, on ...string) (pods []client.Object) {
		for _, n := range on {
			pods = append(pods, crashingOn(n, "DaemonSet", "web", hash))
		}
		return pods
	}
	ofSet := func(set string, on ...string) (pods []client.Object) {
		for _, n := range on {
			pods = append(pods, crashingOn(n, "ReplicaSet", set, ""))
		}
		return pods
	}
	readyOf := func(set string, on ...string) map[facts.PodRevision]int {
		ready := map[facts.PodRevision]int{}
		for _, n := range on {
			CountReady(ready, facts.PodRevision{Namespace: "kube-system", Kind: "ReplicaSet", Name: set}, n)
		}
		return ready
	}
	hashes := func(kind, hash string, count int) map[facts.PodRevision]int {
		return map[facts.PodRevision]int{{Namespace: "kube-system", Kind: kind, Name: "web", Hash: hash}: count}
	}
	for name, test := range map[string]struct {
		workload client.Object
		pods     []client.Object
		ready    map[facts.PodRevision]int
		want     string
	}{
		"all of a DaemonSet in a pool":                      {daemon(6, 3, 6), onDaemon("x", "a1", "a2", "a3"), nil, "all on node pool a"},
		"across pools, of a kubelet":                        {daemon(6, 3, 6), onDaemon("x", "b1", "b2", "c1"), nil, "all on nodes with kubelet v1.35.2"},
		"in a zone":                                         {daemon(6, 2, 6), onDaemon("x", "a1", "b1"), nil, "all in zone 1"}, // no pod may run on the node with the taint
		"one of a DaemonSet":                                {daemon(6, 1, 6), onDaemon("x", "c1"), nil, ""},
		"nothing in common":                                 {daemon(6, 2, 6), onDaemon("x", "a1", "b2"), nil, ""},
		"all pods":                                          {daemon(6, 6, 6), onDaemon("x", "a1", "a2", "a3", "b1", "b2", "c1"), nil, ""},
		"the new pod of a DaemonSet":                        {daemon(6, 1, 1), onDaemon("y", "a1"), hashes("DaemonSet", "x", 5), "of the new revision"},
		"an old pod of a DaemonSet":                         {daemon(6, 1, 5), onDaemon("x", "a1"), hashes("DaemonSet", "y", 5), ""},
		"new pods of which others are ready":                {daemon(6, 1, 2), onDaemon("y", "a1"), hashes("DaemonSet", "y", 1), ""},
		"a Deployment, its ready pods elsewhere":            {replicas(4, 2, 4, 4), ofSet("web-1", "a1", "a2"), readyOf("web-1", "b1", "b2"), "all on node pool a"},
		"a Deployment, ready pods in the same places":       {replicas(4, 2, 4, 4), ofSet("web-1", "a1", "a2"), readyOf("web-1", "a3", "a1"), ""},
		"a Deployment, ready pods of another one elsewhere": {replicas(2, 2, 2, 2), ofSet("web-1", "a1", "a2"), readyOf("other-1", "b1", "b2"), ""},
		"the new pods of a Deployment":                      {replicas(3, 2, 5, 2), ofSet("web-2", "a1", "b1"), readyOf("web-1", "a2", "a3", "b2"), "all of the new revision"},
		"the old pods of a Deployment":                      {replicas(3, 1, 4, 3), ofSet("web-1", "a1"), readyOf("web-2", "a2", "a3", "b2"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := Of(test.workload, &v1alpha1.WorkloadCheck{})
			pods := readPods(test.pods)
			pods.Answer.ReadyPods = test.ready
			d := Diagnose(w, NodesOf(facts.Answer{State: facts.Known, Objects: nodes}, noon), pods, noon)
			g := NewWithT(t)
			g.Expect(d.Causes).To(HaveLen(1), summary(d))
			g.Expect(d.Causes[0].Common).To(Equal(test.want))
			if test.want != "" {
				g.Expect(d.Detail).To(HaveSuffix(", " + test.want))
			}
		})
	}
}

// Of the ready pods of ReplicaSets it is kept where they run, for a few of each.
func TestReadyPodsByNode(t *testing.T) {
	g := NewWithT(t)
	ready := map[facts.PodRevision]int{}
	for i := range 3 * maxPlaces {
		p := podOf("ReplicaSet", "web-1", fmt.Sprint("web-1-", i)).(*corev1.Pod)
		p.Spec.NodeName, p.Status = fmt.Sprint("n", i), corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
		g.Expect(Sift(p, ready, noon)).To(BeFalse())
	}
	of := facts.PodRevision{Namespace: "kube-system", Kind: "ReplicaSet", Name: "web-1"}
	g.Expect(ready).To(HaveLen(1 + maxPlaces))
	g.Expect(ready[of]).To(Equal(3 * maxPlaces))
	going := podOf("ReplicaSet", "web-1", "going").(*corev1.Pod)
	going.DeletionTimestamp = &metav1.Time{Time: noon}
	_, counted := RevisionOf(going)
	g.Expect(counted).To(BeFalse())
}
