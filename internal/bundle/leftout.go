// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// leftOut are the annotations and the keys of a ConfigMap that were left out of an object: whoever reads them must not
// take them for absent.
type leftOut struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Keys are hashes: a known key can be looked up, and the names of others cannot be read.
	Keys []string `json:"keys"`
}

func newLeftOut(o client.Object) leftOut {
	kind := o.GetObjectKind().GroupVersionKind()
	return leftOut{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

// keep keeps of the named field of an object the keys that are among the words, and the field when any is left.
func (l *leftOut) keep(o map[string]any, field string, words sets.Set[string]) {
	values, _ := o[field].(map[string]any)
	for key := range values {
		if words.Has(key) {
			continue
		}
		delete(values, key)
		if key != corev1.LastAppliedConfigAnnotation {
			l.Keys = append(l.Keys, keyHash(key))
		}
	}
	slices.Sort(l.Keys)
	if len(values) == 0 {
		delete(o, field)
	}
}

// LeftOutOf returns the keys that the mappings read and the bundle left out, as it was made for other mappings, each with
// its object for messages. To a check such a key seems absent, though it is unknown.
func (m *Manifest) LeftOutOf(objects []client.Object, mappings []v1alpha1.ComponentMapping) []string {
	held := make(map[identity]client.Object, len(objects))
	for _, o := range objects {
		held[identityOf(o)] = o
	}
	readings := readingsOf(mappings)
	var out []string
	for _, l := range m.LeftOut {
		o := held[identity{schema.FromAPIVersionAndKind(l.APIVersion, l.Kind), l.Namespace, l.Name}]
		if o == nil {
			continue
		}
		for _, key := range sets.List(wordsOf(readings, o)) {
			if slices.Contains(l.Keys, keyHash(key)) {
				out = append(out, fmt.Sprintf("%s of %s %s", key, l.Kind, client.ObjectKeyFromObject(o)))
			}
		}
	}
	return out
}
