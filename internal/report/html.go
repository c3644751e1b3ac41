// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

//go:embed html/page.html html/page.css html/page.js
var pageFiles embed.FS

var (
	pageTemplate = template.Must(template.New("").Funcs(template.FuncMap{"text": isolate, "id": componentID, "span": span}).
			ParseFS(pageFiles, "html/page.html"))
	pageStyle  = diagramCSS + pageFile("html/page.css")
	pageScript = pageFile("html/page.js")
)

func pageFile(name string) string {
	text, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// isolate shows any text so that its direction does not touch that of the text around it.
func isolate(value any) template.HTML {
	return template.HTML("<bdi>" + html.EscapeString(Clean(fmt.Sprint(value))) + "</bdi>") //nolint:gosec // it is escaped
}

// span is over how many columns of the drawing boxes run, at most.
func span(boxes []Box) int { return min(svgColumns, len(boxes)) }

// HTMLOptions configure HTML.
type HTMLOptions struct {
	// Events is the path from which a page that is served hears of newer reports: server-sent events named
	// main, whose data is what HTMLMain writes. Without it the page asks nothing of anybody.
	Events string
}

// HTML writes a report as a self-contained page.
func HTML(w io.Writer, r *Report, o HTMLOptions) error {
	var main bytes.Buffer
	if err := HTMLMain(&main, r); err != nil {
		return err
	}
	return pageTemplate.ExecuteTemplate(w, "page", map[string]any{
		"Title": pageTitle(r), "Policy": HTMLPolicy(o), "Events": o.Events,
		"Style": template.CSS(pageStyle), "Script": template.JS(pageScript), //nolint:gosec // they are our own
		"Main": template.HTML(main.String()), //nolint:gosec // it is the output of a template
	})
}

// HTMLMain writes only the element main of the page. The page's archmap.update replaces its main with it, and keeps the
// reader's filter, order, focus and open details.
func HTMLMain(w io.Writer, r *Report) error {
	return pageTemplate.ExecuteTemplate(w, "main", newPageView(r))
}

// HTMLPolicy returns the Content-Security-Policy of the page: its own script and style, and nothing else.
func HTMLPolicy(o HTMLOptions) string {
	parts := []string{
		"default-src 'none'", "style-src " + hashSource(pageStyle), "script-src " + hashSource(pageScript),
		"img-src data:", "base-uri 'none'", "form-action 'none'",
	}
	if o.Events != "" {
		parts = append(parts, "connect-src 'self'")
	}
	return strings.Join(parts, "; ")
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func pageTitle(r *Report) string {
	title := r.Verdict().WordOfWhole() + ": " + r.platform().short
	if r.isElsewhere() {
		title = r.Verdict().WordOfWhole() + ": not " + r.platform().short + ":"
	}
	if r.Source != "" {
		title += " " + Clean(r.Source)
	}
	return title
}

// heading returns what the page is about.
func (r *Report) heading() string {
	if r.isElsewhere() {
		return "A cluster that is not " + r.platform().name
	}
	return r.platform().name
}

// pageView is what the page shows.
type pageView struct {
	report *Report

	Title, Platform, VerdictWord, Source, KubernetesVersion, Nodes, ObservedAt string

	Verdict    catalog.State
	Notes      []string
	Conditions []metav1.Condition
	Causes     []causeView
	Violations []v1alpha1.Violation
	Deadlines  []deadlineView
	Drawing    Diagram
	Categories []categoryView
	States     []catalog.State
	Counts     map[catalog.State]int
	Components []componentView
	Unmapped   []unmappedWorkload
	// UnmappedNotes say what is not among them.
	UnmappedNotes []string
	Pools         []poolView
	Upgrades      []v1alpha1.VersionSkew
	Differences   []Departure
	Known         string
	// Advisories are those that no deadline tells; Corrections are errors of the documentation.
	Advisories, Corrections []advisoryView
}

// deadlineView is a retirement of what is there.
type deadlineView struct {
	advisoryView

	// Near says that it is time to act.
	Near bool
}

// Age and Stamp are for the template. What was first observed when the report was made has no age.
func (v pageView) Age(t time.Time) string   { return v.report.age(t) }
func (v pageView) Stamp(t time.Time) string { return stamp(t) }

type causeView struct {
	Title, Message, Since, Advice string
	Who, Next, URL                string
	// Minor says that it is tolerated.
	Minor      bool
	Components []componentLink
}

type categoryView struct {
	Value v1alpha1.Category
	Title string
}

// componentLink leads to the evidence of a component.
type componentLink struct{ ID, Title string }

type componentView struct {
	componentLink

	Index, StateOrder, CategoryOrder int
	SinceSort                        int64
	Name, Text, Message, Call        string
	Category                         v1alpha1.Category
	AsDocumented                     string
	// Reason of a state that calls for action.
	Reason string
	// Known is that it differs from its documentation as the catalog says.
	Known                    bool
	State                    catalog.State
	Differs, Found, Optional bool
	// Folded says that its row is shown only when asked for.
	Folded                           bool
	Implementation, Method           string
	DocumentedMethod, ObservedMethod string
	Version, Image, Evidence         string
	SourceURL                        string
	Since                            time.Time
	OperatedBy                       v1alpha1.Operator
	Documented                       v1alpha1.Implementation
	Variants                         []v1alpha1.Variant
	Conditions                       []metav1.Condition
	Checks                           []checksView
	Advisories                       []advisoryView
	References                       []referenceView
}

type checksView struct {
	Title  string
	Checks []singleCheckView
}

type singleCheckView struct {
	Name, Words, Message, Version, Objects, Age string
	State                                       catalog.State
}

type advisoryView struct {
	Component                componentLink
	Type                     v1alpha1.AdvisoryType
	Date, When, Message, URL string
}

type referenceView struct{ Name, URL string }

type poolView struct {
	v1alpha1.NodePool
	Ready string
	State catalog.State
}

func newPageView(r *Report) pageView {
	components, words := r.components(), r.platform()
	slices.SortStableFunc(components, byUrgency)
	status := r.Architecture.Status
	v := pageView{
		report: r, Title: pageTitle(r), Platform: r.heading(), VerdictWord: r.Verdict().WordOfWhole(), Source: r.Source,
		KubernetesVersion: status.KubernetesVersion, ObservedAt: stamp(r.ObservedAt), Verdict: r.Verdict(),
		Notes: r.Notes(), Conditions: r.briefConditions(), Causes: r.causeViews(), Violations: status.Violations,
		Unmapped: r.unmapped(), UnmappedNotes: r.unmappedNotes(), Drawing: Draw(r, DiagramOptions{Uncounted: true}),
		Differences: Departures(r, false), Known: r.knownDifferences(), Upgrades: r.upgrades(),
	}
	if ready, total := r.nodes(); total > 0 {
		v.Nodes = fmt.Sprintf("%d of %s ready", ready, msg.Count(int(total), "node"))
	}
	for i, c := range components {
		view := r.componentView(c, words)
		view.Index = i
		v.Components = append(v.Components, view)
		if category := (categoryView{c.Spec.Category, categoryTitle(c.Spec.Category)}); !slices.Contains(v.Categories, category) {
			v.Categories = append(v.Categories, category)
		}
	}
	slices.SortFunc(v.Categories, func(a, b categoryView) int {
		return cmp.Compare(slices.Index(v1alpha1.Categories, a.Value), slices.Index(v1alpha1.Categories, b.Value))
	})
	v.Counts = counts(components)
	for _, s := range catalog.States {
		if v.Counts[s] > 0 {
			v.States = append(v.States, s)
		}
	}
	for _, pool := range status.NodePools {
		v.Pools = append(v.Pools, poolView{pool, readyNodes(pool), poolState(pool, components)})
	}
	slices.SortStableFunc(v.Pools, func(a, b poolView) int { return worstFirst(a.State, b.State) })
	v.addAdvisories()
	return v
}

// causeViews are the causes as cards.
func (r *Report) causeViews() []causeView {
	var out []causeView
	causes := r.causes()
	for i := range causes {
		c := &causes[i]
		view := causeView{Title: titleOf(c), Message: detailOf(c), Since: r.age(c.Since.Time), Advice: reasonWords[c.Reason],
			Minor: c.Severity == v1alpha1.SeverityMinor, Who: r.who(c), Next: c.Next, URL: webAddress(c.URL)}
		for _, name := range c.Components {
			view.Components = append(view.Components, r.linkTo(name))
		}
		out = append(out, view)
	}
	return out
}

// addAdvisories tells each advisory once: as a deadline, as a correction, or as another one.
func (v *pageView) addAdvisories() {
	for _, a := range v.report.advisories() {
		view := v.report.viewAdvisory(a.component, a.Advisory)
		if d, ok := catalog.DeadlineOf(&a.Advisory, v.report.ObservedAt); ok {
			v.Deadlines = append(v.Deadlines, deadlineView{view, d.Near()})
		} else {
			v.Advisories = append(v.Advisories, view)
		}
	}
	for _, a := range v.report.corrections() {
		v.Corrections = append(v.Corrections, v.report.viewAdvisory(a.component, a.Advisory))
	}
}

// briefConditions leave to the causes what is unhealthy.
func (r *Report) briefConditions() []metav1.Condition {
	out := r.conditions()
	for i := range out {
		if out[i].Type == v1alpha1.ConditionHealthy && out[i].Status == metav1.ConditionFalse {
			out[i].Message = "see Causes"
		}
	}
	return out
}

func (r *Report) linkTo(name string) componentLink {
	if c, ok := r.component(name); ok {
		return c.link()
	}
	return componentLink{ID: componentID(name), Title: name}
}

func (c component) link() componentLink {
	return componentLink{ID: componentID(c.Name), Title: cmp.Or(strings.TrimSpace(Clean(c.Spec.Component)), c.Name)}
}

// componentID returns a name as the id of an element, and as the fragment of an address.
func componentID(name string) string {
	var out strings.Builder
	out.WriteString("component-")
	for _, r := range name {
		if r == '-' || r == '.' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "_%x_", r)
		}
	}
	return out.String()
}

