// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/displaywidth"
	. "github.com/onsi/gomega"
	"golang.org/x/net/html"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// nasty are texts that have broken pages, terminals and spreadsheets.
var nasty = []string{
	"plain", "", " ", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title></style></script></textarea><!--", "{{.}}", "${x} #{y} %s %d",
	"a|b||c", "back`tick` ``` ```", `back\slash \| \\|`, "*bold* _it_ ~x~ [l](javascript:alert(1)) ![i](x)", "<https://x.example>", "# head", "- item", "1. item", "=1+1", "+cmd|' /C calc'!A0", "@me", "-1",
	"line\nbreak\r\nand\ttab", "\x1b[31mred\x1b[0m\x07", "\x00\x01\x7f", "\u202eevil\u202c", "\u2066a\u2069 \u200f\u200e\u061c", "שלום עולם", "日本語のコンポーネント", "👩‍👩‍👧‍👦 é e\u0301", "\xff\xfe", "\ufffe\uffff\u2028\u2029",
	`end`, `%%{init: {"theme":"x"}}%%`, "a;b\"c'd", "click n1 alert", "]]>", "&amp;&lt;&#60;", strings.Repeat("w", 5000), strings.Repeat("wide 漢字 ", 300), "a,b\n\"c\"", "--x--", "data:text/html,x",
}

// hostile returns a cluster whose every text is the given one.
func hostile(t testing.TB, text string) *report.Report {
	r := reportOf(t, reporttest.Modern)
	r.Mappings = r.Mappings[:6]
	for i := range r.Mappings {
		m := &r.Mappings[i]
		doc := &m.Spec.Implementation
		m.Spec.Component, doc.Name, doc.Image, doc.MinVersion = text, text, text, text
		doc.Source = v1alpha1.Source{Name: text, URL: v1alpha1.WebAddress(text)}
		doc.Details = []string{text, text}
		doc.Artifacts = []v1alpha1.Artifact{{Name: text, Type: "Binary", Description: text}}
		doc.References = []v1alpha1.Reference{{Name: text, URL: v1alpha1.WebAddress(text)}, {Name: text, URL: "javascript:alert(1)"}, {Name: text, URL: "javascript://a.example/%0aalert(1)"}}
		doc.Advisories = []v1alpha1.Advisory{{Type: v1alpha1.AdvisoryNote, Message: text, Date: text, URL: v1alpha1.WebAddress(text)}}
		s := &m.Status
		s.Implementation, s.MethodSummary, s.Version, s.Image, s.Message, s.Variant = text, text, text, text, text, text
		for j := range s.Conditions {
			s.Conditions[j].Message, s.Conditions[j].Reason = text, text
		}
		for j := range s.Checks {
			c := &s.Checks[j]
			c.Message, c.Reason, c.Version, c.Image = text, text, text, text
			c.Objects = []v1alpha1.ObservedObject{{Kind: text, Namespace: text, Name: text}}
		}
	}
	// The name of a mapping in a dump may be anything; names differ.
	r.Mappings[0].Name = text
	a := &r.Architecture.Status
	a.KubernetesVersion = text
	a.NodePools = []v1alpha1.NodePool{{Name: text, Mode: text, OS: text, KubeletVersions: text, ContainerRuntimes: text, NodeImages: text}}
	a.Causes = []v1alpha1.Cause{{Reason: text, Message: text, Components: []string{text, "etcd"}, Next: text, URL: v1alpha1.WebAddress(text),
		Subject: v1alpha1.ObservedObject{Kind: text, Namespace: text, Name: text}, OperatedBy: v1alpha1.Operator(text)}}
	a.Violations = []v1alpha1.Violation{{Rule: text, Message: text}}
	a.Skews = []v1alpha1.VersionSkew{{Type: v1alpha1.SkewTooFarBehind, Name: text, Message: text}, {Type: v1alpha1.SkewMixedKubelets, Name: text, Message: text}}
	a.Message, a.Abstract = text, []string{text}
	for i := range a.Conditions {
		// The platform is detected in every other report: what is told of both is seen.
		if a.Conditions[i].Message = text; a.Conditions[i].Type != v1alpha1.ConditionPlatformDetected || len(text)%2 == 0 {
			a.Conditions[i].Status = metav1.ConditionFalse
		}
	}
	r.Source = text
	return r
}

func FuzzEscaping(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := hostile(t, text)
		checkHTML(t, r)
		checkSVG(t, r)
		checkMermaid(t, r)
		checkCSV(t, r)
		checkMarkdown(t, r)
		checkText(t, r)
	})
}

// shown returns a text as every output shows it: one line, without what is no text.
func shown(text string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\ufffd") {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case unicode.Is(unicode.Bidi_Control, r):
			continue
		case unicode.IsControl(r) || unicode.Is(unicode.Noncharacter_Code_Point, r):
			r = '\ufffd'
		}
		out.WriteRune(r)
	}
	return out.String()
}

