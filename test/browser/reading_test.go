// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/report"
)

const (
	tab, enter = kb.Tab, kb.Enter

	openAll  = `document.querySelectorAll("details").forEach((d) => { d.open = true; })`
	tooWide  = `document.documentElement.scrollWidth - innerWidth`
	bodyText = `document.body.innerText`
)

// press presses keys.
func (p *page) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.do(chromedp.KeyEvent(key))
	}
}

var (
	print     = command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	noScripts = command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
)

// ways of reading a page.
var ways = map[string][]step{
	"light":       nil,
	"dark":        {dark},
	"phone":       {phone},
	"dark phone":  {dark, phone},
	"print":       {print},
	"no scripts":  {noScripts},
	"less motion": {prefers("prefers-reduced-motion", "reduce")},
}

// finding is what axe has found.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML string }
}

// TestAccessible: axe finds no fault, however the page is read.
func TestAccessible(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), "make test-browser installs axe")
	for name, tc := range map[string]struct {
		report func(*testing.T) *report.Report
		ways   []string
	}{
		"documented":  {documented, []string{"light"}},
		"faults":      {faulty, []string{"dark", "phone", "print"}},
		"every state": {everyState, []string{"light", "dark"}},
		"hostile":     {hostile, []string{"dark phone"}},
	} {
		for _, way := range tc.ways {
			t.Run(name+", "+way, func(t *testing.T) {
				p := openReport(t, tc.report(t), ways[way]...)
				js[any](p, openAll)
				js[any](p, string(axe)+"; null")
				found, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]finding](
					`axe.run({resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({
					  ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map((n) => ({ HTML: n.html })),
					})))`, chromedp.EvalAwaitPromise))
				p.Expect(err).NotTo(HaveOccurred())
				p.Expect(found).To(BeEmpty())
			})
		}
	}
}

// TestReadable: all of it can be read and nothing sticks out, however the page is read.
func TestReadable(t *testing.T) {
	for way, settings := range ways {
		t.Run(way, func(t *testing.T) {
			shown := faulty(t)
			p := openReport(t, shown, settings...)
			js[any](p, openAll)
			p.Expect(js[int](p, tooWide)).To(BeNumerically("<=", 0), "the page is wider than the window")
			p.Expect(js[[]string](p, `[...document.querySelectorAll("#components th, #components td")]
			  .filter((cell) => cell.offsetWidth && cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent)`)).To(BeEmpty(), "cells that run into the next")
			text := js[string](p, bodyText)
			for i := range shown.Mappings {
				p.Expect(text).To(ContainSubstring(shown.Mappings[i].Spec.Component))
			}
			p.Expect(text).To(ContainSubstring("Who to contact"))
			p.Expect(js[bool](p, `document.getElementById("filter").offsetHeight > 0`)).To(Equal(way != "print" && way != "no scripts"),
				"the filter is there where it works")
			p.Expect(p.sent()).To(HaveLen(1), "the file itself")
		})
	}
}

// TestColorScheme: the page follows the reader's wish.
func TestColorScheme(t *testing.T) {
	const dim = `(() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number); return r + g + b < 100; })()`
	p := openReport(t, modern(t))
	p.Expect(js[bool](p, dim)).To(BeFalse())
	p.do(dark)
	p.Expect(js[bool](p, dim)).To(BeTrue())
	p.do(print)
	p.Expect(js[bool](p, dim)).To(BeFalse(), "paper is white")
}

// TestMotion: nothing moves for whom that is unwanted.
func TestMotion(t *testing.T) {
	const moves = `[getComputedStyle(document.documentElement).scrollBehavior === "smooth", (() => {
	  const row = document.querySelector("#components tbody tr");
	  row.classList.add("changed");
	  return getComputedStyle(row).animationName !== "none";
	})()]`
	p := openReport(t, modern(t), prefers("prefers-reduced-motion", "no-preference"))
	p.Expect(js[[]bool](p, moves)).To(HaveEach(true))
	p.do(prefers("prefers-reduced-motion", "reduce"))
	p.Expect(js[[]bool](p, moves)).To(HaveEach(false))
}

