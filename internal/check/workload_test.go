// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/workload"
)

// On some clusters a DaemonSet is split into one for each size of node: together they are the component.
func TestWorkloadFamily(t *testing.T) {
	const (
		idle     = "{observedGeneration: 2}"
		healthy  = "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}"
		rolling  = "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}"
		broken   = "{observedGeneration: 2, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1}"
		prefixed = "DaemonSet kube-system/ama-logs-"
	)
	for name, test := range map[string]struct {
		statuses map[string]string
		want     string
		objects  []string
	}{
		"some idle": {
			map[string]string{"xs": idle, "s": healthy, "m": idle},
			"True/True Healthy: " + prefixed + "s: 3/3 available",
			[]string{"ama-logs-s", "ama-logs-m", "ama-logs-xs"},
		},
		"all idle": {
			map[string]string{"xs": idle, "s": idle},
			"True/NotAssessed Idle: " + prefixed + "s: idle (0 pods desired); " + prefixed + "xs: idle (0 pods desired)",
			[]string{"ama-logs-s", "ama-logs-xs"},
		},
		"one broken": {
			map[string]string{"xs": idle, "s": healthy, "m": broken, "l": rolling},
			"True/False WorkloadUnavailable: " + prefixed + "m: 1/2 available",
			[]string{"ama-logs-m", "ama-logs-l", "ama-logs-s", "ama-logs-xs"},
		},
		"one rolling out": {
			map[string]string{"xs": idle, "l": healthy, "s": rolling},
			"True/True Progressing: " + prefixed + "s: 2/3 available, 1/3 updated",
			[]string{"ama-logs-s", "ama-logs-l", "ama-logs-xs"},
		},
		"four broken": {
			map[string]string{"xs": broken, "s": broken, "m": broken, "l": broken},
			"True/False WorkloadUnavailable: " + prefixed + "l: 1/2 available; " + prefixed + "m: 1/2 available; " +
				prefixed + "s: 1/2 available and 1 more",
			[]string{"ama-logs-l", "ama-logs-m", "ama-logs-s", "ama-logs-xs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, namePrefix: ama-logs-}}")
			var family []client.Object
			for size, status := range test.statuses {
				family = append(family, daemonSet("ama-logs-"+size, "", status))
			}
			f := evaluated(c, seeing(c, family...))
			g := NewWithT(t)
			g.Expect(told(f)).To(Equal(test.want))
			g.Expect(objectNames(f)).To(Equal(test.objects))
			g.Expect(f.ObjectCount).To(Equal(len(test.objects)))
		})
	}
}

// A roll-out that is stuck is bad, pods that are missing are worse: that is the reason, and both are told.
func TestWorkloadFamilyBrokenInTwoWays(t *testing.T) {
	c := newCheck("{type: Workload, workload: {kind: Deployment, namespace: kube-system, namePrefix: keda-}}")
	expectTold(t, c, seeing(c,
		deployment("keda-a-stuck", "{replicas: 2}", `{observedGeneration: 2, updatedReplicas: 1, availableReplicas: 2,
			conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: timed out}]}`),
		deployment("keda-b-down", "{replicas: 1}", "{observedGeneration: 2, replicas: 1, updatedReplicas: 1}"),
	), "True/False WorkloadUnavailable: Deployment kube-system/keda-b-down: 0/1 available; "+
		"Deployment kube-system/keda-a-stuck: 2/2 available, 1/2 updated: timed out")
}

