// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// wants is what of a dump is kept.
type wants struct {
	// everything is all kinds but Secrets.
	everything bool
	// kinds are all needs of a kind.
	kinds map[schema.GroupVersionKind][]facts.Need
	// groups are the versions that are wanted of a kind.
	groups map[schema.GroupKind]sets.Set[string]
}

// newWants also wants nodes, and what says which kinds are served.
func newWants(needs []facts.Need) *wants {
	w := &wants{kinds: map[schema.GroupVersionKind][]facts.Need{}, groups: map[schema.GroupKind]sets.Set[string]{}}
	w.add(facts.Nodes, facts.Need{Kind: snapshot.DefinitionKind}, facts.Need{Kind: snapshot.APIServiceKind})
	for _, need := range needs {
		if need.Kind.Kind == "" {
			continue
		}
		w.add(need)
	}
	return w
}

func (w *wants) add(needs ...facts.Need) {
	for _, need := range needs {
		need = facts.Need{Kind: need.Kind, Namespace: need.Namespace, Name: need.Name}
		if slices.Contains(w.kinds[need.Kind], need) {
			continue
		}
		w.kinds[need.Kind] = append(w.kinds[need.Kind], need)
		versions := w.groups[need.Kind.GroupKind()]
		if versions == nil {
			versions = sets.New[string]()
			w.groups[need.Kind.GroupKind()] = versions
		}
		versions.Insert(need.Kind.Version)
	}
}

var (
	// secretKind is never kept.
	secretKind    = corev1.SchemeGroupVersion.WithKind("Secret")
	configMapKind = corev1.SchemeGroupVersion.WithKind("ConfigMap")
)

// The kinds of workloads that have been served in several groups.
const (
	deployment  = "Deployment"
	daemonSet   = "DaemonSet"
	statefulSet = "StatefulSet"
)

// kind returns the version in which a kind is read, and whether it is needed at all.
func (w *wants) kind(kind schema.GroupVersionKind) (schema.GroupVersionKind, bool) {
	if len(w.kinds[kind]) == 0 {
		kind = current(kind)
	}
	return kind, kind != secretKind && (w.everything || len(w.kinds[kind]) > 0)
}

// object reports whether an object is needed.
func (w *wants) object(kind schema.GroupVersionKind, namespace, name string) bool {
	return w.everything || slices.ContainsFunc(w.kinds[kind], func(n facts.Need) bool {
		return (n.Namespace == "" || n.Namespace == namespace) && (n.Name == "" || n.Name == name)
	})
}

// otherVersions returns the versions of the kind that are wanted instead.
func (w *wants) otherVersions(kind schema.GroupVersionKind) []string {
	if w.everything {
		return nil
	}
	return sets.List(w.groups[kind.GroupKind()])
}
