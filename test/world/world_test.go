// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

var (
	dns    = world.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"}
	cilium = world.Ref{Kind: "DaemonSet", Namespace: "kube-system", Name: "cilium"}
)

func overlayCilium(g Gomega) *world.World {
	shape, err := shapes.Load("overlay-cilium")
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(shape)
	g.Expect(err).NotTo(HaveOccurred())
	return w
}

// find returns an object as it can be read now.
func find[T client.Object](g Gomega, w *world.World, ref world.Ref) T {
	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	for _, o := range s.Objects {
		if typed, ok := o.(T); ok && o.GetNamespace() == ref.Namespace && o.GetName() == ref.Name {
			return typed
		}
	}
	g.Expect(ref).To(BeNil(), "it is not there")
	panic("unreachable")
}

// podsOf lists the pods of a workload: node, phase, ready, and whether they are going.
func podsOf(g Gomega, w *world.World, ref world.Ref) []string {
	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	var out []string
	for _, o := range s.Objects {
		pod, ok := o.(*corev1.Pod)
		if !ok || pod.Namespace != ref.Namespace || !strings.HasPrefix(pod.OwnerReferences[0].Name, ref.Name) || len(pod.OwnerReferences[0].Name) > len(ref.Name)+12 {
			continue
		}
		ready := corev1.ConditionUnknown
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady {
				ready = c.Status
			}
		}
		out = append(out, fmt.Sprintf("%s %s %s %t", pod.Spec.NodeName, pod.Status.Phase, ready, pod.DeletionTimestamp != nil))
	}
	return out
}

const (
	system0 = "aks-system-11091932-vmss000000"
	system1 = "aks-system-11091932-vmss000001"
	user0   = "aks-user-25795745-vmss000000"
)

// A node is noticed to be down after a while; DaemonSets wait for it, Deployments do not for ever.
func TestNodeDown(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	g.Expect(podsOf(g, w, dns)).To(ConsistOf(system0+" Running True false", system1+" Running True false"))
	healthy := w.Save()
	g.Expect(w.SetNode(system0, world.NodeDown)).To(Succeed())

	w.Advance(30 * time.Second)
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status.NumberAvailable).To(BeEquivalentTo(6), "nobody has noticed")

	w.Advance(30 * time.Second)
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status).To(SatisfyAll(
		HaveField("DesiredNumberScheduled", BeEquivalentTo(6)), HaveField("NumberAvailable", BeEquivalentTo(5))))
	g.Expect(podsOf(g, w, dns)).To(ConsistOf(system0+" Running False false", system1+" Running True false"))
	g.Expect(find[*corev1.Node](g, w, world.Ref{Kind: "Node", Name: system0}).Spec.Taints).To(ContainElement(
		corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}))

	w.Advance(6 * time.Minute)
	g.Expect(podsOf(g, w, dns)).To(ConsistOf(user0+" Running True false", system0+" Running False true", system1+" Running True false"))
	g.Expect(find[*appsv1.Deployment](g, w, dns).Status.AvailableReplicas).To(BeEquivalentTo(2))
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status.NumberAvailable).To(BeEquivalentTo(5))

	w.Restore(healthy)
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status.NumberAvailable).To(BeEquivalentTo(6))
	g.Expect(podsOf(g, w, dns)).To(HaveLen(2), "the kubelet has ended the pod that was replaced")
}

// What no node takes stays Pending, in the words of the scheduler.
func TestUnschedulable(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	g.Expect(podsOf(g, w, dns)).To(HaveLen(2))
	for _, node := range []string{"system/0", "system/1", "user/0", "user/1", "user/2"} {
		name, err := w.NodeName(node)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(w.SetNode(name, world.NodeCordoned)).To(Succeed())
	}
	g.Expect(w.Patch(dns, map[string]any{"spec": map[string]any{"replicas": 3}})).To(Succeed())
	g.Expect(podsOf(g, w, dns)).To(ConsistOf(system0+" Running True false", system1+" Running True false", " Pending Unknown false"))
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status.NumberAvailable).To(BeEquivalentTo(6), "DaemonSets do not mind")

	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	var words string
	for _, o := range s.Objects {
		if pod, ok := o.(*corev1.Pod); ok && pod.Status.Phase == corev1.PodPending {
			words = pod.Status.Conditions[0].Message
		}
	}
	g.Expect(words).To(HavePrefix("0/6 nodes are available: 1 node(s) had untolerated taint {kubernetes.azure.com/scalesetpriority: spot}, 5 node(s) were unschedulable."))
}

