// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
)

// TestMasksOfExpressions: from the fields that an expression names, those are told that it reads.
func TestMasksOfExpressions(t *testing.T) {
	for _, test := range []struct{ expression, mask string }{
		{`true`, `{}`},
		{`now > timestamp('2026-01-01T00:00:00Z')`, `{}`},
		{`object.a`, `{"a":null}`},
		{`object.a.b == 'x'`, `{"a":{"b":null}}`},
		{`object.a['b.c/d'] == 'x'`, `{"a":{"b.c/d":null}}`},
		{`object.?a.?b.orValue('') in ['x']`, `{"a":{"b":null}}`},
		{`object.?a[?'b'].orValue(object.c) == 'x'`, `{"a":{"b":null},"c":null}`},
		{`object.?a.b.c.hasValue()`, `{"a":{"b":{"c":{}}}}`},
		{`object.?a.or(object.?b).c.orValue(1) == 1`, `{"a":{"c":null},"b":{"c":null}}`},
		{`has(object.a.b)`, `{"a":{"b":{}}}`},
		{`object.a.b != null`, `{"a":{"b":{}}}`},
		{`object.a.b == object.c`, `{"a":{"b":null},"c":null}`},
		{`object.a[0].b == 1`, `{"a":{"*":{"b":null}}}`},
		{`object.a[object.b] == 1`, `{"a":null,"b":null}`},
		{`size(object.a) > 0`, `{"a":null}`},
		{`'x' in object.a`, `{"a":null}`},
		{`object.a.startsWith('x')`, `{"a":null}`},
		{`object == {}`, ``},
		{`size(object) > 0`, ``},
		{`object[object.a] == 1`, ``},
		{`[object].exists(o, o.a == 1)`, `{"a":null}`},
		{`[object, object.a] == []`, ``},
		{`{'x': object.a} == {}`, `{"a":null}`},
		{`dyn(object).a == 1`, `{"a":null}`},
		{`object.a ? object.b.c : object.d`, `{"a":null,"b":{"c":null},"d":null}`},
		{`(object.a ? object.b : object.c).d`, `{"a":null,"b":{"d":null},"c":{"d":null}}`},
		{`object.a.exists(x, true)`, `{"a":{"*":{}}}`},
		{`object.a.exists(x, x.b == 'c' && x.d > 1)`, `{"a":{"*":{"b":null,"d":null}}}`},
		{`object.?a.orValue([]).all(x, x.?b.orValue(true))`, `{"a":{"*":{"b":null}}}`},
		{`object.a.exists(x, x.b.exists(y, y.c == x.d))`, `{"a":{"*":{"b":{"*":{"c":null}},"d":null}}}`},
		{`object.a.exists(x, x == object.b)`, `{"a":{"*":null},"b":null}`},
		{`object.a.filter(x, x.b == 1).map(x, x.c) == []`, `{"a":{"*":{"b":null,"c":null}}}`},
		{`object.a.filter(x, x.b == 1)[0].c == 1`, `{"a":{"*":{"b":null,"c":null}}}`},
		{`object.a.filter(x, x.b == 1) == []`, `{"a":{"*":null}}`},
		{`size(object.a.map(x, x.b)) == 1`, `{"a":{"*":{"b":null}}}`},
		{`object.a.map(x, x.b, x.c).exists(c, c.d)`, `{"a":{"*":{"b":null,"c":{"d":null}}}}`},
		{`object.a.map(x, [x]).exists(l, l.exists(x, x.b))`, `{"a":{"*":{"b":null}}}`},
		{`(object.a + object.b).exists(x, x.c)`, `{"a":{"*":{"c":null}},"b":{"*":{"c":null}}}`},
		{`object.a + object.b > 1`, `{"a":null,"b":null}`},
		{`object.a.exists(i, x, x.b == i)`, `{"a":{"*":{"b":null}}}`},
		{`object.a.exists(k, x, k == 'y')`, `{"a":{"*":{}}}`},
		{`object.a.transformMap(k, v, v.b) == {}`, `{"a":{"*":{"b":null}}}`},
		{`object.?a.optMap(x, x.b == 1).orValue(false)`, `{"a":{"b":null}}`},
		{`object.?a.optFlatMap(x, x.?b).orValue(false)`, `{"a":{"b":null}}`},
		{`optional.of(object.a).value().b == 1`, `{"a":{"b":null}}`},
		{`[1].exists(object, object == 1)`, `{}`},
		{`object.a.exists(object, object.b == 1)`, `{"a":{"*":{"b":null}}}`},
		{`object.a.exists(object, .object.b == object)`, `{"a":{"*":null},"b":null}`},
		{`object.a.exists(now, now.b == 1)`, `{"a":{"*":{"b":null}}}`},
		{`parseYAML(object.a).b == object.b`, `{"a":null,"b":null}`},
		{`object.a.sum() == object.b.first().c`, `{"a":null,"b":null}`},
		{nested(60), ``},
	} {
		t.Run(test.expression[:min(len(test.expression), 60)], func(t *testing.T) {
			p, err := compile(expression{text: v1alpha1.Expression(test.expression), env: objectEnv, boolean: true})
			if err != nil {
				t.Fatal(err)
			}
			NewWithT(t).Expect(p.mask.String()).To(Equal(test.mask))
		})
	}
}

