// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// aks is a view of a cluster of the platform.
var aks = assess.ClusterView{Nodes: 3, MatchingNodes: 3, KubernetesVersion: "v1.33.1",
	Kubelets: map[string]assess.NodeList{"v1.33.1": nodesNamed("n1", "n2", "n3")}}

func newArchitecture(t testing.TB, spec string) *v1alpha1.ClusterArchitecture {
	t.Helper()
	a := &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: "aks", Generation: 1}}
	setArchitectureSpec(t, a, spec)
	return a
}

func setArchitectureSpec(t testing.TB, a *v1alpha1.ClusterArchitecture, spec string) {
	t.Helper()
	a.Spec = v1alpha1.ClusterArchitectureSpec{
		Platform:          "AKS",
		NodeSelector:      &metav1.LabelSelector{MatchLabels: map[string]string{"aks": "here"}},
		ComponentSelector: metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.PlatformLabel: "aks"}},
	}
	decode(t, spec, &a.Spec)
}

// archVisit is one look at an architecture.
type archVisit struct {
	after    time.Duration
	mappings []v1alpha1.ComponentMapping
	// view of the cluster; by default it is one of the platform.
	view *assess.ClusterView
	// spec, when set, is a new generation.
	spec string
	// invalid, when set, is why the spec cannot be used.
	invalid error
}

// archCase is a story of an architecture, and how it ends.
type archCase struct {
	name string
	spec string
	// mappings and view are the whole story when there are no visits.
	mappings []v1alpha1.ComponentMapping
	view     *assess.ClusterView
	visits   []archVisit
	// known says that there was a picture before: a first one waits for what nobody has looked at yet.
	known bool

	// The conditions at the end, as "Status Reason"; Ready and PlatformDetected are True by default, another
	// one that is left out is not the matter of the case.
	ready, platform, complete, supported, healthy, documented string
	// also holds what else must be; previous is the status before the last visit.
	also func(g *WithT, s, previous v1alpha1.ClusterArchitectureStatus)
}

type archEnding struct {
	arch     *v1alpha1.ClusterArchitecture
	previous v1alpha1.ClusterArchitectureStatus
	wait     time.Duration
	again    func(later time.Duration) (v1alpha1.ClusterArchitectureStatus, time.Duration)
}

func (c archCase) play(t testing.TB) archEnding {
	t.Helper()
	visits := c.visits
	if len(visits) == 0 {
		visits = []archVisit{{mappings: c.mappings, view: c.view}}
	}
	if c.known {
		visits = slices.Insert(visits, 0, archVisit{mappings: list(healthy(t, "before"))})
	}
	end := archEnding{arch: newArchitecture(t, c.spec)}
	for _, v := range visits {
		if v.spec != "" {
			setArchitectureSpec(t, end.arch, v.spec)
			end.arch.Generation++
		}
		view := ptr.Deref(v.view, aks)
		end.again = func(later time.Duration) (v1alpha1.ClusterArchitectureStatus, time.Duration) {
			now := start.Add(v.after + later)
			if v.invalid != nil {
				return assess.InvalidArchitecture(end.arch, v.invalid, now), 0
			}
			return assess.Architecture(end.arch, v.mappings, view, now)
		}
		end.previous = end.arch.Status
		var status v1alpha1.ClusterArchitectureStatus
		status, end.wait = end.again(0)
		end.arch.Status = throughJSON(t, status)
	}
	return end
}

func (c archCase) run(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	end := c.play(t)
	want := map[string]string{
		v1alpha1.ConditionReady:             cmp.Or(c.ready, "True Evaluated"),
		v1alpha1.ConditionPlatformDetected:  cmp.Or(c.platform, "True NodesMatch"),
		v1alpha1.ConditionComplete:          c.complete,
		v1alpha1.ConditionVersionsSupported: c.supported,
		v1alpha1.ConditionHealthy:           c.healthy,
		v1alpha1.ConditionAsDocumented:      c.documented,
	}
	maps.DeleteFunc(want, func(_, words string) bool { return words == "" })
	got := statusAndReason(end.arch.Status.Conditions)
	maps.DeleteFunc(got, func(conditionType, _ string) bool { return want[conditionType] == "" })
	g.Expect(got).To(Equal(want))
	if c.also != nil {
		c.also(g, end.arch.Status, end.previous)
	}
}

func runArchitectures(t *testing.T, cases []archCase) {
	for _, c := range cases {
		t.Run(c.name, c.run)
	}
}

// component returns a mapping of this name that has seen the cluster.
func component(t testing.TB, name, spec string, c cluster) v1alpha1.ComponentMapping {
	t.Helper()
	m := mappingCase{spec: spec, cluster: c}.play(t).mapping
	m.Name = name
	return *m
}

// The components below have seen one thing each.

func healthy(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(workload("Deployment", name)), with(deployment(name, 2, 2)))
}

func unhealthy(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(workload("Deployment", name)), with(deployment(name, 0, 2)))
}

func gone(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(workload("Deployment", name)), cluster{})
}

func half(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(workload("Deployment", name), agent), with(deployment(name, 2, 2)))
}

func forbidden(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(workload("Deployment", name)), cluster{}.hidden(facts.NotPermitted, "Deployment"))
}

// notInDump is what a dump cannot tell of.
func notInDump(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(workload("Deployment", name)), cluster{}.hidden(facts.NotHeld, "Deployment"))
}

// known differs from its documentation as its Correction says.
func known(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, lines("implementation: {advisories: [{type: Correction, message: m, explains: [Method]}]}", checks(agent)),
		with(daemonSet("agent", 1, 1)))
}

func invisible(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, "", cluster{})
}

func healthless(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(scalable(name)), with(deployment(name, 0, 0)))
}

func different(t testing.TB, name string) v1alpha1.ComponentMapping {
	return component(t, name, checks(agent), with(daemonSet("agent", 1, 1)))
}

func unvisited(t testing.TB, name string) v1alpha1.ComponentMapping {
	m := newMapping(t, "")
	m.Name = name
	return *m
}

func notNeeded(m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
	m.Spec.Presence = v1alpha1.PresenceOptional
	return m
}

