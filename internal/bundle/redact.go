// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// removed stands where something was left out.
const removed = "(removed)"

// redactor leaves out of objects what support need not see.
type redactor struct {
	readings []reading
	ids      ids
	// leftOut is what was left out that other mappings might read.
	leftOut []leftOut
}

// reading is what one check reads of some objects: annotations and keys of ConfigMaps that are not among the words of
// its expressions it does not read.
type reading struct {
	check.Reading

	words sets.Set[string]
}

func newRedactor(mappings []v1alpha1.ComponentMapping, known ids) *redactor {
	return &redactor{readings: readingsOf(mappings), ids: known}
}

func readingsOf(mappings []v1alpha1.ComponentMapping) []reading {
	var out []reading
	for i := range mappings {
		spec := &mappings[i].Spec
		checks := slices.Clone(spec.Checks)
		for _, v := range spec.Variants {
			checks = append(checks, v.Checks...)
		}
		for _, c := range checks {
			if r, ok := check.ReadingOf(&c); ok {
				out = append(out, reading{Reading: r, words: wordsIn(r.Expressions)})
			}
		}
	}
	return out
}

var word = regexp.MustCompile(`'[^']+'|"[^"]+"|\.[A-Za-z_][A-Za-z0-9_]*`)

func wordsIn(expressions []v1alpha1.Expression) sets.Set[string] {
	words := sets.New[string]()
	for _, text := range expressions {
		for _, w := range word.FindAllString(string(text), -1) {
			words.Insert(strings.Trim(w, "'\".")) // of 'a' the word a, of .a too
		}
	}
	return words
}

// wordsOf returns the words of everything that checks read of an object.
func wordsOf(readings []reading, o client.Object) sets.Set[string] {
	words := sets.New[string]()
	for i := range readings {
		if readings[i].Of(o) {
			words = words.Union(readings[i].words)
		}
	}
	return words
}

const fieldName = "name"

// metadata that is kept, besides annotations.
var metadataKept = []string{
	fieldName, "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "labels",
	"ownerReferences", "annotations",
}

// podStatusKept is what says why a pod is not ready; what its programs printed does not belong to it.
var podStatusKept = []string{"phase", "reason", "conditions", "containerStatuses", "initContainerStatuses", "startTime"}

// dropped are the fields that are dropped wherever they are, as no check needs them.
var dropped = []string{"managedFields", "env", "envFrom", "args", "command", corev1.LastAppliedConfigAnnotation}

// confidential are fields whose text is left out, by the end of their names.
var confidential = regexp.MustCompile(`(?i)(password|passwd|token|secret|secretkey|accesskey|apikey|privatekey|connectionstring|credentials?)$`)

// object leaves out of an object what does not go into a bundle.
func (r *redactor) object(o map[string]any) map[string]any {
	u := &unstructured.Unstructured{Object: o}
	words := wordsOf(r.readings, u)
	out := newLeftOut(u)
	if metadata, ok := o["metadata"].(map[string]any); ok {
		keepFields(metadata, metadataKept)
		out.keep(metadata, "annotations", words)
	}
	if u.GetKind() == "ConfigMap" {
		out.keep(o, "data", words)
		out.keep(o, "binaryData", nil)
	}
	if len(out.Keys) > 0 {
		r.leftOut = append(r.leftOut, out)
	}
	switch u.GetKind() {
	case facts.PodKind.Kind:
		redactPod(o)
	case "EndpointSlice":
		redactEndpoints(o)
	case "ClusterRoleBinding", "RoleBinding":
		redactSubjects(o)
	}
	return r.fields(o).(map[string]any)
}

func keepFields(o map[string]any, names []string) {
	for name := range o {
		if !slices.Contains(names, name) {
			delete(o, name)
		}
	}
}

func redactPod(o map[string]any) {
	status, _ := o["status"].(map[string]any)
	keepFields(status, podStatusKept)
	for _, field := range []string{"containerStatuses", "initContainerStatuses"} {
		for _, container := range objectsIn(status[field]) {
			keepFields(container, []string{fieldName, "image", "ready", "started", "restartCount", "state", "lastState"})
			for _, field := range []string{"state", "lastState"} {
				state, _ := container[field].(map[string]any)
				if terminated, ok := state["terminated"].(map[string]any); ok {
					delete(terminated, "message") // the last lines of a log
				}
			}
		}
	}
}

func redactEndpoints(o map[string]any) {
	for _, endpoint := range objectsIn(o["endpoints"]) {
		keepFields(endpoint, []string{"conditions", "nodeName", "zone"})
	}
}

// redactSubjects redacts the names of users; those of Kubernetes' own subjects stay.
func redactSubjects(o map[string]any) {
	for _, subject := range objectsIn(o["subjects"]) {
		if name, _ := subject[fieldName].(string); subject["kind"] != "ServiceAccount" && !strings.HasPrefix(name, "system:") {
			subject[fieldName] = removed
		}
	}
}

func objectsIn(list any) []map[string]any {
	var out []map[string]any
	elements, _ := list.([]any)
	for _, e := range elements {
		if o, ok := e.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// fields redacts a value and what is in it; what is not set is left out.
func (r *redactor) fields(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			text, isText := inner.(string)
			switch {
			case inner == nil:
				delete(v, name)
			case holdsLabels.MatchString(name):
				v[name] = r.labels(inner)
			case slices.Contains(dropped, name):
				delete(v, name)
			case name == "caBundle" && text != "":
				v[name] = trim.CABundle // that there is one counts
			case isText && text != "" && identifies.MatchString(name):
				v[name] = r.ids.stand(text)
			case isText && text != "" && confidential.MatchString(name):
				v[name] = removed
			default:
				v[name] = r.fields(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = r.fields(v[i])
		}
	case string:
		return r.text(v)
	}
	return value
}

// holdsLabels are fields that hold labels, or that choose by them, whatever labels are called. They stay valid.
var holdsLabels = regexp.MustCompile(`^(labels|matchLabels|matchExpressions|nodeSelector|selector|(pod|namespace|object|label)Selector)$`)

// removedLabel stands where the value of a label was left out.
const removedLabel = "removed"

// labels redacts the values of labels and what chooses by them.
func (r *redactor) labels(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if text, isText := inner.(string); isText && text != "" && identifies.MatchString(name) {
				v[name] = r.ids.stand(text)
			} else {
				v[name] = r.labels(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = r.labels(v[i])
		}
	case string:
		text := r.ids.replace(v)
		if r.text(text) != text {
			return removedLabel
		}
		return text
	}
	return value
}

// private matches personal data and credentials in any text.
var private = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), removed},
	{regexp.MustCompile(`(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{16,}`), "${1} " + removed},
	{regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@"']+@`), "${1}" + removed + "@"},
	{regexp.MustCompile(`(?i)([?&;](?:sig|signature|code|key|[a-z_-]*(?:token|secret|password|apikey))=)[^&\s"']+`), "${1}" + removed},
	{regexp.MustCompile(`(?i)\b((?:account|shared_?access_?|api|access|private)_?key|password|passwd|secret|token)=[^\s;,&"']+`), "${1}=" + removed},
	{regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b`), "(somebody)"},
}

// text redacts personal data and credentials from a text.
func (r *redactor) text(text string) string {
	text = r.ids.replace(text)
	for _, p := range private {
		text = p.pattern.ReplaceAllString(text, p.instead)
	}
	return text
}

// body leaves out what the API server answered when objects were asked for.
func (r *redactor) body(path, body string) string {
	if strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/apis/") {
		return fmt.Sprintf("%s: an object", removed)
	}
	return r.text(body)
}
