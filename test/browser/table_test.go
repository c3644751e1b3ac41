// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

const (
	visibleRows    = `[...document.querySelectorAll("#components tbody tr")].filter((row) => row.offsetHeight).map((row) => row.dataset.name)`
	visibleDetails = `[...document.querySelectorAll("details.component")].filter((d) => d.offsetHeight).map((d) => d.id.replace("component-", ""))`
	focused        = `document.activeElement.id`
)

// named are the components for which something holds.
func named(r *report.Report, holds func(*v1alpha1.ComponentMapping) bool) []string {
	var out []string
	for i := range r.Mappings {
		if holds(&r.Mappings[i]) {
			out = append(out, r.Mappings[i].Name)
		}
	}
	return out
}

// choose chooses an option of a list, with the keyboard.
func (p *page) choose(list, option string) {
	p.t.Helper()
	chosen := fmt.Sprintf(`document.getElementById(%q).selectedOptions[0].textContent`, list)
	js[any](p, fmt.Sprintf(`document.getElementById(%q).focus()`, list))
	for p.press(kb.Home); js[string](p, chosen) != option; p.press(kb.ArrowDown) {
		p.Expect(js[bool](p, fmt.Sprintf(`document.getElementById(%q).selectedOptions[0].nextElementSibling !== null`, list))).
			To(BeTrue(), "no option %q", option)
	}
}

// TestFilter: rows and evidence of what is asked for are shown, others not.
func TestFilter(t *testing.T) {
	shown := faulty(t)
	p := openReport(t, shown)
	all := named(shown, func(*v1alpha1.ComponentMapping) bool { return true })
	installed := named(shown, func(m *v1alpha1.ComponentMapping) bool { return catalog.StateOf(m) != catalog.Absent })
	p.Expect(len(installed)).To(BeNumerically("<", len(all)))
	see := func(names []string, count string) {
		t.Helper()
		p.Expect(names).NotTo(BeEmpty())
		eventually[[]string](p, visibleRows).Should(ConsistOf(names))
		p.Expect(js[[]string](p, visibleDetails)).To(ConsistOf(names))
		p.Expect(js[string](p, `document.getElementById("filter-count").textContent`)).To(Equal(count))
	}
	expect := func(names []string) {
		t.Helper()
		see(names, fmt.Sprintf("%d of %d components", len(names), len(all)))
	}
	see(installed, "")

	// What is not installed is one row, until it is asked for.
	const folded = `document.getElementById("fold").getAttribute("aria-expanded") + " " + document.querySelector("#components tfoot").textContent`
	p.Expect(js[string](p, folded)).To(SatisfyAll(HavePrefix("false Not installed (optional) "), ContainSubstring("Azure Backup")))
	js[any](p, `document.getElementById("fold").focus()`)
	p.press(enter)
	see(all, "")
	p.Expect(js[string](p, folded)).To(HavePrefix("true "))
	p.press(enter)
	see(installed, "")

	js[any](p, `document.getElementById("filter-text").focus()`)
	p.press("CSI drIVER")
	csi := named(shown, func(m *v1alpha1.ComponentMapping) bool { return strings.Contains(m.Spec.Component, "CSI Driver") })
	expect(csi)
	p.press(tab)
	p.Expect(js[string](p, focused)).To(Equal("filter-category"))
	p.choose("filter-state", "healthy")
	expect(named(shown, func(m *v1alpha1.ComponentMapping) bool {
		return slices.Contains(csi, m.Name) && catalog.StateOf(m) == catalog.Healthy
	}))
	p.press(tab, enter)
	see(installed, "")

	p.choose("filter-category", "Node Components")
	expect(named(shown, func(m *v1alpha1.ComponentMapping) bool { return m.Spec.Category == v1alpha1.CategoryNode }))
	p.choose("filter-category", "all")
	p.choose("filter-state", "needs attention")
	expect(named(shown, func(m *v1alpha1.ComponentMapping) bool { return catalog.StateOf(m).Bad() }))
	p.choose("filter-state", "all")

	js[any](p, `document.querySelector('[data-filter="missing"]').focus()`)
	p.press(enter)
	expect([]string{"metrics-server"})
	js[any](p, `document.querySelector('[data-filter="absent"]').click()`)
	expect(named(shown, func(m *v1alpha1.ComponentMapping) bool { return catalog.StateOf(m) == catalog.Absent }))
}

// TestSort: each column sorts, up and down, and says so.
func TestSort(t *testing.T) {
	shown := faulty(t)
	p := openReport(t, shown)
	p.Expect(js[[]string](p, visibleRows)[:3]).To(ConsistOf("kubelet", "coredns", "metrics-server"), "the worst come first")
	js[any](p, `document.getElementById("fold").click()`)
	const cells = `[...document.querySelectorAll("#components tbody tr")].map((row) => row.cells[%d].dataset.sort ?? row.cells[%[1]d].textContent.trim())`
	const sorted = `[...document.querySelectorAll("#components thead th")].map((th) => th.getAttribute("aria-sort") ?? "")`
	before := js[[]string](p, visibleRows)
	columns := js[int](p, `document.querySelectorAll("#components thead th").length`)
	for i := range columns {
		js[any](p, fmt.Sprintf(`document.getElementById("sort-%d").focus()`, i))
		for _, direction := range []string{"ascending", "descending"} {
			p.press(enter)
			want := make([]string, columns)
			want[i] = direction
			p.Expect(js[[]string](p, sorted)).To(Equal(want))
			p.Expect(js[string](p, focused)).To(Equal(fmt.Sprintf("sort-%d", i)))
			got := js[[]string](p, fmt.Sprintf(cells, i))
			inOrder := slices.IsSortedFunc(got, func(a, b string) int {
				c := js[int](p, fmt.Sprintf(`new Intl.Collator("en", {numeric: true}).compare(%q, %q)`, a, b))
				if direction == "descending" {
					c = -c
				}
				return c
			})
			p.Expect(inOrder).To(BeTrue(), "column %d %s: %q", i, direction, got)
		}
	}
	p.Expect(js[[]string](p, visibleRows)).To(ConsistOf(before))

	// What is equal stays in the order of the table.
	js[any](p, `document.getElementById("sort-1").focus()`)
	p.press(enter)
	byState := slices.SortedStableFunc(slices.Values(before), func(a, b string) int {
		of := func(name string) int {
			i := slices.IndexFunc(shown.Mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == name })
			return slices.Index(catalog.States, catalog.StateOf(&shown.Mappings[i]))
		}
		return cmp.Compare(of(a), of(b))
	})
	p.Expect(js[[]string](p, visibleRows)).To(Equal(byState))
}