func TestWorkloadFilters(t *testing.T) {
	app := func(name, image string, labels map[string]string) client.Object {
		return labeled(deployment(name, containers("main", image, "proxy", "registry.example:5000/oss/kubernetes/pause:3.6"), ""), labels)
	}
	all := []client.Object{
		app("istiod", "docker.io/istio/pilot:1.24.0", map[string]string{"app": "istiod"}),
		app("istiod-asm-1-24", "mcr.microsoft.com/oss/istio/pilot:1.24.3-distroless", map[string]string{"app": "istiod", "managedby": "aks"}),
		app("istiod-asm-1-25", "mcr.microsoft.com/oss/v2/istio/pilot:1.25.1", map[string]string{"app": "istiod", "managedby": "aks"}),
		app("pilot", "mcr.microsoft.com/oss/istio/autopilot:1", nil),
	}
	for name, test := range map[string]struct {
		workload string
		found    []string
		absent   string
	}{
		"names":        {workload: "names: [istiod, pilot, nobody]", found: []string{"istiod", "pilot"}},
		"names, none":  {workload: "names: [nobody, nowhere]", absent: "no Deployment kube-system/nobody|nowhere"},
		"prefix":       {workload: "namePrefix: istiod-asm-", found: []string{"istiod-asm-1-24", "istiod-asm-1-25"}},
		"prefix, none": {workload: "namePrefix: asm-", absent: "no Deployment kube-system/asm-*"},
		"selector":     {workload: "selector: {matchLabels: {app: istiod}}", found: []string{"istiod", "istiod-asm-1-24", "istiod-asm-1-25"}},
		"not labeled":  {workload: "selector: {matchExpressions: [{key: managedby, operator: DoesNotExist}]}", found: []string{"istiod", "pilot"}},
		"selector, none": {
			workload: "selector: {matchLabels: {app: envoy}}", absent: "no Deployment in kube-system with labels app=envoy",
		},
		"names and selector": {workload: "names: [istiod, istiod-asm-1-24], selector: {matchLabels: {managedby: aks}}", found: []string{"istiod-asm-1-24"}},
		"prefix and selector, none": {
			workload: "namePrefix: istiod, selector: {matchLabels: {managedby: eks}}", absent: "no Deployment kube-system/istiod* with labels managedby=eks",
		},
		"end of an image path":            {workload: "selector: {matchLabels: {managedby: aks}}, imagePath: oss/istio/pilot", found: []string{"istiod-asm-1-24"}},
		"whole parts of an image path":    {workload: "namePrefix: p, imagePath: pilot", absent: "no Deployment kube-system/p* with image pilot"},
		"image of any container":          {workload: "namePrefix: istiod, imagePath: kubernetes/pause", found: []string{"istiod", "istiod-asm-1-24", "istiod-asm-1-25"}},
		"image of the named container":    {workload: "namePrefix: istiod, imagePath: istio/pilot, container: main", found: []string{"istiod", "istiod-asm-1-24", "istiod-asm-1-25"}},
		"image of another container":      {workload: "namePrefix: istiod, imagePath: istio/pilot, container: proxy", absent: "no Deployment kube-system/istiod* with image istio/pilot"},
		"image in a container not in use": {workload: "names: [istiod], imagePath: istio/pilot, container: init", absent: "no Deployment kube-system/istiod with image istio/pilot"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Workload, workload: {kind: Deployment, namespace: kube-system, " + test.workload + "}}")
			f := c.Evaluate(seeing(c, all...))
			g := NewWithT(t)
			g.Expect(objectNames(f)).To(ConsistOf(test.found))
			if test.found == nil {
				g.Expect(told(f)).To(Equal("False/NotAssessed NotFound: " + test.absent))
			}
		})
	}
}

func TestWorkloadInAnyNamespace(t *testing.T) {
	found := func(namespace, name string) client.Object {
		d := labeled(deployment(name, "{replicas: 1, selector: {matchLabels: {app: edge}}}", "{observedGeneration: 2}"), map[string]string{"app": "edge"})
		d.SetNamespace(namespace)
		return d
	}
	c := newCheck("{type: Workload, workload: {kind: Deployment, selector: {matchLabels: {app: edge}}, namePrefix: edge}}")
	f := c.Evaluate(seeing(c, found("blue", "edge"), found("green", "edge-proxy"), found("green", "other")))
	g := NewWithT(t)
	g.Expect(told(f)).To(Equal("True/Unknown NotYetObserved: Deployment blue/edge: 0/1 available, 0/1 updated; Deployment green/edge-proxy: 0/1 available, 0/1 updated"))
	pods := func(namespace string) facts.Need {
		return facts.Need{Kind: facts.PodKind, Namespace: namespace, Selector: "app=edge", Interval: facts.DefaultInterval}
	}
	g.Expect(facts.NeedsOf(f.Further)).To(ContainElements(pods("blue"), pods("green")), "only pods of what was found")
	g.Expect(told(c.Evaluate(seeing(c)))).To(Equal("False/NotAssessed NotFound: no Deployment edge* with labels app=edge"))
	for name, covered := range map[string]bool{"edge": true, "other": false} {
		w, ok := workload.Of(found("blue", name), c.Spec.Workload)
		g.Expect(ok).To(BeTrue())
		g.Expect(c.Covers(w)).To(Equal(covered), name)
	}
}

