// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/msg"
)

// abstractOf returns the abstract of an architecture with these mappings.
func abstractOf(t testing.TB, spec string, view assess.ClusterView, mappings ...v1alpha1.ComponentMapping) []string {
	t.Helper()
	a := newArchitecture(t, spec)
	a.Status, _ = assess.Architecture(a, mappings, view, start.Add(time.Hour))
	return a.Status.Abstract
}

// retiring is a mapping of what retires on a date.
func retiring(m v1alpha1.ComponentMapping, date string) v1alpha1.ComponentMapping {
	m.Spec.Implementation.Advisories = []v1alpha1.Advisory{{Type: v1alpha1.AdvisoryRetirement, Date: date, Message: "move on"}}
	return m
}

func TestAbstract(t *testing.T) {
	broken := aks
	broken.Nodes, broken.Down = 50, assess.NodeList{Count: 2, First: []string{"a (NodeStatusUnknown)", "b (KubeletNotReady)"}}
	broken.NodeGroups = []assess.NodeGroup{{Pools: []string{""}, Nodes: 50, Down: broken.Down}}
	broken.Kubelets = map[string]assess.NodeList{"v1.29.9": nodesNamed("a")}
	broken.Mixed = []v1alpha1.VersionSkew{{Type: v1alpha1.SkewMixedNodeImages, Name: "sys", Message: "node images x (2), y (1)"}}
	storage := func(m v1alpha1.ComponentMapping) v1alpha1.ComponentMapping {
		return inCategory(v1alpha1.CategoryStorage, 0, m)
	}
	progressing := healthy(t, "moving")
	progressing.Status = component(t, "moving", checks(dns), with(rolling("coredns"))).Status
	old := healthy(t, "old")
	old.Status.Version = "v1.2.3"
	for _, c := range []struct {
		name, spec string
		view       assess.ClusterView
		mappings   []v1alpha1.ComponentMapping
		want       []string
	}{
		{"all is well", "", aks, list(old, notNeeded(gone(t, "addon"))), []string{
			"AKS v1.33.1, 3 nodes: 1 of 2 components present, none unhealthy",
			"CATEGORY    NAME   METHODS  STATE          VERSION  SINCE OR REASON",
			"Networking  addon           not installed           2026-03-01 08:00 UTC",
			"Networking  old    deploy   healthy        v1.2.3   2026-03-01 08:00 UTC",
		}},
		{"a retirement that is near is told until then, and as long as the component is there", "", aks,
			list(retiring(old, "2026-03-31"), retiring(healthy(t, "gone"), "2026-02-28"), retiring(healthy(t, "later"), "2026-04-01")), []string{
				"AKS v1.33.1, 3 nodes: 3 of 3 components present, none unhealthy",
				"! gone: Retirement: retired 1 day ago, on 2026-02-28: move on",
				"! old: Retirement: 30 days left, until 2026-03-31: move on",
				"CATEGORY    NAME   METHODS  STATE    VERSION  SINCE OR REASON",
				"Networking  gone   deploy   healthy           2026-03-01 08:00 UTC",
				"Networking  later  deploy   healthy           2026-03-01 08:00 UTC",
				"Networking  old    deploy   healthy  v1.2.3   2026-03-01 08:00 UTC",
			}},
		{"what is wrong comes before the table, causes before consequences", "rules: [{name: one, type: ExactlyOne, components: [a, b]}]", broken,
			list(storage(faulty(t, "disk", v1alpha1.ReasonNodeFault)), faulty(t, "proxy", v1alpha1.ReasonNodeFault), unhealthy(t, "web"), gone(t, "dns")), []string{
				"AKS v1.33.1, 50 nodes (2 down): 3 of 4 components present, 3 unhealthy (2 causes), 1 required missing",
				"! disk, proxy: NodeFault: 2 of 50 nodes are not ready: a (NodeStatusUnknown), b (KubeletNotReady)",
				"! web: WorkloadUnavailable: Deployment kube-system/web: 0/2 available",
				"! dns: NotFound: not found; no Deployment kube-system/dns",
				"! rule: one: one must be present, found none of a, b",
				"! kubelet: TooFarBehind: v1.29.9 is 4 minor versions behind the API server (v1.33.1); the limit is 3; 1 n…",
				"~ node pool sys: MixedNodeImages: node images x (2), y (1)",
				"CATEGORY    NAME   METHODS  STATE      VERSION  SINCE OR REASON",
				"Storage     disk   deploy   unhealthy           NodeFault",
				"Networking  dns             missing             2026-03-01 08:00 UTC",
				"Networking  proxy  deploy   unhealthy           NodeFault",
				"Networking  web    deploy   unhealthy           WorkloadUnavailable",
			}},
		{"every state in a word", "", aks,
			list(healthless(t, "idle"), forbidden(t, "forbidden"), half(t, "half"), progressing, invisible(t, "invisible")), []string{
				"AKS v1.33.1, 3 nodes: 3 of 5 components present, 1 unhealthy (1 cause)",
				"! half: PartMissing: no DaemonSet kube-system/agent",
				"CATEGORY    NAME       METHODS  STATE           VERSION  SINCE OR REASON",
				"Networking  forbidden           unknown                  NotPermitted",
				"Networking  half       deploy   unhealthy                PartMissing",
				"Networking  idle       deploy   health unknown           HealthNotObservable",
				"Networking  invisible           unknown                  NotObservable",
				"Networking  moving     deploy   progressing              2026-03-01 08:00 UTC",
			}},
		{"no components", "", aks, nil, []string{"AKS v1.33.1, 3 nodes: 0 of 0 components present"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			NewWithT(t).Expect(strings.Join(abstractOf(t, c.spec, c.view, c.mappings...), "\n")).To(Equal(strings.Join(c.want, "\n")))
		})
	}
}

