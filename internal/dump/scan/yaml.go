// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"strings"

	"github.com/archmap/archmap/internal/msg"
)

// yamlReader reads objects one by one, however long the lists are that hold them. It tells them apart by how far
// lines are indented; their inside is decoded only when needed.
type yamlReader struct {
	*scanner
	to *assembler
	// spare is room for the next object.
	spare []byte
}

// document reads one object, or all of a list, up to the next document.
func (r *yamlReader) document() error {
	line, _, _ := r.peekLine()
	return r.element(nil, indentOf(line), 0)
}

// element reads an object whose keys begin at a column, as an element of the list.
func (r *yamlReader) element(of *List, column, depth int) error {
	it, frame, err := r.mapping(column, depth)
	if err != nil {
		return err
	}
	if frame != nil {
		if it.whole {
			if err := it.identify(); err != nil {
				return err
			}
		}
		return r.to.endList(frame, it)
	}
	err = r.to.add(it, of)
	if of == nil || len(of.pending) == 0 {
		r.spare = it.Raw[:0]
	}
	return err
}

// mapping reads an object without its items, which go where they belong one by one.
func (r *yamlReader) mapping(column, depth int) (*Item, *List, error) {
	it := &Item{Line: r.line, Format: YAML, Raw: r.spare[:0]}
	r.spare = nil
	var frame *List
	keys := yamlKeys{column: column}
	for {
		line, size, ok := r.peekLine()
		if !ok {
			it.last = r.line
			return it, frame, r.failure()
		}
		indent := indentOf(line)
		switch {
		case indent == len(line): // blank
		case indent < column && line[indent] == '#':
		case indent < column, indent == 0 && isMarker(line), depth == 0 && indent == column && keys.again(line):
			return it, frame, nil
		case isItems(line, column):
			r.skip(size)
			if frame == nil {
				frame = &List{}
			}
			frame.Kind, frame.APIVersion = it.Kind, it.APIVersion
			if err := r.items(frame, column, depth+1); err != nil {
				return nil, nil, err
			}
			keys.section = append(keys.section[:0], "items"...)
			continue
		case keys.misplaced(line, indent):
			return nil, nil, r.problemf(r.line, "is not valid YAML, or indented wrongly: %s", msg.Truncate(strings.TrimSpace(string(line)), 60))
		default:
			if isEmptyItems(line, column) {
				frame = &List{}
			}
			keys.note(it, line, indent)
		}
		it.Raw = append(append(it.Raw, line...), '\n')
		r.skip(size)
		if len(it.Raw) > maxObject {
			return nil, nil, tooBig(it)
		}
	}
}

// items reads the elements of a sequence, which is indented at least as far as its key.
func (r *yamlReader) items(of *List, column, depth int) error {
	if depth > maxDepth {
		return r.problemf(r.line, "lists are nested more than %d deep", maxDepth)
	}
	at := -1
	for {
		line, size, ok := r.peekLine()
		if !ok {
			return r.failure()
		}
		indent := indentOf(line)
		if indent == len(line) || line[indent] == '#' {
			r.skip(size)
			continue
		}
		if indent < column || (at < 0 || indent <= at) && !isElement(line[indent:]) {
			return nil
		}
		if at < 0 {
			at = indent
		}
		if indent != at {
			return r.problemf(r.line, "is indented by %d, the elements of the list before by %d", indent, at)
		}
		if isProperty(line[indent+1:]) { // its keys begin on the next line
			r.skip(size)
			if line, _, ok = r.peekLine(); !ok || indentOf(line) <= indent {
				continue
			}
		} else {
			line[indent] = ' '
		}
		if err := r.element(of, indentOf(line), depth); err != nil {
			return err
		}
	}
}

// yamlKeys follows the keys of an object, line by line.
type yamlKeys struct {
	column int
	// section is the key at the object's column under which lines are, and inner the column of what is in it.
	section []byte
	inner   int
	kinds   int
}

// again reports whether a line begins another object, although there is no marker.
func (k *yamlKeys) again(line []byte) bool {
	return k.kinds > 0 && bytes.HasPrefix(line[k.column:], []byte("apiVersion:"))
}

// misplaced reports whether a line can be no part of the object: neither a key nor below one.
func (k *yamlKeys) misplaced(line []byte, indent int) bool {
	c := line[indent]
	if indent > k.column {
		return string(k.section) == "items"
	}
	return c == '\t' || c != '-' && c != '{' && c != '#' && bytes.IndexByte(line, ':') < 0
}

// note takes the fields that identify the object.
func (k *yamlKeys) note(it *Item, line []byte, indent int) {
	outer := indent == k.column
	if c := line[indent]; c == '-' || c == '#' || !outer && (string(k.section) != sectionMetadata || k.inner >= 0 && indent != k.inner) {
		return
	}
	key, value, found := bytes.Cut(line[indent:], []byte(":"))
	if outer {
		k.section, k.inner = append(k.section[:0], key...), -1
	} else {
		k.inner = indent
	}
	path := string(key)
	if !outer {
		path = sectionMetadata + "." + path
	}
	var to *string
	switch path {
	case "apiVersion":
		to = &it.APIVersion
		k.kinds++
	case "kind":
		to = &it.Kind
	case "metadata.name":
		to = &it.Name
	case "metadata.namespace":
		to = &it.Namespace
	case "metadata.selfLink":
		to = &it.SelfLink
	case sectionMetadata:
		it.whole = it.whole || scalar(value) != ""
	}
	if to != nil {
		*to = scalar(value)
		it.whole = it.whole || !isPlain(*to)
	}
	it.whole = it.whole || !found || !isPlain(string(key))
}

const sectionMetadata = "metadata"

// isPlain reports whether a key or a word is what it looks like, rather than a collection, a quotation, a reference or the
// like.
func isPlain(text string) bool {
	return text != "" && text != "~" && !strings.EqualFold(text, "null") && !strings.ContainsAny(text[:1], "&*!{[|>'\"?<%@`") &&
		!strings.ContainsAny(text, "\\'\"")
}

// isProperty reports whether there is nothing behind a dash, or only an anchor or a tag.
func isProperty(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) == 0 || (text[0] == '&' || text[0] == '!') && bytes.IndexByte(text, ' ') < 0
}

// scalar returns a plain or quoted word.
func scalar(value []byte) string {
	text := strings.TrimSpace(string(value))
	if i := strings.Index(text, " #"); i >= 0 {
		text = strings.TrimSpace(text[:i])
	}
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	if strings.HasPrefix(text, "#") {
		return ""
	}
	return text
}

func indentOf(line []byte) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}
	return n
}

// isElement reports whether a line begins an element of a sequence.
func isElement(text []byte) bool { return text[0] == '-' && (len(text) == 1 || text[1] == ' ') }

// isMarker reports whether a line ends a document.
func isMarker(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("...")) || bytes.HasPrefix(line, []byte(logsBegin)) ||
		len(line) > 0 && line[0] == '{' || isKubectlError(line)
}

// isItems reports whether a line is the key under which a list has its items.
func isItems(line []byte, column int) bool {
	return len(line) >= column && string(bytes.TrimRight(line[column:], " \t")) == "items:"
}

func isEmptyItems(line []byte, column int) bool {
	if len(line) < column {
		return false
	}
	value, found := bytes.CutPrefix(line[column:], []byte("items:"))
	text := scalar(value)
	return found && (text == "[]" || text == "null" || text == "~")
}
