// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
	"github.com/archmap/archmap/test/world"
)

const (
	dns     = "Deployment kube-system/coredns"
	metrics = "Deployment kube-system/metrics-server"
)

// TestVerdict of whole clusters: what exit codes go by.
func TestVerdict(t *testing.T) {
	for name, tc := range map[string]struct {
		shape  string
		faults []reporttest.Fault
		want   catalog.State
		causes []string
		note   string
	}{
		"well":                          {reporttest.Documented, nil, catalog.Healthy, nil, ""},
		"well, not as documented":       {reporttest.Modern, nil, catalog.Healthy, nil, ""},
		"a component crashes":           {reporttest.Modern, []reporttest.Fault{reporttest.Pods(dns, world.Pods{State: world.CrashLooping})}, catalog.Unhealthy, []string{"CrashLooping"}, ""},
		"an image does not arrive":      {reporttest.Modern, []reporttest.Fault{reporttest.Pods(dns, world.Pods{State: world.ImagePull})}, catalog.Unhealthy, []string{"ImagePullFailed"}, ""},
		"pods are refused":              {reporttest.Modern, []reporttest.Fault{reporttest.Pods(metrics, world.Pods{State: world.Denied, Message: "exceeded quota: pods"})}, catalog.Unhealthy, []string{"AdmissionDenied"}, ""},
		"pods find no node":             {reporttest.Modern, []reporttest.Fault{reporttest.Pods(metrics, world.Pods{State: world.Unschedulable})}, catalog.Unhealthy, []string{"Unschedulable"}, ""},
		"pods are not ready":            {reporttest.Modern, []reporttest.Fault{reporttest.Pods(metrics, world.Pods{State: world.NotReady})}, catalog.Unhealthy, []string{"NotReady"}, ""},
		"a node is down":                {reporttest.Modern, []reporttest.Fault{reporttest.Node("user/0", world.NodeDown)}, catalog.Unhealthy, []string{"NodeFault"}, ""},
		"a node is stopped":             {reporttest.Modern, []reporttest.Fault{reporttest.Node("user/0", world.NodeStopped)}, catalog.Healthy, nil, ""},
		"what is required is missing":   {reporttest.Modern, []reporttest.Fault{reporttest.Gone(metrics)}, catalog.Missing, []string{"NotFound"}, ""},
		"what is optional is gone":      {reporttest.Modern, []reporttest.Fault{reporttest.Gone("Deployment kube-system/coredns-autoscaler")}, catalog.Healthy, nil, ""},
		"a part is missing":             {reporttest.Modern, []reporttest.Fault{reporttest.Gone("DaemonSet kube-system/csi-azuredisk-node")}, catalog.Unhealthy, []string{"PartMissing"}, ""},
		"versions that are unsupported": {reporttest.Modern, []reporttest.Fault{reporttest.Kubelet("user/0", "v1.40.0")}, catalog.Healthy, nil, "v1.40.0 is newer than the API server"},
		"a cluster that is not AKS":     {reporttest.Elsewhere, nil, catalog.Unknown, nil, "This cluster is not Azure Kubernetes Service (AKS): none of 3 nodes matches kubernetes.azure.com/cluster"},
		"another one that is broken": {reporttest.Elsewhere, []reporttest.Fault{reporttest.Pods(dns, world.Pods{State: world.CrashLooping})}, catalog.Unhealthy, []string{"CrashLooping"},
			"This cluster is not"},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), reportOf(t, tc.shape, tc.faults...)
			g.Expect(r.Verdict()).To(Equal(tc.want), r.Architecture.Status.Message)
			g.Expect(causesOf(t, r)).To(Equal(tc.causes))
			if tc.note == "" {
				g.Expect(r.Notes()).To(BeEmpty())
			} else {
				g.Expect(r.Notes()).To(HaveExactElements(ContainSubstring(tc.note)))
				g.Expect(report.Table(r, false).Notes).To(Equal(r.Notes()))
			}
		})
	}
}

