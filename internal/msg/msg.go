// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package msg formats messages: how many names they list, how long they are, how they count.
package msg

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// MaxNames is how many objects a message names before it says "and N more".
	MaxNames = 3
	// MaxMessage is the length of a condition's message, in bytes.
	MaxMessage = 1024
	// MaxCheckMessage is the length of a single check's message, in bytes.
	MaxCheckMessage = 512
)

// Shorten joins at most MaxNames items and says how many it left out.
func Shorten(items []string, sep string) string {
	return ShortenOf(items[:min(len(items), MaxNames)], len(items), sep)
}

// ShortenOf joins the first of all items and says how many it leaves out.
func ShortenOf(first []string, all int, sep string) string {
	if all <= len(first) {
		return strings.Join(first, sep)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(first, sep), all-len(first))
}

// Brief joins two items at most, for a column of a listing: of more it names the first, and says how many more there are.
func Brief(items []string, sep string) string {
	if len(items) > 2 {
		return ShortenOf(items[:1], len(items), sep)
	}
	return strings.Join(items, sep)
}

// Either formats alternatives: "create, update or delete".
func Either(items []string) string {
	last := len(items) - 1
	if last <= 0 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:last], ", ") + " or " + items[last]
}

// Truncate cuts a message to limit bytes at the boundary of a character, and marks the cut. It replaces invalid UTF-8, as
// the API server does.
func Truncate(s string, limit int) string {
	const ellipsis = "…"
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= limit {
		return s
	}
	cut := limit - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}

// FirstLine returns the first line of a text.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Object formats kind, namespace and name of an object.
func Object(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// Count formats a number of things: "1 node", "2 nodes".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Kubectl is a command line; namespace is empty for what has none. What a shell would take apart is quoted.
func Kubectl(namespace string, args ...string) string {
	words := []string{"kubectl"}
	if namespace != "" {
		words = append(words, "-n", namespace)
	}
	for _, arg := range args {
		if strings.ContainsAny(arg, " ?*&|<>()$`;'\"\\") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// Times rounds a number that keeps growing, as not each restart is worth a write of the status: 1, 2, 5, 10, 20,
// 50 and so on, as in "50+ times".
func Times(n int32) string {
	if n == 1 {
		return "once"
	}
	known := int32(2)
	for step := int32(1); step < 1_000_000_000; step *= 10 {
		for _, factor := range []int32{1, 2, 5} {
			if step*factor <= n {
				known = max(known, step*factor)
			}
		}
	}
	if known == n {
		return fmt.Sprintf("%d times", n)
	}
	return fmt.Sprintf("%d+ times", known)
}
