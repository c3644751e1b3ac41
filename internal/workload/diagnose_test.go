// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// scene is what can be seen of a workload's surroundings.
type scene struct {
	nodes, pods []client.Object
	noNodes     facts.State // instead of nodes, unless it is Pending
	noPods      facts.State
	events      []client.Object // may not be read, where it is nil
}

// explained diagnoses as an observer does: what is wanted further is known, until no more is.
func explained(workload client.Object, s scene) Diagnosis {
	answers := map[facts.Need]facts.Answer{}
	for {
		d := diagnosed(workload, answers)
		known := len(answers)
		for _, need := range facts.NeedsOf(d.Further) {
			answers[need] = s.answer(need)
		}
		if len(answers) == known {
			return d
		}
	}
}

// diagnosed returns the diagnosis by what was answered.
func diagnosed(o client.Object, answers map[facts.Need]facts.Answer) Diagnosis {
	w, ok := Of(o, &v1alpha1.WorkloadCheck{})
	if !ok {
		panic(fmt.Sprintf("%T is no workload", o))
	}
	return Diagnose(w, NodesOf(answers[facts.Nodes], noon), podsOf(w, answers), noon)
}

func podsOf(w Workload, answers map[facts.Need]facts.Answer) Pods {
	return Pods{Answer: answers[w.PodsNeed()], Events: answers[w.EventsNeed()]}
}

func (s scene) answer(need facts.Need) facts.Answer {
	objects, state := s.nodes, s.noNodes
	switch {
	case need.Kind == facts.PodKind:
		objects, state = s.pods, s.noPods
	case need.Kind == facts.EventKind && s.events == nil:
		state = facts.NotPermitted
	case need.Kind == facts.EventKind:
		objects, state = s.events, facts.Pending
	}
	if state != facts.Pending {
		return facts.Answer{State: state, Message: "grant the rule"}
	}
	return facts.Answer{State: facts.Known, ReadAt: noon, Objects: objects}
}

// web returns a Deployment, with some of its replicas available.
func web(desired, available int) *appsv1.Deployment {
	return deployment("web", fmt.Sprintf("{replicas: %d, selector: {matchLabels: {app: web}}, strategy: {rollingUpdate: {maxUnavailable: 0}}}", desired),
		fmt.Sprintf("{observedGeneration: 2, replicas: %d, updatedReplicas: %d, readyReplicas: %d, availableReplicas: %d}",
			desired, desired, available, available))
}

// pod is named, and on a node unless that is empty; conditions and container statuses are its status.
func pod(name, nodeName, status string) client.Object {
	return decode[*corev1.Pod](manifest("kube-system", name, fmt.Sprintf("{nodeName: %q, containers: []}", nodeName), status))
}

// container statuses, as YAML.
const (
	crashing  = `{name: web, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}, image: "", imageID: "", ready: false, restartCount: 3}`
	pulling   = `{name: web, image: "registry.example/web:v1", state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "registry.example/web:v1": ErrImagePull: rpc error: code = NotFound desc = registry.example/web:v1: not found'}}, imageID: "", ready: false, restartCount: 0}`
	creating  = `{name: web, state: {waiting: {reason: ContainerCreating}}, image: "", imageID: "", ready: false, restartCount: 0}`
	running   = `{name: web, state: {running: {startedAt: "2026-10-02T10:00:00Z"}}, image: "", imageID: "", ready: false, restartCount: 0}`
	isReady   = `{name: sidecar, state: {running: {}}, image: "", imageID: "", ready: true, restartCount: 0}`
	cannotRun = `{name: web, state: {waiting: {reason: CreateContainerConfigError, message: 'configmap "web" not found'}}, image: "", imageID: "", ready: false, restartCount: 0}`
)

func containerStatuses(list ...string) string {
	return "{containerStatuses: [" + strings.Join(list, ", ") + "]}"
}

func unscheduled(message string) string {
	return fmt.Sprintf("{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: %q}]}", message)
}

// pools returns two nodes that are ready, and one in each other state.
func pools() []client.Object {
	off := node("stopped", "{taints: [{key: node.cloudprovider.kubernetes.io/shutdown, effect: NoSchedule}]}", "{conditions: ["+notReady()+"]}")
	return []client.Object{
		cordoned("cordoned"), nodeWith("n1", ready()), nodeWith("n2", ready()),
		nodeWith("notready", unhealthy()), off, nodeWith("unreachable", notReady()),
	}
}

