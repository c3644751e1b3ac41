// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// Verdict sums up the report: Unhealthy when a component is unhealthy, else Missing when a required one is missing or a
// rule is violated, else Unknown when that is not known, else Healthy. Unsupported versions, what is tolerated, and
// differences from the documentation do not count.
func (r *Report) Verdict() catalog.State { return verdictOf(r.Concerns()) }

func verdictOf(concerns []Concern) catalog.State {
	for _, c := range concernTable {
		if c.verdict != "" && slices.Contains(concerns, c.name) {
			return c.verdict
		}
	}
	return catalog.Healthy
}

// judged reports whether an architecture sums the components up.
func (r *Report) judged() bool { return len(r.Architecture.Status.Conditions) > 0 }

// condition of the architecture.
func (r *Report) condition(conditionType string) metav1.Condition {
	return catalog.FindCondition(r.Architecture.Status.Conditions, conditionType)
}

// claimed reports whether the cluster is of the platform, so that what is required there is required here.
func (r *Report) claimed() bool {
	return r.condition(v1alpha1.ConditionPlatformDetected).Status == metav1.ConditionTrue
}

// isElsewhere reports whether the cluster is of another platform.
func (r *Report) isElsewhere() bool {
	return r.condition(v1alpha1.ConditionPlatformDetected).Status == metav1.ConditionFalse
}

// rest returns the components that the architecture does not select.
func (r *Report) rest() []component {
	selector, err := metav1.LabelSelectorAsSelector(&r.Architecture.Spec.ComponentSelector)
	if err != nil {
		return nil // then the architecture is not ready
	}
	return slices.DeleteFunc(r.components(), func(c component) bool { return selector.Matches(labels.Set(c.Labels)) })
}

func unhealthy(c component) bool { return c.state == catalog.Unhealthy }

// causes returns those of the architecture, and what is wrong with each component that it does not speak of.
func (r *Report) causes() []v1alpha1.Cause {
	major, minor := r.causesBySeverity()
	return slices.Concat(major, minor)
}

func (r *Report) causesBySeverity() (major, minor []v1alpha1.Cause) {
	var all []v1alpha1.Cause
	switch {
	case !r.judged():
		all = ownCauses(r.components(), component.bad)
	case !r.claimed():
		all = ownCauses(r.components(), unhealthy)
	default:
		all = slices.Concat(r.Architecture.Status.Causes, ownCauses(r.rest(), component.bad))
	}
	for _, c := range all {
		if c.Severity == v1alpha1.SeverityMinor {
			minor = append(minor, c)
		} else {
			major = append(major, c)
		}
	}
	return major, minor
}

// titleOf says what a cause is, and which object is at fault.
func titleOf(c *v1alpha1.Cause) string {
	if c.Subject.Name == "" {
		return Clean(c.Reason)
	}
	return Clean(c.Reason + ": " + msg.Object(c.Subject.Kind, c.Subject.Namespace, c.Subject.Name))
}

// detailOf is the message of a cause, to stand below its title, which names the object already.
func detailOf(c *v1alpha1.Cause) string {
	detail := c.Message
	if c.Subject.Name != "" {
		subject := msg.Object(c.Subject.Kind, c.Subject.Namespace, c.Subject.Name)
		detail = strings.TrimPrefix(strings.TrimPrefix(detail, subject+": "), subject+", ")
		if rest, lost := strings.CutPrefix(detail, "no "+subject); lost {
			detail = "does not exist" + rest
		}
	}
	return detail
}

// affects lists at most so many of the components that a cause makes worse, and counts those that stay healthy in spite of it.
func (r *Report) affects(c *v1alpha1.Cause, most int) string {
	var worse []string
	for _, name := range c.Components {
		if of, known := r.component(name); !known || of.state != catalog.Healthy {
			worse = append(worse, name)
		}
	}
	healthy := len(c.Components) - len(worse)
	if len(worse) == 0 {
		worse, healthy = c.Components, 0
	}
	text := msg.ShortenOf(worse[:min(most, len(worse))], len(worse), ", ")
	if healthy > 0 {
		text += fmt.Sprintf("; %d more, still healthy", healthy)
	}
	return text
}

// who says who can act on a cause.
func (r *Report) who(c *v1alpha1.Cause) string {
	return string(c.OperatedBy) + ": " + r.platform().act(c.OperatedBy)
}

func (c component) bad() bool { return c.state.Bad() }

func (c component) tolerates() bool { return catalog.Tolerates(c.ComponentMapping) }

