// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
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

// ExplainOptions say how much is told of a component.
type ExplainOptions struct {
	// Verbose also tells what is documented, every check with its objects, those of other variants, and references.
	Verbose bool
	// Width of the terminal in columns; 0 when the text goes elsewhere.
	Width int
	// Color paints states.
	Color bool
}

// Explain writes what there is to know about one component of the report: what is wrong, who acts and what to do, then what
// was observed.
func Explain(w io.Writer, r *Report, m *v1alpha1.ComponentMapping, o ExplainOptions) error {
	e := newExplanation(r, o)
	e.component = r.newComponent(m)
	e.headline()
	e.causes()
	e.observed()
	e.checks()
	e.advisories()
	if o.Verbose {
		e.documented()
		e.references()
	} else {
		e.line("\n--verbose adds the documentation, each check with its objects, and the other variants.")
	}
	_, err := io.WriteString(w, e.out.String())
	return err
}

// explanation is one in the making.
type explanation struct {
	*Report
	component
	prose
	words   platform
	verbose bool
}

func newExplanation(r *Report, o ExplainOptions) *explanation {
	return &explanation{Report: r, words: r.platform(), verbose: o.Verbose, prose: prose{columns: proseColumns(o.Width), color: o.Color}}
}

// fieldOf is a field that has so many lines at most, unless all is told.
func (e *explanation) fieldOf(name, value string, lines int) {
	if e.verbose {
		lines = 0
	}
	e.hang("  "+pad(name, 16), value, lines)
}

// text is a paragraph, indented.
func (e *explanation) text(s string) { e.hang("  ", s, 0) }

// headline says how the component is, and why where that is not well.
func (e *explanation) headline() {
	e.line(Clean(e.Name) + ": " + Clean(e.Spec.Component))
	since := ""
	if age := e.age(e.since()); age != "" {
		since = " for " + age + ", since " + stamp(e.since())
	}
	e.line("  " + e.paint(e.state, e.state.Mark()+" "+e.state.Word()) + since)
	if e.verbose || e.state != catalog.Healthy || e.tolerates() {
		e.text(e.Status.Message)
	}
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
		e.hang("  - ", d, 0)
	}
	for _, a := range doc.Artifacts {
		e.hang("  - ", strings.TrimSuffix(string(a.Type)+" "+a.Name+": "+a.Description, ": "), 0)
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
			e.fieldOf("Variant", strings.TrimSuffix(v.Name+": "+v.Description, ": "), 2)
		}
	}
	e.field("Version", e.Status.Version)
	e.field("Image", e.Status.Image)
	if e.verbose || e.Status.Evidence != v1alpha1.EvidenceDirect {
		e.field("Evidence", strings.TrimSuffix(string(e.Status.Evidence)+": "+evidenceWords[e.Status.Evidence], ": "))
	}
	if e.verbose || e.is(v1alpha1.ConditionPresent).Reason != v1alpha1.ReasonObserved {
		e.condition(v1alpha1.ConditionPresent)
	}
	e.condition(v1alpha1.ConditionHealthy)
	e.condition(v1alpha1.ConditionAsDocumented)
}

func (e *explanation) condition(conditionType string) {
	c := catalog.FindCondition(e.component.conditions(), conditionType)
	e.field(conditionType, strings.TrimSuffix(fmt.Sprintf("%s (%s): %s", c.Status, c.Reason, c.Message), ": "))
}

// checks writes those of the observed variants. Unless all is told, one that passes is a line, and what may be absent and
// is goes without.
func (e *explanation) checks() {
	for i, part := range e.evidence() {
		if i > 0 && !e.verbose {
			return
		}
		e.section(part.title)
		for _, c := range part.checks {
			switch {
			case e.verbose || !passes(c):
				e.check(c)
			case c.state != catalog.Absent: // as it may or must be
				e.line(shorten("  "+e.paint(c.state, c.state.Mark())+" "+Clean(c.short)+": "+Clean(cmp.Or(c.Message, c.verdict())), e.columns))
			}
		}
	}
}

// passes reports whether there is nothing to look at in a check.
func passes(c checkView) bool {
	absentRightly := c.expect == v1alpha1.ExpectAbsent || c.expect == v1alpha1.ExpectOptional
	return c.state == catalog.Healthy || c.state == catalog.Observed || c.state == catalog.Absent && absentRightly
}

func (e *explanation) check(c checkView) {
	since := ""
	if age := e.age(c.LastTransitionTime.Time); age != "" {
		since = " (" + age + ")"
	}
	e.line("  " + e.paint(c.state, c.state.Mark()) + " " + Clean(c.short) + ": " + e.paint(c.state, c.verdict()) + since)
	if message := Clean(c.Message); !e.verbose && message != "" && strings.Contains(Clean(e.Status.Message), message) {
		e.line("      " + Clean(c.Reason)) // it stands above
	} else {
		e.hang("      ", c.reasoned(), 0)
	}
	if v := strings.TrimSpace(c.Image + " " + c.Version); v != "" {
		e.hang("      ", v, 0)
	}
	if objects := c.objects(fewObjects); objects != "" {
		e.hang("      ", objects, 0)
	}
}

// causes writes who acts, and what to do, for each cause that affects the component; of one without any, who operates it.
func (e *explanation) causes() {
	found := false
	for _, c := range e.Report.causes() {
		if slices.Contains(c.Components, e.Name) {
			found = true
			e.cause(&c)
		}
	}
	if !found {
		e.line("")
		e.field("Operated by", string(e.operatedBy())+": "+e.words.call(e.operatedBy(), e.bad()))
	}
}

func (e *explanation) cause(c *v1alpha1.Cause) {
	e.section(titleOf(c))
	if c.Message != e.Status.Message {
		e.text(detailOf(c))
	}
	e.field("Who acts", e.who(c))
	if c.Next != "" {
		e.line("  " + pad("Next", 16) + Clean(c.Next)) // in one line, to be copied
	}
	if url := webAddress(c.URL); url != "" {
		e.line("  " + pad("See", 16) + url)
	}
	others := slices.DeleteFunc(slices.Clone(c.Components), func(n string) bool { return n == e.Name })
	e.field("Also affects", joined(others))
}

// advisories writes those that are about what was found, with how much time there is. Corrections are of the documentation.
func (e *explanation) advisories() {
	list := slices.DeleteFunc(catalog.AdvisoriesOf(e.ComponentMapping), func(a v1alpha1.Advisory) bool {
		return a.Type == v1alpha1.AdvisoryCorrection && !e.verbose
	})
	if len(list) == 0 {
		return
	}
	e.section("Advisories")
	for _, a := range list {
		when := strings.TrimSpace(string(a.Type) + " " + a.Date)
		if d, ok := catalog.DeadlineOf(&a, e.ObservedAt); ok {
			when = string(a.Type) + ", " + d.String()
		}
		e.hang("  - ", when+": "+a.Message, 0)
		if a.URL != "" && e.verbose {
			e.line("    " + Clean(string(a.URL)))
		}
	}
}

func (e *explanation) references() {
	if list := e.Spec.Implementation.References; len(list) > 0 {
		e.section("References")
		for _, r := range list {
			e.hang("  - ", r.Name+": "+string(r.URL), 0)
		}
	}
}
