// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest reads files that users write: mappings, architectures, and related objects. It validates archmap's
// kinds as the API server would, and knows the position of every field in a file.
package manifest

import (
	"errors"
	"fmt"
	"io"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Set is the objects of some files.
type Set struct {
	Mappings      []Item[v1alpha1.ComponentMapping]
	Architectures []Item[v1alpha1.ClusterArchitecture]
	ClusterRoles  []Item[rbacv1.ClusterRole]
	Definitions   []Item[apiextensionsv1.CustomResourceDefinition]
	// Ignored are the objects of other kinds.
	Ignored []*Object
	// Problems are what keeps a file or an object from being used.
	Problems []Problem
}

// Item is an object of one kind, with the defaults of the API filled in.
type Item[T any] struct {
	*Object

	Value *T
	// Valid says that the API server would accept it. Of what it would not accept, Value may hold only a part.
	Valid bool
}

// Problem is an error in a file or an object.
type Problem struct {
	Place
	// Object is empty when the file cannot be read so far.
	Object string
	// Field of the object; empty for the object as a whole.
	Field   string
	Message string
}

// Error returns the problem on one line.
func (p Problem) Error() string {
	text := p.Message
	if p.Field != "" {
		text = p.Field + ": " + text
	}
	if p.Object != "" {
		text = p.Object + ": " + text
	}
	return p.String() + ": " + text
}

// Err joins the problems; nil when there are none.
func (s *Set) Err() error {
	var errs []error
	for _, p := range s.Problems {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// Read reads files, directories with all manifests below them, and standard input (the path -). The error is what cannot
// be read; problems of what can be read are in the set.
func Read(paths []string, stdin io.Reader) (*Set, error) {
	files, err := readFiles(paths, stdin)
	if err != nil {
		return nil, err
	}
	validators, err := loadValidators()
	if err != nil {
		return nil, err
	}
	s := &Set{}
	for _, f := range files {
		s.Problems = append(s.Problems, f.problems...)
		for _, o := range f.objects {
			s.add(o, validators)
		}
	}
	slices.SortStableFunc(s.Problems, func(a, b Problem) int { return a.Compare(b.Place) })
	return s, nil
}

func (s *Set) add(o *Object, validators map[schema.GroupVersionKind]*validator) {
	kind := o.GroupVersionKind()
	switch v := validators[kind]; {
	case v != nil:
		valid := s.validate(o, v)
		if kind.Kind == "ComponentMapping" {
			take(s, &s.Mappings, o, valid)
		} else {
			take(s, &s.Architectures, o, valid)
		}
	case kind.Group == v1alpha1.GroupVersion.Group:
		s.Problems = append(s.Problems, Problem{Place: o.At("kind"), Object: o.String(), Message: fmt.Sprintf(
			"there is no kind %s in %s; there is %s", kind.Kind, kind.GroupVersion(), knownKinds(validators, kind.Group))})
	case kind == rbacv1.SchemeGroupVersion.WithKind("ClusterRole"):
		take(s, &s.ClusterRoles, o, true)
	case kind == apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"):
		take(s, &s.Definitions, o, true)
	default:
		s.Ignored = append(s.Ignored, o)
	}
}

func (s *Set) validate(o *Object, v *validator) bool {
	complaints := v.validate(o.Object)
	for _, c := range complaints {
		s.Problems = append(s.Problems, Problem{Place: o.At(c.field), Object: o.String(), Field: c.field, Message: c.message})
	}
	return len(complaints) == 0
}

// take puts an object among those of its kind, even one that is not valid, as far as it can be read.
func take[T any](s *Set, items *[]Item[T], o *Object, valid bool) {
	value := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, value); err != nil && valid {
		s.Problems = append(s.Problems, Problem{Place: o.At(""), Object: o.String(), Message: err.Error()})
		valid = false
	}
	*items = append(*items, Item[T]{Object: o, Value: value, Valid: valid})
}
