// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// growing shows a DaemonSet of which a pod crashes on an old node, to an operator that has not been started; grow has a node join, whose
// pod is ready at once.
func growing(o *operator) (grow func()) {
	o.show(facts.Nodes, nodesNamed(3)...)
	o.show(daemonSets, daemonSet("cns", 3, 1))
	o.show(podsOf("cns"), crashingPods(1)...)
	return func() {
		n := node("n3", corev1.ConditionTrue)
		n.CreationTimestamp = metav1.NewTime(o.clock.Now())
		n.Status.Conditions[0].LastTransitionTime = n.CreationTimestamp
		o.put(facts.Nodes, n)
		o.put(daemonSets, daemonSet("cns", 4, 1))
	}
}

// That a DaemonSet fails on an old node is not forgotten while nodes join, and a restart does not change that: the status remembers it.
// Who has never seen it fail says that it grows, as one look does.
func TestWhatFailedIsRememberedByItsStatus(t *testing.T) {
	m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "cns", Generation: 1}}
	// assess has an operator that has just started look at the cluster.
	assess := func(of *operator) v1alpha1.CheckStatus {
		of.t.Helper()
		o := newOperator(of.t, Options{})
		o.answers = of.answers
		compiled := &Mapping{checks: compileChecks(o.t, daemonSetCheck)}
		o.checks[keyOf("cns")] = compiled.checks
		_, _, ok := o.engine.Assess(keyOf("cns"), compiled, m, o.clock.Now())
		o.g.Expect(ok).To(BeFalse())
		o.engine.EvaluateAll(context.Background())
		status, _, ok := o.engine.Assess(keyOf("cns"), compiled, m, o.clock.Now())
		o.g.Expect(ok).To(BeTrue())
		o.end()
		return status.Checks[0]
	}
	inBubble(t, Options{}, func(o *operator) {
		grow := growing(o)
		first := assess(o)
		o.g.Expect(first.Reason).To(Equal(v1alpha1.ReasonCrashLooping))
		grow()
		o.g.Expect(assess(o).Reason).To(Equal(v1alpha1.ReasonProgressing), "it has not been seen to fail")
		m.Status = v1alpha1.ComponentMappingStatus{ObservedGeneration: 1, Checks: []v1alpha1.CheckStatus{first}}
		o.g.Expect(assess(o).Reason).To(Equal(v1alpha1.ReasonCrashLooping), "its status remembers")
		m.Generation = 2
		o.g.Expect(assess(o).Reason).To(Equal(v1alpha1.ReasonProgressing), "that was another spec")
	})
	inBubble(t, Options{}, func(o *operator) {
		grow := growing(o)
		o.start()
		o.subscribe("cns", daemonSetCheck)
		o.pass(time.Second)
		o.g.Expect(o.results("cns")[0].Reason).To(Equal(v1alpha1.ReasonCrashLooping))
		grow()
		o.afterBurst()
		o.g.Expect(o.results("cns")[0].Reason).To(Equal(v1alpha1.ReasonCrashLooping), "it runs on")
		o.put(daemonSets, daemonSet("cns", 4, 0))
		o.afterBurst()
		o.put(daemonSets, daemonSet("cns", 4, 1))
		o.afterBurst()
		o.g.Expect(o.results("cns")[0].Reason).To(Equal(v1alpha1.ReasonProgressing), "it has recovered meanwhile")
	})
}

// A subscription ends after the engine has, as when a mapping is deleted while the operator stops.
func TestForgetAfterTheEnd(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		free := o.hold(deployments)
		o.start()
		o.show(deployments, deployment("web", 4))
		o.subscribe("dns", deploymentCheck("web"), nodesCheck("Ready"), objectCheck("Widget", "object.well"))
		o.pass(time.Second)
		o.stop()
		free()
		o.g.Expect(<-o.stopped).To(Succeed())
		o.stop = nil
		o.forget("dns")
		o.forget("dns")
		o.forget("never there")
		o.subscribe("late", deploymentCheck("web"))
		o.put(deployments, deployment("web", 1))
		o.forget("late")
	})
}
