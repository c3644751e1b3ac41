// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/snapshot"
)

// notebook notes what a statusWriter applies and patches, as JSON, and answers as an API server does.
type notebook struct {
	*statusWriter

	clock    *clocktesting.FakeClock
	listener *listener
	applied  []string
	patched  []string
	// version is that of the object. meanwhile happens while something is applied; unchanged says that it changes nothing.
	version   uint64
	meanwhile func()
	unchanged bool
	// moves says that the object moves before it is patched.
	moves bool
}

func newNotebook(t *testing.T) *notebook {
	t.Helper()
	l := newListener()
	n := &notebook{clock: l.clock, listener: l}
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		SubResourceApply: func(
			_ context.Context, _ client.Client, _ string, apply runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption,
		) error {
			return n.apply(apply.(*statusApply))
		},
		SubResourcePatch: func(
			_ context.Context, _ client.Client, _ string, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption,
		) error {
			if n.moves {
				n.version++
				return apierrors.NewInvalid(schema.GroupKind{Kind: mappingKind}, object.GetName(), nil) // as for a test of a patch that fails
			}
			raw, err := patch.Data(object)
			n.patched = append(n.patched, string(raw))
			n.version++
			n.unchanged = false
			object.SetResourceVersion(n.resourceVersion())
			return err
		},
	}).Build()
	n.statusWriter = newStatusWriter(c, engine.Still(snapshot.NewRecord(), false), &l.transitionRecorder, l.clock, &fence{clock: l.clock})
	return n
}

func (n *notebook) resourceVersion() string { return strconv.FormatUint(n.version, 10) }

func (n *notebook) apply(status *statusApply) error {
	if status.ResourceVersion != nil && *status.ResourceVersion != n.resourceVersion() {
		return apierrors.NewConflict(schema.GroupResource{Resource: "componentmappings"}, *status.Name, errors.New("it has moved"))
	}
	raw, err := json.Marshal(status)
	n.applied = append(n.applied, string(raw))
	if !n.unchanged {
		n.version++
	}
	version := n.resourceVersion()
	if n.meanwhile != nil {
		n.meanwhile()
	}
	status.ResourceVersion = &version
	return err
}

// write has a mapping go from some conditions to others, and returns how often that was applied and when to come again.
func (n *notebook) write(t *testing.T, m *v1alpha1.ComponentMapping, after ...string) (writes int, again time.Duration) {
	t.Helper()
	return n.writeOver(t, m, m.Status.Conditions, after...)
}

// writeOver is write where other conditions are there than those that archmap wrote last.
func (n *notebook) writeOver(
	t *testing.T, m *v1alpha1.ComponentMapping, there []metav1.Condition, after ...string,
) (writes int, again time.Duration) {
	t.Helper()
	n.applied, n.patched = nil, nil
	status := v1alpha1.ComponentMappingStatus{Conditions: conditions(after...)}
	result, err := n.writeMapping(t.Context(), m, v1alpha1.ComponentMappingStatus{Conditions: there}, status, 0)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	if len(n.applied) > 0 {
		m.Status, m.ResourceVersion = status, n.resourceVersion()
	}
	return len(n.applied), result.RequeueAfter
}

// dns is a mapping that the notebook has in its version.
func (n *notebook) dns(texts ...string) *v1alpha1.ComponentMapping {
	n.version = 7
	return &v1alpha1.ComponentMapping{
		ObjectMeta: metav1.ObjectMeta{Name: "dns", UID: "1", ResourceVersion: "7"}, Status: v1alpha1.ComponentMappingStatus{Conditions: conditions(texts...)}}
}

// by is the mapping as somebody has made it, in the next version.
func (n *notebook) by(m *v1alpha1.ComponentMapping, texts ...string) *v1alpha1.ComponentMapping {
	n.version++
	m = m.DeepCopy()
	m.ResourceVersion, m.Status.Conditions = n.resourceVersion(), conditions(texts...)
	return m
}

// sees tells the writer of an update; it returns whether that needs a reconcile.
func (n *notebook) sees(old, now *v1alpha1.ComponentMapping) bool {
	return n.changes(mappingKind).Update(event.UpdateEvent{ObjectOld: old, ObjectNew: now})
}

