// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"cmp"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// longestGrace is longer than any grace period of the catalog.
const longestGrace = 2*time.Minute + time.Second

// TestMain trades memory for time: thousands of small clusters come and go.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	m.Run()
}

var loaded sync.Map

// newWorld builds a world from a shape; each shape is loaded once.
func newWorld(g Gomega, name string) *world.World {
	shape, ok := loaded.Load(name)
	if !ok {
		var err error
		shape, err = shapes.Load(name)
		g.Expect(err).NotTo(HaveOccurred())
		loaded.Store(name, shape)
	}
	w, err := world.New(shape.(*shapes.Shape))
	g.Expect(err).NotTo(HaveOccurred())
	return w
}

func verdictsOf(g Gomega, w *world.World) *world.Verdicts {
	verdicts, err := w.Judge()
	g.Expect(err).NotTo(HaveOccurred())
	return verdicts
}

// begin builds a world from a shape, judges it, and lets a minute pass. It returns the verdicts, and the state to restore.
func begin(g Gomega, shape string) (w *world.World, before *world.Verdicts, healthy world.State) {
	w = newWorld(g, shape)
	before, healthy = verdictsOf(g, w), w.Save()
	w.Advance(time.Minute)
	return w, before, healthy
}

// Every fault is detected, named, and distinguished from all else; once repaired, it leaves no trace.
func TestFaults(t *testing.T) {
	cases, err := Faults()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	count := 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			g := NewWithT(t)
			w, before, healthy := begin(g, c.Shape)
			broke := w.Now()
			g.Expect(apply(w, c.Break, healthy, func(*world.Verdicts) {})).To(Succeed(), "the steps of break can be taken")

			expectGrace(g, &c, verdictsOf(g, w))
			broken := live(g, w, &c, func(verdicts *world.Verdicts) {
				g.Expect(c.strays(before, verdicts)).To(BeEmpty(), "no row turns that the fault does not name, %s after it broke", w.Now().Sub(broke))
			})
			g.Expect(c.differences(before, broken)).To(BeEmpty(), "at last the verdicts are those that the fault expects")
			g.Expect(c.tooEarly(before, broken, broke)).To(BeEmpty(), "no cause begins before something breaks")
			if c.Ends != nil {
				g.Expect(apply(w, c.Ends, healthy, func(*world.Verdicts) {})).To(Succeed(), "the steps of ends can be taken")
				g.Expect(turned(before, verdictsOf(g, w))).To(BeEmpty(), "the steps of ends repair everything")
			}

			w.Restore(healthy)
			verdictsOf(g, w)
			w.Advance(time.Minute)
			expectSame(g, before, verdictsOf(g, w))
			count++
		})
	}
	t.Logf("COUNT %d faults", count)
}

// Every fault is about a row, holds the messages to words, and counts causes where nodes are at fault.
func TestFaultsExpectMessages(t *testing.T) {
	cases, err := Faults()
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	for _, c := range cases {
		g.Expect(c.expected()).To(HaveKey(c.Row), "every fault expects something of its row: %s", c.Name)
		for _, e := range c.Expect {
			g.Expect(slices.Concat(e.Says, c.Says)).NotTo(BeEmpty(), "every fault holds the messages of its rows to words (says): %s, of %v", c.Name, e.Rows)
			if strings.HasSuffix(e.Healthy, "/"+v1alpha1.ReasonNodeFault) {
				g.Expect(c.Causes).NotTo(BeNil(), "a fault that expects NodeFault counts causes: %s", c.Name)
			}
		}
	}
}

// live lets the time of the case pass, and then the longest grace period. It judges the world at once and at the end of
// both, and returns the last verdicts.
func live(g Gomega, w *world.World, c *Case, visit func(*world.Verdicts)) *world.Verdicts {
	after := c.After.Duration
	if after == 0 {
		after = 2 * time.Minute
	}
	verdicts := verdictsOf(g, w)
	visit(verdicts)
	for _, span := range []time.Duration{min(after, 2*time.Minute), after - min(after, 2*time.Minute), longestGrace} {
		var err error
		verdicts, err = w.Run(span, max(span, time.Second))
		g.Expect(err).NotTo(HaveOccurred())
		visit(verdicts)
	}
	return verdicts
}

