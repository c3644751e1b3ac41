// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// ComponentNames returns the names of the mappings, in the order of the table.
func ComponentNames(r *Report) []string {
	var out []string
	for _, c := range r.components() {
		out = append(out, c.Name)
	}
	return out
}

// Find returns the mappings that a name means, in the order of the table: the one of exactly that name, else, in any case
// of letters, those that have it as name, as alias or as component.
func Find(r *Report, name string) []*v1alpha1.ComponentMapping {
	if c, ok := r.component(name); ok {
		return []*v1alpha1.ComponentMapping{c.ComponentMapping}
	}
	return r.withWord(func(word string) bool { return strings.EqualFold(word, name) })
}

// Suggest returns the mappings that may be meant by a name that Find does not know: those of which it is a part, else those
// most like it.
func Suggest(r *Report, name string) []*v1alpha1.ComponentMapping {
	name = strings.ToLower(name)
	if like := r.withWord(func(word string) bool { return strings.Contains(strings.ToLower(word), name) }); len(like) > 0 {
		return like
	}
	var words []string
	for _, c := range r.components() {
		for _, word := range wordsFor(c) {
			words = append(words, strings.ToLower(word))
		}
	}
	nearest := msg.Nearest(name, words)
	return r.withWord(func(word string) bool { return nearest != "" && strings.EqualFold(word, nearest) })
}

// withWord returns the mappings of which one of the words is so.
func (r *Report) withWord(is func(word string) bool) []*v1alpha1.ComponentMapping {
	var out []*v1alpha1.ComponentMapping
	for _, c := range r.components() {
		if slices.ContainsFunc(wordsFor(c), is) {
			out = append(out, c.ComponentMapping)
		}
	}
	return out
}

// wordsFor are those that people type for a component.
func wordsFor(c component) []string {
	words := []string{c.Name, c.Spec.Component}
	for _, alias := range c.Spec.Aliases {
		words = append(words, string(alias))
	}
	return words
}

// Explain writes everything about one component of the report.
func Explain(w io.Writer, r *Report, m *v1alpha1.ComponentMapping, color bool) error {
	e := explanation{Report: r, component: r.newComponent(m), words: r.platform(), color: color}
	e.headline()
	e.documented()
	e.observed()
	e.checks()
	e.causes()
	e.advice()
	e.section("Who to contact")
	e.call()
	_, err := io.WriteString(w, e.out.String())
	return err
}

// explanation is one in the making.
type explanation struct {
	*Report
	component
	words platform
	color bool
	out   strings.Builder
}

func (e *explanation) line(s string) { e.out.WriteString(strings.TrimRight(s, " ") + "\n") }

func (e *explanation) section(title string) { e.line("\n" + title) }

// text is a paragraph, indented.
func (e *explanation) text(s string) { e.hang("  ", s) }

// hang writes a text whose further lines stand below its first.
func (e *explanation) hang(first, s string) {
	indent := strings.Repeat(" ", width(first))
	for i, l := range wrap(Clean(s), proseWidth-width(first), 0) {
		if i == 0 {
			e.line(first + l)
		} else {
			e.line(indent + l)
		}
	}
}

// field is a name with its value; nothing when it has none.
func (e *explanation) field(name, value string) {
	if value != "" {
		e.hang("  "+pad(name, 16), value)
	}
}

func (e *explanation) paint(s catalog.State, text string) string {
	if e.color {
		return colored(s, text)
	}
	return text
}

func (e *explanation) headline() {
	e.line(Clean(e.Name) + ": " + Clean(e.Spec.Component))
	since := ""
	if age := e.age(e.since()); age != "" {
		since = " for " + age + ", since " + stamp(e.since())
	}
	e.line("  " + e.paint(e.state, e.state.Mark()+" "+e.state.Word()) + since)
	e.text(e.Status.Message)
	if words := reasonWords[e.reason()]; words != "" {
		e.text(e.reason() + ": " + words)
	}
	if ready := e.is(v1alpha1.ConditionReady); ready.Status != metav1.ConditionTrue {
		e.text("These verdicts are out of date: " + strings.TrimSpace(ready.Reason+" "+ready.Message))
	}
}

