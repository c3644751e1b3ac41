// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// checksOfAnything find whatever they are shown, and look at all of it.
func checksOfAnything() []*Check {
	const criteria = `{conditions: [{type: Ready, status: "True", maxHeartbeatAgeSeconds: 60}], forbiddenConditions: [{type: KubeletProblem, status: "True", maxHeartbeatAgeSeconds: 60}],
		forbiddenTaints: [t], runtimePrefix: "containerd://", providerIDPrefix: "azure://", podCIDR: Set}`
	var checks []*Check
	for _, spec := range []string{
		"{type: Workload, workload: {kind: Deployment, namespace: a, container: c}}",
		"{type: Workload, workload: {kind: DaemonSet, namespace: a, container: c}}",
		"{type: Workload, workload: {kind: StatefulSet, namespace: a, container: c, imagePath: b/c}}",
		"{type: Workload, workload: {kind: DaemonSet, namespace: a, minAvailable: 2}}",
		"{type: Nodes, nodes: {version: Kubelet, healthy: " + criteria + "}}",
		"{type: Nodes, nodes: {version: ContainerRuntime, ignoreTaints: [t], ignoreConditions: [{type: Ready, status: 'False', messageContains: b}], present: " + criteria + "}}",
		"{type: Lease, lease: {namespace: a}}",
		"{type: Endpoint, endpoint: {path: /version}}",
		"{type: Endpoint, endpoint: {path: /version, present: json != null, healthy: json.a, version: body}}",
		"{type: Object, object: {apiVersion: v1, kind: A}}",
		"{type: Object, object: {apiVersion: v1, kind: A, healthy: object.a, version: object.a, message: object.a}}",
		"{type: Object, object: {apiVersion: v1, kind: A, healthy: parseYAML(object.a).b < now, message: string(parseYAML(object.a))}}",
		"{type: AccessReview, accessReview: {verb: get, resource: a, reasonContains: [a]}}",
		"{type: Webhook, webhook: {kinds: [Validating]}}",
		"{type: Webhook, webhook: {kinds: [Mutating], serviceNamespace: a, noneOf: [{label: a}]}}",
	} {
		checks = append(checks, newCheck(spec))
	}
	return checks
}

// objectFor is an object of the kind that the check looks for, with as much of the text as fits into it.
func objectFor(c *Check, text []byte) client.Object {
	typed, ok := map[string]client.Object{
		"Deployment": &appsv1.Deployment{}, "DaemonSet": &appsv1.DaemonSet{}, "StatefulSet": &appsv1.StatefulSet{},
		"Node": &corev1.Node{}, "Lease": &coordinationv1.Lease{},
	}[c.Needs()[0].Kind.Kind]
	if ok {
		_ = json.Unmarshal(text, typed) // what does not fit is left out, which makes odd objects
		return typed
	}
	untyped := &unstructured.Unstructured{}
	_ = json.Unmarshal(text, &untyped.Object)
	return untyped
}

// Whatever is seen, the finding is a proper one.
func FuzzEvaluate(f *testing.F) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `"a"`, "\xff\xfe", `{"a": true}`, `{"a": "b: 1"}`, `{"a": "b: [unclosed"}`, `{"a": {"b": null}}`,
		`{"metadata": null, "spec": null, "status": null}`,
		`{"spec": {"replicas": 0}, "status": {"availableReplicas": 3}}`,
		`{"spec": {"replicas": -1}, "status": {"availableReplicas": -3, "updatedReplicas": -3}}`,
		`{"spec": {"replicas": 2147483647, "strategy": {"rollingUpdate": {"maxUnavailable": "100%", "maxSurge": "x"}}}}`,
		`{"spec": {"strategy": {"type": "Recreate"}, "paused": true, "template": {"spec": {"containers": [{"name": "c"}]}}}}`,
		`{"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "registry.example:5000/b/c@sha256:ab"}, {"name": "c", "image": ":"}]}}}}`,
		`{"metadata": {"generation": 2}, "spec": {"updateStrategy": {"rollingUpdate": {"partition": -5, "maxUnavailable": "-7%"}}}, "status": {"observedGeneration": 1, "updateRevision": "b"}}`,
		`{"metadata": {"generation": 9}, "status": {"desiredNumberScheduled": 2, "numberAvailable": 9, "updatedNumberScheduled": -1}}`,
		`{"status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}, {"type": "ReplicaFailure", "status": "True"}]}}`,
		`{"status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": null}, {"type": "KubeletProblem", "status": "True"}, {}]}}`,
		`{"status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "9999-12-31T23:59:59Z"}], "nodeInfo": {"containerRuntimeVersion": "containerd://"}}}`,
		`{"spec": {"taints": [{"key": "t"}, {}], "providerID": "azure://", "podCIDR": "x"}, "status": {"nodeInfo": {"containerRuntimeVersion": "://"}}}`,
		`{"metadata": {"creationTimestamp": "2026-10-02T11:55:00Z"}, "spec": {"unschedulable": true, "nodeName": "n", "nodeSelector": {"a": "b"}}}`,
		`{"metadata": {"name": "n", "generation": 1}, "spec": {"nodeName": "n"}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 2147483647, "currentNumberScheduled": -2147483648, "numberReady": 9, "numberAvailable": -9}}`,
		`{"spec": {"minReadySeconds": 5, "template": {"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [{"key": "x", "operator": "Bogus"}]}]}}}}}}, "status": {"readyReplicas": 7}}`,
		`{"status": {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 node(s) were unschedulable, . . "}]}}`,
		`{"spec": {"nodeName": "n"}, "status": {"containerStatuses": [{"restartCount": -5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {}}}], "initContainerStatuses": [{}]}}`,
		`{"spec": {"nodeName": "n"}, "status": {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": ": "}}}, {"state": {"waiting": {"reason": "Odd", "message": "\n"}}}]}}`,
		`{"spec": {"holderIdentity": "", "leaseDurationSeconds": 2147483647, "renewTime": "0001-01-01T00:00:00.000000Z"}}`,
		`{"spec": {"holderIdentity": "a", "leaseDurationSeconds": -1, "renewTime": "9999-12-31T23:59:59.000000Z"}}`,
		`{"metadata": {"name": "w"}, "webhooks": [{"name": "h", "clientConfig": {"service": {"namespace": "a", "name": "s"}}, "rules": [{"operations": ["*"], "apiGroups": ["*"], "resources": ["*/*"]}], "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "x"}]}}, {}]}`,
		`{"webhooks": [{"name": "h", "clientConfig": {"service": {"namespace": "a", "name": "/"}}, "rules": [{"resources": ["/"]}]}, null, 3]}`,
	} {
		f.Add([]byte(text), 200)
		f.Add([]byte(text), -1)
	}
	checks := checksOfAnything()
	f.Fuzz(func(t *testing.T, text []byte, status int) {
		g := NewWithT(t)
		for _, c := range checks {
			o := objectFor(c, text)
			answer := facts.Answer{
				State: facts.Known, ReadAt: noon, Objects: []client.Object{o, objectFor(c, nil)},
				Response: facts.Response{Status: status, Body: string(text)}, Reason: string(text),
			}
			expectProper(g, c, answered(c, answer))
			answer.Renewals = map[types.NamespacedName]facts.Renewal{
				client.ObjectKeyFromObject(o): {Since: noon.Add(time.Duration(status) * time.Second), Moved: status > 200},
			}
			expectProper(g, c, answered(c, answer))
			if c.Spec.Workload != nil {
				expectProper(g, c, surrounded(c, o, text))
			}
			if c.Spec.Webhook != nil {
				expectProper(g, c, behindWebhooks(c, o))
			}
		}
	})
}

