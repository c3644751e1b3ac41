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

// DocumentOptions configure Document.
type DocumentOptions struct {
	// Live adds what was observed: columns, numbers and the states in the drawing. Without it the document says
	// what the documentation says.
	Live bool
	// Mermaid draws the architecture flow for readers of Mermaid instead of with characters.
	Mermaid bool
}

// Document writes the mapping document as Markdown.
func Document(w io.Writer, r *Report, o DocumentOptions) error {
	d := document{Report: r, DocumentOptions: o, words: r.platform(), all: r.components()}
	d.intro()
	if o.Live {
		d.findings()
	}
	d.table()
	d.methods()
	d.keyDetails()
	if err := d.flow(); err != nil {
		return err
	}
	d.insights()
	if o.Live {
		d.departures()
		d.unmappedWorkloads()
	}
	d.references()
	_, err := io.WriteString(w, d.out.String())
	return err
}

// document is one document in the making.
type document struct {
	*Report
	DocumentOptions
	words platform
	all   []component
	out   strings.Builder
}

func (d *document) line(format string, args ...any) { fmt.Fprintf(&d.out, format+"\n", args...) }

func (d *document) heading(level int, title string) {
	if !strings.HasSuffix(d.out.String(), "\n\n") {
		d.line("")
	}
	d.line("%s %s\n", strings.Repeat("#", level), markdown(title))
}

func (d *document) intro() {
	d.line("# %s Architecture Component Mapping\n", markdown(d.words.short))
	d.line("How %s implements each Kubernetes component: where the implementation comes from, how it runs, and what is known about it.",
		markdown(d.words.name))
	if !d.Live {
		return
	}
	d.line("\nObserved on %s at %s%s: %s.", code(d.Source), stamp(d.ObservedAt), d.version(), markdown(summary(d.all)))
	for _, note := range d.caveats() {
		d.line("\n%s", markdown(note))
	}
	for i, c := range d.notTrue() {
		if i == 0 {
			d.line("")
		}
		d.line("- **%s** is %s (%s): %s", markdown(c.Type), markdown(string(c.Status)), markdown(c.Reason), markdown(c.Message))
	}
}

// notTrue returns the conditions of the cluster that are not True, apart from what the causes tell.
func (d *document) notTrue() []metav1.Condition {
	return slices.DeleteFunc(d.conditions(), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue || c.Type == v1alpha1.ConditionHealthy && c.Status == metav1.ConditionFalse
	})
}

// MarkdownFindings writes the verdict, what is wrong with who acts and what to do next, and what is retired and when.
func MarkdownFindings(w io.Writer, r *Report) error {
	d := document{Report: r}
	d.line("**%s**", markdown(Summary(r)))
	d.findings()
	d.line("")
	_, err := io.WriteString(w, d.out.String())
	return err
}

// findings says what is wrong, who acts and what comes next, then what is retired and when.
func (d *document) findings() {
	d.heading(2, "Causes")
	causes, violations := d.causes(), d.Architecture.Status.Violations
	if d.Part {
		violations = nil
	}
	if len(causes)+len(violations) == 0 {
		d.line("No problems detected.")
	}
	for i := range causes {
		d.cause(&causes[i])
	}
	for _, v := range violations {
		d.line("- **Rule %s** is violated: %s", markdown(v.Rule), markdown(v.Message))
	}
	first := true
	for _, a := range d.advisories() {
		deadline, ok := catalog.DeadlineOf(&a.Advisory, d.ObservedAt)
		if !ok {
			continue
		}
		if first {
			d.heading(2, "Retirements")
			first = false
		}
		when := deadline.String()
		if deadline.Near() {
			when = "! " + when
		}
		d.line("- **%s**: %s: %s%s", markdown(a.component.Spec.Component), markdown(when), markdown(a.Message), more(a.URL))
	}
}

func (d *document) cause(c *v1alpha1.Cause) {
	since := ""
	if age := d.age(c.Since.Time); age != "" {
		since = ", for " + age
	}
	if c.Severity == v1alpha1.SeverityMinor {
		since += ", minor"
	}
	d.line("- **%s**%s: %s", markdown(titleOf(c)), since, markdown(detailOf(c)))
	d.line("  - Affects: %s", markdown(d.affects(c, len(c.Components))))
	d.line("  - Who acts: %s", markdown(d.who(c)))
	if c.Next != "" {
		d.line("  - Next: %s", code(c.Next))
	}
	if url := webAddress(c.URL); url != "" {
		d.line("  - See: %s", link(url, url))
	}
}

func (d *document) version() string {
	if v := d.Architecture.Status.KubernetesVersion; v != "" {
		return ", Kubernetes " + markdown(v)
	}
	return ""
}