// nested is a loop in a loop in a loop, each of which is traced several times.
func nested(deep int) string {
	text := "object.z"
	for i := range deep {
		text = fmt.Sprintf("object.a.map(x%d, %s)", i, text)
	}
	return text + " == []"
}

// What a check reads of an object besides its expressions is in the mask, too.
func TestMasksOfChecks(t *testing.T) {
	for spec, mask := range map[string]string{
		"{apiVersion: v1, kind: A}":                                                             `{}`,
		"{apiVersion: v1, kind: A, name: a, namespace: n}":                                      `{}`,
		"{apiVersion: v1, kind: A, selector: {matchLabels: {x: y}}}":                            `{"metadata":{"labels":{"x":null}}}`,
		"{apiVersion: v1, kind: A, selector: {matchExpressions: [{key: x, operator: Exists}]}}": `{"metadata":{"labels":{"x":null}}}`,
		"{apiVersion: v1, kind: A, events: {reasons: [R]}}":                                     `{"metadata":{"uid":null},"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}}}}`,
		"{apiVersion: apiregistration.k8s.io/v1, kind: APIService, events: {reasons: [R]}}": `{"metadata":{"uid":null},"spec":{"service":{"name":null,"namespace":null}},` +
			`"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}}}}`,
		"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, events: {reasons: [R]}}": `{"metadata":{"labels":{"kubernetes.io/service-name":null},"uid":null},` +
			`"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}}}}`,
		"{apiVersion: v1, kind: A, present: object.a, version: object.b}":                           `{"a":null,"b":null}`,
		"{apiVersion: v1, kind: A, healthy: 'true'}":                                                `{"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}}}}`,
		"{apiVersion: v1, kind: A, healthy: object.status, message: string(object.a)}":              `{"a":null,"status":null}`,
		"{apiVersion: v1, kind: A, healthy: object.b, message: string(object)}":                     ``,
		"{apiVersion: v1, kind: A, present: object == object, selector: {matchLabels: {x: y}}}":     ``,
		"{apiVersion: apiregistration.k8s.io/v1, kind: APIService, healthy: 'true'}":                `{"spec":{"service":{"name":null,"namespace":null}},"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}}}}`,
		"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, healthy: has(object.status.phase)}": `{"metadata":{"labels":{"kubernetes.io/service-name":null}},"status":{"conditions":{"*":{"lastTransitionTime":null,"status":null,"type":null}},"phase":{}}}`,
	} {
		c := newCheck("{type: Object, object: " + spec + "}")
		NewWithT(t).Expect(c.Needs()[0].Mask).To(Equal(mask), spec)
	}
}
