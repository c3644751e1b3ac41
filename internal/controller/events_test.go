// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
)

// conditions returns the conditions, given as "Type Status Reason: message".
func conditions(texts ...string) []metav1.Condition {
	var out []metav1.Condition
	for _, text := range texts {
		head, message, _ := strings.Cut(text, ": ")
		var c metav1.Condition
		if _, err := fmt.Sscan(head, &c.Type, &c.Status, &c.Reason); err != nil {
			panic(err)
		}
		c.Message = message
		out = append(out, c)
	}
	return out
}

// listener hears the events that a transitionRecorder records.
type listener struct {
	transitionRecorder
	recorder *events.FakeRecorder
	clock    *clocktesting.FakeClock
}

func newListener() *listener {
	l := &listener{recorder: events.NewFakeRecorder(16), clock: clocktesting.NewFakeClock(time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC))}
	l.transitionRecorder.recorder, l.transitionRecorder.clock = l.recorder, l.clock
	return l
}

// events returns the events of a turn of the mapping dns, each as "type reason note".
func (l *listener) events(before, after []metav1.Condition) []string {
	m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "dns"}}
	l.record(engine.Key{Kind: mappingKind, Name: m.Name}, m, before, after)
	var recorded []string
	for {
		select {
		case event := <-l.recorder.Events:
			recorded = append(recorded, event)
		default:
			return recorded
		}
	}
}

func TestSentences(t *testing.T) {
	const (
		present, healthy, documented = "Present True Observed: found", "Healthy True AllChecksPass: 1 of 1 checks pass", "AsDocumented True MatchesDocumentation: same"
		crashing                     = "Healthy False CrashLooping: 2 of 2 pods"
		gone                         = "Present False NotFound: no Deployment"
		noHealth                     = "Healthy Unknown NotPresent: not assessed"
		notYet                       = "Unknown NotYetObserved: not everything has been read yet"
		nodes                        = "PlatformDetected True NodesMatch: nodes match"
	)
	for _, c := range []struct {
		name          string
		before, after []metav1.Condition
		want          []string
	}{
		{"nothing turns", conditions(present, healthy), conditions(present, "Healthy True Progressing: 1/2 updated"), nil},
		{"breaks", conditions(present, healthy), conditions(present, crashing), []string{
			"Warning CrashLooping dns became unhealthy (was healthy): CrashLooping: 2 of 2 pods"}},
		{"recovers", conditions(present, crashing), conditions(present, healthy), []string{
			"Normal AllChecksPass dns became healthy (was unhealthy): AllChecksPass: 1 of 1 checks pass"}},
		{"another fault", conditions(present, "Healthy False WorkloadUnavailable: 0/2"), conditions(present, crashing), []string{
			"Warning CrashLooping dns is still unhealthy; the reason changed from WorkloadUnavailable to CrashLooping: 2 of 2 pods"}},
		{"the same fault, with other counts", conditions(present, crashing), conditions(present, "Healthy False CrashLooping: 1 of 2 pods"), nil},
		{"cannot be seen any more", conditions(present, healthy), conditions(present, "Healthy Unknown ObservationFailed: timeout"), []string{
			"Normal ObservationFailed dns became of unknown health (was healthy): ObservationFailed: timeout"}},
		{"goes: one event, not three", conditions(present, healthy, documented), conditions(gone, noHealth, "AsDocumented Unknown NotPresent: not present"), []string{
			"Warning NotFound dns became absent (was present): NotFound: no Deployment"}},
		{"goes in part", conditions(present, healthy), conditions("Present False Partial: no DaemonSet", noHealth), []string{
			"Warning Partial dns became partly present (was present): Partial: no DaemonSet"}},
		{"the rest of it goes", conditions("Present False Partial: no DaemonSet", noHealth), conditions(gone, noHealth), []string{
			"Warning NotFound dns became absent (was partly present): NotFound: no Deployment"}},
		{"comes, and is well", conditions(gone, noHealth), conditions(present, healthy), []string{
			"Normal Observed dns became present (was absent): Observed: found"}},
		{"comes, and is not well", conditions(gone, noHealth), conditions(present, crashing), []string{
			"Normal Observed dns became present (was absent): Observed: found",
			"Warning CrashLooping dns became unhealthy (was of unknown health): CrashLooping: 2 of 2 pods"}},
		{"may not be looked at", conditions(present, healthy), conditions("Present Unknown NotPermitted: grant", "Healthy Unknown NotPermitted: grant"), []string{
			"Normal NotPermitted dns became of unknown presence (was present): NotPermitted: grant"}},
		{"the spec cannot be used", conditions("Ready True Evaluated: current", present, healthy),
			conditions("Ready False InvalidSpec: cel", "Stalled True InvalidSpec: cel", "Present Unknown InvalidSpec: no", "Healthy Unknown InvalidSpec: no"), []string{
				"Normal InvalidSpec dns became of unknown presence (was present): InvalidSpec: no"}},
		{"differs from its documentation", conditions(present, healthy, documented), conditions(present, healthy, "AsDocumented False ImageDiffers: other"), []string{
			"Normal ImageDiffers dns became different from its documentation (was as documented): ImageDiffers: other"}},
		{"a first impression that is good", nil, conditions(present, healthy, documented), nil},
		{"a first impression that is good, after reading", conditions("Present "+notYet, "Healthy "+notYet), conditions(present, healthy), nil},
		{"a first impression of what is absent", nil, conditions(gone, noHealth), nil},
		{"a first impression that is bad", conditions("Present "+notYet, "Healthy "+notYet), conditions(present, crashing), []string{
			"Warning CrashLooping dns is unhealthy: CrashLooping: 2 of 2 pods"}},
		{"an architecture loses a component", conditions(nodes, "Complete True AllRequiredPresent: all", healthy), conditions(nodes, "Complete False ComponentsMissing: missing: dns", healthy), []string{
			"Warning ComponentsMissing dns became incomplete (was complete): ComponentsMissing: missing: dns"}},
		{"an architecture is upgraded too far", conditions(nodes, "VersionsSupported True WithinSkewPolicy: all"), conditions(nodes, "VersionsSupported False SkewExceeded: kubelet"), []string{
			"Warning SkewExceeded dns became outside the version skew policy (was within the version skew policy): SkewExceeded: kubelet"}},
		{"the platform is gone", conditions(nodes, "Complete True AllRequiredPresent: all", healthy),
			conditions("PlatformDetected False NoNodeMatches: none of 4", "Complete Unknown PlatformNotDetected: no", "Healthy Unknown PlatformNotDetected: no"), []string{
				"Warning NoNodeMatches dns became undetected (was detected): NoNodeMatches: none of 4"}},
	} {
		t.Run(c.name, func(t *testing.T) { NewWithT(t).Expect(newListener().events(c.before, c.after)).To(Equal(c.want)) })
	}
}