// table is the mapping table: a row for each component, a row of its own for each category.
func (d *document) table() {
	d.heading(2, "OSS Kubernetes ↔ "+d.words.short+" Component Mapping")
	header := []string{"OSS Kubernetes Component", d.words.short + " Implementation", "Repository/Source", "Implementation Method", "Implementation Details"}
	if d.Live {
		header = append(header, "Found As", "Observed Method", "Present", "Healthy", "Version", "As Documented")
	}
	for i := range header {
		header[i] = markdown(header[i])
	}
	d.row(header...)
	d.row(slices.Repeat([]string{"---"}, len(header))...)
	var category v1alpha1.Category
	for i, c := range d.all {
		if i == 0 || c.Spec.Category != category {
			category = c.Spec.Category
			d.row(append([]string{"**" + markdown(categoryTitle(category)) + "**"}, make([]string, len(header)-1)...)...)
		}
		doc := c.Spec.Implementation
		cells := []string{"**" + markdown(c.Spec.Component) + "**", markdown(doc.Name), link(doc.Source.Name, webAddress(doc.Source.URL)),
			"**" + markdown(d.words.methodNames(doc.Methods)) + "**", bullets(statements(doc))}
		if d.Live {
			cells = append(cells, d.observed(c)...)
		}
		d.row(cells...)
	}
}

func (d *document) row(cells ...string) { d.line("| %s |", strings.Join(cells, " | ")) }

// observed returns the live columns of a component.
func (d *document) observed(c component) []string {
	if !c.isPresent() {
		return []string{"", "", markdown(string(c.is(v1alpha1.ConditionPresent).Status)) + " (" + c.state.Word() + ")", "", "", ""}
	}
	return []string{
		markdown(c.implementation()), markdown(d.words.methodNames(c.Status.Methods)), "True",
		markdown(string(c.is(v1alpha1.ConditionHealthy).Status)) + " (" + c.state.Word() + ")", markdown(c.Status.Version),
		markdown(c.documentation()),
	}
}

// documentation says whether the component is as documented.
func (c component) documentation() string {
	is := c.is(v1alpha1.ConditionAsDocumented)
	if is.Reason == v1alpha1.ReasonKnownDifference {
		return string(is.Status) + " (" + is.Reason + ")"
	}
	return reasoned(is.Status, is.Reason)
}

// reasoned returns a status, with its reason unless it is True.
func reasoned[T ~string](status T, reason string) string {
	if string(status) == string(metav1.ConditionTrue) || reason == "" {
		return string(status)
	}
	return string(status) + " (" + reason + ")"
}

// statements returns the details of an implementation, with the image and the version unless they are among them.
func statements(doc v1alpha1.Implementation) []string {
	out := slices.Clone(doc.Details)
	for _, fact := range []struct{ what, value string }{{headImage, doc.Image}, {headVersion, doc.MinVersion}} {
		if fact.value == "" || slices.ContainsFunc(out, func(s string) bool { return strings.Contains(s, fact.value) }) {
			continue
		}
		text := fact.what + ": " + fact.value
		if fact.what == headVersion {
			text += "+"
		}
		out = append(out, text)
	}
	return out
}

// bullets returns statements within a cell.
func bullets(statements []string) string {
	parts := make([]string, len(statements))
	for i, s := range statements {
		parts[i] = "• " + markdown(s)
	}
	return strings.Join(parts, "<br/>")
}

func (d *document) methods() {
	d.heading(2, "Implementation Method Details")
	d.heading(3, "Deployment Types Explained")
	for _, m := range methodWords {
		documented, observed := d.countMethod(m.method)
		if documented+observed == 0 {
			continue
		}
		d.line("- **%s**: %s.%s", markdown(d.words.methodName(m.method)), m.explanation(markdown(d.words.provider)),
			d.live(" Documented for %d of the components, observed for %d.", documented, observed))
	}
}

