// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/facts"
)

var (
	widgetKind     = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")
	csiNodeKind    = schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1", Kind: "CSINode"}
	nncKind        = schema.GroupVersionKind{Group: "acn.azure.com", Version: "v1alpha", Kind: "NodeNetworkConfig"}
)

// The fields that the shipped mappings read of them.
const (
	csiNodeMask = `{"metadata":{"creationTimestamp":null},"spec":{"drivers":{"*":{"name":null}}},"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}}}}`
	nncMask     = `{"metadata":{"creationTimestamp":null},"spec":{"requestedIPCount":null},"status":{"assignedIPCount":null,"conditions":{"*":{"type":null}},"networkContainers":{"*":{"status":null,"subnetName":null}}}}`
)

// object is of the kind, from YAML.
func object(t testing.TB, kind schema.GroupVersionKind, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = json.Unmarshal(asJSON, &u.Object)
	}
	if err != nil {
		t.Fatal(err)
	}
	u.SetGroupVersionKind(kind)
	return u
}

func pack(t testing.TB, kind schema.GroupVersionKind, mask string, o client.Object) Packed {
	t.Helper()
	packed, err := Pack(kind, facts.ParseMask(mask))(o)
	if err != nil {
		t.Fatal(err)
	}
	return packed.(Packed)
}

// A store holds what the mask has, and what objects are told apart by.
func TestObjectsArePackedByTheirMasks(t *testing.T) {
	widget := func(more string) *unstructured.Unstructured {
		return object(t, widgetKind, "{metadata: {namespace: ns, name: w, uid: u, resourceVersion: '7', generation: 2, labels: {a: b, c: d}}, spec: {a: 1, b: 1.5}, status: {l: [{a: 1}, {b: 2}], t: true}"+more+"}")
	}
	for mask, want := range map[string]string{
		``:                                  `{metadata: {namespace: ns, name: w, uid: u, resourceVersion: '7', generation: 2, labels: {a: b, c: d}}, spec: {a: 1, b: 1.5}, status: {l: [{a: 1}, {b: 2}], t: true}}`,
		`{}`:                                `{metadata: {namespace: ns, name: w, resourceVersion: '7'}}`,
		`{"metadata":{"name":null}}`:        `{metadata: {namespace: ns, name: w, resourceVersion: '7'}}`,
		`{"metadata":{"labels":{"a":{}}}}`:  `{metadata: {namespace: ns, name: w, resourceVersion: '7', labels: {a: b}}}`,
		`{"spec":null,"status":{"l":{}}}`:   `{metadata: {namespace: ns, name: w, resourceVersion: '7'}, spec: {a: 1, b: 1.5}, status: {l: []}}`,
		`{"status":{"l":{"*":{"a":null}}}}`: `{metadata: {namespace: ns, name: w, resourceVersion: '7'}, status: {l: [{a: 1}, {}]}}`,
		`{"kind":null,"none":null}`:         `{metadata: {namespace: ns, name: w, resourceVersion: '7'}}`,
	} {
		g := NewWithT(t)
		packed := pack(t, widgetKind, mask, widget(""))
		g.Expect(packed.Unpack()).To(Equal(object(t, widgetKind, want)), mask)
		g.Expect(Masked(widget(""), facts.ParseMask(mask))).To(Equal(object(t, widgetKind, want)), "as it is read once: %s", mask)
		key, err := cache.MetaNamespaceKeyFunc(packed)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(key).To(Equal("ns/w"))
		g.Expect(packed.GetObjectMeta().GetResourceVersion()).To(Equal("7"))
	}
	long := func() *unstructured.Unstructured {
		return object(t, widgetKind, "{metadata: {name: w}, spec: {a: '"+strings.Repeat("long ", 100)+"'}, status: {l: [1, 2.5, null, {}]}}")
	}
	packed := pack(t, widgetKind, "", long())
	NewWithT(t).Expect(packed.Unpack()).To(Equal(long()))
	NewWithT(t).Expect(len(packed.(*packedObject).content)).To(BeNumerically("<", 100))
	again, err := Pack(widgetKind, nil)(pack(t, widgetKind, "", widget("")))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(again.(Packed).Unpack()).To(Equal(widget("")), "informers may pack what is packed")
}