func TestExplainOneCause(t *testing.T) {
	tainted := labeled(node("tainted", "{unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}, {key: gpu, effect: NoSchedule}]}",
		"{conditions: ["+ready()+"]}"), nil)
	for name, test := range map[string]struct {
		status string // of the only pod
		node   string
		nodes  []client.Object // pools, unless given
		want   string
	}{
		// The node.
		"node not ready":                       {containerStatuses(running), "notready", nil, "NodeFault: 1 on nodes that are not ready (notready)"},
		"node unreachable":                     {containerStatuses(running), "unreachable", nil, "NodeFault: 1 on nodes that are unreachable (unreachable)"},
		"node stopped":                         {containerStatuses(running), "stopped", nil, "NodeFault: 1 on nodes that are stopped (stopped)"},
		"node deleted":                         {containerStatuses(running), "former", nil, "NodeFault: 1 on nodes that no longer exist (former)"},
		"the node comes before the crash":      {containerStatuses(crashing), "unreachable", nil, "NodeFault: 1 on nodes that are unreachable (unreachable)"},
		"a cordon does not hurt what is there": {containerStatuses(running), "cordoned", nil, "NotReady: 1 not ready: container web, readiness probe failing (cordoned)"},

		// The scheduler.
		"no room": {
			unscheduled("0/6 nodes are available: 2 Insufficient cpu, 4 node(s) were unschedulable. preemption: 0/6 nodes are available: 2 No preemption victims found for incoming pod, 4 Preemption is not helpful for scheduling."), "", nil,
			"Unschedulable: 1 cannot be scheduled: 0/6 nodes are available: 2 Insufficient cpu, 4 node(s) were unschedulable (web-0)",
		},
		"only cordoned nodes are left": {
			unscheduled("0/2 nodes are available: 2 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."), "",
			[]client.Object{pools()[0]},
			"NodeFault: 1 cannot be scheduled because nodes are cordoned (cordoned)",
		},
		"nodes are down, and others are not meant for it": {
			unscheduled("0/6 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 4 node(s) had untolerated taint(s)."), "", nil,
			"NodeFault: 1 cannot be scheduled because nodes are cordoned or are not ready or are stopped or are unreachable (cordoned, notready, stopped and 1 more)",
		},
		"taints, but all nodes are ready": {
			unscheduled("0/2 nodes are available: 2 node(s) had untolerated taint(s)."), "", []client.Object{nodeWith("n1", ready())},
			"Unschedulable: 1 cannot be scheduled: 0/2 nodes are available: 2 node(s) had untolerated taint(s) (web-0)",
		},
		"the node that is down is not meant for it": {
			unscheduled("0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't match Pod's node affinity/selector."), "",
			[]client.Object{nodeWith("n1", ready()), tainted},
			"Unschedulable: 1 cannot be scheduled: 0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) didn't match Pod's node affinity/selector (web-0)",
		},
		"a volume": {
			unscheduled(`0/6 nodes are available: persistentvolumeclaim "data" not found. not eligible due to preemptionPolicy=Never.`), "", nil,
			`Unschedulable: 1 cannot be scheduled: 0/6 nodes are available: persistentvolumeclaim "data" not found (web-0)`,
		},
		"no nodes":     {unscheduled("no nodes available to schedule pods"), "", nil, "Unschedulable: 1 cannot be scheduled: no nodes available to schedule pods (web-0)"},
		"gated":        {"{conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}", "", nil, "Unschedulable: 1 cannot be scheduled: SchedulingGated (web-0)"},
		"no scheduler": {"{phase: Pending}", "", nil, "Unschedulable: 1 waiting for the scheduler (web-0)"},

		// The image.
		"image": {containerStatuses(pulling), "n1", nil, "ImagePullFailed: 1 cannot pull image registry.example/web:v1 for container web: ImagePullBackOff, not found (n1)"},
		"image of an init container": {
			"{initContainerStatuses: [" + strings.Replace(pulling, "name: web", "name: setup", 1) + "], containerStatuses: [" + creating + "]}", "n1", nil,
			"ImagePullFailed: 1 cannot pull image registry.example/web:v1 for init container setup: ImagePullBackOff, not found (n1)",
		},
		"image name": {
			containerStatuses(`{name: web, image: "Web", state: {waiting: {reason: InvalidImageName}}, imageID: "", ready: false, restartCount: 0}`), "n1", nil,
			"ImagePullFailed: 1 cannot pull image Web for container web: InvalidImageName (n1)",
		},

		// The program.
		"crash loop": {containerStatuses(isReady, crashing), "n1", nil, "CrashLooping: 1 keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (n1)"},
		"crash loop of an init container": {
			"{initContainerStatuses: [" + strings.Replace(crashing, "name: web", "name: setup", 1) + "], containerStatuses: [" + creating + "]}", "n1", nil,
			"CrashLooping: 1 keeps crashing: init container setup, last exit code 137 (OOMKilled), restarted 2+ times (n1)",
		},
		"between two crashes": {
			containerStatuses(`{name: web, state: {running: {startedAt: "2026-10-02T11:59:30Z"}}, lastState: {terminated: {exitCode: 1, reason: Error}}, image: "", imageID: "", ready: false, restartCount: 1}`), "n1", nil,
			"CrashLooping: 1 keeps crashing: container web, last exit code 1, restarted once (n1)",
		},
		"killed, for whatever": {
			containerStatuses(`{name: web, state: {terminated: {exitCode: 137, reason: Error}}, image: "", imageID: "", ready: false, restartCount: 0}`), "n1", nil,
			"CrashLooping: 1 keeps crashing: container web, last exit code 137 (SIGKILL) (n1)",
		},
		"a crash long ago": {
			containerStatuses(`{name: web, state: {running: {startedAt: "2026-10-02T11:49:30Z"}}, lastState: {terminated: {exitCode: 1, reason: Error}}, image: "", imageID: "", ready: false, restartCount: 1}`), "n1", nil,
			"NotReady: 1 not ready: container web, readiness probe failing (n1)",
		},
		"the first crash": {
			containerStatuses(`{name: web, state: {terminated: {exitCode: 2, reason: Error}}, image: "", imageID: "", ready: false, restartCount: 0}`), "n1", nil,
			"CrashLooping: 1 keeps crashing: container web, last exit code 2 (n1)",
		},

		// Not ready.
		"probe":     {containerStatuses(running, isReady), "n1", nil, "NotReady: 1 not ready: container web, readiness probe failing (n1)"},
		"starting":  {containerStatuses(creating), "n1", nil, "NotReady: 1 not ready: container web, ContainerCreating (n1)"},
		"no status": {"{phase: Pending}", "n1", nil, "NotReady: 1 not ready: the kubelet has not started it yet (n1)"},
		"cannot start": {
			containerStatuses(cannotRun), "n1", nil,
			`NotReady: 1 not ready: container web, cannot start: CreateContainerConfigError, configmap "web" not found (n1)`,
		},
		"init container still runs": {
			"{initContainerStatuses: [" + strings.Replace(running, "name: web", "name: setup", 1) + "], containerStatuses: [" + creating + "]}", "n1", nil,
			"NotReady: 1 not ready: init container setup, still running (n1)",
		},
		"init container is done": {
			`{initContainerStatuses: [{name: setup, state: {terminated: {exitCode: 0, reason: Completed}}, image: "", imageID: "", ready: false, restartCount: 0}], containerStatuses: [` + running + "]}", "n1", nil,
			"NotReady: 1 not ready: container web, readiness probe failing (n1)",
		},
		"readiness gate": {
			`{containerStatuses: [` + isReady + `], conditions: [{type: Ready, status: "False", reason: ReadinessGatesNotReady, message: 'the status of pod readiness gate "a" is not "True"'}]}`, "n1", nil,
			`NotReady: 1 not ready: the status of pod readiness gate "a" is not "True" (n1)`,
		},

		"readiness gate, in a word": {
			`{containerStatuses: [` + isReady + `], conditions: [{type: Ready, status: "False", reason: ReadinessGatesNotReady}]}`, "n1", nil,
			"NotReady: 1 not ready: ReadinessGatesNotReady (n1)",
		},
		"nobody says why": {"{containerStatuses: [" + isReady + "]}", "n1", nil, "NotReady: 1 not ready: reason unknown (n1)"},

		// What says nothing.
		"ready":    {"{conditions: [{type: Ready, status: 'True'}]}", "n1", nil, "WorkloadUnavailable: "},
		"evicted":  {"{phase: Failed, reason: Evicted}", "n1", nil, "WorkloadUnavailable: "},
		"shutdown": {"{phase: Failed, reason: NodeShutdown}", "unreachable", nil, "WorkloadUnavailable: "},
		"done":     {"{phase: Succeeded}", "n1", nil, "WorkloadUnavailable: "},
	} {
		t.Run(name, func(t *testing.T) {
			workload := web(1, 0)
			nodes := test.nodes
			if nodes == nil {
				nodes = pools()
			}
			f := explained(workload, scene{nodes: nodes, pods: []client.Object{pod("web-0", test.node, test.status)}})
			_, why, _ := strings.Cut(f.Detail, "0/1 available; ")
			NewWithT(t).Expect(f.Reason + ": " + why).To(Equal(test.want))
		})
	}
}

