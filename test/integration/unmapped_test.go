// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/rbac"
)

// providers is an architecture whose provider runs workloads in the default namespace, and marks some.
const providers = "{unmapped: {namespaces: [default], selectors: [{matchLabels: {managed-by: provider}}]}}"

var _ = Describe("What no mapping covers", func() {
	listed := func() []string {
		a, err := theArchitecture()
		Expect(err).NotTo(HaveOccurred())
		out := []string{}
		for _, w := range a.Status.Unmapped {
			out = append(out, string(w.Kind)+" "+string(w.Name)+" "+string(w.State))
		}
		return out
	}
	rightsOf := func(a *v1alpha1.ClusterArchitecture) []rbacv1.PolicyRule {
		needs := rbac.NewNeeds(rbac.Operator, nil)
		Expect(needs.AddArchitecture(a)).To(Succeed())
		var rules []rbacv1.PolicyRule
		for _, r := range needs.ClusterRules() {
			rules = append(rules, r.PolicyRule)
		}
		return rules
	}

	It("comes and goes, with one write for each turn, and the least rights", func() {
		net := &network{}
		a := architecture(providers)
		startOperator(restrictedUser("unmapped", rightsOf(a)...), net)
		known := deployment("known", 2)
		create(mapping("known", checkDeployment("known")))
		create(a)
		Eventually(theArchitecture).WithTimeout(soon).Should(And(
			haveCondition("Healthy", "True", "AllChecksPass"),
			HaveField("Status.UnmappedSummary", Equal(v1alpha1.UnmappedSummary{Total: new(int32(0)), Unhealthy: new(int32(0))}))))
		Expect(listed()).To(BeEmpty())

		stray := deployment("stray", 2)
		Eventually(listed).WithTimeout(soon).Should(HaveExactElements("Deployment stray Healthy"))

		const write = "PATCH /apis/architecture.archmap.dev/v1alpha1/clusterarchitectures/test/status"
		before := net.requests(write)
		setAvailable(stray, 0)
		Eventually(theArchitecture).WithTimeout(soon).Should(And(
			HaveField("Status.Unmapped", HaveExactElements(And(
				HaveField("State", v1alpha1.WorkloadUnhealthy), HaveField("Reason", "WorkloadUnavailable"),
				HaveField("Message", "Deployment default/stray: 0/2 available"), HaveField("Image", "registry.example/stray:v1.2.3"),
				HaveField("OperatedBy", BeEmpty())))),
			haveCondition("Healthy", "True", "AllChecksPass")))
		Expect(net.requests(write)).To(Equal(before + 1))

		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(stray), stray)).To(Succeed())
		stray.Labels = map[string]string{"managed-by": "provider"}
		Expect(k8sClient.Update(ctx, stray)).To(Succeed())
		Eventually(theArchitecture).WithTimeout(soon).Should(HaveField("Status.Unmapped", HaveExactElements(HaveField("OperatedBy", v1alpha1.OperatedByProvider))))

		By("a mapping covers it")
		m := create(mapping("stray", checkDeployment("stray")))
		Eventually(listed).WithTimeout(soon).Should(BeEmpty())
		Expect(k8sClient.Delete(ctx, m)).To(Succeed())
		Eventually(listed).WithTimeout(soon).Should(HaveExactElements("Deployment stray Unhealthy"))
		setAvailable(stray, 2)
		Eventually(listed).WithTimeout(soon).Should(HaveExactElements("Deployment stray Healthy"))
		Expect(k8sClient.Delete(ctx, stray)).To(Succeed())
		Eventually(listed).WithTimeout(soon).Should(BeEmpty())
		Expect(k8sClient.Delete(ctx, known)).To(Succeed())
	})

	It("is not said to be nothing where the operator may not look, and heals with the right", func() {
		a := architecture(providers)
		rights := rightsOf(a)
		without := slices.DeleteFunc(slices.Clone(rights), func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "deployments") })
		Expect(len(without)).To(BeNumerically("<", len(rights)))
		startOperator(restrictedUser("unmapped-less", without...), nil)
		deployment("stray", 2)
		create(a)
		Eventually(theArchitecture).WithTimeout(soon).Should(HaveField("Status.UnmappedSummary", And(
			HaveField("Reason", v1alpha1.ReasonNotPermitted),
			HaveField("Message", ContainSubstring("couldn't read Deployments in default, ")),
			HaveField("Message", ContainSubstring(`resources: ["deployments"]`)))))
		Expect(listed()).To(BeEmpty())
		grant("unmapped-more", "unmapped-less", rights...)
		Eventually(listed).WithTimeout(soon).Should(HaveExactElements("Deployment stray Healthy"))
		Eventually(theArchitecture).WithTimeout(soon).Should(HaveField("Status.UnmappedSummary.Message", BeEmpty()))
	})
})
