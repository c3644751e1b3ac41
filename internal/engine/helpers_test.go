// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

func TestMain(m *testing.M) {
	format.TruncatedDiff = false
	m.Run()
}

// noon is when all tests begin.
var noon = time.Date(2026, time.October, 2, 12, 0, 0, 0, time.UTC)

// The needs of the tests.
var (
	deployments = facts.Need{Kind: appsv1.SchemeGroupVersion.WithKind("Deployment"), Namespace: "kube-system"}
	daemonSets  = facts.Need{Kind: appsv1.SchemeGroupVersion.WithKind("DaemonSet"), Namespace: "kube-system"}
	widgets     = facts.Need{Kind: schema.FromAPIVersionAndKind("example.com/v1", "Widget"), Namespace: "a"}
	gadgets     = facts.Need{Kind: schema.FromAPIVersionAndKind("example.com/v1", "Gadget"), Namespace: "a"}
)

// cluster is Sources that show what the test puts there, and tell what the test has them tell. Only what is wanted can
// be seen.
type cluster struct {
	mu      sync.Mutex
	answers map[facts.Need]facts.Answer
	changed func(facts.Need, types.NamespacedName)
	wanted  sets.Set[facts.Need]
	// begun is how often a need began to be wanted; listed and looked are how often all objects were read, and single ones.
	begun, listed, looked map[facts.Need]int
	demands               []facts.Demand
	// gates let one evaluation that reads a need pass for each token.
	gates map[facts.Need]chan struct{}
}

func newCluster() *cluster {
	return &cluster{
		answers: map[facts.Need]facts.Answer{}, wanted: sets.New[facts.Need](), gates: map[facts.Need]chan struct{}{},
		begun: map[facts.Need]int{}, listed: map[facts.Need]int{}, looked: map[facts.Need]int{},
	}
}

// answer has a need answered, and tells that everything may have changed.
func (c *cluster) answer(need facts.Need, answer facts.Answer) {
	c.set(need, answer)
	c.tell(need, "")
}

func (c *cluster) set(need facts.Need, answer facts.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[need] = answer
}

// show has the objects read.
func (c *cluster) show(need facts.Need, objects ...client.Object) {
	trim.Sort(objects)
	c.answer(need, facts.Answer{State: facts.Known, Objects: objects})
}

// put makes or changes an object.
func (c *cluster) put(need facts.Need, o client.Object) {
	change := c.changeOf(need, o.GetName())
	c.putSilently(need, o)
	c.tell(need, change)
}

// changeOf is the name by which a watch notifies of a change: that of the object, or none when the answer turns known.
func (c *cluster) changeOf(need facts.Need, name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers[need].State != facts.Known {
		return ""
	}
	return name
}

// putSilently is a change of an object that nobody is told of, as of heartbeats.
func (c *cluster) putSilently(need facts.Need, o client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[need] = facts.Answer{State: facts.Known, Objects: append(without(c.answers[need].Objects, o.GetName()), o)}
	trim.Sort(c.answers[need].Objects)
}

// remove deletes an object.
func (c *cluster) remove(need facts.Need, name string) {
	change := c.changeOf(need, name)
	c.set(need, facts.Answer{State: facts.Known, Objects: without(c.Answer(need).Objects, name)})
	c.tell(need, change)
}

func without(objects []client.Object, name string) []client.Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o client.Object) bool { return o.GetName() == name })
}

// tell notifies of an object by its name, or of all when it is empty.
func (c *cluster) tell(need facts.Need, name string) {
	c.mu.Lock()
	changed, wanted := c.changed, c.likeLocked(need)
	c.mu.Unlock()
	object := types.NamespacedName{Namespace: need.Namespace, Name: name}
	if name == "" {
		object = types.NamespacedName{}
	}
	if changed != nil {
		for _, need := range wanted {
			changed(need, object)
		}
	}
}

// likeLocked are the needs that are wanted and are the same but for their masks.
func (c *cluster) likeLocked(need facts.Need) []facts.Need {
	return slices.DeleteFunc(c.wanted.UnsortedList(), func(n facts.Need) bool { return n.Whole() != need.Whole() })
}

