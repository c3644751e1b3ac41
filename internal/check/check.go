// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package check turns what can be seen of a cluster into findings. It is pure: a check says what it needs
// to see (Needs) and judges what was seen (Evaluate); it has no client, no clock and no goroutine of its
// own. Each check type is one file, and one row in the table of evaluators.
package check

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// evaluator is a check type: what it needs to see and how it judges that.
type evaluator struct {
	needs    func(*Check) []facts.Need
	evaluate func(*Check, facts.Facts) Finding
	// expressions lists the CEL expressions of a check, if its type has any.
	expressions func(*v1alpha1.Check) []expression
	// subject names what the check looks at, in a few words for a message.
	subject func(*Check) string
}

var evaluators = map[v1alpha1.CheckType]evaluator{
	v1alpha1.CheckWorkload:     {needs: workloadNeeds, evaluate: evaluateWorkload, subject: workloadSubject},
	v1alpha1.CheckNodes:        {needs: nodesNeeds, evaluate: evaluateNodes, subject: nodesSubject},
	v1alpha1.CheckLease:        {needs: leaseNeeds, evaluate: evaluateLease, subject: leaseSubject},
	v1alpha1.CheckEndpoint:     {needs: endpointNeeds, evaluate: evaluateEndpoint, expressions: endpointExpressions, subject: endpointSubject},
	v1alpha1.CheckObject:       {needs: objectNeeds, evaluate: evaluateObject, expressions: objectExpressions, subject: objectSubject},
	v1alpha1.CheckAccessReview: {needs: accessReviewNeeds, evaluate: evaluateAccessReview, subject: accessReviewSubject},
}

// Check is a check of a mapping, made ready to run: its selector parsed, its expressions compiled.
type Check struct {
	// Spec is the check as its author wrote it.
	Spec v1alpha1.Check
	// Variant is the variant that the check belongs to; empty for a shared check.
	Variant string

	evaluator evaluator
	selector  labels.Selector
	programs  map[string]*program
}

// Compile makes the checks of a mapping ready to run: the shared ones first, then those of each variant, in
// the order of the spec. The error names every check that cannot be used, and why.
func Compile(spec *v1alpha1.ComponentMappingSpec) ([]*Check, error) {
	var checks []*Check
	var errs []error
	add := func(variant string, specs []v1alpha1.Check) {
		for i := range specs {
			c, err := New(variant, specs[i])
			if err != nil {
				errs = append(errs, err)
				continue
			}
			checks = append(checks, c)
		}
	}
	add("", spec.Checks)
	for _, v := range spec.Variants {
		add(v.Name, v.Checks)
	}
	return checks, errors.Join(errs...)
}

// New makes one check ready to run; variant is empty for a shared check.
func New(variant string, spec v1alpha1.Check) (*Check, error) {
	c := &Check{Spec: spec, Variant: variant}
	var known bool
	if c.evaluator, known = evaluators[spec.Type]; !known {
		return nil, fmt.Errorf("check %s: unknown type %q", c.Name(), spec.Type)
	}
	var err error
	if c.selector, err = parseSelector(&spec); err != nil {
		return nil, fmt.Errorf("check %s: selector: %w", c.Name(), err)
	}
	if c.evaluator.expressions == nil {
		return c, nil
	}
	if c.programs, err = compileAll(c.evaluator.expressions(&spec)); err != nil {
		return nil, fmt.Errorf("check %s: %w", c.Name(), err)
	}
	return c, nil
}

// Name is the check's name in status.checks: check, or variant/check.
func (c *Check) Name() string {
	if c.Variant == "" {
		return c.Spec.Name
	}
	return c.Variant + "/" + c.Spec.Name
}

// Subject names what the check looks at: "Lease kube-system/kube-scheduler".
func (c *Check) Subject() string { return c.evaluator.subject(c) }

// Needs lists what the check must see.
func (c *Check) Needs() []facts.Need { return c.evaluator.needs(c) }

// Evaluate judges what was seen.
func (c *Check) Evaluate(given facts.Facts) Finding {
	f := c.evaluator.evaluate(c, given)
	f.Check = c
	f.Message = msg.Truncate(f.Message, msg.MaxCheckMessage)
	return f
}

// EvaluateAll judges all checks, in their order. The duration says when a verdict may turn although nothing
// that is observed changes; 0 is never.
func EvaluateAll(checks []*Check, given facts.Facts) ([]Finding, time.Duration) {
	findings := make([]Finding, len(checks))
	var recheck time.Duration
	for i, c := range checks {
		findings[i] = c.Evaluate(given)
		recheck = Earliest(recheck, findings[i].recheckAfter)
		findings[i].recheckAfter = 0 // it moves all the time; equal findings must compare equal
	}
	return findings, recheck
}

// Needs lists what the checks must see.
func Needs(checks []*Check) []facts.Need {
	var needs []facts.Need
	for _, c := range checks {
		needs = append(needs, c.Needs()...)
	}
	return needs
}

// Wants lists what would explain the findings.
func Wants(findings []Finding) []facts.Need {
	var needs []facts.Need
	for i := range findings {
		needs = append(needs, findings[i].Wants...)
	}
	return needs
}

// Earliest of two waits, of which 0 is never.
func Earliest(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// Expect is spec.expect with its default.
func (c *Check) Expect() v1alpha1.Expectation { return catalog.Expect(&c.Spec) }

// Evidence is spec.evidence with its default.
func (c *Check) Evidence() v1alpha1.Evidence { return catalog.Evidence(&c.Spec) }

// Method is the implementation method that the check proves; empty when it proves none.
func (c *Check) Method() v1alpha1.ImplementationMethod { return catalog.Method(&c.Spec) }

// interval is spec.intervalSeconds with its default.
func (c *Check) interval() time.Duration {
	if c.Spec.IntervalSeconds == 0 {
		return facts.DefaultInterval
	}
	return time.Duration(c.Spec.IntervalSeconds) * time.Second
}
