// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/net/html"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

func page(t testing.TB, r *report.Report, o report.HTMLOptions) (*html.Node, string) {
	t.Helper()
	text := written(t, func(w io.Writer) error { return report.HTML(w, r, o) })
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return root, text
}

// elements that match, in the order of the document.
func elements(root *html.Node, match func(*html.Node) bool) []*html.Node {
	var out []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			out = append(out, n)
		}
	}
	return out
}

func named(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == name }
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func content(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

func withID(root *html.Node, id string) *html.Node {
	found := elements(root, func(n *html.Node) bool { return attr(n, "id") == id })
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// TestSaidOnce: the causes say what is unhealthy, and the counts how many; nothing says it again.
func TestSaidOnce(t *testing.T) {
	g := NewWithT(t)
	root, text := page(t, broken(t), report.HTMLOptions{})
	summary, _, _ := strings.Cut(text, `id="drawing"`)
	g.Expect(strings.Count(summary, "2 keep crashing")).To(Equal(1))
	g.Expect(text).To(ContainSubstring("see Causes"))
	main := content(withID(root, "main"))
	for count, times := range map[string]int{"31 ✓ healthy": 1, "1 ✗ unhealthy": 1, "of 6 nodes ready": 1, "components present": 0, "3 pools": 0} {
		g.Expect(strings.Count(main, count)).To(Equal(times), count)
	}

	_, text = page(t, reportOf(t, reporttest.Modern, reporttest.Gone(metrics)), report.HTMLOptions{})
	g.Expect(text).NotTo(ContainSubstring("see Causes"), "what is there is healthy")
}

// TestPageOrder: what needs action comes first, and the drawing and the table come after what they illustrate.
func TestPageOrder(t *testing.T) {
	g := NewWithT(t)
	r := broken(t)
	retire(r, 4)
	root, _ := page(t, r, report.HTMLOptions{})
	var sections []string
	level := 0
	for _, h := range elements(root, func(n *html.Node) bool {
		return len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] > '0' && n.Data[1] < '7'
	}) {
		at := int(h.Data[1] - '0')
		g.Expect(at).To(BeNumerically("<=", level+1), "a level is left out before %s", content(h))
		if level = at; at < 3 {
			sections = append(sections, attr(h, "id"))
		}
	}
	g.Expect(sections).To(Equal([]string{
		"summary", "causes", "deadlines", "drawing", "table", "evidence", "unmapped", "pools", "differences", "advisories"}))

	cards := elements(root, func(n *html.Node) bool { return attr(n, "class") == "card cause" })
	g.Expect(cards).To(HaveLen(1))
	g.Expect(content(cards[0])).To(SatisfyAll(ContainSubstring("CrashLooping: Deployment kube-system/coredns"), ContainSubstring("for 10m"),
		MatchRegexp(`Who acts\s*Provider: `), MatchRegexp(`Next\s*kubectl -n kube-system logs deployment/coredns`), MatchRegexp(`See\s*https://`)))

	deadlines := elements(root, func(n *html.Node) bool { return strings.HasPrefix(attr(n, "class"), "deadline") })
	g.Expect(deadlines).To(HaveLen(2))
	g.Expect(attr(deadlines[0], "class")).To(Equal("deadline near card"))
	g.Expect(content(deadlines[0])).To(SatisfyAll(HavePrefix("! "), ContainSubstring("kubelet"), ContainSubstring("4 days left")))
	g.Expect(attr(deadlines[1], "class")).NotTo(Equal("deadline near card"))
	g.Expect(content(deadlines[1])).To(SatisfyAll(Not(ContainSubstring("!")), ContainSubstring("57 days left")))
	listed := content(withID(root, "advisories").NextSibling.NextSibling)
	g.Expect(listed).NotTo(Or(ContainSubstring("Retirement"), ContainSubstring("Correction")), "said already, or no advisory of that kind")

	_, text := page(t, reportOf(t, reporttest.Elsewhere), report.HTMLOptions{})
	g.Expect(text).NotTo(ContainSubstring(`id="deadlines"`), "nothing is retired")
}

// TestPageTable: the table is in the order of check, and what check folds is marked.
func TestPageTable(t *testing.T) {
	g := NewWithT(t)
	r := fresh(taken(t, badDay))
	root, _ := page(t, r, report.HTMLOptions{})
	var names, folded []string
	for _, row := range elements(withID(root, "components"), func(n *html.Node) bool { return has(n, "data-name") }) {
		if has(row, "data-folded") {
			folded = append(folded, attr(row, "data-name"))
			continue
		}
		g.Expect(folded).To(BeEmpty(), "what is folded comes last")
		names = append(names, attr(row, "data-name"))
	}
	screen := written(t, func(w io.Writer) error { return report.Screen(w, r, report.View{}) })
	_, table, _ := strings.Cut(screen, "\nNAME ")
	table, rest, _ := strings.Cut(table, "\n\n")
	var listed []string
	for _, line := range strings.Split(table, "\n")[1:] {
		listed = append(listed, strings.Fields(line)[0])
	}
	g.Expect(names).To(Equal(listed))
	g.Expect(names[:4]).To(ConsistOf("kubelet", "coredns", "metrics-server", "cloud-controller-manager"), "the worst, then what is affected")
	for _, name := range folded {
		g.Expect(rest).To(ContainSubstring(name))
	}
	g.Expect(folded).NotTo(BeEmpty())
}

// TestPolicy: the page runs its own script and style, and asks nothing of anybody.
func TestPolicy(t *testing.T) {
	for name, tc := range map[string]struct {
		options report.HTMLOptions
		connect string
	}{
		"a file": {report.HTMLOptions{}, ""},
		"served": {report.HTMLOptions{Events: "/events"}, "; connect-src 'self'"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			root, text := page(t, broken(t), tc.options)
			hash := func(element string) string {
				found := elements(root, named(element))
				g.Expect(found).To(HaveLen(1))
				sum := sha256.Sum256([]byte(content(found[0])))
				return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			}
			meta := elements(root, func(n *html.Node) bool { return attr(n, "http-equiv") == "Content-Security-Policy" })
			g.Expect(meta).To(HaveLen(1))
			g.Expect(attr(meta[0], "content")).To(Equal("default-src 'none'; style-src " + hash("style") + "; script-src " + hash("script") +
				"; img-src data:; base-uri 'none'; form-action 'none'" + tc.connect))
			g.Expect(text).NotTo(MatchRegexp(`@import|url\(|src=|ZgotmplZ`))
			g.Expect(attr(elements(root, named("body"))[0], "data-events")).To(Equal(tc.options.Events))
			for _, link := range elements(root, named("link")) {
				g.Expect(attr(link, "href")).To(Equal("data:,"))
			}
		})
	}
}

