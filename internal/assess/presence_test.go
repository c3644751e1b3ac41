// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// Expectations of a check, as YAML.
const (
	optional     = "expect: Optional"
	absent       = "expect: Absent"
	precondition = "expect: Precondition"
	noEvidence   = "evidence: None"
)

// Checks that many cases share.
var (
	dns     = workload("Deployment", "coredns")
	scaler  = workload("Deployment", "coredns-autoscaler")
	agent   = workload("DaemonSet", "agent")
	driver  = `{name: driver, type: Object, method: None, object: {apiVersion: example.com/v1, kind: Driver, healthy: "object.up"}}`
	onAKS   = "{name: aks, type: Nodes, " + precondition + ", nodes: {selector: {matchLabels: {aks: here}}}}"
	aksNode = node("n1", "True", map[string]string{"aks": "here"})
)

func TestPresence(t *testing.T) { runMappings(t, presenceCases()) }

// presenceCases are about Present, and what follows from it for the other conditions.
func presenceCases() []mappingCase {
	return slices.Concat(presentCases(), notFoundCases(), partialCases(), noEvidenceCases(), unknownCases(), ruledOutCases(), onlyOptionalCases())
}

func presentCases() []mappingCase {
	return []mappingCase{{
		name: "observed", spec: checks(dns), cluster: with(deployment("coredns", 2, 2)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		says: "found: Deployment kube-system/coredns",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceDirect))
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("1 of 1 checks pass"))
		},
	}, {
		name: "a trace only", spec: checks(leased("scheduler")), cluster: with(lease("scheduler", 0)),
		present: "True ObservedIndirectly", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceIndirect))
		},
	}, {
		name: "a trace and the thing itself", spec: checks(leased("scheduler"), dns),
		cluster: with(lease("scheduler", 0), deployment("coredns", 2, 2)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceDirect))
		},
	}, {
		name:    "one variant complete while another may not be looked at",
		spec:    variants(variant("a", checks(agent)), variant("b", checks(dns))),
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "DaemonSet"),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		says: "found as b: Deployment kube-system/coredns",
	}, {
		name: "beside it, only a part of another is there",
		spec: variants(
			variant("whole", checks(dns)),
			variant("part", checks(workload("Deployment", "one"), workload("Deployment", "two"))),
			variant("gone", checks(workload("Deployment", "three"))),
			variant("refused", checks(workload("Deployment", "one"), workload("Deployment", "three"), workload("Deployment", "coredns", absent)))),
		cluster: with(deployment("coredns", 2, 2), deployment("one", 1, 1)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		says: "found as whole: Deployment kube-system/coredns; variant part: only a part is there, " +
			"missing: no Deployment kube-system/two; found: Deployment kube-system/one",
	}}
}

func notFoundCases() []mappingCase {
	return []mappingCase{{
		name: "nothing is there", spec: checks(dns),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "no Deployment kube-system/coredns",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceNone))
			g.Expect(s.Implementation).To(Equal("Managed DNS"), "what is documented")
			g.Expect(s.OperatedBy).To(Equal(v1alpha1.OperatedByProvider))
			g.Expect(s.Methods).To(BeEmpty())
			g.Expect(s.MethodSummary).To(BeEmpty())
		},
	}, {
		name: "its kind is not served", spec: checks(driver), cluster: cluster{}.hidden(facts.NotServed, "Driver"),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "Driver does not exist",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(checkNamed("driver", s).Reason).To(Equal(v1alpha1.ReasonKindNotServed))
		},
	}, {
		name:    "every variant says why",
		spec:    variants(variant("a", checks(dns)), variant("b", checks(agent))),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "a: no Deployment kube-system/coredns; b: no DaemonSet kube-system/agent",
	}, {
		name: "a precondition is no evidence", spec: checks(onAKS), cluster: with(aksNode),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "nothing of it is there",
	}, {
		name: "absence is no evidence", spec: checks(workload("Deployment", "coredns", absent)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "nothing of it is there",
	}, {
		name: "an absent piece decides, though another may not be looked at", spec: checks(agent, dns),
		cluster: cluster{}.hidden(facts.NotPermitted, "DaemonSet"),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "no Deployment kube-system/coredns",
	}}
}

