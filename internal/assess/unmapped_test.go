// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
	workloads "github.com/archmap/archmap/internal/workload"
)

// providers is a policy of one namespace and one mark.
const providers = `{platform: test, componentSelector: {}, unmapped: {namespaces: [kube-system], selectors: [{matchLabels: {managed-by: provider}}]}}`

// scopeOf returns the scope of a spec of an architecture with a mapping of these checks and variants.
func scopeOf(t testing.TB, spec string, mappings ...string) *assess.UnmappedScope {
	t.Helper()
	var a v1alpha1.ClusterArchitectureSpec
	decode(t, spec, &a)
	selectors, err := assess.ParseSelectors(&a)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var list []v1alpha1.ComponentMapping
	for _, text := range mappings {
		var m v1alpha1.ComponentMapping
		decode(t, text, &m.Spec)
		list = append(list, m)
	}
	return assess.NewUnmappedScope(&a.Unmapped, selectors.Marks, list)
}

// nodeAgent returns a DaemonSet of kube-system with so many of 100 pods available.
func nodeAgent(name string, available int32, labels ...string) *appsv1.DaemonSet {
	d := &appsv1.DaemonSet{ObjectMeta: inKubeSystem(name)}
	d.Labels = map[string]string{}
	for _, l := range labels {
		d.Labels[l] = "provider"
	}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "agent", Image: "example.com/agent:v1"}, {Name: "proxy", Image: "example.com/proxy:v1"}}
	d.Status = appsv1.DaemonSetStatus{ObservedGeneration: 1, DesiredNumberScheduled: 100, CurrentNumberScheduled: 100,
		UpdatedNumberScheduled: 100, NumberReady: available, NumberAvailable: available}
	return d
}

