// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"sigs.k8s.io/yaml"
)

// Format is how an object is written.
type Format string

// The formats of objects.
const (
	JSON Format = "JSON"
	YAML Format = "YAML"
)

// Item is the text of an object, and the fields that were noted while it was read.
type Item struct {
	// Raw is its text. It is valid until Sink.Object returns.
	Raw    []byte
	Format Format
	// Line at which it begins, counted from 1.
	Line int
	// last is the line at which the text ends, when the object ends there.
	last int
	// whole: no fields were noted.
	whole bool

	APIVersion, Kind, Namespace, Name, SelfLink string
}

// List is a list of objects.
type List struct {
	// APIVersion and Kind are those of the list, and SelfLink the address from which it was read, where it says them.
	// An array has none of them.
	APIVersion, Kind, SelfLink string
	// pending are elements that do not say their kind, as long as the list has not said its own.
	pending []*Item
	bytes   int
}

// String names the object.
func (it *Item) String() string {
	kind, name := it.Kind, it.Name
	if kind == "" {
		kind = "object"
	}
	if it.Namespace != "" {
		name = it.Namespace + "/" + name
	}
	if name == "" {
		return kind
	}
	return kind + " " + name
}

// JSON returns the object in JSON.
func (it *Item) JSON() ([]byte, error) {
	if it.Format == JSON {
		return it.Raw, nil
	}
	text, err := yaml.YAMLToJSON(it.Raw)
	if err != nil {
		return nil, it.Misread(err)
	}
	return text, nil
}

var yamlLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?(?:yaml: )?(?:line (\d+): )?`)

// Misread returns a problem with the text of the object.
func (it *Item) Misread(err error) *Problem {
	text, line := err.Error(), it.Line
	if found := yamlLine.FindStringSubmatch(text); it.Format == YAML && found != nil {
		if n, err := strconv.Atoi(found[1]); err == nil {
			line += n - 1
		}
		text = text[len(found[0]):]
	}
	return &Problem{Line: line, Text: fmt.Sprintf("%s is not valid %s: %s%s", it, it.Format, text, it.hint())}
}

// Unreadable returns a problem with the object as its text says it.
func (it *Item) Unreadable(err error) *Problem {
	return &Problem{Line: it.Line, Text: fmt.Sprintf("%s cannot be read: %s%s", it, err, it.hint())}
}

// hint returns a guess at why an object is wrong.
func (it *Item) hint() string {
	if it.last > 0 {
		return "; perhaps the text is cut off, it ends here"
	}
	return ""
}

// identify decodes the fields that were not noted.
func (it *Item) identify() error {
	text, err := it.JSON()
	if err != nil {
		return err
	}
	var o struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return it.Misread(err)
	}
	it.APIVersion, it.Kind = o.APIVersion, o.Kind
	it.note(`"metadata"`, o.Metadata)
	it.Raw, it.Format, it.whole = text, JSON, false
	return nil
}
