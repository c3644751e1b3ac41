// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/msg"
)

// clashes reports names that are given twice.
func (l *linter) clashes() {
	var objects []*manifest.Object
	for _, m := range l.Mappings {
		objects = append(objects, m.Object)
	}
	for _, a := range l.Architectures {
		objects = append(objects, a.Object)
	}
	for _, r := range l.ClusterRoles {
		objects = append(objects, r.Object)
	}
	first := map[string]*manifest.Object{}
	for _, o := range objects {
		if other := first[o.String()]; other != nil && o.GetName() != "" {
			l.report(ruleClash, Error, o, "metadata.name", fmt.Sprintf("there is another %s at %s", o, other.At("metadata.name")),
				"rename one of them, or leave one out")
			continue
		}
		first[o.String()] = o
	}
	for _, m := range l.mappings {
		l.overrides(m)
	}
	l.aliases()
}

// aliases reports aliases that do not lead to their mapping alone.
func (l *linter) aliases() {
	names, first := map[string]*manifest.Object{}, map[v1alpha1.Alias]*manifest.Object{}
	for _, m := range l.Mappings {
		names[m.GetName()] = m.Object
	}
	for _, m := range l.mappings {
		for i, alias := range m.Value.Spec.Aliases {
			field := fmt.Sprintf("spec.aliases[%d]", i)
			if named := names[string(alias)]; named != nil {
				l.report(ruleClash, Warning, m.Object, field, fmt.Sprintf("%s is the name of the mapping at %s, which always wins", alias,
					named.At("metadata.name")), "leave the alias out")
				continue
			}
			if other := first[alias]; other != nil {
				l.report(ruleClash, Warning, m.Object, field, fmt.Sprintf("%s is an alias of %s as well; explain asks which is meant", alias, other),
					"leave it out in one of them, unless it means both")
				continue
			}
			first[alias] = m.Object
		}
	}
}

// overrides reports checks of variants that look as if they replaced a shared one.
func (l *linter) overrides(m *mapping) {
	shared := ofVariant(m, "")
	for _, c := range m.checks {
		if c.variant != "" && slices.ContainsFunc(shared, func(s *placedCheck) bool { return s.spec.Name == c.spec.Name }) {
			l.report(ruleClash, Warning, m.Object, c.field+".name", fmt.Sprintf(
				"a shared check is called %s as well; the variant's does not replace it, both must be as expected", c.spec.Name),
				"rename one of them, or move the shared one into the variants that need it")
		}
	}
}

// architectures reports what architectures and mappings do not know of each other.
func (l *linter) architectures() {
	selected := map[string]bool{}
	var selectors []labels.Selector
	for _, a := range l.Architectures {
		if !a.Valid || !l.selector(a.Object, "spec.nodeSelector", a.Value.Spec.NodeSelector) ||
			!l.selector(a.Object, "spec.componentSelector", &a.Value.Spec.ComponentSelector) {
			continue
		}
		s, err := assess.ParseSelectors(&a.Value.Spec)
		if err != nil {
			continue // reported above
		}
		selectors = append(selectors, s.Components)
		takesAny := false
		for _, m := range l.Mappings {
			if s.Components.Matches(labels.Set(m.GetLabels())) {
				takesAny, selected[m.GetName()] = true, true
			}
		}
		if !takesAny && len(l.Mappings) > 0 {
			l.report(ruleSelection, Warning, a.Object, "spec.componentSelector",
				fmt.Sprintf("none of the %d mappings has the labels %s", len(l.Mappings), s.Components),
				"give the mappings these labels, or change the selector")
		}
		l.references(a, s.Components)
	}
	for _, m := range l.Mappings {
		if len(selectors) > 0 && !selected[m.GetName()] {
			l.report(ruleSelection, Warning, m.Object, "metadata.labels", "no ClusterArchitecture takes it in: none of them selects its labels",
				"give it the labels "+selectors[0].String())
		}
	}
}

// references reports components that an architecture names and that are not there. Without any mapping among the files
// they are surely elsewhere.
func (l *linter) references(a manifest.Item[v1alpha1.ClusterArchitecture], selector labels.Selector) {
	if len(l.Mappings) == 0 {
		return
	}
	spec := &a.Value.Spec
	for i, rule := range spec.Rules {
		for j, name := range rule.Components {
			l.reference(a.Object, fmt.Sprintf("spec.rules[%d].components[%d]", i, j), string(name), selector)
		}
	}
	for i, name := range spec.VersionSkew.Components {
		l.reference(a.Object, fmt.Sprintf("spec.versionSkew.components[%d]", i), string(name), selector)
	}
}

func (l *linter) reference(o *manifest.Object, field, member string, selector labels.Selector) {
	name, variant, _ := strings.Cut(member, "/")
	i := slices.IndexFunc(l.Mappings, func(m manifest.Item[v1alpha1.ComponentMapping]) bool { return m.GetName() == name })
	if i < 0 {
		var known []string
		for _, m := range l.Mappings {
			known = append(known, m.GetName())
		}
		l.report(ruleReference, Warning, o, field, fmt.Sprintf("ComponentMapping %s is not among the files", name),
			didYouMean(name, known)+"a component that is not in the cluster either counts as not present")
		return
	}
	m := l.Mappings[i]
	var variants []string
	for _, v := range m.Value.Spec.Variants {
		variants = append(variants, v.Name)
	}
	switch {
	case variant != "" && m.Valid && !slices.Contains(variants, variant):
		l.report(ruleReference, Error, o, field, fmt.Sprintf("ComponentMapping %s has no variant %s", name, variant),
			didYouMean(variant, variants)+"it has: "+strings.Join(variants, ", "))
	case !selector.Matches(labels.Set(m.GetLabels())):
		l.report(ruleReference, Warning, o, field, fmt.Sprintf(
			"ComponentMapping %s is not taken in by componentSelector, and so counts as not present", name), "give it the labels "+selector.String())
	}
}

// didYouMean suggests the known name that is most like one that is not known.
func didYouMean(name string, known []string) string {
	if best := msg.Nearest(name, known); best != "" {
		return fmt.Sprintf("did you mean %s? ", best)
	}
	return ""
}
