// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

func TestDescription(t *testing.T) { runMappings(t, descriptionCases()) }

// descriptionCases are about what a status says of what was found.
func descriptionCases() []mappingCase {
	return slices.Concat(variantCases(), methodCases(), versionCases(), listCases())
}

func variantCases() []mappingCase {
	two := variants(
		variant("agents", `implementation: Agents`, `operatedBy: Customer`, checks(agent)),
		variant("server", `implementation: Server`, `operatedBy: Shared`, checks(dns)))
	silent := variants(variant("agents", checks(agent)), variant("server", checks(dns)))
	both := with(deployment("coredns", 2, 2), daemonSet("agent", 3, 3))
	return []mappingCase{{
		name: "a mapping without variants", spec: checks(dns), cluster: both,
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variant).To(BeEmpty())
			g.Expect(s.Variants).To(BeEmpty())
			g.Expect(s.Implementation).To(Equal("Managed DNS"))
			g.Expect(s.OperatedBy).To(Equal(v1alpha1.OperatedByProvider))
		},
	}, {
		name: "no variant is complete", spec: two,
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variant).To(BeEmpty())
			g.Expect(s.Variants).To(BeEmpty())
			g.Expect(s.Implementation).To(BeEmpty())
			g.Expect(s.OperatedBy).To(Equal(v1alpha1.OperatedByProvider))
		},
	}, {
		name: "one complete variant, not the first of the spec", spec: two, cluster: with(deployment("coredns", 2, 2)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variant).To(Equal("server"))
			g.Expect(s.Variants).To(Equal([]string{"server"}))
			g.Expect(s.Implementation).To(Equal("Server"))
			g.Expect(s.OperatedBy).To(Equal(v1alpha1.OperatedByShared))
		},
	}, {
		name: "several complete variants are all listed, the first names the status", spec: two, cluster: both,
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variant).To(Equal("agents"))
			g.Expect(s.Variants).To(Equal([]string{"agents", "server"}))
			g.Expect(s.Implementation).To(Equal("Agents, Server"))
			g.Expect(s.OperatedBy).To(Equal(v1alpha1.OperatedByCustomer))
			g.Expect(the("Present", s.Conditions).Message).To(
				Equal("found as agents, server: DaemonSet kube-system/agent; Deployment kube-system/coredns"))
		},
	}, {
		name: "variants that say nothing of their own", spec: silent, cluster: both,
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Implementation).To(Equal("Managed DNS"))
			g.Expect(s.OperatedBy).To(Equal(v1alpha1.OperatedByProvider))
		},
	}, {
		name: "two variants of one implementation name it once",
		spec: variants(variant("a", `implementation: Cilium`, checks(agent)), variant("b", `implementation: Cilium`, checks(dns))), cluster: both,
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Implementation).To(Equal("Cilium"))
		},
	}, {
		name: "every complete variant votes", spec: two, cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 2, 3)),
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "False MethodDiffers",
		says: "agents/agent: DaemonSet kube-system/agent: 2/3 available",
	}, {
		name:    "a variant that is there in part votes, too",
		spec:    variants(variant("a", checks(agent, scaler)), variant("b", checks(dns))),
		cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 2, 3)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		says: "found: DaemonSet kube-system/agent; a/agent: DaemonSet kube-system/agent: 2/3 available",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(Equal([]string{"b", "a"}))
			g.Expect(s.Methods).To(ConsistOf(v1alpha1.MethodDeployment, v1alpha1.MethodDaemonSet))
		},
	}, {
		name: "shared checks belong to every variant, and vote once",
		spec: lines(checks(dns), silentVariants(3)), cluster: both,
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(HaveLen(3))
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("4 of 4 checks pass"))
		},
	}, {
		name:    "an optional piece that several variants share is named once",
		spec:    lines(checks(workload("Deployment", "coredns", optional)), silentVariants(3)),
		cluster: with(daemonSet("agent", 3, 3)).hidden(facts.NotPermitted, "Deployment"),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("3 of 3 checks pass, couldn't check: coredns (NotPermitted)"))
		},
	}}
}

// silentVariants returns n variants that look for the same agent.
func silentVariants(n int) string {
	var list []string
	for i := range n {
		list = append(list, variant(fmt.Sprintf("v%d", i), checks(agent)))
	}
	return variants(list...)
}

