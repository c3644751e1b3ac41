// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/decls"
	"github.com/google/cel-go/common/types"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/tally"
)

// maxAllocated is what an evaluation may allocate at most, in bytes, and most of it is garbage at once.
const maxAllocated = 100 << 20

// maxCheapAllocated is what a cheap one may.
const maxCheapAllocated = 20 << 20

// run compiles an expression for objects, and evaluates it for one. It returns what that has cost and allocated.
func run(text string, object map[string]any) (cost, allocated uint64, err error) {
	in := &inputs{variables: map[string]any{variableObject: object, variableNow: noon}}
	allocated, err = runWith(in, text)
	return in.cost, allocated, err
}

func runWith(in *inputs, text string) (allocated uint64, err error) {
	p, fault := compile(expression{field: "healthy", text: v1alpha1.Expression(text), env: objectEnv, boolean: true})
	if fault != nil {
		return 0, fault
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = p.evalBool(in)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// longText makes a text of 60,000 characters of little.
const longText = `'aaaaaaaaaa'.replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa').replace('a', 'bbbbbb')`

// bigBomb is a YAML text of aliases.
const bigBomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n"

// Whatever an expression makes of little, and however often, it ends soon and takes little memory.
func TestExpensiveExpressions(t *testing.T) {
	object := map[string]any{
		"a": "a", "long": strings.Repeat("abcdefgh ", 20_000), "yaml": strings.Repeat("- {name: aks-user-25795745-vmss, minSize: 2}\n", 4000),
		"list": []any{"a", "b"}, "bomb": bigBomb, "dense": "[" + strings.Repeat("a,", 400_000) + "a]",
	}
	for name, text := range map[string]string{
		"a character of each of a long text": longText + `.split('').all(c, ` + longText + `.charAt(59999) == 'b')`,
		"the same, bound to a name":          "[" + longText + `].all(s, s.split('').all(c, s.charAt(59999) == 'b'))`,
		"replace grows":                      `[object.a.replace('', '` + strings.Repeat("a", 400) + `')]` + strings.Repeat(`.map(s, s.replace('a', 'aaaaaaaaaaaaaaaa'))`, 8) + ".size() > 1",
		"text doubles":                       "[object.a]" + strings.Repeat(".map(s, s + s)", 40) + ".size() > 1",
		"bytes double":                       "[bytes(object.a)]" + strings.Repeat(".map(s, s + s)", 40) + ".size() > 1",
		"lists double, joined":               "[object.list]" + strings.Repeat(".map(s, s + s)", 40) + ".all(s, s.join(object.a) == '')",
		"lists double, looped":               "[object.list]" + strings.Repeat(".map(s, s + s)", 40) + ".all(s, s.all(x, x != ''))",
		"lists double, as a text":            "[object.list]" + strings.Repeat(".map(s, s + s)", 40) + ".all(s, dyn(s).matches('a'))",
		"lists double, as a result":          "dyn([object.list]" + strings.Repeat(".map(s, s + s)", 40) + "[0])",
		"nested lists, compared":             "[object.list]" + strings.Repeat(".map(s, [s, s])", 40) + ".all(s, s == s)",
		"nested lists, sought":               "[object.list]" + strings.Repeat(".map(s, [s, s])", 40) + ".all(s, s in [s])",
		"nested lists, flattened":            "[object.list]" + strings.Repeat(".map(s, [s, s])", 30) + ".flatten(99).size() > 1",
		"nested lists, formatted":            "[object.list]" + strings.Repeat(".map(s, [s, s])", 30) + ".all(s, '%s'.format([s]) == '')",
		"nested lists, distinct":             "[object.list]" + strings.Repeat(".map(s, [s, s])", 30) + ".all(s, s.distinct().size() > 1)",
		"nested maps, compared":              "[{'a': object.list}]" + strings.Repeat(".map(s, {'a': s, 'b': s})", 30) + ".all(s, s == s)",
		"a long range":                       "lists.range(1000000000).size() > 1",
		"a loop in a loop":                   "lists.range(2000).all(a, lists.range(2000).all(b, a < b || true))",
		"lists in a loop":                    "lists.range(9000).all(a, lists.range(9000).size() > 1)",
		"sets":                               "sets.equivalent(lists.range(20000), lists.range(20000))",
		"distinct":                           "lists.range(20000).distinct().size() > 1",
		"sort":                               "lists.range(2000).all(a, lists.range(2000).reverse().sort().size() > 1)",
		"a precision":                        "'%.99999999f'.format([1.0]).size() > 1",
		"a precision in a loop":              "lists.range(100000).all(a, '%.9000f'.format([1.0]).size() > 1)",
		"an exponent":                        "quantity('1e100000000').isGreaterThan(quantity('1'))",
		"a negative exponent":                "quantity('1e-100000000').isGreaterThan(quantity('1'))",
		"a long URL":                         "[url('https://a.example/b?' + object.long.replace(' ', '&'))].all(u, lists.range(100000).all(a, u.getQuery().size() > 0))",
		"a long version":                     "[semver('1.2.3-' + object.long.replace(' ', '.') + 'a')].all(v, lists.range(100000).all(a, v.compareTo(v) == 0))",
		"a quantity of many digits":          "[quantity('1e900000')].all(q, lists.range(100000).all(a, q.add(q).isGreaterThan(q)))",
		"a URL with many parameters":         "[url('https://a.example/b?' + 'a'.replace('a', '" + strings.Repeat("a&", 400) + "'))].all(u, lists.range(100000).all(a, u.getQuery().size() > 0))",
		"a URL with a long path":             "[url('https://a.example/' + 'a'.replace('a', '" + strings.Repeat("%20", 300) + "'))].all(u, lists.range(100000).all(a, u.getEscapedPath() != ''))",
		"time zones":                         "lists.range(100000).all(a, now.getHours('Europe/Berlin') >= 0)",
		"the size of a long text":            "lists.range(100000).all(a, size(object.long) > 0)",
		"long texts compared":                "lists.range(100000).all(a, object.long < object.long || true)",
		"long texts, equal":                  "lists.range(100000).all(a, object.long == object.long)",
		"long texts added":                   "lists.range(100000).all(a, object.long + object.long != '')",
		"a pattern on a long text":           "lists.range(100000).all(a, object.long.matches('(a|b|c)*z') || true)",
		"a pattern of many repeats":          "lists.range(100000).all(a, object.long.matches('a{1000}b{1000}c{1000}z') || true)",
		"a pattern of nested repeats":        "lists.range(100000).all(a, object.long.matches('(((a|b|c|d|e|f| ){10}){10}){10}z') || true)",
		"findAll":                            "lists.range(100000).all(a, object.long.findAll('').size() > 0)",
		"split":                              "lists.range(100000).all(a, object.long.split('').size() > 0)",
		"charAt":                             "lists.range(100000).all(a, object.long.charAt(1) == 'b')",
		"indexOf":                            "lists.range(100000).all(a, object.long.indexOf('z') < 0)",
		"substring":                          "lists.range(100000).all(a, object.long.substring(3) != '')",
		"lowerAscii":                         "lists.range(100000).all(a, object.long.lowerAscii() != '')",
		"quote":                              "lists.range(100000).all(a, strings.quote(object.long) != '')",
		"bytes and back":                     "lists.range(100000).all(a, string(bytes(object.long)) != '')",
		"parseYAML in a loop":                "lists.range(100000).all(a, parseYAML(object.yaml).size() > 0)",
		"parseYAML of a dense text":          "parseYAML(object.dense).size() < 0",
		"parseYAML of aliases":               "lists.range(1000).all(a, parseYAML(object.bomb).size() > 0)",
		"validate":                           "lists.range(100000).all(a, format.dns1123Label().validate(object.long).hasValue())",
		"join":                               "lists.range(1000).map(a, 'a').join(object.long) == ''",
	} {
		t.Run(name, func(t *testing.T) {
			cost, allocated, err := run(text, object)
			t.Logf("%s: cost %d, %d MiB, %v", name, cost, allocated>>20, err)
			g := NewWithT(t)
			g.Expect(err).To(HaveOccurred())
			g.Expect(allocated).To(BeNumerically("<", maxAllocated))

			in := &inputs{variables: map[string]any{variableObject: object, variableNow: noon}, cheap: true}
			allocated, err = runWith(in, text)
			t.Logf("%s: cheap, cost %d, %d MiB, %v", name, in.cost, allocated>>20, err)
			g.Expect(err).To(HaveOccurred())
			g.Expect(in.unfinished).To(Equal(err.Error() == errTooExpensive.Error()), "it is known to be no result")
			g.Expect(in.cost).To(BeNumerically("<=", 2*MaxCheap))
			g.Expect(allocated).To(BeNumerically("<", maxCheapAllocated))
		})
	}
}

// All expressions for an object share what a cheap evaluator may spend: who is within that has the same results as with the
// full budget, and who exceeds it has none.
func TestCheapEvaluators(t *testing.T) {
	const each = "lists.range(20000).size() > 0"
	for name, test := range map[string]struct {
		present, healthy string
		finished         bool
	}{
		"both are cheap":         {each, each, true},
		"one is not":             {"lists.range(90000).size() > 0", "true", false},
		"one is not, the second": {"true", "lists.range(90000).size() > 0", false},
		"together they are not":  {each, "[1, 2].all(i, " + each + ")", false},
		"it fails":               {"true", "object.missing", true},
		"when time has passed":   {"now < timestamp('2100-01-01T00:00:00Z') || lists.range(90000).size() > 0", "true", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := newCheck(fmt.Sprintf("{type: Object, object: {apiVersion: example.com/v1, kind: Widget, present: %q, healthy: %q}}", test.present, test.healthy))
			given := seeing(c, object("{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}}"))
			full, tried := c.Evaluate(given), c.Cheap().Evaluate(given)
			g.Expect(full.Unfinished).To(BeFalse())
			g.Expect(tried.Unfinished).To(Equal(!test.finished))
			if test.finished {
				g.Expect(tried).To(Equal(full))
			}
		})
	}
}

// Responses have the same limit, and so have objects of which events are read, whose expressions are evaluated twice.
func TestCheapEvaluatorsOfOtherTypes(t *testing.T) {
	g := NewWithT(t)
	c := newCheck("{type: Endpoint, endpoint: {path: /version, healthy: 'lists.range(90000).size() > 0'}}")
	given := answered(c, facts.Answer{State: facts.Known, Response: facts.Response{Status: 200}})
	g.Expect(c.Cheap().Evaluate(given).Unfinished).To(BeTrue())
	g.Expect(c.Evaluate(given).Healthy).To(Equal(v1alpha1.VerdictTrue))

	c = newCheck("{type: Object, object: {apiVersion: karpenter.sh/v1, kind: NodePool, healthy: 'lists.range(10000).size() > 0', events: {reasons: [NoTypes]}}}")
	given = seeing(c, nodePools(true)...)
	once := c.Evaluate(given)
	given.Answers[facts.EventsOf("NodePool", "default", "")] = facts.Answer{State: facts.Known,
		Objects: []client.Object{warning("NodePool", "a", "NoTypes", 59, time.Hour, time.Minute)}}
	twice := c.Evaluate(given)
	g.Expect(twice.Reason).To(Equal(v1alpha1.ReasonFailureReported))
	g.Expect(twice.Expense).To(Equal(2 * once.Expense))
	g.Expect(c.Cheap().Evaluate(given)).To(Equal(twice))
	c = newCheck("{type: Object, object: {apiVersion: karpenter.sh/v1, kind: NodePool, healthy: 'lists.range(90000).size() > 0', events: {reasons: [NoTypes]}}}")
	g.Expect(c.Cheap().Evaluate(given).Unfinished).To(BeTrue())
}

func liveBytes() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Of what expressions say of unhealthy objects nothing is held: a mapping may have it say much of thousands.
func TestBytesOfUnhealthyObjects(t *testing.T) {
	const many = 2000
	g := NewWithT(t)
	c := newCheck(`{type: Object, object: {apiVersion: example.com/v1, kind: Widget, healthy: "false",
		message: "object.metadata.name + lists.range(100).map(i, '123456789').join(',')"}}`)
	o := object("{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}}")
	table := tally.NewTable(func(string) (client.Object, bool) { return o, true })
	counted := c.CountObjects(table, noon)
	names := make([]string, many)
	for i := range names {
		names[i] = ObjectKey("", fmt.Sprintf("w%04d", i))
	}
	before := liveBytes()
	for _, name := range names {
		o.SetName(ObjectName(name).Name)
		table.Update(name, noon, func(int) {})
	}
	bytes := (liveBytes() - before) / many
	t.Logf("%d bytes for an object", bytes)
	g.Expect(bytes).To(BeNumerically("<", 200))
	g.Expect(counted.Result(noon).Message).To(ContainSubstring("123456789,123456789"))
}

// A compiled expression holds its steps, and nothing of what all share.
func TestBytesOfAnExpression(t *testing.T) {
	const many = 200
	var programs [many]*program
	compileAll := func(from, to int) {
		for i := from; i < to; i++ {
			text := fmt.Sprintf("object.status.?conditions.orValue([]).exists(c, c.type == 'Ready%d' && c.status == 'True')", i)
			p, fault := compile(expression{field: "healthy", text: v1alpha1.Expression(text), env: objectEnv, boolean: true})
			if fault != nil {
				t.Fatal(fault)
			}
			programs[i] = p
		}
	}
	compileAll(0, 10)
	before := liveBytes()
	compileAll(10, many)
	bytes := (liveBytes() - before) / (many - 10)
	runtime.KeepAlive(programs)
	t.Logf("%d bytes for an expression", bytes)
	NewWithT(t).Expect(bytes).To(BeNumerically("<", 8<<10))
}

// Every function of the environment has a cost, also one that a later Kubernetes brings.
func TestEveryFunctionHasACost(t *testing.T) {
	g, functions := NewWithT(t), objectEnv.Functions()
	for name := range atOnce.Union(chargedAfter) {
		g.Expect(functions).To(HaveKey(name), "it is gone")
	}
	for name, function := range functions {
		bindings, err := function.Bindings()
		g.Expect(err).NotTo(HaveOccurred())
		if !atOnce.Has(name) && !chargedAfter.Has(name) {
			g.Expect(bindings).NotTo(BeEmpty(), "%s cannot be bound", name)
		}
	}
}

// valuesOf are expressions of a type, and most of them are hostile.
func valuesOf(of *cel.Type) []string {
	switch of.Kind() {
	case cel.StringKind:
		return []string{"object.long", "object.a", "''", "'1e100000000'", "'%.99999999f'", "'Europe/Berlin'", "'1Ki'", "'10.0.0.0/8'", "object.yaml"}
	case cel.BytesKind:
		return []string{"bytes(object.long)", "b'a'"}
	case cel.IntKind, cel.UintKind, cel.DoubleKind:
		return []string{"1", "1000000000", "-1", "1u", "1.5"}
	case cel.BoolKind:
		return []string{"true"}
	case cel.ListKind:
		return []string{"lists.range(20000)", "object.texts", "object.nested", "object.list", "['a']", "[1.5]", "[]"}
	case cel.MapKind:
		return []string{"object", "object.map"}
	case cel.TimestampKind:
		return []string{"now"}
	case cel.DurationKind:
		return []string{"duration('1h')"}
	case cel.TypeParamKind, cel.DynKind, cel.AnyKind:
		return []string{"object", "object.long", "object.nested", "1", "object.texts"}
	case cel.OpaqueKind, cel.StructKind:
		return slices.Concat([]string{"optional.of(object)", "url('https://a.example/b')", "ip('10.0.0.1')", "cidr('10.0.0.0/8')",
			"quantity('1Ki')", "semver('1.2.3')", "format.uri()", "format.dns1123Subdomain()"})
	}
	return []string{"object"}
}

// callOf is a call of an overload with values of its types.
func callOf(function string, overload *decls.OverloadDecl, pick func(n int) int) string {
	var args []string
	for _, of := range overload.ArgTypes() {
		values := valuesOf(of)
		args = append(args, values[pick(len(values))])
	}
	switch {
	case overload.IsMemberFunction():
		return fmt.Sprintf("(%s).%s(%s)", args[0], function, strings.Join(args[1:], ", "))
	case len(args) == 2 && strings.HasPrefix(function, "_"): // an operator
		return "(" + args[0] + strings.Trim(function, "_") + args[1] + ")"
	}
	return fmt.Sprintf("%s(%s)", function, strings.Join(args, ", "))
}

// hostile is an object with much in it.
func hostile() map[string]any {
	long := strings.Repeat("abcdefgh ", 20_000)
	var texts, nested []any
	for range 50 {
		texts = append(texts, long)
	}
	for range 20_000 {
		nested = append(nested, []any{"a", map[string]any{"b": int64(1)}})
	}
	return map[string]any{"a": "a", "long": long, "yaml": strings.Repeat("- {name: a, minSize: 2}\n", 4000), "texts": texts, "nested": nested,
		"list": []any{"a", "b"}, "map": map[string]any{"a": nested, "b": long}}
}

// calls are expressions that call each function often, with what pick picks.
func calls(pick func(n int) int) []string {
	var all []string
	functions := objectEnv.Functions()
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		for _, overload := range functions[name].OverloadDecls() {
			call := callOf(name, overload, pick)
			all = append(all, "lists.range(500).all(i, [dyn("+call+")].size() > 0 && ("+call+" == "+call+" || true))")
		}
	}
	return all
}

