// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
)

func TestDeploymentHealth(t *testing.T) {
	// The status of a Deployment whose controller has seen the newest generation, which is 2.
	const settled = "observedGeneration: 2, "
	for name, test := range map[string]struct{ spec, status, want string }{
		"all available": {
			"{replicas: 2}", "{" + settled + "updatedReplicas: 2, availableReplicas: 2}",
			"True/True Healthy: Deployment kube-system/coredns: 2/2 available",
		},
		"replicas not given means one": {
			"", "{" + settled + "updatedReplicas: 1, availableReplicas: 1}",
			"True/True Healthy: Deployment kube-system/coredns: 1/1 available",
		},
		"no replicas wanted": {
			"{replicas: 0}", "{" + settled + "}",
			"True/NotAssessed Idle: Deployment kube-system/coredns: idle, it wants no pods",
		},
		"no replicas wanted, one still there": {
			"{replicas: 0}", "{" + settled + "updatedReplicas: 1, availableReplicas: 1}",
			"True/NotAssessed Idle: Deployment kube-system/coredns: idle, it wants no pods",
		},

		// maxUnavailable. Its default of 25% is rounded down.
		"default, one of four may be missing": {
			"{replicas: 4}", "{" + settled + "updatedReplicas: 4, availableReplicas: 3}",
			"True/True Healthy: Deployment kube-system/coredns: 3/4 available",
		},
		"default, two of four may not": {
			"{replicas: 4}", "{" + settled + "updatedReplicas: 4, availableReplicas: 2}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 2/4 available",
		},
		"default, none of three may be missing": {
			"{replicas: 3}", "{" + settled + "updatedReplicas: 3, availableReplicas: 2}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 2/3 available",
		},
		"percentage is rounded down, enough": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + settled + "updatedReplicas: 5, availableReplicas: 3}",
			"True/True Healthy: Deployment kube-system/coredns: 3/5 available",
		},
		"percentage is rounded down, too few": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + settled + "updatedReplicas: 5, availableReplicas: 2}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 2/5 available",
		},
		"number": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 3}}}", "{" + settled + "updatedReplicas: 5, availableReplicas: 2}",
			"True/True Healthy: Deployment kube-system/coredns: 2/5 available",
		},
		"maxUnavailable 0": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}}", "{" + settled + "updatedReplicas: 5, availableReplicas: 4}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 4/5 available",
		},
		"maxUnavailable and maxSurge 0 counts as maxUnavailable 1": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}}", "{" + settled + "updatedReplicas: 5, availableReplicas: 4}",
			"True/True Healthy: Deployment kube-system/coredns: 4/5 available",
		},
		"percentages that come to 0 count as maxUnavailable 1": {
			"{replicas: 3, strategy: {rollingUpdate: {maxUnavailable: 10%, maxSurge: 0}}}", "{" + settled + "updatedReplicas: 3, availableReplicas: 2}",
			"True/True Healthy: Deployment kube-system/coredns: 2/3 available",
		},
		"Recreate tolerates nothing": {
			"{replicas: 4, strategy: {type: Recreate}}", "{" + settled + "updatedReplicas: 4, availableReplicas: 3}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 3/4 available",
		},
		// As a real cilium-operator was found: its own condition says that it is available.
		"nothing available although Available=True": {
			"{replicas: 1, strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 25%}}}",
			"{" + settled + "updatedReplicas: 1, unavailableReplicas: 1, conditions: [{type: Available, status: 'True', reason: MinimumReplicasAvailable}]}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 0/1 available",
		},

		// Roll-outs.
		"rolling out, enough available": {
			"{replicas: 4}", "{" + settled + "updatedReplicas: 1, availableReplicas: 3}",
			"True/True Progressing: Deployment kube-system/coredns: 3/4 available, 1/4 updated",
		},
		"rolling out, too few available": {
			"{replicas: 4}", "{" + settled + "updatedReplicas: 1, availableReplicas: 2}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 2/4 available, 1/4 updated",
		},
		"new generation not seen yet, enough available": {
			"{replicas: 2}", "{observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2}",
			"True/True Progressing: Deployment kube-system/coredns: 2/2 available, its controller has not seen generation 2 yet",
		},
		"new generation not seen yet, too few available": {
			"{replicas: 9}", "{observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 2/9 available, its controller has not seen generation 2 yet",
		},
		"scaled to 0, not seen yet": {
			"{replicas: 0}", "{observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2}",
			"True/True Progressing: Deployment kube-system/coredns: 2/0 available, its controller has not seen generation 2 yet",
		},
		"paused half way": {
			"{replicas: 4, paused: true}", "{" + settled + "updatedReplicas: 2, availableReplicas: 4}",
			"True/True Healthy: Deployment kube-system/coredns: 4/4 available",
		},
		"paused with too few available": {
			"{replicas: 4, paused: true}", "{" + settled + "updatedReplicas: 2, availableReplicas: 2}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 2/4 available",
		},
		"progress deadline exceeded": {
			"{replicas: 2}", "{" + settled + `updatedReplicas: 1, availableReplicas: 2, conditions: [{type: Progressing, status: "False",
				reason: ProgressDeadlineExceeded, message: 'ReplicaSet "coredns-5d4" has timed out progressing.'}]}`,
			`True/False RolloutStuck: Deployment kube-system/coredns: 2/2 available, 1/2 updated: ReplicaSet "coredns-5d4" has timed out progressing.`,
		},
		"not progressing for another reason": {
			"{replicas: 2}", "{" + settled + "updatedReplicas: 1, availableReplicas: 2, conditions: [{type: Progressing, status: 'False', reason: FailedCreate}]}",
			"True/True Progressing: Deployment kube-system/coredns: 2/2 available, 1/2 updated",
		},
		"progress deadline exceeded and too few available": {
			"{replicas: 2}", "{" + settled + "conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out}]}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 0/2 available, 0/2 updated",
		},
		"pods cannot be made": {
			"{replicas: 2}", "{" + settled + "conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}",
			"True/False AdmissionDenied: Deployment kube-system/coredns: 0/2 available, 0/2 updated; 2 not created: exceeded quota",
		},
		"pods could not be made before": {
			"{replicas: 2}", "{" + settled + "updatedReplicas: 2, conditions: [{type: ReplicaFailure, status: 'False', message: exceeded quota}]}",
			"True/False WorkloadUnavailable: Deployment kube-system/coredns: 0/2 available",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [coredns]}}")
			expectTold(t, c, seeing(c, deployment("coredns", test.spec, test.status)), test.want)
		})
	}
}