// began is when something began to be wrong, as far as objects tell, if it was broken at the time.
func (c *Case) began(broke time.Time) time.Time {
	if !c.Since.IsZero() {
		return c.Since.Time
	}
	return broke
}

// tooEarly lists the causes that are new, and began before something broke.
func (c *Case) tooEarly(before, after *world.Verdicts, broke time.Time) []string {
	var early []string
	broke = c.began(broke)
	for _, cause := range newCauses(before, after) {
		if !cause.Since.IsZero() && cause.Since.Time.Before(broke.Truncate(time.Second)) {
			early = append(early, fmt.Sprintf("%s: since %s, before %s", subjectOf(&cause), cause.Since.UTC(), broke.UTC()))
		}
	}
	return early
}

// expectGrace expects that nothing with a grace period turns unhealthy at once.
func expectGrace(g Gomega, c *Case, verdicts *world.Verdicts) {
	for _, e := range c.Expect {
		for _, row := range e.Rows {
			m := verdicts.Mappings[row]
			g.Expect(m).NotTo(BeNil(), "faults name rows that exist: %s", row)
			if ptr.Deref(m.Spec.GracePeriodSeconds, 0) > 0 {
				g.Expect(meta.IsStatusConditionFalse(m.Status.Conditions, v1alpha1.ConditionHealthy)).To(BeFalse(),
					"nothing that has a grace period turns unhealthy at once: %s: %s", row, m.Status.Message)
			}
		}
	}
}

// differences lists how the verdicts differ from what the case expects.
func (c *Case) differences(before, after *world.Verdicts) []string {
	differences := c.strays(before, after)
	was, is := before.Summary(), after.Summary()
	expected := c.expected()
	for _, row := range slices.Sorted(maps.Keys(expected)) {
		differences = append(differences, expected[row].differences(row, was[row], is[row], after.Mappings[row])...)
	}
	return append(differences, c.architectureDifferences(before, after)...)
}

// expected returns what is said of each row.
func (c *Case) expected() map[string]Expectation {
	expected := map[string]Expectation{}
	for _, e := range c.Expect {
		for _, row := range e.Rows {
			expected[row] = e
		}
	}
	return expected
}

// strays lists the rows that have turned though the case does not name them.
func (c *Case) strays(before, after *world.Verdicts) []string {
	var differences []string
	was, is := before.Summary(), after.Summary()
	expected := c.expected()
	for _, row := range slices.Sorted(maps.Keys(is)) {
		if _, ok := expected[row]; ok {
			continue
		}
		if was[row].Present != is[row].Present || was[row].Healthy != is[row].Healthy || !slices.Equal(was[row].Variants, is[row].Variants) {
			differences = append(differences, fmt.Sprintf("%s turned from %+v to %+v: %s", row, was[row], is[row], after.Mappings[row].Status.Message))
		}
	}
	return differences
}

func (e Expectation) differences(row string, was, is shapes.Expected, m *v1alpha1.ComponentMapping) []string {
	var differences []string
	hold := func(what, want, got string) {
		if want != got {
			differences = append(differences, fmt.Sprintf("%s: %s is %s, want %s: %s", row, what, got, want, m.Status.Message))
		}
	}
	hold("Present", cmp.Or(e.Present, was.Present), is.Present)
	hold("Healthy", cmp.Or(e.Healthy, was.Healthy), is.Healthy)
	if e.Documented != "" {
		hold("AsDocumented", e.Documented, is.AsDocumented)
	}
	if e.Version != "" {
		hold("the version", e.Version, is.Version)
	}
	if e.OperatedBy != "" {
		hold("whom to call", e.OperatedBy, is.OperatedBy)
	}
	if e.Changes && fmt.Sprint(was) == fmt.Sprint(is) {
		differences = append(differences, row+" does not change")
	}
	return append(differences, unsaid(row, m.Status.Message, e.Says)...)
}

