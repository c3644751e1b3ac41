// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
)

// TestUnmapped: an architecture hears of workloads that no mapping covers, one by one, and of no others.
func TestUnmapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOperator(t, Options{})
		t.Cleanup(o.abort)
		key := Key{Kind: "ClusterArchitecture", Name: "a"}
		scope := CompileArchitecture(&v1alpha1.ClusterArchitectureSpec{}).scope
		policy := &v1alpha1.UnmappedPolicy{Namespaces: []v1alpha1.NamespaceName{"kube-system"}}
		covering := func(names ...v1alpha1.ObjectName) *assess.UnmappedScope {
			return assess.NewUnmappedScope(policy, []labels.Selector{}, []v1alpha1.ComponentMapping{{Spec: v1alpha1.ComponentMappingSpec{
				Checks: []v1alpha1.Check{{Name: "c", Type: v1alpha1.CheckWorkload,
					Workload: &v1alpha1.WorkloadCheck{Kind: v1alpha1.WorkloadDeployment, Namespace: "kube-system", Names: names}}}}}})
		}
		unmapped := covering("known")
		var notified int
		o.engine.notify = func(Key) {
			o.mu.Lock()
			defer o.mu.Unlock()
			notified++
		}
		o.checks[key] = nil
		listed := func() []string {
			view, ok := o.engine.View(key, scope, unmapped)
			o.g.Expect(ok).To(BeTrue())
			var names []string
			for _, w := range view.Unmapped.Workloads {
				names = append(names, string(w.Name)+" "+string(w.State))
			}
			return names
		}
		expect := func(why string, times int, names ...string) {
			t.Helper()
			synctest.Wait()
			o.g.Expect(notified).To(Equal(times), why)
			notified = 0
			o.g.Expect(listed()).To(Equal(names), why)
		}
		o.show(facts.Nodes)
		o.answer(assess.VersionNeed, facts.Answer{State: facts.Known})
		o.show(deployments, deployment("known", 4), deployment("new", 4))
		o.show(daemonSets)
		statefulSets := unmapped.Needs()[2]
		o.show(statefulSets)
		_, ok := o.engine.View(key, scope, unmapped)
		o.g.Expect(ok).To(BeFalse())
		o.start()
		o.afterBurst()
		expect("the first view", 1, "new Healthy")

		o.put(deployments, deployment("known", 1))
		expect("a mapping covers it", 0, "new Healthy")
		lists := o.listed[deployments]
		o.put(deployments, deployment("newer", 4))
		expect("it has come", 1, "new Healthy", "newer Healthy")
		o.g.Expect(o.listed[deployments]).To(Equal(lists), "the others are not read again")
		o.put(deployments, deployment("new", 4))
		expect("it is as before", 0, "new Healthy", "newer Healthy")

		o.put(deployments, deployment("newer", 0))
		synctest.Wait()
		o.g.Expect(notified).To(Equal(1), "its pods are being read")
		notified = 0
		o.show(podsOf("newer"))
		expect("it has none available", 1, "newer Unhealthy", "new Healthy")
		o.g.Expect(o.wants()).To(ContainElement(ContainSubstring("Pod")), "its pods may say why")
		o.remove(deployments, "newer")
		expect("it is gone", 1, "new Healthy")
		o.g.Expect(o.wants()).NotTo(ContainElement(ContainSubstring("Pod")))

		o.answer(deployments, facts.Answer{State: facts.NotPermitted, Message: "no"})
		expect("nobody may look", 1)
		o.show(deployments, deployment("known", 4), deployment("new", 4))
		expect("somebody may again", 1, "new Healthy")

		many := make([]client.Object, 0, 2*maxHeld)
		for i := range cap(many) {
			many = append(many, deployment(fmt.Sprintf("many-%03d", i), 4))
		}
		o.show(deployments, many...)
		counted := func(why string, times, total, unhealthy int) {
			t.Helper()
			synctest.Wait()
			view, _ := o.engine.View(key, scope, unmapped)
			o.g.Expect([]int{notified, view.Unmapped.Total, view.Unmapped.Unhealthy}).To(Equal([]int{times, total, unhealthy}), why)
			notified = 0
		}
		counted("more than are held", 1, 2*maxHeld, 0)
		last := fmt.Sprintf("many-%03d", 2*maxHeld-1)
		o.put(deployments, deployment(last, 0))
		synctest.Wait()
		o.show(podsOf(last))
		counted("one that is not held", 2, 2*maxHeld, 1)
		for _, gone := range many[:maxHeld+1] {
			o.remove(deployments, gone.GetName())
		}
		o.put(deployments, deployment(last, 4))
		o.put(deployments, deployment("new", 4))
		synctest.Wait()
		notified = 1
		counted("there is room again", 1, maxHeld, 0)
		o.show(deployments, deployment("known", 4), deployment("new", 4))
		expect("as before", 1, "new Healthy")

		unmapped = covering("known", "new")
		_, ok = o.engine.View(key, scope, unmapped)
		o.g.Expect(ok).To(BeFalse(), "a mapping covers more now")
		expect("its first view", 1)
		o.g.Expect(o.engine.unmapped).To(HaveLen(1))
		o.engine.Forget(key)
		o.g.Expect(o.engine.unmapped).To(BeEmpty())
		o.g.Expect(o.wants()).To(BeEmpty())
		delete(o.checks, key)
		o.end()
	})
}