// TestVerdictOfConditions: each condition of the architecture, and what it is worth.
func TestVerdictOfConditions(t *testing.T) {
	for name, tc := range map[string]struct {
		set  map[string]metav1.ConditionStatus
		want catalog.State
		note string
	}{
		"a rule is violated":             {map[string]metav1.ConditionStatus{v1alpha1.ConditionComplete: "False"}, catalog.Missing, ""},
		"unhealthy":                      {map[string]metav1.ConditionStatus{v1alpha1.ConditionHealthy: "False"}, catalog.Unhealthy, ""},
		"health cannot be told":          {map[string]metav1.ConditionStatus{v1alpha1.ConditionHealthy: "Unknown"}, catalog.Unknown, "Healthy is unknown: because"},
		"completeness cannot be told":    {map[string]metav1.ConditionStatus{v1alpha1.ConditionComplete: "Unknown"}, catalog.Unknown, "Complete is unknown: because"},
		"unhealthy weighs more":          {map[string]metav1.ConditionStatus{v1alpha1.ConditionComplete: "Unknown", v1alpha1.ConditionHealthy: "False"}, catalog.Unhealthy, "Complete is unknown: because"},
		"versions are not supported":     {map[string]metav1.ConditionStatus{v1alpha1.ConditionVersionsSupported: "False"}, catalog.Healthy, "Unsupported versions: because"},
		"versions cannot be told":        {map[string]metav1.ConditionStatus{v1alpha1.ConditionVersionsSupported: "Unknown"}, catalog.Healthy, "VersionsSupported is unknown: because"},
		"not as documented":              {map[string]metav1.ConditionStatus{v1alpha1.ConditionAsDocumented: "False"}, catalog.Healthy, ""},
		"the verdicts are not current":   {map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "Unknown"}, catalog.Unknown, "The cluster-wide verdicts are out of date: because"},
		"the spec cannot be used":        {map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "False", v1alpha1.ConditionStalled: "True"}, catalog.Unknown, "The cluster-wide verdicts are out of date: because"},
		"the platform cannot be told":    {map[string]metav1.ConditionStatus{v1alpha1.ConditionPlatformDetected: "Unknown"}, catalog.Unknown, "Couldn't tell whether this cluster is Azure Kubernetes Service (AKS): because"},
		"another platform weighs most":   {map[string]metav1.ConditionStatus{v1alpha1.ConditionPlatformDetected: "False", v1alpha1.ConditionComplete: "False"}, catalog.Unknown, "is not Azure"},
		"not current, but unhealthy yet": {map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "Unknown", v1alpha1.ConditionHealthy: "False"}, catalog.Unhealthy, "out of date"},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), reportOf(t, reporttest.Modern)
			for conditionType, status := range tc.set {
				c := is(status, "Because")
				c.Type = conditionType
				r.Architecture.Status.Conditions = append([]metav1.Condition{c}, r.Architecture.Status.Conditions...)
			}
			g.Expect(r.Verdict()).To(Equal(tc.want))
			if tc.note == "" {
				g.Expect(r.Notes()).To(BeEmpty())
			} else {
				g.Expect(r.Notes()).To(HaveExactElements(ContainSubstring(tc.note)))
			}
		})
	}
}

// TestTruncatedLists: what a status has no room for is told, whatever words Ready has for it.
func TestTruncatedLists(t *testing.T) {
	g, p := NewWithT(t), reportOf(t, reporttest.Modern)
	ready := meta.FindStatusCondition(p.Architecture.Status.Conditions, v1alpha1.ConditionReady)
	ready.Message = "the verdicts are current; so they are"
	g.Expect(p.Notes()).To(BeEmpty())
	ready.Reason, ready.Message = v1alpha1.ReasonListsTruncated, "only the first 64 of 70 skews are listed"
	g.Expect(p.Notes()).To(HaveExactElements("Not everything is listed: only the first 64 of 70 skews are listed"))
	g.Expect(p.Verdict()).To(Equal(catalog.Healthy))
}