func TestExplainSeveralCauses(t *testing.T) {
	var (
		crash  = func(name string) client.Object { return pod(name, "n1", containerStatuses(crashing)) }
		dead   = func(name string) client.Object { return pod(name, "unreachable", containerStatuses(running)) }
		start  = func(name string) client.Object { return pod(name, "n2", containerStatuses(creating)) }
		image  = func(name string) client.Object { return pod(name, "n2", containerStatuses(pulling)) }
		noRoom = func(name, free string) client.Object {
			return pod(name, "", unscheduled("0/"+free+" nodes are available: "+free+" Insufficient cpu. preemption: no."))
		}
	)
	const (
		crashed = " keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (n1)"
		onDead  = " on nodes that are unreachable (unreachable)"
	)
	for name, test := range map[string]struct {
		missing int
		pods    []client.Object
		want    string
	}{
		"the most frequent first": {3, []client.Object{crash("a"), start("b"), start("c")},
			"NotReady: 2 not ready: container web, ContainerCreating (n2); 1" + crashed},
		"the worse first among equals": {2, []client.Object{start("a"), crash("b")},
			"CrashLooping: 1" + crashed + "; 1 not ready: container web, ContainerCreating (n2)"},
		"all on nodes that are down": {2, []client.Object{dead("a"), dead("b")}, "NodesDown: 2" + onDead},
		"not all on nodes that are down": {3, []client.Object{dead("a"), dead("b"), crash("c")},
			"CrashLooping: 2" + onDead + "; 1" + crashed},
		"one more is missing, for no known cause": {3, []client.Object{dead("a"), dead("b")}, "WorkloadUnavailable: 2" + onDead},
		"numbers of nodes differ": {2, []client.Object{noRoom("a", "12"), noRoom("b", "13")},
			"Unschedulable: 2 cannot be scheduled: 0/12 nodes are available: 12 Insufficient cpu (a, b)"},
		"four causes": {4, []client.Object{crash("a"), dead("b"), start("c"), image("d")},
			"CrashLooping: 1" + crashed + "; 1 cannot pull image registry.example/web:v1 for container web: ImagePullBackOff, not found (n2); " +
				"1 not ready: container web, ContainerCreating (n2) and 1 more"},
		"nothing": {2, nil, "WorkloadUnavailable: "},
	} {
		t.Run(name, func(t *testing.T) {
			workload := web(9, 9-test.missing)
			f := explained(workload, scene{nodes: pools(), pods: test.pods})
			_, why, _ := strings.Cut(f.Detail, "available; ")
			NewWithT(t).Expect(f.Reason + ": " + why).To(Equal(test.want))
		})
	}
}

