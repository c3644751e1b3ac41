// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"slices"
	"testing"
	"time"

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
	driver  = `{name: driver, type: Object, method: None, evidence: Direct, object: {apiVersion: example.com/v1, kind: Driver, healthy: "object.up"}}`
	onAKS   = "{name: aks, type: Nodes, " + precondition + ", nodes: {selector: {matchLabels: {aks: here}}}}"
	aksNode = node("n1", "True", map[string]string{"aks": "here"})
)

func TestPresence(t *testing.T) { runMappings(t, presenceCases()) }

// presenceCases are about Present, and what follows from it for the other conditions.
func presenceCases() []mappingCase {
	return slices.Concat(presentCases(), notFoundCases(), partialCases(), ownPartCases(), partGraceCases(), leftBehindCases(), noEvidenceCases(), unknownCases(), ruledOutCases(), onlyOptionalCases())
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
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "variant part: only partly present: no Deployment kube-system/two; found: Deployment kube-system/one",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(Equal([]string{"whole", "part"}), "the complete ones first")
			g.Expect(the("Present", s.Conditions).Message).To(HaveSuffix("; found as whole, part: Deployment kube-system/coredns; Deployment kube-system/one"))
		},
	}}
}

func notFoundCases() []mappingCase {
	return []mappingCase{{
		name: "nothing is there", spec: checks(dns),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "no Deployment kube-system/coredns",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceNone))
			g.Expect(s.Implementation).To(BeEmpty(), "what is documented is not there")
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
		says: "nothing of it was found",
	}, {
		name: "absence is no evidence", spec: checks(workload("Deployment", "coredns", absent)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "nothing of it was found",
	}, {
		name: "a piece is missing, and whether another one runs may not be looked at", spec: checks(agent, dns),
		cluster: cluster{}.hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "agent: not permitted to check DaemonSet kube-system/agent",
	}}
}

