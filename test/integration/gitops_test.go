// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
)

// Field owners of GitOps tools.
const (
	flux    = client.FieldOwner("kustomize-controller")
	argoCD  = client.FieldOwner("argocd-controller")
	kubectl = client.FieldOwner("kubectl-client-side-apply")
)

// catalog is every manifest that a GitOps tool would apply.
var catalog = append(manifests("aks"), manifests("aks-extras")...)

func manifests(folder string) []*unstructured.Unstructured {
	dir := filepath.Join("..", "..", "config", "catalog", folder)
	var objects []*unstructured.Unstructured
	for _, file := range readYAML[map[string]any](filepath.Join(dir, "kustomization.yaml"))["resources"].([]any) {
		objects = append(objects, &unstructured.Unstructured{Object: readYAML[map[string]any](filepath.Join(dir, file.(string)))})
	}
	return objects
}

var _ = Describe("GitOps", func() {
	AfterEach(func() {
		for _, o := range catalog {
			Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, o.DeepCopy()))).To(Succeed())
		}
	})

	Context("without the operator", func() {
		It("creates objects that say that nobody has looked at them", func() {
			for _, o := range catalog {
				serverSide(flux)(o)
				Expect(live(o).Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1)}), o.GetName())
			}
		})

		It("leaves nothing behind when it prunes", func() {
			each(serverSide(flux))
			each(prune)
		})
	})

	Context("with the operator", func() {
		BeforeEach(func() {
			startOperator(cfg, nil)
		})

		It("changes nothing but the record of owners when another tool applies the catalog too", func() {
			each(clientSide)
			awaitSteady()
			for _, owner := range []client.FieldOwner{flux, argoCD} {
				each(withoutDrift(owner))
				each(verdictsUnchangedBy(serverSide(owner)))
				each(unchangedBy(serverSide(owner)))
			}
			each(unchangedBy(clientSide))
		})

		It("never meets a conflict with the operator, which owns nothing but statuses", func() {
			dns := coreDNS()
			each(serverSide(flux))
			for _, available := range []int32{2, 0, 2} {
				before := live(theMapping()).Object["status"]
				setAvailable(dns, available)
				Eventually(func() any {
					each(serverSide(flux))
					each(serverSide(argoCD))
					return live(theMapping()).Object["status"]
				}).WithTimeout(soon).ShouldNot(Equal(before), "the operator must write meanwhile")
			}
			awaitSteady()
			each(ownedApartFromStatus)
			each(unchangedBy(serverSide(flux)))
		})

		It("prunes at once, and gets fresh verdicts when it applies again", func() {
			each(serverSide(flux))
			awaitSteady()
			each(prune)
			each(serverSide(argoCD))
			awaitSteady()
		})

		It("takes a change back that somebody made by hand", func() {
			each(serverSide(flux))
			awaitSteady()
			changed := live(theMapping())
			Expect(unstructured.SetNestedField(changed.Object, "Names", "spec", "component")).To(Succeed())
			Expect(k8sClient.Update(ctx, changed, client.FieldOwner("somebody"))).To(Succeed())
			awaitSteady()

			Expect(answerTo(theMapping(), flux, client.ForceOwnership)).To(HaveField("GetGeneration()", BeEquivalentTo(3)))
			awaitSteady()
			Expect(get("coredns")()).To(HaveField("Spec.Component", "DNS"))
		})
	})
})

// each does something with every object of the catalog.
func each(do func(*unstructured.Unstructured)) {
	GinkgoHelper()
	for _, o := range catalog {
		do(o)
	}
}

// theMapping is the mapping of CoreDNS in the catalog.
func theMapping() *unstructured.Unstructured {
	GinkgoHelper()
	i := slices.IndexFunc(catalog, func(o *unstructured.Unstructured) bool { return o.GetName() == "coredns" })
	Expect(i).To(BeNumerically(">=", 0))
	return catalog[i]
}

// live is what the API server has of an object.
func live(o *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	found := o.DeepCopy()
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(o), found)).To(Succeed(), o.GetName())
	return found
}

// answerTo is what the API server answers to a server-side apply.
func answerTo(o *unstructured.Unstructured, options ...client.ApplyOption) *unstructured.Unstructured {
	GinkgoHelper()
	answer := o.DeepCopy()
	Expect(k8sClient.Apply(ctx, client.ApplyConfigurationFromUnstructured(answer), options...)).To(Succeed(), o.GetName())
	return answer
}

// serverSide applies as Flux does, and Argo CD with ServerSideApply=true, but never by force: a field that
// somebody else owns with another value is a conflict.
func serverSide(owner client.FieldOwner) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		GinkgoHelper()
		answerTo(o, owner)
	}
}