// told returns what was recorded since it was asked last.
func (n *notebook) told() (told []string) {
	for {
		select {
		case one := <-n.listener.recorder.Events:
			told = append(told, one)
		default:
			return told
		}
	}
}

const (
	well    = "Healthy True AllChecksPass: x"
	notWell = "Healthy False CrashLooping: x"
	unknown = "Healthy Unknown ObservationFailed: timeout"
)

// That facts are being read is written only where it takes long: what they show is the first that is written.
func TestFirstReadsAreNotWritten(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	observing := "Ready Unknown Observing: check pods: still reading"
	m := &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "dns", UID: "1"}}
	expect := func(writes int, again time.Duration, after string) {
		t.Helper()
		written, wait := n.write(t, m, after)
		g.Expect(written).To(Equal(writes))
		g.Expect(wait).To(Equal(again))
	}
	expect(0, firstReads, observing)
	n.clock.Step(time.Second)
	expect(0, firstReads-time.Second, observing)
	expect(1, 0, "Ready True Evaluated: all")
	n.clock.Step(time.Minute)
	expect(0, firstReads, observing)
	n.clock.Step(firstReads)
	expect(1, 0, observing)
	expect(0, 0, observing)
	expect(1, 0, "Ready True Evaluated: all")

	expect(0, firstReads, observing)
	n.forget(engine.Key{Kind: mappingKind, Name: "dns"})
	n.clock.Step(firstReads)
	expect(0, firstReads, observing)
}

// What is applied is the status and what names the object, and nothing else.
func TestStatusApply(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns()
	m.Labels = map[string]string{"a": "b"}
	_, _ = n.write(t, m, "Ready True Evaluated: all")
	status, err := json.Marshal(m.Status)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(n.applied).To(HaveExactElements(MatchJSON(`{"apiVersion": "architecture.archmap.dev/v1alpha1", "kind": "ComponentMapping",
		"metadata": {"name": "dns", "uid": "1", "resourceVersion": "7"}, "status": ` + string(status) + `}`)))

	applied := newStatusApply(engine.Key{Kind: mappingKind, Name: "dns"}, m, &m.Status)
	g.Expect(json.Unmarshal([]byte(`{"metadata": {"name": "dns", "resourceVersion": "7"}, "status": {"message": "other"}}`), applied)).To(Succeed())
	g.Expect(*applied.ResourceVersion).To(Equal("7"), "the next read must not be older")
	g.Expect(m.Status.Message).To(BeEmpty(), "what is shared with others stays as it is")
}

// A status that was derived from an old object is not written; it is derived again from the new one. Whoever changes the object
// all the time does not keep it from being written in the end.
func TestConflicts(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	for range maxConflicts {
		n.version++
		writes, again := n.write(t, m, notWell)
		g.Expect(writes).To(BeZero())
		g.Expect(again).To(Equal(conflictInterval))
		g.Expect(n.told()).To(BeEmpty(), "no transition that is not written")
	}
	writes, _ := n.write(t, m, notWell)
	g.Expect(writes).To(Equal(1))
	g.Expect(n.told()).To(HaveLen(1))

	n.version++
	writes, _ = n.write(t, m, well)
	g.Expect(writes).To(BeZero(), "once it was written, the version counts again")
}

// While the fence holds, nothing is written, and it is tried again.
func TestFencedStatuses(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	n.fence.beat = n.clock.Now()
	m := n.dns(well)
	n.clock.Step(20 * time.Second)
	writes, again := n.write(t, m, notWell)
	g.Expect(writes).To(BeZero())
	g.Expect(again).To(Equal(catchUp))
	n.clock.Step(catchUp)
	writes, _ = n.write(t, m, notWell)
	g.Expect(writes).To(Equal(1))
}

