// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/clipperhouse/displaywidth"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Clean makes text from a cluster safe to print on one line: it removes what would move a terminal's cursor, break an XML
// document or change the direction of the text around it.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// proseWidth is how wide sentences run on a terminal.
const proseWidth = 100

// proseColumns is how wide sentences run on a terminal of so many columns; 0 is none.
func proseColumns(terminal int) int {
	if terminal > 0 {
		return min(terminal, proseWidth)
	}
	return proseWidth
}

func width(s string) int { return displaywidth.String(s) }

// pad fills a text up to a number of columns.
func pad(s string, columns int) string { return s + strings.Repeat(" ", max(0, columns-width(s))) }

// shorten cuts a text to a number of columns and shows that it did.
func shorten(s string, columns int) string { return displaywidth.TruncateString(s, columns, "…") }

// wrap breaks a text into lines of so many columns: at spaces, and within a word that has no room. What does
// not go into the number of lines is cut, unless that is 0.
func wrap(s string, columns, lines int) []string {
	var out []string
	line := ""
	flush := func() {
		if line != "" {
			out = append(out, line)
		}
		line = ""
	}
	for word := range strings.FieldsSeq(s) {
		if line != "" && width(line)+1+width(word) <= columns {
			line += " " + word
			continue
		}
		flush()
		for _, part := range chop(word, columns) {
			flush()
			line = part
		}
	}
	flush()
	if lines > 0 && len(out) > lines {
		rest := strings.Join(out[lines-1:], " ")
		out = append(out[:lines-1], shorten(rest, columns))
	}
	return out
}

// chop cuts a word into parts of so many columns.
func chop(word string, columns int) []string {
	var parts []string
	var part strings.Builder
	used := 0
	graphemes := displaywidth.StringGraphemes(word)
	for graphemes.Next() {
		if used > 0 && used+graphemes.Width() > columns {
			parts = append(parts, part.String())
			part.Reset()
			used = 0
		}
		part.WriteString(graphemes.Value())
		used += graphemes.Width()
	}
	return append(parts, part.String())
}

// webAddress returns an address that may be made a link: of the scheme http or https, and without characters that
// mean something where it is written. It is empty for any other.
func webAddress(address v1alpha1.WebAddress) string {
	u, err := url.Parse(string(address))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return ""
	}
	return inAddress.Replace(u.String())
}

var inAddress = strings.NewReplacer(
	"(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", "`", "%60", `\`, "%5C", "*", "%2A", `"`, "%22", "'", "%27", " ", "%20")

func joined(names []string) string { return strings.Join(names, ", ") }
