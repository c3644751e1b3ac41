// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
)

func TestHealth(t *testing.T) { runMappings(t, healthCases()) }

func TestGracePeriod(t *testing.T) { runMappings(t, graceCases()) }

// symptom is a check, and what makes it fail for a reason.
type symptom struct {
	reason, check string
	broken        cluster
	says          string
}

// symptoms has one for every reason that Healthy=False may have, the worst first.
func symptoms() []symptom {
	well, down := node("n1", "True", nil), node("n2", "False", nil)
	unscheduled := corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes are available: 1 Insufficient cpu."}}}
	denied := deployment("denied", 0, 1)
	denied.Status.Replicas = 0
	denied.Status.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"}}
	return []symptom{{
		v1alpha1.ReasonCrashLooping, workload("Deployment", "crashing"), withPod("crashing", "n1", waiting("CrashLoopBackOff")).and(well),
		"0/1 available; 1 keeps crashing: container main (n1)",
	}, {
		v1alpha1.ReasonImagePullFailed, workload("Deployment", "pulling"), withPod("pulling", "n1", waiting("ErrImagePull")).and(well),
		"0/1 available; 1 cannot pull image",
	}, {
		v1alpha1.ReasonAdmissionDenied, workload("Deployment", "denied"), with(denied), "0/1 available; 1 not created: exceeded quota",
	}, {
		v1alpha1.ReasonUnschedulable, workload("Deployment", "pending"), withPod("pending", "", unscheduled),
		"0/1 available; 1 cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu (pending-5d4f8-0)",
	}, {
		v1alpha1.ReasonNotReady, workload("Deployment", "starting"), withPod("starting", "n1", waiting("ContainerCreating")).and(well),
		"0/1 available; 1 not ready: container main, ContainerCreating (n1)",
	}, {
		v1alpha1.ReasonWorkloadUnavailable, workload("Deployment", "unavailable"), with(deployment("unavailable", 0, 2)),
		"unavailable: Deployment kube-system/unavailable: 0/2 available",
	}, {
		v1alpha1.ReasonScaledToZero, workload("Deployment", "zero"), with(deployment("zero", 0, 0)), "zero: Deployment kube-system/zero: scaled to 0",
	}, {
		v1alpha1.ReasonNodesUnhealthy,
		`{name: nodes, type: Nodes, method: SystemdService, nodes: {healthy: {podCIDR: Set}}}`,
		with(node("n3", "True", nil)), "nodes: 1/1 nodes unhealthy: n3 (has no pod CIDR)",
	}, {
		v1alpha1.ReasonLeaseStale, leased("stale"), with(lease("stale", -time.Hour)),
		"stale: Lease kube-system/stale has not been renewed",
	}, {
		v1alpha1.ReasonNoHolder, leased("released"), with(released("released")),
		"released: Lease kube-system/released has had no holder since 2026-03-01T07:00:00Z",
	}, {
		v1alpha1.ReasonEndpointFailing, "{name: readyz, type: Endpoint, method: PlatformService, endpoint: {path: /readyz}}",
		cluster{responses: map[string]facts.Response{"/readyz": {Status: 500}}}, "readyz: GET /readyz returned 500",
	}, {
		v1alpha1.ReasonExpressionFalse, driver, with(aDriver("d", map[string]any{"up": false})), "driver: Driver d is unhealthy",
	}, {
		v1alpha1.ReasonRolloutStuck, workload("Deployment", "stuck"), with(stuck("stuck")), "stuck: Deployment kube-system/stuck",
	}, {
		v1alpha1.ReasonNodeFault, workload("Deployment", "stranded"), withPod("stranded", "n2", waiting("CrashLoopBackOff")).and(down),
		"0/1 available; 1 on nodes that are not ready (n2)",
	}}
}

// healthCases are about Healthy at one visit.
func healthCases() []mappingCase {
	return slices.Concat(healthyCases(), failingCases(), noVoteCases(), undecidedCases())
}

