// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
)

func TestMasks(t *testing.T) {
	for _, test := range []struct {
		name, mask, of, want string
	}{
		{"all", "", `{"a": [1, {"b": null}]}`, `{"a": [1, {"b": null}]}`},
		{"none", `{}`, `{"a": 1}`, `{}`},
		{"a field of two", `{"a": null}`, `{"a": {"b": 1}, "c": 2}`, `{"a": {"b": 1}}`},
		{"a field that is not there", `{"a": {"b": null}}`, `{"c": 2}`, `{}`},
		{"that it is there, and what", `{"m": {}, "l": {}, "s": {}, "n": {}}`, `{"m": {"a": 1}, "l": [1], "s": "text", "n": null}`, `{"m": {}, "l": [], "s": "text", "n": null}`},
		{"a field of every element", `{"l": {"*": {"a": null}}}`, `{"l": [{"a": 1, "b": 2}, {}, 3, [4], null]}`, `{"l": [{"a": 1}, {}, 3, [], null]}`},
		{"how many", `{"l": {"*": {}}}`, `{"l": [{"a": 1}, 2]}`, `{"l": [{}, 2]}`},
		{"a field of every value, and one of one", `{"*": {"a": null}, "x": {"b": null}}`, `{"x": {"a": 1, "b": 2, "c": 3}, "y": {"a": 1, "b": 2}}`, `{"x": {"a": 1, "b": 2}, "y": {"a": 1}}`},
		{"a field of what has none", `{"a": {"b": null}}`, `{"a": "text"}`, `{"a": "text"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			var of any
			g.Expect(json.Unmarshal([]byte(test.of), &of)).To(Succeed())
			got, err := json.Marshal(ParseMask(test.mask).Apply(of))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(MatchJSON(test.want))
			before, err := json.Marshal(of)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(before).To(MatchJSON(test.of), "it is left as it was")
		})
	}
}

// A union covers what it is made of, and says the same whichever comes first.
func TestUnionsOfMasks(t *testing.T) {
	g := NewWithT(t)
	masks := []Mask{nil, {}}
	for _, text := range []string{`{"a":null}`, `{"a":{}}`, `{"a":{"*":{"b":null}}}`, `{"a":{"c":null}}`, `{"a":{"c":{"b":{}}}}`, `{"*":null}`, `{"*":{"c":null}}`} {
		masks = append(masks, ParseMask(text))
		g.Expect(ParseMask(text).String()).To(Equal(text))
	}
	for _, a := range masks {
		for _, b := range masks {
			both := a.Union(b)
			g.Expect(both.String()).To(Equal(b.Union(a).String()))
			g.Expect(ParseMask(both.String()).String()).To(Equal(both.String()))
			g.Expect([]bool{both.Covers(a), both.Covers(b), both.Covers(both), Mask(nil).Covers(a)}).To(HaveEach(true), "%s and %s", a, b)
			g.Expect(a.Covers(b)).To(Equal(a.Covers(both)), "%s covers %s as long as nothing is added", a, b)
		}
	}
	g.Expect(ParseMask(`{"a":{"*":null}}`).Covers(ParseMask(`{"a":{"b":{"c":{}}}}`))).To(BeTrue(), "every field has that name, too")
	g.Expect(ParseMask(`{"a":{"b":null}}`).Covers(ParseMask(`{"a":{"*":{}}}`))).To(BeFalse())
	g.Expect(Mask{}.Covers(nil)).To(BeFalse())
	g.Expect(Mask{}.String()).NotTo(Equal(Mask(nil).String()))
	g.Expect(ParseMask("odd")).To(BeNil(), "what is not understood reads all")
}
