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

// filter selects what of a dump is kept.
type filter struct {
	// everything is all kinds but Secrets.
	everything bool
	// schemas has definitions of kinds kept whole, too.
	schemas bool
	// kinds are all needs of a kind.
	kinds map[schema.GroupVersionKind][]facts.Need
	// groups are the versions of a kind that are needed.
	groups map[schema.GroupKind]sets.Set[string]
}

// newFilter also selects nodes, and the objects that define which kinds are served.
func newFilter(needs []facts.Need) *filter {
	f := &filter{kinds: map[schema.GroupVersionKind][]facts.Need{}, groups: map[schema.GroupKind]sets.Set[string]{}}
	f.add(facts.Nodes, facts.Need{Kind: snapshot.DefinitionKind}, facts.Need{Kind: snapshot.APIServiceKind})
	for _, need := range needs {
		if need.Kind.Kind == "" {
			continue
		}
		f.add(need)
	}
	return f
}

func (f *filter) add(needs ...facts.Need) {
	for _, need := range needs {
		need = facts.Need{Kind: need.Kind, Namespace: need.Namespace, Name: need.Name}
		if slices.Contains(f.kinds[need.Kind], need) {
			continue
		}
		f.kinds[need.Kind] = append(f.kinds[need.Kind], need)
		versions := f.groups[need.Kind.GroupKind()]
		if versions == nil {
			versions = sets.New[string]()
			f.groups[need.Kind.GroupKind()] = versions
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
func (f *filter) kind(kind schema.GroupVersionKind) (schema.GroupVersionKind, bool) {
	if len(f.kinds[kind]) == 0 {
		kind = current(kind)
	}
	return kind, kind != secretKind && (f.everything || len(f.kinds[kind]) > 0)
}

// object reports whether an object is needed.
func (f *filter) object(kind schema.GroupVersionKind, namespace, name string) bool {
	return f.everything || slices.ContainsFunc(f.kinds[kind], func(n facts.Need) bool {
		return (n.Namespace == "" || n.Namespace == namespace) && (n.Name == "" || n.Name == name)
	})
}

// otherVersions returns the versions of the kind that are needed instead.
func (f *filter) otherVersions(kind schema.GroupVersionKind) []string {
	if f.everything {
		return nil
	}
	return sets.List(f.groups[kind.GroupKind()])
}