// expectWithinBudget evaluates an expression, and says whether it came to its end or to that of its budget.
func expectWithinBudget(t *testing.T, text string, object map[string]any) (ran bool) {
	t.Helper()
	cost, allocated, err := run(text, object)
	if allocated > maxAllocated || cost > 2*maxCost {
		t.Errorf("%s: cost %d, allocated %d MiB, %v", text, cost, allocated>>20, err)
	}
	return err == nil || err.Error() == errTooExpensive.Error()
}

// No function of the environment, whatever it is called with, exceeds what an evaluation may allocate.
func TestNoFunctionExceedsTheBudget(t *testing.T) {
	object, ran := hostile(), 0
	for _, text := range calls(rand.New(rand.NewPCG(1, 2)).IntN) {
		if expectWithinBudget(t, text, object) {
			ran++
		}
	}
	NewWithT(t).Expect(ran).To(BeNumerically(">", 150), "calls that were evaluated")
}

// Programs come to the same as those of cel.Env, whichever options the libraries of the environment have for those.
func TestProgramsAreThoseOfTheEnvironment(t *testing.T) {
	g := NewWithT(t)
	object := map[string]any{"a": "a", "long": "abcdefgh abc", "yaml": "- {name: a, minSize: 2}", "texts": []any{"b", "a"},
		"nested": []any{[]any{"a", map[string]any{"b": int64(1)}}}, "list": []any{"a", "b"}, "map": map[string]any{"a": int64(1), "b": 1.5}}
	texts := []string{"object.?a.orValue(object.missing) == 'a'", "object.?missing.orValue(object.missing) == 'a'", "object.?missing.or(object.?a).hasValue()",
		"object.?a.or(object.missing).value() == 'a'", "dyn('a').orValue(1) == 1", "object.?missing.?b.orValue('c') in ['b', 'c']", "has(object.a) && !has(object.b)",
		"object.a.matches('^a+$')", "object.long.find('[c-e]+') == 'cde'", "object.long.findAll('abc').size() == 2", "object.list.map(l, l + l) == ['aa', 'bb']",
		"object.map.exists(k, object.map[k] == 1)", "duration('1h') < duration('2h') && timestamp('2026-01-01T00:00:00Z') < now", "now.getHours() == 12",
		"object.a in {'a': 1}", "object.list.exists(l, l.nothing == 'x')", "false && object.missing || true", "object.map.all(k, v, v < 2)", "1 < 1.5 && 2u > 1"}
	texts = append(texts, calls(rand.New(rand.NewPCG(3, 4)).IntN)...)
	compared := 0
	for _, text := range texts {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "lists.range(500)", "lists.range(2)"), "lists.range(20000)", "lists.range(3)")
		compiled, issues := objectEnv.Compile(text)
		if issues.Err() != nil || variablePattern(ast.NavigateAST(compiled.NativeRep())) != nil {
			continue
		}
		theirs, err := objectEnv.Program(compiled)
		plan, failure := objectEnv.planner.plan(compiled.NativeRep())
		g.Expect(failure == nil).To(Equal(err == nil), "%s: %v, %v", text, failure, err)
		if err != nil {
			continue
		}
		want, _, wantErr := theirs.Eval(map[string]any{variableObject: object, variableNow: noon})
		got, _, gotErr := runPlan(plan, map[string]any{variableObject: object, variableNow: noon}, maxCost)
		if tooExpensive(gotErr) {
			continue
		}
		if wantErr != nil {
			g.Expect(gotErr).To(MatchError(wantErr.Error()), text)
			continue
		}
		compared++
		g.Expect(gotErr).NotTo(HaveOccurred(), text)
		g.Expect(bool(got.Equal(want).(types.Bool))).To(BeTrue(), text)
	}
	g.Expect(compared).To(BeNumerically(">", 100))
}

// FuzzFunctions calls a function with other arguments.
func FuzzFunctions(f *testing.F) {
	f.Add(uint64(3), uint16(7))
	object := hostile()
	f.Fuzz(func(t *testing.T, seed uint64, nth uint16) {
		all := calls(rand.New(rand.NewPCG(seed, seed)).IntN)
		expectWithinBudget(t, all[int(nth)%len(all)], object)
	})
}