func inCategory(c v1alpha1.Category, order int32, m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
	m.Spec.Category, m.Spec.Order = c, new(order)
	return m
}

func list(mappings ...v1alpha1.ComponentMapping) []v1alpha1.ComponentMapping { return mappings }

// many returns n copies of a mapping with numbers for names.
func many(n int, m v1alpha1.ComponentMapping) []v1alpha1.ComponentMapping {
	out := make([]v1alpha1.ComponentMapping, n)
	for i := range out {
		m.DeepCopyInto(&out[i])
		out[i].Name = fmt.Sprintf("%s-%04d", m.Name, i)
	}
	return out
}

// explained gives each mapping an explanation of its own of why it is unhealthy.
func explained(mappings []v1alpha1.ComponentMapping, length int) []v1alpha1.ComponentMapping {
	for i := range mappings {
		c := meta.FindStatusCondition(mappings[i].Status.Conditions, v1alpha1.ConditionHealthy)
		c.Message = fmt.Sprintf("%04d %s", i, strings.Repeat("x", length))
		checks := mappings[i].Status.DeepCopy().Checks
		for j := range checks {
			for k := range checks[j].Faults {
				checks[j].Faults[k].Subject.Name, checks[j].Faults[k].Message = mappings[i].Name, c.Message
			}
		}
		mappings[i].Status.Checks = checks
	}
	return mappings
}

func rows(s v1alpha1.ClusterArchitectureStatus) []string {
	var out []string
	for _, c := range s.Components {
		out = append(out, c.Name)
	}
	return out
}

func TestTable(t *testing.T) { runArchitectures(t, tableCases(t)) }

// archCases returns all stories of architectures.
func archCases(t testing.TB) []archCase {
	return slices.Concat(tableCases(t), platformCases(t), completeCases(t), ruleCases(t), healthRollupCases(t), documentedRollupCases(t),
		advisoryCases(t), causeCases(t), nodeFaultCases(t), webhookCases(t), skewCases(t), messageCases(t), capCases(t), archReadyCases(t))
}

// tableCases are about the rows and the numbers.
func tableCases(t testing.TB) []archCase {
	storage, node, addon := v1alpha1.CategoryStorage, v1alpha1.CategoryNode, v1alpha1.CategoryAddon
	return []archCase{{
		name: "rows go by category, order and name",
		mappings: list(inCategory(addon, 0, healthy(t, "a")), inCategory(storage, 20, healthy(t, "b")), inCategory(storage, 10, healthy(t, "z")),
			inCategory(node, 5, healthy(t, "y")), inCategory(node, 5, healthy(t, "c")), inCategory(v1alpha1.CategoryControlPlane, 99, gone(t, "x"))),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(rows(s)).To(Equal([]string{"x", "c", "y", "z", "b", "a"}))
		},
	}, {
		name: "a row without an order is row 0",
		mappings: list(inCategory(node, 1, healthy(t, "a")), func() v1alpha1.ComponentMapping {
			m := inCategory(node, 0, healthy(t, "b"))
			m.Spec.Order = nil
			return m
		}()),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(rows(s)).To(Equal([]string{"b", "a"}))
		},
	}, {
		name: "every component is counted once as present, absent or unknown", known: true,
		mappings: list(healthy(t, "well"), unhealthy(t, "ill"), healthless(t, "healthless"), gone(t, "gone"), half(t, "half"), forbidden(t, "forbidden"),
			invisible(t, "invisible"), unvisited(t, "unvisited")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Summary).To(Equal(v1alpha1.ComponentCounts{
				Text: "4/8 present", Total: ptr.To[int32](8), Present: ptr.To[int32](4), Healthy: ptr.To[int32](1), Degraded: ptr.To[int32](2),
				HealthUnknown: ptr.To[int32](1), Absent: ptr.To[int32](1), Unknown: ptr.To[int32](3)}))
		},
	}, {
		name: "categories count theirs, in the order of listings; an empty one is left out",
		mappings: list(inCategory(addon, 0, healthy(t, "a")), inCategory(node, 0, unhealthy(t, "b")), inCategory(node, 0, healthy(t, "c")),
			inCategory(node, 0, gone(t, "d"))),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Categories).To(Equal([]v1alpha1.CategorySummary{
				{Name: node, Total: ptr.To[int32](3), Present: ptr.To[int32](2), Healthy: ptr.To[int32](1)},
				{Name: addon, Total: ptr.To[int32](1), Present: ptr.To[int32](1), Healthy: ptr.To[int32](1)}}))
		},
	}, {
		name:     "methods, as documented and as observed",
		mappings: list(healthy(t, "a"), different(t, "b"), gone(t, "c"), invisible(t, "d")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Methods).To(Equal([]v1alpha1.MethodSummary{
				{Name: v1alpha1.MethodDaemonSet, Documented: ptr.To[int32](0), Observed: ptr.To[int32](1)},
				{Name: v1alpha1.MethodDeployment, Documented: ptr.To[int32](4), Observed: ptr.To[int32](1)}}))
		},
	}, {
		name: "a row shows what was found",
		mappings: list(component(t, "dns", variants(variant("server", "implementation: Server", "operatedBy: Shared", checks(dns))),
			with(deployment("coredns", 0, 2, "r/coredns:v1.11.1")))),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Components[0].Since).To(at(0))
			s.Components[0].Since = metav1.Time{}
			g.Expect(s.Components).To(Equal([]v1alpha1.ComponentSummary{{
				Name: "dns", Component: "CoreDNS", Implementation: "Server", Category: v1alpha1.CategoryNetworking, Placement: v1alpha1.PlacementCluster,
				OperatedBy: v1alpha1.OperatedByShared, Methods: []v1alpha1.ImplementationMethod{v1alpha1.MethodDeployment},
				Present: metav1.ConditionTrue, Healthy: metav1.ConditionFalse, Reason: v1alpha1.ReasonWorkloadUnavailable, Version: "v1.11.1"}}))
			g.Expect(s.KubernetesVersion).To(Equal("v1.33.1"))
		},
	}, {
		name: "a row of what is well gives no reason", mappings: list(healthy(t, "dns"), healthless(t, "idle")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Components).To(HaveExactElements(HaveField("Reason", ""), HaveField("Reason", v1alpha1.ReasonHealthNotObservable)))
		},
	}, {
		name: "a row of what is not there says why, and what is documented", mappings: list(gone(t, "dns")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			row := s.Components[0]
			g.Expect(row.Reason).To(Equal(v1alpha1.ReasonNotFound), "why it is not present, and not that its health is unknown")
			g.Expect(row.Implementation).To(Equal("Managed DNS"))
			g.Expect(row.OperatedBy).To(Equal(v1alpha1.OperatedByProvider))
		},
	}, {
		name: "a row of what was not visited yet", known: true, mappings: list(unvisited(t, "dns")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			row := s.Components[0]
			g.Expect(row.Present).To(Equal(metav1.ConditionUnknown))
			g.Expect(row.Healthy).To(Equal(metav1.ConditionUnknown))
			g.Expect(row.Implementation).To(Equal("Managed DNS"))
			g.Expect(row.OperatedBy).To(Equal(v1alpha1.OperatedByProvider))
		},
	}}
}

