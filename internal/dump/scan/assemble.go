// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/json"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"
)

// assembler makes objects and lists of items, and gives them to the sink.
type assembler struct {
	sink  Sink
	found Summary
	lists int
}

// add takes an object, an element of the list if there is one.
func (a *assembler) add(it *Item, of *List) error {
	if it.whole || it.Kind == "" && (of == nil || it.Name == "") {
		if err := it.identify(); err != nil {
			return err
		}
	}
	if of != nil && it.Kind == "" && it.Name != "" {
		return a.addKindless(it, of)
	}
	switch {
	case strings.HasSuffix(it.Kind, "List") && it.APIVersion != "":
		return a.addWhole(it, of)
	case it.Kind == "" || it.APIVersion == "":
		return a.noObject(it)
	}
	a.found.Objects++
	return a.sink.Object(it, of)
}

func (a *assembler) noObject(it *Item) error {
	missing := "kind"
	if it.Kind != "" {
		missing = "apiVersion"
	}
	return &Problem{Line: it.Line, Foreign: a.found.Objects == 0, Text: fmt.Sprintf("%s is no object of Kubernetes: it has no %s", it.Format, missing)}
}

// maxPending is how much is kept of lists that say too late of which kind their elements are, in bytes.
const maxPending = 128 << 20

// addKindless takes an element that is of the kind that the list says.
func (a *assembler) addKindless(it *Item, of *List) error {
	if kind, typed := strings.CutSuffix(of.Kind, "List"); typed && kind != "" {
		it.Kind, it.APIVersion = kind, of.APIVersion
		return a.add(it, of)
	}
	of.pending = append(of.pending, it)
	if of.bytes += len(it.Raw); of.bytes > maxPending {
		return &Problem{Line: it.Line, Text: fmt.Sprintf("the elements of a list of more than %d MiB do not say their kind", maxPending>>20)}
	}
	return nil
}

// endList takes the fields of a list itself, after its elements.
func (a *assembler) endList(l *List, header *Item) error {
	if header.Kind == "" && header.last > 0 {
		return &Problem{Line: header.last, Text: "ends in the middle of a list: it is cut off"}
	}
	a.lists++
	l.Kind, l.APIVersion, l.SelfLink = header.Kind, header.APIVersion, header.SelfLink
	pending := l.pending
	l.pending = nil
	for _, it := range pending {
		if !strings.HasSuffix(l.Kind, "List") || l.Kind == "List" {
			return a.noObject(it)
		}
		if err := a.addKindless(it, l); err != nil {
			return err
		}
	}
	a.sink.List(l)
	return nil
}

// addWhole takes an object or a list that has to be decoded as a whole.
func (a *assembler) addWhole(it *Item, of *List) error {
	if err := it.identify(); err != nil {
		return err
	}
	if !strings.HasSuffix(it.Kind, "List") {
		it.whole = false
		return a.add(it, of)
	}
	var o struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(it.Raw, &o); err != nil {
		return it.Misread(err)
	}
	frame := &List{APIVersion: it.APIVersion, Kind: it.Kind}
	for _, raw := range o.Items {
		element := &Item{Line: it.Line, Format: JSON, Raw: raw}
		if err := element.identify(); err != nil {
			return err
		}
		if err := a.add(element, frame); err != nil {
			return err
		}
	}
	return a.endList(frame, it)
}

// end is called after the last object.
func (a *assembler) end() error {
	if a.found.Objects > 0 || a.lists > 0 {
		return nil
	}
	if said := a.found.Said; len(said) > 0 {
		return &Problem{Line: said[0].Line, Foreign: true, Text: "holds no objects, but what kubectl said: " + said[0].Text}
	}
	return &Problem{Foreign: true, Text: "is empty"}
}
