// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package check turns what can be seen of a cluster into findings. It is pure: a check says what it needs
// to see (Needs) and what it makes of that (Evaluate); it has no client, no clock and no goroutine of its
// own.
//
// Each check type is a file (workload.go, nodes.go, lease.go, endpoint.go, object.go, accessreview.go, webhook.go) and a
// row in the table of types.go, which has all that is known of it: who must know something asks an Evaluator, Within or
// ReadingOf. The other files are what types share: results (finding.go), selectors (selector.go), expressions (cel.go,
// reading.go), what events report (events.go), counting one by one (groups.go), comparing two checks (within.go) and versions (version.go).
package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// Check is a check of a mapping: what is evaluated, and what it means to the mapping.
type Check struct {
	// Spec is the check as its author wrote it.
	Spec v1alpha1.Check
	// Variant is the variant that the check belongs to; empty for a shared check.
	Variant string

	*Evaluator
}

// Evaluator is what a check evaluates, whoever asks: its selector parsed, its expressions compiled. It is not changed
// once it is made, and safe for concurrent use.
type Evaluator struct {
	// Spec is the check without what its mapping makes of the result: name, expectation, evidence, method.
	Spec v1alpha1.Check

	key       string
	checkType checkType
	selector  labels.Selector
	// programs are the compiled expressions, by the name of their field in the member of the type.
	programs map[string]*program
	// cheap: its expressions may cost MaxCheap for an object, or for an answer.
	cheap bool
	// mask has the fields that it reads of the objects, or of the response, of its need, where it reads some alone.
	mask string
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
	if err := checkSources(checks); err != nil {
		errs = append(errs, err)
	}
	return checks, errors.Join(errs...)
}

// What the checks of a mapping may need, so that it takes more than a few mappings to leave nothing to the others. No mapping
// of the shipped catalog needs more than 44 watches and polls, or more than 3 polls.
const (
	maxSources = 64
	maxPolls   = 16
)

// checkSources counts what checks need in any case.
func checkSources(checks []*Check) error {
	needs, polls := map[facts.Need]bool{}, 0
	for _, need := range Needs(checks) {
		need = need.Whole()
		if !needs[need] && need.Interval > 0 {
			polls++
		}
		needs[need] = true
	}
	switch {
	case polls > maxPolls:
		return fmt.Errorf("the checks read %d paths, leases, access reviews and polled kinds again and again, and those of a mapping may read %d: "+
			"name fewer, use the same intervalSeconds for the same, or divide the mapping", polls, maxPolls)
	case len(needs) > maxSources:
		return fmt.Errorf("the checks need %d watches and polls, and those of a mapping may need %d: name fewer kinds and namespaces, or divide the mapping",
			len(needs), maxSources)
	}
	return nil
}

// New makes one check ready to run; variant is empty for a shared check.
func New(variant string, spec v1alpha1.Check) (*Check, error) {
	c := &Check{Spec: spec, Variant: variant}
	evaluator, err := newEvaluator(spec)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", c.Name(), err)
	}
	c.Evaluator = evaluator
	return c, nil
}

func newEvaluator(spec v1alpha1.Check) (*Evaluator, error) {
	spec.Name, spec.Expect, spec.Evidence, spec.Method = "", "", "", ""
	e := &Evaluator{Spec: spec}
	var known bool
	if e.checkType, known = checkTypes[spec.Type]; !known {
		return nil, fmt.Errorf("unknown type %q", spec.Type)
	}
	if !e.checkType.isSet(&spec) {
		return nil, fmt.Errorf("a check of type %s needs the field %s", spec.Type, e.checkType.member)
	}
	if e.checkType.problem != nil {
		if err := e.checkType.problem(&spec); err != nil {
			return nil, err
		}
	}
	key, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	e.key = string(key)
	if e.selector, err = e.checkType.parseSelector(&spec); err != nil {
		return nil, err
	}
	if e.programs, err = e.checkType.compileExpressions(&spec); err != nil {
		return nil, err
	}
	if e.checkType.mask != nil {
		e.mask = e.checkType.mask(e).String()
	}
	return e, nil
}

