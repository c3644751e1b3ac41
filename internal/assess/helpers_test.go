// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	apitypes "k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// start is when the first visit of every case takes place.
var start = time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)

// at matches the time so long after the start.
func at(after time.Duration) types.GomegaMatcher {
	return WithTransform(func(t metav1.Time) time.Time { return t.Time }, BeTemporally("==", start.Add(after)))
}

// decode reads YAML into what is there already. A field that does not exist is a mistake of the test.
func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatalf("%s in:\n%s", err, text)
	}
}

// object is a live object.
type object interface {
	metav1.Object
	runtime.Object
}

// cluster is what can be seen of one. What is not mentioned is known not to be there.
type cluster struct {
	objects []object
	// unread says of a kind, a "kind namespace" or a path what came of looking, when nothing was seen.
	unread    map[string]facts.State
	responses map[string]facts.Response
	// refusal is the answer to every access review.
	refusal string
	// firstSight says that whoever watches leases sees them for the first time.
	firstSight bool
}

func with(objects ...object) cluster { return cluster{objects: objects} }

// and returns the cluster with further objects.
func (c cluster) and(objects ...object) cluster {
	c.objects = append(slices.Clone(c.objects), objects...)
	return c
}

// hidden returns the cluster where looking at this came to nothing.
func (c cluster) hidden(state facts.State, what ...string) cluster {
	unread := map[string]facts.State{}
	maps.Copy(unread, c.unread)
	for _, w := range what {
		unread[w] = state
	}
	c.unread = unread
	return c
}

func (c cluster) facts(needs []facts.Need, now time.Time) facts.Facts {
	given := facts.Facts{Now: now, Answers: map[facts.Need]facts.Answer{}}
	for _, n := range needs {
		given.Answers[n] = c.answer(n, now)
	}
	return given
}

func (c cluster) answer(need facts.Need, now time.Time) facts.Answer {
	for _, what := range []string{need.Kind.Kind, need.Kind.Kind + " " + need.Namespace, need.Path} {
		if state, unread := c.unread[what]; unread {
			return facts.Answer{State: state, Message: "as the test has it"}
		}
	}
	a := facts.Answer{State: facts.Known, ReadAt: now, Reason: c.refusal, Response: facts.Response{Status: 404}}
	if r, ok := c.responses[need.Path]; ok {
		a.Response = r
	}
	for _, o := range c.objects {
		if o.GetObjectKind().GroupVersionKind().Kind == need.Kind.Kind && o.GetNamespace() == need.Namespace {
			a.Objects = append(a.Objects, o)
		}
	}
	if c.firstSight {
		a.Renewals = map[apitypes.NamespacedName]facts.Renewal{}
		for _, o := range a.Objects {
			a.Renewals[client.ObjectKeyFromObject(o)] = facts.Renewal{Since: now}
		}
	}
	slices.SortFunc(a.Objects, func(x, y client.Object) int { return strings.Compare(x.GetName(), y.GetName()) })
	return a
}

// inKubeSystem returns the metadata of an object that its controller has seen the newest generation of.
func inKubeSystem(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "kube-system", Name: name, Generation: 1}
}

// running returns containers, named main, of these images.
func running(images []string) corev1.PodTemplateSpec {
	var template corev1.PodTemplateSpec
	for _, image := range images {
		template.Spec.Containers = append(template.Spec.Containers, corev1.Container{Name: "main", Image: image})
	}
	return template
}

func deployment(name string, available, desired int32, images ...string) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{Kind: "Deployment"}, ObjectMeta: inKubeSystem(name),
		Spec:   appsv1.DeploymentSpec{Replicas: new(desired), Template: running(images)},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: desired, UpdatedReplicas: desired, AvailableReplicas: available},
	}
}

func daemonSet(name string, available, desired int32, images ...string) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		TypeMeta: metav1.TypeMeta{Kind: "DaemonSet"}, ObjectMeta: inKubeSystem(name),
		Spec: appsv1.DaemonSetSpec{Template: running(images)},
		Status: appsv1.DaemonSetStatus{ObservedGeneration: 1, UpdatedNumberScheduled: desired, CurrentNumberScheduled: desired,
			DesiredNumberScheduled: desired, NumberAvailable: available},
	}
}

// rolling returns a Deployment whose new pods are on their way, within its own limits.
func rolling(name string) *appsv1.Deployment {
	d := deployment(name, 4, 4)
	d.Status.UpdatedReplicas = 2
	return d
}

// stuck returns a Deployment whose new pods do not come up while the old ones do their work.
func stuck(name string) *appsv1.Deployment {
	d := rolling(name)
	d.Status.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", Message: "has timed out"}}
	return d
}

