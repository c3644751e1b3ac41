// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/archmap/archmap/api/v1alpha1"
)

const (
	replicaSetLists = "GET /apis/apps/v1/namespaces/default/replicasets"
	revisionLists   = "GET /apis/apps/v1/namespaces/default/controllerrevisions"
)

// rollOut plays the deployment controller in the middle of a roll-out from v1.2.3 to the version: one pod of each is there.
func rollOut(d *appsv1.Deployment, version string) {
	GinkgoHelper()
	old, desired := d.Spec.Template.DeepCopy(), *d.Spec.Replicas
	replicaSet(d, d.Name+"-old", *old, desired)
	d.Spec.Template.Spec.Containers[0].Image = "registry.example/" + d.Name + ":" + version
	Expect(k8sClient.Update(ctx, d)).To(Succeed())
	replicaSet(d, d.Name+"-new", d.Spec.Template, 1)
	d.Status.ObservedGeneration, d.Status.Replicas, d.Status.UpdatedReplicas = d.Generation, desired+1, 1
	Expect(k8sClient.Status().Update(ctx, d)).To(Succeed())
}

func replicaSet(d *appsv1.Deployment, name string, template corev1.PodTemplateSpec, replicas int32) {
	GinkgoHelper()
	rs := create(&appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: d.Namespace, OwnerReferences: []metav1.OwnerReference{
			*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: d.Spec.Selector, Template: template},
	})
	rs.Status = appsv1.ReplicaSetStatus{Replicas: replicas}
	if name != d.Name+"-new" {
		rs.Status.ReadyReplicas = replicas
	}
	Expect(k8sClient.Status().Update(ctx, rs)).To(Succeed())
}

// rollingAgent is a DaemonSet of two pods, one of which is of the newest of its two revisions.
func rollingAgent(name string) {
	GinkgoHelper()
	labels := map[string]string{"app": name}
	template := func(version string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/agent:" + version}}}}
	}
	ds := create(&appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template("v2")},
	})
	ds.Status = appsv1.DaemonSetStatus{ObservedGeneration: ds.Generation, DesiredNumberScheduled: 2, CurrentNumberScheduled: 2,
		UpdatedNumberScheduled: 1, NumberReady: 2, NumberAvailable: 2}
	Expect(k8sClient.Status().Update(ctx, ds)).To(Succeed())
	for i, version := range []string{"v1", "v2"} {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template(version)}})
		Expect(err).NotTo(HaveOccurred())
		create(&appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Name: name + "-" + version, Namespace: ds.Namespace, OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(ds, appsv1.SchemeGroupVersion.WithKind("DaemonSet"))}},
			Revision: int64(i + 1), Data: runtime.RawExtension{Raw: patch},
		})
	}
}

var _ = Describe("The versions in use", func() {
	versions := func(m *v1alpha1.ComponentMapping) string { return m.Status.Version }
	status := func(name string) v1alpha1.ComponentMappingStatus {
		GinkgoHelper()
		m, err := get(name)()
		Expect(err).NotTo(HaveOccurred())
		return m.Status
	}

	It("are those that run, for which is read only while a roll-out is under way", func() {
		net := &network{}
		startOperator(cfg, net, fast(0))
		d := deployment("rolling", 2)
		create(mapping("rolling", checkDeployment("rolling")))
		Eventually(get("rolling")).WithTimeout(soon).Should(WithTransform(versions, Equal("v1.2.3")))
		Expect(net.requests(replicaSetLists)).To(BeZero())

		rollOut(d, "v1.3.0")
		Eventually(get("rolling")).WithTimeout(soon).Should(WithTransform(versions, Equal("v1.2.3 (2), v1.3.0 (0 of 1 ready)")))
		Expect(status("rolling").Versions).To(Equal([]v1alpha1.VersionCount{
			{Version: "v1.2.3", Count: 2, Ready: new(int32(2))}, {Version: "v1.3.0", Count: 1, Ready: new(int32(0))}}))
		lists := net.requests(replicaSetLists)
		Expect(lists).To(BeNumerically("<=", 2), "for the change of the template, and for what became of it")
		Expect(net.requests(podLists)).To(BeNumerically("<=", 1), "for what new pods lack, not for their version")

		setAvailable(d, 2)
		Eventually(get("rolling")).WithTimeout(soon).Should(WithTransform(versions, Equal("v1.3.0")))
		Consistently(net.requests).WithArguments(replicaSetLists).WithTimeout(time.Minute/haste).Should(Equal(lists), "nothing is read any more")
		Expect(net.requests(revisionLists)).To(BeZero())
	})

	It("are not guessed without the right to look", func() {
		d := deployment("unseen", 2)
		startOperator(restrictedUser("no-replicasets",
			rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"list", "watch"}},
			rbacv1.PolicyRule{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"selfsubjectaccessreviews"}, Verbs: []string{"create"}}), nil)
		create(mapping("unseen", checkDeployment("unseen")))
		Eventually(get("unseen")).WithTimeout(soon).Should(WithTransform(versions, Equal("v1.2.3")))
		rollOut(d, "v1.3.0")
		Eventually(func() string { return status("unseen").Checks[0].Message }).WithTimeout(soon).Should(And(
			ContainSubstring("version of 2 pods unknown: not permitted to read its ReplicaSets: grant"),
			ContainSubstring(`resources: ["replicasets"], verbs: [list]`)))
		Expect(status("unseen").Version).To(Equal("v1.3.0"))
		Eventually(get("unseen")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "Progressing"))
	})
})
