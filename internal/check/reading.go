// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Reading is which objects the expressions of a check see.
type Reading struct {
	// Kind of the objects, in whichever version.
	Kind schema.GroupKind
	// Namespace and Name narrow it down where they are set.
	Namespace, Name string
	// Selector picks the objects by label.
	Selector labels.Selector
	// Expressions that see the objects.
	Expressions []v1alpha1.Expression
}

// Of says whether the expressions see the object.
func (r *Reading) Of(o client.Object) bool {
	return r.Kind == o.GetObjectKind().GroupVersionKind().GroupKind() && (r.Namespace == "" || r.Namespace == o.GetNamespace()) &&
		(r.Name == "" || r.Name == o.GetName()) && r.Selector.Matches(labels.Set(o.GetLabels()))
}

// ReadingOf is what the expressions of a check see of objects; ok is false for a check type whose expressions see none. The
// check need not compile: a selector that cannot be used picks everything.
func ReadingOf(spec *v1alpha1.Check) (r Reading, ok bool) {
	t := checkTypes[spec.Type]
	if t.reads == nil || !t.isSet(spec) {
		return Reading{}, false
	}
	r = t.reads(spec)
	var err error
	if r.Selector, err = t.parseSelector(spec); err != nil {
		r.Selector = labels.Everything()
	}
	for _, e := range t.expressions(spec) {
		r.Expressions = append(r.Expressions, e.text)
	}
	return r, true
}
