// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// expectByNumbers holds the verdict on a workload of which neither nodes nor pods tell anything to a line. All its pods
// exist, unless its status says otherwise.
func expectByNumbers(t *testing.T, o client.Object, minAvailable int32, want string) {
	t.Helper()
	g := NewWithT(t)
	switch o := o.(type) {
	case *appsv1.Deployment:
		if o.Status.Replicas == 0 && len(o.Status.Conditions) == 0 {
			o.Status.Replicas = replicas(o.Spec.Replicas)
		}
	case *appsv1.StatefulSet:
		o.Status.Replicas = cmp.Or(o.Status.Replicas, replicas(o.Spec.Replicas))
	}
	w, ok := Of(o, &v1alpha1.WorkloadCheck{MinAvailable: minAvailable})
	g.Expect(ok).To(BeTrue())
	g.Expect(summary(Diagnose(w, NodesOf(facts.Answer{State: facts.Known}, noon), readPods(nil), noon))).To(Equal(want))
}

func TestDeploymentHealth(t *testing.T) {
	// The status of a Deployment whose controller has seen the newest generation, which is 2.
	const observed = "observedGeneration: 2, "
	for name, test := range map[string]struct{ spec, status, want string }{
		"all available": {
			"{replicas: 2}", "{" + observed + "updatedReplicas: 2, availableReplicas: 2}",
			"True Healthy: Deployment kube-system/coredns: 2/2 available",
		},
		"replicas not given means one": {
			"", "{" + observed + "updatedReplicas: 1, availableReplicas: 1}",
			"True Healthy: Deployment kube-system/coredns: 1/1 available",
		},
		"no replicas wanted": {
			"{replicas: 0}", "{" + observed + "}",
			"False ScaledToZero: Deployment kube-system/coredns: scaled to 0",
		},
		"no replicas wanted, one still there": {
			"{replicas: 0}", "{" + observed + "updatedReplicas: 1, availableReplicas: 1}",
			"False ScaledToZero: Deployment kube-system/coredns: scaled to 0",
		},

		// maxUnavailable. Its default of 25% is rounded down.
		"default, one of four may be missing": {
			"{replicas: 4}", "{" + observed + "updatedReplicas: 4, availableReplicas: 3}",
			"True Healthy: Deployment kube-system/coredns: 3/4 available",
		},
		"default, two of four may not": {
			"{replicas: 4}", "{" + observed + "updatedReplicas: 4, availableReplicas: 2}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 2/4 available",
		},
		"default, none of three may be missing": {
			"{replicas: 3}", "{" + observed + "updatedReplicas: 3, availableReplicas: 2}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 2/3 available",
		},
		"percentage is rounded down, enough": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + observed + "updatedReplicas: 5, availableReplicas: 3}",
			"True Healthy: Deployment kube-system/coredns: 3/5 available",
		},
		"percentage is rounded down, too few": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + observed + "updatedReplicas: 5, availableReplicas: 2}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 2/5 available",
		},
		"number": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 3}}}", "{" + observed + "updatedReplicas: 5, availableReplicas: 2}",
			"True Healthy: Deployment kube-system/coredns: 2/5 available",
		},
		"maxUnavailable 0": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}}", "{" + observed + "updatedReplicas: 5, availableReplicas: 4}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 4/5 available",
		},
		"maxUnavailable and maxSurge 0 counts as maxUnavailable 1": {
			"{replicas: 5, strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}}", "{" + observed + "updatedReplicas: 5, availableReplicas: 4}",
			"True Healthy: Deployment kube-system/coredns: 4/5 available",
		},
		"percentages that come to 0 count as maxUnavailable 1": {
			"{replicas: 3, strategy: {rollingUpdate: {maxUnavailable: 10%, maxSurge: 0}}}", "{" + observed + "updatedReplicas: 3, availableReplicas: 2}",
			"True Healthy: Deployment kube-system/coredns: 2/3 available",
		},
		"Recreate tolerates nothing": {
			"{replicas: 4, strategy: {type: Recreate}}", "{" + observed + "updatedReplicas: 4, availableReplicas: 3}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 3/4 available",
		},
		// As a real cilium-operator was found: its own condition says that it is available.
		"nothing available although Available=True": {
			"{replicas: 1, strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 25%}}}",
			"{" + observed + "replicas: 1, updatedReplicas: 1, unavailableReplicas: 1, conditions: [{type: Available, status: 'True', reason: MinimumReplicasAvailable}]}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 0/1 available",
		},

		// Roll-outs.
		"rolling out, enough available": {
			"{replicas: 4}", "{" + observed + "updatedReplicas: 1, availableReplicas: 3}",
			"True Progressing: Deployment kube-system/coredns: 3/4 available, 1/4 updated",
		},
		"rolling out, too few available": {
			"{replicas: 4}", "{" + observed + "updatedReplicas: 1, availableReplicas: 2}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 2/4 available, 1/4 updated",
		},
		"new generation not seen yet, enough available": {
			"{replicas: 2}", "{observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2}",
			"True Progressing: Deployment kube-system/coredns: 2/2 available, its controller has not observed generation 2 yet",
		},
		"new generation not seen yet, too few available": {
			"{replicas: 9}", "{observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 2/9 available, its controller has not observed generation 2 yet",
		},
		"scaled to 0, not seen yet": {
			"{replicas: 0}", "{observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2}",
			"False ScaledToZero: Deployment kube-system/coredns: scaled to 0",
		},
		"paused half way": {
			"{replicas: 4, paused: true}", "{" + observed + "updatedReplicas: 2, availableReplicas: 4}",
			"True Healthy: Deployment kube-system/coredns: 4/4 available",
		},
		"paused with too few available": {
			"{replicas: 4, paused: true}", "{" + observed + "updatedReplicas: 2, availableReplicas: 2}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 2/4 available",
		},
		"progress deadline exceeded": {
			"{replicas: 2}", "{" + observed + `updatedReplicas: 1, availableReplicas: 2, conditions: [{type: Progressing, status: "False",
				reason: ProgressDeadlineExceeded, message: 'ReplicaSet "coredns-5d4" has timed out progressing.'}]}`,
			`False RolloutStuck: Deployment kube-system/coredns: 2/2 available, 1/2 updated: ReplicaSet "coredns-5d4" has timed out progressing.`,
		},
		"not progressing for another reason": {
			"{replicas: 2}", "{" + observed + "updatedReplicas: 1, availableReplicas: 2, conditions: [{type: Progressing, status: 'False', reason: FailedCreate}]}",
			"False RolloutStuck: Deployment kube-system/coredns: 2/2 available, 1/2 updated: FailedCreate",
		},
		"progress deadline exceeded and too few available": {
			"{replicas: 2}", "{" + observed + "replicas: 2, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out}]}",
			"False RolloutStuck: Deployment kube-system/coredns: 0/2 available, 0/2 updated: timed out",
		},
		"pods cannot be made": {
			"{replicas: 2}", "{" + observed + "conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}",
			"False AdmissionDenied: Deployment kube-system/coredns: 0/2 available, 0/2 updated; 2 not created: exceeded quota",
		},
		"pods could not be made before": {
			"{replicas: 2}", "{" + observed + "replicas: 2, updatedReplicas: 2, conditions: [{type: ReplicaFailure, status: 'False', message: exceeded quota}]}",
			"False WorkloadUnavailable: Deployment kube-system/coredns: 0/2 available",
		},
	} {
		t.Run(name, func(t *testing.T) {
			expectByNumbers(t, deployment("coredns", test.spec, test.status), 0, test.want)
		})
	}
}

