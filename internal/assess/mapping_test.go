// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

func TestReady(t *testing.T) { runMappings(t, readyCases()) }

func TestTransitions(t *testing.T) { runMappings(t, transitionCases()) }

// mappingCases returns all stories of mappings: what holds for every status is held against each of their ends.
func mappingCases() []mappingCase {
	return slices.Concat(presenceCases(), descriptionCases(), documentedCases(), healthCases(), graceCases(), readyCases(), awaitingCases(), transitionCases())
}

var (
	errSpec  = errors.New(`check driver: object.healthy: "object.up +" does not compile: Syntax error (column 12)`)
	seenOnce = visit{cluster: with(deployment("coredns", 2, 2, "r/coredns:v1.11.1"))}
)

// readyCases are about Ready and Stalled, and about what becomes of the verdicts meanwhile.
func readyCases() []mappingCase { return slices.Concat(observingCases(), invalidCases()) }

func observingCases() []mappingCase {
	reading := func(after time.Duration) visit {
		return visit{after: after, cluster: cluster{}.hidden(facts.Pending, "Deployment")}
	}
	edited := func(v visit, spec string) visit { v.spec = spec; return v }
	named := variants(variant("server", "implementation: Server", checks(dns)))
	unchanged := func(g *WithT, s, previous v1alpha1.ComponentMappingStatus) {
		g.Expect(equality.Semantic.DeepEqual(s, previous)).To(BeTrue(), "the status stays as it was")
	}
	return []mappingCase{{
		name: "the first visit, before anything was read", spec: checks(dns), visits: []visit{reading(0)},
		ready: "Unknown Observing", present: "Unknown NotYetObserved", healthy: "Unknown NotYetObserved", documented: "Unknown NotYetObserved",
		says: "not everything has been read yet",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(1))
			g.Expect(s.Implementation).To(BeEmpty())
			g.Expect(the("Ready", s.Conditions).Message).To(
				Equal("check coredns: still checking Deployment kube-system/coredns"))
		},
	}, {
		name: "one of many checks is enough to wait for", spec: checks(agent, dns),
		visits: []visit{{cluster: with(daemonSet("agent", 0, 3)).hidden(facts.Pending, "Deployment")}},
		ready:  "Unknown Observing", present: "Unknown NotYetObserved", healthy: "Unknown NotYetObserved", documented: "Unknown NotYetObserved",
	}, {
		name: "still before anything was read", spec: checks(dns), visits: []visit{reading(0), reading(time.Minute)},
		ready: "Unknown Observing", present: "Unknown NotYetObserved", healthy: "Unknown NotYetObserved", documented: "Unknown NotYetObserved",
		also: unchanged,
	}, {
		name: "the first read is complete", spec: checks(dns), visits: []visit{reading(0), seenOnce},
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
	}, {
		name: "a restart changes nothing", spec: checks(dns), visits: []visit{seenOnce, reading(time.Hour)},
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: unchanged,
	}, {
		name: "a restart changes nothing, whatever else is seen", spec: checks(dns, agent),
		visits: []visit{
			{cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1))},
			{after: time.Hour, cluster: with(daemonSet("agent", 0, 1)).hidden(facts.Pending, "Deployment")}},
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: unchanged,
	}, {
		name: "a new generation is being read", spec: named,
		visits: []visit{seenOnce, edited(reading(time.Hour), lines("gracePeriodSeconds: 60", named))},
		ready:  "Unknown Observing", present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, previous v1alpha1.ComponentMappingStatus) {
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(2))
			g.Expect(the("Ready", s.Conditions).ObservedGeneration).To(BeEquivalentTo(2))
			g.Expect(the("Healthy", s.Conditions)).To(Equal(the("Healthy", previous.Conditions)), "a verdict on the spec before")
			g.Expect(s.Implementation).To(Equal("Server"))
			g.Expect(s.Checks).To(Equal(previous.Checks))
			g.Expect(s.Version).To(Equal("v1.11.1"))
			g.Expect(s.Message).To(Equal(previous.Message))
		},
	}, {
		name: "a new generation is still being read", spec: named,
		visits: []visit{seenOnce, edited(reading(time.Hour), lines("gracePeriodSeconds: 60", named)), reading(2 * time.Hour)},
		ready:  "Unknown Observing", present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: unchanged,
	}, {
		name: "a new generation was read", spec: checks(dns),
		visits: []visit{seenOnce, edited(reading(time.Hour), checks(dns, scaler)),
			{after: 2 * time.Hour, cluster: with(deployment("coredns", 2, 2), deployment("coredns-autoscaler", 1, 1))}},
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(2))
			for _, c := range s.Conditions {
				g.Expect(c.ObservedGeneration).To(BeEquivalentTo(2), c.Type)
			}
			g.Expect(the("Ready", s.Conditions).LastTransitionTime).To(at(2 * time.Hour))
			g.Expect(the("Healthy", s.Conditions).LastTransitionTime).To(at(0))
		},
	}}
}