// The program that makes a node's network may be why the node is not ready: then it is not the node's fault.
func TestExplainWhatMakesItsNodeUnready(t *testing.T) {
	g := NewWithT(t)
	workload := cns(6, 3, "")
	silent := pod("cns-1", "unreachable", containerStatuses(running))
	s := scene{nodes: pools(), pods: []client.Object{pod("cns-0", "notready", containerStatuses(crashing)), silent}}
	g.Expect(explained(workload, s).Reason).To(Equal(v1alpha1.ReasonNodesDown))

	workload.Spec.Template.Spec.HostNetwork = true
	g.Expect(explained(workload, s).Reason).To(Equal(v1alpha1.ReasonCrashLooping))

	s.pods = []client.Object{pod("cns-0", "notready", containerStatuses(running)), silent}
	g.Expect(explained(workload, s).Reason).To(Equal(v1alpha1.ReasonNodesDown), "nothing is wrong with it but the node")
	s.pods = []client.Object{pod("cns-0", "notready", containerStatuses(running)), pod("cns-1", "unreachable", containerStatuses(crashing))}
	g.Expect(explained(workload, s).Reason).To(Equal(v1alpha1.ReasonNodesDown), "what its kubelet said last is old")
}

func TestExplainPodsThatDoNotExist(t *testing.T) {
	failing := func(message string) string {
		return fmt.Sprintf("conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: %q}]", message)
	}
	for name, test := range map[string]struct {
		status, want string
	}{
		"no word":         {"", "WorkloadUnavailable: 2 not created: see the events of the workload"},
		"forbidden":       {failing(`pods "web-5d4f8-" is forbidden: violates PodSecurity "restricted:latest": privileged`), `AdmissionDenied: 2 not created: pods "web-5d4f8-" is forbidden: violates PodSecurity "restricted:latest": privileged`},
		"quota":           {failing(`pods "web-5d4f8-" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`), `AdmissionDenied: 2 not created: pods "web-5d4f8-" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`},
		"webhook":         {failing(`admission webhook "a.example" denied the request: no`), `AdmissionDenied: 2 not created: admission webhook "a.example" denied the request: no`},
		"webhook is down": {failing(`Internal error occurred: failed calling webhook "a.example": no endpoints`), `WebhookCallFailed: 2 not created: can't call the webhook a.example: no endpoints`},
		"another error":   {failing("etcdserver: request timed out"), "WorkloadUnavailable: 2 not created: etcdserver: request timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			workload := web(3, 1)
			workload.Status = deployment("", "", "{observedGeneration: 2, replicas: 1, updatedReplicas: 3, readyReplicas: 1, availableReplicas: 1, "+test.status+"}").Status
			f := explained(workload, scene{nodes: pools()})
			_, why, _ := strings.Cut(f.Detail, "available; ")
			NewWithT(t).Expect(f.Reason + ": " + why).To(Equal(test.want))
		})
	}
	t.Run("nobody has tried yet", func(t *testing.T) {
		workload := web(3, 1)
		workload.Status = deployment("", "", "{observedGeneration: 1, replicas: 1}").Status
		NewWithT(t).Expect(explained(workload, scene{nodes: pools()}).Detail).NotTo(ContainSubstring("created"))
	})
}

