// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package msg

import (
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"
)

// TestBrief: a column has room for two.
func TestBrief(t *testing.T) {
	for want, items := range map[string][]string{
		"": nil, "a": {"a"}, "a, b": {"a", "b"}, "a and 2 more": {"a", "b", "c"}, "a and 9 more": strings.Split("abcdefghij", ""),
	} {
		NewWithT(t).Expect(Brief(items, ", ")).To(Equal(want))
	}
}

func TestShorten(t *testing.T) {
	for name, test := range map[string]struct {
		items []string
		want  string
	}{
		"none":  {nil, ""},
		"one":   {[]string{"a"}, "a"},
		"three": {[]string{"a", "b", "c"}, "a, b, c"},
		"four":  {[]string{"a", "b", "c", "d"}, "a, b, c and 1 more"},
		"ten":   {strings.Split("abcdefghij", ""), "a, b, c and 7 more"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Shorten(test.items, ", ")).To(Equal(test.want))
		})
	}
}

func TestEither(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Either(nil)).To(BeEmpty())
	g.Expect(Either([]string{"a"})).To(Equal("a"))
	g.Expect(Either([]string{"a", "b"})).To(Equal("a or b"))
	g.Expect(Either([]string{"a", "b", "c"})).To(Equal("a, b or c"))
}

func TestCount(t *testing.T) {
	g := NewWithT(t)
	g.Expect([]string{Count(0, "node"), Count(1, "node"), Count(2, "minor version")}).To(Equal([]string{"0 nodes", "1 node", "2 minor versions"}))
}

func TestFirstLine(t *testing.T) {
	g := NewWithT(t)
	g.Expect([]string{FirstLine(""), FirstLine("a"), FirstLine("a\nb\nc"), FirstLine("\nb")}).To(Equal([]string{"", "a", "a", ""}))
}

// The limits are in bytes, and "…" and "ä" have three and two.
func TestTruncate(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"short":              {"abc", "abc"},
		"just fits":          {"abcdefgh", "abcdefgh"},
		"one too many":       {"abcdefghi", "abcde…"},
		"border of a rune":   {"abcääää", "abcä…"},
		"within a rune":      {"abääääää", "abä…"},
		"a rune of four":     {"abc😀😀", "abc…"},
		"no UTF-8":           {"ab\xffc", "ab\ufffdc"},
		"no UTF-8, too long": {"ab\xffcdefghi", "ab\ufffd…"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Truncate(test.text, 8)
			g := NewWithT(t)
			g.Expect(got).To(Equal(test.want))
			g.Expect(len(got)).To(BeNumerically("<=", 8))
			g.Expect(utf8.ValidString(got)).To(BeTrue())
		})
	}
}

func TestAlign(t *testing.T) {
	rows := [][]string{{"NAME", "STATE", "SINCE"}, {"dns", "healthy", ""}, {"日本", "", "1h"}}
	g := NewWithT(t)
	g.Expect(Align(rows, 2, nil)).To(Equal([]string{"NAME  STATE    SINCE", "dns   healthy", "日本           1h"}), "as wide as a terminal shows them")
	g.Expect(Align(rows, 2, func(row, column int, text string) string {
		if row == 0 || column != 1 {
			return text
		}
		return "<" + text + ">"
	})).To(Equal([]string{"NAME  STATE    SINCE", "dns   <healthy>", "日本           1h"}), "color takes no room, and an empty cell gets none")
	g.Expect(Align(nil, 2, nil)).To(BeEmpty())
}

// Restarts and events go up all the time; a message that text each of them would be written all the time.
func TestTimesAreRounded(t *testing.T) {
	text := map[string]bool{}
	for n := int32(1); n <= 1000; n++ {
		text[Times(n)] = true
	}
	g := NewWithT(t)
	g.Expect(len(text)).To(BeNumerically("<", 20))
	g.Expect([]string{Times(1), Times(2), Times(3), Times(5), Times(9), Times(49), Times(50), Times(2_000_000_000)}).To(Equal([]string{
		"once", "2 times", "2+ times", "5 times", "5+ times", "20+ times", "50 times", "500000000+ times"}))
}

func TestClosest(t *testing.T) {
	known := []string{"etcd", "coredns", "kubelet", "kubenet"}
	NewWithT(t).Expect(Closest("kubeled", known, 2)).To(Equal([]string{"kubelet", "kubenet"}), "the most like first")
	NewWithT(t).Expect(Closest("x", known[:1], 3)).To(Equal([]string{"etcd"}))
}
