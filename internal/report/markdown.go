// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"unicode"
)

// inMarkdown are the characters that mean something to Markdown or HTML. The bar is written as an entity, as
// readers differ about a backslash before it in a table.
var inMarkdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "~", `\~`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "@", "&#64;",
)

// markdown writes any text as plain text of Markdown.
func markdown(s string) string {
	s = escapeUnderscores(inMarkdown.Replace(strings.TrimSpace(Clean(s))))
	if s == "" {
		return ""
	}
	if strings.ContainsRune("#+-=:", rune(s[0])) {
		return `\` + s // else a heading, a list, a rule
	}
	digits := strings.TrimLeft(s, "0123456789")
	if digits != s && (strings.HasPrefix(digits+" ", ". ") || strings.HasPrefix(digits+" ", ") ")) {
		return s[:len(s)-len(digits)] + `\` + digits // else a numbered list
	}
	return s
}

// escapeUnderscores escapes those that could begin or end emphasis; within a word they mean nothing.
func escapeUnderscores(s string) string {
	var out strings.Builder
	runes := []rune(s)
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	for i, r := range runes {
		if r == '_' && (!inWord(i-1) || !inWord(i+1)) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// code writes a name as code, unless it holds what code cannot.
func code(s string) string {
	s = strings.TrimSpace(Clean(s))
	if s == "" || strings.ContainsAny(s, "`|") {
		return markdown(s)
	}
	return "`" + s + "`"
}

// link writes a link; text alone when there is no address.
func link(text, address string) string {
	switch {
	case address == "":
		return markdown(text)
	case text == address:
		return "<" + address + ">"
	}
	return "[" + markdown(text) + "](" + address + ")"
}