func methodCases() []mappingCase {
	proof := func(method string) string {
		return fmt.Sprintf("{name: %s, type: Endpoint, method: %s, endpoint: {path: /version}}", strings.ToLower(method), method)
	}
	answering := cluster{responses: map[string]facts.Response{"/version": {Status: 200}}}
	all := []v1alpha1.ImplementationMethod{v1alpha1.MethodPlatformService, v1alpha1.MethodSystemdService, v1alpha1.MethodHostBinary,
		v1alpha1.MethodDaemonSet, v1alpha1.MethodDeployment, v1alpha1.MethodStatefulSet}
	var proofs []string
	for _, m := range slices.Backward(all) {
		proofs = append(proofs, proof(string(m)))
	}
	return []mappingCase{{
		name: "every method, in the order of listings", cluster: answering,
		spec: lines("implementation: {methods: [Deployment, DaemonSet, StatefulSet, HostBinary, PlatformService, SystemdService]}",
			checks(proofs...)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Methods).To(Equal(all))
			g.Expect(s.MethodSummary).To(Equal("hosted,systemd,binary,ds,deploy,sts"))
		},
	}, {
		name: "the union of what is there, each once", spec: checks(proof("DaemonSet"), agent, dns, scaler),
		cluster: cluster{objects: []object{daemonSet("agent", 1, 1), deployment("coredns", 1, 1), deployment("coredns-autoscaler", 1, 1)},
			responses: answering.responses},
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Methods).To(Equal([]v1alpha1.ImplementationMethod{v1alpha1.MethodDaemonSet, v1alpha1.MethodDeployment}))
			g.Expect(s.MethodSummary).To(Equal("ds,deploy"))
		},
	}, {
		name: "what is optional and absent proves no method", spec: checks(dns, workload("DaemonSet", "agent", optional)),
		cluster: with(deployment("coredns", 1, 1)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) { g.Expect(s.MethodSummary).To(Equal("deploy")) },
	}, {
		name: "what is optional and there proves its method", spec: checks(dns, workload("DaemonSet", "agent", optional)),
		cluster: with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) { g.Expect(s.MethodSummary).To(Equal("ds,deploy")) },
	}, {
		name: "a precondition proves none", cluster: with(deployment("coredns", 1, 1), aksNode),
		spec:    checks(dns, "{name: aks, type: Nodes, method: SystemdService, "+precondition+", nodes: {}}"),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) { g.Expect(s.MethodSummary).To(Equal("deploy")) },
	}}
}

func versionCases() []mappingCase {
	family := `{name: agents, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, namePrefix: agent, container: main}}`
	kubelet := `{name: kubelet, type: Nodes, method: SystemdService, nodes: {version: Kubelet}}`
	return []mappingCase{{
		name: "version and image", spec: checks(dns), cluster: with(deployment("coredns", 2, 2, "mcr.example/oss/coredns:v1.11.1")),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1.11.1"))
			g.Expect(s.Image).To(Equal("mcr.example/oss/coredns"))
			g.Expect(checkNamed("coredns", s).Version).To(Equal("v1.11.1"))
			g.Expect(checkNamed("coredns", s).Image).To(Equal("mcr.example/oss/coredns"))
		},
	}, {
		name: "the same version of two pieces is said once", spec: checks(dns, scaler),
		cluster: with(deployment("coredns", 2, 2, "a/coredns:v1"), deployment("coredns-autoscaler", 1, 1, "a/scaler:v1")),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1"))
			g.Expect(s.Image).To(Equal("a/coredns, a/scaler"))
		},
	}, {
		name: "mixed versions are counted over all pieces, the most frequent first", spec: checks(family, dns),
		cluster: with(daemonSet("agent-a", 3, 3, "a/agent:v1.2.1"), daemonSet("agent-b", 5, 5, "a/agent:v1.2.0"), deployment("coredns", 4, 4, "a/agent:v1.2.1")),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1.2.1 (7), v1.2.0 (5)"))
			g.Expect(s.Versions).To(Equal([]v1alpha1.VersionCount{{Version: "v1.2.1", Count: 7}, {Version: "v1.2.0", Count: 5}}))
			g.Expect(checkNamed("agents", s).Version).To(Equal("v1.2.0 (5), v1.2.1 (3)"))
			g.Expect(s.Image).To(Equal("a/agent"))
		},
	}, {
		name: "a workload that wants no pods runs no version", spec: checks(dns, agent),
		cluster: with(deployment("coredns", 2, 2, "a/coredns:v1"), daemonSet("agent", 0, 0, "a/agent:v1-windows")),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1"))
			g.Expect(s.Versions).To(Equal([]v1alpha1.VersionCount{{Version: "v1", Count: 2}}))
			g.Expect(s.Image).To(Equal("a/coredns"))
		},
	}, {
		name: "nor does one that was scaled to 0", spec: checks(dns, scaler),
		cluster: with(deployment("coredns", 2, 2, "a/coredns:v1"), deployment("coredns-autoscaler", 0, 0, "a/scaler:v9")),
		present: "True Observed", healthy: "False ScaledToZero", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1"))
			g.Expect(s.Image).To(Equal("a/coredns"))
		},
	}, {
		name: "unless nothing else is there", spec: checks(agent), cluster: with(daemonSet("agent", 0, 0, "a/agent:v1")),
		present: "True Observed", healthy: "Unknown HealthNotObservable", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1"))
			g.Expect(s.Versions).To(Equal([]v1alpha1.VersionCount{{Version: "v1", Count: 1}}))
		},
	}, {
		name: "what is only asked about does not count", cluster: with(aksNode, deployment("coredns", 1, 1, "a/coredns:v1")),
		spec:    checks(dns, "{name: aks, type: Nodes, "+precondition+", nodes: {version: Kubelet}}"),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) { g.Expect(s.Version).To(Equal("v1")) },
	}, {
		name: "nodes count", spec: checks(kubelet), cluster: with(aksNode, node("n2", "True", nil)),
		present: "True Observed", healthy: "Unknown HealthNotObservable", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1.33.1"))
			g.Expect(s.Image).To(BeEmpty())
		},
	}, {
		name: "many images", spec: checks(family), cluster: with(daemonSet("agent-a", 1, 1, "r/a:v1"), daemonSet("agent-b", 1, 1, "r/b:v1"),
			daemonSet("agent-c", 1, 1, "r/c:v1"), daemonSet("agent-d", 1, 1, "r/d:v1")),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Image).To(Equal("r/a, r/b, r/c and 1 more"))
		},
	}, {
		name: "a part has the version of what runs", spec: checks(dns, agent), cluster: with(deployment("coredns", 1, 1, "a/coredns:v1")),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(Equal("v1"))
			g.Expect(s.Image).To(Equal("a/coredns"))
		},
	}}
}