// TestCovers: which checks cover a workload.
func TestCovers(t *testing.T) {
	const check = `{name: c, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, %s}}`
	for name, tc := range map[string]struct {
		mapping string
		covered bool
	}{
		"no check":                   {`checks: []`, false},
		"its name":                   {`checks: [` + fmt.Sprintf(check, `names: [other, node-agent]`) + `]`, true},
		"another name":               {`checks: [` + fmt.Sprintf(check, `names: [agent]`) + `]`, false},
		"the beginning of its name":  {`checks: [` + fmt.Sprintf(check, `namePrefix: node-`) + `]`, true},
		"its labels":                 {`checks: [` + fmt.Sprintf(check, `selector: {matchLabels: {managed-by: provider}}`) + `]`, true},
		"a name, and not its labels": {`checks: [` + fmt.Sprintf(check, `names: [node-agent], selector: {matchLabels: {managed-by: customer}}`) + `]`, false},
		"its image":                  {`checks: [` + fmt.Sprintf(check, `namePrefix: node-, container: agent, imagePath: agent`) + `]`, true},
		"another container's image":  {`checks: [` + fmt.Sprintf(check, `namePrefix: node-, container: agent, imagePath: proxy`) + `]`, false},
		"a variant's check":          {`variants: [{name: v, checks: [` + fmt.Sprintf(check, `names: [node-agent]`) + `]}]`, true},
		"that it must be absent":     {`checks: [{expect: Absent, ` + fmt.Sprintf(check, `names: [node-agent]`)[1:] + `]`, true},
		"another kind":               {`checks: [{name: c, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [node-agent]}}]`, false},
		"another namespace":          {`checks: [{name: c, type: Workload, workload: {kind: DaemonSet, namespace: default, names: [node-agent]}}]`, false},
		"its labels, in any namespace": {
			`checks: [{name: c, type: Workload, workload: {kind: DaemonSet, selector: {matchLabels: {managed-by: provider}}}}]`, true},
		"a check that is no workload's": {
			`checks: [{name: c, type: Lease, lease: {namespace: kube-system, name: node-agent}}]`, false},
		"a check that cannot be used": {
			`checks: [` + fmt.Sprintf(check, `names: [node-agent], selector: {matchExpressions: [{key: a, operator: Is}]}`) + `]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, unmapped := scopeOf(t, providers, tc.mapping).Unmapped(nodeAgent("node-agent", 100, "managed-by"))
			NewWithT(t).Expect(unmapped).To(Equal(!tc.covered))
			NewWithT(t).Expect(w.Kind).To(Equal(v1alpha1.WorkloadDaemonSet))
		})
	}
}

// TestUnmappedScope: what is looked at, and which scopes are the same.
func TestUnmappedScope(t *testing.T) {
	g := NewWithT(t)
	none := scopeOf(t, `{platform: test, componentSelector: {}}`)
	g.Expect(none).To(BeNil(), "nobody asks for it")
	g.Expect(none.Key()).To(BeEmpty())

	const a = `checks: [{name: a, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [a]}}]`
	const b = `checks: [{name: b, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [b]}}]`
	const renamed = `checks: [{name: c, type: Workload, expect: Optional, workload: {kind: DaemonSet, namespace: kube-system, names: [a]}}]`
	key := func(mappings ...string) string { return scopeOf(t, providers, mappings...).Key() }
	g.Expect(key(a, b)).To(Equal(key(b, a)), "in any order")
	g.Expect(key(a)).To(Equal(key(renamed)), "what the mapping makes of it is all the same")
	g.Expect(key(a)).NotTo(Equal(key(b)))

	var needs []string
	for _, n := range scopeOf(t, providers).Needs() {
		needs = append(needs, n.Kind.Kind+" "+n.Namespace+" "+n.Selector)
	}
	g.Expect(needs).To(HaveExactElements(
		"Deployment kube-system ", "Deployment  managed-by=provider", "DaemonSet kube-system ", "DaemonSet  managed-by=provider",
		"StatefulSet kube-system ", "StatefulSet  managed-by=provider"))

	var spec v1alpha1.ClusterArchitectureSpec
	decode(t, `{componentSelector: {}, unmapped: {selectors: [{matchLabels: {a: b}}, {matchExpressions: [{key: a, operator: Is}]}]}}`, &spec)
	_, err := assess.ParseSelectors(&spec)
	g.Expect(err).To(MatchError(HavePrefix("spec.unmapped.selectors[1]: ")))
}

// viewOf lists objects of kube-system.
func viewOf(t testing.TB, c cluster, objects ...client.Object) (assess.UnmappedView, []facts.Demand) {
	t.Helper()
	s := scopeOf(t, providers)
	var found []workloads.Workload
	for _, o := range objects {
		w, unmapped := s.Unmapped(o)
		NewWithT(t).Expect(unmapped).To(BeTrue())
		found = append(found, w)
	}
	needs := slices.Clone(s.Needs())
	var view assess.UnmappedView
	var further []facts.Demand
	for range 3 {
		view, further, _ = s.View(slices.Clone(found), c.facts(needs, start))
		needs = append(slices.Clone(s.Needs()), facts.NeedsOf(further)...)
	}
	return view, further
}

// TestUnmappedView: order, states, and what is told of each.
func TestUnmappedView(t *testing.T) {
	g := NewWithT(t)
	replicas := func(name string, desired, available int32) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: inKubeSystem(name)}
		d.Spec.Replicas = &desired
		d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: desired, UpdatedReplicas: desired, ReadyReplicas: available, AvailableReplicas: available}
		return d
	}
	idle, rolling := nodeAgent("idle", 0), nodeAgent("rolling", 99)
	idle.Status = appsv1.DaemonSetStatus{ObservedGeneration: 1}
	rolling.Status.UpdatedNumberScheduled = 50
	fresh := replicas("fresh", 2, 0)
	fresh.Generation, fresh.Status, fresh.CreationTimestamp = 1, appsv1.DeploymentStatus{}, metav1.NewTime(start)
	view, further := viewOf(t, with(),
		nodeAgent("well", 100), nodeAgent("marked", 100, "managed-by"), idle, rolling, replicas("zero", 0, 0), replicas("down", 2, 0), nodeAgent("b-short", 50),
		nodeAgent("short", 50, "managed-by"), nodeAgent("tolerated", 99), fresh, nodeAgent("well", 100))
	var lines []string
	for _, w := range view.Workloads {
		lines = append(lines, fmt.Sprintf("%s %s: %s %s %s|%s", w.Kind, w.Name, w.State, w.Reason, w.OperatedBy, w.Message))
	}
	g.Expect(lines).To(HaveExactElements(
		"DaemonSet short: Unhealthy WorkloadUnavailable Provider|DaemonSet kube-system/short: 50/100 available",
		"DaemonSet b-short: Unhealthy WorkloadUnavailable |DaemonSet kube-system/b-short: 50/100 available",
		"Deployment down: Unhealthy WorkloadUnavailable |Deployment kube-system/down: 0/2 available",
		"Deployment fresh: Progressing  |", "DaemonSet rolling: Progressing  |", "Deployment zero: ScaledToZero  |",
		"DaemonSet marked: Healthy  Provider|", "DaemonSet tolerated: Healthy  |", "DaemonSet well: Healthy  |", "DaemonSet idle: Idle  |"))
	g.Expect(view).To(And(HaveField("Total", 10), HaveField("Unhealthy", 3), HaveField("Pending", false), HaveField("Problem", "")),
		"one that is found twice is listed once")
	g.Expect(view.Workloads[0].Image).To(Equal("example.com/agent:v1"))
	g.Expect(further).To(ContainElement(HaveField("Need.Selector", "app=short")), "its pods may say why")
	g.Expect(further).NotTo(ContainElement(HaveField("Need.Selector", "app=well")), "nobody asks for the pods of what is healthy")
}

// TestUnmappedIsBounded: of many the worst are listed, and all are counted.
func TestUnmappedIsBounded(t *testing.T) {
	g := NewWithT(t)
	var many []client.Object
	for i := range 40 {
		many = append(many, nodeAgent(fmt.Sprintf("agent-%02d", i), 100-int32(i/38)*50))
	}
	view, _ := viewOf(t, with(), many...)
	g.Expect(view.Workloads).To(HaveLen(32))
	g.Expect(view).To(And(HaveField("Total", 40), HaveField("Unhealthy", 2)))
	g.Expect(view.Workloads[:3]).To(HaveExactElements(
		HaveField("Name", v1alpha1.ObjectName("agent-38")), HaveField("Name", v1alpha1.ObjectName("agent-39")), HaveField("Name", v1alpha1.ObjectName("agent-00"))))
}

// TestUnmappedUnread: what cannot be looked at is said, and never that there is nothing.
func TestUnmappedUnread(t *testing.T) {
	for name, tc := range map[string]struct {
		cluster         cluster
		pending         bool
		problem, unread string
	}{
		"all of it is read":  {with(), false, "", ""},
		"some is being read": {with().hidden(facts.Pending, "DaemonSet"), true, "", ""},
		"a right is missing": {with().hidden(facts.NotPermitted, "StatefulSet"), false, v1alpha1.ReasonNotPermitted,
			"couldn't read StatefulSets in kube-system, StatefulSets with managed-by=provider: as the test has it"},
		"a dump lacks it": {with().hidden(facts.NotHeld, "StatefulSet kube-system"), false, v1alpha1.ReasonNotInDump,
			"couldn't read StatefulSets in kube-system: as the test has it"},
		"a failure weighs more than what a dump lacks": {with().hidden(facts.NotHeld, "Deployment").hidden(facts.Failed, "StatefulSet kube-system"), false,
			v1alpha1.ReasonObservationFailed, "couldn't read StatefulSets in kube-system: as the test has it"},
	} {
		t.Run(name, func(t *testing.T) {
			view, _ := viewOf(t, tc.cluster)
			NewWithT(t).Expect(view).To(And(HaveField("Pending", tc.pending), HaveField("Problem", tc.problem), HaveField("Unread", tc.unread)))
		})
	}
}

// TestArchitectureListsUnmapped: the list counts in no condition, and stays while something is being read.
func TestArchitectureListsUnmapped(t *testing.T) {
	g := NewWithT(t)
	var a v1alpha1.ClusterArchitecture
	decode(t, `spec: `+providers, &a)
	broken := v1alpha1.UnmappedWorkload{Kind: "DaemonSet", Namespace: "kube-system", Name: "agent", State: v1alpha1.WorkloadUnhealthy,
		Reason: "CrashLooping", Message: "DaemonSet kube-system/agent: 0/3 available"}
	view := assess.ClusterView{Unmapped: &assess.UnmappedView{Workloads: []v1alpha1.UnmappedWorkload{broken}, Total: 1, Unhealthy: 1}}
	without, _ := assess.Architecture(&a, nil, assess.ClusterView{}, start)
	a.Status, _ = assess.Architecture(&a, nil, view, start)
	g.Expect(a.Status.Unmapped).To(HaveExactElements(broken))
	g.Expect(a.Status.UnmappedSummary).To(Equal(v1alpha1.UnmappedSummary{Total: new(int32(1)), Unhealthy: new(int32(1))}))
	g.Expect(a.Status.Conditions).To(Equal(without.Conditions))
	g.Expect(a.Status.Abstract).To(ContainElement("~ not in the catalog: CrashLooping: DaemonSet kube-system/agent: 0/3 available"))

	view.Unmapped = &assess.UnmappedView{Pending: true}
	status, _ := assess.Architecture(&a, nil, view, start.Add(time.Minute))
	g.Expect(status.Unmapped).To(Equal(a.Status.Unmapped), "what was seen last stands")
	g.Expect(status.UnmappedSummary).To(Equal(a.Status.UnmappedSummary))

	view.Unmapped = &assess.UnmappedView{Problem: v1alpha1.ReasonNotPermitted, Unread: "could not look"}
	status, _ = assess.Architecture(&a, nil, view, start)
	g.Expect(status.UnmappedSummary).To(Equal(v1alpha1.UnmappedSummary{
		Total: new(int32(0)), Unhealthy: new(int32(0)), Reason: v1alpha1.ReasonNotPermitted, Message: "could not look"}))

	status, _ = assess.Architecture(&a, nil, assess.ClusterView{}, start)
	g.Expect(status.UnmappedSummary).To(Equal(v1alpha1.UnmappedSummary{}), "nobody looks any more")
}
