// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// apiTypes are the check types that the API has constants for.
func apiTypes(t *testing.T) []v1alpha1.CheckType {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "api", "v1alpha1", "check_types.go"), nil, 0)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var types []v1alpha1.CheckType
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		of, typed := spec.Type.(*ast.Ident)
		value, literal := spec.Values[0].(*ast.BasicLit)
		if typed && literal && of.Name == reflect.TypeFor[v1alpha1.CheckType]().Name() {
			text, err := strconv.Unquote(value.Value)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			types = append(types, v1alpha1.CheckType(text))
		}
		return true
	})
	NewWithT(t).Expect(types).NotTo(BeEmpty())
	return types
}

// Everything that must be known of a check type is in its row.
func TestEveryCheckTypeHasARow(t *testing.T) {
	types := apiTypes(t)
	for checkType := range checkTypes {
		if !slices.Contains(types, checkType) {
			t.Errorf("each row of checkTypes is of a check type of the API: there is no constant for %s in api/v1alpha1/check_types.go", checkType)
		}
	}
	for _, checkType := range types {
		row, has := checkTypes[checkType]
		if !has {
			t.Errorf("each check type of the API has a row: add one for %s to checkTypes in internal/check/types.go", checkType)
			continue
		}
		for part, missing := range map[string]bool{
			"member": row.member == "", "isSet": row.isSet == nil, "needs": row.needs == nil, "evaluate": row.evaluate == nil, "subject": row.subject == nil,
			"within": row.within == nil,
		} {
			if missing {
				t.Errorf("each row of checkTypes says what every check type is known by: that of %s lacks %s", checkType, part)
			}
		}
		if row.reads != nil && row.expressions == nil {
			t.Errorf("what a check type reads is what its expressions see: %s has none", checkType)
		}
	}
}

