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

func TestAwaiting(t *testing.T) { runMappings(t, awaitingCases()) }

// awaitingCases are about leases that are seen for the first time, and long after they were renewed.
func awaitingCases() []mappingCase {
	firstSight := func(objects ...object) cluster {
		c := with(append(objects, lease("leader", -time.Hour))...)
		c.firstSight = true
		return c
	}
	up := deployment("coredns", 2, 2)
	return []mappingCase{{
		name: "beside a Deployment", spec: checks(dns, leased("leader")), cluster: firstSight(up),
		ready: "True AwaitingRenewal", present: "True Observed", healthy: "Unknown AwaitingRenewal",
		says: "leader: Lease kube-system/leader: waiting up to 1m0s for it to be renewed",
	}, {
		name: "beside a Deployment that fails", spec: checks(dns, leased("leader")), cluster: firstSight(deployment("coredns", 0, 2)),
		ready: "True AwaitingRenewal", present: "True Observed", healthy: "False WorkloadUnavailable",
	}, {
		name: "which may have been left behind", spec: lines("presence: Optional", checks(leased("leader"))), cluster: firstSight(),
		ready: "True AwaitingRenewal", present: "Unknown AwaitingRenewal", healthy: "Unknown AwaitingRenewal",
	}, {
		name: "of what must be there", spec: checks(leased("leader")), cluster: firstSight(),
		ready: "True AwaitingRenewal", present: "True ObservedIndirectly", healthy: "Unknown AwaitingRenewal",
	}, {
		name: "after a restart", spec: checks(dns, leased("leader")),
		visits: []visit{{cluster: with(up, lease("leader", 0))}, {after: time.Hour, cluster: firstSight(up)}},
		ready:  "True AwaitingRenewal", present: "True Observed", healthy: "True AllChecksPass",
		also: func(g *WithT, s, previous v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Checks).To(Equal(previous.Checks), "the last verdict stands")
		},
	}, {
		name: "to who looks once", spec: checks(dns, leased("leader")), cluster: with(up, lease("leader", -time.Hour)),
		present: "True Observed", healthy: "False LeaseStale",
	}}
}

// A mapping of a Deployment and a lease, of which nobody knows yet whether it is renewed.
type awaitingMapping struct {
	*v1alpha1.ComponentMapping

	checks []*check.Check
	now    time.Time
}

func newAwaitingMapping(t *testing.T, spec string) *awaitingMapping {
	m := &awaitingMapping{ComponentMapping: newMapping(t, lines(spec, checks(dns, leased("leader")))), now: start}
	var err error
	if m.checks, err = check.Compile(&m.Spec); err != nil {
		t.Fatal(err)
	}
	return m
}

// visit assesses what the Deployment and the lease come to, a while after the last visit.
func (m *awaitingMapping) visit(after time.Duration, deployment, lease check.Result) map[string]string {
	m.now = m.now.Add(after)
	deployment.Message, lease.Message = "as the test has it", "waiting up to 24h0m0s for it to be renewed"
	m.Status, _ = assess.Mapping(m.ComponentMapping, []check.Finding{{Check: m.checks[0], Result: deployment}, {Check: m.checks[1], Result: lease}}, m.now)
	return statusAndReason(m.Status.Conditions)
}

var recent = func() check.Result {
	r := awaited.Result
	r.LastStands = true
	return r
}()

// What waits for a lease says so, and everything else is judged at once.
func TestLeaseThatIsAwaitedFreezesNothing(t *testing.T) {
	g := NewWithT(t)
	m := newAwaitingMapping(t, "")
	got := m.visit(0, runs.Result, recent)
	g.Expect(got).To(And(HaveKeyWithValue("Present", "True Observed"), HaveKeyWithValue("Healthy", "Unknown AwaitingRenewal"),
		HaveKeyWithValue("Ready", "True AwaitingRenewal")))
	g.Expect(the("Ready", m.Status.Conditions).Message).To(Equal("the other verdicts are current; check leader: waiting up to 24h0m0s for it to be renewed"))
	got = m.visit(time.Minute, fails.Result, awaited.Result)
	g.Expect(got).To(And(HaveKeyWithValue("Present", "True Observed"), HaveKeyWithValue("Healthy", "False WorkloadUnavailable")))
	got = m.visit(time.Minute, missing.Result, awaited.Result)
	g.Expect(got).To(And(HaveKeyWithValue("Present", "Unknown AwaitingRenewal"), HaveKeyWithValue("Healthy", "Unknown AwaitingRenewal")),
		"a lease that is renewed would be a part")
	got = m.visit(time.Minute, runs.Result, runs.Result)
	g.Expect(got).To(And(HaveKeyWithValue("Healthy", "True AllChecksPass"), HaveKeyWithValue("Ready", "True Evaluated")))
}

// After a restart the last verdict of a lease stands for a minute, whatever it was, while all else is judged by what is seen.
func TestLastVerdictOfALeaseOutlivesRestart(t *testing.T) {
	g := NewWithT(t)
	for _, last := range []outcome{runs, stopped, givenUp} {
		for _, presence := range []string{"presence: Optional", "presence: Required"} {
			for _, deployment := range []outcome{runs, fails, missing} {
				m := newAwaitingMapping(t, presence)
				m.visit(0, deployment.Result, last.Result)
				m.visit(time.Hour, deployment.Result, last.Result) // what is missing no longer has a grace period
				before := m.Status.DeepCopy()
				got := m.visit(time.Minute, deployment.Result, recent)
				g.Expect(got).To(HaveKeyWithValue("Ready", "True AwaitingRenewal"))
				for _, t := range []string{"Present", "Healthy", "AsDocumented"} {
					g.Expect(the(t, m.Status.Conditions)).To(Equal(the(t, before.Conditions)), "%s, %s, %s: the lease %s", t, presence, deployment.name, last.name)
				}
				g.Expect(m.Status.Checks[1].LastTransitionTime).To(Equal(before.Checks[1].LastTransitionTime))
				other := map[string]outcome{runs.name: fails, fails.name: runs, missing.name: runs}[deployment.name]
				m.visit(0, other.Result, recent)
				g.Expect(the("Healthy", m.Status.Conditions)).NotTo(Equal(the("Healthy", before.Conditions)), "the rest is judged at once")
			}
		}
	}
	m := newAwaitingMapping(t, "")
	m.visit(0, runs.Result, stopped.Result)
	m.visit(time.Hour, runs.Result, stopped.Result)
	before := m.Status.DeepCopy()
	m.visit(time.Hour, runs.Result, awaited.Result)
	g.Expect(the("Healthy", m.Status.Conditions)).To(Equal(the("Healthy", before.Conditions)), "what was stale is, until it is renewed")
	g.Expect(m.visit(time.Minute, runs.Result, runs.Result)).To(HaveKeyWithValue("Healthy", "True AllChecksPass"))

	m.visit(0, runs.Result, runs.Result)
	g.Expect(m.visit(time.Hour, runs.Result, awaited.Result)).To(HaveKeyWithValue("Healthy", "Unknown AwaitingRenewal"), "it does not stand for long")
	m.visit(0, runs.Result, runs.Result)
	m.Generation++
	g.Expect(m.visit(time.Hour, runs.Result, recent)).To(HaveKeyWithValue("Healthy", "Unknown AwaitingRenewal"), "it was about another spec")
	g.Expect(the("Healthy", m.Status.Conditions).Status).To(Equal(metav1.ConditionUnknown))
}