// hold keeps evaluations that have just read a need, until free lets them go on.
func (c *cluster) hold(need facts.Need) (free func()) {
	gate := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gates[need] = gate
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.gates, need)
		close(gate)
	}
}

// wants are the kinds that are wanted.
func (c *cluster) wants() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	kinds := []string{}
	for need := range c.wanted {
		kinds = append(kinds, need.Kind.Kind+need.Path)
	}
	slices.Sort(kinds)
	return kinds
}

func (c *cluster) Notify(changed func(facts.Need, types.NamespacedName)) { c.changed = changed }

func (c *cluster) Want(need facts.Need) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wanted.Has(need) {
		panic("wanted twice: " + need.Kind.Kind + need.Path)
	}
	c.wanted.Insert(need)
	c.begun[need.Whole()]++
}

func (c *cluster) Drop(need facts.Need) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wanted.Has(need) {
		panic("dropped, but not wanted: " + need.Kind.Kind + need.Path)
	}
	c.wanted.Delete(need)
}

func (c *cluster) Demand(demand facts.Demand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.demands = append(c.demands, demand)
}

func (c *cluster) Answer(need facts.Need) facts.Answer {
	c.mu.Lock()
	c.listed[need.Whole()]++
	answer, gate := c.answerLocked(need), c.gates[need.Whole()]
	c.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return answer
}

func (c *cluster) answerLocked(need facts.Need) facts.Answer {
	if len(c.likeLocked(need)) == 0 {
		return facts.Answer{}
	}
	return c.answers[need.Whole()]
}

func (c *cluster) View(need facts.Need) (facts.Answer, facts.Objects) {
	c.mu.Lock()
	answer, gate := c.answerLocked(need), c.gates[need.Whole()]
	c.mu.Unlock()
	if gate != nil {
		<-gate
	}
	store := storeOf{c, need.Whole(), answer.Objects}
	answer.Objects = nil
	return answer, store
}

// storeOf is what a watch fills: it changes with the objects, and stays as it is when the watch ends.
type storeOf struct {
	cluster *cluster
	need    facts.Need
	last    trim.Sorted
}

func (s storeOf) objects() trim.Sorted {
	if answer := s.cluster.answerLocked(s.need); answer.State == facts.Known {
		return answer.Objects
	}
	return s.last
}

func (s storeOf) List() []client.Object {
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	s.cluster.listed[s.need]++
	return s.objects()
}

func (s storeOf) Names() []types.NamespacedName {
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	s.cluster.listed[s.need]++
	return s.objects().Names()
}

func (s storeOf) Get(name types.NamespacedName) client.Object {
	s.cluster.mu.Lock()
	defer s.cluster.mu.Unlock()
	s.cluster.looked[s.need]++
	return s.objects().Get(name)
}

// operator has an engine on a cluster, and subscribers who ask for their findings when they are notified.
type operator struct {
	*cluster

	t      *testing.T
	g      Gomega
	engine *Engine
	clock  *clocktesting.FakeClock
	// editedMeanwhile says that mappings are edited while others are notified: one that is edited between the decision to
	// notify it and the call is notified once more.
	editedMeanwhile bool
	// failed says which checks a status remembers to have failed.
	failed func(*check.Check) bool
	// stop ends the engine, and stopped receives when Start has returned.
	stop    context.CancelFunc
	stopped chan error

	mu       sync.Mutex
	checks   map[Key][]*check.Check
	notified []string
	// told are the results of a subscriber as they were when it was notified.
	told map[string][]check.Result
}

// inBubble runs a test by a clock that the test turns; it fails when a goroutine outlives it.
func inBubble(t *testing.T, options Options, test func(o *operator)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOperator(t, options)
		t.Cleanup(o.abort)
		test(o)
		o.end()
	})
}

// newOperator is one whose engine is not started.
func newOperator(t *testing.T, options Options) *operator {
	o := &operator{cluster: newCluster(), t: t, g: NewWithT(t), clock: clocktesting.NewFakeClock(noon),
		stopped: make(chan error, 1), failed: func(*check.Check) bool { return false }, checks: map[Key][]*check.Check{}, told: map[string][]check.Result{}}
	options.Clock = o.clock
	if options.Pace == 0 { // only its own test waits for it
		options.Pace = -1
	}
	o.engine = New(o.cluster, o.notify, options)
	return o
}

