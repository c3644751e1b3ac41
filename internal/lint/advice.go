// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// numerous are kinds of which a cluster has about as many as it has pods.
var numerous = []string{
	"CiliumEndpoint", "CiliumIdentity", "ConfigMap", "ControllerRevision", "Endpoints", "EndpointSlice", "Event", "PodMetrics", "PolicyReport",
	"ReplicaSet", "ServiceAccount", "VulnerabilityReport",
}

// advise reports what works, and may not be what is wanted: of checks that hold much in memory, of the kinds that Object checks
// name, as no others do, and of Corrections.
func (l *linter) advise(m *mapping) {
	l.explains(m)
	for _, c := range m.checks {
		if o := c.spec.Object; o != nil {
			l.kind(m, c.field+".object.kind", o)
			l.costly(m, c.field+".object", o)
		}
		if w := c.spec.Workload; w != nil && w.Namespace == "" && w.Selector != nil && !picks(w.Selector) {
			l.report(ruleCostly, Note, m.Object, c.field+".workload.selector",
				fmt.Sprintf("every %s of the cluster without the labels is watched, and held in memory", w.Kind),
				"name a namespace, or a label that the workloads have")
		}
	}
}

// explains reports Corrections of what is not documented, so that nothing can differ from it.
func (l *linter) explains(m *mapping) {
	doc := &m.Value.Spec.Implementation
	fields := map[v1alpha1.DifferenceType]string{}
	if doc.Image == "" {
		fields[v1alpha1.DifferenceImage] = "image"
	}
	if doc.MinVersion == "" {
		fields[v1alpha1.DifferenceMinVersion] = "minVersion"
	}
	for i, a := range doc.Advisories {
		for j, t := range a.Explains {
			if undocumented := fields[t]; undocumented != "" {
				l.report(ruleExplains, Warning, m.Object, fmt.Sprintf("spec.implementation.advisories[%d].explains[%d]", i, j),
					fmt.Sprintf("nothing can differ in %s: spec.implementation.%s is not set", t, undocumented),
					"set spec.implementation."+undocumented+", or leave "+string(t)+" out")
			}
		}
	}
}

// kind reports a kind that a group of Kubernetes itself does not have.
func (l *linter) kind(m *mapping, field string, o *v1alpha1.ObjectCheck) {
	kind := schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
	if !misnamed(facts.Need{Kind: kind}) {
		return
	}
	var known []string
	for name := range scheme.Scheme.KnownTypes(kind.GroupVersion()) {
		known = append(known, name)
	}
	slices.Sort(known)
	l.report(ruleKind, Warning, m.Object, field, fmt.Sprintf("Kubernetes has no kind %s in %s", kind.Kind, o.APIVersion),
		didYouMean(kind.Kind, known)+"a kind that is not served counts as absent")
}

// misnamed says whether a version of Kubernetes' own API has no such kind.
func misnamed(need facts.Need) bool {
	return scheme.Scheme.IsVersionRegistered(need.Kind.GroupVersion()) && !scheme.Scheme.Recognizes(need.Kind)
}

// picks says whether a selector asks for a label that is there.
func picks(s *metav1.LabelSelector) bool {
	return len(s.MatchLabels) > 0 || slices.ContainsFunc(s.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
		return r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpExists
	})
}

func (l *linter) costly(m *mapping, field string, o *v1alpha1.ObjectCheck) {
	everywhere := o.Namespace == "" && o.Selector == nil
	if o.Observe == v1alpha1.ObserveWatch && everywhere && slices.Contains(numerous, o.Kind) {
		l.report(ruleCostly, Note, m.Object, field, fmt.Sprintf("every %s of the cluster is watched, and held in memory", o.Kind),
			"name a namespace or labels, or set observe: Poll")
	}
}
