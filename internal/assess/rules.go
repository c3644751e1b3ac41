// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
)

// violations are the rules that surely do not hold; what cannot be seen breaks no rule.
func (r *rollup) violations() []v1alpha1.Violation {
	var out []v1alpha1.Violation
	for _, rule := range r.arch.Spec.Rules {
		var present []string
		undecided := false
		for _, name := range rule.Components {
			switch r.memberPresent(string(name)) {
			case metav1.ConditionTrue:
				present = append(present, string(name))
			case metav1.ConditionUnknown:
				undecided = true
			}
		}
		if message := violation(rule, present, undecided); message != "" {
			out = append(out, v1alpha1.Violation{Rule: rule.Name, Message: message})
		}
	}
	return out
}

func violation(rule v1alpha1.Rule, present []string, undecided bool) string {
	var all []string
	for _, name := range rule.Components {
		all = append(all, string(name))
	}
	atMost, atLeast := rule.Type != v1alpha1.AtLeastOne, rule.Type != v1alpha1.AtMostOne
	switch {
	case atMost && len(present) > 1:
		return check.Truncate("only one may be present, found "+strings.Join(present, ", "), check.MaxMessage)
	case atLeast && len(present) == 0 && !undecided:
		return check.Truncate(fmt.Sprintf("one must be present, found none of %s", strings.Join(all, ", ")), check.MaxMessage)
	}
	return ""
}

// memberPresent says whether a rule's member, mapping or mapping/variant, is present. A mapping that does not
// exist is not present.
func (r *rollup) memberPresent(member string) metav1.ConditionStatus {
	name, variant, _ := strings.Cut(member, "/")
	i := slices.IndexFunc(r.mappings, func(m *v1alpha1.ComponentMapping) bool { return m.Name == name })
	if i < 0 {
		return metav1.ConditionFalse
	}
	m := r.mappings[i]
	status := verdict(m, v1alpha1.ConditionPresent)
	if variant == "" || status != metav1.ConditionTrue || slices.Contains(m.Status.Variants, variant) {
		return status
	}
	return metav1.ConditionFalse
}