// TestFragment: what is pushed later is what the page has.
func TestFragment(t *testing.T) {
	g := NewWithT(t)
	r := broken(t)
	main := written(t, func(w io.Writer) error { return report.HTMLMain(w, r) })
	_, text := page(t, r, report.HTMLOptions{})
	g.Expect(main).To(HavePrefix("<main "))
	g.Expect(text).To(ContainSubstring(main))
	g.Expect(main).To(ContainSubstring(`data-title="unhealthy: AKS overlay-cilium"`))
}

// TestPage: every component is in the drawing, in the table and in the evidence, in the same state; what leads
// somewhere leads to what is there.
func TestPage(t *testing.T) {
	for name, r := range map[string]*report.Report{reporttest.Documented: reportOf(t, reporttest.Documented), reporttest.Modern: broken(t)} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			root, _ := page(t, r, report.HTMLOptions{})
			rows := map[string]*html.Node{}
			for _, row := range elements(withID(root, "components"), func(n *html.Node) bool { return has(n, "data-name") }) {
				rows[attr(row, "data-name")] = row
			}
			g.Expect(rows).To(HaveLen(len(r.Mappings)))
			for i := range r.Mappings {
				m := &r.Mappings[i]
				state, row := catalog.StateOf(m), rows[m.Name]
				g.Expect(attr(row, "data-state")).To(BeEquivalentTo(state), m.Name)
				g.Expect(content(row)).To(SatisfyAll(ContainSubstring(m.Spec.Component), ContainSubstring(state.Word()), ContainSubstring(m.Status.Version)))
				drawn := elements(root, func(n *html.Node) bool { return attr(n, "data-component") == m.Name })
				g.Expect(drawn).NotTo(BeEmpty(), m.Name)
				for _, b := range drawn {
					g.Expect(strings.Fields(attr(b, "class"))[:2]).To(Equal([]string{"box", string(state)}))
					g.Expect(content(b)).To(ContainSubstring(state.Word()))
				}
				details := withID(root, attr(row, "data-details"))
				g.Expect(details).NotTo(BeNil(), m.Name)
				g.Expect(has(details, "open")).To(Equal(state.Bad()), m.Name)
				evidence := content(details)
				for _, d := range m.Spec.Implementation.Details {
					g.Expect(evidence).To(ContainSubstring(d))
				}
				for _, c := range m.Status.Checks {
					_, short, found := strings.Cut(c.Name, "/")
					if !found {
						short = c.Name
					}
					g.Expect(evidence).To(SatisfyAll(ContainSubstring(short), ContainSubstring(c.Message)))
					for _, o := range c.Objects {
						g.Expect(evidence).To(ContainSubstring(o.Name))
					}
				}
				g.Expect(evidence).To(ContainSubstring("Who to contact"))
			}
			for _, n := range elements(root, func(n *html.Node) bool { return strings.HasPrefix(attr(n, "href"), "#") }) {
				g.Expect(withID(root, strings.TrimPrefix(attr(n, "href"), "#"))).NotTo(BeNil(), attr(n, "href"))
			}
			for _, reference := range []string{"aria-labelledby", "for"} {
				for _, n := range elements(root, func(n *html.Node) bool { return has(n, reference) }) {
					for id := range strings.FieldsSeq(attr(n, reference)) {
						g.Expect(withID(root, id)).NotTo(BeNil(), id)
					}
				}
			}
		})
	}
}

// TestPageForAll: what screen readers, keyboards and readers without scripts need.
func TestPageForAll(t *testing.T) {
	g := NewWithT(t)
	root, _ := page(t, broken(t), report.HTMLOptions{})
	g.Expect(attr(elements(root, named("html"))[0], "lang")).To(Equal("en"))
	g.Expect(elements(root, named("h1"))).To(HaveLen(1))
	g.Expect(attr(elements(root, named("a"))[0], "href")).To(Equal("#main"), "the first link skips to the report")
	g.Expect(has(withID(root, "filter"), "hidden")).To(BeTrue(), "without a script it would do nothing")
	for _, table := range elements(root, named("table")) {
		g.Expect(elements(table, named("caption"))).To(HaveLen(1))
		for _, th := range elements(table, named("th")) {
			g.Expect(attr(th, "scope")).To(Or(Equal("col"), Equal("row")))
		}
	}
	for _, region := range elements(root, func(n *html.Node) bool { return attr(n, "class") == "scroll" }) {
		g.Expect(attr(region, "tabindex")).To(Equal("0"))
		g.Expect(attr(region, "role")).To(Equal("region"))
	}
	g.Expect(attr(withID(root, "live"), "role")).To(Equal("status"))
}