// Name is the check's name in status.checks: check, or variant/check.
func (c *Check) Name() string {
	if c.Variant == "" {
		return c.Spec.Name
	}
	return c.Variant + "/" + c.Spec.Name
}

// Key identifies what is evaluated: evaluators with the same key come to the same result.
func (e *Evaluator) Key() string { return e.key }

// Subject names what is looked at: "Lease kube-system/kube-scheduler".
func (e *Evaluator) Subject() string { return e.checkType.subject(e) }

// Needs lists what must be seen in any case.
func (e *Evaluator) Needs() []facts.Need { return e.checkType.needs(e) }

// AllNeeds lists what must be seen in any case, and what may have to be seen to explain a result: whatever
// Evaluation.Further asks for is part of it.
func (e *Evaluator) AllNeeds() []facts.Need {
	needs := e.Needs()
	if e.checkType.explaining != nil {
		needs = append(needs, e.checkType.explaining(e)...)
	}
	return needs
}

// CountsNodes says whether the evaluator counts nodes one by one, by CountNodes.
func (e *Evaluator) CountsNodes() bool { return e.checkType.countsNodes }

// CountsObjects says whether the evaluator counts the objects of its need one by one, by CountObjects. Where events tell of
// them it looks at all together.
func (e *Evaluator) CountsObjects() bool {
	return e.checkType.countsObjects && len(e.Spec.Object.Events.Reasons) == 0
}

// Concerns says whether a change of an object of that name, among those that the evaluator needs in any case, may change
// its result.
func (e *Evaluator) Concerns(name string) bool {
	return e.checkType.concerns == nil || e.checkType.concerns(e, name)
}

// HasExpressions says whether the evaluator runs what a user has written.
func (e *Evaluator) HasExpressions() bool { return len(e.programs) > 0 }

// Cheap is the evaluator with expressions that may cost MaxCheap at most for an object, or for an answer. Where they cost more
// it comes to nothing, and says so: Evaluation.Unfinished, ObjectTally.Finish.
func (e *Evaluator) Cheap() *Evaluator {
	c := *e
	c.cheap = true
	return &c
}

// Evaluate says what comes of what was seen.
func (e *Evaluator) Evaluate(given facts.Facts) Evaluation {
	for _, need := range e.Needs() {
		if r, ok := e.Unseen(given.Answers[need]); ok {
			return Evaluation{Result: r}
		}
	}
	evaluation := e.checkType.evaluate(e, given)
	evaluation.Message = msg.Truncate(evaluation.Message, msg.MaxCheckMessage)
	return evaluation
}

// Unseen is the result when nothing was seen yet, or cannot be; ok is false for an answer that can be evaluated.
func (e *Evaluator) Unseen(answer facts.Answer) (r Result, ok bool) {
	r, ok = unseen(answer, e.Subject())
	r.Message = msg.Truncate(r.Message, msg.MaxCheckMessage)
	return r, ok
}

// Needs lists what the checks must see in any case.
func Needs(checks []*Check) []facts.Need {
	var needs []facts.Need
	for _, c := range checks {
		needs = append(needs, c.Needs()...)
	}
	return needs
}

// AllNeeds lists what the checks must see in any case, and what may have to be seen to explain their results.
func AllNeeds(checks []*Check) []facts.Need {
	var needs []facts.Need
	for _, c := range checks {
		needs = append(needs, c.AllNeeds()...)
	}
	return needs
}

// Expect is spec.expect with its default.
func (c *Check) Expect() v1alpha1.Expectation { return catalog.Expect(&c.Spec) }

// Evidence is spec.evidence with its default.
func (c *Check) Evidence() v1alpha1.Evidence { return catalog.Evidence(&c.Spec) }

// Method is the implementation method that the check proves; empty when it proves none.
func (c *Check) Method() v1alpha1.ImplementationMethod { return catalog.Method(&c.Spec) }

// interval is spec.intervalSeconds with its default.
func (e *Evaluator) interval() time.Duration {
	if e.Spec.IntervalSeconds == 0 {
		return facts.DefaultInterval
	}
	return time.Duration(e.Spec.IntervalSeconds) * time.Second
}
