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
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/nodestate"
)

func trimmedNode(conditions ...corev1.NodeCondition) *corev1.Node {
	return Node(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Annotations: map[string]string{"a": "b"}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: "sku", Value: "gpu", Effect: corev1.TaintEffectNoSchedule, TimeAdded: new(metav1.Now())}}},
		Status:     corev1.NodeStatus{Conditions: conditions},
	})
}

// Messages are kept only of conditions that tell of a fault, and not at any length.
func TestNodesKeepMessagesOfFaults(t *testing.T) {
	for _, test := range []struct {
		conditionType corev1.NodeConditionType
		status        corev1.ConditionStatus
		kept          string
	}{
		{corev1.NodeReady, corev1.ConditionTrue, ""},
		{corev1.NodeReady, corev1.ConditionFalse, "why"},
		{corev1.NodeReady, corev1.ConditionUnknown, "why"},
		{"KubeletProblem", corev1.ConditionFalse, ""},
		{"KubeletProblem", corev1.ConditionTrue, "why"},
		{"KubeletProblem", corev1.ConditionUnknown, "why"},
	} {
		g := NewWithT(t)
		c := corev1.NodeCondition{Type: test.conditionType, Status: test.status, Message: "why"}
		g.Expect(trimmedNode(c).Status.Conditions[0].Message).To(Equal(test.kept), "%s is %s", c.Type, c.Status)
		c.Message = strings.Repeat("x", 5000)
		g.Expect(len(trimmedNode(c).Status.Conditions[0].Message)).To(BeNumerically("<=", MaxConditionMessage))
	}
}

func TestNodesKeepTheirTaints(t *testing.T) {
	NewWithT(t).Expect(trimmedNode().Spec.Taints).To(Equal([]corev1.Taint{{Key: "sku", Value: "gpu", Effect: corev1.TaintEffectNoSchedule}}))
}

// A node that is being deleted is one that leaves.
func TestNodesKeepThatTheyAreDeleted(t *testing.T) {
	g := NewWithT(t)
	deleted := Node(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", DeletionTimestamp: new(metav1.Now())}})
	g.Expect(nodestate.IsLeaving(deleted, time.Now())).To(BeTrue())
	g.Expect(packNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}).Same(packNode(deleted))).To(BeFalse())
}

// Of an update of a node only that is news which a check reads.
func TestSameNode(t *testing.T) {
	g := NewWithT(t)
	same := func(change func(*corev1.Node)) bool {
		before := aksNode(t, 10)
		after := before.DeepCopy()
		change(after)
		return Same(packNode(before), packNode(after))
	}
	ready := func(n *corev1.Node) *corev1.NodeCondition { return nodestate.Condition(n, string(corev1.NodeReady)) }
	for name, change := range map[string]func(*corev1.Node){
		"a heartbeat":               func(n *corev1.Node) { ready(n).LastHeartbeatTime = metav1.Now() },
		"a version":                 func(n *corev1.Node) { n.ResourceVersion = "2" },
		"an image":                  func(n *corev1.Node) { n.Status.Images = []corev1.ContainerImage{{SizeBytes: 1}} },
		"an annotation":             func(n *corev1.Node) { n.Annotations = map[string]string{"a": "b"} },
		"words of what is well":     func(n *corev1.Node) { n.Status.Conditions[0].Message = "other words" },
		"the machine's boot number": func(n *corev1.Node) { n.Status.NodeInfo.BootID = "2" },
	} {
		g.Expect(same(change)).To(BeTrue(), name)
	}
	for name, change := range map[string]func(*corev1.Node){
		"a message of a fault": func(n *corev1.Node) { ready(n).Message = "other words" },
		"a status":             func(n *corev1.Node) { ready(n).Status = corev1.ConditionFalse },
		"a reason":             func(n *corev1.Node) { n.Status.Conditions[0].Reason = "Other" },
		"another condition": func(n *corev1.Node) {
			n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: "GPUMissing"})
		},
		"a label":             func(n *corev1.Node) { n.Labels["kubernetes.azure.com/mode"] = "system" },
		"the host name":       func(n *corev1.Node) { n.Labels[corev1.LabelHostname] = "other" },
		"a taint":             func(n *corev1.Node) { n.Spec.Taints = nil },
		"cordoned":            func(n *corev1.Node) { n.Spec.Unschedulable = true },
		"its machine":         func(n *corev1.Node) { n.Spec.ProviderID += "0" },
		"its provider":        func(n *corev1.Node) { n.Spec.ProviderID = "aws:///0" },
		"its pods' addresses": func(n *corev1.Node) { n.Spec.PodCIDR = "10.244.0.0/24" },
		"its kubelet":         func(n *corev1.Node) { n.Status.NodeInfo.KubeletVersion = "v1.36.0" },
	} {
		g.Expect(same(change)).To(BeFalse(), name)
	}
}