func TestDaemonSetHealth(t *testing.T) {
	const observed = "observedGeneration: 2, "
	for name, test := range map[string]struct{ spec, status, want string }{
		"one on each node": {
			"", "{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}",
			"True Healthy: DaemonSet kube-system/azure-cns: 3/3 available",
		},
		// Every cluster has Windows variants, most have no Windows nodes.
		"no node wants it": {
			"", "{" + observed + "desiredNumberScheduled: 0}",
			"NotAssessed Idle: DaemonSet kube-system/azure-cns: idle (0 pods desired)",
		},
		"one missing, no roll-out": {
			"", "{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
		"maxUnavailable means nothing without a roll-out": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 2}}}",
			"{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
		"rolling out, one missing, as the default allows": {
			"", "{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}",
			"True Progressing: DaemonSet kube-system/azure-cns: 2/3 available, 1/3 updated",
		},
		"pods that are not created are no roll-out": {
			"", "{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available; 1 not created: see the events of the workload",
		},
		"no pod is created at all": {
			"", "{" + observed + "desiredNumberScheduled: 1}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 0/1 available; 1 not created: see the events of the workload",
		},
		"rolling out, two missing": {
			"", "{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 1}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 1/3 available, 1/3 updated",
		},
		"percentage is rounded up, within": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 30%}}}",
			"{" + observed + "desiredNumberScheduled: 5, currentNumberScheduled: 5, updatedNumberScheduled: 1, numberAvailable: 3}",
			"True Progressing: DaemonSet kube-system/azure-cns: 3/5 available, 1/5 updated",
		},
		"percentage is rounded up, over": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 30%}}}",
			"{" + observed + "desiredNumberScheduled: 5, currentNumberScheduled: 5, updatedNumberScheduled: 1, numberAvailable: 2}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/5 available, 1/5 updated",
		},
		"rolling out by surge, none may be missing": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}}",
			"{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available, 1/3 updated",
		},
		"none is left, though its own maxUnavailable allows that": {
			"{updateStrategy: {rollingUpdate: {maxUnavailable: 100%}}}",
			"{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 0/3 available, 1/3 updated",
		},
		"new generation not seen yet": {
			"", "{observedGeneration: 1, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}",
			"True Progressing: DaemonSet kube-system/azure-cns: 3/3 available, its controller has not observed generation 2 yet",
		},
		"OnDelete waits for somebody, that is no roll-out": {
			"{updateStrategy: {type: OnDelete}}",
			"{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 3}",
			"True Healthy: DaemonSet kube-system/azure-cns: 3/3 available",
		},
		"OnDelete with one missing": {
			"{updateStrategy: {type: OnDelete}}",
			"{" + observed + "desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 2}",
			"False WorkloadUnavailable: DaemonSet kube-system/azure-cns: 2/3 available",
		},
	} {
		t.Run(name, func(t *testing.T) {
			expectByNumbers(t, daemonSet("azure-cns", test.spec, test.status), 0, test.want)
		})
	}
}

