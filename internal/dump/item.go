// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

type format string

const (
	formatJSON format = "JSON"
	formatYAML format = "YAML"
)

// item is an object as it is written, and what was seen of it in passing.
type item struct {
	raw    []byte
	format format
	// line at which it begins.
	line int
	// last is the line at which the text ends, when the object ends there.
	last int
	// whole: nothing was seen in passing.
	whole bool

	apiVersion, kind, namespace, name, selfLink string
}

// list is a list whose elements are being read.
type list struct {
	apiVersion, kind string
	// pending are elements that do not say their kind, as long as the list has not said its own.
	pending []*item
	bytes   int
	// seen are the namespaces of its elements, by kind.
	seen map[schema.GroupVersionKind]*spread
}

// spread is in how many namespaces there are objects of a kind.
type spread struct {
	first string
	many  bool
}

func (l *list) note(kind schema.GroupVersionKind, namespace string) {
	if l == nil {
		return
	}
	if l.seen == nil {
		l.seen = map[schema.GroupVersionKind]*spread{}
	}
	if s := l.seen[kind]; s == nil {
		l.seen[kind] = &spread{first: namespace}
	} else if s.first != namespace {
		s.many = true
	}
}

// String names the object.
func (it *item) String() string {
	kind, name := it.kind, it.name
	if kind == "" {
		kind = "object"
	}
	if it.namespace != "" {
		name = it.namespace + "/" + name
	}
	if name == "" {
		return kind
	}
	return kind + " " + name
}

// asJSON is the object in JSON.
func (it *item) asJSON() ([]byte, error) {
	if it.format == formatJSON {
		return it.raw, nil
	}
	text, err := yaml.YAMLToJSON(it.raw)
	if err != nil {
		return nil, it.misread(err)
	}
	return text, nil
}

var yamlLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?(?:yaml: )?(?:line (\d+): )?`)

// misread is a problem with the text of the object.
func (it *item) misread(err error) *problem {
	text, line := err.Error(), it.line
	if found := yamlLine.FindStringSubmatch(text); it.format == formatYAML && found != nil {
		if n, err := strconv.Atoi(found[1]); err == nil {
			line += n - 1
		}
		text = text[len(found[0]):]
	}
	return &problem{line: line, text: fmt.Sprintf("%s is not valid %s: %s%s", it, it.format, text, it.doubt())}
}

// doubt is a guess at why an object is wrong.
func (it *item) doubt() string {
	if it.last > 0 {
		return "; perhaps the text is cut off, it ends here"
	}
	return ""
}

// identify takes from the object what was not seen in passing.
func (it *item) identify() error {
	text, err := it.asJSON()
	if err != nil {
		return err
	}
	var o struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return it.misread(err)
	}
	it.apiVersion, it.kind = o.APIVersion, o.Kind
	it.note(`"metadata"`, o.Metadata)
	it.raw, it.format, it.whole = text, formatJSON, false
	return nil
}
