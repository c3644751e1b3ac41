// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/snapshot"
)

// maxDefinitions is up to how many kinds each get a check: those of more are a matter of their labels.
const maxDefinitions = 12

// noted is a check, and what its author must know of it.
type noted struct {
	v1alpha1.Check

	note string
}

// checks are what a mapping looks at of what was found.
func (f *findings) checks(all []*workload) []noted {
	var out []noted
	for _, w := range f.family {
		out = append(out, f.workloadCheck(w, all))
	}
	for _, l := range f.leases {
		out = append(out, noted{v1alpha1.Check{Name: "lease-" + l.name, Type: v1alpha1.CheckLease, Method: v1alpha1.CheckMethodNone,
			Lease: &v1alpha1.LeaseCheck{Namespace: v1alpha1.NamespaceName(l.namespace), Name: v1alpha1.ObjectName(l.name)}},
			fmt.Sprintf("A pod of %s held it. A leader that hangs is ready and stops renewing it.\nLeave it out where leader election may be switched off.", l.holder)})
	}
	for _, s := range f.services {
		if s.called || !s.webhook {
			out = append(out, f.endpointsCheck(s))
		}
	}
	for _, w := range f.webhooks {
		out = append(out, webhookCheck(w))
	}
	for _, name := range f.apis {
		out = append(out, apiCheck(name))
	}
	out = append(out, f.definitionChecks()...)
	unique(out)
	return out
}

// workloadCheck looks for a workload by the labels that charts and manifests set, where these tell it from others, else by
// its name.
func (f *findings) workloadCheck(w *workload, all []*workload) noted {
	c := v1alpha1.Check{Name: cmp.Or(w.GetLabels()[componentLabel], w.GetName()), Type: v1alpha1.CheckWorkload}
	c.Workload = &v1alpha1.WorkloadCheck{Kind: w.kind, Namespace: v1alpha1.NamespaceName(w.GetNamespace()), Container: w.main()}
	note := "By its labels, as a release may have another name."
	if marks := w.marks(all); marks != nil {
		c.Workload.Selector = &metav1.LabelSelector{MatchLabels: marks}
	} else {
		c.Workload.Names = []v1alpha1.ObjectName{v1alpha1.ObjectName(w.GetName())}
		note = "By its name, as it has no labels of its own that a chart sets."
	}
	if w != f.subject {
		note += "\nOf the same release as " + f.subject.String() + ". Say expect: Optional if it can be switched off."
	}
	if len(w.pod.Containers) > 1 {
		note += "\nThe version is that of the image of this container; its others are " + strings.Join(w.sidecars(), ", ") + "."
	}
	return noted{c, note}
}

// marks are labels that tell a workload from the others of its kind and namespace; nil when there are none.
func (w *workload) marks(all []*workload) map[string]string {
	own := w.GetLabels()
	for _, keys := range [][]string{{nameLabel, componentLabel}, {nameLabel}, {appLabel}} {
		marks := map[string]string{}
		for _, key := range keys {
			if own[key] != "" {
				marks[key] = own[key]
			}
		}
		shared := slices.ContainsFunc(all, func(other *workload) bool {
			return other.GetName() != w.GetName() && other.kind == w.kind &&
				metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: intersect(other.GetLabels(), marks)}) ==
					metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: marks})
		})
		if len(marks) == len(keys) && !shared {
			return marks
		}
	}
	return nil
}

// intersect are the labels that are the same in both.
func intersect(a, b map[string]string) map[string]string {
	out := maps.Clone(b)
	maps.DeleteFunc(out, func(key, value string) bool { return a[key] != value })
	return out
}

// main is the container whose image is the program: the one that is named like the workload, else the first one.
func (w *workload) main() string {
	best := ""
	for _, c := range w.pod.Containers {
		if best == "" || c.Name == w.GetName() {
			best = c.Name
		}
	}
	return best
}

func (w *workload) sidecars() (names []string) {
	for _, c := range w.pod.Containers {
		if c.Name != w.main() {
			names = append(names, c.Name)
		}
	}
	return names
}

// endpointsCheck looks at the endpoints of a Service: without it there are none.
func (f *findings) endpointsCheck(s service) noted {
	c := objectCheck("endpoints-"+s.name, sliceKind, "")
	c.Object.Namespace = v1alpha1.NamespaceName(f.namespace())
	c.Object.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/service-name": s.name}}
	c.Object.Healthy = "has(object.endpoints) && object.endpoints != null && object.endpoints.exists(e, e.?conditions.?ready.orValue(true))"
	c.Object.Reason = "NoReadyEndpoints"
	c.Object.Message = v1alpha1.Expression(fmt.Sprintf("'the Service %s has no ready endpoints'", s.name))
	if s.called {
		return noted{c, "The API server calls this Service: without a ready endpoint its requests fail."}
	}
	c.Expect = v1alpha1.ExpectOptional
	return noted{c, "Nothing that was found calls this Service. Leave it out if it is for metrics only."}
}