func invalidCases() []mappingCase {
	invalid := visit{after: time.Hour, spec: checks(driver), invalid: errSpec}
	reading := visit{after: 2 * time.Hour, spec: checks(dns), cluster: cluster{}.hidden(facts.Pending, "Deployment")}
	return []mappingCase{{
		name: "the spec cannot be used", spec: checks(dns), visits: []visit{seenOnce, invalid},
		ready: "False InvalidSpec", present: "Unknown InvalidSpec", healthy: "Unknown InvalidSpec", documented: "Unknown InvalidSpec",
		says: errSpec.Error(),
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(statusAndReason(s.Conditions)).To(HaveKeyWithValue("Stalled", "True InvalidSpec"))
			g.Expect(the("Stalled", s.Conditions).Message).To(Equal("change the spec: " + errSpec.Error()))
			g.Expect(the("Ready", s.Conditions).Message).To(Equal(errSpec.Error()))
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(2))
			g.Expect(s.Checks).To(BeEmpty())
			g.Expect(s.Version).To(BeEmpty())
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceNone))
			g.Expect(s.Implementation).To(BeEmpty())
			for _, c := range s.Conditions {
				g.Expect(c.LastTransitionTime).To(at(time.Hour), c.Type)
			}
		},
	}, {
		name: "the spec never could be used", spec: checks(driver), visits: []visit{{invalid: errSpec}},
		ready: "False InvalidSpec", present: "Unknown InvalidSpec", healthy: "Unknown InvalidSpec", documented: "Unknown InvalidSpec",
	}, {
		name: "another spec that cannot be used", spec: checks(dns),
		visits: []visit{seenOnce, invalid, {after: 3 * time.Hour, spec: checks(driver, dns), invalid: errors.New(strings.Repeat("long ", 400))}},
		ready:  "False InvalidSpec", present: "Unknown InvalidSpec", healthy: "Unknown InvalidSpec", documented: "Unknown InvalidSpec",
		says: "long long",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(3))
			for _, c := range s.Conditions {
				g.Expect(c.LastTransitionTime).To(at(time.Hour), c.Type)
				g.Expect(c.ObservedGeneration).To(BeEquivalentTo(3), c.Type)
			}
		},
	}, {
		name: "the spec was fixed", spec: checks(dns),
		visits:  []visit{seenOnce, invalid, {after: 2 * time.Hour, spec: checks(dns), cluster: seenOnce.cluster}},
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		says: "found: Deployment kube-system/coredns",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(statusAndReason(s.Conditions)).NotTo(HaveKey("Stalled"))
			g.Expect(the("Ready", s.Conditions).LastTransitionTime).To(at(2 * time.Hour))
			g.Expect(the("Present", s.Conditions).LastTransitionTime).To(at(2 * time.Hour))
		},
	}, {
		name: "the spec was fixed and is being read", spec: checks(dns), visits: []visit{seenOnce, invalid, reading},
		ready: "Unknown Observing", present: "Unknown NotYetObserved", healthy: "Unknown NotYetObserved", documented: "Unknown NotYetObserved",
		says: "not everything has been read yet",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(statusAndReason(s.Conditions)).NotTo(HaveKey("Stalled"))
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(3))
		},
	}}
}