func expectWhy(t *testing.T, f Diagnosis, want string) {
	t.Helper()
	NewWithT(t).Expect(f.Reason + ": " + f.Detail).To(Equal(want))
}

func TestExplainReadyButNotAvailable(t *testing.T) {
	workload := web(2, 1)
	workload.Spec.MinReadySeconds, workload.Status.ReadyReplicas = 30, 2
	expectWhy(t, explained(workload, scene{nodes: pools()}),
		"Progressing: Deployment kube-system/web: 1/2 available; 1 ready, but for less than 30 seconds")
}

func TestExplainPodsThatGoAway(t *testing.T) {
	going := func(name, nodeName, owner string) client.Object {
		p := pod(name, nodeName, containerStatuses(running)).(*corev1.Pod)
		p.DeletionTimestamp = new(metav1.NewTime(noon))
		p.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: "web", Controller: new(true)}}
		return p
	}
	t.Run("a Deployment makes others at once", func(t *testing.T) {
		workload := web(1, 0)
		expectWhy(t, explained(workload, scene{nodes: pools(), pods: []client.Object{going("web-0", "unreachable", "ReplicaSet")}}),
			"WorkloadUnavailable: Deployment kube-system/web: 0/1 available")
	})
	stateful := statefulSet("web", "{replicas: 1, selector: {matchLabels: {app: web}}}", "{observedGeneration: 2, replicas: 1, updatedReplicas: 1}")
	t.Run("a StatefulSet waits for the node to come back", func(t *testing.T) {
		expectWhy(t, explained(stateful, scene{nodes: pools(), pods: []client.Object{going("web-0", "unreachable", "StatefulSet")}}),
			"NodeFault: StatefulSet kube-system/web: 0/1 available; 1 on nodes that are unreachable (unreachable)")
	})
	t.Run("a StatefulSet waits for the pod", func(t *testing.T) {
		expectWhy(t, explained(stateful, scene{nodes: pools(), pods: []client.Object{going("web-0", "n1", "StatefulSet")}}),
			"NotReady: StatefulSet kube-system/web: 0/1 available; 1 not ready: terminating, to be replaced (n1)")
	})
}