// A roll-out whose pods do not come up stops at the limits of the Deployment, and is given up after ten minutes.
func TestStuckRollOut(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	g.Expect(w.Patch(dns, map[string]any{"spec": map[string]any{
		"strategy": map[string]any{"rollingUpdate": map[string]any{"maxUnavailable": 0, "maxSurge": 1}}}})).To(Succeed())
	g.Expect(w.RollOut(dns, "coredns", "v9", &world.RollOut{Updated: 2, Pods: &world.Pods{State: world.ImagePull}})).To(Succeed())
	status := find[*appsv1.Deployment](g, w, dns).Status
	g.Expect([]int32{status.Replicas, status.UpdatedReplicas, status.AvailableReplicas}).To(Equal([]int32{3, 1, 2}))
	g.Expect(status.Conditions).To(ContainElement(HaveField("Reason", "ReplicaSetUpdated")))
	w.Advance(11 * time.Minute)
	g.Expect(find[*appsv1.Deployment](g, w, dns).Status.Conditions).To(ContainElement(SatisfyAll(
		HaveField("Type", appsv1.DeploymentProgressing), HaveField("Reason", "ProgressDeadlineExceeded"))))
}

// A node that joins is ready after a while, and so are its pods.
func TestNodeJoins(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	g.Expect(w.Join(user0, "aks-user-25795745-vmss000009")).To(Succeed())
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status).To(SatisfyAll(
		HaveField("DesiredNumberScheduled", BeEquivalentTo(7)), HaveField("NumberAvailable", BeEquivalentTo(6))))
	w.Advance(5 * time.Minute)
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status.NumberAvailable).To(BeEquivalentTo(7))
}

// A world of any size is as healthy as the shape: each node is in its pool and its zone, and has what belongs to it.
func TestResize(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	g.Expect(w.Resize(world.NodePool{Name: "blue", Like: "user", Count: 40}, world.NodePool{Name: "spot", Like: "spot", Count: 2})).To(Succeed())
	g.Expect(w.NodeNames()).To(HaveLen(42))
	g.Expect(w.NodeName("blue/39")).To(Equal("aks-blue-25795745-vmss000039"))
	g.Expect(w.NodesIn(2)).To(HaveLen(14), "every third one of each pool")
	const name = "aks-blue-25795745-vmss000037"
	n := find[*corev1.Node](g, w, world.Ref{Kind: "Node", Name: name})
	g.Expect(n.Labels).To(SatisfyAll(HaveKeyWithValue("kubernetes.azure.com/agentpool", "blue"), HaveKeyWithValue("kubernetes.io/hostname", name),
		HaveKeyWithValue("topology.kubernetes.io/zone", "centralindia-2"), HaveKeyWithValue("topology.disk.csi.azure.com/zone", "centralindia-2")))
	g.Expect(w.Has(world.Ref{Kind: "CSINode", Name: name})).To(BeTrue())
	g.Expect(w.Has(world.Ref{Kind: "NodeNetworkConfig", Namespace: "kube-system", Name: name})).To(BeTrue())
	g.Expect(find[*appsv1.DaemonSet](g, w, cilium).Status.NumberAvailable).To(BeEquivalentTo(42))
	g.Expect(podsOf(g, w, cilium)).To(BeEmpty(), "ready pods of a DaemonSet are many, and explain nothing")
	g.Expect(podsOf(g, w, dns)).To(HaveLen(2))
	w.Place(dns, w.NodeNames("spot")...)
	g.Expect(podsOf(g, w, dns)).To(ConsistOf(HavePrefix(w.NodeNames("spot")[0]), HavePrefix(w.NodeNames("spot")[1])))
	g.Expect(w.SetNode(name, world.NodeDown)).To(Succeed())
	w.Advance(time.Minute)
	g.Expect(podsOf(g, w, cilium)).To(ConsistOf(name + " Running False false"))

	verdicts, err := overlayCilium(g).Judge()
	g.Expect(err).NotTo(HaveOccurred())
	resized := overlayCilium(g)
	g.Expect(resized.Resize(world.NodePool{Name: "blue", Like: "user", Count: 40})).To(Succeed())
	bigger, err := resized.Judge()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(bigger.Summary()).To(Equal(verdicts.Summary()))
	g.Expect(resized.Resize(world.NodePool{Name: "red", Like: "green", Count: 1})).NotTo(Succeed(), "a world has no other models than its shape")
}