// surrounded are the facts in which a workload's nodes and pods are made of the text, too.
func surrounded(c *Check, workload client.Object, text []byte) facts.Facts {
	n, p := &corev1.Node{}, &corev1.Pod{}
	other := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "other"}, Spec: corev1.PodSpec{NodeName: "gone"}}
	_, _ = json.Unmarshal(text, n), json.Unmarshal(text, p)
	given := facts.Facts{Now: noon, Answers: map[facts.Need]facts.Answer{
		c.Needs()[0]: {State: facts.Known, Objects: []client.Object{workload}},
		facts.Nodes:  {State: facts.Known, Objects: []client.Object{n}},
	}}
	for _, need := range facts.NeedsOf(c.Evaluate(given).Further) {
		if need.Kind == facts.PodKind {
			given.Answers[need] = facts.Answer{State: facts.Known, ReadAt: noon, Objects: []client.Object{p, other}}
		}
	}
	return given
}

// behindWebhooks are the facts in which whatever is behind webhooks is made of the text, too.
func behindWebhooks(c *Check, o client.Object) facts.Facts {
	given := answered(c, facts.Answer{State: facts.Known, Objects: []client.Object{o}})
	for range 2 {
		for _, need := range facts.NeedsOf(c.Evaluate(given).Further) {
			given.Answers[need] = facts.Answer{State: facts.Known, Objects: []client.Object{o}}
		}
	}
	return given
}

// expectProper holds a finding to what everybody who reads findings relies on.
func expectProper(g *WithT, c *Check, given facts.Facts) {
	f := c.Evaluate(given)
	g.Expect(f.Reason).NotTo(BeEmpty())
	g.Expect(f.Message).NotTo(BeEmpty())
	g.Expect(len(f.Message)).To(BeNumerically("<=", msg.MaxCheckMessage))
	g.Expect(utf8.ValidString(f.Message)).To(BeTrue())
	g.Expect(f.Present).To(BeElementOf(v1alpha1.VerdictTrue, v1alpha1.VerdictFalse, v1alpha1.VerdictUnknown))
	g.Expect(f.Healthy).To(BeElementOf(
		v1alpha1.VerdictTrue, v1alpha1.VerdictFalse, v1alpha1.VerdictUnknown, v1alpha1.VerdictNotAssessed))
	if f.Present != v1alpha1.VerdictTrue {
		g.Expect(f.Healthy).To(Equal(v1alpha1.VerdictNotAssessed), "what is not there has no health")
	}
	if f.Healthy == v1alpha1.VerdictFalse {
		g.Expect(severity).To(ContainElement(f.Reason), "the reason of every failing check has its place among the others, in finding.go")
	}
	g.Expect(len(f.Objects)).To(And(BeNumerically("<=", MaxObjects), BeNumerically("<=", f.ObjectCount)))
	for _, need := range facts.NeedsOf(f.Further) {
		told := slices.ContainsFunc(c.AllNeeds(), func(n facts.Need) bool { return n.Kind == need.Kind && n.Path == need.Path })
		g.Expect(told).To(BeTrue(), "what a check may ask for is among its AllNeeds: not so %v of %s", need, c.Spec.Type)
	}
	g.Expect(reflect.DeepEqual(f, c.Evaluate(given))).To(BeTrue(), "equal facts, equal findings")
}
