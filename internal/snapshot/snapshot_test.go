// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

var snapshotTime = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

// untyped reads manifests as a dump on disk would hold them.
func untyped(t *testing.T, manifests ...string) []client.Object {
	t.Helper()
	var objects []client.Object
	for _, manifest := range manifests {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), &u.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, u)
	}
	return objects
}

func kind(apiVersion, kind string) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(apiVersion, kind)
}

const (
	dnsDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}, annotations: {a: b}},
  spec: {replicas: 2, template: {spec: {serviceAccountName: coredns, containers: [{name: coredns, image: coredns:v1.13.1}]}}}}`
	metricsDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: metrics-server, namespace: kube-system}}`
	otherDeployment   = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: coredns, namespace: default, labels: {k8s-app: kube-dns}}}`
	nncDefinition     = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: nodenetworkconfigs.acn.azure.com},
  spec: {group: acn.azure.com, names: {kind: NodeNetworkConfig}, versions: [{name: v1alpha, served: true}, {name: v1, served: false}]}}`
	metricsAPI = `{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.metrics.k8s.io},
  spec: {group: metrics.k8s.io, version: v1beta1, service: {name: metrics-server, namespace: kube-system}}}`
	localAPI       = `{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.keda.sh}, spec: {group: keda.sh, version: v1}}`
	schedulerLease = `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: kube-scheduler, namespace: kube-system},
  spec: {holderIdentity: a, renewTime: "2026-10-02T14:29:58.000000Z"}}`
	runningPod = `{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: kube-system, labels: {k8s-app: kube-dns}}, status: {conditions: [{type: Ready, status: "True"}]}}`
	brokenPod  = `{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: kube-system, labels: {k8s-app: kube-dns}}, spec: {nodeName: node-1}}`
)

