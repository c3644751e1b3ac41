// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import "bytes"

// Pruned returns the object with those fields, and fields of these, that are wanted by their path, such as metadata.labels.
// It saves time with YAML, which is slow to decode; JSON is left as it is.
func (it *Item) Pruned(want func(path string) bool) *Item {
	if it.Format != YAML {
		return it
	}
	out := *it
	out.Raw = prune(it.Raw, want)
	return &out
}

// WithoutSchemas returns a CustomResourceDefinition without its schemas, which are most of it; JSON is left as it is.
func (it *Item) WithoutSchemas() *Item {
	if it.Format != YAML {
		return it
	}
	out := *it
	out.Raw = withoutSchemas(it.Raw)
	return &out
}

// prune keeps of an object in YAML the fields, and the fields of these, that are wanted. Lines that are left out become
// blank, so that those that are kept have the numbers that they had.
func prune(raw []byte, want func(path string) bool) []byte {
	out := make([]byte, 0, len(raw))
	column, inner := -1, -1
	var outer string
	keepOuter, keep := true, true
	for line := range bytes.Lines(raw) {
		text := bytes.TrimRight(line, "\n")
		indent := indentOf(text)
		if indent == len(text) {
			out = append(out, line...)
			continue
		}
		if column < 0 {
			column = indent
		}
		switch key, _, isKey := bytes.Cut(text[indent:], []byte(":")); {
		case !isKey || text[indent] == '-' || text[indent] == '#':
		case indent == column:
			outer, inner = string(key), -1
			keepOuter = want(outer)
			keep = keepOuter
		case keepOuter && (inner < 0 || indent == inner):
			inner = indent
			keep = want(outer + "." + string(key))
		}
		if keep {
			out = append(out, line...)
		} else {
			out = append(out, '\n')
		}
	}
	return out
}

// withoutSchemas leaves the schemas out of the definition of a kind: they are most of it.
func withoutSchemas(raw []byte) []byte {
	out := make([]byte, 0, len(raw)/4)
	schemaAt := -1
	for line := range bytes.Lines(raw) {
		text := bytes.TrimRight(line, "\n")
		indent := indentOf(text)
		blank := indent == len(text)
		if schemaAt >= 0 && !blank && indent <= schemaAt {
			schemaAt = -1
		}
		name := bytes.TrimPrefix(text[indent:], []byte("- "))
		if schemaAt < 0 && (bytes.Equal(name, []byte("schema:")) || bytes.Equal(name, []byte("validation:"))) {
			schemaAt = len(text) - len(name)
			out = append(append(out, text[:schemaAt]...), append(name, " {}\n"...)...)
			continue
		}
		if schemaAt < 0 {
			out = append(out, line...)
		} else {
			out = append(out, '\n')
		}
	}
	return out
}
