// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Place is a position in a file. Lines and columns count from 1; 0 means the file as a whole.
type Place struct {
	File         string
	Line, Column int
}

// String returns the place as compilers write it, so that editors find it.
func (p Place) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders places by file, line and column.
func (p Place) Compare(other Place) int {
	return cmp.Or(cmp.Compare(p.File, other.File), cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

// source is the YAML that an object was written in.
type source struct {
	file string
	// before is how many lines of the file come before the document.
	before int
	root   *yaml.Node
}

// At returns the place of a field, such as spec.checks[0].name; for a missing field that of its parent.
func (s source) At(field string) Place {
	key, _ := s.find(field)
	return s.place(key, 0, 0)
}

// InText returns a place inside the text of a field: the line and column, from 1, of the value. Where the file does not
// keep the lines of the value, it is the place where the value begins.
func (s source) InText(field string, line, column int) Place {
	_, value := s.find(field)
	switch {
	case value.Kind != yaml.ScalarNode || line < 1 || column < 1:
		return s.place(value, 0, 0)
	case value.Style&yaml.LiteralStyle != 0:
		p := s.place(value, line, 0)
		p.Column = 0 // the indentation is not kept
		return p
	case line > 1 || value.Style&yaml.FoldedStyle != 0:
		return s.place(value, 0, 0)
	case value.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		column++
	}
	return s.place(value, 0, column-1)
}

func (s source) place(n *yaml.Node, down, right int) Place {
	return Place{File: s.file, Line: s.before + n.Line + down, Column: n.Column + right}
}

// find follows a path of fields as far as it goes: the node of the last key, or of the item of a list, and that of its
// value.
func (s source) find(field string) (key, value *yaml.Node) {
	key, value = s.root, s.root
	for field != "" {
		var k, v *yaml.Node
		switch value.Kind {
		case yaml.SequenceNode:
			k, v, field = item(value, field)
		case yaml.MappingNode:
			k, v, field = entry(value, field)
		}
		if v == nil {
			break
		}
		key, value = k, v
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
	}
	return key, value
}

// item takes "[3]" from the beginning of a path.
func item(list *yaml.Node, field string) (key, value *yaml.Node, rest string) {
	var i int
	if _, err := fmt.Sscanf(field, "[%d]", &i); err != nil || i < 0 || i >= len(list.Content) {
		return nil, nil, ""
	}
	_, rest, _ = strings.Cut(field, "]")
	return list.Content[i], list.Content[i], rest
}

// entry takes ".key" or "[key]" from the beginning of a path. Keys may have dots in them.
func entry(mapping *yaml.Node, field string) (key, value *yaml.Node, rest string) {
	field = strings.TrimPrefix(field, ".")
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		k, v := mapping.Content[i], mapping.Content[i+1]
		if after, found := strings.CutPrefix(field, "["+k.Value+"]"); found {
			return k, v, after
		}
		if after, found := strings.CutPrefix(field, k.Value); found && (after == "" || after[0] == '.' || after[0] == '[') {
			return k, v, after
		}
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if k, v := mapping.Content[i], mapping.Content[i+1]; k.Value == "<<" && v.Kind == yaml.AliasNode {
			return entry(v.Alias, field)
		}
	}
	return nil, nil, ""
}
