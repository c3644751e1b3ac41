// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apimachinery/pkg/util/sets"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/library"
)

// maxCost is what one evaluation of an expression may cost: that of Kubernetes. A unit is a step, an element of a list or a
// map, or bytesPerUnit of text, whether it is read or made. MaxCheap is what all expressions may cost that a cheap evaluator
// evaluates for an object, or for an answer.
const (
	maxCost      = celconfig.PerCallLimit
	MaxCheap     = maxCost / 10
	bytesPerUnit = 10
)

// errTooExpensive is what an expression fails with that has used up its budget.
var errTooExpensive = fmt.Errorf("costs more than the %d units that an evaluation may: look at fewer or shorter values", maxCost)

// cheap is what the expressions of a check may cost for an object and count nowhere, however many objects there are;
// maxExpense is how much more they may cost for all objects together.
const (
	cheap      = 1000
	maxExpense = 10 * maxCost
)

var errTooManyExpensive = fmt.Errorf("for all objects together, the expressions cost more than the %d units that they may: "+
	"look at fewer objects, or at fewer or shorter values", maxExpense)

// budget has each function of an environment cost what it reads and makes. Kubernetes' own costs go by types, of which
// nothing is known here, as all fields of an object are dynamic; and they are charged when a function has returned, which
// is too late for one that makes much of little. What the arguments say of the cost is charged before.
type budget struct {
	functions interpreter.Dispatcher
	others    library.CostEstimator
}

// planner makes programs as cel.Env does, which holds all functions and their costs once more for each program, and has one
// limit for all evaluations of it.
type planner struct {
	interpreter.Interpreter

	options []interpreter.PlannerOption
}

func newPlanner(env *cel.Env) (*planner, error) {
	b := &budget{functions: interpreter.NewDispatcher()}
	for _, function := range env.Functions() {
		bindings, err := function.Bindings()
		if err != nil {
			return nil, err
		}
		if err := b.functions.Add(bindings...); err != nil {
			return nil, err
		}
	}
	costs, err := interpreter.NewCostTracker(b, interpreter.PresenceTestHasCost(false))
	if err != nil {
		return nil, err
	}
	adapter, provider := env.CELTypeAdapter(), env.CELTypeProvider()
	attributes := interpreter.NewAttributeFactory(env.Container, adapter, provider)
	return &planner{interpreter.NewInterpreter(b.functions, env.Container, provider, adapter, attributes), []interpreter.PlannerOption{
		interpreter.CustomDecoratorV2(withAlternative),
		interpreter.CustomDecoratorV2(b.bound),
		interpreter.Optimize(),
		interpreter.CompileRegexConstants(library.FindRegexOptimization, library.FindAllRegexOptimization, interpreter.MatchesRegexOptimization),
		interpreter.CostObserver(interpreter.CostTrackerFactory(costs.Clone)),
	}}, nil
}

func (p *planner) plan(compiled *ast.AST) (*interpreter.ObservableInterpretable, error) {
	plan, err := p.NewInterpretable(compiled, p.options...)
	if err != nil {
		return nil, err
	}
	return plan.(*interpreter.ObservableInterpretable), nil // as its cost is observed
}

// withAlternative has or and orValue of optionals look at what is given besides only where it is needed.
func withAlternative(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	wantsValue := call.Function() == "orValue"
	if !wantsValue && call.Function() != "or" {
		return i, nil
	}
	return &alternative{InterpretableV2: call, optional: call.Args()[0], other: call.Args()[1], wantsValue: wantsValue}, nil
}

// alternative is a call of or, or of orValue, which wants the value itself.
type alternative struct {
	interpreter.InterpretableV2

	optional, other interpreter.InterpretableV2
	wantsValue      bool
}

func (a *alternative) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	found := a.optional.Exec(frame)
	optional, ok := found.(*types.Optional)
	switch {
	case types.IsUnknownOrError(found):
		return found
	case !ok:
		return types.NoSuchOverloadErr()
	case !optional.HasValue():
		return a.other.Exec(frame)
	case a.wantsValue:
		return optional.GetValue()
	}
	return found
}

func (a *alternative) Eval(variables interpreter.Activation) ref.Val {
	return a.Exec(interpreter.AsFrame(variables))
}

// variableLimit is what an evaluation may cost; no expression can name it.
const variableLimit = "@limit"

// runPlan evaluates a plan within a limit.
func runPlan(plan *interpreter.ObservableInterpretable, variables map[string]any, limit uint64) (out ref.Val, cost uint64, err error) {
	variables[variableLimit] = limit
	frame, err := interpreter.NewExecutionFrame(variables)
	if err != nil {
		return nil, 0, err
	}
	defer frame.Close()
	costs := &interpreter.CostTracker{}
	defer func() {
		cost = costs.ActualCost()
		switch ended := recover().(type) {
		case nil:
		case interpreter.EvalCancelledError:
			cost, err = limit, ended
		default:
			err = fmt.Errorf("internal error: %v", ended)
		}
	}()
	out = plan.ObserveExec(frame, func(state any) {
		if tracker, ok := state.(*interpreter.CostTracker); ok {
			costs, tracker.Limit = tracker, &limit
		}
	})
	if failure, failed := out.(*types.Err); failed {
		err = failure
	}
	return out, 0, err
}

