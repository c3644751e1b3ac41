// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"bytes"
	"slices"

	"github.com/archmap/archmap/internal/snapshot"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/internal/facts"
)

// bulk is what nobody reads and what is much of an object, by path.
var bulk = map[schema.GroupVersionKind][]string{
	facts.Nodes.Kind: {"status.images", "status.volumesInUse", "status.volumesAttached", "metadata.annotations"},
	facts.PodKind: {
		"metadata.annotations", "spec.containers", "spec.initContainers", "spec.volumes", "spec.tolerations", "spec.imagePullSecrets",
	},
}

// pruned is the object without what nobody reads, as decoding YAML is slow.
func (it *item) pruned(kind schema.GroupVersionKind) *item {
	if it.format != formatYAML {
		return it
	}
	out := *it
	out.raw = prune(it.raw, func(path string) bool {
		if path == "metadata.managedFields" {
			return false
		}
		return !slices.Contains(bulk[kind], path)
	})
	if kind == snapshot.DefinitionKind {
		out.raw = withoutSchemas(out.raw)
	}
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