// withPod has a Deployment whose only pod is not available, and that pod; it is on no node when none is given.
func withPod(name, nodeName string, status corev1.PodStatus) cluster {
	owner := metav1.OwnerReference{Kind: "ReplicaSet", Name: name + "-5d4f8", Controller: new(true)}
	return with(deployment(name, 0, 1), &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name + "-5d4f8-0", OwnerReferences: []metav1.OwnerReference{owner}},
		Spec:       corev1.PodSpec{NodeName: nodeName}, Status: status,
	})
}

// partly returns a Deployment of four that tolerates to lack one, and the pod that it lacks.
func partly(name, nodeName string, status corev1.PodStatus) []object {
	return []object{deployment(name, 3, 4), withPod(name, nodeName, status).objects[1]}
}

// waiting returns the status of a pod whose container waits.
func waiting(reason string) corev1.PodStatus {
	return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}}
}

// lease returns one that was renewed so long after the start.
func lease(name string, renewed time.Duration) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		TypeMeta: metav1.TypeMeta{Kind: "Lease"}, ObjectMeta: inKubeSystem(name),
		Spec: coordinationv1.LeaseSpec{HolderIdentity: new("somebody"), RenewTime: new(metav1.NewMicroTime(start.Add(renewed)))},
	}
}

// released returns a lease that its holder gave up an hour before the start.
func released(name string) *coordinationv1.Lease {
	l := lease(name, -time.Hour)
	l.Spec.HolderIdentity = new("")
	return l
}

func node(name string, ready corev1.ConditionStatus, labels map[string]string) *corev1.Node {
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, Reason: "Kubelet"}},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.33.1", ContainerRuntimeVersion: "containerd://1.7.27-1",
				OSImage: "Ubuntu 22.04.5 LTS"},
		},
	}
}

// aDriver returns an object of a kind without a Go type.
func aDriver(name string, fields map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"kind": "Driver", "apiVersion": "example.com/v1"}}
	u.SetName(name)
	maps.Copy(u.Object, fields)
	return u
}

// newMapping returns a mapping of a DNS server that is documented as a Deployment; the YAML says the rest.
func newMapping(t testing.TB, spec string) *v1alpha1.ComponentMapping {
	t.Helper()
	m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "dns", Generation: 1}}
	setSpec(t, m, spec)
	return m
}

func setSpec(t testing.TB, m *v1alpha1.ComponentMapping, spec string) {
	t.Helper()
	m.Spec = v1alpha1.ComponentMappingSpec{
		Component: "CoreDNS", Category: v1alpha1.CategoryNetworking, Placement: v1alpha1.PlacementCluster,
		OperatedBy: v1alpha1.OperatedByProvider, Presence: v1alpha1.PresenceRequired,
		Implementation: v1alpha1.Implementation{
			Name: "Managed DNS", Methods: []v1alpha1.ImplementationMethod{v1alpha1.MethodDeployment},
			Source: v1alpha1.Source{Name: "coredns/coredns"},
		},
	}
	decode(t, spec, &m.Spec)
}

// evaluate judges what the cluster shows of the mapping.
func evaluate(t testing.TB, m *v1alpha1.ComponentMapping, c cluster, now time.Time) []check.Finding {
	t.Helper()
	compiled, err := check.Compile(&m.Spec)
	if err != nil {
		t.Fatal(err)
	}
	given := c.facts(check.Needs(compiled), now)
	for {
		var findings []check.Finding
		known := len(given.Answers)
		for _, compiled := range compiled {
			evaluation := compiled.Evaluate(given)
			findings = append(findings, check.Finding{Check: compiled, Result: evaluation.Result})
			for _, need := range facts.NeedsOf(evaluation.Further) {
				given.Answers[need] = c.answer(need, now)
			}
		}
		if len(given.Answers) == known {
			return findings
		}
	}
}

// nodesNamed returns all of these nodes.
func nodesNamed(names ...string) assess.NodeList {
	return assess.NodeList{Count: len(names), First: names[:min(len(names), msg.MaxNames)]}
}

// visit is one look at a mapping.
type visit struct {
	// after is how long after the start it takes place.
	after   time.Duration
	cluster cluster
	// spec, when set, is a new generation.
	spec string
	// invalid, when set, is why the spec cannot be used.
	invalid error
}

// mappingCase is a story of a mapping, and how it ends.
type mappingCase struct {
	name string
	spec string
	// cluster is the whole story when there are no visits.
	cluster cluster
	visits  []visit

	// The conditions at the end, as "Status Reason"; Ready is True by default, another one that is left out
	// is not the matter of the case.
	ready, present, healthy, documented string
	// says is a part of status.message.
	says string
	// wait is when a grace period ends.
	wait time.Duration
	// also holds what else must be; previous is the status before the last visit.
	also func(g *WithT, s, previous v1alpha1.ComponentMappingStatus)
}

// ending is how a story ends.
type ending struct {
	mapping  *v1alpha1.ComponentMapping
	previous v1alpha1.ComponentMappingStatus
	wait     time.Duration
	// again is another visit, later, that sees the same.
	again func(later time.Duration) (v1alpha1.ComponentMappingStatus, time.Duration)
}