// bound has a call fail, before it runs, whose arguments say that it costs too much.
func (b *budget) bound(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || atOnce.Has(call.Function()) || chargedAfter.Has(call.Function()) {
		return i, nil
	}
	implementation := b.implementation(call)
	if implementation == nil {
		return nil, fmt.Errorf("%s has no budget", call.Function())
	}
	return &boundCall{call, implementation}, nil
}

type boundCall struct {
	interpreter.InterpretableCall

	run functions.FunctionOp
}

func (c *boundCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	args := make([]ref.Val, len(c.Args()))
	for i, arg := range c.Args() {
		if args[i] = arg.Exec(frame); types.IsUnknownOrError(args[i]) {
			return args[i]
		}
	}
	limit, _ := frame.ResolveName(variableLimit)
	most, evaluating := limit.(uint64)
	if !evaluating { // constants are converted when the program is made
		most = maxCost
	}
	if costBefore(c.Function(), args) > most {
		panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: errTooExpensive.Error()})
	}
	return types.LabelErrNode(c.ID(), c.run(args...))
}

func (c *boundCall) Eval(variables interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(variables))
}

// implementation is what a call runs, as the planner finds it.
func (b *budget) implementation(call interpreter.InterpretableCall) functions.FunctionOp {
	switch call.Function() {
	case operators.Equals:
		return func(args ...ref.Val) ref.Val { return types.Equal(args[0], args[1]) }
	case operators.NotEquals:
		return func(args ...ref.Val) ref.Val { return types.Bool(types.Equal(args[0], args[1]) != types.True) }
	}
	binding, found := b.functions.FindOverload(call.OverloadID())
	if !found {
		binding, found = b.functions.FindOverload(call.Function())
	}
	if !found {
		return nil
	}
	return func(args ...ref.Val) ref.Val {
		switch {
		case binding.OperandTrait != 0 && !args[0].Type().HasTrait(binding.OperandTrait):
			return types.MaybeNoSuchOverloadErr(args[0])
		case len(args) == 1 && binding.Unary != nil:
			return binding.Unary(args[0])
		case len(args) == 2 && binding.Binary != nil:
			return binding.Binary(args[0], args[1])
		case binding.Function != nil:
			return binding.Function(args...)
		}
		return types.MaybeNoSuchOverloadErr(args[0])
	}
}

// CallCost is what a call has cost.
func (b *budget) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	cost := costBefore(function, args)
	if cost > maxCost || atOnce.Has(function) { // of what is too big not even the size must be asked
		return &cost
	}
	if others := b.others.CallCost(function, overload, args, result); others != nil {
		cost = max(cost, *others)
	}
	switch function {
	case "parseYAML": // its values are charged by their text
	case operators.Add, "cel.@mapInsert": // steps of a loop that collects its result; but lists that double must end
		if sizeOf(result) > maxCost {
			cost = maxCost + 1
		}
	default:
		cost += weigh(maxCost, result)
	}
	return &cost
}

// atOnce are functions that take the same time whatever they are given: they look at no text and at no elements.
var atOnce = sets.New(
	operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional, operators.NotStrictlyFalse,
	"__not_strictly_false__", operators.Negate, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo,
	operators.Index, operators.OptIndex, operators.OptSelect, "dyn", "type", "first", "last",
	"optional.of", "optional.none", "optional.ofNonZeroValue", "optional.unwrap", "unwrapOpt", "hasValue", "value", "or", "orValue",
	// What is parsed has accessors.
	"asInteger", "asApproximateFloat", "isInteger", "sign", "compareTo", "isGreaterThan", "isLessThan", "add", "sub", "major", "minor", "patch",
	"family", "isUnspecified", "isLoopback", "isLinkLocalMulticast", "isLinkLocalUnicast", "isGlobalUnicast", "masked", "prefixLength",
	"format.named", "format.byte", "format.date", "format.datetime", "format.dns1035Label", "format.dns1035LabelPrefix",
	"format.dns1123Label", "format.dns1123LabelPrefix", "format.dns1123Subdomain", "format.dns1123SubdomainPrefix", "format.labelValue",
	"format.qualifiedName", "format.uri", "format.uuid",
	// Nothing here has an authorizer.
	"path", "group", "serviceAccount", "resource", "subresource", "namespace", "name", "check", "allowed", "reason", "error", "errored",
)

