// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"io"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
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
		want   report.State
		causes []string
		note   string
	}{
		"well":                          {reporttest.Documented, nil, report.Healthy, nil, ""},
		"well, not as documented":       {reporttest.Modern, nil, report.Healthy, nil, ""},
		"a component crashes":           {reporttest.Modern, []reporttest.Fault{reporttest.Pods(dns, world.Pods{State: world.CrashLooping})}, report.Unhealthy, []string{"CrashLooping"}, ""},
		"an image does not arrive":      {reporttest.Modern, []reporttest.Fault{reporttest.Pods(dns, world.Pods{State: world.ImagePull})}, report.Unhealthy, []string{"ImagePullFailed"}, ""},
		"pods are refused":              {reporttest.Modern, []reporttest.Fault{reporttest.Pods(metrics, world.Pods{State: world.Denied, Message: "exceeded quota: pods"})}, report.Unhealthy, []string{"AdmissionDenied"}, ""},
		"pods find no node":             {reporttest.Modern, []reporttest.Fault{reporttest.Pods(metrics, world.Pods{State: world.Unschedulable})}, report.Unhealthy, []string{"Unschedulable"}, ""},
		"pods are not ready":            {reporttest.Modern, []reporttest.Fault{reporttest.Pods(metrics, world.Pods{State: world.NotReady})}, report.Unhealthy, []string{"NotReady"}, ""},
		"a node is down":                {reporttest.Modern, []reporttest.Fault{reporttest.Node("user/0", world.NodeDown)}, report.Unhealthy, []string{"NodeFault"}, ""},
		"a node is stopped":             {reporttest.Modern, []reporttest.Fault{reporttest.Node("user/0", world.NodeStopped)}, report.Healthy, nil, ""},
		"what is required is missing":   {reporttest.Modern, []reporttest.Fault{reporttest.Gone(metrics)}, report.Unhealthy, []string{"NotFound"}, ""},
		"what is optional is gone":      {reporttest.Modern, []reporttest.Fault{reporttest.Gone("Deployment kube-system/coredns-autoscaler")}, report.Healthy, nil, ""},
		"a part is missing":             {reporttest.Modern, []reporttest.Fault{reporttest.Gone("DaemonSet kube-system/csi-azuredisk-node")}, report.Unhealthy, []string{"Partial"}, ""},
		"versions that are unsupported": {reporttest.Modern, []reporttest.Fault{reporttest.Kubelet("user/0", "v1.40.0")}, report.Healthy, nil, "v1.40.0 is newer than the API server"},
		"a cluster that is not AKS":     {reporttest.Elsewhere, nil, report.Unknown, nil, "This cluster is not Azure Kubernetes Service (AKS): none of 3 nodes has kubernetes.azure.com/cluster"},
		"another one that is broken": {reporttest.Elsewhere, []reporttest.Fault{reporttest.Pods(dns, world.Pods{State: world.CrashLooping})}, report.Unhealthy, []string{"CrashLooping"},
			"This cluster is not"},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), reportOf(t, tc.shape, tc.faults...)
			g.Expect(r.Verdict()).To(Equal(tc.want), r.Architecture.Status.Message)
			var causes []string
			for _, row := range report.Causes(r).Rows {
				causes = append(causes, row[0].Text)
			}
			g.Expect(causes).To(Equal(tc.causes))
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
		want report.State
		note string
	}{
		"a rule does not hold":           {map[string]metav1.ConditionStatus{v1alpha1.ConditionComplete: "False"}, report.Unhealthy, ""},
		"unhealthy":                      {map[string]metav1.ConditionStatus{v1alpha1.ConditionHealthy: "False"}, report.Unhealthy, ""},
		"health cannot be told":          {map[string]metav1.ConditionStatus{v1alpha1.ConditionHealthy: "Unknown"}, report.Unknown, "Healthy cannot be told: because"},
		"completeness cannot be told":    {map[string]metav1.ConditionStatus{v1alpha1.ConditionComplete: "Unknown"}, report.Unknown, "Complete cannot be told: because"},
		"unhealthy weighs more":          {map[string]metav1.ConditionStatus{v1alpha1.ConditionComplete: "Unknown", v1alpha1.ConditionHealthy: "False"}, report.Unhealthy, "Complete cannot be told: because"},
		"versions are not supported":     {map[string]metav1.ConditionStatus{v1alpha1.ConditionVersionsSupported: "False"}, report.Healthy, "Versions that are not supported: because"},
		"versions cannot be told":        {map[string]metav1.ConditionStatus{v1alpha1.ConditionVersionsSupported: "Unknown"}, report.Healthy, "VersionsSupported cannot be told: because"},
		"not as documented":              {map[string]metav1.ConditionStatus{v1alpha1.ConditionAsDocumented: "False"}, report.Healthy, ""},
		"the verdicts are not current":   {map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "Unknown"}, report.Unknown, "The verdicts on the whole are not current: because"},
		"the spec cannot be used":        {map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "False", v1alpha1.ConditionStalled: "True"}, report.Unknown, "The verdicts on the whole are not current: because"},
		"the platform cannot be told":    {map[string]metav1.ConditionStatus{v1alpha1.ConditionPlatformDetected: "Unknown"}, report.Unknown, "It cannot be told whether this cluster is Azure Kubernetes Service (AKS): because"},
		"another platform weighs most":   {map[string]metav1.ConditionStatus{v1alpha1.ConditionPlatformDetected: "False", v1alpha1.ConditionComplete: "False"}, report.Unknown, "is not Azure"},
		"not current, but unhealthy yet": {map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "Unknown", v1alpha1.ConditionHealthy: "False"}, report.Unhealthy, "not current"},
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

