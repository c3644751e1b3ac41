// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/test/world"
)

// score counts what comes of the truth.
type score struct {
	causes, found, invented, merged int
}

// Every fault, and every two that have nothing to do with each other, have the causes that somebody would name who knows
// what was broken: all of them, no others, each with who can act and what to do next.
func TestCauses(t *testing.T) {
	truth, err := Causes()
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	cases, err := truth.cases()
	g.Expect(err).NotTo(HaveOccurred())
	var sum score
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			w, before, healthy := begin(g, c.faults[0].Shape)
			broke := w.Now()
			lasting := Case{}
			for _, f := range c.faults {
				if began := f.began(broke); began.Before(broke) {
					broke = began
				}
				g.Expect(apply(w, f.Break, healthy, func(*world.Verdicts) {})).To(Succeed(), "the steps of break can be taken")
				lasting.After.Duration = max(lasting.After.Duration, f.After.Duration)
			}
			broken := live(g, w, &lasting, func(*world.Verdicts) {})
			wrong := c.compare(before, broken, broke, &sum)
			g.Expect(wrong).To(BeEmpty(), "the causes are those that there are: %s", inBrief(newCauses(before, broken)))
		})
	}
	t.Logf("COUNT %d cases, %d causes: %d found, %d invented, %d merged", len(cases), sum.causes, sum.found, sum.invented, sum.merged)
}

// newCauses are the causes that were not there before.
func newCauses(before, after *world.Verdicts) []v1alpha1.Cause {
	return slices.DeleteFunc(slices.Clone(after.Architecture.Status.Causes), func(c v1alpha1.Cause) bool {
		return slices.ContainsFunc(before.Architecture.Status.Causes, func(b v1alpha1.Cause) bool {
			return b.Kind == c.Kind && b.Subject == c.Subject && b.Severity == c.Severity
		})
	})
}

func subjectOf(c *v1alpha1.Cause) string {
	return msg.Object(c.Subject.Kind, c.Subject.Namespace, c.Subject.Name)
}

func inBrief(causes []v1alpha1.Cause) string {
	var lines []string
	for i := range causes {
		c := &causes[i]
		lines = append(lines, fmt.Sprintf("\n  %s %s, %s: %s, %s, %v; since %s; %s: %s", c.Severity, c.Kind, subjectOf(c), c.Reason, c.OperatedBy, c.Components,
			c.Since.UTC().Format(time.TimeOnly), c.Next, c.Message))
	}
	return strings.Join(lines, "")
}

// is reports whether the cause is the one that was expected, as far as that says.
func (e *ExpectedCause) is(c *v1alpha1.Cause) bool {
	return cmp.Or(e.Severity, v1alpha1.SeverityMajor) == c.Severity && (e.Kind == "" || e.Kind == c.Kind) &&
		(e.Subject == "" || e.Subject == subjectOf(c)) && (e.OperatedBy == "" || e.OperatedBy == c.OperatedBy) && strings.Contains(c.Message, e.Says) &&
		(e.Components == nil || slices.Equal(slices.Sorted(slices.Values(e.Components)), slices.Sorted(slices.Values(c.Components))))
}

// compare lists what is wrong with the causes of a case.
func (c *causesCase) compare(before, after *world.Verdicts, broke time.Time, sum *score) []string {
	var wrong []string
	told := newCauses(before, after)
	taken := make([]bool, len(told))
	sum.causes += len(c.causes)
	for i := range c.causes {
		at := slices.IndexFunc(told, func(got v1alpha1.Cause) bool { return c.causes[i].is(&got) })
		switch {
		case at < 0:
			wrong = append(wrong, fmt.Sprintf("not found: %+v", c.causes[i]))
			continue
		case taken[at]:
			sum.merged++
			wrong = append(wrong, fmt.Sprintf("merged with another: %+v", c.causes[i]))
			continue
		}
		taken[at] = true
		sum.found++
	}
	for i := range told {
		if !taken[i] {
			sum.invented++
			wrong = append(wrong, "invented: "+told[i].Reason+" of "+subjectOf(&told[i]))
		}
		wrong = append(wrong, incomplete(&told[i], after, broke)...)
	}
	return wrong
}

// incomplete lists what a cause lacks, or says too much: a fault does not begin before something breaks, nor after it shows.
func incomplete(c *v1alpha1.Cause, after *world.Verdicts, broke time.Time) []string {
	var wrong []string
	if c.Next == "" || c.OperatedBy == "" {
		wrong = append(wrong, subjectOf(c)+": nobody knows who acts, or what to do next")
	}
	if c.Severity != v1alpha1.SeverityMajor {
		return wrong
	}
	if c.Since.Time.Before(broke.Truncate(time.Second)) {
		wrong = append(wrong, fmt.Sprintf("%s: since %s, before %s", subjectOf(c), c.Since.UTC(), broke.UTC()))
	}
	for _, name := range c.Components {
		for _, condition := range after.Mappings[name].Status.Conditions {
			if condition.Status == metav1.ConditionFalse && condition.Type == v1alpha1.ConditionHealthy && condition.LastTransitionTime.Before(&c.Since) {
				wrong = append(wrong, fmt.Sprintf("%s: since %s, after %s turned at %s", subjectOf(c), c.Since.UTC(), name, condition.LastTransitionTime.UTC()))
			}
		}
	}
	return wrong
}