// chargedAfter are functions of which the cost is charged when they have returned: they make no more than twice what they
// are given, and patterns are constant.
var chargedAfter = sets.New(operators.Add, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, "size",
	"matches", "find", "findAll", "contains", "startsWith", "endsWith", "cel.@mapInsert")

// parsers read texts that are short, and put them into an error where they are not what they should be.
var parsers = sets.New("ip", "isIP", "ip.isCanonical", "cidr", "isCIDR", "containsIP", "containsCIDR", "url", "isURL", "quantity", "isQuantity",
	"semver", "isSemver", "duration", "timestamp", "int", "uint", "double", "bool", "validate")

// accessed are parsers whose values have functions that look at all of them and cost nothing; so these are short.
var accessed = sets.New("url", "isURL", "quantity", "isQuantity", "semver", "isSemver")

const maxAccessed = 1000

// ofURL are functions that make a text of a URL.
var ofURL = sets.New("getScheme", "getHost", "getHostname", "getPort", "getEscapedPath")

// costBefore is what the arguments of a call say that it costs at least. Of functions that are not named here, those of a
// later Kubernetes too, it is the size of all that they are given.
func costBefore(function string, args []ref.Val) uint64 {
	if atOnce.Has(function) || len(args) == 0 {
		return 1
	}
	switch function {
	case "size", operators.Add, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals: // the elements are not looked at
		return 1 + textUnits(args...)
	case operators.Equals, operators.NotEquals:
		return costOfEqual(args[0], args[1])
	case operators.In, operators.OldIn:
		if _, ok := args[1].(traits.Mapper); ok {
			return weigh(maxCost, args[0])
		}
	case "cel.@mapInsert":
		return 1 + sizeOf(args[1])
	case "matches", "find", "findAll":
		return costOfPattern(args)
	case "sets.contains", "sets.intersects", "sets.equivalent":
		return product(weigh(maxCost, args[0]), weigh(maxCost, args[1]))
	case "distinct":
		w := weigh(maxCost, args[0])
		return product(w, w)
	case "sort", "@sortByAssociatedKeys":
		w := weigh(maxCost, args...)
		return product(w, uint64(bits.Len64(w)))
	}
	if made, ok := costOfMaking(function, args); ok {
		return made
	}
	return weigh(maxCost, args...)
}

// costOfMaking is the cost of functions that can make much of little.
func costOfMaking(function string, args []ref.Val) (cost uint64, ok bool) {
	text := textOf(args[0])
	all := weigh(maxCost, args...)
	switch {
	case function == "lists.range":
		n, isInt := args[0].(types.Int)
		return uint64(max(n, 0)), isInt
	case function == "replace" && len(args) >= 3:
		return all + product(uint64(count(text, args[1])), 1+textUnits(args[2])), true
	case function == "split" && len(args) >= 2:
		return all + uint64(count(text, args[1])), true
	case function == "join" && len(args) == 2:
		return all + product(sizeOf(args[0]), textUnits(args[1])), true
	case function == "format":
		return product(all, uint64(1+strings.Count(text, "%"))) + longestNumber(text), true
	case accessed.Has(function) && len(text) > maxAccessed:
		return maxCost + 1, true
	case function == "quantity" || function == "isQuantity": // an exponent is as many digits
		_, digits, _ := strings.Cut(strings.ToLower(text), "e")
		exponent := longestNumber(digits)
		return all + uint64(len(text)) + product(exponent, exponent), true
	case parsers.Has(function):
		return all + bytesPerUnit*textUnits(args...), true
	case function == "parseYAML":
		return costOfYAML(text), true
	case function == "getQuery": // parses the URL
		return 1000, true
	case ofURL.Has(function):
		return 100, true
	case strings.HasPrefix(function, "get") && len(args) == 2: // looks the time zone up in a file
		return all + 1000, true
	}
	return 0, false
}

// costOfYAML is one for each byte, as reading it takes as long as a step, and more for each value.
func costOfYAML(text string) uint64 {
	const perValue = 5
	cost := 1 + len(text)
	for _, begin := range []string{"\n", ",", "[", "{", "?"} {
		cost += perValue * strings.Count(text, begin)
	}
	return uint64(cost)
}

func costOfEqual(a, b ref.Val) uint64 {
	switch {
	case isScalar(a):
		return weigh(maxCost, a)
	case isScalar(b):
		return weigh(maxCost, b)
	}
	return weigh(maxCost, a, b)
}

// costOfPattern is the cost of holding a text to a regular expression.
func costOfPattern(args []ref.Val) uint64 {
	if len(args) < 2 {
		return 1
	}
	return product(1+textUnits(args[0]), sizeOfPattern(textOf(args[1])))
}

