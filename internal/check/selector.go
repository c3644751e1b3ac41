// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// SelectorError says what is wrong with the label selector of a check.
type SelectorError struct {
	// Field of the check, such as workload.selector.
	Field string
	Err   error
}

func (e *SelectorError) Error() string { return "selector: " + e.Err.Error() }
func (e *SelectorError) Unwrap() error { return e.Err }

// parseSelector reads the label selector of a check; without one everything matches.
func (t *checkType) parseSelector(spec *v1alpha1.Check) (labels.Selector, error) {
	if t.selector == nil {
		return labels.Everything(), nil
	}
	s := t.selector(spec)
	if s == nil {
		return labels.Everything(), nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, &SelectorError{Field: t.member + ".selector", Err: err}
	}
	return parsed, nil
}

// matchesLabels says whether the check's selector picks the object.
func (e *Evaluator) matchesLabels(o client.Object) bool {
	return e.selector.Matches(labels.Set(o.GetLabels()))
}
