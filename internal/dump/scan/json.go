// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/json"
)

// maxDepth is how deep lists may be nested in lists.
const maxDepth = 8

// jsonReader reads objects one by one, however long the lists are that hold them.
type jsonReader struct {
	*scanner
	to *assembler
}

// value reads one object, or all of a list or an array.
func (r *jsonReader) value() error {
	if c, _ := r.peek(); c == '[' {
		frame := &List{}
		if err := r.items(frame, 1); err != nil {
			return err
		}
		return r.to.endList(frame, &Item{Line: r.line})
	}
	return r.element(nil, 0)
}

// element reads an object of the list.
func (r *jsonReader) element(of *List, depth int) error {
	it, frame, err := r.object(depth)
	if err != nil {
		return err
	}
	if frame != nil {
		return r.to.endList(frame, it)
	}
	return r.to.add(it, of)
}

// object reads an object without its items, which go where they belong one by one.
func (r *jsonReader) object(depth int) (*Item, *List, error) {
	it := &Item{Line: r.line, Format: JSON, Raw: append([]byte(nil), '{')}
	var frame *List
	r.skip(1)
	for first := true; ; first = false {
		c, _ := r.skipSpace()
		if c == '}' {
			r.skip(1)
			it.Raw = append(it.Raw, '}')
			return it, frame, nil
		}
		if !first {
			if c != ',' {
				return nil, nil, r.unexpected()
			}
			r.skip(1)
			it.Raw = append(it.Raw, ',')
			c, _ = r.skipSpace()
		}
		if c != '"' {
			return nil, nil, r.unexpected()
		}
		key := len(it.Raw)
		if err := r.copyValue(it); err != nil {
			return nil, nil, err
		}
		name := string(it.Raw[key:])
		if c, _ = r.skipSpace(); c != ':' {
			return nil, nil, r.unexpected()
		}
		r.skip(1)
		it.Raw = append(it.Raw, ':')
		c, _ = r.skipSpace()
		if name == `"items"` && (c == '[' || c == 'n') {
			if frame == nil {
				frame = &List{}
			}
			frame.Kind, frame.APIVersion = it.Kind, it.APIVersion
			if c == '[' {
				it.Raw = append(it.Raw, "null"...)
				if err := r.items(frame, depth+1); err != nil {
					return nil, nil, err
				}
				continue
			}
		}
		value := len(it.Raw)
		if err := r.copyValue(it); err != nil {
			return nil, nil, err
		}
		it.note(name, it.Raw[value:])
	}
}

// note takes the fields that identify the object.
func (it *Item) note(key string, value []byte) {
	switch key {
	case `"kind"`:
		_ = json.Unmarshal(value, &it.Kind)
	case `"apiVersion"`:
		_ = json.Unmarshal(value, &it.APIVersion)
	case `"metadata"`:
		var m struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
			SelfLink  string `json:"selfLink"`
		}
		_ = json.Unmarshal(value, &m)
		it.Name, it.Namespace, it.SelfLink = m.Name, m.Namespace, m.SelfLink
	}
}

// items reads the elements of an array.
func (r *jsonReader) items(of *List, depth int) error {
	if depth > maxDepth {
		return r.problemf(r.line, "lists are nested more than %d deep", maxDepth)
	}
	r.skip(1)
	for first := true; ; first = false {
		c, _ := r.skipSpace()
		if c == ']' {
			r.skip(1)
			return nil
		}
		if !first {
			if c != ',' {
				return r.unexpected()
			}
			r.skip(1)
			c, _ = r.skipSpace()
		}
		var err error
		if c == '{' {
			err = r.element(of, depth)
		} else {
			err = r.copyValue(&Item{})
		}
		if err != nil {
			return err
		}
	}
}

// copyValue copies a value without the white space around it. Its inside is decoded only when needed.
func (r *jsonReader) copyValue(it *Item) error {
	depth, inString, escaped, began := 0, false, false, false
	for {
		if r.pos == len(r.buf) && !r.fill() {
			return r.unexpected()
		}
		i, keep := r.pos, r.pos
		for ; i < len(r.buf); i++ {
			c := r.buf[i]
			if inString {
				switch {
				case escaped:
					escaped = false
				case c == '\\':
					escaped = true
				case c == '"':
					inString = false
				}
				if !inString && depth == 0 {
					return r.take(it, keep, i+1)
				}
				continue
			}
			switch c {
			case ' ', '\n', '\r', '\t':
				if depth == 0 && began {
					return r.take(it, keep, i)
				}
				it.Raw = append(it.Raw, r.buf[keep:i]...)
				keep = i + 1
				continue
			case '"':
				inString = true
			case '{', '[':
				depth++
			case '}', ']':
				if depth == 0 {
					return r.take(it, keep, i)
				}
				if depth--; depth == 0 {
					return r.take(it, keep, i+1)
				}
			case ',', ':':
				if depth == 0 {
					return r.take(it, keep, i)
				}
			}
			began = true
		}
		if err := r.take(it, keep, i); err != nil {
			return err
		}
	}
}

// take copies what was peeked, and consumes it.
func (r *jsonReader) take(it *Item, from, to int) error {
	it.Raw = append(it.Raw, r.buf[from:to]...)
	r.skip(to - r.pos)
	if len(it.Raw) > maxObject {
		return tooBig(it)
	}
	return nil
}

// unexpected returns the problem with the next byte, or with the end of the text.
func (r *jsonReader) unexpected() error {
	c, ok := r.peek()
	if ok {
		return r.problemf(r.line, "unexpected %q in JSON", c)
	}
	if err := r.failure(); err != nil {
		return err
	}
	return r.problemf(r.line, "ends in the middle of an object: it is cut off")
}