// TestVerdictOfMappings: what no architecture sums up is summed up by its states.
func TestVerdictOfMappings(t *testing.T) {
	well := mapping("well", is("True", v1alpha1.ReasonObserved), is("True", v1alpha1.ReasonAllChecksPass))
	sick := mapping("sick", is("True", v1alpha1.ReasonObserved), is("False", v1alpha1.ReasonCrashLooping))
	silent := mapping("silent", is("True", v1alpha1.ReasonObserved), is("Unknown", v1alpha1.ReasonHealthNotObservable))
	dark := mapping("dark", is("True", v1alpha1.ReasonObserved), is("Unknown", v1alpha1.ReasonNotPermitted))
	hidden := mapping("hidden", is("Unknown", v1alpha1.ReasonNotPermitted), is("Unknown", v1alpha1.ReasonNotPermitted))
	notHeld := mapping("not-held", is("Unknown", v1alpha1.ReasonNotInDump), is("Unknown", v1alpha1.ReasonNotInDump))
	unseen := *notHeld.DeepCopy() // what a dump could hold
	unseen.Spec.Checks = []v1alpha1.Check{{Name: "pods", Type: v1alpha1.CheckWorkload}}
	unseen.Status.Checks = []v1alpha1.CheckStatus{{Name: "pods", Reason: v1alpha1.ReasonNotInDump}}
	unasked := *unseen.DeepCopy() // what none can
	unasked.Spec.Checks[0].Type = v1alpha1.CheckEndpoint
	optional := *unseen.DeepCopy()
	optional.Spec.Presence = v1alpha1.PresenceOptional
	gone := mapping("gone", is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent))
	half := mapping("half", is("True", v1alpha1.ReasonPartial), is("False", v1alpha1.ReasonPartMissing))
	absent := *gone.DeepCopy()
	absent.Name, absent.Spec.Presence = "absent", v1alpha1.PresenceOptional
	for name, tc := range map[string]struct {
		mappings []v1alpha1.ComponentMapping
		want     catalog.State
		causes   int
	}{
		"nothing":                    {nil, catalog.Unknown, 0},
		"well":                       {[]v1alpha1.ComponentMapping{well, absent}, catalog.Healthy, 0},
		"health never shows":         {[]v1alpha1.ComponentMapping{silent}, catalog.Healthy, 0},
		"health was not shown":       {[]v1alpha1.ComponentMapping{well, dark}, catalog.Unknown, 0},
		"looking is not permitted":   {[]v1alpha1.ComponentMapping{well, hidden}, catalog.Unknown, 0},
		"nobody has looked":          {[]v1alpha1.ComponentMapping{{}}, catalog.Unknown, 0},
		"nothing is there":           {[]v1alpha1.ComponentMapping{absent}, catalog.Absent, 0},
		"nothing to see":             {[]v1alpha1.ComponentMapping{absent, unasked}, catalog.Unknown, 0},
		"objects not in the dump":    {[]v1alpha1.ComponentMapping{well, unseen}, catalog.Unknown, 0},
		"answers not in the dump":    {[]v1alpha1.ComponentMapping{well, unasked}, catalog.Healthy, 0},
		"optional, not in the dump":  {[]v1alpha1.ComponentMapping{well, optional}, catalog.Healthy, 0},
		"sick":                       {[]v1alpha1.ComponentMapping{well, sick}, catalog.Unhealthy, 1},
		"missing":                    {[]v1alpha1.ComponentMapping{gone}, catalog.Missing, 1},
		"half of it":                 {[]v1alpha1.ComponentMapping{well, half}, catalog.Unhealthy, 1},
		"not in the dump":            {[]v1alpha1.ComponentMapping{well, notHeld}, catalog.Healthy, 0},
		"sick weighs more than dark": {[]v1alpha1.ComponentMapping{hidden, sick, dark}, catalog.Unhealthy, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), &report.Report{Mappings: tc.mappings}
			g.Expect(r.Verdict()).To(Equal(tc.want))
			g.Expect(causesOf(t, r)).To(HaveLen(tc.causes))

			beside := reportOf(t, reporttest.Modern)
			g.Expect(beside.Verdict()).To(Equal(catalog.Healthy))
			beside.Mappings = append(beside.Mappings, tc.mappings...)
			if !strings.HasPrefix(name, "nothing ") && name != "nothing" {
				g.Expect(beside.Verdict()).To(Equal(tc.want), "an architecture that does not take them in hides nothing")
			}
			g.Expect(causesOf(t, beside)).To(HaveLen(tc.causes))
		})
	}
}