// What somebody else makes of a status is seen; what archmap writes itself is not, whenever the watch shows it.
func TestChangesByOthers(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	key := engine.Key{Kind: mappingKind, Name: "dns"}
	before := m.DeepCopy()
	_, _ = n.write(t, m, notWell)
	g.Expect(n.sees(before, m)).To(BeFalse(), "after the answer")

	before = m.DeepCopy()
	n.meanwhile = func() {
		written := before.DeepCopy()
		written.ResourceVersion, written.Status.Conditions = n.resourceVersion(), conditions(well)
		g.Expect(n.sees(before, written)).To(BeFalse(), "before the answer")
	}
	_, again := n.write(t, m, well)
	g.Expect(again).To(BeZero())
	g.Expect(n.trustedOf(key, "1")).To(BeNil())

	before = m.DeepCopy()
	n.meanwhile = func() {
		written := before.DeepCopy()
		written.ResourceVersion, written.Status.Conditions = n.resourceVersion(), conditions(notWell)
		n.sees(before, written)
		n.sees(written, n.by(written, well))
	}
	_, again = n.write(t, m, notWell)
	g.Expect(again).To(Equal(conflictInterval), "somebody else was faster than the answer")
	g.Expect(n.trustedOf(key, "1")).To(HaveField("Status.Conditions", Equal(conditions(notWell))))
	n.meanwhile = nil
	m.ResourceVersion = n.resourceVersion()
	writes, _ := n.writeOver(t, m, conditions(well), notWell)
	g.Expect(writes).To(Equal(1))

	other := n.by(m, notWell)
	other.Labels = map[string]string{"a": "b"}
	g.Expect(n.sees(m, other)).To(BeFalse(), "not the status")
	probed := n.by(other, notWell, "Probed True Answered: x")
	g.Expect(n.sees(other, probed)).To(BeFalse(), "a condition of somebody else")
	edited := n.by(probed, notWell)
	edited.Generation++
	g.Expect(n.sees(probed, edited)).To(BeTrue(), "the spec")
	again2 := n.by(edited, notWell)
	again2.UID = "2"
	g.Expect(n.sees(edited, again2)).To(BeTrue(), "another object of this name")
	g.Expect(n.trustedOf(key, "1")).To(BeNil())
	forged := n.by(edited, well)
	g.Expect(n.sees(edited, forged)).To(BeTrue())
	g.Expect(n.sees(forged, n.by(forged))).To(BeTrue())
	g.Expect(n.trustedOf(key, "1")).To(BeIdenticalTo(edited), "the status before the first of them")
	g.Expect(n.trustedOf(key, "2")).To(BeNil())
}

// A status that somebody else has changed is written again, without a transition: none was. Whoever does it again and again is
// given more time each time, and that is told.
func TestRepairs(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	forge := func() {
		t.Helper()
		forged := n.by(m, notWell)
		g.Expect(n.sees(m, forged)).To(BeTrue())
		m.ResourceVersion = forged.ResourceVersion
	}
	repair := func(want int, after time.Duration, why string) {
		t.Helper()
		writes, again := n.writeOver(t, m, conditions(notWell), well)
		g.Expect(writes).To(Equal(want), why)
		g.Expect(again).To(Equal(after), why)
	}
	forge()
	repair(1, conflictInterval, "at once")
	g.Expect(n.told()).To(ConsistOf(HavePrefix("Warning StatusRepaired somebody else changed the status of dns")))
	writes, _ := n.write(t, m, well)
	g.Expect(writes).To(BeZero(), "once")

	pause := firstPause
	for range 4 {
		forge()
		repair(0, pause, "not again at once")
		n.clock.Step(pause - time.Second)
		repair(0, time.Second, "until the pause is over")
		n.clock.Step(time.Second)
		repair(1, conflictInterval, "then")
		pause *= 2
	}
	g.Expect(n.told()).To(ContainElement(HavePrefix("Warning StatusContested somebody else keeps changing the status of dns")))

	forge()
	writes, _ = n.writeOver(t, m, conditions(notWell), unknown)
	g.Expect(writes).To(Equal(1), "a change of its own does not wait for them")
	g.Expect(n.told()).To(ConsistOf(ContainSubstring("dns became of unknown health (was healthy)")), "from what archmap wrote last, not from what they have made of it")

	n.clock.Step(2*maxPause + time.Second)
	forge()
	writes, _ = n.writeOver(t, m, conditions(notWell), unknown)
	g.Expect(writes).To(Equal(1), "after they have left it alone")

	forge()
	writes, _ = n.write(t, m, unknown)
	g.Expect(writes).To(BeZero())
	g.Expect(n.trustedOf(engine.Key{Kind: mappingKind, Name: "dns"}, "1")).To(BeNil(), "they have put it right themselves")
}