func TestWorkloadVersions(t *testing.T) {
	on := func(nodes int) string {
		return fmt.Sprintf("{observedGeneration: 2, desiredNumberScheduled: %d, updatedNumberScheduled: %d, numberAvailable: %d}", nodes, nodes, nodes)
	}
	const repository = "mcr.microsoft.com/oss/v2/kubernetes-csi/azuredisk-csi"
	for name, test := range map[string]struct {
		container string
		objects   []client.Object
		versions  string
		images    []string
	}{
		"one": {
			"azuredisk", []client.Object{daemonSet("csi-a", containers("liveness-probe", "livenessprobe:v2.15.0", "azuredisk", repository+":v1.33.5-2"), on(3))},
			"v1.33.5-2", []string{repository},
		},
		"several, counted by pods": {
			"azuredisk", []client.Object{
				daemonSet("csi-a", containers("azuredisk", repository+":v1.33.5"), on(3)),
				daemonSet("csi-b", containers("azuredisk", repository+":v1.32.1"), on(8)),
				daemonSet("csi-c", containers("azuredisk", "registry.example:5000/azuredisk-csi:v1.33.5"), on(2)),
			},
			"v1.32.1 (8), v1.33.5 (5)", []string{repository, "registry.example:5000/azuredisk-csi"},
		},
		"what is idle does not count beside what is not": {
			"azuredisk", []client.Object{
				daemonSet("csi-a", containers("azuredisk", repository+":v1.33.5"), on(3)),
				daemonSet("csi-a-win", containers("azuredisk", repository+":v1.32.1-windows-hp"), on(0)),
			},
			"v1.33.5", []string{repository},
		},
		"an image for Windows is of the same version": {
			"azuredisk", []client.Object{
				daemonSet("csi-a", containers("azuredisk", repository+":v1.33.5"), on(3)),
				daemonSet("csi-a-win", containers("azuredisk", repository+":v1.33.5-windows-hpc-1"), on(2)),
			},
			"v1.33.5", []string{repository},
		},
		"all idle": {
			"azuredisk", []client.Object{daemonSet("csi-a-win", containers("azuredisk", repository+":v1.33.5-windows-hp"), on(0))},
			"v1.33.5", []string{repository},
		},
		"no container named": {
			"", []client.Object{daemonSet("csi-a", containers("azuredisk", repository+":v1.33.5"), on(3))},
			"", nil,
		},
		"no such container": {
			"driver", []client.Object{daemonSet("csi-a", containers("azuredisk", repository+":v1.33.5"), on(3))},
			"", nil,
		},
		"image by digest": {
			"azuredisk", []client.Object{daemonSet("csi-a", containers("azuredisk", repository+"@sha256:"+strings.Repeat("5d", 32)), on(3))},
			"", []string{repository},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, namePrefix: csi-, container: '" + test.container + "'}}")
			f := c.Evaluate(seeing(c, test.objects...))
			g := NewWithT(t)
			g.Expect(FormatVersions(f.Versions)).To(Equal(test.versions))
			g.Expect(f.Images).To(Equal(test.images))
		})
	}
}

func TestWorkloadNeeds(t *testing.T) {
	c := newCheck("{type: Workload, workload: {kind: StatefulSet, namespace: monitoring, names: [prometheus], selector: {matchLabels: {a: b}}}}")
	NewWithT(t).Expect(c.Needs()).To(ConsistOf(facts.Need{
		Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "StatefulSet"}, Namespace: "monitoring",
	}), "one watch of the kind serves all checks of the namespace")
	c = newCheck("{type: Workload, workload: {kind: StatefulSet, selector: {matchLabels: {a: b}}}}")
	NewWithT(t).Expect(c.Needs()).To(ConsistOf(facts.Need{
		Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "StatefulSet"}, Selector: "a=b",
	}), "of all namespaces, only what matches is read")
}

func TestWorkloadMinAvailable(t *testing.T) {
	const two = "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}"
	c := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [a], minAvailable: 2}}")
	expectTold(t, c, seeing(c, daemonSet("a", "", two)), "True/True Healthy: DaemonSet kube-system/a: 2/3 available, 2 is enough")
	c = newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [a], minAvailable: 3}}")
	expectTold(t, c, seeing(c, daemonSet("a", "", two)), "True/False WorkloadUnavailable: DaemonSet kube-system/a: 2/3 available")
}