// A change of what nobody reads is none.
func TestSameObjects(t *testing.T) {
	const mask = `{"metadata":{"labels":{"a":null}},"status":{"conditions":{"*":{"type":null,"status":null}}}}`
	before := `{metadata: {name: w, uid: u, resourceVersion: '7', generation: 2, labels: {a: b, c: d}}, spec: {a: 1}, status: {conditions: [{type: Ready, status: 'True', reason: R}], n: 1}}`
	for name, test := range map[string]struct {
		from, to string
		same     bool
	}{
		"the resource version":      {`'7'`, `'8'`, true},
		"the generation":            {`generation: 2`, `generation: 3`, true},
		"a field nobody reads":      {`a: 1`, `a: 2`, true},
		"another label":             {`c: d`, `c: e`, true},
		"the reason of a condition": {`reason: R`, `reason: S`, true},
		"a label":                   {`a: b`, `a: c`, false},
		"a condition":               {`status: 'True'`, `status: 'False'`, false},
		"another condition":         {`reason: R}`, `reason: R}, {type: X}`, false},
		"a field that goes":         {`conditions:`, `other:`, false},
	} {
		g := NewWithT(t)
		after := strings.Replace(before, test.from, test.to, 1)
		g.Expect(after).NotTo(Equal(before))
		g.Expect(Same(pack(t, widgetKind, mask, object(t, widgetKind, before)), pack(t, widgetKind, mask, object(t, widgetKind, after)))).To(Equal(test.same), name)
		whole := Same(pack(t, widgetKind, "", object(t, widgetKind, before)), pack(t, widgetKind, "", object(t, widgetKind, after)))
		g.Expect(whole).To(Equal(name == "the resource version"), "where all is read: %s", name)
	}
}

// shop is a Deployment of a service that nobody knows.
func shop(i int) *appsv1.Deployment {
	name := fmt.Sprintf("service-%05d", i)
	labels := map[string]string{"app.kubernetes.io/name": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name, UID: types.UID(fmt.Sprintf("c41f8a27-0000-4000-8000-%012d", i)), ResourceVersion: fmt.Sprint(40000 + i),
			Generation: 1, CreationTimestamp: metav1.NewTime(time.Unix(1_790_000_000, 0)), Labels: labels, Annotations: map[string]string{"deployment.kubernetes.io/revision": "1"}},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels}, ProgressDeadlineSeconds: new(int32(600)), RevisionHistoryLimit: new(int32(10)),
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				Containers:    []corev1.Container{{Name: "main", Image: "registry.example.com/shop/" + name + ":v1.2.3", Env: []corev1.EnvVar{{Name: "A", Value: "b"}}}},
				RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, SchedulerName: corev1.DefaultSchedulerName,
			}},
		},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2, Conditions: []appsv1.DeploymentCondition{
			{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability.", LastTransitionTime: metav1.NewTime(time.Unix(1_790_000_000, 0))},
			{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable", Message: "ReplicaSet \"" + name + "-5b7f9d9c7d\" has successfully progressed."}}},
	}
}

// A workload is held as it was trimmed.
func TestWorkloadsArePacked(t *testing.T) {
	g := NewWithT(t)
	trimmed, err := Func(deploymentKind)(shop(1))
	g.Expect(err).NotTo(HaveOccurred())
	packed := pack(t, deploymentKind, "{}", shop(1))
	g.Expect(packed.Unpack()).To(Equal(trimmed), "the mask is of untyped objects")
	later := shop(1)
	later.ResourceVersion, later.Annotations = "9", nil
	g.Expect(Same(packed, pack(t, deploymentKind, "", later))).To(BeTrue())
	later = shop(1)
	later.Status.ReadyReplicas = 1
	g.Expect(Same(packed, pack(t, deploymentKind, "", later))).To(BeFalse())
}