func TestPlatformDetected(t *testing.T) { runArchitectures(t, platformCases(t)) }

func platformCases(t testing.TB) []archCase {
	everything := list(healthy(t, "a"), unhealthy(t, "b"), gone(t, "c"))
	nothingClaimed := func(message string) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
		return func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("PlatformDetected", s.Conditions).Message).To(Equal(message))
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal("not assessed: " + message))
			g.Expect(s.Message).To(Equal(message))
			g.Expect(s.Abstract).To(HaveExactElements("AKS: not assessed: " + message))
			s.Conditions, s.ObservedAt, s.ObservedGeneration, s.KubernetesVersion, s.Message, s.Abstract = nil, metav1.Time{}, 0, "", "", nil
			g.Expect(s).To(BeZero())
		}
	}
	unknown := "Unknown PlatformNotDetected"
	return []archCase{{
		name: "nodes match", mappings: everything, complete: "False ComponentsMissing", healthy: "False ComponentsUnhealthy",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("PlatformDetected", s.Conditions).Message).To(Equal("nodes match aks=here"))
		},
	}, {
		name: "no proof is asked for", spec: "nodeSelector: null", mappings: everything, view: &assess.ClusterView{},
		platform: "True NoSelector", complete: "False ComponentsMissing",
	}, {
		name: "no node matches", mappings: everything, view: &assess.ClusterView{Nodes: 4, KubernetesVersion: "v1.33.1"},
		platform: "False NoNodeMatches", complete: unknown, supported: unknown, healthy: unknown, documented: unknown,
		also: nothingClaimed("none of 4 nodes matches aks=here"),
	}, {
		name: "there are no nodes", mappings: everything, view: &assess.ClusterView{KubernetesVersion: "v1.33.1"},
		platform: "Unknown NotObservable", complete: unknown, supported: unknown, healthy: unknown, documented: unknown,
		also: nothingClaimed("the cluster has no nodes that could match aks=here"),
	}, {
		name: "not permitted to look at the nodes", mappings: everything,
		view:     &assess.ClusterView{Problem: v1alpha1.ReasonNotPermitted, ProblemMessage: "may not list nodes"},
		platform: "Unknown NotPermitted", complete: unknown, supported: unknown, healthy: unknown, documented: unknown,
		also: nothingClaimed("couldn't read the nodes: may not list nodes"),
	}, {
		name: "looking at the nodes failed", mappings: everything,
		view:     &assess.ClusterView{Problem: v1alpha1.ReasonObservationFailed, ProblemMessage: "timeout"},
		platform: "Unknown ObservationFailed", complete: unknown, supported: unknown, healthy: unknown, documented: unknown,
		also: nothingClaimed("couldn't read the nodes: timeout"),
	}, {
		name: "a dump without nodes", mappings: everything,
		view:     &assess.ClusterView{Problem: v1alpha1.ReasonNotInDump, ProblemMessage: "timeout"},
		platform: "Unknown NotInDump", complete: unknown, supported: unknown, healthy: unknown, documented: unknown,
		also: nothingClaimed("couldn't read the nodes: timeout"),
	}, {
		name:     "the cluster was one of the platform once",
		visits:   []archVisit{{mappings: list(healthy(t, "a"))}, {after: time.Hour, mappings: list(healthy(t, "a")), view: &assess.ClusterView{Nodes: 4}}},
		platform: "False NoNodeMatches", complete: unknown, supported: unknown, healthy: unknown, documented: unknown,
		also: nothingClaimed("none of 4 nodes matches aks=here"),
	}}
}

func TestComplete(t *testing.T) { runArchitectures(t, completeCases(t)) }