func TestDaemonSetHealth(t *testing.T) {
	const settled = "observedGeneration: 2, "
	for name, test := range map[string]struct{ spec, status, want string }{
		"one on each node": {
			"", "{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}",
			"True/True Healthy: DaemonSet kube-system/azure-cns: 3/3 available",
		},
		// Every cluster has Windows variants, most have no Windows nodes.
		"no node wants it": {
			"", "{" + settled + "desiredNumberScheduled: 0}",
			"True/NotAssessed Idle: DaemonSet kube-system/azure-cns: idle, it wants no pods",
		},
		"one missing, no roll-out": {
			"", "{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
		"maxUnavailable means nothing without a roll-out": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 2}}}",
			"{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
		"rolling out, one missing, as the default allows": {
			"", "{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}",
			"True/True Progressing: DaemonSet kube-system/azure-cns: 2/3 available, 1/3 updated",
		},
		"pods that are not created are no roll-out": {
			"", "{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
		"no pod is created at all": {
			"", "{" + settled + "desiredNumberScheduled: 1}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 0/1 available",
		},
		"rolling out, two missing": {
			"", "{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 1}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 1/3 available, 1/3 updated",
		},
		"percentage is rounded up, within": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 30%}}}",
			"{" + settled + "desiredNumberScheduled: 5, currentNumberScheduled: 5, updatedNumberScheduled: 1, numberAvailable: 3}",
			"True/True Progressing: DaemonSet kube-system/azure-cns: 3/5 available, 1/5 updated",
		},
		"percentage is rounded up, over": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 30%}}}",
			"{" + settled + "desiredNumberScheduled: 5, currentNumberScheduled: 5, updatedNumberScheduled: 1, numberAvailable: 2}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/5 available, 1/5 updated",
		},
		"rolling out by surge, none may be missing": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}}",
			"{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available, 1/3 updated",
		},
		"as many as its own maxUnavailable allows": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 100%}}}",
			"{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1}",
			"True/True Progressing: DaemonSet kube-system/azure-cns: 0/3 available, 1/3 updated",
		},
		"new generation not seen yet": {
			"", "{observedGeneration: 1, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}",
			"True/True Progressing: DaemonSet kube-system/azure-cns: 3/3 available, its controller has not seen generation 2 yet",
		},
		"OnDelete waits for somebody, that is no roll-out": {
			"{updateStrategy: {type: OnDelete}}",
			"{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 3}",
			"True/True Healthy: DaemonSet kube-system/azure-cns: 3/3 available",
		},
		"OnDelete with one missing": {
			"{updateStrategy: {type: OnDelete}}",
			"{" + settled + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}",
			"True/False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [azure-cns]}}")
			expectTold(t, c, seeing(c, daemonSet("azure-cns", test.spec, test.status)), test.want)
		})
	}
}

