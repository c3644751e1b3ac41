// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/archmap/archmap/internal/facts"
)

// maskOf is which fields of the variable object an expression reads.
func maskOf(expression ast.Expr) facts.Mask {
	t := &tracer{object: &place{}, left: maxTraced}
	t.trace(expression, nil).use()
	if t.left < 0 {
		return nil
	}
	return t.object.mask()
}

// names says whether an expression has one of the names in it, whatever hides it there.
func names(expression ast.Expr, names ...string) (found bool) {
	ast.PostOrderVisit(expression, ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && slices.Contains(names, strings.TrimPrefix(e.AsIdent(), "."))
	}))
	return found
}

// maxTraced is how many parts of an expression are traced, those of loops several times; of one that has more, all is read.
const maxTraced = 20_000

// maxRounds is how often a loop is traced while what it collects grows.
const maxRounds = 4

// tracer finds what an expression reads of the object, step by step. What it cannot trace reads all from there on: a
// function that is given a part of the object, a comparison, a field whose name the expression computes. What is looked up
// and then dropped is noted, too, as a field that is missing is an error.
type tracer struct {
	object *place
	left   int
}

// place is a field of the object, and what is read of it.
type place struct {
	all   bool
	parts map[string]*place
}

func (p *place) at(step string) *place {
	if p.parts == nil {
		p.parts = map[string]*place{}
	}
	if p.parts[step] == nil {
		p.parts[step] = &place{}
	}
	return p.parts[step]
}

func (p *place) mask() facts.Mask {
	if p.all {
		return nil
	}
	mask := facts.Mask{}
	for step, part := range p.parts {
		mask[step] = part.mask()
	}
	return mask
}

// traced is where in the object a value may come from: it is one of the places, or a list of values that are.
type traced struct {
	places   []*place
	elements *traced
}

// use reads all of it.
func (v traced) use() {
	for _, p := range v.places {
		p.all = true
	}
	if v.elements != nil {
		v.elements.use()
	}
}

func (v traced) at(step string) traced {
	var out traced
	for _, p := range v.places {
		out.places = append(out.places, p.at(step))
	}
	if step == facts.Every && v.elements != nil {
		out = out.or(*v.elements)
	}
	return out
}

func (v traced) or(other traced) traced {
	out := traced{places: slices.Clone(v.places), elements: v.elements}
	for _, p := range other.places {
		if !slices.Contains(out.places, p) {
			out.places = append(out.places, p)
		}
	}
	switch {
	case out.elements == nil:
		out.elements = other.elements
	case other.elements != nil:
		out.elements = new(out.elements.or(*other.elements))
	}
	return out
}

// grownFrom says whether it is more than it was before it was joined with something.
func (v traced) grownFrom(before traced) bool {
	switch {
	case len(v.places) != len(before.places), (v.elements == nil) != (before.elements == nil):
		return true
	}
	return v.elements != nil && v.elements.grownFrom(*before.elements)
}

// scope has the variables of loops, and those that cel.bind and optMap bind.
type scope struct {
	name  string
	value traced
	outer *scope
}

func (t *tracer) trace(e ast.Expr, vars *scope) traced {
	t.left--
	if t.left < 0 {
		return traced{}
	}
	switch e.Kind() {
	case ast.IdentKind:
		return t.traceName(e.AsIdent(), vars)
	case ast.SelectKind:
		s := e.AsSelect()
		field := t.trace(s.Operand(), vars).at(s.FieldName())
		if s.IsTestOnly() {
			return traced{}
		}
		return field
	case ast.CallKind:
		return t.traceCall(e.AsCall(), vars)
	case ast.ComprehensionKind:
		return t.traceLoop(e.AsComprehension(), vars)
	case ast.ListKind:
		var elements traced
		for _, element := range e.AsList().Elements() {
			elements = elements.or(t.trace(element, vars))
		}
		return traced{elements: &elements}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			t.use(vars, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			t.use(vars, field.AsStructField().Value())
		}
	}
	return traced{}
}

func (t *tracer) use(vars *scope, expressions ...ast.Expr) {
	for _, e := range expressions {
		t.trace(e, vars).use()
	}
}

// traceName is a variable, or the object: also where a variable of that name hides it, with a dot before it.
func (t *tracer) traceName(name string, vars *scope) traced {
	for v := vars; v != nil; v = v.outer {
		if v.name == name {
			return v.value
		}
	}
	if strings.TrimPrefix(name, ".") == variableObject {
		return traced{places: []*place{t.object}}
	}
	return traced{}
}

func (t *tracer) traceCall(call ast.CallExpr, vars *scope) traced {
	args := call.Args()
	if call.IsMemberFunction() {
		args = slices.Concat([]ast.Expr{call.Target()}, args)
	}
	switch call.FunctionName() {
	case operators.Index, operators.OptIndex, operators.OptSelect:
		return t.traceIndex(args[0], args[1], vars)
	case operators.Conditional:
		t.use(vars, args[0])
		return t.traceAll(vars, args[1:])
	case operators.Add, "dyn", "optional.of", "value", "or", "orValue": // these are what they are given
		return t.traceAll(vars, args)
	case "hasValue":
		t.traceAll(vars, args)
		return traced{}
	case operators.Equals, operators.NotEquals:
		if slices.ContainsFunc(args, isNull) {
			t.traceAll(vars, args)
			return traced{}
		}
	}
	t.use(vars, args...) // so that what it returns, if that is a part of it, is read
	return traced{}
}

func isNull(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue
}

func (t *tracer) traceAll(vars *scope, expressions []ast.Expr) traced {
	var out traced
	for _, e := range expressions {
		out = out.or(t.trace(e, vars))
	}
	return out
}

func (t *tracer) traceIndex(of, index ast.Expr, vars *scope) traced {
	v := t.trace(of, vars)
	if index.Kind() != ast.LiteralKind {
		t.use(vars, index)
		v.use()
		return traced{}
	}
	if name, ok := index.AsLiteral().Value().(string); ok {
		return v.at(name)
	}
	return v.at(facts.Every)
}

// traceLoop traces a loop until what it collects grows no more.
func (t *tracer) traceLoop(loop ast.ComprehensionExpr, vars *scope) traced {
	element := t.trace(loop.IterRange(), vars).at(facts.Every)
	inner := &scope{loop.IterVar(), element, vars}
	if loop.HasIterVar2() { // the first is an index, or a key
		inner = &scope{loop.IterVar2(), element, &scope{loop.IterVar(), traced{}, vars}}
	}
	collected, round := t.trace(loop.AccuInit(), vars), 0
	for ; round < maxRounds; round++ {
		step := t.trace(loop.LoopStep(), &scope{loop.AccuVar(), collected, inner})
		more := collected.or(step)
		if !more.grownFrom(collected) {
			break
		}
		collected = more
	}
	if round == maxRounds {
		collected.use()
	}
	all := &scope{loop.AccuVar(), collected, vars}
	t.use(&scope{loop.AccuVar(), collected, inner}, loop.LoopCondition())
	return t.trace(loop.Result(), all)
}