// TestVerdictOfMappings: what no architecture sums up is summed up by its states.
func TestVerdictOfMappings(t *testing.T) {
	well := mapping("well", is("True", v1alpha1.ReasonObserved), is("True", v1alpha1.ReasonAllChecksPass))
	sick := mapping("sick", is("True", v1alpha1.ReasonObserved), is("False", v1alpha1.ReasonCrashLooping))
	silent := mapping("silent", is("True", v1alpha1.ReasonObserved), is("Unknown", v1alpha1.ReasonHealthNotObservable))
	dark := mapping("dark", is("True", v1alpha1.ReasonObserved), is("Unknown", v1alpha1.ReasonNotPermitted))
	hidden := mapping("hidden", is("Unknown", v1alpha1.ReasonNotPermitted), is("Unknown", v1alpha1.ReasonNotPermitted))
	gone := mapping("gone", is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent))
	half := mapping("half", is("False", v1alpha1.ReasonPartial), is("Unknown", v1alpha1.ReasonNotPresent))
	absent := *gone.DeepCopy()
	absent.Name, absent.Spec.Presence = "absent", v1alpha1.PresenceOptional
	for name, tc := range map[string]struct {
		mappings []v1alpha1.ComponentMapping
		want     report.State
		causes   int
	}{
		"nothing":                    {nil, report.Unknown, 0},
		"well":                       {[]v1alpha1.ComponentMapping{well, absent}, report.Healthy, 0},
		"health never shows":         {[]v1alpha1.ComponentMapping{silent}, report.Healthy, 0},
		"health was not shown":       {[]v1alpha1.ComponentMapping{well, dark}, report.Unknown, 0},
		"looking is not permitted":   {[]v1alpha1.ComponentMapping{well, hidden}, report.Unknown, 0},
		"nobody has looked":          {[]v1alpha1.ComponentMapping{{}}, report.Unknown, 0},
		"nothing is there":           {[]v1alpha1.ComponentMapping{absent}, report.Healthy, 0},
		"sick":                       {[]v1alpha1.ComponentMapping{well, sick}, report.Unhealthy, 1},
		"missing":                    {[]v1alpha1.ComponentMapping{gone}, report.Unhealthy, 1},
		"half of it":                 {[]v1alpha1.ComponentMapping{well, half}, report.Unhealthy, 1},
		"sick weighs more than dark": {[]v1alpha1.ComponentMapping{hidden, sick, dark}, report.Unhealthy, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), &report.Report{Mappings: tc.mappings}
			g.Expect(r.Verdict()).To(Equal(tc.want))
			g.Expect(report.Causes(r).Rows).To(HaveLen(tc.causes))

			beside := reportOf(t, reporttest.Modern)
			g.Expect(beside.Verdict()).To(Equal(report.Healthy))
			beside.Mappings = append(beside.Mappings, tc.mappings...)
			if name != "nothing" && name != "nothing is there" {
				g.Expect(beside.Verdict()).To(Equal(tc.want), "an architecture that does not take them in hides nothing")
			}
			g.Expect(report.Causes(beside).Rows).To(HaveLen(tc.causes))
		})
	}
}

// TestElsewhere: nothing is missing of a platform that the cluster is not.
func TestElsewhere(t *testing.T) {
	g, r := NewWithT(t), reportOf(t, reporttest.Elsewhere)
	g.Expect(report.Summary(r)).To(MatchRegexp(`^cannot be told: not AKS, Kubernetes v1\.34\.1, 5 of \d+ components present \(5 healthy\), \d+ absent$`))
	g.Expect(report.Departures(r)).To(BeEmpty())
	d := report.Draw(r, report.DiagramOptions{})
	g.Expect(d.Title).To(Equal("Kubernetes cluster architecture"))
	g.Expect(boxes(d)).NotTo(HaveKey("Azure"), "it has no such API")
	g.Expect(box(boxes(d)["Not found"], "azure-disk-csi").State).To(Equal(report.Absent))

	r.Architecture.Status.Conditions = nil
	g.Expect(report.Causes(r).Rows).NotTo(BeEmpty(), "without an architecture it is asked for")
}

// TestSummary: the report in one line.
func TestSummary(t *testing.T) {
	g := NewWithT(t)
	g.Expect(report.Summary(broken(t))).To(MatchRegexp(
		`^unhealthy: AKS v1\.35\.8, 6 of 6 nodes ready, 32 of \d+ components present \(30 healthy, 1 unhealthy, 1 health not seen\), \d+ absent$`))
	g.Expect(report.Summary(&report.Report{})).To(Equal("cannot be told: Kubernetes, 0 of 0 components present"))
}

// TestFirstLook: what is first seen now may be of any age.
func TestFirstLook(t *testing.T) {
	g, r := NewWithT(t), broken(t)
	r.ObservedAt = reporttest.Mapping(r, "coredns").Status.Conditions[0].LastTransitionTime.Time
	g.Expect(report.Table(r, false).Rows[0][7]).To(SatisfyAll(HaveField("Text", BeEmpty()), HaveField("Exact", BeEmpty())))
	explained := written(t, func(w io.Writer) error { return report.Explain(w, r, reporttest.Mapping(r, "coredns"), false) })
	g.Expect(explained).To(ContainSubstring("✗ unhealthy\n"))
	_, text := page(t, r, report.HTMLOptions{})
	g.Expect(text).NotTo(ContainSubstring(" for <"))
}
