// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/internal/snapshot"
)

// ids are those of subscriptions, tenants and identities of Azure, each with what stands for it in a bundle: the same for
// the same, so that what belongs together still does, and valid wherever an id is.
type ids map[string]string

const (
	uuid = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
	// noID stands for what is no UUID.
	noID = "00000000-0000-0000-0000-000000000000"
)

var (
	anyUUID   = regexp.MustCompile(`(?i)` + uuid)
	inAddress = regexp.MustCompile(`(?i)/subscriptions/(` + uuid + `)`)
	// identifies are labels and fields whose values are ids, by the end of their names.
	identifies = regexp.MustCompile(`(?i)(-subscription|subscription-?id|client-?id|tenant-?id)$`)
)

// idsIn returns the ids in the dump and in what else goes into a bundle.
func idsIn(d *snapshot.Snapshot, objects []map[string]any, cluster string) ids {
	found := sets.New[string]()
	note := func(id string) { found.Insert(strings.ToLower(id)) }
	inText := func(text string) {
		for _, m := range inAddress.FindAllStringSubmatch(text, -1) {
			note(m[1])
		}
	}
	for _, o := range objects {
		eachText(o, "", func(name, text string) {
			inText(text)
			if identifies.MatchString(name) && anyUUID.FindString(text) == text {
				note(text)
			}
		})
	}
	inText(cluster)
	for _, r := range d.Reads {
		inText(r.Message)
	}
	for _, r := range d.Responses {
		inText(r.Body)
	}
	for _, r := range d.Reviews {
		inText(r.Reason)
	}
	out := ids{}
	for i, id := range sets.List(found) {
		out[id] = fmt.Sprintf("%s%012d", noID[:len(noID)-12], i+1)
	}
	return out
}

// eachText shows all texts in a value, with the names of the fields that hold them.
func eachText(value any, name string, show func(name, text string)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			eachText(inner, name, show)
		}
	case []any:
		for _, inner := range v {
			eachText(inner, name, show)
		}
	case string:
		show(name, v)
	}
}

// stand returns what stands for the value of a field that holds an id.
func (i ids) stand(value string) string {
	if stand, known := i[strings.ToLower(value)]; known {
		return stand
	}
	return noID
}

// replace puts what stands for the ids into a text.
func (i ids) replace(text string) string {
	if len(i) == 0 {
		return text
	}
	return anyUUID.ReplaceAllStringFunc(text, func(id string) string {
		if stand, known := i[strings.ToLower(id)]; known {
			return stand
		}
		return id
	})
}
