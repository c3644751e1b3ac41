// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// TestStateOf: healthy, unhealthy, absent and not to be seen are never mixed up.
func TestStateOf(t *testing.T) {
	found := is("True", v1alpha1.ReasonObserved)
	for name, tc := range map[string]struct {
		present, healthy metav1.Condition
		optional         bool
		want             report.State
	}{
		"healthy":                  {found, is("True", v1alpha1.ReasonAllChecksPass), false, report.Healthy},
		"rolling out":              {found, is("True", v1alpha1.ReasonProgressing), false, report.Progressing},
		"within its grace period":  {found, is("True", v1alpha1.ReasonWithinGracePeriod), false, report.Progressing},
		"unhealthy":                {found, is("False", v1alpha1.ReasonCrashLooping), false, report.Unhealthy},
		"health leaves no trace":   {found, is("Unknown", v1alpha1.ReasonHealthNotObservable), false, report.HealthUnknown},
		"absent":                   {is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent), true, report.Absent},
		"missing":                  {is("False", v1alpha1.ReasonNotFound), is("Unknown", v1alpha1.ReasonNotPresent), false, report.Missing},
		"in part":                  {is("False", v1alpha1.ReasonPartial), is("Unknown", v1alpha1.ReasonNotPresent), true, report.Partial},
		"not permitted":            {is("Unknown", v1alpha1.ReasonNotPermitted), is("Unknown", v1alpha1.ReasonNotPermitted), true, report.Unknown},
		"conditions of a new kind": {metav1.Condition{}, metav1.Condition{}, false, report.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			m := mapping("x", tc.present, tc.healthy)
			if tc.optional {
				m.Spec.Presence = v1alpha1.PresenceOptional
			}
			NewWithT(t).Expect(report.StateOf(&m)).To(Equal(tc.want))
		})
	}
	NewWithT(t).Expect(report.StateOf(&v1alpha1.ComponentMapping{})).To(Equal(report.Unknown), "a mapping that nobody has visited")
}

// TestStatesDiffer: no two states look alike without colours.
func TestStatesDiffer(t *testing.T) {
	g := NewWithT(t)
	words, marks := map[string]bool{}, map[string]bool{}
	for _, s := range report.States {
		g.Expect(s.Word()).NotTo(BeEmpty())
		g.Expect(words).NotTo(HaveKey(s.Word()))
		g.Expect(marks).NotTo(HaveKey(s.Mark()))
		words[s.Word()], marks[s.Mark()] = true, true
	}
}