func healthyCases() []mappingCase {
	return []mappingCase{{
		name: "all checks pass", spec: checks(dns, scaler), cluster: with(deployment("coredns", 2, 2), deployment("coredns-autoscaler", 1, 1)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		says: "found: Deployment kube-system/coredns; Deployment kube-system/coredns-autoscaler",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("2 of 2 checks pass"))
		},
	}, {
		name: "a roll-out within its limits", spec: checks(scaler, dns), cluster: with(rolling("coredns"), deployment("coredns-autoscaler", 1, 1)),
		present: "True Observed", healthy: "True Progressing", documented: "True MatchesDocumentation",
		says: "coredns: Deployment kube-system/coredns: 4/4 available, 2/4 updated",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).NotTo(ContainSubstring("autoscaler"))
		},
	}, {
		name: "what is tolerated is told, then what nodes lack, then what goes on", spec: checks(scaler, dns, workload("Deployment", "stranded")),
		cluster: with(rolling("coredns-autoscaler")).and(partly("coredns", "n1", waiting("CrashLoopBackOff"))...).
			and(partly("stranded", "n2", waiting("CrashLoopBackOff"))...).and(node("n1", "True", nil), node("n2", "False", nil)),
		present: "True Observed", healthy: "True WithinTolerance", documented: "True MatchesDocumentation",
		says: "coredns: Deployment kube-system/coredns: 3/4 available; 1 keeps crashing: container main (n1); " +
			"stranded: Deployment kube-system/stranded: 3/4 available; 1 on nodes that are not ready (n2); coredns-autoscaler: ",
	}, {
		name: "nodes that leave it a pod are not its fault", spec: checks(workload("Deployment", "stranded")),
		cluster: cluster{}.and(partly("stranded", "n2", waiting("CrashLoopBackOff"))...).and(node("n2", "False", nil)),
		present: "True Observed", healthy: "True NodesDown", documented: "True MatchesDocumentation", says: "1 on nodes that are not ready (n2)",
	}, {
		name: "a precondition does not vote", cluster: with(deployment("coredns", 2, 2), node("n1", "False", nil)),
		spec: checks(dns, `{name: nodes, type: Nodes, `+precondition+
			`, nodes: {healthy: {conditions: [{type: Ready, status: "True"}]}}}`),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
	}, {
		name: "an optional piece that is absent does not vote", cluster: with(deployment("coredns", 2, 2)),
		spec:    checks(dns, workload("DaemonSet", "agent", optional)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("1 of 1 checks pass"))
		},
	}}
}

func failingCases() []mappingCase {
	var cases []mappingCase
	all := symptoms()
	for i := range all {
		// The worst of several decides, wherever the spec has it.
		var list []string
		var sick cluster
		sick.responses = map[string]facts.Response{}
		for _, s := range slices.Backward(all[i:]) {
			list = append(list, s.check)
			sick.objects = append(sick.objects, s.broken.objects...)
			maps.Copy(sick.responses, s.broken.responses)
		}
		cases = append(cases, mappingCase{
			name: all[i].reason + " alone", spec: checks(all[i].check), cluster: all[i].broken,
			healthy: "False " + all[i].reason, says: all[i].says,
		}, mappingCase{
			name: all[i].reason + " before what is less bad", spec: checks(list...), cluster: sick,
			healthy: "False " + all[i].reason,
			also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
				for _, c := range s.Checks {
					g.Expect(the("Healthy", s.Conditions).Message).To(ContainSubstring(c.Name+": "), "every failing check is named")
				}
			},
		})
	}
	stranded, lost := workload("Deployment", "stranded"), all[len(all)-1].broken.and(aDriver("d", map[string]any{"up": false}))
	cases = append(cases, mappingCase{
		name: "nodes that leave no pod explain what its objects say", spec: checks(driver, stranded), cluster: lost,
		healthy: "False NodeFault", says: "1 on nodes that are not ready (n2); driver: Driver d is unhealthy",
	}, mappingCase{
		name: "nodes that leave a pod do not", spec: checks(driver, stranded, dns), cluster: lost.and(deployment("coredns", 2, 2)),
		healthy: "False ExpressionFalse",
	}, mappingCase{
		name: "no nodes explain that a lease is stale", spec: checks(driver, stranded, leased("stale")), cluster: lost.and(lease("stale", -time.Hour)),
		healthy: "False LeaseStale",
	})
	return append(cases, mappingCase{
		name: "an optional piece that is there votes", cluster: with(deployment("coredns", 2, 2), daemonSet("agent", 1, 3)),
		spec:    checks(dns, workload("DaemonSet", "agent", optional)),
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "False MethodDiffers",
		says: "agent: DaemonSet kube-system/agent: 1/3 available",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(s.Message).NotTo(ContainSubstring("coredns"), "only what fails is named")
		},
	}, mappingCase{
		name: "failing before progressing", spec: checks(dns, scaler), cluster: with(rolling("coredns"), deployment("coredns-autoscaler", 0, 1)),
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "True MatchesDocumentation",
	}, mappingCase{
		name: "no controller has observed it yet", spec: checks(dns), cluster: with(unobserved("coredns")),
		present: "True Observed", healthy: "Unknown GenerationNotObserved", documented: "True MatchesDocumentation",
	}, mappingCase{
		name: "unhealthy is said before that it is not as documented", spec: checks(agent), cluster: with(daemonSet("agent", 0, 3)),
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "False MethodDiffers",
		says: "agent: DaemonSet kube-system/agent: 0/3 available",
	})
}

