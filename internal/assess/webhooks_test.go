// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

const (
	unavailable = v1alpha1.ReasonWebhookUnavailable
	callFailed  = v1alpha1.ReasonWebhookCallFailed
	crashing    = v1alpha1.ReasonCrashLooping
)

// knownWebhook is what a Webhook check says of a webhook of the configuration that is called like it, behind a Service.
func knownWebhook(name, service string) v1alpha1.Fault {
	return v1alpha1.Fault{Kind: v1alpha1.FaultWebhook, Severity: v1alpha1.SeverityMajor, Reason: unavailable, Message: name + " cannot be called",
		Subject: v1alpha1.ObservedObject{Kind: "ValidatingWebhookConfiguration", Name: name + "-cfg"},
		Related: []v1alpha1.ObservedObject{{Kind: "Service", Namespace: "w", Name: service}, {Kind: "Webhook", Name: name}}}
}

// refusedBy is what a workload says of a webhook.
func refusedBy(name string) v1alpha1.Fault {
	return v1alpha1.Fault{Kind: v1alpha1.FaultWebhook, Severity: v1alpha1.SeverityMajor, Reason: callFailed, Message: "cannot call " + name,
		Subject: v1alpha1.ObservedObject{Kind: "Webhook", Name: name}}
}

// saying returns an unhealthy component: its checks fail for these reasons, and say these webhooks of the two reasons that
// tell of some.
func saying(t testing.TB, name string, webhooks map[string][]v1alpha1.Fault, reasons ...string) v1alpha1.ComponentMapping {
	m := faulty(t, name, reasons...)
	for i := range m.Status.Checks {
		if faults := webhooks[m.Status.Checks[i].Reason]; len(faults) > 0 {
			m.Status.Checks[i].Faults = faults
		}
	}
	return m
}

func by(o v1alpha1.Operator, m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
	m.Spec.OperatedBy, m.Status.OperatedBy = o, o
	return m
}

func TestWebhookCauses(t *testing.T) { runArchitectures(t, webhookCases(t)) }