func (r *Report) componentView(c component, words platform) componentView {
	doc := c.Spec.Implementation
	v := componentView{
		componentLink: c.link(), Name: Clean(c.Name), State: c.state, Differs: c.differs(),
		Known: len(c.Status.Differences) > 0 && !c.differs(), Found: c.isPresent(),
		StateOrder: slices.Index(catalog.States, c.state), Category: c.Spec.Category,
		CategoryOrder: slices.Index(v1alpha1.Categories, c.Spec.Category), Optional: catalog.Optional(c.ComponentMapping),
		Implementation: c.implementation(), Method: c.Status.MethodSummary, Version: c.Status.Version, Image: c.Status.Image,
		DocumentedMethod: words.methodNames(doc.Methods), ObservedMethod: words.methodNames(c.Status.Methods),
		AsDocumented: string(c.is(v1alpha1.ConditionAsDocumented).Status), Message: c.Status.Message,
		Evidence: evidenceWords[c.Status.Evidence], SourceURL: webAddress(doc.Source.URL), Since: c.since(), SinceSort: c.since().Unix(),
		Folded: c.folds(), OperatedBy: c.operatedBy(), Call: words.call(c.operatedBy(), c.bad()), Documented: doc, Conditions: c.conditions(),
	}
	v.Text = strings.ToLower(Clean(strings.Join([]string{
		c.Name, c.Spec.Component, doc.Name, v.Implementation, v.Method, v.ObservedMethod, v.Version, v.Message, c.reason(), v.State.Word(),
	}, " ")))
	if c.bad() {
		v.Reason = c.reason()
	}
	for _, variant := range c.Spec.Variants {
		if slices.Contains(c.Status.Variants, variant.Name) {
			v.Variants = append(v.Variants, variant)
		}
	}
	for _, part := range c.evidence() {
		view := checksView{Title: part.title}
		for _, check := range part.checks {
			view.Checks = append(view.Checks, singleCheckView{
				Name: check.short, Words: check.verdict(), Message: check.reasoned(), Version: strings.TrimSpace(check.Image + " " + check.Version),
				Objects: check.objects(allObjects), State: check.state, Age: r.age(check.LastTransitionTime.Time),
			})
		}
		v.Checks = append(v.Checks, view)
	}
	for _, a := range catalog.AdvisoriesOf(c.ComponentMapping) {
		v.Advisories = append(v.Advisories, r.viewAdvisory(c, a))
	}
	for _, reference := range doc.References {
		v.References = append(v.References, referenceView{reference.Name, webAddress(reference.URL)})
	}
	return v
}

func (r *Report) viewAdvisory(c component, a v1alpha1.Advisory) advisoryView {
	return advisoryView{Component: c.link(), Type: a.Type, Date: a.Date, When: r.when(&a), Message: a.Message, URL: webAddress(a.URL)}
}
