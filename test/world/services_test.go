// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// webhooksRow judges the webhooks of everybody, and knows no component.
const webhooksRow = "admission-webhooks"

// servicesBehind are the Services that registrations of a shape lead to: webhooks and aggregated APIs.
func servicesBehind(shape *shapes.Shape) map[world.Ref]bool {
	found := map[world.Ref]bool{}
	add := func(service map[string]any, needed bool) {
		if service["name"] != nil {
			ref := world.Ref{Kind: "Service", Namespace: service["namespace"].(string), Name: service["name"].(string)}
			found[ref] = found[ref] || needed
		}
	}
	for _, o := range shape.Objects {
		switch o.GetKind() {
		case "APIService":
			service, _, _ := unstructured.NestedMap(o.Object, "spec", "service")
			add(service, true)
		case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
			webhooks, _, _ := unstructured.NestedSlice(o.Object, "webhooks")
			for _, w := range webhooks {
				service, _, _ := unstructured.NestedMap(w.(map[string]any), "clientConfig", "service")
				rules, _, _ := unstructured.NestedSlice(w.(map[string]any), "rules")
				add(service, slices.ContainsFunc(rules, ofKubernetes))
			}
		}
	}
	return found
}

// ofKubernetes reports whether a rule of a webhook is about kinds that not only its maker has.
func ofKubernetes(rule any) bool {
	groups, _, _ := unstructured.NestedStringSlice(rule.(map[string]any), "apiGroups")
	return slices.ContainsFunc(groups, func(group string) bool {
		return group == "*" || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
	})
}

// TestServicesBehindRegistrations: whatever registers a webhook or an API is unhealthy without the Service behind it, and
// its row says which is missing: the row of its component, and not only that of all webhooks. Where only the kinds of its maker
// are stored unchecked, it is told and tolerated.
func TestServicesBehindRegistrations(t *testing.T) {
	seen := 0
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, _ := recovered(g, name)
			whole := w.Save()
			for service, needed := range servicesBehind(shape) {
				if !w.Has(service) || shape.Provider == shapes.GCP {
					continue // what is hidden has none; GKE has names of its own, which no mapping looks for
				}
				seen++
				g.Expect(w.Delete(service)).To(Succeed())
				want := "True/" + v1alpha1.ReasonWithinTolerance
				if needed {
					want = "False"
				}
				g.Expect(blamed(g, w, service, want)).NotTo(BeEmpty(), "without the Service behind its webhook or API a component is %s, and says so: %s", want, service)
				w.Restore(whole)
			}
		})
	}
	NewWithT(t).Expect(seen).To(BeNumerically(">", 20), "shapes have Services behind webhooks and APIs")
}

// eachLoadBalancer breaks the Services of type LoadBalancer of all shapes, one at a time.
func eachLoadBalancer(t *testing.T, breaks func(g Gomega, w *world.World, service world.Ref)) {
	t.Helper()
	seen := 0
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, _ := recovered(g, name)
			whole := w.Save()
			for _, o := range shape.Objects {
				if balanced, _, _ := unstructured.NestedString(o.Object, "spec", "type"); o.GetKind() != "Service" || balanced != "LoadBalancer" {
					continue
				}
				seen++
				breaks(g, w, world.Ref{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()})
				w.Restore(whole)
			}
		})
	}
	NewWithT(t).Expect(seen).To(BeNumerically(">", 3), "shapes have load balancers")
}

// TestLoadBalancersThatAreGone: nobody reaches the pods behind a load balancer that was deleted.
func TestLoadBalancersThatAreGone(t *testing.T) {
	eachLoadBalancer(t, func(g Gomega, w *world.World, service world.Ref) {
		g.Expect(w.Delete(service)).To(Succeed())
		verdicts, err := w.Run(20*time.Minute, 5*time.Minute)
		g.Expect(err).NotTo(HaveOccurred())
		var conditions []string
		for _, m := range verdicts.Mappings {
			conditions = append(conditions, shapes.ConditionOf(m.Status.Conditions, v1alpha1.ConditionHealthy))
		}
		g.Expect(conditions).To(ContainElement("False/"+v1alpha1.ReasonNoService), "the component is unhealthy whose Service is gone: %s", service)
	})
}

// TestLoadBalancersWithoutAddress: a Service of type LoadBalancer that a shape has belongs to a component, which is
// unhealthy while the Service has no address.
func TestLoadBalancersWithoutAddress(t *testing.T) {
	eachLoadBalancer(t, func(g Gomega, w *world.World, service world.Ref) {
		g.Expect(w.Patch(service, map[string]any{"status": map[string]any{"loadBalancer": map[string]any{"ingress": nil}}})).To(Succeed())
		g.Expect(blamed(g, w, service, "False")).NotTo(BeEmpty(), "a component whose load balancer has no address is unhealthy, and says so: %s", service)
	})
}

// blamed lists the components whose Healthy begins like that when every grace period is over, and that name the Service.
func blamed(g Gomega, w *world.World, service world.Ref, healthy string) []string {
	verdicts, err := w.Run(20*time.Minute, 5*time.Minute)
	g.Expect(err).NotTo(HaveOccurred())
	names := []string{service.String(), fmt.Sprintf("service/%s in %q", service.Name, service.Namespace)}
	var rows []string
	for row, m := range verdicts.Mappings {
		says := func(name string) bool { return strings.Contains(m.Status.Message, name) }
		if row != webhooksRow && strings.HasPrefix(shapes.ConditionOf(m.Status.Conditions, v1alpha1.ConditionHealthy), healthy) && slices.ContainsFunc(names, says) {
			rows = append(rows, row)
		}
	}
	return rows
}
