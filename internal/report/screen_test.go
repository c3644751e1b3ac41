// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clipperhouse/displaywidth"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

func screenOf(t testing.TB, r *report.Report, v report.View) string {
	return written(t, func(w io.Writer) error { return report.Screen(w, r, v) })
}

// firstCells are the names in the table of a screen, in its order.
func firstCells(screen string) []string {
	_, table, _ := strings.Cut(screen, "\nNAME ")
	rows, _, _ := strings.Cut(table, "\n\n")
	var out []string
	for line := range strings.Lines(rows) {
		if fields := strings.Fields(line); len(fields) > 0 && len(out) < 200 {
			out = append(out, fields[0])
		}
	}
	return out[1:]
}

var causeTitle = regexp.MustCompile(`\n\n[✗~] (\w+)`)

// causesOf are the reasons of the causes on a screen, in its order.
func causesOf(t testing.TB, r *report.Report) []string {
	var out []string
	for _, title := range causeTitle.FindAllStringSubmatch(screenOf(t, r, report.View{Wide: true}), -1) {
		out = append(out, title[1])
	}
	return out
}

// The goldens show a screen of a cluster with a fault as terminals of two widths have it.
func TestScreenGolden(t *testing.T) {
	down := reportOf(t, reporttest.Modern, reporttest.Node("user/0", world.NodeDown), reporttest.Pods("Deployment kube-system/coredns", world.Pods{State: world.CrashLooping}))
	golden(t, "screen-120.txt", screenOf(t, down, report.View{Width: 120}))
	golden(t, "screen-80.txt", screenOf(t, down, report.View{Width: 80}))
}

// A screen fits its terminal, on every cluster: at 120 columns with all that kubectl shows, at 80 with what matters most.
func TestScreenFits(t *testing.T) {
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := reportOf(t, name)
			for _, columns := range []int{120, 80} {
				screen := screenOf(t, r, report.View{Width: columns})
				for line := range strings.Lines(screen) {
					if strings.HasPrefix(line, "    next ") || strings.HasPrefix(line, "    see ") {
						continue // what is to be copied is in one piece
					}
					g.Expect(displaywidth.String(strings.TrimSuffix(line, "\n"))).To(BeNumerically("<=", columns), line)
				}
				g.Expect(screen).To(MatchRegexp(`NAME .*PRESENT +HEALTHY`), "the verdict stays")
			}
			g.Expect(screenOf(t, r, report.View{Width: 120})).To(ContainSubstring("   METHOD   "), "120 columns have room for all")
		})
	}
}

// What is wrong comes first, and what is not installed is one line.
func TestScreenOrder(t *testing.T) {
	g := NewWithT(t)
	r := reportOf(t, reporttest.Modern, reporttest.Pods("Deployment kube-system/metrics-server", world.Pods{State: world.CrashLooping}),
		reporttest.Gone("Deployment kube-system/coredns"))
	screen := screenOf(t, r, report.View{})
	rows := firstCells(screen)
	g.Expect(rows[:3]).To(Equal([]string{"metrics-server", "coredns", "kube-apiserver"}), "unhealthy, missing, then the table's order")
	g.Expect(rows).NotTo(ContainElement("kubenet"))
	g.Expect(screen).To(MatchRegexp(`(?s)Not installed \(optional\), \d+; --all lists them: .*kubenet`))
	g.Expect(strings.Index(screen, "1 unhealthy")).To(BeNumerically("<", strings.Index(screen, "CrashLooping")), "the verdict, then its causes")
	g.Expect(strings.Index(screen, "CrashLooping")).To(BeNumerically("<", strings.Index(screen, "NAME ")), "the causes, then the table")

	all := firstCells(screenOf(t, r, report.View{All: true}))
	g.Expect(all).To(ContainElement("kubenet"))
	g.Expect(all).To(HaveLen(len(r.Mappings)))
}

// The line of the whole counts what the architecture selects; what is beside it is counted behind that.
func TestScreenBesideTheArchitecture(t *testing.T) {
	g := NewWithT(t)
	r := *reportOf(t, reporttest.Modern)
	g.Expect(screenOf(t, &r, report.View{})).NotTo(ContainSubstring("outside"))
	r.Mappings = slices.Clone(r.Mappings)
	r.Mappings[0].Labels = nil
	g.Expect(screenOf(t, &r, report.View{})).To(MatchRegexp(`; outside\s+ClusterArchitecture\s+aks: 1\s+of\s+1\s+component\s+present`))
}