// play tells the story. Every status goes through JSON before the next visit, as if the operator had been
// restarted in between.
func (c mappingCase) play(t testing.TB) ending {
	t.Helper()
	visits := c.visits
	if len(visits) == 0 {
		visits = []visit{{cluster: c.cluster}}
	}
	end := ending{mapping: newMapping(t, c.spec)}
	m := end.mapping
	for _, v := range visits {
		if v.spec != "" {
			setSpec(t, m, v.spec)
			m.Generation++
		}
		assessNow := func(now time.Time) (v1alpha1.ComponentMappingStatus, time.Duration) {
			return assess.InvalidMapping(m, v.invalid, now), 0
		}
		if v.invalid == nil {
			findings := evaluate(t, m, v.cluster, start.Add(v.after))
			assessNow = func(now time.Time) (v1alpha1.ComponentMappingStatus, time.Duration) {
				return assess.Mapping(m, findings, now)
			}
		}
		end.again = func(later time.Duration) (v1alpha1.ComponentMappingStatus, time.Duration) {
			return assessNow(start.Add(v.after + later))
		}
		end.previous = m.Status
		var status v1alpha1.ComponentMappingStatus
		status, end.wait = assessNow(start.Add(v.after))
		m.Status = throughJSON(t, status)
	}
	return end
}

// throughJSON returns the value as the API gives it back.
func throughJSON[T any](t testing.TB, in T) T {
	t.Helper()
	raw, err := yaml.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	decode(t, string(raw), &out)
	return out
}

// run holds the end of the story to what is wanted.
func (c mappingCase) run(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	end := c.play(t)
	s := end.mapping.Status
	want := map[string]string{
		v1alpha1.ConditionReady: cmp.Or(c.ready, "True Evaluated"), v1alpha1.ConditionPresent: c.present,
		v1alpha1.ConditionHealthy: c.healthy, v1alpha1.ConditionAsDocumented: c.documented,
	}
	maps.DeleteFunc(want, func(_, words string) bool { return words == "" })
	got := statusAndReason(s.Conditions)
	maps.DeleteFunc(got, func(conditionType, _ string) bool { return want[conditionType] == "" })
	g.Expect(got).To(Equal(want), "message: %s", s.Message)
	g.Expect(s.Message).To(ContainSubstring(c.says))
	g.Expect(end.wait).To(Equal(c.wait), "when to look again")
	if c.also != nil {
		c.also(g, s, end.previous)
	}
}

// statusAndReason returns the conditions, in words.
func statusAndReason(conditions []metav1.Condition) map[string]string {
	out := map[string]string{}
	for _, c := range conditions {
		out[c.Type] = fmt.Sprintf("%s %s", c.Status, c.Reason)
	}
	return out
}

// the returns the condition of a type.
func the(conditionType string, conditions []metav1.Condition) metav1.Condition {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// checkNamed returns the verdict of a check.
func checkNamed(name string, s v1alpha1.ComponentMappingStatus) v1alpha1.CheckStatus {
	for _, c := range s.Checks {
		if c.Name == name {
			return c
		}
	}
	return v1alpha1.CheckStatus{}
}

// runMappings runs each case as a subtest.
func runMappings(t *testing.T, cases []mappingCase) {
	for _, c := range cases {
		t.Run(c.name, c.run)
	}
}

// workload returns the YAML of a check, in one line; more are further fields of the check.
func workload(kind, name string, more ...string) string {
	return fmt.Sprintf("{name: %s, type: Workload, workload: {kind: %s, namespace: kube-system, names: [%s], container: main}%s}",
		strings.ToLower(name), kind, name, fields(more))
}

// scalable returns the YAML of a check of a Deployment that somebody may scale to 0.
func scalable(name string) string {
	return strings.Replace(workload("Deployment", name), "container: main", "container: main, scaleToZero: Allowed", 1)
}

// leased returns the YAML of a check of a hosted controller's lease.
func leased(name string) string {
	return fmt.Sprintf("{name: %s, type: Lease, method: PlatformService, evidence: Indirect, lease: {namespace: kube-system, name: %s}}",
		name, name)
}

func fields(more []string) string {
	var out strings.Builder
	for _, m := range more {
		out.WriteString(", " + m)
	}
	return out.String()
}

// checks returns the YAML of a list of checks.
func checks(list ...string) string { return "checks: [" + strings.Join(list, ", ") + "]" }

// variants returns the YAML of a list of variants.
func variants(list ...string) string { return "variants: [" + strings.Join(list, ", ") + "]" }

// variant returns the YAML of one; parts are its checks and other fields.
func variant(name string, parts ...string) string {
	return fmt.Sprintf("{name: %s%s}", name, fields(parts))
}

// lines returns the YAML of a whole spec.
func lines(parts ...string) string { return strings.Join(parts, "\n") }