// The days that are left are those of the day on which it was looked, in UTC: nothing else need change.
func TestAbstractCountsDays(t *testing.T) {
	g := NewWithT(t)
	a, mappings := newArchitecture(t, ""), list(retiring(healthy(t, "old"), start.AddDate(0, 0, 2).Format(time.DateOnly)))
	midnight := start.Truncate(24 * time.Hour).Add(24 * time.Hour)
	for _, look := range []struct {
		at   time.Time
		want string
	}{
		{start, "2 days left"}, {midnight.Add(-time.Second), "2 days left"}, {midnight, "1 day left"},
		{midnight.Add(24 * time.Hour), "0 days left"}, {midnight.Add(48 * time.Hour), "retired 1 day ago"},
	} {
		var wait time.Duration
		a.Status, wait = assess.Architecture(a, mappings, aks, look.at)
		g.Expect(a.Status.Abstract[1]).To(ContainSubstring("! old: Retirement: "+look.want), "at %s", look.at)
		g.Expect(wait).To(BeNumerically("<=", time.Hour), "it is looked at again soon enough")
	}
}

// TestAbstractFits holds the longest texts to the length of a line, and a great many to the limits of the API.
func TestAbstractFits(t *testing.T) {
	g := NewWithT(t)
	mappings, view := full(t)
	mappings = append(mappings, many(100, gone(t, strings.Repeat("ü", 60)))...)
	a := newArchitecture(t, "platform: "+strings.Repeat("p", 63))
	a.Status, _ = assess.Architecture(a, mappings, view, start)
	lines := a.Status.Abstract
	for _, line := range lines {
		g.Expect(utf8.RuneCountInString(line)).To(BeNumerically("<=", 106), line)
		g.Expect(line).NotTo(ContainSubstring("\n"))
	}
	g.Expect(lines).To(ContainElement("and 497 more: see causes, violations and skews"), "512 faults and a gap")
	g.Expect(lines).To(ContainElements("only the first 512 of 612 components are listed", "only the first 64 of 513 causes are listed"))
	g.Expect(the("Ready", a.Status.Conditions).Message).To(HaveSuffix(strings.Join(lines[len(lines)-2:], "; ")), "Ready tells the same")
	g.Expect(schemaOf(t, "architecture.archmap.dev_clusterarchitectures.yaml")(&a.Status)).To(BeEmpty())
}

func TestMessage(t *testing.T) { runArchitectures(t, messageCases(t)) }

// messageCases are about the sentence that matters most.
func messageCases(t testing.TB) []archCase {
	says := func(message string) func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) {
		return func(g *WithT, s, _ v1alpha1.ClusterArchitectureStatus) { g.Expect(s.Message).To(Equal(message)) }
	}
	old := withKubelets("v1.33.1", "v1.29.1")
	unsupported := "kubelet: v1.29.1 is 4 minor versions behind the API server (v1.33.1); the limit is 3; 1 node: n0"
	return []archCase{
		{name: "all is well", mappings: list(healthy(t, "a")), also: says("all required components are present and no rule is violated")},
		{name: "unhealthy before missing", mappings: list(unhealthy(t, "a"), gone(t, "b")), view: old,
			also: says("1 unhealthy (1 cause): a: WorkloadUnavailable: Deployment kube-system/a: 0/2 available")},
		{name: "missing before unsupported", mappings: list(healthy(t, "a"), gone(t, "b")), view: old, also: says("missing: b")},
		{name: "unsupported before unseen", mappings: list(healthy(t, "a"), forbidden(t, "b")), view: old, also: says(unsupported)},
		{name: "unseen before different", mappings: list(different(t, "a"), forbidden(t, "b")), also: says("health unknown: b")},
		{name: "different from the documentation", mappings: list(different(t, "a")), also: says("1 component not as documented: a")},
		{name: "being read", view: &assess.ClusterView{Pending: true}, ready: "Unknown Observing", platform: "Unknown NotYetObserved",
			also: says("still reading the nodes")},
		{name: "a spec that cannot be used", visits: []archVisit{{invalid: errSpec}}, ready: "False InvalidSpec", platform: "Unknown InvalidSpec",
			also: says(errSpec.Error())},
	}
}

func TestLongMessagesFit(t *testing.T) {
	g := NewWithT(t)
	a := newArchitecture(t, "")
	a.Status = assess.InvalidArchitecture(a, fmt.Errorf("%s", strings.Repeat("x", 5000)), start)
	g.Expect(a.Status.Message).To(HaveLen(msg.MaxMessage))
}