func partialCases() []mappingCase {
	var pieces []string
	for _, n := range []string{"one", "two", "three", "four", "five", "six"} {
		pieces = append(pieces, workload("Deployment", n))
	}
	return []mappingCase{{
		name: "every missing piece is named", spec: checks(pieces...), cluster: with(deployment("three", 1, 1)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "only a part is there, missing: no Deployment kube-system/one; no Deployment kube-system/two; " +
			"no Deployment kube-system/four; no Deployment kube-system/five; no Deployment kube-system/six; " +
			"found: Deployment kube-system/three",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(BeEmpty())
			g.Expect(s.Methods).To(BeEmpty(), "nothing is claimed of a part")
		},
	}, {
		name: "the variant that lacks least is told of",
		spec: variants(
			variant("far", checks(pieces[0], pieces[1], pieces[2])),
			variant("near", checks(pieces[0], pieces[3]))),
		cluster: with(deployment("one", 1, 1)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "variant near: only a part is there, missing: no Deployment kube-system/four; found: Deployment kube-system/one",
	}, {
		name: "of variants that lack as much the first is told of",
		spec: variants(
			variant("first", checks(pieces[0], pieces[1])),
			variant("second", checks(pieces[0], pieces[2]))),
		cluster: with(deployment("one", 1, 1)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "variant first: ",
	}, {
		name: "of variants that lack as much the one of which more is there is told of",
		spec: variants(
			variant("first", checks(pieces[0], pieces[1])),
			variant("second", checks(pieces[0], pieces[2], pieces[3]))),
		cluster: with(deployment("one", 1, 1), deployment("four", 1, 1)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "variant second: only a part is there, missing: no Deployment kube-system/three",
	}, {
		name: "a variant that the cluster is made for is told of before others",
		spec: variants(
			variant("anywhere", checks(pieces[0], pieces[1])),
			variant("hosted", checks(onAKS, pieces[0], pieces[2], pieces[3]))),
		cluster: with(aksNode, deployment("one", 1, 1)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "variant hosted: only a part is there, missing: no Deployment kube-system/three; no Deployment kube-system/four",
	}, {
		name: "what every variant shares counts", spec: lines(checks(dns), variants(variant("a", checks(agent)))),
		cluster: with(deployment("coredns", 2, 2)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "missing: no DaemonSet kube-system/agent; found: Deployment kube-system/coredns",
	}, {
		name: "an optional piece is no part", spec: checks(dns, workload("DaemonSet", "agent", optional)),
		cluster: with(daemonSet("agent", 1, 1)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "a failing part does not vote", spec: checks(dns, agent), cluster: with(deployment("coredns", 0, 2)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(checkNamed("coredns", s).Healthy).To(Equal(v1alpha1.VerdictFalse), "the check itself still says so")
		},
	}}
}

// noEvidenceCases are about what a component needs and what proves nothing of it.
func noEvidenceCases() []mappingCase {
	config := workload("Deployment", "config", noEvidence)
	needed := checks(dns, config)
	return []mappingCase{{
		name: "what proves nothing is needed", spec: needed, cluster: with(deployment("coredns", 2, 2)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "missing: no Deployment kube-system/config; found: Deployment kube-system/coredns",
	}, {
		name: "what proves nothing is left", spec: needed, cluster: with(deployment("config", 2, 2)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "no Deployment kube-system/coredns",
	}, {
		name: "what proves nothing has a vote on health", spec: needed, cluster: with(deployment("coredns", 2, 2), deployment("config", 0, 2)),
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "True MatchesDocumentation",
		says: "config: Deployment kube-system/config: 0/2 available",
	}, {
		name: "what proves nothing makes no trace direct", spec: checks(leased("scheduler"), config),
		cluster: with(lease("scheduler", 0), deployment("config", 2, 2)),
		present: "True ObservedIndirectly", healthy: "True AllChecksPass", documented: "False MethodDiffers",
	}, {
		name: "what proves nothing is all there is to a variant", spec: checks(config), cluster: with(deployment("config", 2, 2)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "what proves nothing may not be looked at", spec: checks(workload("Deployment", "config", noEvidence, optional)),
		cluster: cluster{}.hidden(facts.NotPermitted, "Deployment"),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "what proves nothing makes no part beside a whole", spec: variants(variant("whole", checks(dns)), variant("part", checks(config, agent))),
		cluster: with(deployment("coredns", 2, 2), deployment("config", 2, 2)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Present", s.Conditions).Message).To(Equal("found as whole: Deployment kube-system/coredns"))
		},
	}}
}

func unknownCases() []mappingCase {
	broken := `{name: broken, type: Object, method: None, object: {apiVersion: example.com/v1, kind: Driver, present: "object.missing"}}`
	return []mappingCase{{
		name: "nothing can be seen at all", spec: "",
		present: "Unknown NotObservable", healthy: "Unknown NotObservable", documented: "Unknown NotPresent",
		says: "nothing of this component can be seen from inside the cluster",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceNone))
		},
	}, {
		name: "not permitted", spec: checks(dns), cluster: cluster{}.hidden(facts.NotPermitted, "Deployment"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "coredns: not permitted to look for Deployment kube-system/coredns",
	}, {
		name: "looking failed", spec: checks(dns), cluster: cluster{}.hidden(facts.Failed, "Deployment"),
		present: "Unknown ObservationFailed", healthy: "Unknown ObservationFailed", documented: "Unknown NotPresent",
		says: "coredns: could not look for Deployment kube-system/coredns",
	}, {
		name: "not in the dump", spec: checks(dns), cluster: cluster{}.hidden(facts.NotHeld, "Deployment"),
		present: "Unknown NotInDump", healthy: "Unknown NotInDump", documented: "Unknown NotPresent",
		says: "coredns: could not look for Deployment kube-system/coredns",
	}, {
		name: "failed comes before not in the dump", spec: checks(dns, agent),
		cluster: cluster{}.hidden(facts.NotHeld, "Deployment").hidden(facts.Failed, "DaemonSet"),
		present: "Unknown ObservationFailed", healthy: "Unknown ObservationFailed", documented: "Unknown NotPresent",
	}, {
		name: "an expression failed", spec: checks(broken), cluster: with(aDriver("d", nil)),
		present: "Unknown ObservationFailed", healthy: "Unknown ObservationFailed", documented: "Unknown NotPresent",
		says: "broken: Driver d: present: ",
	}, {
		name: "not permitted comes before failed", spec: checks(dns, agent),
		cluster: cluster{}.hidden(facts.Failed, "Deployment").hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "agent: not permitted",
	}, {
		name:    "not permitted comes before failed, in another variant too",
		spec:    variants(variant("a", checks(dns)), variant("b", checks(agent))),
		cluster: cluster{}.hidden(facts.Failed, "Deployment").hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "b/agent: not permitted",
	}, {
		name:    "a variant that is out of the question does not keep the others from being told",
		spec:    variants(variant("a", checks(dns, scaler)), variant("b", checks(agent))),
		cluster: cluster{}.hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "b/agent: not permitted",
	}, {
		name: "half of it was found, the rest may not be looked at", spec: checks(dns, agent),
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
	}, {
		name: "a precondition may not be looked at", spec: checks(onAKS, dns),
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "Node"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "aks: not permitted",
	}, {
		name: "what must be absent may not be looked at", spec: checks(dns, workload("DaemonSet", "agent", absent)),
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "agent: not permitted",
	}, {
		name: "no evidence is there, whatever the precondition", spec: checks(onAKS, workload("Deployment", "coredns", optional)),
		cluster: cluster{}.hidden(facts.NotPermitted, "Node"),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}}
}

func ruledOutCases() []mappingCase {
	two := checks(onAKS, dns, scaler)
	noAgent := checks(dns, scaler, workload("DaemonSet", "agent", absent))
	return []mappingCase{{
		name: "a failing precondition is never a part", spec: two,
		cluster: with(deployment("coredns", 2, 2), node("n1", "True", nil)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "none of 1 Nodes with labels aks=here",
	}, {
		name: "a precondition that may not be looked at makes no part", spec: two,
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "Node"),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "no Deployment kube-system/coredns-autoscaler, and whether what is there belongs to it cannot be told: not permitted to look for Nodes",
	}, {
		name: "what must be absent and may not be looked at makes no part", spec: noAgent,
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "DaemonSet"),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "cannot be told: not permitted to look for DaemonSet kube-system/agent",
	}, {
		name: "with the precondition it is a part", spec: two, cluster: with(deployment("coredns", 2, 2), aksNode),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "what must be absent and is there is never a part", spec: noAgent,
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "without it it is a part", spec: noAgent, cluster: with(deployment("coredns", 2, 2)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name:    "what must be absent and is there, though all else is complete",
		spec:    checks(dns, workload("DaemonSet", "agent", absent)),
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "it goes without DaemonSet kube-system/agent, which is there",
	}, {
		name: "one variant rules itself out, the other is a part",
		spec: variants(
			variant("out", checks(dns, workload("DaemonSet", "agent", absent))),
			variant("in", checks(dns, scaler))),
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1)),
		present: "False Partial", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "variant in: ",
	}, {
		name: "precondition met, what must be absent is", spec: checks(onAKS, dns, workload("DaemonSet", "agent", absent)),
		cluster: with(deployment("coredns", 2, 2), aksNode),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		says: "found: Deployment kube-system/coredns",
	}}
}

func onlyOptionalCases() []mappingCase {
	spec := checks(workload("Deployment", "coredns", optional), workload("DaemonSet", "agent", optional))
	return []mappingCase{{
		name: "only optional pieces, none there", spec: spec,
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "only optional pieces, one there", spec: spec, cluster: with(deployment("coredns", 2, 2)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
	}, {
		name: "only optional pieces, none there and one may not be looked at", spec: spec,
		cluster: cluster{}.hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "agent: not permitted",
	}, {
		name: "only optional pieces, one there and one may not be looked at", spec: spec,
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "DaemonSet"),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("1 of 1 checks pass, not seen: agent (NotPermitted)"))
		},
	}}
}