// architectureDifferences holds the architecture to what its mappings say.
func (c *Case) architectureDifferences(before, after *world.Verdicts) []string {
	var differences []string
	was, is := shapes.ArchitectureVerdict(before.Architecture), shapes.ArchitectureVerdict(after.Architecture)
	unhealthy := 0
	for _, m := range after.Mappings {
		if meta.IsStatusConditionFalse(m.Status.Conditions, v1alpha1.ConditionHealthy) {
			unhealthy++
		}
	}
	differences = append(differences, differ("PlatformDetected", is.PlatformDetected, cmp.Or(c.Platform, was.PlatformDetected))...)
	supported := func(v *world.Verdicts) string {
		return shapes.ConditionOf(v.Architecture.Status.Conditions, v1alpha1.ConditionVersionsSupported)
	}
	differences = append(differences, differ("VersionsSupported", supported(after), cmp.Or(c.Versions, supported(before)))...)
	differences = append(differences, differ("Complete", is.Complete, cmp.Or(c.Complete, was.Complete))...)
	differences = append(differences, c.unmappedDifferences(was, is)...)
	if strings.HasPrefix(is.PlatformDetected, "True/") && strings.HasPrefix(is.Healthy, "False/") != (unhealthy > 0) {
		differences = append(differences, fmt.Sprintf("the architecture's Healthy is %s while %d mappings are unhealthy", is.Healthy, unhealthy))
	}
	if c.Causes != nil && *c.Causes != len(after.Architecture.Status.Causes) {
		differences = append(differences, fmt.Sprintf("the architecture has %d causes, want %d: %+v", len(after.Architecture.Status.Causes), *c.Causes,
			after.Architecture.Status.Causes))
	}
	differences = append(differences, unsaid("the architecture", words(after.Architecture), c.Says)...)
	return differences
}

// unmappedDifferences holds the workloads that no mapping covers to what they were, or to what the case expects.
func (c *Case) unmappedDifferences(was, is shapes.ExpectedArchitecture) []string {
	want := was.Unmapped
	if c.Unmapped != nil {
		want = c.Unmapped
	}
	if !strings.HasPrefix(is.PlatformDetected, "True/") {
		want = nil
	}
	return differ("list of what no mapping covers", fmt.Sprint(is.Unmapped), fmt.Sprint(want))
}

// words returns the messages of an architecture's conditions, causes and violated rules.
func words(a *v1alpha1.ClusterArchitecture) string {
	var text []string
	for _, condition := range a.Status.Conditions {
		text = append(text, condition.Message)
	}
	for _, cause := range a.Status.Causes {
		text = append(text, fmt.Sprintf("%+v", cause))
	}
	for _, violation := range a.Status.Violations {
		text = append(text, fmt.Sprintf("%+v", violation))
	}
	return strings.Join(text, "\n")
}

// unsaid lists the words that are missing.
func unsaid(who, text string, words []string) []string {
	var differences []string
	for _, word := range words {
		if !strings.Contains(text, word) {
			differences = append(differences, fmt.Sprintf("%s does not say %q: %s", who, word, text))
		}
	}
	return differences
}

func differ(what, got, want string) []string {
	if got == want {
		return nil
	}
	return []string{fmt.Sprintf("the architecture's %s is %s, want %s", what, got, want)}
}

// expectSame holds everything but times to what it was.
func expectSame(g Gomega, before, after *world.Verdicts) {
	for name, m := range before.Mappings {
		g.Expect(timeless(after.Mappings[name])).To(Equal(timeless(m)), "repaired, a row says what it said before: %s", name)
	}
	g.Expect(shapes.ArchitectureVerdict(after.Architecture)).To(Equal(shapes.ArchitectureVerdict(before.Architecture)),
		"repaired, the architecture says what it said before")
	g.Expect(after.Architecture.Status.Causes).To(Equal(before.Architecture.Status.Causes), "repaired, the architecture has the causes that it had before")
	g.Expect(after.PodLists).To(Equal(before.PodLists), "repaired, nothing is asked about pods")
}