func partialCases() []mappingCase {
	var pieces []string
	for _, n := range []string{"one", "two", "three", "four", "five", "six"} {
		pieces = append(pieces, workload("Deployment", n))
	}
	return []mappingCase{{
		name: "every missing piece is named", spec: checks(pieces...), cluster: with(deployment("three", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "only partly present: no Deployment kube-system/one; no Deployment kube-system/two; " +
			"no Deployment kube-system/four; no Deployment kube-system/five; no Deployment kube-system/six; " +
			"found: Deployment kube-system/three",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Methods).To(Equal([]v1alpha1.ImplementationMethod{v1alpha1.MethodDeployment}), "as far as it is there")
			g.Expect(the("Present", s.Conditions).Message).To(Equal(s.Message))
		},
	}, {
		name: "the variant that lacks least is told of",
		spec: variants(
			variant("far", checks(pieces[0], pieces[1], pieces[2])),
			variant("near", checks(pieces[0], pieces[3]))),
		cluster: with(deployment("one", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "variant near: only partly present: no Deployment kube-system/four; found: Deployment kube-system/one",
	}, {
		name: "of variants that lack as much the first is told of",
		spec: variants(
			variant("first", checks(pieces[0], pieces[1])),
			variant("second", checks(pieces[0], pieces[2]))),
		cluster: with(deployment("one", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "variant first: ",
	}, {
		name: "of variants that lack as much the one of which more is there is told of",
		spec: variants(
			variant("first", checks(pieces[0], pieces[1])),
			variant("second", checks(pieces[0], pieces[2], pieces[3]))),
		cluster: with(deployment("one", 1, 1), deployment("four", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "variant second: only partly present: no Deployment kube-system/three",
	}, {
		name: "a variant that the cluster is made for is told of before others",
		spec: variants(
			variant("anywhere", checks(pieces[0], pieces[1])),
			variant("hosted", checks(onAKS, pieces[0], pieces[2], pieces[3]))),
		cluster: with(aksNode, deployment("one", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "variant hosted: only partly present: no Deployment kube-system/three; no Deployment kube-system/four",
	}, {
		name: "what every variant shares counts", spec: lines(checks(dns), variants(variant("a", checks(agent)))),
		cluster: with(deployment("coredns", 2, 2)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "only partly present: no DaemonSet kube-system/agent; found: Deployment kube-system/coredns",
	}, {
		name: "an optional piece that runs is a part", spec: checks(dns, workload("DaemonSet", "agent", optional)),
		cluster: with(daemonSet("agent", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
	}, {
		name: "a failing part is told after what is missing", spec: checks(dns, agent), cluster: with(deployment("coredns", 0, 2)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "only partly present: no DaemonSet kube-system/agent; found: Deployment kube-system/coredns; coredns: Deployment kube-system/coredns: 0/2 available",
	}}
}

// ownPartCases are about parts that speak for one variant only.
func ownPartCases() []mappingCase {
	plugin := workload("DaemonSet", "plugin")
	split := lines(checks(plugin), variants(
		variant("hosted", checks(leased("provisioner"), leased("attacher"))),
		variant("in-cluster", checks(workload("Deployment", "controller")))))
	return []mappingCase{{
		name: "what a complete variant shares makes no part of another one", spec: split,
		cluster: with(daemonSet("plugin", 3, 3), lease("provisioner", 0), lease("attacher", 0)),
		present: "True Observed", healthy: "True AllChecksPass",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(Equal([]string{"hosted"}))
		},
	}, {
		name: "of what two variants share only one is a part", spec: split, cluster: with(daemonSet("plugin", 3, 3), lease("provisioner", 0)),
		present: "True Partial", healthy: "False PartMissing",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(Equal([]string{"hosted"}))
		},
	}, {
		name: "what a variant shares that may be complete makes no part of another one", spec: split,
		cluster: with(daemonSet("plugin", 3, 3)).hidden(facts.NotPermitted, "Lease"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", says: "hosted/provisioner: not permitted",
	}, {
		name:    "the same workload in the checks of two variants speaks for the complete one",
		spec:    variants(variant("whole", checks(plugin)), variant("other", checks(plugin, dns))),
		cluster: with(daemonSet("plugin", 3, 3)), present: "True Observed", healthy: "True AllChecksPass",
	}, {
		name:    "a part of its own counts beside a variant that may be complete",
		spec:    variants(variant("hidden", checks(leased("provisioner"))), variant("part", checks(plugin, dns))),
		cluster: with(daemonSet("plugin", 3, 3)).hidden(facts.NotPermitted, "Lease"),
		present: "True Partial", healthy: "False PartMissing", says: "variant part: only partly present",
	}}
}

// partGraceCases are about parts that are missing for a moment.
func partGraceCases() []mappingCase {
	patient := "gracePeriodSeconds: 60"
	spec, up, scalerUp := lines(patient, checks(dns, scaler)), deployment("coredns", 2, 2), deployment("coredns-autoscaler", 1, 1)
	seen := func(after time.Duration, objects ...object) visit {
		return visit{after: after, cluster: with(objects...)}
	}
	moves := lines(patient, variants(
		variant("new", checks(dns, workload("DaemonSet", "agent"))),
		variant("old", checks(dns, scaler))))
	return []mappingCase{{
		name: "is told at once, and has its time", spec: spec, visits: []visit{seen(0, up, scalerUp), seen(time.Hour, up), seen(time.Hour+20*time.Second, up)},
		present: "True Partial", healthy: "True WithinGracePeriod", wait: 40 * time.Second,
		says: "counts as unhealthy from 2026-03-01T09:01:00Z unless it recovers: only partly present: no Deployment kube-system/coredns-autoscaler",
	}, {
		name: "for longer", spec: spec, visits: []visit{seen(0, up, scalerUp), seen(time.Hour, up), seen(time.Hour+time.Minute, up)},
		present: "True Partial", healthy: "False PartMissing",
	}, {
		name: "and is there again", spec: spec, visits: []visit{seen(0, up, scalerUp), seen(time.Hour, up), seen(time.Hour+20*time.Second, up, scalerUp)},
		present: "True Observed", healthy: "True AllChecksPass",
	}, {
		name: "installed one after the other", spec: spec, visits: []visit{seen(0), seen(time.Hour, up), seen(time.Hour+59*time.Second, up)},
		present: "True Partial", healthy: "True WithinGracePeriod", wait: time.Second,
	}, {
		name: "another variant has long lacked as much", spec: moves, visits: []visit{seen(0, up, scalerUp), seen(time.Hour, up), seen(time.Hour+20*time.Second, up)},
		present: "True Partial", healthy: "True WithinGracePeriod", wait: 40 * time.Second, says: "variant new: only partly present",
	}, {
		name: "what is there keeps failing and recovering", spec: spec,
		visits:  []visit{seen(0, up, scalerUp), seen(time.Hour, up), seen(2*time.Hour, up), seen(3*time.Hour, deployment("coredns", 0, 2)), seen(3*time.Hour+time.Second, up)},
		present: "True Partial", healthy: "False PartMissing",
	}}
}

// leftBehindCases are about what outlives a component.
func leftBehindCases() []mappingCase {
	class := `{name: class, type: Object, method: None, expect: Optional, object: {apiVersion: example.com/v1, kind: Driver, present: "object.ours"}}`
	kind := `{name: driver, type: Object, method: None, object: {apiVersion: example.com/v1, kind: Driver, name: d}}`
	all := `{name: nodes, type: Object, method: None, object: {apiVersion: example.com/v1, kind: Driver}}`
	anywhere := `{name: anywhere, type: Workload, expect: Optional, workload: {kind: Deployment, selector: {matchLabels: {app: dns}}}}`
	ours := aDriver("d", map[string]any{"ours": true})
	free, silent := released("leader"), lease("leader", -time.Hour)
	optionally := "presence: Optional"
	elsewhere := "not found where expected, but found: Driver d (its controller may run in another namespace; name that namespace in a mapping of your own)"
	return []mappingCase{{
		name: "an object", spec: checks(dns, kind), cluster: with(ours), present: "False NotFound", healthy: "Unknown NotPresent",
		says: "not installed; left behind: Driver d; no Deployment kube-system/coredns",
	}, {
		name: "one's own may run elsewhere", spec: variants(variant("own", "operatedBy: Customer", checks(dns, class))), cluster: with(ours),
		present: "False NotFound", healthy: "Unknown NotPresent", says: elsewhere + "; own: no Deployment kube-system/coredns",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Present", s.Conditions).Message).NotTo(ContainSubstring("not installed"))
		},
	}, {
		name: "what is of the provider and may be one's own", spec: variants(variant("managed", checks(dns, class)),
			variant("own", "operatedBy: Customer", checks(workload("Deployment", "coredns", optional), workload("DaemonSet", "agent", optional), class))),
		cluster: with(ours), present: "False NotFound",
		says: elsewhere + "; managed: no Deployment kube-system/coredns; own: no Deployment kube-system/coredns, no DaemonSet kube-system/agent",
	}, {
		name: "one's own that is looked for in all namespaces", spec: variants(variant("own", "operatedBy: Customer", checks(workload("Deployment", "coredns", optional), anywhere, class))),
		cluster: with(ours), present: "False NotFound", says: "not installed; left behind: Driver d; own: no Deployment kube-system/coredns",
	}, {
		name: "one's own of which one variant is looked for in all namespaces", spec: variants(
			variant("manifest", "operatedBy: Customer", checks(dns, class)), variant("chart", "operatedBy: Customer", checks(anywhere, class))),
		cluster: with(ours), present: "False NotFound", says: "not installed; left behind: Driver d; manifest: no Deployment kube-system/coredns",
	}, {
		name: "one's own that has stopped does not run elsewhere", spec: variants(variant("own", "operatedBy: Customer", checks(dns, scaler))),
		cluster: with(deployment("coredns", 0, 0)), present: "False NotFound",
		says: "not installed; left behind: Deployment kube-system/coredns (scaled to 0); own: no Deployment kube-system/coredns-autoscaler",
	}, {
		name: "objects of all", spec: checks(dns, all), cluster: with(ours), present: "False NotFound", says: "not found; no Deployment kube-system/coredns",
	}, {
		name: "a workload that wants no pods", spec: checks(dns, scaler), cluster: with(deployment("coredns", 0, 0)),
		present: "False NotFound", says: "not installed; left behind: Deployment kube-system/coredns (scaled to 0); no Deployment kube-system/coredns-autoscaler",
	}, {
		name: "a lease that nobody renews", spec: checks(dns, leased("leader")), cluster: with(silent),
		present: "False NotFound", says: "left behind: Lease kube-system/leader (not renewed)",
	}, {
		name: "alone, such a lease is that of one that has stopped", spec: lines(optionally, checks(leased("leader"))), cluster: with(silent),
		present: "True ObservedIndirectly", healthy: "False LeaseStale",
	}, {
		name: "a lease that nobody holds, of what cannot be removed", spec: checks(leased("leader")), cluster: with(free),
		present: "True ObservedIndirectly", healthy: "False NoHolder",
	}, {
		name: "a lease that nobody holds, of what may be removed", spec: lines(optionally, checks(leased("leader"))), cluster: with(free),
		present: "False NotFound", says: "not installed; left behind: Lease kube-system/leader (no holder); nothing of it is running",
	}, {
		name: "a lease that nobody holds beside what runs", spec: lines(optionally, checks(dns, leased("leader"))), cluster: with(free, deployment("coredns", 2, 2)),
		present: "True Observed", healthy: "False NoHolder",
	}}
}

// noEvidenceCases are about what a component needs and what proves nothing of it.
func noEvidenceCases() []mappingCase {
	config := workload("Deployment", "config", noEvidence)
	needed := checks(dns, config)
	return []mappingCase{{
		name: "what proves nothing is needed", spec: needed, cluster: with(deployment("coredns", 2, 2)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "only partly present: no Deployment kube-system/config; found: Deployment kube-system/coredns",
	}, {
		name: "what proves nothing is left", spec: needed, cluster: with(deployment("config", 2, 2)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "not found; no Deployment kube-system/coredns",
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
	broken := `{name: broken, type: Object, method: None, evidence: Direct, object: {apiVersion: example.com/v1, kind: Driver, present: "object.missing"}}`
	return []mappingCase{{
		name: "nothing can be seen at all", spec: "",
		present: "Unknown NotObservable", healthy: "Unknown NotObservable", documented: "Unknown NotPresent",
		says: "this component can't be seen from inside the cluster",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Evidence).To(Equal(v1alpha1.EvidenceNone))
		},
	}, {
		name: "not permitted", spec: checks(dns), cluster: cluster{}.hidden(facts.NotPermitted, "Deployment"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "coredns: not permitted to check Deployment kube-system/coredns",
	}, {
		name: "looking failed", spec: checks(dns), cluster: cluster{}.hidden(facts.Failed, "Deployment"),
		present: "Unknown ObservationFailed", healthy: "Unknown ObservationFailed", documented: "Unknown NotPresent",
		says: "coredns: couldn't check Deployment kube-system/coredns",
	}, {
		name: "not in the dump", spec: checks(dns), cluster: cluster{}.hidden(facts.NotHeld, "Deployment"),
		present: "Unknown NotInDump", healthy: "Unknown NotInDump", documented: "Unknown NotPresent",
		says: "coredns: couldn't check Deployment kube-system/coredns",
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
		says: "no Nodes with labels aks=here among 1 node",
	}, {
		name: "a precondition that may not be looked at leaves open whether it is a part", spec: two,
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "Node"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "aks: not permitted to check Nodes",
	}, {
		name: "what must be absent and may not be looked at leaves open whether it is a part", spec: noAgent,
		cluster: with(deployment("coredns", 2, 2)).hidden(facts.NotPermitted, "DaemonSet"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
		says: "agent: not permitted to check DaemonSet kube-system/agent",
	}, {
		name: "with the precondition it is a part", spec: two, cluster: with(deployment("coredns", 2, 2), aksNode),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
	}, {
		name: "what must be absent and is there is never a part", spec: noAgent,
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "without it it is a part", spec: noAgent, cluster: with(deployment("coredns", 2, 2)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
	}, {
		name:    "what must be absent and is there, though all else is complete",
		spec:    checks(dns, workload("DaemonSet", "agent", absent)),
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1)),
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		says: "found DaemonSet kube-system/agent, which rules it out",
	}, {
		name: "one variant rules itself out, the other is a part",
		spec: variants(
			variant("out", checks(dns, workload("DaemonSet", "agent", absent))),
			variant("in", checks(dns, scaler))),
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
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
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("1 of 1 checks pass, couldn't check: agent (NotPermitted)"))
		},
	}}
}