// What the diagnoses of several workloads say is put together.
func TestWorkloadIsDiagnosed(t *testing.T) {
	const (
		ok   = "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}"
		lack = "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: %d}"
		spec = "{selector: {matchLabels: {app: %s}}, template: {spec: {containers: [], tolerations: [{operator: Exists}]}}}"
	)
	c := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, namePrefix: cns-}}")
	workloads := func(s, m int) []client.Object {
		return []client.Object{daemonSet("cns-l", "", ok),
			daemonSet("cns-m", fmt.Sprintf(spec, "m"), fmt.Sprintf(lack, m)), daemonSet("cns-s", fmt.Sprintf(spec, "s"), fmt.Sprintf(lack, s))}
	}
	pods := func(app string) facts.Need {
		return facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Selector: "app=" + app, Interval: facts.DefaultInterval}
	}
	crashing := decode[*corev1.Pod](metadata("kube-system", "cns-s-1") + part("spec", "{nodeName: a, containers: []}") +
		part("status", `{containerStatuses: [{name: cns, state: {waiting: {reason: CrashLoopBackOff}}, image: "", imageID: "", ready: false, restartCount: 0}]}`))

	g := NewWithT(t)
	g.Expect(c.AllNeeds()).To(Equal(append(c.Needs(), facts.Nodes,
		facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Interval: facts.DefaultInterval},
		facts.Need{Kind: facts.EventKind, Namespace: "kube-system", Interval: facts.DefaultInterval})), "known before anything was seen")
	given := seeing(c, workloads(2, 1)...)
	delete(given.Answers, facts.Nodes)
	f := c.Evaluate(given)
	g.Expect(f.Pending()).To(BeTrue(), "nodes tell whether it grows")
	g.Expect(f.Explaining).To(BeTrue())
	g.Expect(facts.NeedsOf(f.Further)).To(Equal([]facts.Need{facts.Nodes, facts.Nodes}))

	given.Answers[facts.Nodes] = facts.Answer{State: facts.Known, Objects: []client.Object{old("a"), old("b"), fresh("c", time.Minute)}}
	f = c.Evaluate(given)
	g.Expect(told(f)).To(Equal("True/Unknown NotYetObserved: DaemonSet kube-system/cns-m: 1/3 available"))
	g.Expect(f.Explaining).To(BeTrue())
	g.Expect(facts.NeedsOf(f.Further)).To(Equal([]facts.Need{facts.Nodes, pods("m"), facts.Nodes}), "that of cns-s is the node's that joins")
	g.Expect(f.RecheckAfter).To(Equal(9*time.Minute + time.Second))
	g.Expect(f.ExcusedFor).To(BeZero())
	g.Expect(f.Available).To(Equal(v1alpha1.VerdictTrue))

	given.Answers[pods("m")] = facts.Answer{State: facts.Known, ReadAt: noon}
	given.Answers[pods("s")] = facts.Answer{State: facts.Known, ReadAt: noon, Objects: []client.Object{crashing}}
	g.Expect(told(c.Evaluate(given))).To(Equal("True/False WorkloadUnavailable: DaemonSet kube-system/cns-m: 1/3 available"), "who has asked for pods changes nothing")
	given.Failed = true
	f = c.Evaluate(given)
	g.Expect(told(f)).To(Equal("True/False CrashLooping: DaemonSet kube-system/cns-s: 2/3 available; 1 keeps crashing: container cns (a); " +
		"DaemonSet kube-system/cns-m: 1/3 available"))
	g.Expect(f.Explaining).To(BeFalse())
	g.Expect(facts.NeedsOf(f.Further)).To(Equal([]facts.Need{facts.Nodes, pods("m"), facts.Nodes, pods("s")}), "who has failed is looked at")

	given = seeing(c, workloads(2, 3)...)
	given.Answers[facts.Nodes] = facts.Answer{State: facts.Known, Objects: []client.Object{old("a"), old("b"), old("c")}}
	given.Answers[pods("s")] = facts.Answer{State: facts.Known, ReadAt: noon}
	g.Expect(c.Evaluate(given).Unattributed).To(BeTrue(), "one may be replaced at a time")
	given = seeing(c, workloads(0, 0)[1:]...)
	g.Expect(c.Evaluate(given).Available).To(Equal(v1alpha1.VerdictFalse))
}
