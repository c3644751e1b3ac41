// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"testing"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// timings are in milliseconds.
type timings struct{ Paint, Loaded, Filter, Reset, Sort float64 }

// measure times the page from within: until it was painted first and loaded, and from a click or a keystroke until the
// browser has painted what came of it. What a keystroke costs is the median of those of a word.
const measure = `(async () => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); }));
  const time = async (act) => { const from = performance.now(); act(); await painted(); return performance.now() - from; };
  const input = document.getElementById("filter-text"), strokes = [];
  for (const text of ["k", "ku", "kub", "kube", "kubel", "kubele", "kubelet"]) {
    strokes.push(await time(() => { input.value = text; input.dispatchEvent(new Event("input", { bubbles: true })); }));
  }
  const type = (text) => time(() => { input.value = text; input.dispatchEvent(new Event("input", { bubbles: true })); });
  return {
    Paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1,
    Loaded: performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    Filter: strokes.sort((a, b) => a - b)[3], Reset: await type(""), Sort: await time(() => document.getElementById("sort-0").click()),
  };
})()`

// TestBig: a report as large as the API allows can be used: it says what is wrong first, its drawing can be looked at, and
// it can be filtered. How long things take is logged, not tested.
func TestBig(t *testing.T) {
	for name, size := range map[string]step{"desktop": desktop, "phone": phone} {
		t.Run(name, func(t *testing.T) {
			shown := faulty(t)
			reporttest.Big(shown)
			var out bytes.Buffer
			NewWithT(t).Expect(report.HTML(&out, shown, report.HTMLOptions{})).To(Succeed())
			p := openReport(t, shown, size)
			took, err := chromedp.Run(p.ctx, chromedp.Evaluate[timings](measure, chromedp.EvalAwaitPromise))
			p.Expect(err).NotTo(HaveOccurred())
			t.Logf("%d components, %d node pools: %.1f MB; in ms: first paint %.0f, loaded %.0f, a keystroke in the filter %.0f, all again %.0f, sort %.0f",
				len(shown.Mappings), len(shown.Architecture.Status.NodePools), float64(out.Len())/1e6, took.Paint, took.Loaded, took.Filter, took.Reset, took.Sort)

			p.Expect(js[int](p, tooWide)).To(BeNumerically("<=", 0), "the page is wider than the window")
			p.Expect(js[int](p, `document.querySelectorAll("#components tbody tr").length`)).To(Equal(reporttest.MaxComponents))
			p.Expect(js[int](p, `document.getElementsByTagName("*").length / document.querySelectorAll("#components tbody tr").length | 0`)).
				To(BeNumerically("<", 220), "elements for each component")
			p.Expect(js[[]string](p, `[...document.querySelectorAll(".drawing .box")].filter((box) => !box.dataset.component).map((box) => box.textContent)`)).
				To(SatisfyAll(HaveLen(7), ContainElement(HavePrefix("195 node pools (system, linux)"))), "pools that are alike share a box")
			p.Expect(js[float64](p, `document.getElementById("causes").getBoundingClientRect().top + scrollY`)).
				To(BeNumerically("<", 900), "what is wrong is on the first screen")
		})
	}
}

// TestCopy: a click copies the command of a cause, or marks it to be copied.
func TestCopy(t *testing.T) {
	p := openReport(t, deadNode(t))
	js[any](p, `globalThis.copied = ""; Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { globalThis.copied = text; } }, configurable: true })`)
	js[any](p, `document.getElementById("copy-0").focus()`)
	p.press(enter)
	want := deadNode(t).Architecture.Status.Causes[0].Next
	eventually[string](p, `globalThis.copied`).Should(Equal(want))
	eventually[string](p, `document.getElementById("copy-0").textContent`).Should(Equal("Copied"))
	p.Expect(js[string](p, `getSelection().toString()`)).To(Equal(want))

	js[any](p, `Object.defineProperty(navigator, "clipboard", { value: undefined }); getSelection().removeAllRanges(); document.getElementById("copy-0").click()`)
	p.Expect(js[string](p, `getSelection().toString()`)).To(Equal(want), "where nothing may be copied")
}
