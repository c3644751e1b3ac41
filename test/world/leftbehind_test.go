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
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// leftBehindKinds are those of objects that a component registers, and that may remain after it is removed.
var leftBehindKinds = sets.New("IngressClass", "GatewayClass", "CSIDriver", "APIService", "CustomResourceDefinition",
	"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")

// partsOf are the objects that the checks of a component found, by kind: what runs, and what is registered.
func partsOf(m *v1alpha1.ComponentMapping) map[string]sets.Set[world.Ref] {
	parts := map[string]sets.Set[world.Ref]{}
	for _, c := range m.Status.Checks {
		for _, o := range c.Objects {
			if workloadKinds.Has(o.Kind) || leftBehindKinds.Has(o.Kind) || o.Kind == "Lease" {
				if parts[o.Kind] == nil {
					parts[o.Kind] = sets.New[world.Ref]()
				}
				parts[o.Kind].Insert(world.Ref{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name})
			}
		}
	}
	return parts
}

// TestLeftBehind: of a component that was removed objects of one kind remain. Its row says so. What they break is a cause, and
// what they do not break is none.
func TestLeftBehind(t *testing.T) {
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, before := recovered(g, name)
			whole := w.Save()
			var wrong []string
			for row, m := range before.Mappings {
				parts := partsOf(m)
				for kind := range parts {
					if row == webhooksRow || !leftBehindKinds.Has(kind) || m.Spec.Presence == v1alpha1.PresenceRequired && !isPlatform(before) {
						continue // there nobody misses it
					}
					what := fmt.Sprintf("%s: of %s only %s is left", name, row, kind)
					leaveOnly(w, shape, parts, kind)
					after, err := w.Run(20*time.Minute, 10*time.Minute)
					g.Expect(err).NotTo(HaveOccurred())
					for _, problem := range append(causeless(after), untoldLeftovers(after, after.Mappings[row], kind)...) {
						wrong = append(wrong, what+": "+problem)
					}
					w.Restore(whole)
				}
			}
			g.Expect(wrong).To(BeEmpty())
		})
	}
}

// leaveOnly removes a component, with the Services that its registrations lead to, but for what it has of the kind.
func leaveOnly(w *world.World, shape *shapes.Shape, parts map[string]sets.Set[world.Ref], kind string) {
	for other, refs := range parts {
		for ref := range refs {
			if other != kind && w.Has(ref) {
				_ = w.Delete(ref)
			}
		}
	}
	for _, o := range shape.Objects {
		if parts[o.GetKind()].Has(world.Ref{Kind: o.GetKind(), Name: o.GetName()}) {
			for service := range servicesBehind(&shapes.Shape{Objects: []*unstructured.Unstructured{o}}) {
				if w.Has(service) {
					_ = w.Delete(service)
				}
			}
		}
	}
}

// causeless lists what breaks the rule that whatever is unhealthy, or missing, has a cause on which somebody must act, and
// every cause a component.
func causeless(v *world.Verdicts) []string {
	var out []string
	major := sets.New[string]()
	for _, c := range v.Architecture.Status.Causes {
		if len(c.Components) == 0 {
			out = append(out, "no component has the cause "+c.Message)
		}
		if c.Severity == v1alpha1.SeverityMajor {
			major.Insert(c.Components...)
			if !slices.ContainsFunc(c.Components, func(row string) bool { return isFault(v, row) }) {
				out = append(out, "no component is unhealthy for the cause "+c.Message)
			}
		}
	}
	for row, m := range v.Mappings {
		if isFault(v, row) && !major.Has(row) {
			out = append(out, fmt.Sprintf("%s is red without a cause: %s", row, m.Status.Message))
		}
	}
	return out
}

// isFault reports whether somebody must act on a component. On a cluster of another platform none is missed.
func isFault(v *world.Verdicts, row string) bool {
	state := catalog.StateOf(v.Mappings[row])
	return state == catalog.Unhealthy || state == catalog.Missing && isPlatform(v)
}

func isPlatform(v *world.Verdicts) bool {
	return !meta.IsStatusConditionFalse(v.Architecture.Status.Conditions, v1alpha1.ConditionPlatformDetected)
}

// untoldLeftovers lists what a row says wrong of objects of the kind that are all that is left.
func untoldLeftovers(v *world.Verdicts, m *v1alpha1.ComponentMapping, kind string) []string {
	healthy := shapes.ConditionOf(m.Status.Conditions, v1alpha1.ConditionHealthy)
	told := strings.Contains(m.Status.Message, kind+" ")
	switch {
	case !told:
		return []string{"the row does not say so: " + shapes.ConditionOf(m.Status.Conditions, v1alpha1.ConditionPresent) + " " + healthy + " " + m.Status.Message}
	case kind != "APIService" && strings.HasPrefix(healthy, "False"):
		return []string{"the row is red for it: " + m.Status.Message}
	case kind == "APIService" && !slices.ContainsFunc(v.Architecture.Status.Causes, func(c v1alpha1.Cause) bool {
		return c.Severity == v1alpha1.SeverityMajor && (c.Subject.Kind == kind || slices.ContainsFunc(c.Components, func(row string) bool { return row == m.Name }))
	}):
		return []string{"an API that nobody serves is no cause"}
	}
	return nil
}
