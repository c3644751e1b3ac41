// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// rules evaluates the rules: it returns the violated ones, and the names of those for which
// that cannot be told.
func (r *rollup) rules() (violations []v1alpha1.Violation, undecided []string) {
	for _, rule := range r.arch.Spec.Rules {
		var present []string
		unknown := 0
		for _, name := range rule.Components {
			switch r.memberPresent(string(name)) {
			case metav1.ConditionTrue:
				present = append(present, string(name)+r.inPart(string(name)))
			case metav1.ConditionUnknown:
				unknown++
			}
		}
		if message := violation(rule, present, unknown > 0); message != "" {
			violations = append(violations, v1alpha1.Violation{Rule: rule.Name, Message: message})
		} else if !decided(rule.Type, len(present), unknown) {
			undecided = append(undecided, rule.Name)
		}
	}
	return violations, undecided
}

// unknownMembers returns the members of the rules of these names of which it cannot be told whether they are present.
func (r *rollup) unknownMembers(rules []string) []*v1alpha1.ComponentMapping {
	var out []*v1alpha1.ComponentMapping
	for _, rule := range r.arch.Spec.Rules {
		for _, member := range rule.Components {
			if slices.Contains(rules, rule.Name) && r.memberPresent(string(member)) == metav1.ConditionUnknown {
				out = append(out, r.mapping(string(member)))
			}
		}
	}
	return out
}

// decided reports whether a rule that holds for the known components holds whatever the unknown ones turn out to be.
func decided(t v1alpha1.RuleType, present, unknown int) bool {
	if t == v1alpha1.AtLeastOne {
		return present > 0
	}
	if t == v1alpha1.AtMostOne {
		return present+unknown <= 1
	}
	return unknown == 0
}

func violation(rule v1alpha1.Rule, present []string, undecided bool) string {
	atMost, atLeast := rule.Type != v1alpha1.AtLeastOne, rule.Type != v1alpha1.AtMostOne
	switch {
	case atMost && len(present) > 1:
		return msg.Truncate("only one may be present, found "+strings.Join(present, ", "), msg.MaxMessage)
	case atLeast && len(present) == 0 && !undecided:
		var all []string
		for _, name := range rule.Components {
			all = append(all, string(name))
		}
		return msg.Truncate("one must be present, found none of "+strings.Join(all, ", "), msg.MaxMessage)
	}
	return ""
}

// memberPresent reports whether a member, mapping or mapping/variant, is present. A mapping that does not exist is
// not present.
func (r *rollup) memberPresent(member string) metav1.ConditionStatus {
	m := r.mapping(member)
	if m == nil {
		return metav1.ConditionFalse
	}
	_, variant, _ := strings.Cut(member, "/")
	status := verdict(m, v1alpha1.ConditionPresent)
	if variant == "" || status != metav1.ConditionTrue || slices.Contains(m.Status.Variants, variant) {
		return status
	}
	return metav1.ConditionFalse
}

// inPart returns what to say after the name of a present member of which a part is missing.
func (r *rollup) inPart(member string) string {
	m := r.mapping(member)
	if catalog.Condition(m, v1alpha1.ConditionPresent).Reason != v1alpha1.ReasonPartial {
		return ""
	}
	_, variant, _ := strings.Cut(member, "/")
	if variant != "" && !lacks(m, variant) {
		return ""
	}
	return " (partial)"
}

// lacks reports whether something that the variant requires is missing.
func lacks(m *v1alpha1.ComponentMapping, variant string) bool {
	absent := map[string]bool{}
	for _, c := range m.Status.Checks {
		absent[c.Name] = c.Present == v1alpha1.VerdictFalse
	}
	missing := func(prefix string, checks []v1alpha1.Check) bool {
		return slices.ContainsFunc(checks, func(c v1alpha1.Check) bool {
			return catalog.Expect(&c) == v1alpha1.ExpectPresent && absent[prefix+c.Name]
		})
	}
	return missing("", m.Spec.Checks) || slices.ContainsFunc(m.Spec.Variants, func(v v1alpha1.Variant) bool {
		return v.Name == variant && missing(v.Name+"/", v.Checks)
	})
}

// mapping returns that of a member; nil when it does not exist.
func (r *rollup) mapping(member string) *v1alpha1.ComponentMapping {
	name, _, _ := strings.Cut(member, "/")
	i := slices.IndexFunc(r.mappings, func(m *v1alpha1.ComponentMapping) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return r.mappings[i]
}