func webhookCases(t testing.TB) []archCase {
	type hooks = map[string][]v1alpha1.Fault
	all := func(webhooks ...v1alpha1.Fault) v1alpha1.ComponentMapping {
		return by(v1alpha1.OperatedByCustomer, saying(t, "all", hooks{unavailable: webhooks}, unavailable))
	}
	refused := func(name, webhook string) v1alpha1.ComponentMapping {
		return saying(t, name, hooks{callFailed: {refusedBy(webhook)}}, callFailed)
	}
	subjects := func(s v1alpha1.ClusterArchitectureStatus) []string {
		var out []string
		for _, c := range s.Causes {
			out = append(out, c.Subject.Kind+" "+c.Subject.Name+" "+string(c.OperatedBy))
		}
		return out
	}
	configured := func(name string, o v1alpha1.Operator) string {
		return "ValidatingWebhookConfiguration " + name + "-cfg " + string(o)
	}
	return []archCase{{
		name:     "what a webhook refuses is one cause with it, whatever else is told",
		mappings: list(unhealthy(t, "z"), refused("a", "x"), all(knownWebhook("x", "s")), refused("b", "x")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{unavailable, "a", "all", "b"}, {"WorkloadUnavailable", "z"}}))
			g.Expect(subjects(s)[0]).To(Equal(configured("x", v1alpha1.OperatedByCustomer)))
			g.Expect(s.Causes[0].Message).To(Equal("x cannot be called; if nothing needs it, delete the configuration"))
			g.Expect(s.Causes[1].Subject.Name).To(Equal("z"))
		},
	}, {
		name:     "a webhook of which only its name is known",
		mappings: list(refused("a", "x"), refused("b", "x"), refused("c", "y")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{callFailed, "a", "b"}, {callFailed, "c"}}))
			g.Expect(subjects(s)).To(Equal([]string{"Webhook x Customer", "Webhook y Customer"}))
		},
	}, {
		name:     "webhooks behind one Service are one cause, those behind others are others",
		mappings: list(all(knownWebhook("x", "s"), knownWebhook("y", "s"), knownWebhook("z", "t")), refused("a", "y")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{unavailable, "a", "all"}, {unavailable, "all"}}))
			g.Expect(s.Causes[1].Message).To(Equal("z cannot be called; if nothing needs it, delete the configuration"))
		},
	}, {
		name: "the component whose own fault takes the webhook down is the cause",
		mappings: list(all(knownWebhook("x", "s")), refused("a", "x"),
			by(v1alpha1.OperatedByProvider, saying(t, "owner", hooks{unavailable: {knownWebhook("x", "s")}}, crashing, unavailable))),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{crashing, "owner", "a", "all"}}))
			g.Expect(subjects(s)).To(Equal([]string{"Deployment owner Provider"}))
			g.Expect(s.Causes[0].Message).To(HavePrefix("a: so says the test of owner"))
		},
	}, {
		name: "a webhook whose pods another one refuses is down by that",
		mappings: list(all(knownWebhook("x", "s"), knownWebhook("y", "t")), refused("a", "x"),
			saying(t, "owner", hooks{unavailable: {knownWebhook("x", "s")}, callFailed: {refusedBy("y")}}, callFailed, unavailable)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{unavailable, "all", "owner", "a"}}))
			g.Expect(subjects(s)).To(Equal([]string{configured("y", v1alpha1.OperatedByCustomer)}))
		},
	}, {
		name:     "one that refuses its own pods",
		mappings: list(saying(t, "owner", hooks{unavailable: {knownWebhook("x", "s")}, callFailed: {refusedBy("x")}}, callFailed, unavailable)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{unavailable, "owner"}}))
		},
	}, {
		name: "two that refuse each other's pods",
		mappings: list(refused("a", "x"),
			saying(t, "one", hooks{unavailable: {knownWebhook("x", "s")}, callFailed: {refusedBy("y")}}, callFailed, unavailable),
			saying(t, "two", hooks{unavailable: {knownWebhook("y", "t")}, callFailed: {refusedBy("x")}}, callFailed, unavailable)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(len(s.Causes)).To(BeNumerically("<=", 2), "it ends")
		},
	}, {
		name: "nodes that take the webhook down are the cause",
		mappings: list(all(knownWebhook("x", "s")), refused("a", "x"),
			saying(t, "owner", hooks{unavailable: {knownWebhook("x", "s")}}, v1alpha1.ReasonNodeFault, unavailable)),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(Equal([][]string{{v1alpha1.ReasonNodeFault, "owner", "a", "all"}}))
		},
	}, {
		name:     "a policy that denies pods is no webhook that fails",
		mappings: list(saying(t, "a", nil, v1alpha1.ReasonAdmissionDenied), all(knownWebhook("x", "s"))),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(inShort(s)).To(ConsistOf([]string{v1alpha1.ReasonAdmissionDenied, "a"}, []string{unavailable, "all"}))
		},
	}}
}

// Who operates a component that has variants of several operators is who can act: of the one that fails.
func TestWhoOperatesTheVariantThatFails(t *testing.T) {
	const spec = `
operatedBy: Shared
variants:
- {name: provider, operatedBy: Provider, checks: [{name: a, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [a]}}]}
- {name: customer, operatedBy: Customer, checks: [{name: b, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [b]}}]}
`
	for name, test := range map[string]struct {
		cluster cluster
		want    v1alpha1.Operator
	}{
		"both run":           {with(deployment("a", 2, 2), deployment("b", 2, 2)), v1alpha1.OperatedByProvider},
		"the second fails":   {with(deployment("a", 2, 2), deployment("b", 0, 2)), v1alpha1.OperatedByCustomer},
		"the first fails":    {with(deployment("a", 0, 2), deployment("b", 2, 2)), v1alpha1.OperatedByProvider},
		"only the second is": {with(deployment("b", 2, 2)), v1alpha1.OperatedByCustomer},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := component(t, "m", spec, test.cluster)
			g.Expect(m.Status.OperatedBy).To(Equal(test.want))
			g.Expect(meta.IsStatusConditionPresentAndEqual(m.Status.Conditions, v1alpha1.ConditionPresent, metav1.ConditionTrue)).To(BeTrue())
		})
	}
}