// TestPrint: on paper everything is open, and nothing is there that can only be used on a screen.
func TestPrint(t *testing.T) {
	p := openReport(t, modern(t), print)
	p.Expect(js[int](p, `document.querySelectorAll("details:not([open])").length`)).To(BeNumerically(">", 0))
	p.Expect(js[int](p, `[...document.querySelectorAll("details.component h4")].filter((h) => !h.checkVisibility({ contentVisibilityAuto: true }) || !h.offsetHeight).length`)).
		To(BeZero(), "evidence that is not on paper")
	p.Expect(js[int](p, `[...document.querySelectorAll("header, form, .skip")].filter((e) => e.offsetHeight).length`)).To(BeZero())
	pdf, err := chromedp.Run(p.ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground()))
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(string(pdf[:5])).To(Equal("%PDF-"))
	p.Expect(js[int](p, `document.querySelectorAll("details[open]").length`)).To(BeZero(), "printing leaves no trace on the screen")
}

// TestWithoutScripts: the links work, and lead to what is there.
func TestWithoutScripts(t *testing.T) {
	p := openReport(t, modern(t), noScripts)
	dead := js[[]string](p, `[...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href")).filter((h) => !document.getElementById(h.slice(1)))`)
	p.Expect(dead).To(BeEmpty())
	p.Expect(js[int](p, `document.querySelectorAll("#components button").length`)).To(BeZero(), "no button that does nothing")
}

// TestKeyboard: the tabulator reaches everything that can be used, in the order in which it is read, and shows where it is.
func TestKeyboard(t *testing.T) {
	p := openReport(t, faulty(t))
	const usable = `const usable = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
	  .filter((e) => e.checkVisibility() && !e.closest("details:not([open]) > :not(summary)"));`
	want := js[int](p, `(() => { `+usable+` return usable.length; })()`)
	p.Expect(want).To(BeNumerically(">", 100))
	for i := range want {
		p.press(tab)
		got := js[string](p, `(() => { `+usable+`
		  const e = document.activeElement, style = getComputedStyle(e);
		  return usable.indexOf(e) + (style.outlineStyle !== "none" ? "" : " unmarked: " + e.outerHTML);
		})()`)
		p.Expect(got).To(Equal(fmt.Sprint(i)))
	}
}

// TestHostile: names and messages are text, whatever they say.
func TestHostile(t *testing.T) {
	for way, settings := range map[string][]step{"desktop": nil, "phone": {phone}, "print": {print}} {
		t.Run(way, func(t *testing.T) {
			shown := hostile(t)
			p := openReport(t, shown, settings...)
			js[any](p, openAll)
			p.Expect(js[string](p, `document.title`)).NotTo(Equal("taken"))
			p.Expect(js[string](p, bodyText)).To(ContainSubstring(`"'><script>document.title='taken'</script>`), "it is shown as it is")
			p.Expect(js[[]string](p, `[...document.querySelectorAll("script, img, iframe, object, [onerror]")].map((e) => e.localName)`)).To(Equal([]string{"script"}))
			p.Expect(js[[]string](p, `[...document.links].map((a) => a.protocol).filter((p) => !["file:", "https:", "http:"].includes(p))`)).To(BeEmpty())
			p.Expect(js[int](p, tooWide)).To(BeNumerically("<=", 0), "the page is wider than the window")
			p.Expect(strings.Count(js[string](p, bodyText), "\u202e")).To(BeZero(), "nothing turns the direction of what comes after it")
			p.Expect(p.sent()).To(HaveLen(1))
			stickingOut := js[[]string](p, `[...document.querySelectorAll("main p, main li, main dd, main summary, main td, main th")]
			  .filter((e) => e.offsetHeight && !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))`)
			p.Expect(stickingOut).To(BeEmpty())
		})
	}
}