func completeCases(t testing.TB) []archCase {
	says := func(message string) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
		return func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("Complete", s.Conditions).Message).To(Equal(message))
		}
	}
	oneDNS := "rules: [{name: one-dns, type: AtMostOne, components: [a, b]}]"
	return []archCase{{
		name: "everything required is present", mappings: list(healthy(t, "a"), unhealthy(t, "b"), healthless(t, "c"), notNeeded(gone(t, "d"))),
		complete: "True AllRequiredPresent", also: says("all required components are present and no rule is violated"),
	}, {
		name: "missing", mappings: list(healthy(t, "a"), gone(t, "b"), gone(t, "c"), notNeeded(gone(t, "d"))),
		complete: "False ComponentsMissing", also: says("missing: b, c"),
	}, {
		name: "many missing", mappings: many(5, gone(t, "a")),
		complete: "False ComponentsMissing", also: says("missing: a-0000, a-0001, a-0002 and 2 more"),
	}, {
		name: "partly present", mappings: list(healthy(t, "a"), half(t, "b")),
		complete: "True AllRequiredPresent", healthy: "False ComponentsUnhealthy", also: says("all required components are present and no rule is violated"),
	}, {
		name: "a rule is violated", spec: oneDNS, mappings: list(healthy(t, "a"), healthy(t, "b")),
		complete: "False RulesViolated", also: says("violated rules: one-dns (only one may be present, found a, b)"),
	}, {
		name: "all at once: the worst gives the reason, the message names all", spec: oneDNS,
		mappings: list(healthy(t, "a"), healthy(t, "b"), gone(t, "c"), half(t, "d"), forbidden(t, "e")),
		complete: "False ComponentsMissing",
		also:     says("missing: c; violated rules: one-dns (only one may be present, found a, b)"),
	}, {
		name: "what is there in part counts in a rule", spec: oneDNS, mappings: list(healthy(t, "a"), half(t, "b")),
		complete: "False RulesViolated", also: says("violated rules: one-dns (only one may be present, found a, b (partial))"),
	}, {
		name:     "cannot tell of a rule",
		spec:     `rules: [{name: one, type: ExactlyOne, components: [b, c]}, {name: few, type: AtMostOne, components: [a, b]}, {name: some, type: AtLeastOne, components: [a, b]}]`,
		mappings: list(healthy(t, "a"), notNeeded(forbidden(t, "b")), notNeeded(forbidden(t, "c"))), complete: "Unknown ComponentsUnknown",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionComplete).Message).To(Equal("couldn't check these rules: one, few"))
		},
	}, {
		name: "cannot tell", known: true, mappings: list(healthy(t, "a"), forbidden(t, "b"), unvisited(t, "c"), notNeeded(forbidden(t, "d"))),
		complete: "Unknown ComponentsUnknown", also: says("couldn't tell whether these are present: b, c"),
	}, {
		name: "not in the dump", mappings: list(healthy(t, "a"), notInDump(t, "b")), complete: "Unknown NotInDump", healthy: "Unknown NotInDump",
	}, {
		name: "what may not be read weighs more than what is not in the dump", mappings: list(notInDump(t, "a"), forbidden(t, "b")),
		complete: "Unknown ComponentsUnknown", healthy: "Unknown ComponentsUnknown",
	}, {
		name: "what is missing is certain", mappings: list(gone(t, "a"), forbidden(t, "b")), complete: "False ComponentsMissing",
	}, {
		name: "what is not needed may be unknown", mappings: list(healthy(t, "a"), notNeeded(forbidden(t, "b")), notNeeded(invisible(t, "c"))),
		complete: "True AllRequiredPresent",
	}, {
		name: "no mappings at all", complete: "Unknown NoComponents", healthy: "Unknown NotPresent", documented: "Unknown NothingToCompare",
		also: says("no ComponentMapping matches architecture.archmap.dev/platform=aks; apply a catalog of mappings"),
	}}
}

func TestRules(t *testing.T) { runArchitectures(t, ruleCases(t)) }

func ruleCases(t testing.TB) []archCase {
	overlay := component(t, "cni", variants(variant("overlay", checks(dns)), variant("cilium", checks(agent))), with(deployment("coredns", 1, 1)))
	both := component(t, "cni", variants(variant("overlay", checks(dns)), variant("cilium", checks(agent))),
		with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)))
	overlayAndPart := component(t, "cni", variants(variant("overlay", checks(dns)), variant("cilium", checks(agent, scaler))),
		with(deployment("coredns", 1, 1), daemonSet("agent", 1, 1)))
	everyType := func(components string) string {
		return fmt.Sprintf(`rules:
- {name: exactly-one, type: ExactlyOne, components: [%[1]s]}
- {name: at-most-one, type: AtMostOne, components: [%[1]s]}
- {name: at-least-one, type: AtLeastOne, components: [%[1]s]}`, components)
	}
	tooMany, none := "only one may be present, found ", "one must be present, found none of "
	type verdict struct {
		name, components string
		mappings         []v1alpha1.ComponentMapping
		// violations of the rules, in the order above; empty when the rule holds.
		exactlyOne, atMostOne, atLeastOne string
	}
	var cases []archCase
	for _, v := range []verdict{
		{name: "one is present", components: "a, b", mappings: list(healthy(t, "a"), gone(t, "b"))},
		{name: "an unhealthy one is present", components: "a, b", mappings: list(unhealthy(t, "a"), gone(t, "b"))},
		{name: "none is present", components: "a, b", mappings: list(gone(t, "a"), gone(t, "b")),
			exactlyOne: none + "a, b", atLeastOne: none + "a, b"},
		{name: "one is there in part", components: "a, b", mappings: list(gone(t, "a"), half(t, "b"))},
		{name: "one beside another that is there in part", components: "a, b", mappings: list(healthy(t, "a"), half(t, "b")),
			exactlyOne: tooMany + "a, b (partial)", atMostOne: tooMany + "a, b (partial)"},
		{name: "a variant beside another that is there in part", components: "cni/overlay, cni/cilium", mappings: list(overlayAndPart),
			exactlyOne: tooMany + "cni/overlay, cni/cilium (partial)", atMostOne: tooMany + "cni/overlay, cni/cilium (partial)"},
		{name: "two are present", components: "a, b, c", mappings: list(healthy(t, "a"), gone(t, "b"), healthy(t, "c")),
			exactlyOne: tooMany + "a, c", atMostOne: tooMany + "a, c"},
		{name: "what is unknown breaks nothing", components: "a, b, c", mappings: list(gone(t, "a"), forbidden(t, "b"), unvisited(t, "c"))},
		{name: "one beside the unknown", components: "a, b", mappings: list(healthy(t, "a"), forbidden(t, "b"))},
		{name: "two beside the unknown are too many", components: "a, b, c", mappings: list(healthy(t, "a"), healthy(t, "b"), forbidden(t, "c")),
			exactlyOne: tooMany + "a, b", atMostOne: tooMany + "a, b"},
		{name: "a mapping that does not exist is not present", components: "nobody",
			exactlyOne: none + "nobody", atLeastOne: none + "nobody"},
		{name: "a mapping that does not exist beside one that is present", components: "a, nobody", mappings: list(healthy(t, "a"))},
		{name: "a variant that is found", components: "cni/overlay, cni/cilium", mappings: list(overlay)},
		{name: "a variant that is not found", components: "cni/cilium", mappings: list(overlay),
			exactlyOne: none + "cni/cilium", atLeastOne: none + "cni/cilium"},
		{name: "a variant that does not exist", components: "cni/none", mappings: list(overlay),
			exactlyOne: none + "cni/none", atLeastOne: none + "cni/none"},
		{name: "two variants at once", components: "cni/overlay, cni/cilium", mappings: list(both),
			exactlyOne: tooMany + "cni/overlay, cni/cilium", atMostOne: tooMany + "cni/overlay, cni/cilium"},
		{name: "a mapping and a variant of another", components: "a, cni/overlay", mappings: list(overlay, healthy(t, "a")),
			exactlyOne: tooMany + "a, cni/overlay", atMostOne: tooMany + "a, cni/overlay"},
		{name: "a variant of what is unknown", components: "a/overlay", mappings: list(forbidden(t, "a"))},
		{name: "a variant of what is absent", components: "a/overlay", mappings: list(gone(t, "a")),
			exactlyOne: none + "a/overlay", atLeastOne: none + "a/overlay"},
	} {
		var want []v1alpha1.Violation
		for _, w := range []v1alpha1.Violation{{Rule: "exactly-one", Message: v.exactlyOne}, {Rule: "at-most-one", Message: v.atMostOne},
			{Rule: "at-least-one", Message: v.atLeastOne}} {
			if w.Message != "" {
				want = append(want, w)
			}
		}
		cases = append(cases, archCase{name: v.name, known: true, spec: everyType(v.components), mappings: v.mappings,
			also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) { g.Expect(s.Violations).To(Equal(want)) }})
	}
	return cases
}