// unobserved returns a Deployment that was made just now.
func unobserved(name string) *appsv1.Deployment {
	d := deployment(name, 0, 2)
	d.Generation, d.CreationTimestamp, d.Status = 1, metav1.NewTime(start), appsv1.DeploymentStatus{}
	return d
}

func noVoteCases() []mappingCase {
	exists := "{name: driver, type: Object, method: None, evidence: Direct, object: {apiVersion: example.com/v1, kind: Driver}}"
	refusal := "{name: guard, type: AccessReview, method: PlatformService, accessReview: {verb: delete, resource: nodes, reasonContains: [Azure]}}"
	return []mappingCase{{
		name: "presence can be seen, health cannot", spec: checks(exists), cluster: with(aDriver("d", nil)),
		present: "True Observed", healthy: "Unknown HealthNotObservable", documented: "Unknown NothingToCompare",
		says: "found: Driver",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("present, but its health can't be checked"))
		},
	}, {
		name: "a refusal tells who refused, not how that is", spec: lines("implementation: {methods: [PlatformService]}", checks(refusal)),
		cluster: cluster{refusal: "Azure does not have opinion for this user."},
		present: "True Observed", healthy: "Unknown HealthNotObservable", documented: "True MatchesDocumentation",
	}, {
		name: "another refusal", spec: checks(refusal), cluster: cluster{refusal: "no rule allows it"},
		present: "False NotFound", healthy: "Unknown NotPresent", documented: "Unknown NotPresent",
	}, {
		name: "idle: nothing is wanted of it", spec: checks(scalable("coredns")), cluster: with(deployment("coredns", 0, 0)),
		present: "True Observed", healthy: "Unknown HealthNotObservable", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(
				Equal("not in use: Deployment kube-system/coredns: idle (0 pods desired)"))
			g.Expect(checkNamed("coredns", s).Healthy).To(Equal(v1alpha1.VerdictNotAssessed))
		},
	}, {
		name: "idle beside what works", spec: checks(dns, scalable("coredns-autoscaler")), cluster: with(deployment("coredns", 2, 2), deployment("coredns-autoscaler", 0, 0)),
		present: "True Observed", healthy: "True AllChecksPass", documented: "True MatchesDocumentation",
		also: func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("1 of 1 checks pass, idle: coredns-autoscaler"))
		},
	}}
}

func undecidedCases() []mappingCase {
	broken := aDriver("d", nil) // without the field that the check reads
	return []mappingCase{{
		name: "an expression for health fails", spec: checks(dns, driver), cluster: with(deployment("coredns", 2, 2), broken),
		present: "True Observed", healthy: "Unknown ObservationFailed", documented: "True MatchesDocumentation",
		says: "driver: Driver d: healthy: no such key: up",
	}, {
		name: "that another check fails is certain", spec: checks(dns, driver), cluster: with(deployment("coredns", 0, 2), broken),
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: "True MatchesDocumentation",
		says: "coredns: Deployment kube-system/coredns: 0/2 available",
	}, {
		name: "that it is unknown is said before that it is not as documented", spec: checks(agent, driver),
		cluster: with(daemonSet("agent", 1, 1), broken),
		present: "True Observed", healthy: "Unknown ObservationFailed", documented: "False MethodDiffers",
		says: "driver: Driver d: healthy: no such key: up",
	}, {
		name: "what fails within its grace period does not make known what is not",
		spec: lines("gracePeriodSeconds: 60", checks(dns, driver)), cluster: with(deployment("coredns", 0, 2), broken),
		present: "True Observed", healthy: "Unknown ObservationFailed", documented: "True MatchesDocumentation",
		says: "driver: Driver d: healthy: no such key: up", wait: time.Minute,
	}}
}