// TestObjectsHeld: what an object takes in a store. Those of a node take 1 KiB together.
func TestObjectsHeld(t *testing.T) {
	for _, test := range heldObjects {
		t.Run(test.name, func(t *testing.T) {
			held := bytesHeld(t, test.kind, test.mask, test.make)
			t.Logf("%.0f bytes", held)
			NewWithT(t).Expect(held).To(BeNumerically("<", test.most))
		})
	}
}

func BenchmarkObjectsHeld(b *testing.B) {
	for _, bench := range heldObjects {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(bytesHeld(b, bench.kind, bench.mask, bench.make), "B/object")
			}
		})
	}
}

// BenchmarkPack is what an update of one takes.
func BenchmarkPack(b *testing.B) {
	for _, bench := range heldObjects {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				o := bench.make(b, 1)
				b.StartTimer()
				pack(b, bench.kind, bench.mask, o)
			}
		})
	}
}

// BenchmarkUnpack is what it takes to look at one.
func BenchmarkUnpack(b *testing.B) {
	for _, bench := range heldObjects {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			packed := pack(b, bench.kind, bench.mask, bench.make(b, 1))
			for b.Loop() {
				packed.Unpack()
			}
		})
	}
}

var heldObjects = []struct {
	name string
	kind schema.GroupVersionKind
	mask string
	make func(t testing.TB, i int) client.Object
	most float64
}{
	{"CSINode", csiNodeKind, csiNodeMask, csiNode, 450},
	{"NodeNetworkConfig", nncKind, nncMask, podNetwork, 574},
	{"Deployment", deploymentKind, "", func(_ testing.TB, i int) client.Object { return shop(i) }, 512},
}

func csiNode(t testing.TB, i int) client.Object {
	return object(t, csiNodeKind, strings.ReplaceAll(`
metadata: {name: aks-user-25795745-vmssNUM, uid: c41f8a27-0000-4000-8000-NUM, resourceVersion: "400NUM", creationTimestamp: "2026-10-02T11:55:00Z",
  annotations: {storage.alpha.kubernetes.io/migrated-plugins: "kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd"}}
spec:
  drivers:
  - {name: disk.csi.azure.com, nodeID: aks-user-25795745-vmssNUM, topologyKeys: [topology.disk.csi.azure.com/zone], allocatable: {count: 8}}
  - {name: file.csi.azure.com, nodeID: aks-user-25795745-vmssNUM}
`, "NUM", fmt.Sprintf("%06d", i)))
}

func podNetwork(t testing.TB, i int) client.Object {
	return object(t, nncKind, strings.ReplaceAll(`
metadata: {namespace: kube-system, name: aks-user-25795745-vmssNUM, uid: c41f8a27-0000-4000-8000-NUM, resourceVersion: "400NUM", generation: 1, creationTimestamp: "2026-10-02T11:55:00Z",
  labels: {managed: "true", owner: aks-user-25795745-vmssNUM, podnetwork-type: overlay}, finalizers: [finalizers.acn.azure.com/dnc-operations]}
spec: {requestedIPCount: 250}
status:
  assignedIPCount: 256
  networkContainers:
  - {assignmentMode: static, id: c41f8a27-0000-4000-8000-NUM, nodeIP: 10.224.0.4, primaryIP: 10.244.0.0/24, subnetAddressSpace: 10.244.0.0/16, subnetName: routingdomain_c41f8a27_overlaysubnet, type: overlay, version: 0}
`, "NUM", fmt.Sprintf("%06d", i)))
}

// bytesHeld is what each of 5,000 takes in a store, its key included.
func bytesHeld(t testing.TB, kind schema.GroupVersionKind, mask string, make func(testing.TB, int) client.Object) float64 {
	t.Helper()
	const count = 5000
	var before, after runtime.MemStats
	store := cache.NewStore(cache.MetaNamespaceKeyFunc)
	settle()
	runtime.ReadMemStats(&before)
	for i := range count {
		if err := store.Add(pack(t, kind, mask, make(t, i))); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(store)
	return float64(after.HeapAlloc-before.HeapAlloc) / count
}

// settle frees what is not held, pools included.
func settle() {
	runtime.GC()
	runtime.GC()
}
