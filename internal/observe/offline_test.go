// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/check"
)

var dumpTime = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

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

func TestDumpFindsObjects(t *testing.T) {
	manifests := []string{metricsDeployment, dnsDeployment, otherDeployment, nncDefinition, metricsAPI, localAPI, schedulerLease, runningPod, brokenPod}
	for name, test := range map[string]struct {
		need check.Need
		want []string
	}{
		"in a namespace, sorted":     {check.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system"}, []string{"coredns", "metrics-server"}},
		"in all namespaces":          {check.Need{Kind: kind("apps/v1", "Deployment")}, []string{"coredns", "coredns", "metrics-server"}},
		"by name":                    {check.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system", Name: "coredns"}, []string{"coredns"}},
		"by label":                   {check.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system", Selector: "k8s-app in (kube-dns)"}, []string{"coredns"}},
		"of another version":         {check.Need{Kind: kind("apps/v1beta1", "Deployment")}, nil},
		"pods that are not settled":  {check.Need{Kind: check.PodKind, Namespace: "kube-system", Selector: "k8s-app=kube-dns", Interval: time.Second}, []string{"b"}},
		"none of a built-in kind":    {check.Need{Kind: kind("apps/v1", "StatefulSet")}, nil},
		"none of a defined kind":     {check.Need{Kind: kind("acn.azure.com/v1alpha", "NodeNetworkConfig")}, nil},
		"none of an aggregated kind": {check.Need{Kind: kind("metrics.k8s.io/v1beta1", "NodeMetrics")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dump := &Dump{Time: dumpTime, Coverage: Complete, Objects: untyped(t, manifests...)}
			answer := dump.Facts([]check.Need{test.need}).Answers[test.need]
			g.Expect(answer.State).To(Equal(check.Known), answer.Message)
			g.Expect(answer.ReadAt).To(Equal(dumpTime))
			var names []string
			for _, o := range answer.Objects {
				names = append(names, o.GetName())
			}
			g.Expect(names).To(Equal(test.want))
		})
	}
}

func TestDumpReadsWhatLiveReads(t *testing.T) {
	g := NewWithT(t)
	objects := untyped(t, dnsDeployment, schedulerLease, nncDefinition, brokenPod)
	objects = append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Annotations: map[string]string{"a": "b"}}})
	typed := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{"a": "b"}}}
	dump := &Dump{Time: dumpTime, Coverage: Complete, Objects: append(objects, typed)}
	only := func(need check.Need) client.Object {
		answer := dump.Facts([]check.Need{need}).Answers[need]
		g.Expect(answer.Objects).To(HaveLen(1), "%v: %s", need, answer.Message)
		return answer.Objects[0]
	}
	deployment := only(check.Need{Kind: kind("apps/v1", "Deployment")})
	g.Expect(deployment).To(BeAssignableToTypeOf(&appsv1.Deployment{}))
	g.Expect(deployment.GetAnnotations()).To(BeEmpty(), "no check reads them")
	g.Expect(deployment.(*appsv1.Deployment).Spec.Template.Spec).To(Equal(corev1.PodSpec{
		Containers: []corev1.Container{{Name: "coredns", Image: "coredns:v1.13.1"}}}), "no check reads more")
	g.Expect(objects[0].GetAnnotations()).To(HaveKey("a"), "the dump keeps what it holds")
	g.Expect(only(check.Need{Kind: kind("apps/v1", "StatefulSet")}).GetAnnotations()).To(BeEmpty())
	g.Expect(typed.Annotations).To(HaveKey("a"), "and what it holds as a type")

	lease := only(check.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Interval: time.Second})
	g.Expect(lease.(*coordinationv1.Lease).Spec.RenewTime.Time).To(BeTemporally("==", dumpTime.Add(-2*time.Second)))

	definition := only(check.Need{Kind: kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")}).(*unstructured.Unstructured)
	g.Expect(definition.Object["spec"]).NotTo(HaveKey("versions"), "the schemas are most of its size")

	g.Expect(only(check.NodesNeed)).To(BeAssignableToTypeOf(&corev1.Node{}))
	g.Expect(only(check.NodesNeed).GetAnnotations()).To(BeEmpty())
	g.Expect(only(check.Need{Kind: check.PodKind, Interval: time.Second})).To(BeAssignableToTypeOf(&corev1.Pod{}))
	node := only(check.Need{Kind: kind("v1", "Node"), Name: "n"})
	g.Expect(node.GetObjectKind().GroupVersionKind()).To(Equal(check.NodesNeed.Kind))
}

// What a dump does not hold is absent only where the dump tells all.
func TestDumpTellsAbsentFromUnseen(t *testing.T) {
	held := []string{dnsDeployment, nncDefinition, metricsAPI, localAPI}
	nnc := kind("acn.azure.com/v1alpha", "NodeNetworkConfig")
	for name, test := range map[string]struct {
		coverage Coverage
		need     check.Need
		want     check.State
		message  string
	}{
		"complete: no such object":       {Complete, check.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "kube-system"}, check.Known, ""},
		"complete: no such kind":         {Complete, check.Need{Kind: kind("cilium.io/v2", "CiliumNode")}, check.NotServed, "does not serve CiliumNode in cilium.io/v2"},
		"complete: version not served":   {Complete, check.Need{Kind: kind("acn.azure.com/v1", "NodeNetworkConfig")}, check.NotServed, "acn.azure.com/v1"},
		"complete: nothing aggregated":   {Complete, check.Need{Kind: kind("keda.sh/v1", "ScaledObject")}, check.NotServed, "keda.sh/v1"},
		"complete: no such path":         {Complete, check.Need{Path: "/readyz"}, check.Known, ""},
		"complete: refused for no words": {Complete, check.Need{Review: check.Review{Verb: "delete", Resource: "nodes"}}, check.Known, ""},
		"partial: others of the kind are held": {Partial, check.Need{
			Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system", Name: "metrics-server"}, check.Known, ""},
		"partial: others are held elsewhere": {Partial, check.Need{
			Kind: kind("apps/v1", "Deployment"), Namespace: "default"}, check.Failed, "the dump holds no Deployment of apps/v1 in namespace default"},
		"partial: none is held": {Partial, check.Need{
			Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "kube-system"}, check.Failed, "the dump holds no Lease"},
		"partial: the kind is defined": {Partial, check.Need{Kind: nnc}, check.Failed, "the dump holds no NodeNetworkConfig"},
		"partial: no path":             {Partial, check.Need{Path: "/readyz"}, check.Failed, "no answer to GET /readyz"},
		"partial: no review":           {Partial, check.Need{Review: check.Review{Verb: "delete", Resource: "nodes"}}, check.Failed, "no access review"},
		"never a Secret":               {Complete, check.Need{Kind: kind("v1", "Secret")}, check.NotPermitted, "reads no Secrets"},
		"selector that is none":        {Complete, check.Need{Kind: kind("apps/v1", "Deployment"), Selector: "a in"}, check.Failed, "selector"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dump := &Dump{Time: dumpTime, Coverage: test.coverage, Objects: untyped(t, held...)}
			answer := dump.Facts([]check.Need{test.need}).Answers[test.need]
			g.Expect(answer.State).To(Equal(test.want), answer.Message)
			g.Expect(answer.Message).To(ContainSubstring(test.message))
			g.Expect(answer.Objects).To(BeEmpty())
		})
	}
}

func TestDumpAnswers(t *testing.T) {
	g := NewWithT(t)
	readyz := check.Need{Path: "/readyz", Interval: time.Second}
	livez := check.Need{Path: "/livez", Interval: time.Second}
	review := check.Need{Review: check.Review{Verb: "delete", Resource: "nodes"}, Interval: time.Minute}
	dump := &Dump{
		Time: dumpTime, Coverage: Complete,
		Responses: map[string]check.Response{readyz.Path: {Status: 500, Body: "[-]etcd failed"}},
		Reviews:   map[check.Review]ReviewAnswer{review.Review: {Reason: "no opinion"}},
	}
	facts := dump.Facts([]check.Need{readyz, livez, review})
	g.Expect(facts.Now).To(Equal(dumpTime))
	g.Expect(facts.Answers).To(Equal(map[check.Need]check.Answer{
		readyz: {State: check.Known, ReadAt: dumpTime, Response: check.Response{Status: 500, Body: "[-]etcd failed"}},
		livez:  {State: check.Known, ReadAt: dumpTime, Response: check.Response{Status: 404}},
		review: {State: check.Known, ReadAt: dumpTime, Reason: "no opinion"},
	}))
}

// What a view wants after it has seen something is shown to it, and so is what it then wants.
func TestDumpShowsWhatIsWanted(t *testing.T) {
	g := NewWithT(t)
	dump := &Dump{Time: dumpTime, Coverage: Complete, Objects: untyped(t, dnsDeployment, brokenPod)}
	deployments := check.Need{Kind: kind("apps/v1", "Deployment")}
	pods := check.Need{Kind: check.PodKind, Namespace: "kube-system", Interval: time.Second}
	looks := 0
	seen := dump.Observe([]check.Need{deployments}, func(facts check.Facts) Seen {
		looks++
		g.Expect(facts.Answers[deployments].Objects).To(HaveLen(1))
		if facts.Answers[check.NodesNeed].State == check.Pending {
			return Seen{Wants: []check.Need{check.NodesNeed}}
		}
		return Seen{What: len(facts.Answers[pods].Objects), Wants: []check.Need{check.NodesNeed, pods}}
	})
	g.Expect(seen.What).To(Equal(1))
	g.Expect(looks).To(Equal(3))

	looks = 0
	dump.Observe(nil, func(check.Facts) Seen { looks++; return Seen{} })
	g.Expect(looks).To(Equal(1), "nothing was wanted")

	looks = 0
	dump.Observe(nil, func(check.Facts) Seen {
		looks++
		return Seen{Wants: []check.Need{{Path: fmt.Sprint("/", looks)}}}
	})
	g.Expect(looks).To(Equal(1+maxLooks), "a view that is never content is not shown the world")
}