// webhookCheck looks at a webhook configuration: what calls the program when objects are written.
func webhookCheck(w webhook) noted {
	c := v1alpha1.Check{Name: "webhook-" + w.name, Type: v1alpha1.CheckWebhook, Method: v1alpha1.CheckMethodNone,
		Webhook: &v1alpha1.WebhookCheck{Kinds: []v1alpha1.WebhookKind{v1alpha1.WebhookValidating}, Names: []v1alpha1.ObjectName{v1alpha1.ObjectName(w.name)}}}
	if w.kind == mutatingKind.Kind {
		c.Name, c.Webhook.Kinds[0] = "mutating-"+c.Name, v1alpha1.WebhookMutating
	}
	return noted{c, "It outlives what it was made for, so it proves nothing. Healthy: the API server can call it."}
}

func apiCheck(name string) noted {
	c := objectCheck("api-"+name, snapshot.APIServiceKind, name)
	c.Object.Observe = v1alpha1.ObservePoll
	c.Object.Healthy = "object.?status.?conditions.orValue([]).exists(c, c.type == 'Available' && c.status == 'True')"
	c.Object.Reason = "APIUnavailable"
	c.Object.Message = "object.?status.?conditions.orValue([]).filter(c, c.type == 'Available').map(c, c.?message.orValue('')).join('; ')"
	return noted{c, "An API that the program serves itself."}
}

func (f *findings) definitionChecks() []noted {
	var out []noted
	for i, d := range f.crds {
		if i == maxDefinitions {
			out[len(out)-1].note += fmt.Sprintf("\nThere are %d more kinds; add those that must not be missing.", len(f.crds)-maxDefinitions)
			break
		}
		c := objectCheck("kind-"+strings.TrimSuffix(d.name, "."+d.group), snapshot.DefinitionKind, d.name)
		c.Object.Observe = v1alpha1.ObservePoll
		c.Object.Healthy = "object.?status.?conditions.orValue([]).exists(c, c.type == 'Established' && c.status == 'True')"
		c.Object.Reason = "NotEstablished"
		c.Object.Message = "'the API server does not serve it yet'"
		note := ""
		if i == 0 {
			note = "The kinds that it brings. They stay when it is removed, so they prove nothing.\n" +
				"Look at their objects, too: what do their conditions say when the work fails?"
		}
		if d.byGroup {
			note = strings.TrimSpace(note + "\nNothing but the group " + d.group + " says that it belongs here.")
		}
		out = append(out, noted{c, note})
	}
	return out
}

func objectCheck(name string, kind schema.GroupVersionKind, object string) v1alpha1.Check {
	return v1alpha1.Check{Name: name, Type: v1alpha1.CheckObject, Method: v1alpha1.CheckMethodNone, Object: &v1alpha1.ObjectCheck{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: v1alpha1.ObjectName(object)}}
}

var noLetters = regexp.MustCompile(`[^a-z0-9]+`)

// maxName is how long the name of a check may be.
const maxName = 63

// unique makes names that a check may have, no two the same.
func unique(checks []noted) {
	used := map[string]bool{}
	for i := range checks {
		base := noLetters.ReplaceAllString(strings.ToLower(checks[i].Name), "-")
		base = strings.Trim(base[:min(len(base), maxName-3)], "-")
		name := base
		for n := 2; used[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		used[name] = true
		checks[i].Name = name
	}
}

// mapping is the draft without its comments.
func (f *findings) mapping(name string, checks []noted) *v1alpha1.ComponentMapping {
	m := &v1alpha1.ComponentMapping{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ComponentMapping"}}
	m.Name, m.Labels = name, map[string]string{platformLabel: "aks"}
	m.Spec.Component, m.Spec.Category, m.Spec.Placement = name, v1alpha1.CategoryAddon, v1alpha1.PlacementCluster
	m.Spec.OperatedBy, m.Spec.Presence = v1alpha1.OperatedByCustomer, v1alpha1.PresenceOptional
	if f.subject.GetLabels()[providerLabel] == "aks" {
		m.Spec.OperatedBy = v1alpha1.OperatedByProvider
	}
	image := f.subject.image()
	m.Spec.Implementation = v1alpha1.Implementation{Name: name, Source: v1alpha1.Source{Name: cmp.Or(image, name)}, Image: image}
	for _, w := range f.family {
		method := v1alpha1.ImplementationMethod(w.kind)
		if !slices.Contains(m.Spec.Implementation.Methods, method) {
			m.Spec.Implementation.Methods = append(m.Spec.Implementation.Methods, method)
		}
	}
	for _, c := range checks {
		m.Spec.Checks = append(m.Spec.Checks, c.Check)
	}
	return m
}

const (
	platformLabel = "architecture.archmap.dev/platform"
	providerLabel = "kubernetes.azure.com/managedby"
)

// image of the main container, without its tag.
func (w *workload) image() string {
	for _, c := range w.pod.Containers {
		if c.Name == w.main() {
			repository, _ := check.SplitImage(c.Image)
			return repository
		}
	}
	return ""
}
