// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
)

// assessed assesses a component with one Deployment, a check of which comes to the result, as it follows a status.
func assessed(t *testing.T, previous v1alpha1.ComponentMappingStatus, at time.Duration, r check.Result) v1alpha1.ComponentMappingStatus {
	t.Helper()
	m := unhealthy(t, "a")
	m.Status = previous
	c, err := check.New("", m.Spec.Checks[0])
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	status, _ := assess.Mapping(&m, []check.Finding{{Check: c, Result: r}}, start.Add(at))
	return status
}

func failingBy(faults ...v1alpha1.Fault) check.Result {
	return check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictFalse, Reason: v1alpha1.ReasonCrashLooping, Message: "it fails", Faults: faults}
}

// A fault began when it was seen to have begun, though what showed that is gone; a restart of archmap does not change that.
func TestFaultsKeepWhenTheyBegan(t *testing.T) {
	g := NewWithT(t)
	fault := func(kind v1alpha1.FaultKind, name string, since time.Time) v1alpha1.Fault {
		return v1alpha1.Fault{Kind: kind, Subject: v1alpha1.ObservedObject{Kind: string(kind), Name: name}, Severity: v1alpha1.SeverityMajor,
			Reason: v1alpha1.ReasonCrashLooping, Message: "it fails", Since: metav1.NewTime(since)}
	}
	faults := func(s v1alpha1.ComponentMappingStatus) []v1alpha1.Fault { return s.Checks[0].Faults }

	first := assessed(t, v1alpha1.ComponentMappingStatus{}, time.Minute, failingBy(fault(v1alpha1.FaultWorkload, "a", start.Add(time.Millisecond))))
	g.Expect(faults(first)).To(HaveExactElements(HaveField("Since", at(time.Second))), "whole seconds, and not before it began")
	replaced := assessed(t, first, time.Hour, failingBy(fault(v1alpha1.FaultWorkload, "a", start.Add(time.Hour)), fault(v1alpha1.FaultWorkload, "b", time.Time{})))
	g.Expect(faults(replaced)).To(HaveExactElements(HaveField("Since", at(time.Second)), HaveField("Since", BeZero())), "its pods were replaced")
	explaining := failingBy()
	explaining.Reason, explaining.Explaining = v1alpha1.ReasonWorkloadUnavailable, true
	g.Expect(faults(assessed(t, replaced, 2*time.Hour, explaining))).To(Equal(faults(replaced)), "why is being read anew")
	well := assessed(t, replaced, 2*time.Hour, check.Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictTrue, Reason: v1alpha1.ReasonHealthy})
	g.Expect(faults(well)).To(BeEmpty())
	again := assessed(t, well, 3*time.Hour, failingBy(fault(v1alpha1.FaultWorkload, "a", start.Add(3*time.Hour))))
	g.Expect(faults(again)).To(HaveExactElements(HaveField("Since", at(3*time.Hour))), "it is another one")

	registry := fault(v1alpha1.FaultRegistry, "r", start)
	image := fault(v1alpha1.FaultImage, "r/i:1", start.Add(time.Hour))
	registry.Related = []v1alpha1.ObservedObject{image.Subject}
	known := assessed(t, v1alpha1.ComponentMappingStatus{}, 0, failingBy(registry))
	image.Related = []v1alpha1.ObservedObject{registry.Subject}
	g.Expect(faults(assessed(t, known, time.Hour, failingBy(image)))).To(Equal(faults(known)), "between two tries the kubelet says nothing")
	image.Related = nil
	g.Expect(faults(assessed(t, known, time.Hour, failingBy(image)))).To(HaveExactElements(HaveField("Kind", v1alpha1.FaultImage)), "the registry answers")
}
