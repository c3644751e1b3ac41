// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Whoever writes an expression learns in which field and where it is wrong.
func TestExpressionsThatDoNotCompile(t *testing.T) {
	const (
		endpoint = "{type: Endpoint, endpoint: {path: /version, "
		ofObject = "{type: Object, object: {apiVersion: v1, kind: Service, "
	)
	for name, test := range map[string]struct{ check, want string }{
		"syntax": {
			ofObject + "healthy: object.spec. == 1}}",
			`check hosted/c: object.healthy: "object.spec. == 1" does not compile: ` +
				`Syntax error: no viable alternative at input '. ==' (column 14)`,
		},
		"unknown variable": {
			ofObject + "present: object.a == 1 && objekt.b == 2}}",
			`check hosted/c: object.present: "object.a == 1 && objekt.b == 2" does not compile: undeclared reference to 'objekt' (in container '') (column 18)`,
		},
		"unknown function": {
			ofObject + "message: parseJSON(object.data.status)}}",
			`check hosted/c: object.message: "parseJSON(object.data.status)" does not compile: undeclared reference to 'parseJSON' (in container '') (column 10)`,
		},
		"wrong types": {
			endpoint + "healthy: status == body}}",
			`check hosted/c: endpoint.healthy: "status == body" does not compile: found no matching overload for '_==_' applied to '(int, string)' (column 8)`,
		},
		"a variable of another check type": {
			endpoint + "present: object.status == 1}}",
			`check hosted/c: endpoint.present: "object.status == 1" does not compile: undeclared reference to 'object' (in container '') (column 1)`,
		},
		"no bool": {
			endpoint + "healthy: size(body)}}",
			`check hosted/c: endpoint.healthy: "size(body)" must return bool, not int`,
		},
		"no string": {
			endpoint + "version: status}}",
			`check hosted/c: endpoint.version: "status" must return string, not int`,
		},
		"an optional value is no string": {
			ofObject + "version: 'object.?spec.?version'}}",
			`check hosted/c: object.version: "object.?spec.?version" must return string, not optional_type(dyn)`,
		},
		"a pattern that is computed": {
			ofObject + "healthy: object.a.matches('^' + object.b)}}",
			`check hosted/c: object.healthy: "object.a.matches('^' + object.b)" computes a regular expression (column 22): write it as text in quotes, ` +
				`or use contains, startsWith or endsWith`,
		},
		"a pattern that is a variable": {
			ofObject + "version: '[object.a].map(p, object.b.find(p))[0]'}}",
			`check hosted/c: object.version: "[object.a].map(p, object.b.find(p))[0]" computes a regular expression (column 33): write it as text in quotes, ` +
				`or use contains, startsWith or endsWith`,
		},
		"what would take too long to compile": {
			ofObject + "healthy: 'object.?a" + strings.Repeat(".optMap(a, a)", 40) + ".hasValue()'}}",
			`check hosted/c: object.healthy: "object.?a` + strings.Repeat(".optMap(a, a)", 40) + `.hasValue()" has more than 4 optMap or optFlatMap: use .?field and orValue`,
		},
		"several fields": {
			ofObject + "present: a, version: b}}",
			`check hosted/c: object.present: "a" does not compile: undeclared reference to 'a' (in container '') (column 1)` + "\n" +
				`object.version: "b" does not compile: undeclared reference to 'b' (in container '') (column 1)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1alpha1.Check](test.check)
			spec.Name = "c"
			_, err := New("hosted", spec)
			NewWithT(t).Expect(err).To(MatchError(test.want))
		})
	}
}

// Everything that Kubernetes' own CEL has is there, and parseYAML.
func TestExpressionLibraries(t *testing.T) {
	const seen = `{data: {cpu: 1500m, version: v1.33.6-20, url: "https://a.example:8443/b?c=d", text: "a: {b: [1, 2]}", empty: ""}, list: [3, 1, 2]}`
	for name, expression := range map[string]string{
		"quantity":         "quantity(object.data.cpu).isGreaterThan(quantity('1'))",
		"semver":           "semver(object.data.version.find('[0-9]+[.][0-9]+[.][0-9]+')).isGreaterThan(semver('1.33.5'))",
		"url":              "url(object.data.url).getHostname() == 'a.example' && url(object.data.url).getPort() == '8443'",
		"regex":            "object.data.version.matches('^v1[.]33[.]') && object.data.version.find('[0-9]+$') == '20'",
		"strings":          "object.data.version.split('-')[0].substring(1) == '1.33.6' && ['a', 'b'].join(',') == 'a,b'",
		"lists":            "object.list.isSorted() == false && object.list.max() == 3 && object.list.sum() == 6",
		"sets":             "sets.contains(object.list, [1, 2])",
		"ip":               "ip('10.0.0.10').family() == 4 && cidr('10.0.0.0/16').containsIP('10.0.0.10')",
		"format":           "quantity(object.data.cpu).isInteger() == false && !format.dns1123Label().validate('a-b').hasValue()",
		"optional":         "object.?data.?nothing.orValue('none') == 'none'",
		"two variables":    "object.list.all(i, v, i < 3 && v > 0)",
		"time":             "now == timestamp('2026-10-02T12:00:00Z') && now + duration('1h') > now",
		"parseYAML":        "parseYAML(object.data.text).a.b[1] == 2",
		"parseYAML, JSON":  `parseYAML('{"a": {"b": "c"}}').a.b == 'c'`,
		"parseYAML, empty": "parseYAML(object.data.empty) == null",
	} {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1alpha1.Check]("{type: Object, object: {apiVersion: v1, kind: ConfigMap, namespace: a, name: ''}}")
			spec.Object.Healthy = v1alpha1.Expression(expression)
			c, err := New("", spec)
			g := NewWithT(t)
			g.Expect(err).NotTo(HaveOccurred())
			f := c.Evaluate(seeing(c, object(seen)))
			g.Expect(f.Healthy).To(Equal(v1alpha1.VerdictTrue), f.Message)
		})
	}
}

// An expression that would take too long fails instead.
func TestExpressionCost(t *testing.T) {
	for name, test := range map[string]struct{ healthy, want string }{
		"a loop in a loop": {
			"object.data.list.split(' ').all(a, object.data.list.split(' ').all(b, a == b))",
			"costs more than the 1000000 units that an evaluation may: look at fewer or shorter values",
		},
		"parseYAML in a loop": {
			"object.data.list.split(' ').all(a, parseYAML(object.data.yaml).size() > 0)",
			"costs more than the 1000000 units that an evaluation may: look at fewer or shorter values",
		},
		"parseYAML of aliases": {
			`parseYAML("a: &a [b]\nc: *a").size() > 0`,
			"parseYAML: aliases are not supported",
		},
		"parseYAML of no string": {
			"parseYAML(object.data) == null",
			"no such overload: parseYAML(map)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Object, object: {apiVersion: v1, kind: ConfigMap, namespace: a, name: b, healthy: " + fmt.Sprintf("%q", test.healthy) + "}}")
			configMap := object("{metadata: {namespace: a, name: b}}")
			configMap.Object["data"] = map[string]any{
				"list": strings.TrimSpace(strings.Repeat("a ", 1000)),
				"yaml": strings.Repeat("- {name: aks-user-25795745-vmss, minSize: 2, maxSize: 3}\n", 500),
			}
			expectTold(t, c, seeing(c, configMap), "True/Unknown ExpressionError: ConfigMap a/b: healthy: "+test.want)
		})
	}
}