// TestFlappingReasons holds what only changes its reason to one event a minute for each reason.
func TestFlappingReasons(t *testing.T) {
	g := NewWithT(t)
	l := newListener()
	a, b, well := conditions("Healthy False CrashLooping: x"), conditions("Healthy False NotReady: x"), conditions("Healthy True AllChecksPass: x")
	g.Expect(l.events(well, a)).To(HaveLen(1))
	g.Expect(l.events(a, b)).To(HaveLen(1), "another reason")
	for range 20 {
		l.clock.Step(time.Second)
		g.Expect(append(l.events(b, a), l.events(a, b)...)).To(BeEmpty(), "both were told within a minute")
	}
	g.Expect(l.events(b, well)).To(HaveLen(1), "a turn is always told")
	g.Expect(l.events(well, b)).To(HaveLen(1))
	l.clock.Step(time.Minute)
	g.Expect(l.events(b, a)).To(HaveLen(1), "after a minute")

	l.forget(engine.Key{Kind: mappingKind, Name: "other"})
	g.Expect(l.events(b, a)).To(BeEmpty())
	l.forget(engine.Key{Kind: mappingKind, Name: "dns"})
	g.Expect(l.events(b, a)).To(HaveLen(1), "another object of this name")
}

func TestNotesFit(t *testing.T) {
	g := NewWithT(t)
	recorded := newListener().events(conditions("Healthy True AllChecksPass: x"), conditions("Healthy False CrashLooping: "+strings.Repeat("ü", 512)))
	g.Expect(recorded).To(HaveLen(1))
	g.Expect(len(strings.TrimPrefix(recorded[0], "Warning CrashLooping "))).To(And(BeNumerically("<=", 1024), BeNumerically(">", 1000)))
}

// references notes what events are about.
type references struct {
	events.EventRecorder
	noted []runtime.Object
}

func (r *references) Eventf(regarding, _ runtime.Object, _, _, _, _ string, _ ...any) {
	r.noted = append(r.noted, regarding)
}

// Events are a series only if they are about the same reference: it has no version, which each write changes.
func TestReferences(t *testing.T) {
	g := NewWithT(t)
	r := &references{}
	l := newListener()
	l.transitionRecorder.recorder = r
	for _, version := range []string{"1", "2"} {
		m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "dns", UID: "1", ResourceVersion: version, Generation: 3}}
		l.record(engine.Key{Kind: mappingKind, Name: "dns"}, m, conditions(well), conditions(notWell))
	}
	want := &corev1.ObjectReference{APIVersion: "architecture.archmap.dev/v1alpha1", Kind: "ComponentMapping", Name: "dns", UID: "1"}
	g.Expect(r.noted).To(HaveExactElements(want, want))
}