func TestEndOfRollout(t *testing.T) { runMappings(t, rolloutCases()) }

// rolloutCases are about the last pods of a roll-out: by the numbers alone they look like pods that fail.
func rolloutCases() []mappingCase {
	see := func(after time.Duration, updated, available int32, more ...object) visit {
		d := daemonSet("agent", available, 3)
		d.Status.UpdatedNumberScheduled = updated
		return visit{after: after, cluster: with(d).and(more...)}
	}
	pod := func(reason string, born time.Duration) object {
		p := withPod("agent", "n1", waiting(reason)).objects[1]
		p.SetOwnerReferences(nil)
		p.SetCreationTimestamp(metav1.NewTime(start.Add(born)))
		return p
	}
	n1 := node("n1", "True", nil)
	spec := lines("implementation: {methods: [DaemonSet]}", checks(agent))
	const documented = "True MatchesDocumentation"
	cold := func(after time.Duration, pods ...object) visit {
		return visit{after: after, cluster: with(daemonSet("agent", 0, 1), n1).and(pods...)}
	}
	rereading := cold(4 * time.Minute)
	rereading.cluster = rereading.cluster.hidden(facts.Pending, "Pod")
	starting := pod("ContainerCreating", 2*time.Minute)
	return []mappingCase{{
		name: "the last pod starts, and is not read yet", spec: spec, visits: []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 2)},
		present: "True Observed", healthy: "True WithinGracePeriod", documented: documented, wait: time.Minute,
		says: "counts as unhealthy from 2026-03-01T08:03:00Z unless it recovers: agent: DaemonSet kube-system/agent: 2/3 available",
	}, {
		name: "the last pod is there", spec: spec, visits: []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 2), see(3*time.Minute, 3, 3)},
		present: "True Observed", healthy: "True AllChecksPass", documented: documented,
	}, {
		name: "nothing accounts for the last pod", spec: spec, visits: []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 2), see(3*time.Minute, 3, 2)},
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: documented, says: "2/3 available",
	}, {
		name: "the last pod crashes", spec: spec,
		visits:  []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 2), see(3*time.Minute, 3, 2, pod("CrashLoopBackOff", 2*time.Minute), n1)},
		present: "True Observed", healthy: "False CrashLooping", documented: documented, says: "1 keeps crashing",
	}, {
		name: "the last pod is seen to start", spec: spec,
		visits:  []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 2, starting, n1)},
		present: "True Observed", healthy: "True Progressing", documented: documented, says: "container main, ContainerCreating",
	}, {
		name: "a pod that is not new does not start", spec: spec,
		visits:  []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 2, pod("ContainerCreating", -time.Hour), n1)},
		present: "True Observed", healthy: "False NotReady", documented: documented, says: "container main, ContainerCreating",
	}, {
		name: "more are missing than it replaces at a time", spec: spec, visits: []visit{see(0, 3, 3), see(time.Minute, 2, 2), see(2*time.Minute, 3, 1)},
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: documented, says: "1/3 available",
	}, {
		name: "who looks for the first time gives no grace", spec: spec, visits: []visit{see(2*time.Minute, 3, 2)},
		present: "True Observed", healthy: "False WorkloadUnavailable", documented: documented, says: "2/3 available",
	}, {
		name: "the only pod starts, whoever looks", spec: spec, visits: []visit{cold(4*time.Minute, starting)},
		present: "True Observed", healthy: "True WithinGracePeriod", documented: documented, wait: 8 * time.Minute,
		says: "counts as unhealthy from 2026-03-01T08:12:00Z unless it recovers: agent: DaemonSet kube-system/agent: 0/1 available; 1 not ready: container main",
	}, {
		name: "a restart while the only pod starts", spec: spec, visits: []visit{cold(3*time.Minute, starting), rereading},
		present: "True Observed", healthy: "True WithinGracePeriod", documented: documented,
	}, {
		name: "the only pod does not start for ten minutes", spec: spec, visits: []visit{cold(4*time.Minute, starting), cold(12*time.Minute, starting)},
		present: "True Observed", healthy: "False NotReady", documented: documented, says: "container main, ContainerCreating",
	}}
}

