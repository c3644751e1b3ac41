// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// checkView is the verdict of a check, with what it was meant to find.
type checkView struct {
	v1alpha1.CheckStatus
	short, variant string
	expect         v1alpha1.Expectation
	state          catalog.State
}

// evidencePart is a list of checks that belong together.
type evidencePart struct {
	title  string
	checks []checkView
}

// evidence returns the checks of a component: those that hold for it, then those of the ways in which it was not
// found.
func (c component) evidence() []evidencePart {
	hold, others := evidencePart{title: "Checks"}, evidencePart{title: "Checks of other variants (not found)"}
	for _, s := range c.Status.Checks {
		v := c.view(s)
		if v.variant != "" && c.isPresent() && !slices.Contains(c.Status.Variants, v.variant) {
			others.checks = append(others.checks, v)
		} else {
			hold.checks = append(hold.checks, v)
		}
	}
	return slices.DeleteFunc([]evidencePart{hold, others}, func(p evidencePart) bool { return len(p.checks) == 0 })
}

func (c component) view(s v1alpha1.CheckStatus) checkView {
	v := checkView{CheckStatus: s, short: s.Name, expect: v1alpha1.ExpectPresent, state: catalog.CheckState(s)}
	checks, name := c.Spec.Checks, s.Name
	if variant, rest, ok := strings.Cut(s.Name, "/"); ok {
		v.variant, name = variant, rest
		for _, w := range c.Spec.Variants {
			if w.Name == variant {
				checks = w.Checks
			}
		}
	}
	for i := range checks {
		if checks[i].Name == name {
			v.expect = catalog.Expect(&checks[i])
		}
	}
	return v
}

// verdict describes the verdict, given what was expected.
func (v checkView) verdict() string {
	switch {
	case v.expect == v1alpha1.ExpectAbsent && v.state == catalog.Absent:
		return "absent, as required"
	case v.expect == v1alpha1.ExpectAbsent && v.Present == v1alpha1.VerdictTrue:
		return "present, which rules out this variant"
	case v.expect == v1alpha1.ExpectPrecondition && v.Present == v1alpha1.VerdictTrue:
		return "met"
	case v.expect == v1alpha1.ExpectOptional && v.state == catalog.Absent:
		return "not found (optional)"
	}
	return v.state.Word()
}

// reasoned returns the message, with its reason where that says more.
func (v checkView) reasoned() string {
	if slices.Contains([]string{"", v1alpha1.ReasonHealthy, v1alpha1.ReasonObserved, v1alpha1.ReasonNotFound}, v.Reason) {
		return v.Message
	}
	return strings.TrimSuffix(v.Reason+": "+v.Message, ": ")
}

// objects behind the verdict, so many of them at most, unless the message names them.
func (v checkView) objects(most int) string {
	shown := v.Objects[:min(len(v.Objects), most)]
	names, named, kind := make([]string, len(shown)), true, ""
	for i, o := range shown {
		names[i] = msg.Object(o.Kind, o.Namespace, o.Name)
		named = named && strings.Contains(v.Message, names[i])
		if o.Kind == kind {
			names[i] = strings.TrimPrefix(names[i], kind+" ")
		}
		kind = o.Kind
	}
	if named {
		return ""
	}
	text := joined(names)
	if more := max(int(number(v.ObjectCount)), len(v.Objects)) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// fewObjects and allObjects are how many objects of a check are named, where there is little room and where there
// is enough.
const (
	fewObjects = 3
	allObjects = 8
)

// conditions of the component; a message that its status begins with is not repeated.
func (c component) conditions() []metav1.Condition {
	out := slices.Clone(c.Status.Conditions)
	for i := range out {
		if out[i].Message == c.Status.Message {
			out[i].Message = ""
		}
	}
	return out
}