// pageElements are the elements that the page is made of.
var pageElements = strings.Fields(`html head meta title link style body a header p nav ul li main h1 h2 h3 h4 div span bdi code strong br dl dt dd time
	form label input select option button table caption thead tbody tr th td details summary footer script`)

func checkHTML(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	root, err := html.Parse(strings.NewReader(written(t, func(w io.Writer) error { return report.HTML(w, r, report.HTMLOptions{}) })))
	g.Expect(err).NotTo(HaveOccurred())
	scripts, rows, ids := 0, []string{}, map[string]int{}
	for n := range root.Descendants() {
		if n.Type == html.CommentNode {
			t.Error("a comment: " + n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		g.Expect(pageElements).To(ContainElement(n.Data))
		if n.Data == "script" {
			scripts++
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "srcdoc" || a.Key == "action":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href":
				g.Expect(a.Val).To(Or(HavePrefix("#"), HavePrefix("https://"), HavePrefix("http://"), Equal("data:,")))
			case a.Key == "id":
				ids[a.Val]++
				g.Expect(a.Val).NotTo(MatchRegexp(`\s`))
			case a.Key == "data-name":
				rows = append(rows, a.Val)
			}
		}
	}
	g.Expect(scripts).To(Equal(1))
	for id, n := range ids {
		g.Expect(n).To(Equal(1), "id %q is there %d times", id, n)
	}
	var names []string
	for _, name := range report.ComponentNames(r) {
		names = append(names, shown(name))
	}
	g.Expect(rows).To(ConsistOf(names))
}

func checkSVG(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	decoder := xml.NewDecoder(strings.NewReader(written(t, report.Draw(r, report.DiagramOptions{}).SVG)))
	titles := []string{}
	inTitle := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		switch e := token.(type) {
		case xml.StartElement:
			g.Expect([]string{"svg", "title", "desc", "style", "rect", "text", "tspan", "path"}).To(ContainElement(e.Name.Local))
			inTitle = e.Name.Local == "title"
			for _, a := range e.Attr {
				g.Expect(a.Name.Local).NotTo(Or(HavePrefix("on"), Equal("style"), Equal("href")))
			}
		case xml.CharData:
			if inTitle {
				titles = append(titles, string(e))
			}
		case xml.EndElement:
			inTitle = false
		}
	}
	g.Expect(titles).To(ContainElement(HavePrefix(strings.TrimSpace(shown(r.Mappings[1].Spec.Component)))))
}

var (
	mermaidLine = regexp.MustCompile(`^ *(flowchart TB|subgraph g\d+\["[^"]*"\]|direction TB|end|n\d+\["[^"]*"\]:::[a-z-]+|class n\d+ differs|n\d+ ~~~ n\d+|` +
		`g\d+ -->\|"[^"]*"\| g\d+|g\d+ ~~~ g\d+|classDef [a-z-]+ [a-z0-9:#, -]+)$`)
	mermaidEntity = regexp.MustCompile(`#(\d+);`)
	mermaidMark   = regexp.MustCompile(`</?b>|<br/>`)
)

func checkMermaid(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	text := written(t, report.Draw(r, report.DiagramOptions{}).Mermaid)
	for line := range strings.Lines(text) {
		g.Expect(strings.TrimSuffix(line, "\n")).To(MatchRegexp(mermaidLine.String()))
		if _, label, ok := strings.Cut(line, `["`); ok {
			label, _, _ = strings.Cut(label, `"]`)
			g.Expect(mermaidEntity.ReplaceAllString(mermaidMark.ReplaceAllString(label, ""), "")).NotTo(ContainAny("<>\"'`%{}[]&;#\\|"))
		}
	}
	decoded := mermaidEntity.ReplaceAllStringFunc(text, func(e string) string {
		n, err := strconv.Atoi(e[1 : len(e)-1])
		g.Expect(err).NotTo(HaveOccurred())
		return string(rune(n))
	})
	g.Expect(decoded).To(ContainSubstring("<b>" + shown(r.Mappings[1].Spec.Component) + "</b>"))
}

// ContainAny matches a text with one of the characters.
func ContainAny(characters string) OmegaMatcher {
	return WithTransform(func(s string) bool { return strings.ContainsAny(s, characters) }, BeTrue())
}

func checkCSV(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	grid := report.Table(r, true)
	records, err := csv.NewReader(strings.NewReader(written(t, grid.CSV))).ReadAll()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(records).To(HaveLen(len(r.Mappings) + 1))
	g.Expect(records[1]).To(HaveLen(len(grid.Header)))
	component := records[1][1]
	g.Expect(component).NotTo(Or(HavePrefix("="), HavePrefix("+"), HavePrefix("-"), HavePrefix("@")))
	g.Expect(component).To(Or(Equal(shown(r.Mappings[1].Spec.Component)), Equal("'"+shown(r.Mappings[1].Spec.Component))))
}

var (
	inlineHTML = regexp.MustCompile(`<br/>|<https?://[^ <>]+>`)
	inlineCode = regexp.MustCompile("(^|[^\\\\])`[^`]+`")
)