// What is packed comes out as it went in, whatever labels and provider IDs look like.
func TestNodesUnpack(t *testing.T) {
	g := NewWithT(t)
	n := aksNode(t, 10)
	n.Namespace, n.ResourceVersion, n.CreationTimestamp = "", "7", metav1.NewTime(time.Unix(1_780_000_000, 0))
	n.Labels["value"], n.Labels["empty"] = n.Name+"."+n.Name, ""
	n.Spec.PodCIDR, n.Spec.Unschedulable = "10.244.0.0/24", true
	n.Status.Conditions[3].LastTransitionTime = metav1.NewTime(time.Unix(1_790_000_000, 0))
	g.Expect(packNode(n).GetObjectMeta().GetName()).To(Equal(n.Name))
	g.Expect(packNode(n).GetObjectMeta().GetResourceVersion()).To(Equal("7"), "informers tell updates apart by it")
	want := n.DeepCopy()
	for i := range want.Status.Conditions[:14] {
		want.Status.Conditions[i].Message = ""
	}
	g.Expect(Unpacked(packNode(n))).To(BeComparableTo(want))
	for _, id := range []string{"", "aks", "azure:///a/", "/", "a//b"} {
		n.Spec.ProviderID = id
		g.Expect(Node(n).Spec.ProviderID).To(Equal(id))
	}
	g.Expect(Node(&corev1.Node{}).Labels).To(BeEmpty())
	g.Expect(Node(n)).To(BeComparableTo(Node(Node(n))), "what is trimmed stays as it is")
}

// aksNode returns a node as AKS has it, decoded anew, so that it shares nothing with others.
func aksNode(b testing.TB, i int) *corev1.Node {
	b.Helper()
	name := fmt.Sprintf("aks-user-25795745-vmss%06d", i)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}}
	for _, key := range []string{"agentpool", "cluster", "mode", "role", "node-image-version", "os-sku", "nodepool-type", "network-subnet", "sku-cpu", "sku-memory"} {
		n.Labels["kubernetes.azure.com/"+key] = "value-of-" + key
	}
	n.Spec.ProviderID = fmt.Sprintf("azure:///subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mc_rg_aks_westeurope/"+
		"providers/Microsoft.Compute/virtualMachineScaleSets/aks-user-25795745-vmss/virtualMachines/%d", i)
	n.Spec.Taints = []corev1.Taint{{Key: "kubernetes.azure.com/scalesetpriority", Value: "spot", Effect: corev1.TaintEffectNoSchedule}}
	n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.35.8", ContainerRuntimeVersion: "containerd://2.2.4", OSImage: "Azure Linux 3.0", OperatingSystem: "linux"}
	for c := range 14 {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(fmt.Sprintf("Condition%d", c)), Status: corev1.ConditionFalse, Reason: fmt.Sprintf("Reason%d", c),
			Message: fmt.Sprintf("what condition %d says of a node that is well", c), LastHeartbeatTime: metav1.NewTime(time.Unix(int64(i), 0)),
		})
	}
	if i%10 == 0 {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status."})
	}
	raw, err := json.Marshal(n)
	if err != nil {
		b.Fatal(err)
	}
	decoded := &corev1.Node{}
	if err := json.Unmarshal(raw, decoded); err != nil {
		b.Fatal(err)
	}
	return decoded
}

// BenchmarkNodesHeld reports how much memory each of 5,000 nodes takes, a tenth of which are down.
func BenchmarkNodesHeld(b *testing.B) {
	const count = 5000
	transform := Pack(facts.Nodes.Kind, nil)
	var before, after runtime.MemStats
	for b.Loop() {
		held := make([]any, 0, count)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range count {
			trimmed, err := transform(aksNode(b, i))
			if err != nil {
				b.Fatal(err)
			}
			held = append(held, trimmed)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/count, "B/node")
		runtime.KeepAlive(held)
	}
}

// Of what tells which versions run, only that is held.
func TestRevisionsAreTrimmed(t *testing.T) {
	g := NewWithT(t)
	owners := []metav1.OwnerReference{{Kind: "Deployment", Name: "web", Controller: new(true)}}
	meta := metav1.ObjectMeta{Name: "web-1", OwnerReferences: owners, Annotations: map[string]string{"a": "b"}}
	kept := metav1.ObjectMeta{Name: "web-1", OwnerReferences: owners}
	container := corev1.Container{Name: "c", Image: "r/c:v1"}
	full := container
	full.Env, full.Args = []corev1.EnvVar{{Name: "PASSWORD", Value: "secret"}}, []string{"--token=secret"}
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{full}, ServiceAccountName: "a"}}

	rs, err := Func(facts.ReplicaSetKind)(&appsv1.ReplicaSet{ObjectMeta: meta,
		Spec:   appsv1.ReplicaSetSpec{Replicas: new(int32(2)), Template: template},
		Status: appsv1.ReplicaSetStatus{Replicas: 2, ReadyReplicas: 1, AvailableReplicas: 1, ObservedGeneration: 7}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(rs).To(Equal(&appsv1.ReplicaSet{ObjectMeta: kept,
		Spec:   appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}},
		Status: appsv1.ReplicaSetStatus{Replicas: 2, ReadyReplicas: 1}}))

	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
	g.Expect(err).NotTo(HaveOccurred())
	cr, err := Func(facts.ControllerRevisionKind)(&appsv1.ControllerRevision{ObjectMeta: meta, Revision: 7, Data: k8sruntime.RawExtension{Raw: patch}})
	g.Expect(err).NotTo(HaveOccurred())
	data := `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"r/c:v1"}]}}}}`
	g.Expect(cr).To(Equal(&appsv1.ControllerRevision{ObjectMeta: kept, Revision: 7, Data: k8sruntime.RawExtension{Raw: []byte(data)}}))
	odd, err := Func(facts.ControllerRevisionKind)(&appsv1.ControllerRevision{Data: k8sruntime.RawExtension{Raw: []byte(`["not a template"]`)}})
	g.Expect(err).NotTo(HaveOccurred(), "one that is not understood spoils no list")
	g.Expect(odd.(*appsv1.ControllerRevision).Data.Raw).To(MatchJSON(`{"spec":{"template":{"spec":{}}}}`))
}