// TestVerdictOfPart: whoever names a component asks for it, be it required or not.
func TestVerdictOfPart(t *testing.T) {
	for name, tc := range map[string]struct {
		present metav1.Condition
		kind    v1alpha1.CheckType
		want    catalog.State
		open    bool
	}{
		"there":                    {is("True", v1alpha1.ReasonObserved), v1alpha1.CheckWorkload, catalog.Healthy, false},
		"not installed":            {is("False", v1alpha1.ReasonNotFound), v1alpha1.CheckWorkload, catalog.Absent, false},
		"not in the dump":          {is("Unknown", v1alpha1.ReasonNotInDump), v1alpha1.CheckWorkload, catalog.Unknown, true},
		"in no dump":               {is("Unknown", v1alpha1.ReasonNotInDump), v1alpha1.CheckEndpoint, catalog.Unknown, false},
		"not permitted":            {is("Unknown", v1alpha1.ReasonNotPermitted), v1alpha1.CheckWorkload, catalog.Unknown, true},
		"seen from no cluster":     {is("Unknown", v1alpha1.ReasonNotObservable), v1alpha1.CheckWorkload, catalog.Unknown, false},
		"variants not in the dump": {is("Unknown", v1alpha1.ReasonNotInDump), "", catalog.Unknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), reportOf(t, reporttest.Modern)
			m := mapping("asked", tc.present, is("True", v1alpha1.ReasonAllChecksPass))
			m.Spec.Presence = v1alpha1.PresenceOptional
			check := v1alpha1.Check{Name: "a", Type: tc.kind}
			m.Spec.Checks, m.Status.Checks = []v1alpha1.Check{check}, []v1alpha1.CheckStatus{{Name: "a", Reason: tc.present.Reason}}
			if tc.kind == "" {
				check.Type = v1alpha1.CheckWorkload
				m.Spec.Checks, m.Spec.Variants, m.Status.Checks[0].Name = nil, []v1alpha1.Variant{{Name: "v", Checks: []v1alpha1.Check{check}}}, "v/a"
			}
			r.Mappings = append(r.Mappings, m)
			part := report.Of(r, []string{"asked"})
			g.Expect(part.Verdict()).To(Equal(tc.want))
			g.Expect(slices.Contains(part.Concerns(), report.ConcernUnknown)).To(Equal(tc.open))
			g.Expect(strings.HasPrefix(report.Summary(part), "healthy:")).To(Equal(tc.want == catalog.Healthy), report.Summary(part))
		})
	}
}

// TestElsewhere: nothing is missing of a platform that the cluster is not.
func TestElsewhere(t *testing.T) {
	g, r := NewWithT(t), reportOf(t, reporttest.Elsewhere)
	g.Expect(report.Summary(r)).To(MatchRegexp(`^unknown: not AKS, Kubernetes v1\.34\.1, 5 of \d+ components present \(5 healthy\), \d+ not installed$`))
	g.Expect(report.Departures(r, true)).To(BeEmpty())
	d := report.Draw(r, report.DiagramOptions{})
	g.Expect(d.Title).To(Equal("Kubernetes cluster architecture"))
	g.Expect(boxes(d)).NotTo(HaveKey("Azure"), "it has no such API")
	g.Expect(box(boxes(d)["Not found"], "azuredisk-csi-driver").State).To(Equal(catalog.Absent))

	r.Architecture.Status.Conditions = nil
	g.Expect(causesOf(t, r)).NotTo(BeEmpty(), "without an architecture it is asked for")
}

// TestSummary: the report in one line.
func TestSummary(t *testing.T) {
	g := NewWithT(t)
	g.Expect(report.Summary(broken(t))).To(MatchRegexp(
		`^unhealthy: AKS v1\.35\.8, 6 of 6 nodes ready, 33 of \d+ components present \(31 healthy, 1 unhealthy, 1 health unknown\), \d+ not installed$`))
	g.Expect(report.Summary(&report.Report{})).To(Equal("unknown: Kubernetes, 0 of 0 components present"))
}