func TestFirstReport(t *testing.T) {
	waiting := archVisit{mappings: list(unhealthy(t, "a"), unvisited(t, "b"), unvisited(t, "c"))}
	runArchitectures(t, []archCase{{
		name: "waits for every first verdict", visits: []archVisit{waiting},
		ready: "Unknown Observing", platform: "Unknown NotYetObserved", complete: "Unknown NotYetObserved", healthy: "Unknown NotYetObserved",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady).Message).To(Equal("waiting for the first verdict on b, c"))
			g.Expect(s.Components).To(BeEmpty())
		},
	}, {
		name: "is complete at once", visits: []archVisit{waiting, {after: time.Second, mappings: list(unhealthy(t, "a"), healthy(t, "b"), healthy(t, "c"))}},
		healthy: "False ComponentsUnhealthy",
	}, {
		name:    "is not taken back for a mapping that comes later",
		visits:  []archVisit{{mappings: list(healthy(t, "a"))}, {after: time.Second, mappings: list(unhealthy(t, "a"), unvisited(t, "b"))}},
		healthy: "False ComponentsUnhealthy",
	}})
}

func TestHealthRollup(t *testing.T) { runArchitectures(t, healthRollupCases(t)) }

func healthRollupCases(t testing.TB) []archCase {
	says := func(message string) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
		return func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(Equal(message))
		}
	}
	sick := unhealthy(t, "rolling")
	sick.Status = component(t, "rolling", checks(dns), with(rolling("coredns"))).Status
	doubtful := component(t, "doubtful", checks(dns, driver), with(deployment("coredns", 2, 2), aDriver("d", nil)))
	rejected := healthy(t, "rejected")
	rejected.Status = assess.InvalidMapping(&rejected, errSpec, start)
	return []archCase{{
		name: "what is present is well", mappings: list(healthy(t, "a"), sick, gone(t, "b")),
		healthy: "True AllChecksPass", also: says("no problems detected"),
	}, {
		name: "some are unhealthy", mappings: list(healthy(t, "a"), unhealthy(t, "b"), forbidden(t, "c")),
		healthy: "False ComponentsUnhealthy", also: says("1 unhealthy (1 cause): b: WorkloadUnavailable: Deployment kube-system/b: 0/2 available"),
	}, {
		name: "many are unhealthy by one cause", mappings: many(5, unhealthy(t, "a")), healthy: "False ComponentsUnhealthy",
		also: says("5 unhealthy (1 cause): a-0000, a-0001, a-0002 and 2 more: WorkloadUnavailable: Deployment kube-system/a: 0/2 available"),
	}, {
		name: "many are unhealthy by causes of their own", mappings: explained(many(5, unhealthy(t, "a")), 3), healthy: "False ComponentsUnhealthy",
		also: says("5 unhealthy (5 causes): a-0000: WorkloadUnavailable: 0000 xxx; a-0001: WorkloadUnavailable: 0001 xxx; " +
			"a-0002: WorkloadUnavailable: 0002 xxx and 2 more"),
	}, {
		name: "a long story is told in short among others", mappings: explained(many(2, unhealthy(t, "a")), 1000), healthy: "False ComponentsUnhealthy",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("Healthy", s.Conditions).Message).To(And(ContainSubstring("xxx…; a-0001: WorkloadUnavailable: 0001 xxx"), HaveSuffix("xxx…")))
			g.Expect(s.Causes[0].Message).To(HaveLen(1005), "the cause itself tells it all")
		},
	}, {
		name: "an optional component's health counts", mappings: list(healthy(t, "a"), notNeeded(unhealthy(t, "b"))), healthy: "False ComponentsUnhealthy",
	}, {
		name: "that health can never be seen is no reason for doubt", mappings: list(healthy(t, "a"), healthless(t, "b"), invisible(t, "c")),
		healthy: "True AllChecksPass",
	}, {
		name: "that it could not be seen now is", mappings: list(healthy(t, "a"), doubtful), healthy: "Unknown ComponentsUnknown",
		also: says("health unknown: doubtful"),
	}, {
		name: "that one may not look is", mappings: list(healthy(t, "a"), forbidden(t, "b")), healthy: "Unknown ComponentsUnknown",
		also: says("health unknown: b"),
	}, {
		name: "that one may not look is, at what is not needed too", mappings: list(healthy(t, "a"), notNeeded(forbidden(t, "b"))),
		healthy: "Unknown ComponentsUnknown",
	}, {
		name: "that nobody looked yet is none", known: true, mappings: list(healthy(t, "a"), unvisited(t, "b")), healthy: "True AllChecksPass",
	}, {
		name: "that a mapping cannot be used is", mappings: list(healthy(t, "a"), rejected), healthy: "Unknown ComponentsUnknown",
	}, {
		name: "unhealthy is certain", known: true, mappings: list(unhealthy(t, "a"), forbidden(t, "b"), unvisited(t, "c")), healthy: "False ComponentsUnhealthy",
	}, {
		name: "nothing is present", mappings: list(gone(t, "a"), invisible(t, "b")), healthy: "Unknown NotPresent", documented: "Unknown NothingToCompare",
	}}
}

