// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// expression is a CEL expression of a check's spec.
type expression struct {
	field   string // of the type's member
	text    v1alpha1.Expression
	env     *cel.Env
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
	run cel.Program
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

// newEnv makes an environment for the expressions of a check type: that of Kubernetes' own CEL, its cost limit included,
// with the variables of the type.
func newEnv(variables ...cel.EnvOption) *cel.Env {
	version := environment.DefaultCompatibilityVersion()
	set, err := environment.MustBaseEnvSet(version).Extend(environment.VersionedOptions{
		IntroducedVersion: version,
		EnvOptions:        append(variables, parseYAML),
		ProgramOptions: []cel.ProgramOption{
			cel.CostTrackerOptions(interpreter.OverloadCostTracker(parseYAMLOverload, costOfParseYAML)),
		},
	})
	if err != nil {
		panic(err) // the options above are constant
	}
	return set.StoredExpressionsEnv()
}

const parseYAMLOverload = "parseYAML_string"

// parseYAML is the CEL function parseYAML(string) for text in a field, such as the status of the cluster
// autoscaler.
var parseYAML = cel.Function("parseYAML", cel.Overload(parseYAMLOverload, []*cel.Type{cel.StringType}, cel.DynType,
	cel.UnaryBinding(func(arg ref.Val) ref.Val {
		text, ok := arg.Value().(string)
		if !ok {
			return types.MaybeNoSuchOverloadErr(arg)
		}
		var decoded any
		if err := yaml.Unmarshal([]byte(text), &decoded); err != nil {
			return types.NewErr("parseYAML: not YAML: %s", msg.FirstLine(err.Error()))
		}
		return types.DefaultTypeAdapter.NativeToValue(decoded)
	})))

// costOfParseYAML is one for each byte: reading a byte of YAML takes as long as a step of an expression.
func costOfParseYAML(args []ref.Val, _ ref.Val) *uint64 {
	text, _ := args[0].Value().(string)
	return new(uint64(len(text)))
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
	ast, issues := e.env.Compile(string(e.text))
	if issues.Err() != nil {
		at := issues.Errors()[0].Location
		return nil, fault(at.Line(), at.Column()+1, "%q does not compile: %s", e.text, compileErrors(issues))
	}
	if want := outputType(e.boolean); !ast.OutputType().IsExactType(want) && !ast.OutputType().IsExactType(cel.DynType) {
		return nil, fault(0, 0, "%q must return %s, not %s", e.text, want, ast.OutputType())
	}
	run, err := e.env.Program(ast)
	if err != nil {
		return nil, fault(0, 0, "cannot run %q: %w", e.text, err)
	}
	root := ast.NativeRep().Expr()
	return &program{run: run, mask: maskOf(root), readsBody: names(root, variableBody, variableJSON)}, nil
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

func (p *program) evalBool(vars map[string]any) (bool, error) {
	out, _, err := p.run.Eval(vars)
	if err != nil {
		return false, errors.New(msg.FirstLine(err.Error()))
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("must return bool, not %s", out.Type().TypeName())
	}
	return b, nil
}

func (p *program) evalString(vars map[string]any) (string, error) {
	out, _, err := p.run.Eval(vars)
	if err != nil {
		return "", errors.New(msg.FirstLine(err.Error()))
	}
	s, ok := out.Value().(string)
	if !ok {
		return "", fmt.Errorf("must return string, not %s", out.Type().TypeName())
	}
	return s, nil
}