// sizeOfPattern is about how many states a regular expression has: one for each few bytes, as many as a character is to be
// repeated, and all of it as often as a group is.
func sizeOfPattern(pattern string) uint64 {
	const often = 10
	size, times := uint64(1+len(pattern)/4), uint64(1)
	for i, c := range pattern {
		if c != '{' || i == 0 {
			continue
		}
		repeat, _, _ := strings.Cut(pattern[i:], "}")
		if n := longestNumber(repeat); pattern[i-1] == ')' {
			times = product(times, max(n, 1))
		} else if n > often {
			size += n
		}
	}
	return product(size, times)
}

// weigh is the size of values with all that is in them, counted no further than beyond the limit. A value that contains
// another one several times has the size of all of them, as whoever reads it reads them all.
func weigh(limit uint64, values ...ref.Val) uint64 {
	var sum uint64
	for _, v := range values {
		sum += weighOne(limit-min(limit, sum), v)
		if sum > limit {
			break
		}
	}
	return sum
}

// What a list and a map weigh besides their elements, as it takes memory to look into one.
const (
	perList = 5
	perMap  = 15
)

func weighOne(limit uint64, v ref.Val) uint64 {
	sum := 1 + textUnits(v)
	switch of := v.(type) {
	case *types.Optional:
		if of.HasValue() {
			sum += weigh(limit, of.GetValue())
		}
	case traits.Lister:
		sum += perList
		if n := sizeOf(v); n > limit {
			return sum + n
		}
		for it := of.Iterator(); sum <= limit && it.HasNext() == types.True; {
			sum += weigh(limit-min(limit, sum), it.Next())
		}
	case traits.Mapper:
		sum += perMap
		for it := of.Iterator(); sum <= limit && it.HasNext() == types.True; {
			key := it.Next()
			sum += weigh(limit-min(limit, sum), key, of.Get(key))
		}
	}
	return sum
}

// textOf is the text that a value is. The Go value must not be asked for before it is known what it is, as that of a list
// is made first.
func textOf(v ref.Val) string {
	text, _ := v.(types.String)
	return string(text)
}

// textUnits is what reading text costs; values that are no text cost nothing.
func textUnits(values ...ref.Val) (units uint64) {
	for _, v := range values {
		switch text := v.(type) {
		case types.String:
			units += uint64(len(text)) / bytesPerUnit
		case types.Bytes:
			units += uint64(len(text)) / bytesPerUnit
		}
	}
	return units
}

func isScalar(v ref.Val) bool {
	switch v.(type) {
	case *types.Optional, traits.Lister, traits.Mapper:
		return false
	}
	return true
}

// sizeOf is the number of elements.
func sizeOf(v ref.Val) uint64 {
	switch v.(type) {
	case traits.Lister, traits.Mapper:
		if n, ok := v.(traits.Sizer).Size().Value().(int64); ok {
			return uint64(max(n, 0))
		}
	}
	return 1
}

// count is how often a text has a part; it has the empty one around each character.
func count(text string, part ref.Val) int {
	p := textOf(part)
	if p == "" {
		return 1 + utf8.RuneCountInString(text)
	}
	return 1 + strings.Count(text, p)
}

// longestNumber is the greatest of the numbers in a text.
func longestNumber(text string) uint64 {
	var greatest uint64
	for _, digits := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			n = maxCost + 1
		}
		greatest = max(greatest, min(n, maxCost+1))
	}
	return greatest
}

// product of two costs, no more than just too much.
func product(a, b uint64) uint64 {
	if high, low := bits.Mul64(a, b); high == 0 {
		return min(low, maxCost+1)
	}
	return maxCost + 1
}

// maxOptionalMaps is how many optMap and optFlatMap an expression may have: each doubles what is before it when it is
// compiled.
const maxOptionalMaps = 4

// refuse says what is wrong with an expression that would take too long even to compile.
func refuse(text string) error {
	if strings.Count(text, "optMap")+strings.Count(text, "optFlatMap") > maxOptionalMaps {
		return fmt.Errorf("has more than %d optMap or optFlatMap: use .?field and orValue", maxOptionalMaps)
	}
	return nil
}

// variablePattern is a pattern that an expression computes; nil when there is none.
func variablePattern(expression ast.NavigableExpr) ast.Expr {
	for _, e := range ast.MatchDescendants(expression, ast.KindMatcher(ast.CallKind)) {
		call := e.AsCall()
		args := call.Args()
		if call.IsMemberFunction() {
			args = append([]ast.Expr{call.Target()}, args...)
		}
		switch call.FunctionName() {
		case "matches", "find", "findAll":
			if len(args) > 1 && args[1].Kind() != ast.LiteralKind {
				return args[1]
			}
		}
	}
	return nil
}

// tooExpensive says whether an evaluation has used up its budget.
func tooExpensive(err error) bool {
	var ended interpreter.EvalCancelledError
	return errors.As(err, &ended) && ended.Cause == interpreter.CostLimitExceeded
}
