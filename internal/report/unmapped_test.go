// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"io"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// withUnmapped returns a healthy report with two workloads that no mapping covers.
func withUnmapped(t testing.TB) *report.Report {
	r := reportOf(t, reporttest.Modern)
	r.Architecture.Status.Unmapped = []v1alpha1.UnmappedWorkload{
		{Kind: "DaemonSet", Namespace: "kube-system", Name: "new-agent", Image: "mcr.microsoft.com/aks/new-agent:v1", OperatedBy: v1alpha1.OperatedByProvider,
			State: v1alpha1.WorkloadUnhealthy, Reason: v1alpha1.ReasonCrashLooping, Message: "DaemonSet kube-system/new-agent: 0/5 available"},
		{Kind: "Deployment", Namespace: "kube-system", Name: "our-proxy", Image: "example.com/proxy:v1", State: v1alpha1.WorkloadHealthy},
	}
	r.Architecture.Status.UnmappedSummary = v1alpha1.UnmappedSummary{Total: new(int32(2)), Unhealthy: new(int32(1))}
	return r
}

// TestUnmapped: what no mapping covers is told everywhere, and changes no verdict.
func TestUnmapped(t *testing.T) {
	g, r := NewWithT(t), withUnmapped(t)
	names := func(all bool) []string {
		var out []string
		for _, row := range report.Unmapped(r, all).Rows {
			out = append(out, row[0].Text+" "+row[1].Text+" "+row[2].Text)
		}
		return out
	}
	const broken = "DaemonSet kube-system/new-agent Unhealthy (CrashLooping) Provider"
	g.Expect(names(false)).To(Equal([]string{broken}))
	g.Expect(names(true)).To(Equal([]string{broken, "Deployment kube-system/our-proxy Healthy not marked"}))
	g.Expect(r.Verdict()).To(Equal(catalog.Healthy))
	g.Expect(r.Concerns()).To(ContainElement(report.ConcernUnmapped))
	g.Expect(report.DefaultConcerns()).NotTo(ContainElement(report.ConcernUnmapped))

	page := written(t, func(w io.Writer) error { return report.HTML(w, r, report.HTMLOptions{}) })
	g.Expect(page).To(And(ContainSubstring("<bdi>Unhealthy (CrashLooping)</bdi>"), ContainSubstring("<bdi>Deployment kube-system/our-proxy</bdi>")))
	document := written(t, func(w io.Writer) error { return report.Document(w, r, report.DocumentOptions{Live: true}) })
	g.Expect(document).To(And(ContainSubstring("## Not in the Catalog"), ContainSubstring("0/5 available")))

	r.Architecture.Status.Unmapped = r.Architecture.Status.Unmapped[1:]
	g.Expect(r.Concerns()).NotTo(ContainElement(report.ConcernUnmapped), "what is healthy is of no concern")
	elsewhere := reportOf(t, reporttest.Elsewhere)
	elsewhere.Architecture.Status.Unmapped = withUnmapped(t).Architecture.Status.Unmapped
	g.Expect(elsewhere.Concerns()).NotTo(ContainElement(report.ConcernUnmapped), "nothing is claimed of another platform")
}

// TestUnmappedNotes: what is not listed is told, but for what a dump lacks.
func TestUnmappedNotes(t *testing.T) {
	g, r := NewWithT(t), withUnmapped(t)
	g.Expect(report.Unmapped(r, true).Notes).To(BeEmpty())
	summary := &r.Architecture.Status.UnmappedSummary
	summary.Total, summary.Reason, summary.Message = new(int32(40)), v1alpha1.ReasonNotPermitted, "couldn't read StatefulSets in kube-system: no"
	g.Expect(report.Unmapped(r, true).Notes).To(HaveExactElements(
		"There are 40 workloads that no mapping covers; the first 2 are listed.",
		"There may be more workloads that no mapping covers: couldn't read StatefulSets in kube-system: no"))
	summary.Total, summary.Reason = new(int32(2)), v1alpha1.ReasonNotInDump
	g.Expect(report.Unmapped(r, true).Notes).To(BeEmpty())
}

// TestExplainUnmapped: a workload is found by its name, and its page says what is known and whom to call.
func TestExplainUnmapped(t *testing.T) {
	g, r := NewWithT(t), withUnmapped(t)
	explained := func(name string) string {
		found := report.LookupUnmapped(r, name)
		g.Expect(found).NotTo(BeNil(), name)
		return written(t, func(w io.Writer) error { return report.ExplainUnmapped(w, r, found, false) })
	}
	golden(t, "unmapped-explain.txt", explained("new-agent")+"\n"+explained("kube-system/our-proxy"))
	golden(t, "unmapped.txt", written(t, func(w io.Writer) error { return report.Unmapped(r, true).Text(w, false) }))
	g.Expect(report.LookupUnmapped(r, "coredns")).To(BeNil())
	g.Expect(report.LookupUnmapped(r, "default/our-proxy")).To(BeNil())
}