func TestStatefulSetHealth(t *testing.T) {
	const observed = "observedGeneration: 2, "
	const rolling = observed + "currentRevision: a, updateRevision: b, "
	for name, test := range map[string]struct{ spec, status, want string }{
		"all available": {
			"{replicas: 3}", "{" + observed + "currentRevision: a, updateRevision: a, updatedReplicas: 3, availableReplicas: 3}",
			"True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"no replicas wanted": {
			"{replicas: 0}", "{" + observed + "}",
			"False ScaledToZero: StatefulSet kube-system/prometheus: scaled to 0",
		},
		"one missing, no roll-out": {
			"{replicas: 3}", "{" + observed + "currentRevision: a, updateRevision: a, updatedReplicas: 3, availableReplicas: 2}",
			"False WorkloadUnavailable: StatefulSet kube-system/prometheus: 2/3 available",
		},
		"rolling out, one missing": {
			"{replicas: 3}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 2}",
			"True Progressing: StatefulSet kube-system/prometheus: 2/3 available, 1/3 updated",
		},
		"rolling out, two missing": {
			"{replicas: 3}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 1}",
			"False WorkloadUnavailable: StatefulSet kube-system/prometheus: 1/3 available, 1/3 updated",
		},
		"rolling out with a maxUnavailable of its own, rounded down": {
			"{replicas: 5, updateStrategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True Progressing: StatefulSet kube-system/prometheus: 3/5 available, 1/5 updated",
		},
		"over a maxUnavailable of its own": {
			"{replicas: 5, updateStrategy: {rollingUpdate: {maxUnavailable: 50%}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 2}",
			"False WorkloadUnavailable: StatefulSet kube-system/prometheus: 2/5 available, 1/5 updated",
		},
		"a maxUnavailable that comes to 0 counts as 1": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 2}",
			"True Progressing: StatefulSet kube-system/prometheus: 2/3 available, 1/3 updated",
		},
		"the pods below the partition are not to be updated": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"the pods above the partition are": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {partition: 1}}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True Progressing: StatefulSet kube-system/prometheus: 3/3 available, 1/2 updated above partition 1",
		},
		"a partition above all pods holds the roll-out back": {
			"{replicas: 3, updateStrategy: {rollingUpdate: {partition: 9}}}", "{" + rolling + "availableReplicas: 3}",
			"True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"OnDelete waits for somebody": {
			"{replicas: 3, updateStrategy: {type: OnDelete}}", "{" + rolling + "updatedReplicas: 1, availableReplicas: 3}",
			"True Healthy: StatefulSet kube-system/prometheus: 3/3 available",
		},
		"new generation not seen yet": {
			"{replicas: 3}", "{observedGeneration: 1, currentRevision: a, updateRevision: a, updatedReplicas: 3, availableReplicas: 2}",
			"True Progressing: StatefulSet kube-system/prometheus: 2/3 available, its controller has not observed generation 2 yet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			expectByNumbers(t, statefulSet("prometheus", test.spec, test.status), 0, test.want)
		})
	}
}

