// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"time"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// ObjectExpressions are the expressions of a check that see the objects of ReadingOf, by their field of the check, such as
// object.healthy. Those that do not compile are not among them.
func ObjectExpressions(spec *v1alpha1.Check) map[string]*cel.Ast {
	t := checkTypes[spec.Type]
	if t.reads == nil || !t.isSet(spec) {
		return nil
	}
	out := map[string]*cel.Ast{}
	for _, e := range t.expressions(spec) {
		if ast, issues := e.env.Compile(string(e.text)); e.text != "" && issues.Err() == nil {
			out[t.member+"."+e.field] = ast
		}
	}
	return out
}

// Trial is how the evaluations of one expression went.
type Trial struct {
	// Field of the check, such as object.healthy.
	Field string
	// Tried counts the objects on which it was evaluated, Failed those on which that failed, Empty those for which it yields
	// an empty string.
	Tried, Failed, Empty int
	// Cost is the most that it has cost for an object, in units.
	Cost uint64
	// Example is the first failure.
	Example error
}

// Try evaluates the expressions of a check of objects on each of those that it selects, as an evaluation does: present on
// all, the others on those that are present, and message on those that are not healthy.
func (e *Evaluator) Try(objects []client.Object, now time.Time) []Trial {
	if !e.checkType.countsObjects {
		return nil
	}
	trials := []*Trial{{Field: fieldPresent}, {Field: fieldHealthy}, {Field: fieldVersion}, {Field: fieldMessage}}
	for _, o := range objects {
		if e.selectsObject(o) {
			e.try(trials, o, map[string]any{variableObject: o.(*unstructured.Unstructured).Object, variableNow: now})
		}
	}
	var out []Trial
	for _, t := range trials {
		if t.Tried > 0 {
			t.Field = e.checkType.member + "." + t.Field
			out = append(out, *t)
		}
	}
	return out
}

// try evaluates the expressions on one object, in the order of their use.
func (e *Evaluator) try(trials []*Trial, o client.Object, vars map[string]any) {
	healthy := false
	for _, t := range trials {
		p := e.programs[t.Field]
		if p == nil || t.Field == fieldMessage && healthy {
			continue
		}
		t.Tried++
		in := &inputs{variables: vars}
		out, err := p.eval(in)
		t.Cost = max(t.Cost, in.cost)
		switch {
		case err != nil:
			t.Failed++
			if t.Example == nil {
				t.Example = fmt.Errorf("%s: %w", e.objectName(o), err)
			}
		case out.Value() == "":
			t.Empty++
		}
		holds := err == nil && out.Value() == true
		if t.Field == fieldPresent && !holds {
			return
		}
		healthy = t.Field == fieldHealthy && holds || t.Field == fieldVersion && healthy
	}
}