func TestSnapshotFindsObjects(t *testing.T) {
	manifests := []string{metricsDeployment, dnsDeployment, otherDeployment, nncDefinition, metricsAPI, localAPI, schedulerLease, runningPod, brokenPod}
	for name, test := range map[string]struct {
		need facts.Need
		want []string
	}{
		"in a namespace, sorted":     {facts.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system"}, []string{"coredns", "metrics-server"}},
		"in all namespaces":          {facts.Need{Kind: kind("apps/v1", "Deployment")}, []string{"coredns", "coredns", "metrics-server"}},
		"by name":                    {facts.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system", Name: "coredns"}, []string{"coredns"}},
		"by label":                   {facts.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system", Selector: "k8s-app in (kube-dns)"}, []string{"coredns"}},
		"of another version":         {facts.Need{Kind: kind("apps/v1beta1", "Deployment")}, nil},
		"pods that are not ready":    {facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Selector: "k8s-app=kube-dns", Interval: time.Second}, []string{"b"}},
		"none of a built-in kind":    {facts.Need{Kind: kind("apps/v1", "StatefulSet")}, nil},
		"none of a defined kind":     {facts.Need{Kind: kind("acn.azure.com/v1alpha", "NodeNetworkConfig")}, nil},
		"none of an aggregated kind": {facts.Need{Kind: kind("metrics.k8s.io/v1beta1", "NodeMetrics")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := &Snapshot{Time: snapshotTime, Coverage: Complete, Objects: untyped(t, manifests...)}
			answer := s.Facts([]facts.Need{test.need}).Answers[test.need]
			g.Expect(answer.State).To(Equal(facts.Known), answer.Message)
			g.Expect(answer.ReadAt).To(Equal(snapshotTime))
			var names []string
			for _, o := range answer.Objects {
				names = append(names, o.GetName())
			}
			g.Expect(names).To(Equal(test.want))
		})
	}
}

// Of a cluster that runs, ReplicaSets without pods and ready pods tell nothing, but for how many of these there are.
func TestSnapshotTellsWhatRuns(t *testing.T) {
	g := NewWithT(t)
	const (
		owned   = `namespace: kube-system, labels: {k8s-app: npm, controller-revision-hash: x}, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: npm, uid: u, controller: true}]`
		ready   = `{apiVersion: v1, kind: Pod, metadata: {name: npm-1, ` + owned + `}, status: {conditions: [{type: Ready, status: "True"}]}}`
		unready = `{apiVersion: v1, kind: Pod, metadata: {name: npm-2, ` + owned + `}}`
		empty   = `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: a, namespace: kube-system}, status: {replicas: 0}}`
		running = `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: b, namespace: kube-system}, status: {replicas: 2}}`
	)
	pods := facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Selector: "k8s-app=npm"}
	sets := facts.Need{Kind: facts.ReplicaSetKind, Namespace: "kube-system"}
	s := &Snapshot{Time: snapshotTime, Coverage: Complete, Objects: untyped(t, ready, unready, empty, running)}
	counted := map[facts.PodRevision]int{{Namespace: "kube-system", Kind: "DaemonSet", Name: "npm", Hash: "x"}: 1}

	recorded, err := s.Read(t.Context(), []facts.Need{pods, sets})
	g.Expect(err).NotTo(HaveOccurred())
	later := NewRecord()
	later.Add(recorded)
	for name, s := range map[string]*Snapshot{"of the cluster": s, "a part of it": recorded, "what was read later": later} {
		g.Expect(s.Answer(pods).ReadyPods).To(Equal(counted), name)
		g.Expect(s.Answer(pods).Objects).To(ConsistOf(HaveField("Name", "npm-2")), name)
		g.Expect(s.Answer(sets).Objects).To(ConsistOf(HaveField("Name", "b")), name)
	}
}

func TestSnapshotReadsWhatLiveReads(t *testing.T) {
	g := NewWithT(t)
	objects := untyped(t, dnsDeployment, schedulerLease, nncDefinition, brokenPod)
	objects = append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Annotations: map[string]string{"a": "b"}}})
	typed := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{"a": "b"}}}
	s := &Snapshot{Time: snapshotTime, Coverage: Complete, Objects: append(objects, typed)}
	only := func(need facts.Need) client.Object {
		answer := s.Facts([]facts.Need{need}).Answers[need]
		g.Expect(answer.Objects).To(HaveLen(1), "%v: %s", need, answer.Message)
		return answer.Objects[0]
	}
	deployment := only(facts.Need{Kind: kind("apps/v1", "Deployment")})
	g.Expect(deployment).To(BeAssignableToTypeOf(&appsv1.Deployment{}))
	g.Expect(deployment.GetAnnotations()).To(BeEmpty(), "no check reads them")
	g.Expect(deployment.(*appsv1.Deployment).Spec.Template.Spec).To(Equal(corev1.PodSpec{
		Containers: []corev1.Container{{Name: "coredns", Image: "coredns:v1.13.1"}}}), "no check reads more")
	g.Expect(objects[0].GetAnnotations()).To(HaveKey("a"), "the dump keeps what it holds")
	g.Expect(only(facts.Need{Kind: kind("apps/v1", "StatefulSet")}).GetAnnotations()).To(BeEmpty())
	g.Expect(typed.Annotations).To(HaveKey("a"), "and what it holds as a type")

	lease := only(facts.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Interval: time.Second})
	g.Expect(lease.(*coordinationv1.Lease).Spec.RenewTime.Time).To(BeTemporally("==", snapshotTime.Add(-2*time.Second)))

	definition := only(facts.Need{Kind: kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")}).(*unstructured.Unstructured)
	g.Expect(definition.Object["spec"]).NotTo(HaveKey("versions"), "the schemas are most of its size")

	g.Expect(only(facts.Nodes)).To(BeAssignableToTypeOf(&corev1.Node{}))
	g.Expect(only(facts.Nodes).GetAnnotations()).To(BeEmpty())
	g.Expect(only(facts.Need{Kind: facts.PodKind, Interval: time.Second})).To(BeAssignableToTypeOf(&corev1.Pod{}))
	node := only(facts.Need{Kind: kind("v1", "Node"), Name: "n"})
	g.Expect(node.GetObjectKind().GroupVersionKind()).To(Equal(facts.Nodes.Kind))
}

// What a snapshot does not hold is absent only where the snapshot is complete.
func TestSnapshotDistinguishesAbsentFromUnknown(t *testing.T) {
	held := []string{dnsDeployment, nncDefinition, metricsAPI, localAPI}
	nnc := kind("acn.azure.com/v1alpha", "NodeNetworkConfig")
	reads := []Read{
		{Need: facts.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system"}, State: facts.Known},
		{Need: facts.Need{Kind: kind("apps/v1", "DaemonSet")}, State: facts.Known},
		{Need: facts.Need{Kind: kind("karpenter.sh/v1", "NodePool")}, State: facts.Known},
		{Need: facts.Need{Kind: kind("apps/v1", "StatefulSet"), Namespace: "b"}, State: facts.Known},
		{Need: facts.Need{Kind: kind("apps/v1", "StatefulSet")}, State: facts.NotPermitted, Message: "grant it"},
	}
	for name, test := range map[string]struct {
		coverage Coverage
		need     facts.Need
		want     facts.State
		message  string
	}{
		"complete: no such object":       {Complete, facts.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "kube-system"}, facts.Known, ""},
		"complete: no such kind":         {Complete, facts.Need{Kind: kind("cilium.io/v2", "CiliumNode")}, facts.NotServed, "does not serve CiliumNode in cilium.io/v2"},
		"complete: version not served":   {Complete, facts.Need{Kind: kind("acn.azure.com/v1", "NodeNetworkConfig")}, facts.NotServed, "acn.azure.com/v1"},
		"complete: nothing aggregated":   {Complete, facts.Need{Kind: kind("keda.sh/v1", "ScaledObject")}, facts.NotServed, "keda.sh/v1"},
		"complete: no such path":         {Complete, facts.Need{Path: "/readyz"}, facts.Known, ""},
		"complete: refused for no words": {Complete, facts.Need{Review: facts.Review{Verb: "delete", Resource: "nodes"}}, facts.Known, ""},
		"recorded: others were read": {Recorded, facts.Need{
			Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system", Name: "metrics-server"}, facts.Known, ""},
		"recorded: only elsewhere": {Recorded, facts.Need{
			Kind: kind("apps/v1", "Deployment"), Namespace: "default"}, facts.NotHeld, "the dump has no Deployment of apps/v1 in namespace default"},
		"recorded: not everywhere": {Recorded, facts.Need{
			Kind: kind("apps/v1", "Deployment")}, facts.NotHeld, "the dump has Deployment objects of namespace kube-system only; this check looks in all namespaces"},
		"recorded: others match": {Recorded, facts.Need{
			Kind: kind("apps/v1", "Deployment"), Selector: "a=b"}, facts.NotHeld, "of namespace kube-system only; this check looks in all namespaces"},
		"recorded: never read": {Recorded, facts.Need{
			Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "kube-system"}, facts.NotHeld, "the dump has no Lease"},
		"recorded: the kind is defined":     {Recorded, facts.Need{Kind: nnc}, facts.NotHeld, "the dump has no NodeNetworkConfig"},
		"recorded: none of a kind":          {Recorded, facts.Need{Kind: kind("karpenter.sh/v1", "NodePool")}, facts.Known, ""},
		"recorded: none in any namespace":   {Recorded, facts.Need{Kind: kind("apps/v1", "DaemonSet"), Namespace: "default"}, facts.Known, ""},
		"recorded: refused":                 {Recorded, facts.Need{Kind: kind("apps/v1", "StatefulSet"), Namespace: "a"}, facts.NotPermitted, "grant it"},
		"recorded: refused, then permitted": {Recorded, facts.Need{Kind: kind("apps/v1", "StatefulSet"), Namespace: "b"}, facts.Known, ""},
		"recorded: no path":                 {Recorded, facts.Need{Path: "/readyz"}, facts.NotHeld, "no response to GET /readyz"},
		"recorded: no review":               {Recorded, facts.Need{Review: facts.Review{Verb: "delete", Resource: "nodes"}}, facts.NotHeld, "no access review"},
		"never a Secret":                    {Complete, facts.Need{Kind: kind("v1", "Secret")}, facts.NotPermitted, "never reads Secrets"},
		"selector that is none":             {Complete, facts.Need{Kind: kind("apps/v1", "Deployment"), Selector: "a in"}, facts.Failed, "selector"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := &Snapshot{Time: snapshotTime, Coverage: test.coverage, Objects: untyped(t, held...)}
			if test.coverage == Recorded {
				s.Reads = reads
			}
			answer := s.Facts([]facts.Need{test.need}).Answers[test.need]
			g.Expect(answer.State).To(Equal(test.want), answer.Message)
			g.Expect(answer.Message).To(ContainSubstring(test.message))
			g.Expect(answer.Objects).To(BeEmpty())
		})
	}
}

// What is in a dump of one namespace is found by who looks in all of them.
func TestSnapshotOfOneNamespace(t *testing.T) {
	g := NewWithT(t)
	s := &Snapshot{Time: snapshotTime, Coverage: Recorded, Objects: untyped(t, dnsDeployment), Reads: []Read{
		{Need: facts.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system"}, State: facts.Known},
	}}
	found := s.Answer(facts.Need{Kind: kind("apps/v1", "Deployment"), Selector: "k8s-app=kube-dns"})
	g.Expect(found.State).To(Equal(facts.Known), found.Message)
	g.Expect(found.Objects).To(ConsistOf(HaveField("Name", "coredns")))
	g.Expect(s.Answer(facts.Need{Kind: kind("apps/v1", "Deployment")}).State).To(Equal(facts.NotHeld), "there may be more")
}

// A snapshot that holds all definitions and API services shows which kinds exist.
func TestSnapshotKnowsWhichKindsAreServed(t *testing.T) {
	g := NewWithT(t)
	definitions := Read{Need: facts.Need{Kind: DefinitionKind}, State: facts.Known}
	services := Read{Need: facts.Need{Kind: APIServiceKind}, State: facts.Known}
	for _, test := range []struct {
		reads []Read
		kind  schema.GroupVersionKind
		want  facts.State
	}{
		{[]Read{definitions, services}, kind("cilium.io/v2", "CiliumNode"), facts.NotServed},
		{[]Read{definitions, services}, kind("acn.azure.com/v1", "NodeNetworkConfig"), facts.NotServed},
		{[]Read{definitions, services}, kind("acn.azure.com/v1alpha", "NodeNetworkConfig"), facts.NotHeld},
		{[]Read{definitions, services}, kind("metrics.k8s.io/v1beta1", "NodeMetrics"), facts.NotHeld},
		{[]Read{definitions, services}, kind("apps/v1", "Deployment"), facts.NotHeld},
		{[]Read{definitions}, kind("cilium.io/v2", "CiliumNode"), facts.NotHeld},
		{[]Read{services}, kind("cilium.io/v2", "CiliumNode"), facts.NotHeld},
	} {
		var objects []client.Object
		for kind, manifest := range map[schema.GroupVersionKind]string{DefinitionKind: nncDefinition, APIServiceKind: metricsAPI} {
			text, err := yaml.YAMLToJSON([]byte(manifest))
			g.Expect(err).NotTo(HaveOccurred())
			o, err := Decode(kind, text)
			g.Expect(err).NotTo(HaveOccurred())
			objects = append(objects, o)
		}
		s := &Snapshot{Time: snapshotTime, Reads: test.reads, Objects: objects}
		need := facts.Need{Kind: test.kind}
		g.Expect(s.Facts([]facts.Need{need}).Answers[need].State).To(Equal(test.want), "%v of %v", test.kind, test.reads)
	}
}

// What is read over a long time is as old as when it was read.
func TestSnapshotKnowsWhenItWasRead(t *testing.T) {
	g := NewWithT(t)
	need := facts.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "kube-system"}
	s := &Snapshot{Time: snapshotTime, Objects: untyped(t, schedulerLease), Reads: []Read{
		{Need: need, State: facts.Known, At: snapshotTime.Add(-time.Minute)},
		{Need: facts.Need{Kind: need.Kind}, State: facts.Known, At: snapshotTime.Add(-time.Hour)},
	}}
	given := s.Facts([]facts.Need{need})
	g.Expect(given.Now).To(Equal(snapshotTime))
	g.Expect(given.Answers[need].ReadAt).To(Equal(snapshotTime.Add(-time.Minute)), "the read of this namespace is more specific")
	g.Expect(given.Answers[need].Objects).To(HaveLen(1))
}

func TestDecode(t *testing.T) {
	g := NewWithT(t)
	decode := func(kind schema.GroupVersionKind, manifest string) (client.Object, error) {
		text, err := yaml.YAMLToJSON([]byte(manifest))
		g.Expect(err).NotTo(HaveOccurred())
		return Decode(kind, text)
	}
	o, err := decode(kind("apps/v1", "Deployment"), strings.ReplaceAll(dnsDeployment, "apps/v1", "apps/v1beta2"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o).To(BeAssignableToTypeOf(&appsv1.Deployment{}))
	g.Expect(o.GetObjectKind().GroupVersionKind()).To(Equal(kind("apps/v1", "Deployment")), "in the version in which it is read")
	g.Expect(o.GetAnnotations()).To(BeEmpty())

	o, err = decode(facts.PodKind, brokenPod)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(o.GetLabels()).To(HaveKey("k8s-app"), "by which it is found")

	o, err = decode(DefinitionKind, nncDefinition)
	g.Expect(err).NotTo(HaveOccurred())
	versions, _, err := unstructured.NestedSlice(o.(*unstructured.Unstructured).Object, "spec", "versions")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(versions).To(ConsistOf(map[string]any{"name": "v1alpha", "served": true}, map[string]any{"name": "v1", "served": false}))

	_, err = decode(kind("apps/v1", "Deployment"), `{spec: {replicas: many}}`)
	g.Expect(err).To(MatchError(ContainSubstring("replicas")))
}

func TestSnapshotAnswers(t *testing.T) {
	g := NewWithT(t)
	readyz := facts.Need{Path: "/readyz", Interval: time.Second}
	livez := facts.Need{Path: "/livez", Interval: time.Second}
	review := facts.Need{Review: facts.Review{Verb: "delete", Resource: "nodes"}, Interval: time.Minute}
	s := &Snapshot{
		Time: snapshotTime, Coverage: Complete,
		Responses: map[string]facts.Response{readyz.Path: {Status: 500, Body: "[-]etcd failed"}},
		Reviews:   map[facts.Review]ReviewAnswer{review.Review: {Reason: "no opinion"}},
	}
	given := s.Facts([]facts.Need{readyz, livez, review})
	g.Expect(given.Now).To(Equal(snapshotTime))
	g.Expect(given.Answers).To(Equal(map[facts.Need]facts.Answer{
		readyz: {State: facts.Known, ReadAt: snapshotTime, Response: facts.Response{Status: 500, Body: "[-]etcd failed"}},
		livez:  {State: facts.Known, ReadAt: snapshotTime, Response: facts.Response{Status: 404}},
		review: {State: facts.Known, ReadAt: snapshotTime, Reason: "no opinion"},
	}))
}

// What is held apart answers as if it were among the objects, and so it does for who asks for less.
func TestHeldObjects(t *testing.T) {
	g := NewWithT(t)
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	widget := func(namespace, name string) client.Object {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(2)}}}
		u.SetGroupVersionKind(kind)
		u.SetNamespace(namespace)
		u.SetName(name)
		return u
	}
	all := facts.Need{Kind: kind}
	held := func(objects ...client.Object) *Snapshot {
		s := NewRecord()
		packed, err := trim.PackList(kind, nil, objects)
		g.Expect(err).NotTo(HaveOccurred())
		s.Hold(all, facts.Answer{State: facts.Known}, packed)
		return s
	}
	s := held(widget("a", "x"), widget("b", "y"))
	g.Expect(s.Answer(all).Objects).To(Equal([]client.Object{widget("a", "x"), widget("b", "y")}))
	polled := all
	polled.Interval, polled.Mask = time.Minute, "spec"
	_, objects := s.View(polled)
	g.Expect(objects.Names()).To(Equal([]types.NamespacedName{{Namespace: "a", Name: "x"}, {Namespace: "b", Name: "y"}}), "however it is met")
	g.Expect(objects.Get(types.NamespacedName{Namespace: "b", Name: "y"})).To(Equal(widget("b", "y")))
	g.Expect(s.Answer(facts.Need{Kind: kind, Namespace: "b"}).Objects).To(Equal([]client.Object{widget("b", "y")}))
	g.Expect(s.AllObjects()).To(HaveLen(2))

	s.Add(held(widget("c", "z")))
	g.Expect(s.Answer(all).Objects).To(Equal([]client.Object{widget("c", "z")}), "read later")
}