// Of the certificates of a webhook it is kept whether there are any.
func TestWebhooksKeepWhetherTheyHaveCertificates(t *testing.T) {
	g := NewWithT(t)
	kind := admissionv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration")
	u := &unstructured.Unstructured{Object: map[string]any{"webhooks": []any{
		map[string]any{"name": "a", "clientConfig": map[string]any{"caBundle": strings.Repeat("x", 5000), "url": "kept"}},
		map[string]any{"name": "b", "clientConfig": map[string]any{"caBundle": ""}},
		map[string]any{"name": "c", "clientConfig": map[string]any{}}, "odd",
	}}}
	_, err := Func(kind)(u)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(u.Object["webhooks"]).To(Equal([]any{
		map[string]any{"name": "a", "clientConfig": map[string]any{"caBundle": CABundle, "url": "kept"}},
		map[string]any{"name": "b", "clientConfig": map[string]any{"caBundle": ""}},
		map[string]any{"name": "c", "clientConfig": map[string]any{}}, "odd",
	}))
}

// Of the machines that Karpenter makes only what became of them is held: what was asked for lists hundreds of types.
func TestNodeClaimsAreTrimmed(t *testing.T) {
	g := NewWithT(t)
	claim := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "default-1"}, "spec": map[string]any{"requirements": []any{"many"}},
		"status": map[string]any{"capacity": map[string]any{"cpu": "4"}, "allocatable": map[string]any{"cpu": "4"}, "conditions": []any{"Launched"}}}}
	trimmed, err := Func(schema.GroupVersionKind{Group: "karpenter.sh", Version: "v1", Kind: "NodeClaim"})(claim)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(trimmed.(*unstructured.Unstructured).Object).To(Equal(map[string]any{
		"metadata": map[string]any{"name": "default-1"}, "status": map[string]any{"conditions": []any{"Launched"}}}))
}

func TestNodeNetworkConfigsAreTrimmed(t *testing.T) {
	g := NewWithT(t)
	trimmed := func(status map[string]any) any {
		u, err := Func(schema.GroupVersionKind{Group: "acn.azure.com", Version: "v1alpha", Kind: "NodeNetworkConfig"})(&unstructured.Unstructured{
			Object: map[string]any{"status": status}})
		g.Expect(err).NotTo(HaveOccurred())
		return u.(*unstructured.Unstructured).Object["status"]
	}
	g.Expect(trimmed(map[string]any{"assignedIPCount": int64(2), "networkContainers": []any{
		map[string]any{"id": "a", "status": "NCUpdateSuccess", "ipAssignments": []any{map[string]any{"ip": "10.0.0.4"}}}, "not a container"}})).
		To(Equal(map[string]any{"assignedIPCount": int64(2), "networkContainers": []any{map[string]any{"id": "a", "status": "NCUpdateSuccess"}, "not a container"}}))
	g.Expect(trimmed(map[string]any{"networkContainers": "none"})).To(Equal(map[string]any{"networkContainers": "none"}))
}

func TestSigningRequestsAreTrimmed(t *testing.T) {
	g := NewWithT(t)
	request := &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"signerName": "s", "username": "u", "request": "long", "groups": []any{"g"}, "extra": map[string]any{}, "usages": []any{"x"}},
		"status": map[string]any{"certificate": "long", "conditions": []any{"Approved"}}}}
	trimmed, err := Func(schema.GroupVersionKind{Group: "certificates.k8s.io", Version: "v1", Kind: "CertificateSigningRequest"})(request)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(trimmed.(*unstructured.Unstructured).Object).To(Equal(map[string]any{
		"spec": map[string]any{"signerName": "s", "username": "u"}, "status": map[string]any{"certificate": CABundle, "conditions": []any{"Approved"}}}),
		"of a request is kept who asks whom, and whether it was answered")
}