func TestWorkloadMinAvailable(t *testing.T) {
	const (
		deadline = `conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: timed out}]`
		istiod   = "Deployment kube-system/istiod: "
	)
	for name, test := range map[string]struct {
		minAvailable int32
		spec, status string
		want         string
	}{
		"enough":            {1, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 1", "True Healthy: " + istiod + "1/2 available, 1 is enough"},
		"all":               {1, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 2", "True Healthy: " + istiod + "2/2 available"},
		"too few":           {1, "{replicas: 2}", "updatedReplicas: 2", "False WorkloadUnavailable: " + istiod + "0/2 available"},
		"more than its own": {4, "{replicas: 4}", "updatedReplicas: 4, availableReplicas: 3", "False WorkloadUnavailable: " + istiod + "3/4 available"},
		"wants fewer":       {3, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 1", "False WorkloadUnavailable: " + istiod + "1/2 available"},
		"wants fewer, all":  {3, "{replicas: 2}", "updatedReplicas: 2, availableReplicas: 2", "True Healthy: " + istiod + "2/2 available"},
		"idle":              {1, "{replicas: 0}", "updatedReplicas: 0", "False ScaledToZero: " + istiod + "scaled to 0"},
		"rolling":           {1, "{replicas: 2}", "updatedReplicas: 1, availableReplicas: 1", "True Progressing: " + istiod + "1/2 available, 1/2 updated"},
		// The Deployment itself waits for its second pod in vain.
		"its deadline is over, as one never comes": {
			1, "{replicas: 2}", "replicas: 2, updatedReplicas: 2, availableReplicas: 1, " + deadline, "True Healthy: " + istiod + "1/2 available, 1 is enough",
		},
		"its deadline is over, old pods are left": {
			1, "{replicas: 2}", "replicas: 3, updatedReplicas: 1, availableReplicas: 2, " + deadline,
			"False RolloutStuck: " + istiod + "2/2 available, 1/2 updated: timed out",
		},
		"its deadline is over, old pods are left beside as many new ones": {
			1, "{replicas: 2}", "replicas: 4, updatedReplicas: 2, availableReplicas: 2, " + deadline,
			"False RolloutStuck: " + istiod + "2/2 available, 2/2 updated, 2 old: timed out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			expectByNumbers(t, deployment("istiod", test.spec, "{observedGeneration: 2, "+test.status+"}"), test.minAvailable, test.want)
		})
	}
	expectByNumbers(t, daemonSet("a", "", "{observedGeneration: 2, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 2}"), 2,
		"True Healthy: DaemonSet kube-system/a: 2/3 available, 2 is enough")
}