func (o *operator) start() {
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	go func() { o.stopped <- o.engine.Start(ctx) }()
	synctest.Wait()
}

// end stops the engine, if it is started, and sees that nothing is left when all have gone.
func (o *operator) end() {
	o.t.Helper()
	if o.stop != nil {
		o.stop()
		o.g.Expect(<-o.stopped).To(Succeed())
	}
	for key := range o.checks {
		o.engine.Forget(key)
	}
	o.g.Expect(o.wants()).To(BeEmpty(), "what nobody wants any more is not observed")
	o.g.Expect(o.engine.subscribers).To(BeEmpty())
	o.g.Expect(o.engine.results).To(BeEmpty())
	o.g.Expect(o.engine.views).To(BeEmpty())
	o.g.Expect(o.engine.readers).To(BeEmpty())
	o.g.Expect(o.engine.lanes).To(HaveLen(1), "only that of nodes")
}

// abort ends what a failed test has left.
func (o *operator) abort() {
	if !o.t.Failed() || o.stop == nil {
		return
	}
	o.stop()
	o.mu.Lock()
	gates := o.gates
	o.mu.Unlock()
	for _, gate := range gates {
		close(gate)
	}
}

func keyOf(name string) Key { return Key{Kind: "ComponentMapping", Name: name} }

func (o *operator) notify(key Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notified = append(o.notified, key.Name)
	findings, ok := o.engine.Findings(key, o.checks[key])
	switch {
	case ok:
		o.told[key.Name] = resultsOf(findings)
	case !o.editedMeanwhile:
		o.t.Errorf("%s is notified while its findings are not at hand", key.Name)
	}
}

func resultsOf(findings []check.Finding) []check.Result {
	var results []check.Result
	for i := range findings {
		results = append(results, findings[i].Result)
	}
	return results
}

// subscribe has a mapping subscribe to checks, which are YAML, and says whether they are at hand.
func (o *operator) subscribe(name string, specs ...string) bool {
	o.t.Helper()
	checks := compileChecks(o.t, specs...)
	o.mu.Lock()
	o.checks[keyOf(name)] = checks
	o.mu.Unlock()
	_, ok := o.engine.findings(keyOf(name), checks, o.failed)
	return ok
}

func compileChecks(t *testing.T, specs ...string) []*check.Check {
	t.Helper()
	var spec v1alpha1.ComponentMappingSpec
	if err := yaml.UnmarshalStrict([]byte("checks: ["+strings.Join(specs, ", ")+"]"), &spec); err != nil {
		t.Fatal(err)
	}
	checks, err := check.Compile(&spec)
	if err != nil {
		t.Fatal(err)
	}
	return checks
}

// results are those of a mapping now.
func (o *operator) results(name string) []check.Result {
	o.t.Helper()
	findings, ok := o.engine.Findings(keyOf(name), o.checks[keyOf(name)])
	o.g.Expect(ok).To(BeTrue(), "the findings of "+name+" are at hand")
	return resultsOf(findings)
}

func (o *operator) forget(name string) {
	o.mu.Lock()
	delete(o.checks, keyOf(name))
	o.mu.Unlock()
	o.engine.Forget(keyOf(name))
}

// expectNotified waits until nothing moves, and sees who was notified since the last time. What they were told is what
// they find.
func (o *operator) expectNotified(why string, names ...string) {
	o.t.Helper()
	synctest.Wait()
	o.mu.Lock()
	got, told := o.notified, maps.Clone(o.told)
	o.notified = nil
	o.mu.Unlock()
	slices.Sort(got)
	slices.Sort(names)
	o.g.Expect(got).To(Equal(names), why)
	for _, name := range names {
		o.g.Expect(told[name]).To(Equal(o.results(name)), name+" was told the newest findings")
	}
}