// Labels alone do not tell whose a pod is.
func TestExplainPodsOfOthers(t *testing.T) {
	owned := func(kind, name string) client.Object {
		p := pod("web-0", "n1", containerStatuses(crashing))
		p.SetOwnerReferences([]metav1.OwnerReference{{Kind: kind, Name: name, Controller: new(true)}})
		return p
	}
	workload := web(1, 0)
	for _, test := range []struct {
		pod  client.Object
		want string
	}{
		{owned("ReplicaSet", "web-5d4f8"), v1alpha1.ReasonCrashLooping},
		{owned("ReplicaSet", "website-5d4f8"), v1alpha1.ReasonWorkloadUnavailable},
		{owned("StatefulSet", "web-5d4f8"), v1alpha1.ReasonWorkloadUnavailable},
		{owned("DaemonSet", "web"), v1alpha1.ReasonWorkloadUnavailable},
		{pod("web-0", "n1", containerStatuses(crashing)), v1alpha1.ReasonCrashLooping},
	} {
		NewWithT(t).Expect(explained(workload, scene{nodes: pools(), pods: []client.Object{test.pod}}).Reason).To(Equal(test.want))
	}
}

func TestExplainWhatIsUnknown(t *testing.T) {
	workload := web(2, 0)
	pods := []client.Object{pod("web-0", "unreachable", containerStatuses(running)), pod("web-1", "n1", containerStatuses(crashing))}
	expectWhy(t, explained(workload, scene{nodes: pools(), pods: pods, noPods: facts.NotPermitted}),
		"WorkloadUnavailable: Deployment kube-system/web: 0/2 available; cause unknown: not permitted to read its pods: grant the rule")
	for _, state := range []facts.State{facts.Failed, facts.NotHeld} {
		expectWhy(t, explained(workload, scene{nodes: pools(), pods: pods, noPods: state}),
			"WorkloadUnavailable: Deployment kube-system/web: 0/2 available; cause unknown: couldn't read its pods: grant the rule")
	}
	expectWhy(t, explained(workload, scene{pods: pods, noNodes: facts.NotPermitted}),
		"CrashLooping: Deployment kube-system/web: 0/2 available; 1"+
			" keeps crashing: container web, last exit code 137 (OOMKilled), restarted 2+ times (n1); "+
			"1 not ready: container web, readiness probe failing (unreachable)")

	// Without nodes there are still the words of a scheduler that names the taint.
	pods = []client.Object{pod("web-0", "", unscheduled("0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }."))}
	expectWhy(t, explained(workload, scene{pods: pods, noNodes: facts.NotPermitted}),
		"WorkloadUnavailable: Deployment kube-system/web: 0/2 available; 1 cannot be scheduled because nodes are unreachable")
}

// Nothing is said before everything is there that matters to it.
func TestExplainNotYet(t *testing.T) {
	g := NewWithT(t)
	workload := web(1, 0)
	answers := map[facts.Need]facts.Answer{}
	f := diagnosed(workload, answers)
	expectWhy(t, f, "NotYetObserved: Deployment kube-system/web: 0/1 available")
	g.Expect(f.Pending).To(BeTrue())
	pods := facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Selector: "app=web", Interval: 30 * time.Second}
	g.Expect(facts.NeedsOf(f.Further)).To(Equal([]facts.Need{facts.Nodes, pods}))

	answers[pods] = facts.Answer{State: facts.Known, Objects: []client.Object{pod("web-0", "n1", containerStatuses(crashing))}}
	expectWhy(t, diagnosed(workload, answers), "NotYetObserved: Deployment kube-system/web: 0/1 available")
	answers[facts.Nodes] = facts.Answer{State: facts.Known, Objects: pools()}
	g.Expect(diagnosed(workload, answers).Reason).To(Equal(v1alpha1.ReasonCrashLooping))
	g.Expect(diagnosed(workload, answers).Pending).To(BeFalse())
}

