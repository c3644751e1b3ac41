// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
)

var _ = Describe("A status", func() {
	// steady is a mapping that is unhealthy, so that it has a past.
	steady := func(name string) *v1alpha1.ComponentMapping {
		GinkgoHelper()
		d := deployment(name, 2)
		create(mapping(name, checkDeployment(name)))
		Eventually(get(name)).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		setAvailable(d, 0)
		Eventually(get(name)).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable"))
		m, err := get(name)()
		Expect(err).NotTo(HaveOccurred())
		return m
	}
	// same matches a mapping with the status of another one.
	same := func(m *v1alpha1.ComponentMapping) gomegatypes.GomegaMatcher {
		return HaveField("Status", Equal(m.Status))
	}
	// forge changes a status as somebody else.
	forge := func(name, patch string) {
		GinkgoHelper()
		m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: name}}
		Expect(k8sClient.Status().Patch(ctx, m, client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner("forger"))).To(Succeed())
	}

	for name, patch := range map[string]string{
		"wiped": `{"status": {"conditions": null, "checks": null, "message": null, "version": null, "methods": null}}`,
		"lied": `{"status": {"conditions": [{"type": "Healthy", "status": "True", "reason": "AllChecksPass",
			"message": "all is well", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}`,
		"reworded": `{"status": {"message": "all is well"}}`,
		"extended": `{"status": {
			"checks": [{"name": "forged", "present": "True", "healthy": "False", "reason": "Forged", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
			"conditions": [{"type": "Stalled", "status": "True", "reason": "Forged", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}`,
	} {
		It("that somebody has "+name+" is repaired, once, with its past and an event", func() {
			net := &network{}
			startOperator(cfg, net)
			before := steady(name)
			writes := net.requests(statusWrite + name)
			forge(name, patch)
			Eventually(get(name)).WithTimeout(soon).Should(same(before))
			Eventually(notesAbout(name)).WithTimeout(soon).Should(ContainElement(HavePrefix("somebody else changed the status of " + name)))
			Expect(net.requests(statusWrite+name)).To(BeNumerically("<=", writes+4), "two applies, what to remove, and an apply")
			Expect(notesAbout(name)()).NotTo(ContainElement(HavePrefix(name+" became healthy")), "nothing turned")
			Expect(get(name)()).To(same(before))
		})
	}

	It("that somebody keeps changing is left to them for a while, and the operator says so", func() {
		net := &network{}
		startOperator(cfg, net)
		before := steady("contested")
		forge("contested", `{"status": {"message": "all is well"}}`)
		Eventually(get("contested")).WithTimeout(soon).Should(same(before))
		writes := net.requests(statusWrite + "contested")
		forge("contested", `{"status": {"message": "all is well again"}}`)
		Eventually(notesAbout("contested")).WithTimeout(soon).Should(ContainElement(HavePrefix("somebody else keeps changing the status of contested")))
		Expect(net.requests(statusWrite + "contested")).To(Equal(writes))
	})

	It("of an architecture is repaired too, and shows nothing that somebody makes of a mapping", func() {
		startOperator(cfg, nil)
		before := steady("summed")
		create(architecture(`{}`))
		Eventually(theArchitecture).WithTimeout(soon).Should(And(
			haveCondition("Ready", "True", "Evaluated"), haveCondition("Healthy", "False", "ComponentsUnhealthy")))
		was, err := theArchitecture()
		Expect(err).NotTo(HaveOccurred())

		forge("summed", `{"status": {"conditions": []}}`)
		Eventually(get("summed")).WithTimeout(soon).Should(same(before))
		now, err := theArchitecture()
		Expect(err).NotTo(HaveOccurred())
		Expect(now.Status.Conditions).To(Equal(was.Status.Conditions))

		Expect(k8sClient.Status().Patch(ctx, now, client.RawPatch(types.MergePatchType, []byte(`{"status": {"conditions": null, "causes": null}}`)))).To(Succeed())
		Eventually(theArchitecture).WithTimeout(soon).Should(And(
			HaveField("Status.Conditions", Equal(was.Status.Conditions)), HaveField("Status.Causes", Equal(was.Status.Causes))))
	})

	It("that was changed while no operator ran is repaired by the next one", func() {
		stop := startOperator(cfg, nil)
		steady("orphaned")
		stop()
		forge("orphaned", `{"status": {"message": "all is well", "conditions": [{"type": "Healthy", "status": "True",
			"reason": "AllChecksPass", "message": "all is well", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}`)
		startOperator(cfg, nil)
		Eventually(get("orphaned")).WithTimeout(soon).Should(And(
			haveCondition("Healthy", "False", "WorkloadUnavailable"), haveCondition("Ready", "True", "Evaluated"),
			HaveField("Status.Message", Not(ContainSubstring("well")))))
	})

	It("that was derived before the object moved is not written", func() {
		net := &network{}
		startOperator(cfg, net)
		d := deployment("moved", 2)
		create(mapping("moved", checkDeployment("moved")))
		create(mapping("witness", checkDeployment("moved")))
		Eventually(get("moved")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		Eventually(get("witness")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))

		By("holding up a write until it is out of date")
		line := statusWrite + "moved/status"
		release := net.hold(line)
		started := net.requests(line)
		setAvailable(d, 0)
		Eventually(func() int { return net.requests(line) }).WithTimeout(soon).Should(Equal(started + 1))
		setAvailable(d, 2)
		Eventually(get("witness")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "moved"}}
		Expect(k8sClient.Patch(ctx, m, client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"annotations": {"moved": "yes"}}}`)))).To(Succeed())
		conflicts, unchanged := statuses("conflict"), statuses("unchanged")
		release()
		Eventually(func() float64 { return statuses("conflict") }).WithTimeout(soon).Should(Equal(conflicts + 1))
		Eventually(func() float64 { return statuses("unchanged") }).WithTimeout(soon).Should(BeNumerically(">", unchanged))
		after, err := get("moved")()
		Expect(err).NotTo(HaveOccurred())
		Expect(after.ResourceVersion).To(Equal(m.ResourceVersion), "it never turned")
	})
})

// freeLock is a resource lock in memory that nobody else takes.
type freeLock struct{ resourcelock.Interface }

func (freeLock) Identity() string                                                { return "us" }
func (freeLock) Update(context.Context, resourcelock.LeaderElectionRecord) error { return nil }

var _ = Describe("An operator without its lease", func() {
	It("writes nothing until it has it", func() {
		net, lease := &network{}, controller.NewLease(freeLock{})
		startOperator(cfg, net, func(o *controller.Options) { o.Lease = lease })
		deployment("fenced", 1)
		fenced := statuses("fenced")
		create(mapping("fenced", checkDeployment("fenced")))
		Eventually(func() float64 { return statuses("fenced") }).WithTimeout(soon).Should(BeNumerically(">", fenced))
		Expect(net.requests("PATCH ")).To(BeZero())
		Expect(lease.Update(ctx, resourcelock.LeaderElectionRecord{HolderIdentity: "us", LeaseDurationSeconds: 15})).To(Succeed())
		Eventually(get("fenced")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
	})
})

var _ = Describe("Events", func() {
	It("of turns that repeat are a series", func() {
		net := &network{}
		startOperator(cfg, net)
		d := deployment("repeats", 2)
		create(mapping("repeats", checkDeployment("repeats")))
		Eventually(get("repeats")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		for range 3 {
			setAvailable(d, 0)
			Eventually(get("repeats")).WithTimeout(soon).Should(haveCondition("Healthy", "False", "WorkloadUnavailable"))
			setAvailable(d, 2)
			Eventually(get("repeats")).WithTimeout(soon).Should(haveCondition("Healthy", "True", "AllChecksPass"))
		}
		Eventually(func() ([]string, error) {
			var list eventsv1.EventList
			err := k8sClient.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault))
			var told []string
			for _, e := range list.Items {
				if e.Regarding.Name == "repeats" {
					Expect(e.Regarding.ResourceVersion).To(BeEmpty())
					series, _ := json.Marshal(e.Series != nil)
					told = append(told, fmt.Sprintf("%s %s series: %s", e.Type, e.Reason, series))
				}
			}
			return told, err
		}).WithTimeout(soon).Should(ConsistOf("Warning WorkloadUnavailable series: true", "Normal AllChecksPass series: true"))
		Expect(net.requests("PATCH /apis/events.k8s.io/v1/namespaces/default/events/repeats.")).To(Equal(2), "one for each series; the count follows")
		Expect(net.requests("POST /apis/events.k8s.io/v1/namespaces/default/events")).To(BeNumerically(">=", 2))
	})
})

// statuses counts the statuses of mappings of which that has become, by the operator's own account.
func statuses(result string) float64 {
	GinkgoHelper()
	families, err := ctrlmetrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() != "archmap_controller_statuses_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); labels[0].GetValue() == "ComponentMapping" && labels[1].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}