func documentedRollupCases(t testing.TB) []archCase {
	return []archCase{{
		name: "as documented", mappings: list(healthy(t, "a"), gone(t, "b"), forbidden(t, "c")), documented: "True MatchesDocumentation",
	}, {
		name: "some differ", mappings: list(healthy(t, "a"), different(t, "b"), different(t, "c")), documented: "False ComponentsDiffer",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("AsDocumented", s.Conditions).Message).To(Equal("2 components not as documented: b, c"))
		},
	}, {
		name: "what is known to differ counts for nothing beside news", mappings: list(known(t, "a"), different(t, "b")), documented: "False ComponentsDiffer",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("AsDocumented", s.Conditions).Message).To(Equal("1 component not as documented: b"))
		},
	}, {
		name: "known differences alone", mappings: list(healthy(t, "a"), known(t, "b")), documented: "True KnownDifference",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("AsDocumented", s.Conditions).Message).To(Equal("only known differences: b"))
		},
	}, {
		name: "nothing can be compared", mappings: list(gone(t, "a"), component(t, "b", checks(driver), with(aDriver("d", nil)))),
		documented: "Unknown NothingToCompare",
	}}
}

func TestDocumentedRollup(t *testing.T) { runArchitectures(t, documentedRollupCases(t)) }

// advised returns a component with an advisory for each of the dates.
func advised(t testing.TB, name string, dates ...string) v1alpha1.ComponentMapping {
	m := healthy(t, name)
	for _, d := range dates {
		m.Spec.Implementation.Advisories = append(m.Spec.Implementation.Advisories,
			v1alpha1.Advisory{Type: v1alpha1.AdvisoryNote, Date: d, Message: "so it is"})
	}
	return m
}

func TestAdvisories(t *testing.T) { runArchitectures(t, advisoryCases(t)) }

func advisoryCases(t testing.TB) []archCase {
	spec := lines(`
implementation:
  advisories:
  - {type: Retirement, date: "2028-03-31", message: everything ends}
  - {type: Rename, message: the server has a new name, variants: [server, other], url: "https://example.com/rename"}
  - {type: Correction, date: "2021-09-30", message: it was another one}
  - {type: Note, message: agents are old, variants: [agents]}`,
		variants(variant("server", checks(dns)), variant("agents", checks(agent)), variant("other", checks(scaler))))
	found := component(t, "dns", spec, with(deployment("coredns", 2, 2)))
	absent := component(t, "absent", spec, cluster{})
	return []archCase{{
		name: "only of what is present, and of the variants that are", mappings: list(found, absent),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Advisories).To(Equal([]v1alpha1.ComponentAdvisory{
				{Component: "dns", Type: v1alpha1.AdvisoryCorrection, Date: "2021-09-30", Message: "it was another one"},
				{Component: "dns", Type: v1alpha1.AdvisoryRetirement, Date: "2028-03-31", Message: "everything ends"},
				{Component: "dns", Type: v1alpha1.AdvisoryRename, Message: "the server has a new name", URL: "https://example.com/rename"}}))
		},
	}, {
		name: "those with a date come first, whatever they are of", mappings: list(advised(t, "a", "", "2027-01-01"), advised(t, "b", "2026-01-01", "")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			var order []string
			for _, a := range s.Advisories {
				order = append(order, a.Component+" "+a.Date)
			}
			g.Expect(order).To(Equal([]string{"b 2026-01-01", "a 2027-01-01", "a ", "b "}))
		},
	}}
}

func TestCaps(t *testing.T) { runArchitectures(t, capCases(t)) }

// capCases are about more than a status can list.
func capCases(t testing.TB) []archCase {
	const truncated = "True ListsTruncated"
	ready := func(s v1alpha1.ClusterArchitectureStatus) string { return the("Ready", s.Conditions).Message }
	noted := advised(t, "a", make([]string, 16)...)
	pools := func(n int) *assess.ClusterView {
		view := aks
		for i := range n {
			view.NodePools = append(view.NodePools, v1alpha1.NodePool{Name: fmt.Sprintf("pool%03d", i), Nodes: ptr.To[int32](1), Ready: ptr.To[int32](1)})
		}
		return &view
	}
	return []archCase{{
		name: "as much as fits", mappings: slices.Concat(explained(many(64, unhealthy(t, "ill")), 10), many(444, healthy(t, "well")), many(4, noted)), view: pools(256),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Components).To(HaveLen(512))
			g.Expect(s.NodePools).To(HaveLen(256))
			g.Expect(s.Causes).To(HaveLen(64))
			g.Expect(s.Advisories).To(HaveLen(64))
			g.Expect(ready(s)).To(Equal("the verdicts are current"))
		},
	}, {
		name: "too many components are all counted", ready: truncated, mappings: slices.Concat(many(500, healthy(t, "a")), many(13, gone(t, "b"))),
		complete: "False ComponentsMissing",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Components).To(HaveLen(512))
			g.Expect(s.Summary.Text).To(Equal("500/513 present"))
			g.Expect(ready(s)).To(Equal("only the first 512 of 513 components are listed"))
		},
	}, {
		name: "too many pools", ready: truncated, mappings: list(healthy(t, "a")), view: pools(257),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.NodePools).To(HaveLen(256))
			g.Expect(s.NodePools[255].Name).To(Equal("pool255"))
			g.Expect(ready(s)).To(Equal("only the first 256 of 257 node pools are listed"))
		},
	}, {
		name: "too many causes", ready: truncated, mappings: explained(many(70, unhealthy(t, "a")), 10),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Causes).To(HaveLen(64))
			g.Expect(ready(s)).To(Equal("only the first 64 of 70 causes are listed"))
		},
	}, {
		name: "too many components of one cause", ready: truncated, mappings: many(100, unhealthy(t, "a")),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Causes).To(HaveLen(1))
			g.Expect(s.Causes[0].Components).To(HaveLen(64))
			g.Expect(ready(s)).To(Equal("only the first 64 of 100 components of cause WorkloadUnavailable are listed"))
		},
	}, {
		name: "too many advisories", ready: truncated, mappings: many(5, noted),
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.Advisories).To(HaveLen(64))
			g.Expect(ready(s)).To(Equal("only the first 64 of 80 advisories are listed"))
		},
	}, {
		name: "where nothing is claimed nothing is cut", mappings: many(600, healthy(t, "a")), view: &assess.ClusterView{Nodes: 1},
		platform: "False NoNodeMatches",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(ready(s)).To(Equal("the verdicts are current"))
		},
	}}
}