// A workload that flaps is told of at once, though its pods are not read again so soon.
func TestExplainLater(t *testing.T) {
	g := NewWithT(t)
	f := explained(web(5, 1), scene{nodes: pools(), noPods: facts.Deferred})
	expectWhy(t, f, "WorkloadUnavailable: Deployment kube-system/web: 1/5 available")
	g.Expect(f.Healthy).To(Equal(v1alpha1.VerdictFalse))
	g.Expect(f.Pending).To(BeTrue(), "why is yet to be read")
}

func TestHealthyWorkloadWantsNothing(t *testing.T) {
	workload := web(5, 5)
	f := diagnosed(workload, nil)
	g := NewWithT(t)
	g.Expect(f.Healthy).To(Equal(v1alpha1.VerdictTrue))
	g.Expect(f.Further).To(BeEmpty())
}

// podsWanted returns how the pods are wanted in the end.
func podsWanted(f Diagnosis) facts.Refresh {
	for _, d := range f.Further {
		if d.Kind == facts.PodKind {
			return d.Refresh
		}
	}
	return facts.Refresh{}
}

func TestExplanationIsReadAgain(t *testing.T) {
	g := NewWithT(t)
	workload := web(9, 3)
	s := scene{nodes: pools(), pods: []client.Object{pod("web-0", "n1", containerStatuses(crashing))}}
	first := podsWanted(explained(workload, s))
	g.Expect(first.Revision).NotTo(BeZero())
	g.Expect(podsWanted(explained(workload.DeepCopy(), s))).To(Equal(first))

	for name, change := range map[string]func(*appsv1.Deployment){
		"generation": func(d *appsv1.Deployment) { d.Generation, d.Status.ObservedGeneration = 3, 3 },
		"available":  func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 4 },
		"ready":      func(d *appsv1.Deployment) { d.Status.ReadyReplicas = 4 },
		"created":    func(d *appsv1.Deployment) { d.Status.Replicas = 8 },
		"updated":    func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 8 },
	} {
		changed := workload.DeepCopy()
		change(changed)
		g.Expect(podsWanted(explained(changed, s)).Revision).NotTo(Equal(first.Revision), name)
	}

	more := s
	more.nodes = append(pools()[:5:5], nodeWith("unreachable", ready()))
	g.Expect(podsWanted(explained(workload, more)).Revision).NotTo(Equal(first.Revision), "a node has recovered")
	more.nodes = append(pools(), nodeWith("z", ready()))
	g.Expect(podsWanted(explained(workload, more)).Revision).To(Equal(first.Revision), "a node that is ready changes nothing")
	workload.Spec.Template.Spec.NodeSelector = map[string]string{"pool": "other"}
	more.nodes = append(pools()[:5:5], nodeWith("unreachable", ready()))
	g.Expect(podsWanted(explained(workload, more)).Revision).To(Equal(podsWanted(explained(workload, s)).Revision), "a node that is not for it is no news")
}

func TestExplanationIsConclusive(t *testing.T) {
	for name, test := range map[string]struct {
		node, status string
		want         bool
	}{
		"crash loop":          {"n1", containerStatuses(crashing), true},
		"image":               {"n1", containerStatuses(pulling), true},
		"cannot start":        {"n1", containerStatuses(cannotRun), true},
		"scheduler":           {"", unscheduled("0/1 nodes are available: 1 Insufficient cpu."), true},
		"node":                {"unreachable", containerStatuses(running), true},
		"starting":            {"n1", containerStatuses(creating), false},
		"probe":               {"n1", containerStatuses(running), false},
		"no scheduler as yet": {"", "{}", false},
	} {
		t.Run(name, func(t *testing.T) {
			workload := web(1, 0)
			f := explained(workload, scene{nodes: pools(), pods: []client.Object{pod("web-0", test.node, test.status)}})
			NewWithT(t).Expect(podsWanted(f).Inconclusive).To(Equal(!test.want))
		})
	}
	workload := web(1, 0)
	g := NewWithT(t)
	g.Expect(podsWanted(explained(workload, scene{noPods: facts.NotPermitted})).Inconclusive).To(BeTrue())
	g.Expect(podsWanted(diagnosed(workload, nil)).Inconclusive).To(BeTrue())
	growing := explained(cns(3, 2, "currentNumberScheduled: 2"), scene{nodes: []client.Object{old("a"), old("b"), young("x", 3*time.Minute)}})
	g.Expect(podsWanted(growing).Inconclusive).To(BeTrue(), "the pod of the new node is to come")
}