// transitionCases are about lastTransitionTime: it moves when a status flips, and only then.
func transitionCases() []mappingCase {
	see := func(after time.Duration, objects ...object) visit {
		return visit{after: after, cluster: with(objects...)}
	}
	up, down := deployment("coredns", 2, 2), deployment("coredns", 0, 2)
	since := func(s v1alpha1.ComponentMappingStatus, conditionType string) metav1.Time {
		return the(conditionType, s.Conditions).LastTransitionTime
	}
	return []mappingCase{{
		name: "nothing turns", spec: checks(dns), visits: []visit{see(0, up), see(time.Hour, up)},
		healthy: "True AllChecksPass",
		also: func(g *WithT, s, previous v1alpha1.ComponentMappingStatus) {
			g.Expect(equality.Semantic.DeepEqual(s, previous)).To(BeTrue())
		},
	}, {
		name: "health turns, presence does not", spec: checks(dns), visits: []visit{see(0, up), see(time.Hour, down)},
		healthy: "False WorkloadUnavailable",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(since(s, "Healthy")).To(at(time.Hour))
			g.Expect(since(s, "Present")).To(at(0))
			g.Expect(since(s, "Ready")).To(at(0))
			g.Expect(since(s, "AsDocumented")).To(at(0))
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(time.Hour))
		},
	}, {
		name: "a reason is no turn", spec: checks(dns), visits: []visit{see(0, up), see(time.Hour, rolling("coredns"))},
		healthy: "True Progressing",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(since(s, "Healthy")).To(at(0))
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(0))
			g.Expect(checkNamed("coredns", s).Reason).To(Equal(v1alpha1.ReasonProgressing))
		},
	}, {
		name: "a version is no turn", spec: checks(dns),
		visits: []visit{see(0, deployment("coredns", 2, 2, "r/c:v1")), see(time.Hour, deployment("coredns", 2, 2, "r/c:v2"))}, healthy: "True AllChecksPass",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v2"))
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(0))
		},
	}, {
		name: "a second check that fails is no turn of the condition", spec: checks(dns, scaler),
		visits:  []visit{see(0, down, deployment("coredns-autoscaler", 1, 1)), see(time.Hour, down, deployment("coredns-autoscaler", 0, 1))},
		healthy: "False WorkloadUnavailable",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(since(s, "Healthy")).To(at(0))
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(0))
			g.Expect(checkNamed("coredns-autoscaler", s).LastTransitionTime).To(at(time.Hour))
		},
	}, {
		name: "it goes and comes back", spec: checks(dns), visits: []visit{see(0, up), see(time.Hour), see(2*time.Hour, up), see(3*time.Hour, up)},
		healthy: "True AllChecksPass",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			for _, c := range []string{"Present", "Healthy", "AsDocumented"} {
				g.Expect(since(s, c)).To(at(2*time.Hour), c)
			}
			g.Expect(since(s, "Ready")).To(at(0))
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(2 * time.Hour))
		},
	}, {
		name: "part of it goes", spec: checks(dns, scaler), visits: []visit{see(0, up, deployment("coredns-autoscaler", 1, 1)), see(time.Hour, up), see(2 * time.Hour)},
		present: "False NotFound",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(since(s, "Present")).To(at(2*time.Hour), "Present is True while a part runs")
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(2 * time.Hour))
			g.Expect(checkNamed("coredns-autoscaler", s).LastTransitionTime).To(at(time.Hour))
		},
	}, {
		name: "a check is new, another one is gone", spec: checks(dns, agent),
		visits: []visit{see(0, up, daemonSet("agent", 1, 1)),
			{after: time.Hour, spec: checks(dns, scaler), cluster: with(up, deployment("coredns-autoscaler", 1, 1))}},
		healthy: "True AllChecksPass",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Checks).To(HaveLen(2))
			g.Expect(checkNamed("coredns", s).LastTransitionTime).To(at(0))
			g.Expect(checkNamed("coredns-autoscaler", s).LastTransitionTime).To(at(time.Hour))
			g.Expect(since(s, "AsDocumented")).To(at(time.Hour))
		},
	}, {
		name:   "checks of one name in several variants are told apart",
		spec:   variants(variant("a", checks(workload("Deployment", "coredns"))), variant("b", checks(workload("Deployment", "coredns", absent)))),
		visits: []visit{see(0, up), see(time.Hour, down)}, healthy: "False WorkloadUnavailable",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Checks).To(HaveLen(2))
			g.Expect(s.Checks[0].Name).To(Equal("a/coredns"))
			g.Expect(s.Checks[1].Name).To(Equal("b/coredns"))
		},
	}}
}