// TestFirstObservation: what is first observed now may be of any age.
func TestFirstObservation(t *testing.T) {
	g, r := NewWithT(t), broken(t)
	r.ObservedAt = reporttest.Mapping(r, "coredns").Status.Conditions[0].LastTransitionTime.Time
	g.Expect(report.Table(r, false).Rows[0][5]).To(SatisfyAll(HaveField("Text", BeEmpty()), HaveField("Exact", BeEmpty())))
	explained := written(t, func(w io.Writer) error {
		return report.Explain(w, r, reporttest.Mapping(r, "coredns"), report.ExplainOptions{})
	})
	g.Expect(explained).To(ContainSubstring("✗ unhealthy\n"))
	_, text := page(t, r, report.HTMLOptions{})
	g.Expect(text).NotTo(ContainSubstring(" for <"))
}

// TestConcerns: each concern of the table, and what it is about. Only the first four make a cluster bad.
func TestConcerns(t *testing.T) {
	turn := func(conditionType string, status metav1.ConditionStatus, reason string) func(*report.Report) {
		return func(r *report.Report) {
			c := is(status, reason)
			c.Type = conditionType
			r.Architecture.Status.Conditions = append([]metav1.Condition{c}, r.Architecture.Status.Conditions...)
		}
	}
	for name, tc := range map[string]struct {
		change func(*report.Report)
		want   []report.Concern
	}{
		"well":       {func(*report.Report) {}, nil},
		"unhealthy":  {turn(v1alpha1.ConditionHealthy, "False", v1alpha1.ReasonComponentsUnhealthy), []report.Concern{report.ConcernUnhealthy}},
		"missing":    {turn(v1alpha1.ConditionComplete, "False", v1alpha1.ReasonComponentsMissing), []report.Concern{report.ConcernMissing}},
		"violations": {turn(v1alpha1.ConditionComplete, "False", v1alpha1.ReasonRulesViolated), []report.Concern{report.ConcernViolations}},
		"missing, and a rule does not hold": {func(r *report.Report) {
			turn(v1alpha1.ConditionComplete, "False", v1alpha1.ReasonComponentsMissing)(r)
			r.Architecture.Status.Violations = []v1alpha1.Violation{{Rule: "one-cni", Message: "both"}}
		}, []report.Concern{report.ConcernMissing, report.ConcernViolations}},
		"not permitted":     {turn(v1alpha1.ConditionHealthy, "Unknown", v1alpha1.ReasonComponentsUnknown), []report.Concern{report.ConcernUnknown}},
		"not in the dump":   {turn(v1alpha1.ConditionHealthy, "Unknown", v1alpha1.ReasonNotInDump), nil},
		"elsewhere":         {turn(v1alpha1.ConditionPlatformDetected, "False", v1alpha1.ReasonNoNodeMatches), []report.Concern{report.ConcernUnknown}},
		"within tolerance":  {func(r *report.Report) { setHealthy(r, "coredns", "True", v1alpha1.ReasonWithinTolerance) }, []report.Concern{report.ConcernMinor}},
		"nodes down":        {func(r *report.Report) { setHealthy(r, "coredns", "True", v1alpha1.ReasonNodesDown) }, []report.Concern{report.ConcernMinor}},
		"grace is no fault": {func(r *report.Report) { setHealthy(r, "coredns", "True", v1alpha1.ReasonWithinGracePeriod) }, nil},
		"another image": {func(r *report.Report) {
			m := reporttest.Mapping(r, "coredns")
			m.Status.Differences = []v1alpha1.Difference{{Type: v1alpha1.DifferenceImage, Documented: "a", Observed: "b"}}
		}, []report.Concern{report.ConcernDifferences}},
		"versions": {turn(v1alpha1.ConditionVersionsSupported, "False", v1alpha1.ReasonSkewExceeded), []report.Concern{report.ConcernVersions}},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), reportOf(t, reporttest.Modern)
			tc.change(r)
			g.Expect(r.Concerns()).To(Equal(tc.want))
		})
	}
}

func setHealthy(r *report.Report, name string, status metav1.ConditionStatus, reason string) {
	set(reporttest.Mapping(r, name), v1alpha1.ConditionHealthy, status, reason)
}
