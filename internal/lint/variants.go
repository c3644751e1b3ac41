// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
)

// variant is one of a mapping, with its own checks after the shared ones; a mapping without variants is one without a
// name.
type variant struct {
	name, field string
	checks      []*placedCheck
}

func variantsOf(m *mapping) []variant {
	shared := ofVariant(m, "")
	if len(m.Value.Spec.Variants) == 0 {
		return []variant{{field: "spec.checks", checks: shared}}
	}
	var variants []variant
	for i, v := range m.Value.Spec.Variants {
		variants = append(variants, variant{name: v.Name, field: fmt.Sprintf("spec.variants[%d]", i),
			checks: slices.Concat(shared, ofVariant(m, v.Name))})
	}
	return variants
}

func ofVariant(m *mapping, name string) []*placedCheck {
	return slices.DeleteFunc(slices.Clone(m.checks), func(c *placedCheck) bool { return c.variant != name })
}

// unreachable reports variants that are never complete, and those that are never the first complete one.
func (l *linter) unreachable(m *mapping) {
	if len(m.checks) == 0 {
		return // it says of itself that nothing can be seen
	}
	variants := variantsOf(m)
	for i, v := range variants {
		if l.contradicts(m, v) || l.unproven(m, v) {
			continue
		}
		for _, earlier := range variants[:i] {
			if !follows(v, earlier) {
				continue
			}
			message := fmt.Sprintf("variant %s is never the one that is named: whenever it is complete, %s is as well, which comes before it", v.name, earlier.name)
			if follows(earlier, v) {
				message = fmt.Sprintf("variant %s expects the same as %s, which comes before it and is named in its place", v.name, earlier.name)
			}
			l.report(ruleUnreachable, Warning, m.Object, v.field, message, fmt.Sprintf(
				"put %s before %s, or let %s expect something as Absent that %s has", v.name, earlier.name, earlier.name, v.name))
			break
		}
	}
}

// contradicts reports a check that forbids what another one demands.
func (l *linter) contradicts(m *mapping, v variant) bool {
	for _, c := range v.checks {
		for _, other := range v.checks {
			if !catalog.Demands(c.spec) || other.spec.Expect != v1alpha1.ExpectAbsent || !check.Within(c.spec, other.spec) {
				continue
			}
			at := other
			if c.variant != "" {
				at = c // the variant's own check, where one of the two is shared
			}
			l.reportOnce(ruleUnreachable, Error, m, at.field, fmt.Sprintf(
				"%scan never be complete: check %s must find what check %s expects to be Absent", subject(v), c.spec.Name, other.spec.Name),
				"change expect of one of the two, or narrow what it looks for")
			return true
		}
	}
	return false
}

// unproven reports a variant of which nothing can be evidence.
func (l *linter) unproven(m *mapping, v variant) bool {
	provable := slices.ContainsFunc(v.checks, func(c *placedCheck) bool { return catalog.Proves(c.spec) })
	if !provable {
		l.report(ruleUnreachable, Error, m.Object, v.field,
			subject(v)+"can never be found: none of its checks is evidence of the component, as expect: Absent, expect: Precondition, "+
				"evidence: None and objects without an evidence never are",
			"add a check for something of it that runs, or say the evidence of an object that something keeps")
	}
	return !provable
}

// reportOnce leaves out what was said of the same field before, of a shared check for another variant.
func (l *linter) reportOnce(rule string, s Severity, m *mapping, field, message, fix string) {
	said := slices.ContainsFunc(l.findings, func(f Finding) bool {
		return f.Rule == rule && f.Object == m.String() && f.Place == m.At(field)
	})
	if !said {
		l.report(rule, s, m.Object, field, message, fix)
	}
}

func subject(v variant) string {
	if v.name == "" {
		return "the component "
	}
	return "variant " + v.name + " "
}

// follows says whether a variant is complete whenever another is.
func follows(whenever, v variant) bool {
	proven := false
	for _, c := range v.checks {
		if !asExpected(c.spec, whenever) {
			return false
		}
		proven = proven || catalog.Proves(c.spec) && finds(c.spec, whenever)
	}
	return proven
}

// asExpected says whether a check is surely as expected whenever a variant is complete.
func asExpected(c *v1alpha1.Check, whenever variant) bool {
	switch c.Expect {
	case v1alpha1.ExpectOptional:
		return true
	case v1alpha1.ExpectAbsent:
		return slices.ContainsFunc(whenever.checks, func(o *placedCheck) bool {
			return o.spec.Expect == v1alpha1.ExpectAbsent && check.Within(c, o.spec)
		})
	}
	return finds(c, whenever)
}

// finds says whether a check surely finds something whenever a variant is complete.
func finds(c *v1alpha1.Check, whenever variant) bool {
	return slices.ContainsFunc(whenever.checks, func(o *placedCheck) bool { return catalog.Demands(o.spec) && check.Within(o.spec, c) })
}