func TestArchitectureReady(t *testing.T) { runArchitectures(t, archReadyCases(t)) }

func archReadyCases(t testing.TB) []archCase {
	reading := &assess.ClusterView{Pending: true}
	errSelector := errors.New("spec.nodeSelector: \"in\" is not a valid label selector operator")
	seen := archVisit{mappings: list(healthy(t, "a"))}
	edited := "platform: AKS on premises"
	invalid := archVisit{after: time.Hour, spec: edited, invalid: errSelector}
	notYet, rejected := "Unknown NotYetObserved", "Unknown InvalidSpec"
	return []archCase{{
		name: "the first visit, before anything was read", mappings: list(healthy(t, "a")), view: reading,
		ready: "Unknown Observing", platform: notYet, complete: notYet, supported: notYet, healthy: notYet, documented: notYet,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(1))
		},
	}, {
		name: "a restart changes nothing", visits: []archVisit{seen, {after: time.Hour, view: reading}},
		complete: "True AllRequiredPresent", healthy: "True AllChecksPass",
		also: func(g *WithT, s, previous v1alpha1.ClusterArchitectureStatus) {
			g.Expect(equality.Semantic.DeepEqual(s, previous)).To(BeTrue())
		},
	}, {
		name: "a new generation is being read", visits: []archVisit{seen, {after: time.Hour, spec: edited, view: reading}},
		ready: "Unknown Observing", complete: "True AllRequiredPresent", healthy: "True AllChecksPass",
		also: func(g *WithT, s, previous v1alpha1.ClusterArchitectureStatus) {
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(2))
			g.Expect(s.Components).To(Equal(previous.Components))
			g.Expect(the("Ready", s.Conditions).ObservedGeneration).To(BeEquivalentTo(2))
			g.Expect(the("Complete", s.Conditions)).To(Equal(the("Complete", previous.Conditions)))
		},
	}, {
		name: "the spec cannot be used", visits: []archVisit{seen, invalid},
		ready: "False InvalidSpec", platform: rejected, complete: rejected, supported: rejected, healthy: rejected, documented: rejected,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(statusAndReason(s.Conditions)).To(HaveKeyWithValue("Stalled", "True InvalidSpec"))
			g.Expect(the("Stalled", s.Conditions).Message).To(Equal("change the spec: " + errSelector.Error()))
			g.Expect(s.Components).To(BeEmpty())
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(2))
			g.Expect(s.ObservedAt).To(at(time.Hour))
		},
	}, {
		name: "the spec still cannot be used", visits: []archVisit{seen, invalid, {after: time.Hour + time.Minute, invalid: errSelector}},
		ready: "False InvalidSpec", platform: rejected, complete: rejected, supported: rejected, healthy: rejected, documented: rejected,
		also: func(g *WithT, s, previous v1alpha1.ClusterArchitectureStatus) {
			g.Expect(equality.Semantic.DeepEqual(s, previous)).To(BeTrue(), "nothing turned")
		},
	}, {
		name: "the spec was fixed and is being read", visits: []archVisit{seen, invalid, {after: 2 * time.Hour, spec: edited, view: reading}},
		ready: "Unknown Observing", platform: notYet, complete: notYet, supported: notYet, healthy: notYet, documented: notYet,
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(statusAndReason(s.Conditions)).NotTo(HaveKey("Stalled"))
		},
	}, {
		name: "the spec was fixed", visits: []archVisit{seen, invalid, {after: 2 * time.Hour, spec: edited, mappings: seen.mappings}},
		complete: "True AllRequiredPresent",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(statusAndReason(s.Conditions)).NotTo(HaveKey("Stalled"))
			g.Expect(s.ObservedGeneration).To(BeEquivalentTo(3))
			g.Expect(the("Complete", s.Conditions).LastTransitionTime).To(at(2 * time.Hour))
		},
	}, {
		name:    "a condition's time moves when it turns, and only then",
		visits:  []archVisit{seen, {after: time.Hour, mappings: list(unhealthy(t, "a"))}, {after: 2 * time.Hour, mappings: list(unhealthy(t, "a"), unhealthy(t, "b"))}},
		healthy: "False ComponentsUnhealthy",
		also: func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
			g.Expect(the("Healthy", s.Conditions).LastTransitionTime).To(at(time.Hour))
			g.Expect(the("Complete", s.Conditions).LastTransitionTime).To(at(0))
		},
	}}
}

func TestObservedAt(t *testing.T) {
	const minute = time.Minute
	first := archVisit{mappings: list(healthy(t, "a"))}
	again := func(after time.Duration, mappings ...v1alpha1.ComponentMapping) archVisit {
		return archVisit{after: after, mappings: mappings}
	}
	for _, c := range []struct {
		name       string
		visits     []archVisit
		observedAt time.Duration
		wait       time.Duration
	}{
		{"the first visit", []archVisit{first}, 0, 5 * minute},
		{"nothing changes", []archVisit{first, again(2*minute, healthy(t, "a"))}, 0, 3 * minute},
		{"nothing changes, just before it is old", []archVisit{first, again(5*minute-time.Second, healthy(t, "a"))}, 0, time.Second},
		{"nothing changes for five minutes", []archVisit{first, again(5*minute, healthy(t, "a"))}, 5 * minute, 5 * minute},
		{"something changes", []archVisit{first, again(2*minute, unhealthy(t, "a"))}, 2 * minute, 5 * minute},
		{"a pool changes", []archVisit{first, {after: 2 * minute, mappings: first.mappings,
			view: &assess.ClusterView{Nodes: 3, MatchingNodes: 3, KubernetesVersion: "v1.33.2"}}}, 2 * minute, 5 * minute},
		{"a change counts from its own time on", []archVisit{first, again(2*minute, unhealthy(t, "a")), again(6*minute, unhealthy(t, "a"))}, 2 * minute, minute},
		{"another order of the same mappings is no change",
			[]archVisit{again(0, healthy(t, "a"), healthy(t, "b")), again(2*minute, healthy(t, "b"), healthy(t, "a"))}, 0, 3 * minute},
		{"a restart", []archVisit{first, {after: 10 * minute, view: &assess.ClusterView{Pending: true}}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			end := archCase{visits: c.visits}.play(t)
			g.Expect(end.arch.Status.ObservedAt).To(at(c.observedAt))
			g.Expect(end.wait).To(Equal(c.wait))
		})
	}
}