// clientSide applies as kubectl does, and Argo CD unless it is told otherwise.
func clientSide(o *unstructured.Unstructured) {
	GinkgoHelper()
	const lastApplied = corev1.LastAppliedConfigAnnotation
	manifest, modified := encode(o), o.DeepCopy()
	modified.SetAnnotations(map[string]string{lastApplied: string(manifest)})
	current := o.DeepCopy()
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(o), current); err != nil {
		Expect(client.IgnoreNotFound(err)).To(Succeed())
		Expect(k8sClient.Create(ctx, modified, kubectl)).To(Succeed())
		return
	}
	original := []byte(current.GetAnnotations()[lastApplied])
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, encode(modified), encode(current))
	Expect(err).NotTo(HaveOccurred())
	if string(patch) != "{}" {
		Expect(k8sClient.Patch(ctx, current, client.RawPatch(types.MergePatchType, patch), kubectl)).To(Succeed())
	}
}

func encode(o *unstructured.Unstructured) []byte {
	GinkgoHelper()
	raw, err := json.Marshal(o)
	Expect(err).NotTo(HaveOccurred())
	return raw
}

// unchangedBy expects that doing something to an object leaves it as it is, to the last byte.
func unchangedBy(do func(*unstructured.Unstructured)) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		GinkgoHelper()
		before := live(o)
		do(o)
		Expect(live(o)).To(Equal(before))
	}
}

// verdictsUnchangedBy expects that doing something to an object changes nothing but the record of its owners.
func verdictsUnchangedBy(do func(*unstructured.Unstructured)) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		GinkgoHelper()
		before := live(o)
		do(o)
		Expect(withoutRecord(live(o))).To(Equal(withoutRecord(before)))
	}
}

// withoutDrift expects that an owner who asks what applying would change is told: nothing.
func withoutDrift(owner client.FieldOwner) func(*unstructured.Unstructured) {
	return func(o *unstructured.Unstructured) {
		GinkgoHelper()
		Expect(withoutRecord(answerTo(o, owner, client.DryRunAll))).To(Equal(withoutRecord(live(o))))
	}
}

// withoutRecord is an object without the record of who owns what, and the version that changes with it.
func withoutRecord(o *unstructured.Unstructured) *unstructured.Unstructured {
	o.SetManagedFields(nil)
	o.SetResourceVersion("")
	return o
}

// prune deletes an object, and expects it to be gone at once: no finalizer holds it.
func prune(o *unstructured.Unstructured) {
	GinkgoHelper()
	Expect(live(o).GetFinalizers()).To(BeEmpty())
	Expect(k8sClient.Delete(ctx, o.DeepCopy())).To(Succeed())
	Expect(gone(o.DeepCopy())()).To(BeTrue(), o.GetName())
}

// awaitSteady waits until the operator has judged the whole catalog, and writes no more.
func awaitSteady() {
	GinkgoHelper()
	var before []string
	quiet := 0
	Eventually(func(g Gomega) {
		versions, unjudged := progress()
		if !slices.Equal(versions, before) {
			quiet = 0
		}
		before = versions
		quiet++
		g.Expect(unjudged).To(BeEmpty())
		g.Expect(versions).To(HaveLen(len(catalog)))
		g.Expect(quiet).To(BeNumerically(">", 3))
	}).WithTimeout(2 * soon).WithPolling(200 * time.Millisecond).Should(Succeed())
}

// progress is the version of every object, and the names of those whose verdicts are not current.
func progress() (versions, unjudged []string) {
	GinkgoHelper()
	var mappings v1alpha1.ComponentMappingList
	var architectures v1alpha1.ClusterArchitectureList
	Expect(k8sClient.List(ctx, &mappings)).To(Succeed())
	Expect(k8sClient.List(ctx, &architectures)).To(Succeed())
	see := func(o client.Object, observed int64, conditions []metav1.Condition) {
		versions = append(versions, o.GetResourceVersion())
		if observed != o.GetGeneration() || !meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) {
			unjudged = append(unjudged, o.GetName())
		}
	}
	for i := range mappings.Items {
		see(&mappings.Items[i], mappings.Items[i].Status.ObservedGeneration, mappings.Items[i].Status.Conditions)
	}
	for i := range architectures.Items {
		see(&architectures.Items[i], architectures.Items[i].Status.ObservedGeneration, architectures.Items[i].Status.Conditions)
	}
	return versions, unjudged
}

// ownedApartFromStatus expects that the operator owns the status, and nothing else, and nobody else any of it.
func ownedApartFromStatus(o *unstructured.Unstructured) {
	GinkgoHelper()
	owners := map[string][]string{}
	for _, entry := range live(o).GetManagedFields() {
		var fields map[string]any
		Expect(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)).To(Succeed())
		owners[entry.Manager] = append(owners[entry.Manager], slices.Sorted(maps.Keys(fields))...)
	}
	Expect(owners).To(HaveKeyWithValue(string(controller.FieldOwner), []string{"f:status"}))
	delete(owners, string(controller.FieldOwner))
	for owner, fields := range owners {
		Expect(fields).NotTo(ContainElement("f:status"), owner)
	}
}

// coreDNS is the Deployment that the mapping of CoreDNS is about.
func coreDNS() *appsv1.Deployment {
	GinkgoHelper()
	labels := map[string]string{"k8s-app": "kube-dns"}
	return create(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "coredns", Namespace: metav1.NamespaceSystem, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "coredns", Image: "registry.example/coredns:v1.13.1-20"}}},
			},
		},
	})
}
