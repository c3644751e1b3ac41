// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// The estimate of what a store takes is not far from what it takes.
func TestSize(t *testing.T) {
	const objects = 2000
	meta := func(i int) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "kube-system", Name: fmt.Sprintf("aks-userpool-12345678-vmss%06d", i), ResourceVersion: fmt.Sprint(1000000 + i)}
	}
	for _, one := range []func(i int) client.Object{
		func(i int) client.Object {
			n := &corev1.Node{ObjectMeta: meta(i)}
			n.Namespace = ""
			n.Spec = corev1.NodeSpec{PodCIDR: fmt.Sprintf("10.1.%d.0/24", i%256), ProviderID: fmt.Sprintf("azure:///subscriptions/a/virtualMachines/%d", i)}
			for c := range 14 {
				n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
					Type: corev1.NodeConditionType(fmt.Sprint("Problem", c)), Status: corev1.ConditionFalse, LastHeartbeatTime: metav1.NewTime(time.Unix(int64(i), 0))})
			}
			return n
		},
		func(i int) client.Object {
			return &appsv1.Deployment{ObjectMeta: meta(i), Spec: appsv1.DeploymentSpec{Replicas: new(int32(2))}}
		},
	} {
		g := NewWithT(t)
		kind, err := apiutil.GVKForObject(one(0), scheme.Scheme)
		g.Expect(err).NotTo(HaveOccurred())
		pack, store := Pack(kind, nil), cache.NewStore(cache.MetaNamespaceKeyFunc)
		before, estimate := liveBytes(), 0
		for i := range objects {
			packed, err := pack(one(i))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(store.Add(packed)).To(Succeed())
			estimate += Size(packed)
		}
		took := int(liveBytes()) - int(before)
		runtime.KeepAlive(store)
		t.Logf("%s: %d bytes each, estimated as %d", kind.Kind, took/objects, estimate/objects)
		g.Expect(float64(estimate)).To(BeNumerically("~", took, float64(took)/4), kind.Kind)
	}
	NewWithT(t).Expect(Size(&corev1.Node{})).To(BeZero(), "it is not packed")
}

func liveBytes() uint64 {
	runtime.GC()
	runtime.GC() // what was interned is freed by the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