// live returns a text in documents with live numbers, and nothing in others.
func (d *document) live(format string, args ...any) string {
	if !d.Live {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

func (d *document) countMethod(methods ...v1alpha1.ImplementationMethod) (documented, observed int) {
	for _, c := range d.all {
		among := func(m v1alpha1.ImplementationMethod) bool { return slices.Contains(methods, m) }
		if slices.ContainsFunc(c.Spec.Implementation.Methods, among) {
			documented++
		}
		if slices.ContainsFunc(c.Status.Methods, among) {
			observed++
		}
	}
	return documented, observed
}

// keyDetails lists the components with more details than a row shows: where the code is, what is
// installed, what a cluster shows of it.
func (d *document) keyDetails() {
	d.heading(3, "Key Component Implementation Details")
	for _, c := range d.all {
		if len(c.Spec.Implementation.Artifacts) > 0 {
			d.keyDetail(c)
		}
	}
}

func (d *document) keyDetail(c component) {
	doc := c.Spec.Implementation
	d.heading(4, doc.Name)
	if url := webAddress(doc.Source.URL); url != "" {
		d.line("- **Repository**: %s", link(string(doc.Source.URL), url))
	} else {
		d.line("- **Source**: %s", markdown(doc.Source.Name))
	}
	d.line("- **Deployment method**: %s", markdown(d.words.methodNames(doc.Methods)))
	for _, kind := range artifactWords {
		for _, a := range doc.Artifacts {
			if a.Type == kind.artifact {
				d.line("- **%s**: %s%s", kind.name, code(a.Name), described(a.Description))
			}
		}
	}
	var places []string
	for _, w := range workloads(c) {
		places = append(places, code(w))
	}
	if len(places) > 0 {
		d.line("- **In the cluster**: %s", joined(places))
	}
	for _, v := range c.Spec.Variants {
		found := ""
		if d.Live && slices.Contains(c.Status.Variants, v.Name) {
			found = " (found)"
		}
		d.line("- **Variant %s**%s: %s", markdown(v.Name), found, markdown(v.Description))
	}
	if d.Live && c.Status.Image != "" {
		d.line("- **Image in use**: %s, version %s", code(c.Status.Image), markdown(c.Status.Version))
	}
	for _, a := range catalog.AdvisoriesOf(c.ComponentMapping) {
		when := a.Date
		if d.Live {
			when = d.when(&a)
		}
		d.line("- **%s**%s: %s%s", markdown(string(a.Type)), dated(when), markdown(a.Message), more(a.URL))
	}
}

func described(text string) string {
	if text == "" {
		return ""
	}
	return ": " + markdown(text)
}

func more(address v1alpha1.WebAddress) string {
	if url := webAddress(address); url != "" {
		return " (" + link("learn more", url) + ")"
	}
	return ""
}

func dated(date string) string {
	if date == "" {
		return ""
	}
	return " (" + markdown(date) + ")"
}

var artifactWords = []struct {
	artifact v1alpha1.ArtifactType
	name     string
}{
	{"Image", headImage}, {"Binary", "Binary"}, {"ConfigFile", "Configuration file"}, {"SourceFile", "Key implementation file"}, {"Package", "Package"},
}

// workloads returns those that the checks of a component look for: Deployment kube-system/coredns.
func workloads(c component) []string {
	checks := slices.Clone(c.Spec.Checks)
	for _, v := range c.Spec.Variants {
		checks = append(checks, v.Checks...)
	}
	var out []string
	for _, check := range checks {
		w := check.Workload
		if w == nil || !catalog.Belongs(&check) || catalog.Method(&check) == "" {
			continue // no part of the component
		}
		names := w.Names
		if w.NamePrefix != "" {
			names = []v1alpha1.ObjectName{v1alpha1.ObjectName(w.NamePrefix) + "*"}
		}
		for _, name := range names {
			if text := msg.Object(string(w.Kind), string(w.Namespace), string(name)); !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

func (d *document) flow() error {
	d.heading(2, "Architecture Flow")
	diagram := Draw(d.Report, DiagramOptions{Documented: !d.Live, Uncounted: d.Live})
	language, draw := "text", func(w io.Writer) error { return diagram.ASCII(w, ASCIIOptions{}) }
	if d.Mermaid {
		language, draw = "mermaid", diagram.Mermaid
	}
	d.line("```%s", language)
	if err := draw(&d.out); err != nil {
		return err
	}
	d.line("```")
	return nil
}

// departures are where the cluster is not what the document says.
func (d *document) departures() {
	d.heading(2, "Differences from the Documentation")
	departures, known := Departures(d.Report, false), d.knownDifferences()
	switch {
	case len(departures) > 0:
	case known != "":
		d.line("Only differences that the catalog explains.")
	default:
		d.line("No differences found.")
	}
	for _, x := range departures {
		d.line("- **%s** (%s): %s", markdown(x.Component), markdown(x.Reason), markdown(x.Message))
	}
	if known != "" {
		d.line("\n%s", markdown(known))
	}
}

// unmappedWorkloads lists the provider's workloads that the table does not have, if there are any.
func (d *document) unmappedWorkloads() {
	found, notes := d.unmapped(), d.unmappedNotes()
	if len(found)+len(notes) == 0 {
		return
	}
	d.heading(2, "Not in the Catalog")
	for _, w := range found {
		text := w.Words()
		if w.Message != "" {
			text += ": " + w.Message
		}
		d.line("- **%s** (%s), operated by: %s. %s", markdown(w.Title()), code(w.Image), markdown(w.Owner()), markdown(text))
	}
	for _, note := range notes {
		d.line("\n%s", markdown(note))
	}
}

func (d *document) references() {
	d.heading(2, "References")
	seen := map[string]bool{}
	for _, c := range d.all {
		for _, r := range c.Spec.Implementation.References {
			if key := r.Name + "\n" + string(r.URL); !seen[key] {
				seen[key] = true
				d.line("- %s", link(r.Name, webAddress(r.URL)))
			}
		}
	}
}
