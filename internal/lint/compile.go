// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/manifest"
)

// placeChecks lists the checks of a mapping: the shared ones first, then those of each variant.
func placeChecks(m *v1alpha1.ComponentMapping) []*placedCheck {
	var placed []*placedCheck
	add := func(field, variant string, checks []v1alpha1.Check) {
		for i := range checks {
			placed = append(placed, &placedCheck{field: fmt.Sprintf("%s.checks[%d]", field, i), variant: variant, spec: &checks[i]})
		}
	}
	add("spec", "", m.Spec.Checks)
	for i := range m.Spec.Variants {
		v := &m.Spec.Variants[i]
		add(fmt.Sprintf("spec.variants[%d]", i), v.Name, v.Checks)
	}
	return placed
}

// compile makes the checks ready to run, and reports those of which that cannot be done.
func (l *linter) compile(m *mapping) {
	for _, c := range m.checks {
		compiled, err := check.New(c.variant, *c.spec)
		if err == nil {
			c.compiled = compiled
			continue
		}
		if selector, ok := errors.AsType[*check.SelectorError](err); ok {
			l.badSelector(m.Object, c.field+"."+selector.Field, selector.Err)
		}
		for _, e := range expressionErrors(err) {
			l.findings = append(l.findings, Finding{
				Place: m.InText(c.field+"."+e.Field, e.Line, e.Column), Rule: ruleCEL, Severity: Error, Object: m.String(),
				Field: c.field + "." + e.Field, Message: e.Err.Error(), Fix: "fix the expression; it is CEL with the libraries of Kubernetes"})
		}
	}
}

// expressionErrors are those that an error of check.New holds.
func expressionErrors(err error) []*check.ExpressionError {
	var one *check.ExpressionError
	var several interface{ Unwrap() []error }
	switch {
	case errors.As(err, &several):
		var all []*check.ExpressionError
		for _, e := range several.Unwrap() {
			all = append(all, expressionErrors(e)...)
		}
		return all
	case errors.As(err, &one):
		return []*check.ExpressionError{one}
	}
	return nil
}

// selector says whether a selector can be used.
func (l *linter) selector(o *manifest.Object, field string, s *metav1.LabelSelector) bool {
	_, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		l.badSelector(o, field, err)
	}
	return err == nil
}

func (l *linter) badSelector(o *manifest.Object, field string, err error) {
	l.report(ruleSelector, Error, o, field, err.Error(), "fix the selector")
}