func TestStatefulSetHealth(t *testing.T) {
	const settled = "observedGeneration: 2, "
	const rolling = settled + "currentRevision: a, updateRevision: b, "
	for name, test := range map[string]struct{ spec, status, want string }{
		"all available": {
			"{replicas: 3}", "{" + settled + "currentRevision: a, updateRevision: a, updatedReplicas: 3, availableReplicas: 3}",
			"True/True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"no replicas wanted": {
			"{replicas: 0}", "{" + settled + "}",
			"True/NotAssessed Idle: StatefulSet kube-system/prometheus: idle, it wants no pods",
		},
		"one missing, no roll-out": {
			"{replicas: 3}", "{" + settled + "currentRevision: a, updateRevision: a, updatedReplicas: 3, availableReplicas: 2}",
			"True/False WorkloadUnavailable: StatefulSet kube-system/prometheus: 2/3 available",
		},
		"rolling out, one missing": {
			"{replicas: 3}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 2}",
			"True/True Progressing: StatefulSet kube-system/prometheus: 2/3 available, 1/3 updated",
		},
		"rolling out, two missing": {
			"{replicas: 3}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 1}",
			"True/False WorkloadUnavailable: StatefulSet kube-system/prometheus: 1/3 available, 1/3 updated",
		},
		"rolling out with a maxUnavailable of its own, rounded down": {
			"{replicas: 5, updateStrategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True/True Progressing: StatefulSet kube-system/prometheus: 3/5 available, 1/5 updated",
		},
		"over a maxUnavailable of its own": {
			"{replicas: 5, updateStrategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 2}",
			"True/False WorkloadUnavailable: StatefulSet kube-system/prometheus: 2/5 available, 1/5 updated",
		},
		"a maxUnavailable that comes to 0 counts as 1": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 2}",
			"True/True Progressing: StatefulSet kube-system/prometheus: 2/3 available, 1/3 updated",
		},
		"the pods below the partition are not to be updated": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True/True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"the pods above the partition are": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {partition: 1}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True/True Progressing: StatefulSet kube-system/prometheus: 3/3 available, 2/3 updated",
		},
		"a partition above all pods holds the roll-out back": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {partition: 9}}}", "{" + rolling + "availableReplicas: 3}",
			"True/True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"OnDelete waits for somebody": {
			"{replicas: 3, updateStrategy: {type: OnDelete}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True/True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"new generation not seen yet": {
			"{replicas: 3}", "{observedGeneration: 1, currentRevision: a, updateRevision: a, updatedReplicas: 3, availableReplicas: 2}",
			"True/True Progressing: StatefulSet kube-system/prometheus: 2/3 available, its controller has not seen generation 2 yet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Workload, workload: {kind: StatefulSet, namespace: kube-system, names: [prometheus]}}")
			expectTold(t, c, seeing(c, statefulSet("prometheus", test.spec, test.status)), test.want)
		})
	}
}

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
			"True/NotAssessed Idle: " + prefixed + "s: idle, it wants no pods; " + prefixed + "xs: idle, it wants no pods",
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
			f := c.Evaluate(seeing(c, family...))
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
		deployment("keda-b-down", "{replicas: 1}", "{observedGeneration: 2, updatedReplicas: 1}"),
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
}

func TestWorkloadMinAvailable(t *testing.T) {
	const (
		deadline = `conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: timed out}]`
		istiod   = "Deployment kube-system/istiod: "
	)
	for name, test := range map[string]struct {
		minAvailable int
		spec, status string
		want         string
	}{
		"enough":            {1, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 1", "True/True Healthy: " + istiod + "1/2 available, 1 is enough"},
		"all":               {1, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 2", "True/True Healthy: " + istiod + "2/2 available"},
		"too few":           {1, "{replicas: 2}", "updatedReplicas: 2", "True/False WorkloadUnavailable: " + istiod + "0/2 available"},
		"more than its own": {4, "{replicas: 4}", "updatedReplicas: 4, availableReplicas: 3", "True/False WorkloadUnavailable: " + istiod + "3/4 available"},
		"wants fewer":       {3, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 1", "True/False WorkloadUnavailable: " + istiod + "1/2 available"},
		"wants fewer, all":  {3, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 2", "True/True Healthy: " + istiod + "2/2 available"},
		"idle":              {1, "{replicas: 0}", "updatedReplicas: 0", "True/NotAssessed Idle: " + istiod + "idle, it wants no pods"},
		"rolling":           {1, "{replicas: 2}", "updatedReplicas: 1, availableReplicas: 1", "True/True Progressing: " + istiod + "1/2 available, 1/2 updated"},
		// The Deployment itself waits for its second pod in vain.
		"its deadline is over, as one never comes": {
			1, "{replicas: 2}", "replicas: 2, updatedReplicas: 2, availableReplicas: 1, " + deadline, "True/True Healthy: " + istiod + "1/2 available, 1 is enough",
		},
		"its deadline is over, old pods are left": {
			1, "{replicas: 2}", "replicas: 3, updatedReplicas: 1, availableReplicas: 2, " + deadline,
			"True/False RolloutStuck: " + istiod + "2/2 available, 1/2 updated: timed out",
		},
		"its deadline is over, old pods are left beside as many new ones": {
			1, "{replicas: 2}", "replicas: 4, updatedReplicas: 2, availableReplicas: 2, " + deadline,
			"True/False RolloutStuck: " + istiod + "2/2 available: timed out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(fmt.Sprintf("{type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [istiod], minAvailable: %d}}", test.minAvailable))
			expectTold(t, c, seeing(c, deployment("istiod", test.spec, "{observedGeneration: 2, "+test.status+"}")), test.want)
		})
	}
	c := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [a], minAvailable: 2}}")
	expectTold(t, c, seeing(c, daemonSet("a", "", "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}")),
		"True/True Healthy: DaemonSet kube-system/a: 2/3 available, 2 is enough")
}
