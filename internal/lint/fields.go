// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"maps"
	"slices"

	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// fields reports what expressions read of objects that the kind does not have. Of a kind that is not known nothing is told.
func (l *linter) fields(m *mapping) {
	for _, c := range m.checks {
		o := c.spec.Object
		if o == nil {
			continue
		}
		object := shapeOf(schema.FromAPIVersionAndKind(o.APIVersion, o.Kind), l.definitions())
		expressions := check.ObjectExpressions(c.spec)
		for _, field := range slices.Sorted(maps.Keys(expressions)) {
			r := &reader{kind: o.Kind, ast: expressions[field].NativeRep()}
			r.read(r.ast.Expr(), map[string]*shape{"object": object})
			for _, missing := range r.missing {
				l.findings = append(l.findings, Finding{
					Place: m.InText(c.field+"."+field, missing.line, missing.column), Rule: ruleField, Severity: Warning, Object: m.String(),
					Field: c.field + "." + field, Message: missing.message, Fix: missing.fix})
			}
		}
	}
}

// definitions are those among the files, then those of the dump.
func (l *linter) definitions() []*apiextensionsv1.CustomResourceDefinition {
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, d := range l.Definitions {
		all = append(all, d.Value)
	}
	if l.against != nil {
		all = append(all, l.against.Definitions...)
	}
	return all
}

// reader follows what an expression reads.
type reader struct {
	kind    string
	ast     *celast.AST
	missing []missingField
}

// missingField is a field that is read, though there is none.
type missingField struct {
	line, column int
	message, fix string
}

// read returns what is known of the value of an expression, where the variables have the given shapes.
func (r *reader) read(e celast.Expr, vars map[string]*shape) *shape {
	switch e.Kind() {
	case celast.IdentKind:
		return vars[e.AsIdent()]
	case celast.SelectKind:
		s := e.AsSelect()
		field := r.field(e, s.Operand(), r.read(s.Operand(), vars), s.FieldName())
		if s.IsTestOnly() {
			return nil // has() yields a bool
		}
		return field
	case celast.CallKind:
		return r.call(e, vars)
	case celast.ComprehensionKind:
		return r.comprehension(e.AsComprehension(), vars)
	case celast.ListKind:
		element := empty
		for _, item := range e.AsList().Elements() {
			element = merge(element, r.read(item, vars))
		}
		if e.AsList().Size() == 0 {
			return empty
		}
		return listOf(element)
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.read(entry.AsMapEntry().Value(), vars)
		}
		if e.AsMap().Size() == 0 {
			return empty
		}
	case celast.StructKind:
		for _, f := range e.AsStruct().Fields() {
			r.read(f.AsStructField().Value(), vars)
		}
	}
	return nil
}

// call reads the arguments of a function. Of most functions nothing is known of what they yield.
func (r *reader) call(e celast.Expr, vars map[string]*shape) *shape {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]celast.Expr{call.Target()}, args...)
	}
	shapes := make([]*shape, len(args))
	for i, arg := range args {
		shapes[i] = r.read(arg, vars)
	}
	switch call.FunctionName() {
	case operators.Index, operators.OptIndex, operators.OptSelect:
		if name, ok := text(args[1]); ok && (shapes[0] == nil || shapes[0].element == nil || shapes[0].isMap) {
			return r.field(e, args[0], shapes[0], name)
		}
		return shapes[0].item()
	case operators.In:
		if name, ok := text(args[0]); ok && shapes[1] != nil && shapes[1].fields != nil {
			r.field(e, args[1], shapes[1], name)
		}
	case operators.Conditional:
		return merge(shapes[1], shapes[2])
	case operators.Add, "orValue", "or":
		return merge(shapes[0], shapes[1])
	case "value", "optional.of", "optional.ofNonZeroValue", "sort", "reverse", "distinct", "slice":
		return shapes[0]
	}
	return nil
}

// comprehension is what the macros are made of: all, exists, filter, map and their like.
func (r *reader) comprehension(c celast.ComprehensionExpr, vars map[string]*shape) *shape {
	items := r.read(c.IterRange(), vars)
	inner := maps.Clone(vars)
	switch {
	case c.HasIterVar2():
		inner[c.IterVar()], inner[c.IterVar2()] = nil, items.item()
	case items != nil && !items.isMap:
		inner[c.IterVar()] = items.item()
	default:
		inner[c.IterVar()] = nil // of a map it is the key
	}
	inner[c.AccuVar()] = r.read(c.AccuInit(), vars)
	r.read(c.LoopCondition(), inner)
	outer := maps.Clone(vars)
	outer[c.AccuVar()] = merge(inner[c.AccuVar()], r.read(c.LoopStep(), inner))
	return r.read(c.Result(), outer)
}

func text(e celast.Expr) (string, bool) {
	if e.Kind() != celast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}

// field returns what is known of a field of a value, and notes when there is none of that name.
func (r *reader) field(e, of celast.Expr, s *shape, name string) *shape {
	field, ok := s.field(name)
	if ok {
		return field
	}
	at := r.ast.SourceInfo().GetStartLocation(e.ID())
	missing := missingField{line: at.Line(), column: at.Column() + 1}
	path := pathOf(of)
	switch names := s.names(); {
	case names == nil:
		missing.message, missing.fix = fmt.Sprintf("%s of %s has no fields, and so no %s", path, r.kind, name), "read a field that is there"
	case path == "object":
		missing.message = fmt.Sprintf("%s has no field %s", r.kind, name)
		missing.fix = didYouMean(name, names) + "it has " + msg.Shorten(names, ", ")
	default:
		missing.message = fmt.Sprintf("%s of %s has no field %s", path, r.kind, name)
		missing.fix = didYouMean(name, names) + "it has " + msg.Shorten(names, ", ")
	}
	if !slices.Contains(r.missing, missing) {
		r.missing = append(r.missing, missing)
	}
	return nil
}

// pathOf is an expression as far as it is a path.
func pathOf(e celast.Expr) string {
	switch e.Kind() {
	case celast.IdentKind:
		return e.AsIdent()
	case celast.SelectKind:
		return pathOf(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName()
	case celast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			if name, ok := text(call.Args()[1]); ok {
				return pathOf(call.Args()[0]) + "." + name
			}
			return pathOf(call.Args()[0]) + "[]"
		case "value", "orValue":
			return pathOf(call.Target())
		}
	}
	return "what is read there"
}
