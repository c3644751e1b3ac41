// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"encoding/json"
	"maps"
)

// Mask is which fields of objects are read: by the name of each what is read of it, and by Every what is read of every
// element of a list and every value of a map. nil is all of it. An empty mask is a plain value, or that there is a list or a
// map, whatever it holds.
type Mask map[string]Mask

// Every stands for every element of a list, and for every value of a map.
const Every = "*"

// String is the same for the same fields: what a Need has. It is empty for all of them.
func (m Mask) String() string {
	if m == nil {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "" // it cannot be: there is nothing but maps in it
	}
	return string(text)
}

// ParseMask reads what String wrote. Whatever else it is given is all fields.
func ParseMask(text string) Mask {
	var m Mask
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil
	}
	return m
}

// Add has all be read of the field that the path leads to.
func (m Mask) Add(path ...string) {
	for _, step := range path[:len(path)-1] {
		next, there := m[step]
		if there && next == nil {
			return
		}
		if !there {
			next = Mask{}
			m[step] = next
		}
		m = next
	}
	m[path[len(path)-1]] = nil
}

// Union is the fields of both.
func (m Mask) Union(other Mask) Mask {
	if m == nil || other == nil {
		return nil
	}
	out := make(Mask, max(len(m), len(other)))
	maps.Copy(out, m)
	for name, part := range other {
		if mine, there := out[name]; there {
			part = part.Union(mine)
		}
		out[name] = part
	}
	return out
}

// Covers says whether all fields of another mask are among those of the mask.
func (m Mask) Covers(other Mask) bool {
	if m == nil || other == nil {
		return m == nil
	}
	for name, part := range other {
		if mine, there := m.of(name); !there || !mine.Covers(part) {
			return false
		}
	}
	return true
}

// of is what is read of the field of that name; ok is false for a field that is not read.
func (m Mask) of(name string) (part Mask, ok bool) {
	part, named := m[name]
	every, all := m[Every]
	switch {
	case named && all:
		return part.Union(every), true
	case named:
		return part, true
	}
	return every, all
}

// Apply returns a value of JSON with nothing but the fields that are read. It shares them with what it was given.
func (m Mask) Apply(value any) any {
	if m == nil {
		return value
	}
	_, all := m[Every]
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(m))
		if !all {
			for name, mask := range m {
				if part, there := value[name]; there {
					out[name] = mask.Apply(part)
				}
			}
			return out
		}
		for name, part := range value {
			mask, _ := m.of(name)
			out[name] = mask.Apply(part)
		}
		return out
	case []any:
		out := []any{}
		if all {
			for _, element := range value {
				out = append(out, m[Every].Apply(element))
			}
		}
		return out
	}
	return value
}