// TestEveryArchitecture holds the end of every story to what must be true of all statuses.
func TestEveryArchitecture(t *testing.T) {
	fits := schemaOf(t, "architecture.archmap.dev_clusterarchitectures.yaml")
	for _, c := range archCases(t) {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			end := c.play(t)
			s := &end.arch.Status
			g.Expect(archFlaws(end.arch)).To(BeEmpty())
			g.Expect(fits(s)).To(BeEmpty(), "what the API server would refuse")

			before := end.arch.DeepCopy()
			again, _ := end.again(time.Minute)
			g.Expect(equality.Semantic.DeepEqual(again, before.Status)).To(BeTrue(), "the same, a minute later:\n%s", diffable(again, before.Status))
			again, _ = end.again(time.Hour)
			again.ObservedAt = s.ObservedAt
			g.Expect(equality.Semantic.DeepEqual(again, before.Status)).To(BeTrue(), "the same, an hour later:\n%s", diffable(again, before.Status))
			g.Expect(end.arch).To(Equal(before), "the architecture is only read")
		})
	}
}

func archFlaws(a *v1alpha1.ClusterArchitecture) []string {
	var out []string
	hold := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	ready := the(v1alpha1.ConditionReady, a.Status.Conditions)
	stalled := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionStalled)
	for _, t := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionPlatformDetected, v1alpha1.ConditionComplete,
		v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented} {
		hold(the(t, a.Status.Conditions).Status != "", "condition %s is missing", t)
	}
	for _, c := range a.Status.Conditions {
		hold(camelCase.MatchString(c.Reason), "reason of %s: %q", c.Type, c.Reason)
		hold(c.Message != "" && len(c.Message) <= msg.MaxMessage, "message of %s: %q", c.Type, c.Message)
		hold(c.ObservedGeneration == a.Generation || ready.Status == metav1.ConditionUnknown && c.ObservedGeneration < a.Generation,
			"%s has observedGeneration %d", c.Type, c.ObservedGeneration)
	}
	hold(a.Status.ObservedGeneration == a.Generation, "observedGeneration %d", a.Status.ObservedGeneration)
	hold((ready.Status == metav1.ConditionTrue) == (ready.Reason == v1alpha1.ReasonEvaluated || ready.Reason == v1alpha1.ReasonListsTruncated), "Ready=%s %s", ready.Status, ready.Reason)
	hold((ready.Status == metav1.ConditionUnknown) == (ready.Reason == v1alpha1.ReasonObserving), "Ready=%s %s", ready.Status, ready.Reason)
	hold((ready.Status == metav1.ConditionFalse) == (stalled != nil), "Ready=%s, Stalled is %v", ready.Status, stalled)
	return out
}

// full returns an architecture as big as they come: 512 components, each with something to say, and 256 pools.
func full(t testing.TB) ([]v1alpha1.ComponentMapping, assess.ClusterView) {
	long := strings.Repeat("x", 248)
	m := unhealthy(t, long)
	m.Spec.Component = strings.Repeat("c", 63)
	m.Spec.Implementation.Advisories = []v1alpha1.Advisory{{Type: v1alpha1.AdvisoryNote, Date: "2028-03-31", Message: strings.Repeat("a", 512)}}
	m.Status.Implementation = strings.Repeat("i", 1024)
	versions := "v1.32.3-akslts-20260301-0001 (1412), v1.33.1-akslts-20260301-0002 (1088), v1.31.9-akslts-20260301-0003 (7000000) and 200 more"
	m.Status.Version = versions
	m.Status.Methods = []v1alpha1.ImplementationMethod{v1alpha1.MethodPlatformService, v1alpha1.MethodDaemonSet, v1alpha1.MethodDeployment}
	mappings := explained(many(512, m), msg.MaxMessage-5)
	view := aks
	for i := range 256 {
		view.NodePools = append(view.NodePools, v1alpha1.NodePool{
			Name: fmt.Sprintf("%s%03d", long[:60], i), Mode: "system", OS: "linux", Nodes: ptr.To[int32](1000), Ready: ptr.To[int32](1000),
			KubeletVersions: versions, ContainerRuntimes: versions, NodeImages: versions})
	}
	return mappings, view
}

func TestSize(t *testing.T) {
	g := NewWithT(t)
	mappings, view := full(t)
	a := newArchitecture(t, "")
	a.Status, _ = assess.Architecture(a, mappings, view, start)
	g.Expect(a.Status.Components).To(HaveLen(512))
	g.Expect(a.Status.NodePools).To(HaveLen(256))
	g.Expect(a.Status.Causes).To(HaveLen(64))
	raw, err := json.Marshal(a)
	g.Expect(err).NotTo(HaveOccurred())
	t.Logf("%d KiB", len(raw)>>10)
	g.Expect(len(raw)).To(BeNumerically("<", 1<<20), "etcd takes no more than 1.5 MiB, managed fields included")
}

func BenchmarkArchitecture512(b *testing.B) {
	mappings, view := full(b)
	a := newArchitecture(b, "")
	a.Status, _ = assess.Architecture(a, mappings, view, start)
	b.ReportAllocs()
	for b.Loop() {
		assess.Architecture(a, mappings, view, start.Add(time.Minute))
	}
}