func timeless(m *v1alpha1.ComponentMapping) v1alpha1.ComponentMappingStatus {
	status := *m.Status.DeepCopy()
	for i := range status.Conditions {
		status.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	for i := range status.Checks {
		status.Checks[i].LastTransitionTime = metav1.Time{}
	}
	return status
}

func faultsByShape(g Gomega) map[string][]Case {
	cases, err := Faults()
	g.Expect(err).NotTo(HaveOccurred())
	byShape := map[string][]Case{}
	for _, c := range cases {
		byShape[c.Shape] = append(byShape[c.Shape], c)
	}
	return byShape
}

// Faults that come and go one after the other in the same cluster leave nothing behind.
func TestFaultsLeaveNothingBehind(t *testing.T) {
	for name, cases := range faultsByShape(NewWithT(t)) {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(g, name)
			before := verdictsOf(g, w)
			healthy := w.Save()
			for _, c := range cases {
				w.Advance(time.Minute)
				g.Expect(apply(w, c.Break, healthy, func(*world.Verdicts) {})).To(Succeed(), "the steps of break can be taken: %s", c.Name)
				w.Advance(30 * time.Second)
				verdictsOf(g, w)
				w.Restore(healthy)
				w.Advance(time.Minute)
				verdictsOf(g, w)
			}
			w.Advance(time.Hour)
			expectSame(g, before, verdictsOf(g, w))
		})
	}
}

// What only seems to be a fault turns nothing.
func TestHarmless(t *testing.T) {
	cases, err := Harmless()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	count := 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			g := NewWithT(t)
			w, before, healthy := begin(g, c.Shape)
			began := w.Now()
			visit := func(verdicts *world.Verdicts) {
				g.Expect(turned(before, verdicts)).To(BeEmpty(), "what is harmless turns nothing, %s after the beginning", w.Now().Sub(began))
			}
			g.Expect(apply(w, c.Break, healthy, visit)).To(Succeed(), "the steps of break can be taken")
			after := c.After.Duration
			if after == 0 {
				after = 8 * time.Minute
			}
			g.Expect(watch(w, after, visit)).To(Succeed())
			end := verdictsOf(g, w)
			g.Expect(c.unmappedDifferences(shapes.ArchitectureVerdict(before.Architecture), shapes.ArchitectureVerdict(end.Architecture))).To(BeEmpty(),
				"no mapping covers what the case says")
			for _, e := range c.Expect {
				for _, row := range e.Rows {
					g.Expect(e.differences(row, before.Summary()[row], end.Summary()[row], end.Mappings[row])).To(BeEmpty(),
						"at last the verdicts are those that the case expects")
				}
			}
			count++
		})
	}
	t.Logf("COUNT %d non-faults", count)
}

// turned lists what is False and was not.
func turned(before, after *world.Verdicts) []string {
	var differences []string
	bad := func(what, was, is string) {
		if strings.HasPrefix(is, "False/") && !strings.HasPrefix(was, "False/") {
			differences = append(differences, fmt.Sprintf("%s turned from %s to %s", what, was, is))
		}
	}
	was, is := before.Summary(), after.Summary()
	for _, row := range slices.Sorted(maps.Keys(is)) {
		bad(row+": Present", was[row].Present, is[row].Present)
		bad(row+": Healthy", was[row].Healthy, is[row].Healthy)
		if len(differences) > 0 {
			differences = append(differences, after.Mappings[row].Status.Message)
			return differences
		}
	}
	a, b := shapes.ArchitectureVerdict(before.Architecture), shapes.ArchitectureVerdict(after.Architecture)
	bad("the architecture's Complete", a.Complete, b.Complete)
	bad("the architecture's Healthy", a.Healthy, b.Healthy)
	return differences
}