// grids returns all listings of a report.
func grids(r *report.Report) map[string]report.Grid {
	return map[string]report.Grid{
		"table": report.Table(r, true), "pools": report.NodePools(r), "advisories": report.Advisories(r),
		"departures": report.DepartureTable(report.Departures(r, true)), "changes": report.Compare(&report.Report{}, r).Table(),
		"clusters": report.Clusters([]report.Cluster{{Name: r.Source, Report: r}, {Name: "b", Err: errors.New(r.Source)}}, true),
	}
}

func checkMarkdown(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	for _, table := range grids(r) {
		rows := 0
		for line := range strings.Lines(written(t, table.Markdown)) {
			if strings.HasPrefix(line, "|") {
				rows++
				g.Expect(columns(line)).To(Equal(len(table.Header)), line)
			} else {
				g.Expect(inlineHTML.ReplaceAllString(line, "")).NotTo(ContainAny("<>"), line)
			}
		}
		g.Expect(rows).To(Equal(2 + len(table.Rows)))
	}
	document := written(t, func(w io.Writer) error { return report.Document(w, r, report.DocumentOptions{Live: true}) })
	fenced, fences, tables := false, 0, 0
	for line := range strings.Lines(document) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			fences++
			continue
		}
		if fenced {
			continue
		}
		line = inlineCode.ReplaceAllString(line, "$1")
		g.Expect(inlineHTML.ReplaceAllString(line, "")).NotTo(ContainAny("<>"), line)
		g.Expect(line).NotTo(MatchRegexp(`[^\\]\]\((?:[^h]|h[^t])`), "a link to elsewhere")
		if strings.HasPrefix(line, "|") {
			tables++
			g.Expect(columns(line)).To(Equal(11), line)
		}
	}
	g.Expect(fences).To(Equal(2))
	categories := map[v1alpha1.Category]bool{}
	for _, m := range r.Mappings {
		categories[m.Spec.Category] = true
	}
	g.Expect(tables).To(Equal(2 + len(r.Mappings) + len(categories)))
}

// columns of a row, as GitHub counts them.
func columns(line string) int {
	n := -1
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '|':
			n++
		}
	}
	return n
}

// checkText: a terminal gets letters and line ends, and colors of our own where they are asked for.
func checkText(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	checkLines(t, r)
	outputs := map[string]string{"summary": report.Summary(r), "names": strings.Join(report.ObjectNames(r), "\n")}
	for _, color := range []bool{false, true} {
		write := func(name string, to func(io.Writer) error) {
			outputs[fmt.Sprintf("%s, color %t", name, color)] = written(t, to)
		}
		for name, grid := range grids(r) {
			write(name, func(w io.Writer) error { return grid.Text(w, color) })
		}
		write("explain", func(w io.Writer) error {
			return report.Explain(w, r, &r.Mappings[0], report.ExplainOptions{Color: color})
		})
		write("screen", func(w io.Writer) error { return report.Screen(w, r, report.View{Color: color, Wide: true}) })
		for _, plain := range []bool{false, true} {
			write(fmt.Sprintf("drawing, plain %t", plain), func(w io.Writer) error {
				return report.Draw(r, report.DiagramOptions{}).ASCII(w, report.ASCIIOptions{Plain: plain, Color: color})
			})
		}
	}
	for name, text := range outputs {
		if strings.HasSuffix(name, "color true") {
			text = ownColors.ReplaceAllString(text, "")
		}
		bad := strings.IndexFunc(text, func(c rune) bool {
			return c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c))
		})
		g.Expect(bad).To(Equal(-1), name)
	}
}

// ownColors are those that the report may use.
var ownColors = regexp.MustCompile("\x1b\\[(0|2|31|32|33|36|31;1)m")

// checkLines: whatever the texts, listings have their lines and drawings their width.
func checkLines(t *testing.T, r *report.Report) {
	g := NewWithT(t)
	table := report.Table(r, true)
	table.Notes = nil
	g.Expect(slices.Collect(strings.Lines(written(t, func(w io.Writer) error { return table.Text(w, false) })))).To(HaveLen(len(r.Mappings) + 1))
	for _, plain := range []bool{false, true} {
		drawing := written(t, func(w io.Writer) error {
			return report.Draw(r, report.DiagramOptions{}).ASCII(w, report.ASCIIOptions{Plain: plain})
		})
		for line := range strings.Lines(drawing) {
			line = strings.TrimSuffix(line, "\n")
			g.Expect(displaywidth.String(line)).To(BeNumerically("<=", 100), line)
			if strings.HasPrefix(line, "│ ") || strings.HasPrefix(line, "| ") {
				g.Expect(displaywidth.String(line)).To(Equal(100), line)
			}
			if plain {
				g.Expect(strings.IndexFunc(line, func(c rune) bool { return c > '~' })).To(Equal(-1), line)
			}
		}
	}
}
