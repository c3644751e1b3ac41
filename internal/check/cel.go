// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	yamlv3 "go.yaml.in/yaml/v3"
	celenvironment "k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// expression is a CEL expression of a check's spec.
type expression struct {
	field   string // of the type's member
	text    v1alpha1.Expression
	env     *environment
	boolean bool // else it yields a string
}

// ExpressionError says what is wrong with an expression of a check.
type ExpressionError struct {
	// Field of the check, such as object.healthy.
	Field string
	// Line and Column of the expression, from 1; 0 when it is wrong as a whole.
	Line, Column int
	Err          error
}

func (e *ExpressionError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *ExpressionError) Unwrap() error { return e.Err }

// program is a compiled expression.
type program struct {
	plan *interpreter.ObservableInterpretable
	// mask has the fields of the variable object that it reads.
	mask facts.Mask
	// readsBody says whether it reads the body of a response, as it is or decoded.
	readsBody bool
}

// The fields that have expressions in several check types.
const (
	fieldPresent = "present"
	fieldHealthy = "healthy"
	fieldVersion = "version"
)

// environment is what expressions of a check type may use.
type environment struct {
	*cel.Env

	planner *planner
}

// base is what all environments share: Kubernetes' own CEL, and a budget.
var base = newBase()

func newBase() *environment {
	version := celenvironment.DefaultCompatibilityVersion()
	set, err := celenvironment.MustBaseEnvSet(version).Extend(celenvironment.VersionedOptions{
		IntroducedVersion: version,
		EnvOptions:        []cel.EnvOption{parseYAML},
	})
	if err != nil {
		panic(err) // the options above are constant
	}
	planner, err := newPlanner(set.StoredExpressionsEnv())
	if err != nil {
		panic(err)
	}
	return &environment{set.StoredExpressionsEnv(), planner}
}

// newEnv makes an environment for the expressions of a check type, with the variables of the type.
func newEnv(variables ...cel.EnvOption) *environment {
	env, err := base.Extend(variables...)
	if err != nil {
		panic(err) // the options are constant
	}
	return &environment{env, base.planner}
}

// parseYAML is the CEL function parseYAML(string) for text in a field, such as the status of the cluster
// autoscaler.
var parseYAML = cel.Function("parseYAML", cel.Overload("parseYAML_string", []*cel.Type{cel.StringType}, cel.DynType,
	cel.UnaryBinding(func(arg ref.Val) ref.Val {
		value, ok := arg.(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(arg)
		}
		text := string(value)
		if repeats(text) {
			return types.NewErr("parseYAML: aliases are not supported")
		}
		var decoded any
		if err := yaml.Unmarshal([]byte(text), &decoded); err != nil {
			return types.NewErr("parseYAML: not YAML: %s", msg.FirstLine(err.Error()))
		}
		return types.DefaultTypeAdapter.NativeToValue(decoded)
	})))

// repeats says whether a YAML text has aliases, by which a short one can become a huge value.
func repeats(text string) bool {
	if !strings.Contains(text, "&") || !strings.Contains(text, "*") {
		return false
	}
	var document yamlv3.Node
	return yamlv3.Unmarshal([]byte(text), &document) == nil && hasAlias(&document)
}

func hasAlias(n *yamlv3.Node) bool {
	return n.Kind == yamlv3.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// compileExpressions compiles the expressions that are set, by their field.
func (t *checkType) compileExpressions(spec *v1alpha1.Check) (map[string]*program, error) {
	if t.expressions == nil {
		return nil, nil
	}
	programs := map[string]*program{}
	var errs []error
	for _, e := range t.expressions(spec) {
		if e.text == "" {
			continue
		}
		p, err := compile(e)
		if err != nil {
			err.Field = t.member + "." + e.field
			errs = append(errs, err)
			continue
		}
		programs[e.field] = p
	}
	return programs, errors.Join(errs...)
}

func compile(e expression) (*program, *ExpressionError) {
	fault := func(line, column int, format string, args ...any) *ExpressionError {
		return &ExpressionError{Field: e.field, Line: line, Column: column, Err: fmt.Errorf(format, args...)}
	}
	if err := refuse(string(e.text)); err != nil {
		return nil, fault(0, 0, "%q %w", e.text, err)
	}
	compiled, issues := e.env.Compile(string(e.text))
	if issues.Err() != nil {
		at := issues.Errors()[0].Location
		return nil, fault(at.Line(), at.Column()+1, "%q does not compile: %s", e.text, compileErrors(issues))
	}
	if want := outputType(e.boolean); !compiled.OutputType().IsExactType(want) && !compiled.OutputType().IsExactType(cel.DynType) {
		return nil, fault(0, 0, "%q must return %s, not %s", e.text, want, compiled.OutputType())
	}
	if pattern := variablePattern(ast.NavigateAST(compiled.NativeRep())); pattern != nil {
		at := compiled.NativeRep().SourceInfo().GetStartLocation(pattern.ID())
		return nil, fault(at.Line(), at.Column()+1, "%q computes a regular expression (column %d): write it as text in quotes, "+
			"or use contains, startsWith or endsWith", e.text, at.Column()+1)
	}
	plan, err := e.env.planner.plan(compiled.NativeRep())
	if err != nil {
		return nil, fault(0, 0, "cannot run %q: %w", e.text, err)
	}
	root := compiled.NativeRep().Expr()
	return &program{plan: plan, mask: maskOf(root), readsBody: names(root, variableBody, variableJSON)}, nil
}

// compileErrors puts the messages of the compiler, without its drawings, in one line.
func compileErrors(issues *cel.Issues) string {
	var messages []string
	for _, e := range issues.Errors() {
		messages = append(messages, fmt.Sprintf("%s (column %d)", e.Message, e.Location.Column()+1))
	}
	return strings.Join(messages, "; ")
}

func outputType(boolean bool) *cel.Type {
	if boolean {
		return cel.BoolType
	}
	return cel.StringType
}

// inputs are the variables of expressions, and what their evaluations have cost.
type inputs struct {
	variables map[string]any
	// cheap: together they may cost MaxCheap. unfinished: that was not enough, so what they come to means nothing.
	cheap, unfinished bool
	cost              uint64
}

// newInputs makes inputs for one object, or for one answer.
func (e *Evaluator) newInputs(variables map[string]any) *inputs {
	return &inputs{variables: variables, cheap: e.cheap}
}

// expense is what they have cost beyond what is cheap.
func (in *inputs) expense() uint64 { return in.cost - min(in.cost, cheap) }

// limit is what the next evaluation may cost.
func (in *inputs) limit() uint64 {
	if in.cheap {
		return MaxCheap - min(in.cost, MaxCheap)
	}
	return maxCost
}

func (p *program) evalBool(in *inputs) (bool, error) {
	out, err := p.eval(in)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("must return bool, not %s", out.Type().TypeName())
	}
	return bool(b), nil
}

func (p *program) evalString(in *inputs) (string, error) {
	out, err := p.eval(in)
	if err != nil {
		return "", err
	}
	s, ok := out.(types.String)
	if !ok {
		return "", fmt.Errorf("must return string, not %s", out.Type().TypeName())
	}
	return string(s), nil
}

func (p *program) eval(in *inputs) (ref.Val, error) {
	out, cost, err := runPlan(p.plan, in.variables, in.limit())
	in.cost += cost
	switch {
	case tooExpensive(err):
		in.unfinished = in.cheap
		return nil, errTooExpensive
	case err != nil:
		return nil, errors.New(msg.FirstLine(err.Error()))
	}
	return out, nil
}
