// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// objectExplaining asks for the events that may tell of objects, in their namespaces.
func objectExplaining(e *Evaluator) []facts.Need {
	o := e.Spec.Object
	switch {
	case len(o.Events.Reasons) == 0:
		return nil
	case o.Events.Meanwhile.Kind != "":
		return []facts.Need{facts.AllEvents(metav1.NamespaceAll)}
	}
	return []facts.Need{facts.AllEvents(string(o.Namespace))}
}

// eventsNeed asks for the events about the objects of a check, of which there is at least one.
func eventsNeed(e *Evaluator, given facts.Facts) facts.Need {
	o := e.Spec.Object
	namespace := string(o.Namespace)
	if given.Answers[objectNeeds(e)[0]].Objects[0].GetNamespace() == "" {
		namespace = metav1.NamespaceDefault
	}
	return facts.EventsOf(o.Kind, namespace, string(o.Name))
}

// evaluateEvents turns the result that the fields of the objects give where events report that they fail. What cannot be read
// of events turns nothing.
func evaluateEvents(e *Evaluator, given facts.Facts, byFields Evaluation) Evaluation {
	view := eventView{given: given, spec: &e.Spec.Object.Events}
	view.notBefore, view.notAfter = catalog.EventAges(view.spec)
	reported := view.failures(view.ask(eventsNeed(e, given)))
	meanwhile := view.meanwhile(len(reported) > 0)
	out := byFields
	switch {
	case view.pending:
		out.Result = unknown(v1alpha1.ReasonNotYetObserved, "the events about "+objectSubject(e)+" are being read")
	case len(reported) > 0 && (view.spec.Meanwhile.Kind == "" || meanwhile != ""):
		out = evaluateFields(e, given, reported)
		out.Expense += byFields.Expense
		out.Message += meanwhile
	default:
		out.Message += view.unread
	}
	out.Further = view.demands
	out.RecheckAfter = facts.Earliest(out.RecheckAfter, view.recheckAfter)
	return out
}

// eventView is what was read of events, and what more must be.
type eventView struct {
	given facts.Facts
	spec  *v1alpha1.ObjectEvents
	// notBefore and notAfter are how old the first and the last of events must be, or may be.
	notBefore, notAfter time.Duration

	demands []facts.Demand
	// pending: some of it is being read for the first time.
	pending bool
	// unread says why events could not be read; empty when they were.
	unread       string
	recheckAfter time.Duration
}

// ask returns the events that answer a need, which is asked for from now on, again and again.
func (v *eventView) ask(need facts.Need) []facts.Event {
	v.demands = append(v.demands, facts.Demand{Need: need, Refresh: facts.Refresh{Inconclusive: true}})
	answer := v.given.Answers[need]
	switch answer.State {
	case facts.Known:
	case facts.Pending, facts.Deferred:
		v.pending = true
	default:
		v.unread = "; its events cannot be read: " + answer.Message
	}
	return facts.Events(answer)
}

// failures returns of each object the reason that was reported last, if it has been for long and still is.
func (v *eventView) failures(events []facts.Event) map[types.NamespacedName]facts.Event {
	out := map[types.NamespacedName]facts.Event{}
	for _, event := range events {
		if slices.Contains(v.spec.Reasons, v1alpha1.EventReason(event.Reason)) && v.lasts(&event) {
			if _, known := out[event.Object]; !known {
				out[event.Object] = event
			}
		}
	}
	return out
}

// lasts reports whether something has been reported for long, still is, and was often enough in between.
func (v *eventView) lasts(event *facts.Event) bool {
	left := v.notAfter - v.given.Now.Sub(event.Last)
	wait := v.notBefore - v.given.Now.Sub(event.First)
	switch {
	case left <= 0:
		return false
	case wait > 0:
		v.recheckAfter = facts.Earliest(v.recheckAfter, wait)
		return false
	}
	v.recheckAfter = facts.Earliest(v.recheckAfter, left)
	return event.Last.Sub(event.First) <= time.Duration(event.Count)*v.notAfter
}

// meanwhile says which other objects are hurt; empty when nothing reports that any is. Nobody asks while nothing fails.
func (v *eventView) meanwhile(failing bool) string {
	m := v.spec.Meanwhile
	if m.Kind == "" || !failing {
		return ""
	}
	var hurt []string
	for _, event := range v.ask(facts.EventsFrom(m.Source, m.Kind, string(m.Reason))) {
		left := v.notAfter - v.given.Now.Sub(event.Last)
		name := msg.Object(m.Kind, event.Object.Namespace, event.Object.Name)
		if left > 0 && !slices.Contains(hurt, name) {
			v.recheckAfter = facts.Earliest(v.recheckAfter, left)
			hurt = append(hurt, name)
		}
	}
	if len(hurt) == 0 {
		return ""
	}
	slices.Sort(hurt)
	return fmt.Sprintf("; meanwhile %s of %s", m.Reason, msg.Shorten(hurt, ", "))
}