// listCases are as big as the API allows.
func listCases() []mappingCase {
	long := strings.Repeat("x", 62)
	var list, many []string
	everything := cluster{}
	for i := range 16 {
		name := fmt.Sprintf("%s%x", long, i)
		many = append(many, variant(name, "implementation: "+name, checks(agent)))
	}
	for i := range 64 {
		list = append(list, workload("Deployment", fmt.Sprintf("%s%02d", long[:61], i)))
		everything.objects = append(everything.objects, deployment(fmt.Sprintf("%s%02d", long[:61], i), 0, 3, fmt.Sprintf("%s/%d:%s%d", strings.Repeat("r", 200), i, strings.Repeat("v", 120), i)))
	}
	family := `{name: drivers, type: Object, method: None, evidence: Direct, object: {apiVersion: example.com/v1, kind: Driver, healthy: "object.up", message: "object.why"}}`
	var drivers cluster
	for i := range 12 {
		drivers.objects = append(drivers.objects, aDriver(fmt.Sprintf("d%02d", i), map[string]any{"up": i != 11, "why": strings.Repeat("é", 600)}))
	}
	crowd := `{name: drivers, type: Object, method: None, evidence: Direct, object: {apiVersion: example.com/v1, kind: Driver, version: "object.version"}}`
	var versions cluster
	for i := range 70 {
		versions.objects = append(versions.objects, aDriver(fmt.Sprintf("d%02d", i), map[string]any{"version": fmt.Sprintf("v1.%02d", i)}))
	}
	for i := range 2 {
		versions.objects = append(versions.objects, aDriver(fmt.Sprintf("e%02d", i), map[string]any{"version": strings.Repeat("v", 300) + fmt.Sprint(i)}))
	}
	return []mappingCase{{
		name: "70 versions, and two that differ where they are cut", spec: checks(crowd), cluster: versions,
		present: "True Observed", healthy: "Unknown HealthNotObservable", documented: "Unknown NothingToCompare",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Version).To(HaveSuffix("…"))
			g.Expect(s.Versions).To(HaveLen(64))
			g.Expect(s.Versions[0]).To(And(HaveField("Version", And(HaveLen(256), HaveSuffix("v…"))), HaveField("Count", BeEquivalentTo(2))))
			g.Expect(s.Versions[63]).To(Equal(v1alpha1.VersionCount{Version: "v1.62", Count: 1}), "the first of the equally frequent ones")
		},
	}, {
		name: "64 checks, all failing", spec: checks(list...), cluster: everything,
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Checks).To(HaveLen(64))
			g.Expect(the("Healthy", s.Conditions).Message).To(And(HaveSuffix("…"), HaveLen(msg.MaxMessage)))
		},
	}, {
		name: "64 checks, nearly all missing", spec: checks(list...), cluster: with(deployment(long[:61]+"00", 1, 1)),
		present: "True Partial", healthy: "False PartMissing", documented: "Unknown NothingToCompare",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Checks).To(HaveLen(64))
			g.Expect(the("Present", s.Conditions).Message).To(HaveSuffix("…"))
		},
	}, {
		name: "64 checks, none may be looked at", spec: checks(list...), cluster: cluster{}.hidden(facts.NotPermitted, "Deployment"),
		present: "Unknown NotPermitted", healthy: "Unknown NotPermitted", documented: "Unknown NotPresent",
	}, {
		name: "16 variants with the longest names", spec: variants(many...), cluster: with(daemonSet("agent", 1, 1)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "False MethodDiffers",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Variants).To(HaveLen(16))
			g.Expect(s.Implementation).To(HaveSuffix(" and 15 more"))
		},
	}, {
		name: "a long message of an author is cut between characters", spec: checks(family), cluster: drivers,
		present: "True Observed", healthy: "False ExpressionFalse", documented: "Unknown NothingToCompare",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			c := checkNamed("drivers", s)
			g.Expect(c.Message).To(HaveSuffix("é…"))
			g.Expect(c.Objects).To(HaveLen(check.MaxObjects))
			g.Expect(c.Objects[0].Name).To(Equal("d11"), "the unhealthy one first")
			g.Expect(*c.ObjectCount).To(BeEquivalentTo(12))
		},
	}}
}
