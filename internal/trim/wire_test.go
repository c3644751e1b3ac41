// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/meta"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/randfill"

	"github.com/archmap/archmap/internal/facts"
)

var protobufs = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)

// randomObjects fills objects at random, but the data of revisions as a controller writes it.
func randomObjects(seed int64) *randfill.Filler {
	return fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{func(raw *runtime.RawExtension, _ randfill.Continue) {
			raw.Raw = []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"b"}]}}}}`)
		}}
	}), rand.NewSource(seed), serializer.NewCodecFactory(scheme.Scheme))
}

// typedKinds are those that are decoded into types.
func typedKinds() []schema.GroupVersionKind {
	var kinds []schema.GroupVersionKind
	for kind := range scheme.Scheme.AllKnownTypes() {
		if !Untyped(kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func encoded(t testing.TB, o runtime.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := protobufs.Encode(o, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decoded(t testing.TB, text []byte, into runtime.Object) {
	t.Helper()
	if _, _, err := protobufs.Decode(text, nil, into); err != nil {
		t.Fatal(err)
	}
}

// Whatever a kind has in it, what is trimmed on the wire is the same as what is decoded whole and trimmed then.
func TestTheWireDropsNothingThatIsKept(t *testing.T) {
	random := randomObjects(1)
	kinds := typedKinds()
	NewWithT(t).Expect(len(kinds)).To(BeNumerically(">=", 9))
	for _, kind := range kinds {
		t.Run(kind.Kind, func(t *testing.T) {
			g := NewWithT(t)
			for range 50 {
				whole := New(kind)
				random.Fill(whole)
				whole.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubelet"}})
				whole.GetObjectKind().SetGroupVersionKind(kind)
				text := encoded(t, whole)
				wired := Wire(nil, text)
				g.Expect(len(wired)).To(BeNumerically("<", len(text)), "add the kind to unreadOf")

				less := New(kind)
				decoded(t, wired, less)
				again := New(kind)
				decoded(t, text, again)
				want, err := Func(kind)(again)
				g.Expect(err).NotTo(HaveOccurred())
				got, err := Func(kind)(less)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(got).To(Equal(want))
			}
		})
	}
}

// Lists and the events of watches are trimmed as their objects are.
func TestTheWireTrimsListsAndEvents(t *testing.T) {
	g, random := NewWithT(t), randomObjects(2)
	for _, kind := range typedKinds() {
		o := New(kind)
		random.Fill(o)
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubelet"}})
		o.GetObjectKind().SetGroupVersionKind(kind)
		trimmed := Wire(nil, encoded(t, o))

		event := &metav1.WatchEvent{Type: "MODIFIED", Object: runtime.RawExtension{Raw: encoded(t, o)}}
		text, err := event.Marshal()
		g.Expect(err).NotTo(HaveOccurred())
		var got metav1.WatchEvent
		g.Expect(got.Unmarshal(WireEvent(nil, text))).To(Succeed())
		g.Expect(got.Type).To(Equal("MODIFIED"))
		g.Expect(got.Object.Raw).To(Equal(trimmed))

		list := NewList(kind)
		list.SetResourceVersion("7")
		list.SetContinue("next")
		g.Expect(meta.SetList(list, []runtime.Object{o, o})).To(Succeed())
		list.GetObjectKind().SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		less := NewList(kind)
		decoded(t, Wire(nil, encoded(t, list)), less)
		g.Expect(less.GetResourceVersion()).To(Equal("7"))
		g.Expect(less.GetContinue()).To(Equal("next"))
		want := New(kind)
		decoded(t, trimmed, want)
		items, err := meta.ExtractList(less)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(items).To(HaveLen(2))
		want.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		for _, item := range items {
			item.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
			g.Expect(item).To(Equal(runtime.Object(want)))
		}
	}
}

// By an annotation of a node that is none a watch tells that all nodes have been sent.
func TestTheWireKeepsBookmarks(t *testing.T) {
	g := NewWithT(t)
	bookmark := &corev1.Node{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}
	bookmark.GetObjectKind().SetGroupVersionKind(facts.Nodes.Kind)
	text, err := (&metav1.WatchEvent{Type: "BOOKMARK", Object: runtime.RawExtension{Raw: encoded(t, bookmark)}}).Marshal()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(WireEvent(nil, text)).To(Equal(text))
}

// What is cut, or no protobuf, goes through as it is: the decoder says what is wrong.
func FuzzWire(f *testing.F) {
	node := encoded(f, bigNode())
	f.Add(node)
	event, err := (&metav1.WatchEvent{Type: "ADDED", Object: runtime.RawExtension{Raw: node}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(event)
	f.Add([]byte("k8s\x00"))
	f.Add([]byte(`{"kind":"Node"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, cut := range []int{0, len(text) / 2, len(text)} {
			for _, trimmed := range [][]byte{Wire(nil, text[:cut]), WireEvent(nil, text[:cut])} {
				if len(trimmed) > cut+16 {
					t.Errorf("%d bytes were made of %d", len(trimmed), cut)
				}
			}
		}
	})
}

// bigNode is a node as AKS has them: 50 images, 14 conditions, 38 labels.
func bigNode() *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "aks-userpool-12345678-vmss000001", Labels: map[string]string{}}}
	for i := range 38 {
		n.Labels[fmt.Sprintf("kubernetes.azure.com/label-%d", i)] = fmt.Sprint("value-", i)
	}
	for i := range 14 {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: corev1.NodeConditionType(fmt.Sprint("Problem", i)), Status: corev1.ConditionFalse, Reason: fmt.Sprint("NoProblem", i), Message: "all is well"})
	}
	for i := range 50 {
		n.Status.Images = append(n.Status.Images, corev1.ContainerImage{SizeBytes: 1 << 27, Names: []string{
			fmt.Sprintf("mcr.microsoft.com/oss/v2/kubernetes/image-%d@sha256:%064d", i, i), fmt.Sprintf("mcr.microsoft.com/oss/v2/kubernetes/image-%d:v1.2.3", i)}})
	}
	n.GetObjectKind().SetGroupVersionKind(facts.Nodes.Kind)
	return n
}

// BenchmarkNodeOnWire shows what it costs to decode and pack a node with and without its unread fields on the wire.
func BenchmarkNodeOnWire(b *testing.B) {
	kind := facts.Nodes.Kind
	text := encoded(b, bigNode())
	b.Logf("%d bytes, trimmed %d", len(text), len(Wire(nil, text)))
	pack := Pack(kind, nil)
	for name, wire := range map[string]func([]byte) []byte{"whole": func(text []byte) []byte { return text }, "trimmed": func(text []byte) []byte { return Wire(nil, text) }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := New(kind)
				decoded(b, wire(text), n)
				if _, err := pack(n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
