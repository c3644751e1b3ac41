// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lint finds what is wrong with mappings before they are applied. What is wrong in itself is an error. What may
// be right together with what the linter does not see, such as a role in another folder, is a warning.
package lint

import (
	"cmp"
	"slices"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/manifest"
)

// Severity of a finding.
type Severity string

// The severities, with the names that SARIF has for them.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is something that is not as it should be.
type Finding struct {
	manifest.Place

	Rule     string
	Severity Severity
	// Object is its kind and name; empty when the file cannot be read so far.
	Object string
	// Field of the object; empty for the object as a whole.
	Field string
	// Message says what is wrong, Fix what to do about it.
	Message, Fix string
}

// Options of a run.
type Options struct {
	// Without are the rules that are left out.
	Without []string
	// Against, when set, is a cluster to which the mappings are held.
	Against *Dump
}

// linter is a run of all rules over some files.
type linter struct {
	*manifest.Set

	against  *Dump
	mappings []*mapping
	findings []Finding
}

// mapping is one that can be evaluated, but for faults of its expressions and selectors.
type mapping struct {
	manifest.Item[v1alpha1.ComponentMapping]

	checks []*placedCheck
}

// placedCheck is a check, and where it stands.
type placedCheck struct {
	field   string
	variant string
	spec    *v1alpha1.Check
	// compiled is nil when the check cannot be used.
	compiled *check.Check
}

// Run holds a set to all rules. The findings are in the order of the files.
func Run(set *manifest.Set, o Options) ([]Finding, error) {
	l := &linter{Set: set, against: o.Against}
	l.problems()
	for _, m := range set.Mappings {
		if m.Valid {
			l.mappings = append(l.mappings, &mapping{Item: m, checks: placeChecks(m.Value)})
		}
	}
	for _, m := range l.mappings {
		l.compile(m)
		l.unreachable(m)
		l.advise(m)
		l.fields(m)
		l.versions(m)
		l.hold(m)
	}
	l.architectures()
	l.clashes()
	if err := l.rights(); err != nil {
		return nil, err
	}
	findings := slices.DeleteFunc(l.findings, func(f Finding) bool { return slices.Contains(o.Without, f.Rule) })
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(a.Compare(b.Place), cmp.Compare(a.Rule, b.Rule))
	})
	return findings, nil
}

// Worst severity of the findings; empty without any.
func Worst(findings []Finding) Severity {
	for _, s := range []Severity{Error, Warning, Note} {
		if Count(findings, s) > 0 {
			return s
		}
	}
	return ""
}

// Count the findings of a severity.
func Count(findings []Finding, s Severity) int {
	n := 0
	for _, f := range findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// report notes a finding about a field of an object.
func (l *linter) report(rule string, s Severity, o *manifest.Object, field, message, fix string) {
	l.findings = append(l.findings, Finding{Place: o.At(field), Rule: rule, Severity: s, Object: o.String(), Field: field,
		Message: message, Fix: fix})
}

// problems are those that reading the files found.
func (l *linter) problems() {
	for _, p := range l.Problems {
		rule := ruleSchema
		if p.Object == "" {
			rule = ruleSyntax
		}
		l.findings = append(l.findings, Finding{Place: p.Place, Rule: rule, Severity: Error, Object: p.Object, Field: p.Field, Message: p.Message})
	}
}