// ownCauses returns a cause for each component that is bad, or healthy in spite of a fault.
func ownCauses(components []component, bad func(component) bool) []v1alpha1.Cause {
	var out []v1alpha1.Cause
	for _, c := range components {
		severity := v1alpha1.SeverityMajor
		switch {
		case bad(c):
		case c.tolerates():
			severity = v1alpha1.SeverityMinor
		default:
			continue
		}
		decisive := catalog.Decisive(c.ComponentMapping)
		cause := v1alpha1.Cause{Severity: severity, Reason: decisive.Reason, Message: decisive.Message, Components: []string{c.Name},
			Kind: v1alpha1.FaultObject, Subject: v1alpha1.ObservedObject{Kind: "ComponentMapping", Name: c.Name}, OperatedBy: c.operatedBy(),
			Next: msg.Kubectl("", "archmap", "explain", c.Name)}
		if worst := c.worstFault(); worst != nil {
			cause.Kind, cause.Subject, cause.Message = worst.Kind, worst.Subject, cmp.Or(worst.Message, cause.Message)
			cause.OperatedBy, cause.Next = cmp.Or(worst.OperatedBy, cause.OperatedBy), cmp.Or(worst.Next, cause.Next)
		}
		if severity == v1alpha1.SeverityMajor {
			cause.Since = metav1.NewTime(c.since())
		}
		out = append(out, cause)
	}
	return out
}

// worstFault is the first fault that the checks tell; nil when they tell none.
func (c component) worstFault() *v1alpha1.Fault {
	var worst *v1alpha1.Fault
	for i := range c.Status.Checks {
		for j := range c.Status.Checks[i].Faults {
			if f := &c.Status.Checks[i].Faults[j]; worst == nil || f.Severity < worst.Severity { // Major before Minor
				worst = f
			}
		}
	}
	return worst
}

// Notes returns the warnings that qualify the rest of the report: the cluster is of another platform, verdicts are not
// current or not known, versions are not supported. It is empty when there are none.
func (r *Report) Notes() []string {
	notes := r.caveats()
	if !r.claimed() || r.Part {
		return notes
	}
	for _, t := range []string{v1alpha1.ConditionHealthy, v1alpha1.ConditionComplete, v1alpha1.ConditionVersionsSupported} {
		switch c := r.condition(t); {
		case c.Status == metav1.ConditionUnknown && c.Reason != v1alpha1.ReasonNotInDump: // whoever read the dump says what it lacks
			notes = append(notes, t+" is unknown: "+messageOf(c))
		case c.Status == metav1.ConditionFalse && t == v1alpha1.ConditionVersionsSupported:
			notes = append(notes, "Unsupported versions: "+messageOf(c))
		}
	}
	return notes
}

// caveats returns the notes that no condition states clearly.
func (r *Report) caveats() []string {
	var notes []string
	if len(r.Mappings) == 0 {
		notes = append(notes, "No components were checked: there are no ComponentMappings.")
	}
	if !r.judged() {
		return notes
	}
	notes = append(notes, r.currency()...)
	for _, c := range r.components() {
		if ready := c.is(v1alpha1.ConditionReady); ready.Reason == v1alpha1.ReasonInvalidSpec {
			notes = append(notes, c.Name+" was not checked because its spec is invalid: "+ready.Message)
		}
	}
	if !r.claimed() {
		notes = append(notes, r.elsewhere())
	}
	return notes
}

// conditions of the architecture that say something of their own: none while nothing is claimed.
func (r *Report) conditions() []metav1.Condition {
	if !r.claimed() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Architecture.Status.Conditions), func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionStalled
	})
}

// messageOf returns the message of a condition, else its reason.
func messageOf(c metav1.Condition) string {
	for _, text := range []string{c.Message, c.Reason} {
		if text != "" {
			return text
		}
	}
	return "no reason given"
}

// currency says that the architecture is judged by an older spec, or that its status has no room for all of it.
func (r *Report) currency() []string {
	ready := r.condition(v1alpha1.ConditionReady)
	if stalled := meta.FindStatusCondition(r.Architecture.Status.Conditions, v1alpha1.ConditionStalled); stalled != nil {
		ready = *stalled
	}
	if ready.Type != v1alpha1.ConditionReady || ready.Status != metav1.ConditionTrue {
		return []string{"The cluster-wide verdicts are out of date: " + messageOf(ready)}
	}
	if ready.Reason == v1alpha1.ReasonListsTruncated {
		return []string{"Not everything is listed: " + messageOf(ready)}
	}
	return nil
}

// elsewhere says that the cluster is of another platform, or that this is unknown.
func (r *Report) elsewhere() string {
	detected, platform := r.condition(v1alpha1.ConditionPlatformDetected), r.platform().name
	if r.isElsewhere() {
		return "This cluster is not " + platform + ": " + messageOf(detected) + ". There is no overall verdict, and no component is required: " +
			"the rows only show what was found. Is this the right cluster? For another platform, use mappings of your own."
	}
	return "Couldn't tell whether this cluster is " + platform + ": " + messageOf(detected) + ". Until that is known, there is no overall verdict."
}
