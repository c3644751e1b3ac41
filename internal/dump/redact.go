// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
)

// removed stands where something was left out.
const removed = "(removed)"

// redactor leaves out of objects what support need not see.
type redactor struct {
	// words are all that the expressions of the mappings mention: annotations and keys of ConfigMaps that are not
	// among them are not read.
	words sets.Set[string]
	ids   ids
}

func newRedactor(mappings []v1alpha1.ComponentMapping, known ids) *redactor {
	r := &redactor{words: sets.New[string](), ids: known}
	for i := range mappings {
		spec := &mappings[i].Spec
		r.learn(spec.Checks)
		for _, v := range spec.Variants {
			r.learn(v.Checks)
		}
	}
	return r
}

var word = regexp.MustCompile(`'[^']+'|"[^"]+"|\.[A-Za-z_][A-Za-z0-9_]*`)

func (r *redactor) learn(checks []v1alpha1.Check) {
	for _, c := range checks {
		if c.Object == nil {
			continue
		}
		for _, text := range []string{string(c.Object.Present), string(c.Object.Healthy), string(c.Object.Version), string(c.Object.Message)} {
			for _, w := range word.FindAllString(text, -1) {
				r.words.Insert(strings.Trim(w, "'\".")) // of 'a' the word a, of .a too
			}
		}
	}
}

const fieldName = "name"

// metadata that is kept, besides annotations.
var metadataKept = []string{
	fieldName, "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "labels",
	"ownerReferences", "annotations",
}

// podStatusKept is what says why a pod is not ready; what its programs printed does not belong to it.
var podStatusKept = []string{"phase", "reason", "conditions", "containerStatuses", "initContainerStatuses", "startTime"}

// dropped are fields that nobody needs to see, wherever they are.
var dropped = []string{"managedFields", "caBundle", "env", "envFrom", "args", "command", corev1.LastAppliedConfigAnnotation}

// confidential are fields whose text is left out, by the end of their names.
var confidential = regexp.MustCompile(`(?i)(password|passwd|token|secret|secretkey|accesskey|apikey|privatekey|connectionstring|credentials?)$`)

// object leaves out of an object what does not go into a bundle.
func (r *redactor) object(o map[string]any) map[string]any {
	kind, _ := o["kind"].(string)
	if metadata, ok := o["metadata"].(map[string]any); ok {
		r.metadata(metadata)
	}
	switch kind {
	case configMapKind.Kind:
		delete(o, "binaryData")
		r.keepWords(o["data"])
	case check.PodKind.Kind:
		redactPod(o)
	case "EndpointSlice":
		redactEndpoints(o)
	case "ClusterRoleBinding", "RoleBinding":
		redactSubjects(o)
	}
	return r.fields(o).(map[string]any)
}

func (r *redactor) metadata(m map[string]any) {
	keepFields(m, metadataKept)
	r.keepWords(m["annotations"])
	if a, ok := m["annotations"].(map[string]any); ok && len(a) == 0 {
		delete(m, "annotations")
	}
}

func keepFields(o map[string]any, names []string) {
	for name := range o {
		if !slices.Contains(names, name) {
			delete(o, name)
		}
	}
}

// keepWords keeps the fields that the mappings mention.
func (r *redactor) keepWords(fields any) {
	m, _ := fields.(map[string]any)
	for name := range m {
		if !r.words.Has(name) {
			delete(m, name)
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

// redactSubjects leaves out who people are; what Kubernetes itself calls somebody stays.
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
			case inner == nil, slices.Contains(dropped, name):
				delete(v, name)
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

// private is what identifies or lets in somebody, in any text.
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

// text leaves out of a text what identifies or lets in somebody.
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