// Only what is asked for has a row.
func TestScreenOnly(t *testing.T) {
	g := NewWithT(t)
	r := reportOf(t, reporttest.Modern, reporttest.Pods("Deployment kube-system/metrics-server", world.Pods{State: world.CrashLooping}),
		reporttest.Node("user/0", world.NodeDown), reporttest.Gone("Deployment kube-system/coredns"))
	for only, want := range map[report.Filter]types.GomegaMatcher{
		"unhealthy": ConsistOf("metrics-server", "kubelet"),
		"missing":   ConsistOf("coredns"),
		"minor":     SatisfyAll(ContainElement("kube-proxy"), Not(ContainElement("kubelet")), Not(ContainElement("etcd"))),
		"healthy":   SatisfyAll(ContainElement("etcd"), Not(ContainElement("metrics-server"))),
		"absent":    SatisfyAll(ContainElement("kubenet"), Not(ContainElement("coredns"))),
	} {
		g.Expect(firstCells(screenOf(t, r, report.View{Only: []report.Filter{only}}))).To(want, "%s", only)
	}
	g.Expect(firstCells(screenOf(t, r, report.View{Only: []report.Filter{"unhealthy", "missing"}}))).To(ConsistOf("metrics-server", "kubelet", "coredns"))
	g.Expect(screenOf(t, r, report.View{Only: []report.Filter{"unknown"}})).To(ContainSubstring("No component is unknown."))
}

// A report of some components says nothing of the others, nor of the whole.
func TestPart(t *testing.T) {
	g := NewWithT(t)
	r := reportOf(t, reporttest.Modern, reporttest.Pods("Deployment kube-system/metrics-server", world.Pods{State: world.CrashLooping}))
	g.Expect(r.Concerns()).To(ContainElement(report.ConcernUnhealthy))
	part := report.Of(r, []string{"coredns", "kubenet"})
	g.Expect(part.Concerns()).To(BeEmpty(), "what is wrong elsewhere is not of concern")
	screen := screenOf(t, part, report.View{})
	g.Expect(screen).NotTo(SatisfyAny(ContainSubstring("metrics-server"), ContainSubstring("CrashLooping")))
	g.Expect(firstCells(screen)).To(Equal([]string{"coredns", "kubenet"}), "what is named has a row, installed or not")
	g.Expect(report.Of(r, []string{"metrics-server"}).Concerns()).To(ConsistOf(report.ConcernUnhealthy))
	g.Expect(report.Of(reportOf(t, reporttest.Modern, reporttest.Gone("Deployment kube-system/coredns")), []string{"coredns"}).Concerns()).
		To(ConsistOf(report.ConcernMissing))
	g.Expect(report.Of(reportOf(t, reporttest.Elsewhere), []string{"etcd"}).Concerns()).To(BeEmpty(), "nothing is required elsewhere")
}

// A retirement says how much time there is: the nearest first, and with a mark when it is time to act.
func TestDeadlines(t *testing.T) {
	g := NewWithT(t)
	m := mapping("proxy", is(metav1.ConditionTrue, v1alpha1.ReasonObserved), is(metav1.ConditionTrue, v1alpha1.ReasonAllChecksPass))
	for _, a := range []struct {
		kind v1alpha1.AdvisoryType
		date string
	}{
		{v1alpha1.AdvisoryRetirement, "2026-12-24"}, {v1alpha1.AdvisoryRetirement, "2026-10-06"}, {v1alpha1.AdvisoryRetirement, "2026-09-02"},
		{v1alpha1.AdvisoryCorrection, "2026-10-04"}, {v1alpha1.AdvisoryRename, "2026-10-05"}, {v1alpha1.AdvisoryRetirement, ""},
	} {
		m.Spec.Implementation.Advisories = append(m.Spec.Implementation.Advisories, v1alpha1.Advisory{Type: a.kind, Date: a.date, Message: "move on"})
	}
	r := &report.Report{Mappings: []v1alpha1.ComponentMapping{m}, ObservedAt: time.Date(2026, 10, 2, 23, 59, 0, 0, time.UTC)}
	var lines []string
	for line := range strings.Lines(screenOf(t, r, report.View{})) {
		if strings.Contains(line, "proxy: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	g.Expect(lines).To(Equal([]string{
		"! proxy: retired 30 days ago, on 2026-09-02", "! proxy: 4 days left, until 2026-10-06", "- proxy: 83 days left, until 2026-12-24",
	}))
	listing := report.Advisories(r)
	var when []string
	for _, cells := range listing.Rows {
		when = append(when, cells[2].Text+": "+cells[3].Text+"/"+cells[3].Exact)
	}
	g.Expect(when).To(Equal([]string{"Retirement: retired 30 days ago, on 2026-09-02/2026-09-02",
		"Retirement: 4 days left, until 2026-10-06/2026-10-06", "Retirement: 83 days left, until 2026-12-24/2026-12-24",
		"Rename: 2026-10-05/2026-10-05", "Retirement: /"}),
		"what has to be done by a date comes first, and a correction of the documentation is none")
	page := written(t, func(w io.Writer) error { return report.HTMLMain(w, r) })
	g.Expect(page).To(SatisfyAll(ContainSubstring("4 days left, until 2026-10-06"), ContainSubstring(`datetime="2026-10-06"`)))
}