// A mistake in a fault must be an error, and not a fault that does nothing.
func TestMistakesAreRefused(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	nobody := world.Ref{Kind: "Deployment", Namespace: "kube-system", Name: "nobody"}
	for _, err := range []error{
		w.Delete(nobody), w.Patch(nobody, nil), w.Freeze(nobody), w.Heal(nobody), w.SetPods(nobody, world.Pods{}), w.RollOut(nobody, "", "", nil),
		w.RollOut(dns, "nobody", "v1", nil), w.SetPods(dns, world.Pods{Node: "nowhere/0"}), w.SetNode("nobody", world.NodeDown),
		w.Join("nobody", "somebody"), w.Join(user0, system0),
	} {
		g.Expect(err).To(HaveOccurred())
	}
	for _, text := range []string{"coredns", "", "Deployment "} {
		_, err := world.ParseRef(text)
		g.Expect(err).To(HaveOccurred(), text)
	}
	for _, text := range []string{"user", "nowhere/0", "user/x"} {
		_, err := w.NodeName(text)
		g.Expect(err).To(HaveOccurred(), text)
	}
}

// Controllers keep ReplicaSets, ControllerRevisions and the labels of pods in step with a roll-out.
func TestRollOutsHaveRevisions(t *testing.T) {
	g := NewWithT(t)
	w := overlayCilium(g)
	g.Expect(w.RollOut(dns, "coredns", "v9", &world.RollOut{Updated: 1, Pods: &world.Pods{State: world.NotReady}})).To(Succeed())
	g.Expect(w.RollOut(cilium, "cilium-agent", "v9", &world.RollOut{Updated: 2})).To(Succeed())
	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	replicas, pods, hashes := map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range s.Objects {
		owner := metav1.GetControllerOf(o)
		if owner == nil {
			continue
		}
		switch o := o.(type) {
		case *appsv1.ReplicaSet:
			if owner.Name == dns.Name {
				replicas[o.Name] = int(o.Status.Replicas)
			}
		case *corev1.Pod:
			pods[owner.Name]++
			if owner.Name == cilium.Name {
				hashes[cilium.Name+"-"+o.Labels[appsv1.ControllerRevisionHashLabelKey]]++
			}
		}
	}
	g.Expect(replicas).To(HaveLen(3), "one of them has no pods any more")
	total := 0
	for name, n := range replicas {
		g.Expect(pods[name]).To(Equal(n), name)
		total += n
	}
	g.Expect(total).To(BeEquivalentTo(find[*appsv1.Deployment](g, w, dns).Status.Replicas))
	g.Expect(hashes).To(HaveLen(2))
	for name, n := range hashes {
		revision := find[*appsv1.ControllerRevision](g, w, world.Ref{Kind: "ControllerRevision", Namespace: cilium.Namespace, Name: name})
		g.Expect(strings.Contains(string(revision.Data.Raw), ":v9")).To(Equal(n == 2), "%s has %d pods", name, n)
	}
}