// graceCases are about a grace period of five minutes.
func graceCases() []mappingCase {
	const grace = 5 * time.Minute
	spec := lines("gracePeriodSeconds: 300", checks(dns, scaler))
	see := func(after time.Duration, dnsAvailable, scalerAvailable int32) visit {
		return visit{after: after, cluster: with(deployment("coredns", dnsAvailable, 2), deployment("coredns-autoscaler", scalerAvailable, 1))}
	}
	reading := func(after time.Duration) visit {
		return visit{after: after, cluster: cluster{}.hidden(facts.Pending, "Deployment")}
	}
	turned := func(after time.Duration) func(*WithT, v1alpha1.ComponentMappingStatus, v1alpha1.ComponentMappingStatus) {
		return func(g *WithT, s, _ v1alpha1.ComponentMappingStatus) {
			g.Expect(the("Healthy", s.Conditions).LastTransitionTime).To(at(after), "when Healthy turned")
		}
	}
	// flapping is broken for so long, and well for as long, by turns.
	flapping := func(period time.Duration, turns int) []visit {
		visits := []visit{see(0, 2, 1)}
		for i := range turns {
			visits = append(visits, see(time.Duration(i+1)*period, int32(i%2)*2, 1))
		}
		return visits
	}
	return []mappingCase{{
		name: "a fault that is shorter turns nothing", spec: spec, visits: flapping(grace-time.Second, 2),
		healthy: "True AllChecksPass", also: turned(0),
	}, {
		name: "flapping turns nothing while each fault is shorter", spec: spec, visits: flapping(time.Minute, 61),
		healthy: "True WithinGracePeriod", wait: grace, says: "from 2026-03-01T09:06:00Z unless", also: turned(0),
	}, {
		name: "flapping turns to and fro when each fault is longer", spec: spec,
		visits:  append(flapping(2*grace, 3), see(6*grace+grace, 0, 1)),
		healthy: "False WorkloadUnavailable", also: turned(7 * grace),
	}, {
		name: "after it ran out, a recovery counts at once, and the next fault begins anew", spec: spec,
		visits:  []visit{see(0, 0, 1), see(grace, 0, 1), see(grace+time.Minute, 2, 1), see(grace+2*time.Minute, 0, 1)},
		healthy: "True WithinGracePeriod", wait: grace, also: turned(grace + time.Minute),
	}, {
		name: "begins", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1)},
		healthy: "True WithinGracePeriod", wait: grace,
		says: "counts as unhealthy from 2026-03-01T08:06:00Z unless it recovers: coredns: Deployment kube-system/coredns: 0/2 available",
		also: turned(0),
	}, {
		name: "begins with the first visit", spec: spec, visits: []visit{see(0, 0, 1)},
		healthy: "True WithinGracePeriod", wait: grace, says: "from 2026-03-01T08:05:00Z unless",
	}, {
		name: "goes on", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1), see(3*time.Minute, 0, 1)},
		healthy: "True WithinGracePeriod", wait: 3 * time.Minute, says: "from 2026-03-01T08:06:00Z unless",
	}, {
		name: "a second is left", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1), see(time.Minute+grace-time.Second, 0, 1)},
		healthy: "True WithinGracePeriod", wait: time.Second,
	}, {
		name: "runs out", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1), see(time.Minute+grace, 0, 1)},
		healthy: "False WorkloadUnavailable", says: "coredns: Deployment kube-system/coredns: 0/2 available",
		also: turned(time.Minute + grace),
	}, {
		name: "fractions of a second do not make it look again and again", spec: spec,
		visits:  []visit{see(900*time.Millisecond, 0, 1), see(grace+100*time.Millisecond, 0, 1)},
		healthy: "False WorkloadUnavailable",
	}, {
		name: "recovers inside", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1), see(3*time.Minute, 2, 1)},
		healthy: "True AllChecksPass", also: turned(0),
	}, {
		name: "begins anew after a recovery", spec: spec,
		visits:  []visit{see(0, 2, 1), see(time.Minute, 0, 1), see(3*time.Minute, 2, 1), see(4*time.Minute, 0, 1), see(8*time.Minute, 0, 1)},
		healthy: "True WithinGracePeriod", wait: time.Minute,
	}, {
		name: "another reason does not begin it anew", spec: spec,
		visits:  []visit{see(0, 0, 1), {after: 3 * time.Minute, cluster: with(stuck("coredns"), deployment("coredns-autoscaler", 1, 1))}},
		healthy: "True WithinGracePeriod", wait: 2 * time.Minute,
	}, {
		name: "survives a restart", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1), reading(2 * time.Minute), see(4*time.Minute, 0, 1)},
		healthy: "True WithinGracePeriod", wait: 2 * time.Minute,
	}, {
		name: "runs out during a restart", spec: spec, visits: []visit{see(0, 2, 1), see(time.Minute, 0, 1), reading(5 * time.Minute), see(7*time.Minute, 0, 1)},
		healthy: "False WorkloadUnavailable",
	}, {
		name: "is each check's own: the first end counts", spec: spec, visits: []visit{see(0, 0, 1), see(2*time.Minute, 0, 0)},
		healthy: "True WithinGracePeriod", wait: 3 * time.Minute, says: "coredns-autoscaler: Deployment kube-system/coredns-autoscaler: 0/1 available",
	}, {
		name: "is each check's own: one that ran out is enough", spec: spec, visits: []visit{see(0, 0, 1), see(2*time.Minute, 0, 0), see(grace, 0, 0)},
		healthy: "False WorkloadUnavailable", says: "coredns-autoscaler: ",
	}, {
		name: "is each check's own: two that take turns", spec: spec, visits: []visit{see(0, 0, 1), see(4*time.Minute, 2, 0), see(8*time.Minute, 0, 1)},
		healthy: "True WithinGracePeriod", wait: grace,
	}, {
		name: "none: unhealthy at once", spec: checks(dns), visits: []visit{{cluster: with(deployment("coredns", 2, 2))},
			{after: time.Minute, cluster: with(deployment("coredns", 0, 2))}},
		healthy: "False WorkloadUnavailable", also: turned(time.Minute),
	}, {
		name: "is no grace for absence", spec: spec, visits: []visit{see(0, 2, 1), {after: time.Minute, cluster: cluster{}}},
		present: "False NotFound", healthy: "Unknown NotPresent",
	}}
}