// pass lets time go by.
func (o *operator) pass(d time.Duration) {
	synctest.Wait()
	o.clock.Step(d)
	synctest.Wait()
}

// afterBurst lets a burst of changes be evaluated.
func (o *operator) afterBurst() {
	pause := max(o.engine.options.Pace*slowest, 200*time.Millisecond)
	o.pass(pause) // those of nodes
	o.pass(pause) // those who look at nodes
}

// evaluations runs something, and returns how often checks were evaluated until nothing moved any more, by type.
func (o *operator) evaluations(of func()) map[v1alpha1.CheckType]int {
	o.t.Helper()
	synctest.Wait()
	before := o.evaluated()
	of()
	synctest.Wait()
	after := o.evaluated()
	for kind, n := range before {
		if after[kind] -= n; after[kind] == 0 {
			delete(after, kind)
		}
	}
	return after
}

func (o *operator) evaluated() map[v1alpha1.CheckType]int { return o.counted(evaluationsMetric) }

// counted is what a counter has come to, by type.
func (o *operator) counted(metric prometheus.Collector) map[v1alpha1.CheckType]int {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metric)
	families, err := registry.Gather()
	o.g.Expect(err).NotTo(HaveOccurred())
	counts := map[v1alpha1.CheckType]int{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			counts[v1alpha1.CheckType(metric.GetLabel()[0].GetValue())] = int(metric.GetCounter().GetValue())
		}
	}
	return counts
}

// Checks, as YAML.

func deploymentCheck(names string) string {
	return "{name: c, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [" + names + "]}}"
}

const daemonSetCheck = "{name: c, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [cns]}}"

// nodesCheck counts nodes that have a condition.
func nodesCheck(conditionType string) string {
	return `{name: c, type: Nodes, nodes: {healthy: {conditions: [{type: ` + conditionType + `, status: "True"}]}}}`
}

// objectCheck is of Widgets and Gadgets.
func objectCheck(kind, healthy string) string {
	return fmt.Sprintf(`{name: c, type: Object, object: {apiVersion: example.com/v1, kind: %s, namespace: a, healthy: %q}}`, kind, healthy)
}

// Objects.

// deployment wants 4 pods, and may lack one.
func deployment(name string, available int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(4)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
		Status:     appsv1.DeploymentStatus{Replicas: 4, UpdatedReplicas: 4, ReadyReplicas: available, AvailableReplicas: available},
	}
}

func node(name string, ready corev1.ConditionStatus) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: ready, Reason: "Kubelet", LastHeartbeatTime: metav1.NewTime(noon)}}}}
}

func nodesNamed(n int) []client.Object {
	var nodes []client.Object
	for i := range n {
		nodes = append(nodes, node(fmt.Sprintf("n%d", i), corev1.ConditionTrue))
	}
	return nodes
}

// podOn is a pod of a Deployment that does not run.
func podOn(nodeName, app string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: app + "-pod", Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{NodeName: nodeName}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
}

// podsOf is the need for the pods of a Deployment.
func podsOf(app string) facts.Need {
	return facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Selector: "app=" + app, Interval: facts.DefaultInterval}
}

// thing is a Widget or a Gadget that is well or not.
func thing(kind, name string, well bool) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "example.com/v1", "kind": kind, "metadata": map[string]any{"namespace": "a", "name": name}, "well": well}}
}

// newDaemonSet has a pod for one node of two.
func newDaemonSet(name string) *appsv1.DaemonSet { return daemonSet(name, 2, 1) }

// daemonSet lacks so many pods of those that it wants.
func daemonSet(name string, desired, lacks int32) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
		Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: desired, CurrentNumberScheduled: desired, UpdatedNumberScheduled: desired,
			NumberReady: desired - lacks, NumberAvailable: desired - lacks},
	}
}

// crashingPods are of a DaemonSet, one a node.
func crashingPods(n int) []client.Object {
	var pods []client.Object
	for i := range n {
		p := podOn(fmt.Sprint("n", i), "cns")
		p.Name = fmt.Sprint("cns-", i)
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "cns", Controller: new(true)}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "cns", RestartCount: 7, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
		pods = append(pods, p)
	}
	return pods
}