// What a member of the API has for every type to use is used.
func TestRowsKnowTheirMembers(t *testing.T) {
	for _, checkType := range apiTypes(t) {
		row, has := checkTypes[checkType]
		if !has {
			continue // which is said above
		}
		spec := v1alpha1.Check{Type: checkType}
		member, found := fieldOf(reflect.ValueOf(&spec).Elem(), row.member)
		if !found || member.Kind() != reflect.Pointer {
			t.Errorf("a row of checkTypes names the member of Check that belongs to its type: %s has no member %q", checkType, row.member)
			continue
		}
		member.Set(reflect.New(member.Type().Elem()))
		selector, expressions := &metav1.LabelSelector{}, []string{}
		hasSelector := false
		for i, field := range reflect.VisibleFields(member.Type().Elem()) {
			switch value := member.Elem().Field(i); value.Interface().(type) {
			case *metav1.LabelSelector:
				hasSelector = true
				value.Set(reflect.ValueOf(selector))
			case v1alpha1.Expression:
				expressions = append(expressions, jsonName(field))
				value.SetString(jsonName(field))
			}
		}
		if hasSelector != (row.selector != nil) || hasSelector && row.selector(&spec) != selector {
			t.Errorf("a row of checkTypes has the selector of its member, if there is one: that of %s has not", checkType)
		}
		var listed []string
		if row.expressions != nil {
			for _, e := range row.expressions(&spec) {
				listed = append(listed, e.field)
				if e.field != string(e.text) {
					t.Errorf("a row of checkTypes lists expressions by their fields: %s has that of %s for %s", checkType, e.text, e.field)
				}
			}
		}
		if !slices.Equal(slices.Sorted(slices.Values(listed)), slices.Sorted(slices.Values(expressions))) {
			t.Errorf("a row of checkTypes lists all expressions of its member: that of %s lists %s of %s", checkType, listed, expressions)
		}
	}
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// fieldOf is the field of a struct that has a name in JSON.
func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i, field := range reflect.VisibleFields(v.Type()) {
		if jsonName(field) == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// Whoever adds a check type has it validated, described and tested like the others.
func TestEveryCheckTypeIsCovered(t *testing.T) {
	text := func(path ...string) string {
		data, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return string(data)
	}
	api := text("api", "v1alpha1", "check_types.go")
	docs := text("docs", "mappings.md")
	accepted := text("test", "integration", "testdata", "valid", "every-check-type.yaml")
	fuzzed := checksOfAnything()
	for _, checkType := range apiTypes(t) {
		row, has := checkTypes[checkType]
		if rule := fmt.Sprintf("(self.type == '%s') == has(self.%s)", checkType, row.member); has && !strings.Contains(api, rule) {
			t.Errorf("the member of a check type is set when the type is, and only then: Check has no rule %s", rule)
		}
		if !strings.Contains(docs, fmt.Sprintf("\n| `%s` |", checkType)) {
			t.Errorf("docs/mappings.md describes every check type: it has no row for %s", checkType)
		}
		if !strings.Contains(accepted, fmt.Sprintf("type: %s\n", checkType)) {
			t.Errorf("an API server accepts every check type: test/integration/testdata/valid/every-check-type.yaml has no %s", checkType)
		}
		if !slices.ContainsFunc(fuzzed, func(c *Check) bool { return c.Spec.Type == checkType }) {
			t.Errorf("every check type is fuzzed: checksOfAnything of fuzz_test.go has no %s", checkType)
		}
		of := slices.DeleteFunc(slices.Clone(checksOfEveryType()), func(c *Check) bool { return c.Spec.Type != checkType })
		if len(of) == 0 {
			t.Errorf("every check type says what it means that nothing was seen: everyType of check_test.go has no %s", checkType)
		}
		for _, c := range of {
			if c.CountsNodes() && !slices.Equal(c.Needs(), []facts.Need{facts.Nodes}) || c.CountsObjects() && len(c.Needs()) != 1 {
				t.Errorf("what is counted one by one is the answer to one need: %s needs %v", checkType, c.Needs())
			}
		}
	}
}

func checksOfEveryType() []*Check {
	var checks []*Check
	for _, spec := range everyType {
		checks = append(checks, newCheck(spec))
	}
	return checks
}

func TestWithin(t *testing.T) {
	const (
		one  = "{type: Lease, lease: {namespace: a, name: b}}"
		some = "{type: Lease, lease: {namespace: a}}"
		node = "{type: Nodes, nodes: {}}"
		here = "{type: Workload, workload: {kind: Deployment, namespace: a, selector: {matchLabels: {a: b}}}}"
		any  = "{type: Workload, workload: {kind: Deployment, selector: {matchLabels: {a: b}}}}"
	)
	for name, test := range map[string]struct {
		check, other string
		want         bool
	}{
		"the same":                  {one, one, true},
		"one of many":               {one, some, true},
		"many of one":               {some, one, false},
		"of another type":           {one, node, false},
		"in a namespace of any":     {here, any, true},
		"in any namespace, not one": {any, here, false},
		"of no type":                {"{type: Prophecy}", "{type: Prophecy}", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, other := decode[v1alpha1.Check](test.check), decode[v1alpha1.Check](test.other)
			NewWithT(t).Expect(Within(&c, &other)).To(Equal(test.want))
		})
	}
}

func TestReadingOf(t *testing.T) {
	g := NewWithT(t)
	reading := func(spec string) (Reading, bool) { return ReadingOf(new(decode[v1alpha1.Check](spec))) }
	for _, spec := range []string{everyType["GET /readyz"], everyType["Lease kube-system/kube-scheduler"], "{type: Prophecy}"} {
		_, ok := reading(spec)
		g.Expect(ok).To(BeFalse(), spec)
	}
	const head = "{type: Object, object: {apiVersion: example.com/v2, kind: Gadget, "
	gadget := object("apiVersion: example.com/v1\nkind: Gadget\nmetadata: {namespace: kube-system, name: a, labels: {a: b}}")
	for spec, want := range map[string]bool{
		head + "healthy: object.a}}": true,
		head + "namespace: kube-system, name: a, selector: {matchLabels: {a: b}}}}": true,
		head + "namespace: default}}":                                                     false,
		head + "name: b}}":                                                                false,
		head + "selector: {matchLabels: {a: c}}}}":                                        false,
		head + "selector: {matchExpressions: [{key: a, operator: Near}]}}}":               true,
		"{type: Object, object: {apiVersion: example.com/v1, kind: Widget, name: a}}":     false,
		"{type: Object, object: {apiVersion: example.org/v1, kind: Gadget, present: 1+}}": false,
	} {
		r, ok := reading(spec)
		g.Expect(ok).To(BeTrue(), spec)
		g.Expect(r.Of(gadget)).To(Equal(want), spec)
	}
	r, _ := reading(head + "present: object.a, version: 'object.b +'}}")
	g.Expect(r.Expressions).To(ContainElements(v1alpha1.Expression("object.a"), v1alpha1.Expression("object.b +")))
}

// A check without the member of its type is refused with a word on what it lacks, not evaluated.
func TestMemberIsMissing(t *testing.T) {
	for checkType, row := range checkTypes {
		g, spec := NewWithT(t), v1alpha1.Check{Name: "c", Type: checkType}
		_, err := New("", spec)
		g.Expect(err).To(MatchError("check c: a check of type " + string(checkType) + " needs the field " + row.member))
		_, ok := ReadingOf(&spec)
		g.Expect(ok).To(BeFalse(), "%s: there is nothing to read", checkType)
	}
}