// While the pods are read anew, as after a restart, why a check fails stays what it was.
func TestExplanationOutlivesRestart(t *testing.T) {
	g := NewWithT(t)
	m := newMapping(t, "{checks: ["+workload("Deployment", "crashing")+"]}")
	seen := withPod("crashing", "n1", waiting("CrashLoopBackOff")).and(node("n1", "True", nil))
	m.Status, _ = assess.Mapping(m, evaluate(t, m, seen, start), start)
	before := m.Status.DeepCopy()
	g.Expect(before.Checks[0].Reason).To(Equal(v1alpha1.ReasonCrashLooping))

	later := start.Add(time.Minute)
	m.Status, _ = assess.Mapping(m, evaluate(t, m, seen.hidden(facts.Pending, "Pod kube-system"), later), later)
	g.Expect(&m.Status).To(Equal(before), "nothing is said before they are read")
	restarted := evaluate(t, m, seen.hidden(facts.Deferred, "Pod kube-system"), later)
	g.Expect(restarted[0].Reason).To(Equal(v1alpha1.ReasonWorkloadUnavailable))
	m.Status, _ = assess.Mapping(m, restarted, later)
	g.Expect(&m.Status).To(Equal(before))
	g.Expect(restarted[0].Reason).To(Equal(v1alpha1.ReasonWorkloadUnavailable), "the findings are not touched")

	m.Status, _ = assess.Mapping(m, evaluate(t, m, seen.hidden(facts.Failed, "Pod kube-system"), later), later)
	g.Expect(m.Status.Checks[0].Reason).To(Equal(v1alpha1.ReasonWorkloadUnavailable), "reading has failed")
}
