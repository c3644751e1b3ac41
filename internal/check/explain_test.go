// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
)

// podsOf decodes pods from YAML documents' bodies: name, node and status.
func podsOf(t *testing.T, bodies ...string) []client.Object {
	t.Helper()
	var pods []client.Object
	for i, body := range bodies {
		pod := &corev1.Pod{}
		NewWithT(t).Expect(yaml.UnmarshalStrict([]byte(body), pod)).To(Succeed())
		if pod.Name == "" {
			pod.Name = fmt.Sprintf("web-%d", i)
		}
		pods = append(pods, pod)
	}
	return pods
}

const (
	crashing = `
spec: {nodeName: n1, containers: []}
status:
  containerStatuses:
  - {name: web, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, reason: Error}}, image: "", imageID: "", ready: false, restartCount: 3}
`
	pulling = `
spec: {nodeName: n2, containers: []}
status:
  initContainerStatuses:
  - {name: setup, state: {waiting: {reason: ErrImagePull}}, image: "registry.example/setup:v1", imageID: "", ready: false, restartCount: 0}
`
	waiting = `
spec: {containers: []}
status: {conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: 0/3 nodes are available}]}
`
	onDeadNode = `
spec: {nodeName: dead, containers: []}
status:
  containerStatuses:
  - {name: web, state: {waiting: {reason: CrashLoopBackOff}}, image: "", imageID: "", ready: false, restartCount: 3}
`
	unready = `
spec: {nodeName: n1, containers: []}
status:
  containerStatuses:
  - {name: web, state: {running: {}}, image: "", imageID: "", ready: false, restartCount: 0}
  - {name: sidecar, state: {running: {}}, image: "", imageID: "", ready: true, restartCount: 0}
`
	settled = `
spec: {nodeName: n1, containers: []}
status: {conditions: [{type: Ready, status: "True"}]}
`
)

func TestExplain(t *testing.T) {
	tests := map[string]struct {
		pods []string
		want string
	}{
		"a crash loop, with its last exit":    {[]string{crashing, crashing}, "2 crash-looping: container web, last exit code 1 (Error) (n1)"},
		"an image that cannot be pulled":      {[]string{pulling}, "1 cannot pull the image registry.example/setup:v1 of container setup (n2)"},
		"no node to run on":                   {[]string{waiting}, "1 cannot be scheduled: 0/3 nodes are available (web-0)"},
		"the node comes before the container": {[]string{onDeadNode}, "1 on nodes that are not ready (dead)"},
		"which container is not ready":        {[]string{unready}, "1 not ready: container web (n1)"},
		"pods that are well say nothing":      {[]string{settled}, ""},
		"no pods at all":                      {nil, ""},
		"several causes": {[]string{crashing, onDeadNode, waiting, unready, pulling},
			"1 cannot be scheduled: 0/3 nodes are available (web-2); 1 cannot pull the image registry.example/setup:v1 of container setup (n2); " +
				"1 crash-looping: container web, last exit code 1 (Error) (n1) and 2 more"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c, workload := explained(t)
			facts := Facts{Answers: map[Need]Answer{
				c.Needs()[0]: {State: Known, Objects: []client.Object{workload}},
				NodesNeed:    {State: Known, Objects: []client.Object{&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "dead"}, Status: downStatus}}},
			}}
			unexplained := c.Evaluate(facts)
			g.Expect(unexplained.Message).To(Equal("Deployment ns/web: 0/5 available"))
			g.Expect(unexplained.Wants).To(HaveLen(2))

			facts.Answers[unexplained.Wants[0]] = Answer{State: Known, Objects: podsOf(t, test.pods...)}
			want := "Deployment ns/web: 0/5 available"
			if test.want != "" {
				want += "; " + test.want
			}
			f := c.Evaluate(facts)
			g.Expect(f.Message).To(Equal(want))
			g.Expect(f.Reason).To(Equal(v1alpha1.ReasonWorkloadUnavailable))
		})
	}
}

func TestExplainNotPermitted(t *testing.T) {
	g := NewWithT(t)
	c, workload := explained(t)
	facts := Facts{Answers: map[Need]Answer{c.Needs()[0]: {State: Known, Objects: []client.Object{workload}}}}
	pods := c.Evaluate(facts).Wants[0]
	g.Expect(pods).To(Equal(Need{Kind: PodKind, Namespace: "ns", Selector: "app=web", Interval: DefaultInterval}))
	facts.Answers[pods] = Answer{State: NotPermitted, Message: "grant the rule"}
	g.Expect(c.Evaluate(facts).Message).To(HaveSuffix("why is not known, not permitted to look at its pods: grant the rule"))
}

func TestHealthyWorkloadWantsNoPods(t *testing.T) {
	g := NewWithT(t)
	c, workload := explained(t)
	workload.Status.AvailableReplicas = 5
	workload.Status.UpdatedReplicas = 5
	f := c.Evaluate(Facts{Answers: map[Need]Answer{c.Needs()[0]: {State: Known, Objects: []client.Object{workload}}}})
	g.Expect(f.Healthy).To(Equal(v1alpha1.VerdictTrue))
	g.Expect(f.Wants).To(BeEmpty())
}

var downStatus = corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}}

// explained is a check of a Deployment with five replicas, none of which is available.
func explained(t *testing.T) (*Check, *appsv1.Deployment) {
	t.Helper()
	c, err := New("", v1alpha1.Check{Name: "web", Type: v1alpha1.CheckWorkload, Workload: &v1alpha1.WorkloadCheck{
		Kind: v1alpha1.WorkloadDeployment, Namespace: "ns", Names: []v1alpha1.ObjectName{"web"}}})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return c, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns"},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(5)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		Status:     appsv1.DeploymentStatus{UpdatedReplicas: 5},
	}
}