// Of a component that is healthy, what there is to know fits a screen.
func TestExplainIsShort(t *testing.T) {
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := reportOf(t, name)
			for i := range r.Mappings {
				m := &r.Mappings[i]
				if catalog.StateOf(m) != catalog.Healthy {
					continue
				}
				text := written(t, func(w io.Writer) error { return report.Explain(w, r, m, report.ExplainOptions{}) })
				g.Expect(strings.Count(text, "\n")).To(BeNumerically("<=", 40), "%s:\n%s", m.Name, text)
			}
		})
	}
}

// On a terminal an explanation is as wide as that, but for what is to be copied, and what is wrong with a check is said once.
func TestExplainFits(t *testing.T) {
	r := broken(t)
	for _, columns := range []int{60, 80, 120} {
		g := NewWithT(t)
		m := reporttest.Mapping(r, "coredns")
		text := written(t, func(w io.Writer) error { return report.Explain(w, r, m, report.ExplainOptions{Width: columns}) })
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\n"); !strings.HasPrefix(line, "  Next ") && !strings.HasPrefix(line, "  See ") && !strings.HasPrefix(line, "--verbose") {
				g.Expect(displaywidth.String(line)).To(BeNumerically("<=", columns), line)
			}
		}
		_, checks, _ := strings.Cut(text, "\nChecks")
		g.Expect(checks).To(SatisfyAll(ContainSubstring("CrashLooping"), Not(ContainSubstring("0/2 available"))), "it stands above")
	}
}

// What is wrong, who acts and what to do stand before what was observed; what is documented has to be asked for.
func TestExplainOrder(t *testing.T) {
	g := NewWithT(t)
	r := broken(t)
	text := written(t, func(w io.Writer) error {
		return report.Explain(w, r, reporttest.Mapping(r, "coredns"), report.ExplainOptions{})
	})
	last := -1
	for _, part := range []string{"✗ unhealthy", "0/2 available", "Who acts", "\nObserved", "\nChecks", "--verbose"} {
		at := strings.Index(text, part)
		g.Expect(at).To(BeNumerically(">", last), fmt.Sprintf("%s comes next in\n%s", part, text))
		last = at
	}
	g.Expect(text).NotTo(SatisfyAny(ContainSubstring("\nDocumented"), ContainSubstring("other variants, which"), ContainSubstring("\nReferences")))
	verbose := written(t, func(w io.Writer) error {
		return report.Explain(w, r, reporttest.Mapping(r, "coredns"), report.ExplainOptions{Verbose: true})
	})
	g.Expect(verbose).To(SatisfyAll(ContainSubstring("\nDocumented"), ContainSubstring("\nChecks of other variants"), ContainSubstring("\nReferences")))
}

// TestFindings: what stands above the table is the same without a table, and fits where only ASCII does.
func TestFindings(t *testing.T) {
	g := NewWithT(t)
	r := fresh(taken(t, badDay))
	retire(r, 4)
	view := report.View{Width: 80}
	findings := written(t, func(w io.Writer) error { return report.Findings(w, r, view) })
	g.Expect(written(t, func(w io.Writer) error { return report.Screen(w, r, view) })).To(HavePrefix(findings + "\nNAME "))
	g.Expect(findings).To(SatisfyAll(ContainSubstring("\n✗ NodeFault: Node "), ContainSubstring("\n    who      Customer: "),
		ContainSubstring("\n    next     kubectl describe node "), ContainSubstring("\n! kubelet: 4 days left, until ")))

	view.Plain = true
	plain := written(t, func(w io.Writer) error { return report.Findings(w, r, view) })
	g.Expect(plain).To(MatchRegexp(`^[\n -~]*$`))
	g.Expect(plain).To(SatisfyAll(HavePrefix("x "), ContainSubstring("\nx NodeFault: Node ")))

	text := written(t, func(w io.Writer) error { return report.MarkdownFindings(w, r) })
	g.Expect(text).To(SatisfyAll(HavePrefix("**unhealthy: AKS v1.35.8, "), ContainSubstring("\n## Causes\n\n- **CrashLooping: Deployment kube-system/coredns**"), ContainSubstring("\n- **NodeFault: Node "),
		ContainSubstring("\n  - Who acts: Customer: the cluster owner\n"), ContainSubstring("\n- **kubelet**: ! 4 days left, until ")))
	part := report.Of(r, []string{"coredns"})
	g.Expect(written(t, func(w io.Writer) error { return report.MarkdownFindings(w, part) })).NotTo(ContainSubstring("NodeFault"))
}