// What was read live, or is a part of a snapshot, is answered as it is; anything else is trimmed in a copy.
func TestTrimmedObjectsAreNotCopied(t *testing.T) {
	g := NewWithT(t)
	need := facts.Need{Kind: kind("apps/v1", "Deployment")}
	whole := &Snapshot{Time: snapshotTime, Coverage: Complete, Objects: untyped(t, dnsDeployment)}
	answered := whole.Answer(need).Objects[0]
	g.Expect(whole.Objects[0].GetAnnotations()).To(HaveLen(1), "it is left as it was")
	part, err := whole.Read(t.Context(), []facts.Need{need})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(part.Answer(need).Objects[0]).To(BeIdenticalTo(answered))
	more := &Snapshot{Objects: untyped(t, metricsDeployment), Reads: []Read{{Need: need, State: facts.Known}}}
	part.Add(more)
	g.Expect(part.Answer(need).Objects).To(HaveLen(2))
	g.Expect(part.Answer(need).Objects).To(HaveEach(BeAssignableToTypeOf(&appsv1.Deployment{})), "those that were added are not trimmed")
}

// unpacking counts how often it is asked for objects.
type unpacking struct {
	facts.Objects

	times int
}

func (u *unpacking) Get(name types.NamespacedName) client.Object {
	u.times++
	return u.Objects.Get(name)
}

// What is held apart is unpacked only for who asks for that kind, and by another need than it was read for.
func TestHeldObjectsStayPacked(t *testing.T) {
	g := NewWithT(t)
	widget := &unstructured.Unstructured{}
	widget.SetGroupVersionKind(kind("example.com/v1", "Widget"))
	widget.SetName("w")
	all := facts.Need{Kind: kind("example.com/v1", "Widget")}
	held := &unpacking{Objects: trim.Sorted{widget}}
	s := NewRecord()
	s.Hold(all, facts.Answer{State: facts.Known}, held)
	for _, other := range []facts.Need{{Path: "/version"}, {Kind: kind("apps/v1", "Deployment")}, {Review: facts.Review{Verb: "get"}}} {
		s.Answer(other)
	}
	g.Expect(held.times).To(BeZero())
	all.Name = "w"
	g.Expect(s.Answer(all).Objects).To(HaveLen(1))
	g.Expect(held.times).To(Equal(1))
}
