// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// What cannot be evaluated is said to be invalid, and asks for nothing.
func TestInvalidSpecs(t *testing.T) {
	inBubble(t, Options{}, func(o *operator) {
		o.show(deployments, deployment("a", 4))
		m := &v1alpha1.ComponentMapping{}
		valid := CompileMapping(&v1alpha1.ComponentMappingSpec{Checks: []v1alpha1.Check{compileChecks(t, deploymentCheck("a"))[0].Spec}})
		o.g.Expect(valid.Needs()).To(Equal([]facts.Need{deployments}))
		_, _, ok := o.engine.Assess(keyOf("m"), valid, m, noon)
		o.g.Expect(ok).To(BeFalse(), "nothing is known yet")
		o.g.Expect(o.wants()).To(Equal([]string{"Deployment"}))
		broken := CompileMapping(&v1alpha1.ComponentMappingSpec{Checks: []v1alpha1.Check{{Name: "c", Type: "Guess"}}})
		o.g.Expect(broken.Needs()).To(BeEmpty())
		status, _, ok := o.engine.Assess(keyOf("m"), broken, m, noon)
		o.g.Expect(ok).To(BeTrue())
		o.g.Expect(status.Conditions[0].Message).To(ContainSubstring("Guess"))
		o.g.Expect(o.wants()).To(BeEmpty(), "nothing is asked any more")

		a := &v1alpha1.ClusterArchitecture{}
		unselective := CompileArchitecture(&v1alpha1.ClusterArchitectureSpec{ComponentSelector: metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Resembles"}}}})
		_, _, ok = o.engine.AssessArchitecture(Key{Kind: "ClusterArchitecture"}, unselective, a, nil, noon)
		o.g.Expect(ok).To(BeTrue())
		o.g.Expect(o.wants()).To(BeEmpty())
	})
}

// An engine on a snapshot comes to what was so at the time of the snapshot.
func TestStill(t *testing.T) {
	g := NewWithT(t)
	broken := deployment("web", 0)
	broken.SetGroupVersionKind(deployments.Kind)
	s := &snapshot.Snapshot{Time: noon, Coverage: snapshot.Complete, Objects: []client.Object{
		broken, node("n", corev1.ConditionFalse), podOn("n", "web"), thing("Widget", "x", true)}}
	e := Still(s, false)
	checks := compileChecks(t, deploymentCheck("web"), nodesCheck("Ready"), objectCheck("Widget", `now == timestamp("2026-10-02T12:00:00Z")`))
	_, ok := e.Findings(keyOf("m"), checks)
	g.Expect(ok).To(BeFalse(), "nothing is evaluated yet")
	e.EvaluateAll(context.Background())
	findings, ok := e.Findings(keyOf("m"), checks)
	g.Expect(ok).To(BeTrue())
	g.Expect(findings[0].Message).To(ContainSubstring("on nodes that are not ready"))
	g.Expect(findings[1].Message).To(Equal("1/1 nodes unhealthy: n (Ready is False: Kubelet)"))
	g.Expect(findings[2].Healthy).To(Equal(v1alpha1.VerdictTrue), "it is the time of the snapshot")
	g.Expect(facts.NeedsOf(e.Demands())).To(ConsistOf(facts.Nodes, podsOf("web")))
}

// A cache lists objects in any order. What is made of the mappings of an architecture is made once for them all the same.
func TestArchitectureIsCompiledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOperator(t, Options{})
		t.Cleanup(o.abort)
		key, a := Key{Kind: "ClusterArchitecture"}, &v1alpha1.ClusterArchitecture{
			Spec: v1alpha1.ClusterArchitectureSpec{Unmapped: v1alpha1.UnmappedPolicy{Namespaces: []v1alpha1.NamespaceName{"kube-system"}}}}
		compiled := CompileArchitecture(&a.Spec)
		mappings := []v1alpha1.ComponentMapping{{ObjectMeta: metav1.ObjectMeta{Name: "b"}}, {ObjectMeta: metav1.ObjectMeta{Name: "a"}}}
		scope := func() *assess.UnmappedScope {
			_, _, _ = o.engine.AssessArchitecture(key, compiled, a, mappings, noon)
			return o.engine.scopes[key].scope
		}
		first := scope()
		slices.Reverse(mappings)
		o.g.Expect(scope()).To(BeIdenticalTo(first), "in another order")
		mappings[0].Generation++
		o.g.Expect(scope()).NotTo(BeIdenticalTo(first), "another generation")
	})
}