// What others have added to a status stays if it is only applied, so it is removed first.
func TestForgedEntries(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	forged := n.by(m, well, "Probed True Answered: x", "Stalled True InvalidSpec: x")
	g.Expect(n.sees(m, forged)).To(BeTrue())
	m.ResourceVersion = forged.ResourceVersion
	n.unchanged = true
	writes, _ := n.writeOver(t, m, forged.Status.Conditions, well)
	g.Expect(writes).To(Equal(2), "the one that changes nothing, and the one after the removal")
	g.Expect(n.patched).To(HaveExactElements(MatchJSON(`[{"op": "test", "path": "/metadata/resourceVersion", "value": "8"},
		{"op": "remove", "path": "/status/conditions/2"}]`)))
	g.Expect(n.told()).To(ConsistOf(HavePrefix("Warning StatusRepaired")))

	patch, err := withoutForged("8",
		v1alpha1.ComponentMappingStatus{Message: "x", Version: "v1", Checks: []v1alpha1.CheckStatus{{Name: "a"}, {Name: "b"}}},
		v1alpha1.ComponentMappingStatus{Message: "x", Checks: []v1alpha1.CheckStatus{{Name: "a"}}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(patch).To(And(ContainSubstring(`"path":"/status/checks"`), ContainSubstring(`"path":"/status/version"`), Not(ContainSubstring("message"))))
	patch, err = withoutForged("8", m.Status, m.Status)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(patch).To(BeNil())
}

// What others have added is removed from the object as it is then.
func TestForgedEntriesOfWhatMoves(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	forged := n.by(m, well, "Stalled True InvalidSpec: x")
	g.Expect(n.sees(m, forged)).To(BeTrue())
	m.ResourceVersion = forged.ResourceVersion
	n.unchanged, n.moves = true, true
	_, again := n.writeOver(t, m, forged.Status.Conditions, well)
	g.Expect(again).To(Equal(conflictInterval))
	g.Expect(n.told()).To(BeEmpty())
}

// However often a write has failed, the next one is not long after the API server takes it again.
func TestRetries(t *testing.T) {
	limiter := newRateLimiter()
	for range 50 {
		NewWithT(t).Expect(limiter.When(reconcile.Request{})).To(BeNumerically("<=", longestRetry))
	}
}

// A status that turns all the time is written as often as its pace allows, the last state in the end; it says so.
func TestFlapping(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	writes := 0
	for i := range 481 { // in half a minute
		state := []string{notWell, well}[i%2]
		written, again := n.write(t, m, state)
		if written == 0 && !meta.IsStatusConditionPresentAndEqual(m.Status.Conditions, "Healthy", conditions(state)[0].Status) {
			g.Expect(again).To(BeNumerically(">", 0), "it comes again")
		}
		writes += written
		n.told()
		n.clock.Step(62500 * time.Microsecond)
	}
	g.Expect(writes).To(BeNumerically("<=", turnsAtOnce+30*turnsASecond+1))
	g.Expect(writes).To(BeNumerically(">", turnsAtOnce))

	last := notWell
	if meta.IsStatusConditionFalse(m.Status.Conditions, "Healthy") {
		last = well
	}
	for again := time.Duration(1); again > 0; {
		n.clock.Step(again)
		_, again = n.write(t, m, last)
	}
	g.Expect(m.Status.Conditions).To(Equal(conditions(last)))
}

func TestFlappingIsTold(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	m := n.dns(well)
	for i := range turnsAtOnce {
		_, _ = n.write(t, m, []string{notWell, well}[i%2])
		n.told()
	}
	_, _ = n.write(t, m, notWell)
	g.Expect(n.told()).To(ConsistOf(HavePrefix("Warning Flapping the status of dns changes all the time")))
}

// An architecture sums up mappings, each of which has its pace: it shows each of their turns.
func TestArchitecturesHaveNoPace(t *testing.T) {
	g, n := NewWithT(t), newNotebook(t)
	a := &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks", UID: "1"}}
	for i := range 2 * turnsAtOnce {
		status := v1alpha1.ClusterArchitectureStatus{Conditions: conditions([]string{notWell, well}[i%2])}
		result, err := n.writeArchitecture(t.Context(), a, a.Status, status, 0)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(result.RequeueAfter).To(BeZero())
		a.Status, a.ResourceVersion = status, n.resourceVersion()
		n.told()
	}
	g.Expect(n.applied).To(HaveLen(2 * turnsAtOnce))
}
