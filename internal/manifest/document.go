// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// Object is an object of a file.
type Object struct {
	source
	*unstructured.Unstructured
}

// String names the object: "ComponentMapping coredns".
func (o *Object) String() string { return strings.TrimSpace(o.GetKind() + " " + o.GetName()) }

// file is a file that is being read.
type file struct {
	name string
	// named says that the user named this very file, and not a directory that it is in.
	named    bool
	objects  []*Object
	problems []Problem
}

// parse reads the documents of a file.
func (f *file) parse(data []byte) {
	data, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
	if err != nil {
		f.fail(Place{File: f.name}, "is not text: "+err.Error())
		return
	}
	if isJSON(data) {
		// YAML does not take tabs for spaces. In JSON they are nothing else.
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	documents := split(data)
	for _, d := range documents {
		f.parseDocument(d)
	}
	if len(documents) == 0 && f.named {
		f.fail(Place{File: f.name}, "is empty")
	}
}

func isJSON(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) }

// document is one of several in a file.
type document struct {
	text []byte
	// before is how many lines come before it.
	before int
}

// split cuts a file at the lines that begin a document. Documents without content are left out.
func split(data []byte) []document {
	var documents []document
	d, content, n := document{}, false, 0
	end := func() {
		if content {
			documents = append(documents, d)
		}
		d, content = document{before: n}, false
	}
	for line := range bytes.Lines(data) {
		text := bytes.TrimSpace(line)
		marker := bytes.HasPrefix(line, []byte("---")) && (len(text) == 3 || text[3] == ' ' || text[3] == '\t')
		if marker {
			end()
			text = bytes.TrimSpace(text[3:])
		}
		d.text = append(d.text, line...)
		n++
		if string(text) == "..." {
			end()
			continue
		}
		content = content || (len(text) > 0 && text[0] != '#' && text[0] != '%')
	}
	end()
	return documents
}

func (f *file) parseDocument(d document) {
	var root yaml.Node
	if err := yaml.Unmarshal(d.text, &root); err != nil {
		f.failParsing(d, err)
		return
	}
	s := source{file: f.name, before: d.before, root: root.Content[0]}
	data, err := sigsyaml.YAMLToJSONStrict(d.text)
	if err != nil {
		f.failParsing(d, err)
		return
	}
	var content any
	if err := utiljson.Unmarshal(data, &content); err != nil {
		f.failParsing(d, err)
		return
	}
	f.add(s, content)
}

// add adds an object, or each object of a list.
func (f *file) add(s source, content any) {
	object, isObject := content.(map[string]any)
	o := &Object{source: s, Unstructured: &unstructured.Unstructured{Object: object}}
	switch {
	case !isObject || (!f.named && o.GetAPIVersion() == "" && o.GetKind() == ""):
		// A directory may hold other YAML, too: values of a chart, a pipeline.
		if f.named {
			f.fail(s.At(""), "is not a Kubernetes object: it has no apiVersion and no kind")
		}
	case o.GetAPIVersion() == "":
		f.fail(s.At(""), "is not a Kubernetes object: it has no apiVersion")
	case o.GetKind() == "":
		f.fail(s.At(""), "is not a Kubernetes object: it has no kind")
	case o.IsList() && strings.HasSuffix(o.GetKind(), "List"):
		for i, item := range object["items"].([]any) {
			_, node := s.find(fmt.Sprintf("items[%d]", i))
			f.add(source{file: s.file, before: s.before, root: node}, item)
		}
	default:
		f.objects = append(f.objects, o)
	}
}

func (f *file) fail(p Place, message string) {
	f.problems = append(f.problems, Problem{Place: p, Message: message})
}

var (
	lineOfError   = regexp.MustCompile(`\bline (\d+): `)
	prefixOfError = regexp.MustCompile(`^(error converting YAML to JSON: )?(yaml: )?(unmarshal errors:\n\s*)?`)
)

// failParsing puts the line that a parser names into the place, and says what is wrong with one that is indented with tabs.
func (f *file) failParsing(d document, err error) {
	message, line := prefixOfError.ReplaceAllString(err.Error(), ""), 1
	if found := lineOfError.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = strings.Replace(message, found[0], "", 1)
	}
	message, _, _ = strings.Cut(message, "\n")
	lines := bytes.Split(d.text, []byte("\n"))
	token := strings.Contains(message, "cannot start any token") || strings.Contains(message, "tab character")
	if token && line <= len(lines) && bytes.Contains(lines[line-1], []byte("\t")) {
		message += ": YAML is indented with spaces, not with tabs"
	}
	f.fail(Place{File: f.name, Line: d.before + line}, "is not valid YAML: "+message)
}