func (e *explanation) documented() {
	doc := e.Spec.Implementation
	e.section("Documented")
	e.field("Implementation", doc.Name)
	e.field("Method", e.words.methodNames(doc.Methods))
	e.field("Source", strings.TrimSpace(doc.Source.Name+" "+string(doc.Source.URL)))
	e.field("Image", doc.Image)
	if doc.MinVersion != "" {
		e.field("Version", doc.MinVersion+" or newer")
	}
	e.field("Category", categoryTitle(e.Spec.Category))
	if catalog.Optional(e.ComponentMapping) {
		e.field("Presence", "optional")
	} else {
		e.field("Presence", "required")
	}
	for _, d := range doc.Details {
		e.hang("  - ", d)
	}
	for _, a := range doc.Artifacts {
		e.hang("  - ", strings.TrimSuffix(string(a.Type)+" "+a.Name+": "+a.Description, ": "))
	}
}

func (e *explanation) observed() {
	e.section("Observed")
	if !e.isPresent() {
		e.condition(v1alpha1.ConditionPresent)
		return
	}
	e.field("Implementation", e.implementation())
	e.field("Method", e.words.methodNames(e.Status.Methods))
	for _, v := range e.Spec.Variants {
		if slices.Contains(e.Status.Variants, v.Name) {
			e.field("Variant", strings.TrimSuffix(v.Name+": "+v.Description, ": "))
		}
	}
	e.field("Version", e.Status.Version)
	e.field("Image", e.Status.Image)
	e.field("Evidence", strings.TrimSuffix(string(e.Status.Evidence)+": "+evidenceWords[e.Status.Evidence], ": "))
	for _, t := range []string{v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented} {
		e.condition(t)
	}
}

func (e *explanation) condition(conditionType string) {
	c := catalog.FindCondition(e.component.conditions(), conditionType)
	e.field(conditionType, strings.TrimSuffix(fmt.Sprintf("%s (%s): %s", c.Status, c.Reason, c.Message), ": "))
}

func (e *explanation) checks() {
	for _, part := range e.evidence() {
		e.section(part.title)
		for _, c := range part.checks {
			e.check(c)
		}
	}
}

func (e *explanation) check(c checkView) {
	since := ""
	if age := e.age(c.LastTransitionTime.Time); age != "" {
		since = " (" + age + ")"
	}
	e.line("  " + e.paint(c.state, c.state.Mark()) + " " + Clean(c.short) + ": " + e.paint(c.state, c.verdict()) + since)
	e.hang("      ", c.reasoned())
	if v := strings.TrimSpace(c.Image + " " + c.Version); v != "" {
		e.hang("      ", v)
	}
	if objects := c.objects(fewObjects); objects != "" {
		e.hang("      ", objects)
	}
}

func (e *explanation) causes() {
	first := true
	for _, c := range e.Report.causes() {
		if !slices.Contains(c.Components, e.Name) || len(c.Components) < 2 {
			continue
		}
		if first {
			e.section("Affected by the same cause")
			first = false
		}
		others := slices.DeleteFunc(slices.Clone(c.Components), func(n string) bool { return n == e.Name })
		reason := c.Reason
		if c.Subject.Name != "" {
			reason += ", " + msg.Object(c.Subject.Kind, c.Subject.Namespace, c.Subject.Name)
		}
		e.hang("  - ", reason+": "+joined(others))
	}
}

// call says who can act: of a fault that lies elsewhere, whoever operates that.
func (e *explanation) call() {
	for _, c := range e.Report.causes() {
		if c.OperatedBy != "" && slices.Contains(c.Components, e.Name) {
			e.text(string(c.OperatedBy) + ", for " + msg.Object(c.Subject.Kind, c.Subject.Namespace, c.Subject.Name) + ": " + e.words.call(c.OperatedBy))
			return
		}
	}
	e.text(string(e.operatedBy()) + ": " + e.words.call(e.operatedBy()))
}

func (e *explanation) advice() {
	if list := catalog.AdvisoriesOf(e.ComponentMapping); len(list) > 0 {
		e.section("Advisories")
		for _, a := range list {
			e.hang("  - ", strings.TrimSpace(string(a.Type)+" "+a.Date)+": "+a.Message)
			if a.URL != "" {
				e.line("    " + Clean(string(a.URL)))
			}
		}
	}
	if list := e.Spec.Implementation.References; len(list) > 0 {
		e.section("References")
		for _, r := range list {
			e.hang("  - ", r.Name+": "+string(r.URL))
		}
	}
}
