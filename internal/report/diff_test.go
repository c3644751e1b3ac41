// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
	"github.com/archmap/archmap/test/world"
)

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestDepartures(t *testing.T) {
	g := NewWithT(t)
	r := reportOf(t, reporttest.Modern, reporttest.Gone(metrics), reporttest.Kubelet("user/0", "v1.40.0"))
	r.Architecture.Status.Violations = []v1alpha1.Violation{{Rule: "one-cni", Message: "both are there"}}
	r.Architecture.Status.Skews = append(r.Architecture.Status.Skews,
		v1alpha1.VersionSkew{Type: v1alpha1.SkewTooFarFromKubelets, Name: "kube-proxy/daemonset", Message: "far apart"})

	departures := report.Departures(r, true)
	var names []string
	for _, d := range departures {
		names = append(names, d.Name+" "+d.Reason)
	}
	g.Expect(names).To(Equal([]string{"cloud-controller-manager Method", "cloud-controller-manager Image", "kube-proxy Image", "azuredisk-csi-driver Method",
		"azurefile-csi-driver Method", "metrics-server NotFound", "azure-monitor-agent Method", "istio Method", "cluster-autoscaler Method",
		"one-cni RulesViolated", "kubelet NewerThanAPIServer", "kube-proxy/daemonset TooFarFromKubelets"}))
	g.Expect(departures[2]).To(Equal(report.Departure{Name: "kube-proxy", Component: "kube-proxy", Reason: "Image",
		Documented: "registry.k8s.io/kube-proxy", Observed: "mcr.microsoft.com/containernetworking/cilium/cilium",
		Message:    "documented image registry.k8s.io/kube-proxy, observed mcr.microsoft.com/containernetworking/cilium/cilium",
		Correction: "With Azure CNI Powered by Cilium there is no kube-proxy: the DaemonSet cilium, with its own image, does its work."}))
	g.Expect(departures[5]).To(SatisfyAll(HaveField("Documented", "metrics-server, Deployment"), HaveField("Observed", "missing")))
	g.Expect(departures[9].Documented).To(Equal("ExactlyOne of kubenet, azure-cni, own-cni"))
	g.Expect(departures[10]).To(SatisfyAll(HaveField("Observed", "v1.35.8 (5), v1.40.0 (1)"), HaveField("Message", ContainSubstring("never supported")),
		HaveField("Documented", "at most 3 minor versions older than the API server, never newer")))
	g.Expect(departures[11]).To(SatisfyAll(HaveField("Component", "kube-proxy"), HaveField("Documented", "at most 3 minor versions away from the kubelets")))

	var news []string
	for _, d := range report.Departures(r, false) {
		news = append(news, d.Name+" "+d.Reason)
	}
	g.Expect(news).To(Equal([]string{"metrics-server NotFound", "one-cni RulesViolated", "kubelet NewerThanAPIServer", "kube-proxy/daemonset TooFarFromKubelets"}),
		"what the catalog explains is no news")

	none, err := json.Marshal(report.Departures(&report.Report{}, false))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(none)).To(Equal("[]"))
}

func TestCompare(t *testing.T) {
	before := reportOf(t, reporttest.Modern)
	after := reportOf(t, reporttest.Modern, reporttest.Pods(dns, world.Pods{State: world.CrashLooping}), reporttest.Gone(metrics),
		reporttest.Kubelet("user/0", "v1.40.0"), reporttest.Node("spot/0", world.NodeStopped))
	after.Architecture.Status.KubernetesVersion = "v1.36.1"
	set(reporttest.Mapping(after, "keda"), v1alpha1.ConditionPresent, "Unknown", v1alpha1.ReasonNotPermitted)
	after.Mappings = append(after.Mappings, mapping("cert-manager", is("True", v1alpha1.ReasonObserved), is("True", v1alpha1.ReasonAllChecksPass)))

	g := NewWithT(t)
	comparison := report.Compare(before, after)
	g.Expect(comparison.Changes).To(ConsistOf(
		report.Change{Name: "cluster", Component: "Kubernetes", Kind: report.VersionChanged, From: "v1.35.8", To: "v1.36.1"},
		report.Change{Name: "cluster", Component: "Complete", Kind: report.ConditionChanged, From: "True", To: "False (ComponentsMissing)"},
		report.Change{Name: "cluster", Component: "VersionsSupported", Kind: report.ConditionChanged, From: "True", To: "False (SkewExceeded)"},
		report.Change{Name: "kubelet", Component: "kubelet", Kind: report.VersionChanged, From: "v1.35.8", To: "v1.35.8 (5), v1.40.0 (1)"},
		report.Change{Name: "coredns", Component: "DNS", Kind: report.HealthChanged, From: "healthy", To: "unhealthy (CrashLooping)"},
		report.Change{Name: "keda", Component: "KEDA", Kind: report.NotComparable, From: "healthy", To: "unknown (NotPermitted)"},
		report.Change{Name: "metrics-server", Component: "Metrics Server", Kind: report.Gone, From: "metrics-server, deploy, v0.8.0-21, healthy", To: "missing"},
		report.Change{Name: "cert-manager", Component: "cert-manager", Kind: report.Added, From: "not installed", To: "cert-manager, healthy"},
		report.Change{Name: "pool/user", Component: "node pool user", Kind: report.VersionChanged, From: "v1.35.8", To: "v1.35.8 (2), v1.40.0 (1)"},
		report.Change{Name: "pool/spot", Component: "node pool spot", Kind: report.NodesChanged, From: "1/1", To: "0/1"},
	))
	g.Expect(report.Compare(before, reportOf(t, reporttest.Modern)).Changes).To(BeEmpty())
	g.Expect(report.Compare(before, before).Changes).NotTo(BeNil(), "a list, not null, in JSON")

	back := report.Compare(after, before)
	g.Expect(back.Changes).To(HaveLen(len(comparison.Changes)))
	g.Expect(back.Changes).To(ContainElement(HaveField("Kind", report.Added)))
	g.Expect(back.Changes).To(ContainElement(report.Change{Name: "cert-manager", Component: "cert-manager", Kind: report.Gone, From: "cert-manager, healthy", To: "not installed"}))
}

func TestClusters(t *testing.T) {
	g := NewWithT(t)
	clusters := []report.Cluster{
		{Name: "prod", Report: reportOf(t, reporttest.Documented)},
		{Name: "test", Report: broken(t)},
		{Name: "gone", Err: errors.New("connection refused")},
	}
	clusters[0].Report.Mappings = clusters[0].Report.Mappings[:21]
	text := written(t, func(w io.Writer) error { return report.Clusters(clusters, true).Text(w, false) })
	lines := map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 0 {
			lines[fields[0]] = strings.Join(fields, " ")
		}
	}
	g.Expect(lines["NAME"]).To(Equal("NAME COMPONENT PROD TEST GONE"))
	g.Expect(lines["(verdict)"]).To(Equal("(verdict) ✓ healthy ✗ unhealthy ? not read"))
	g.Expect(lines["(Kubernetes)"]).To(Equal("(Kubernetes) v1.32.7 v1.35.8"))
	g.Expect(lines["coredns"]).To(Equal("coredns DNS ✓ healthy v1.11.3-6 ✗ unhealthy v1.13.1-20"))
	g.Expect(lines["vertical-pod-autoscaler"]).To(Equal("vertical-pod-autoscaler Vertical Pod Autoscaler (no mapping) ✓ healthy"))
	g.Expect(lines["gone:"]).To(Equal("gone: connection refused"))

	g.Expect(report.ConcernsOf(clusters)).To(ConsistOf(report.ConcernUnhealthy, report.ConcernUnknown))
	g.Expect(report.ConcernsOf([]report.Cluster{clusters[0], clusters[2]})).To(ConsistOf(report.ConcernUnknown))
	g.Expect(report.ConcernsOf(clusters[:1])).To(BeEmpty())
}

// TestFind: a component is found by what people call it, and what was mistyped is guessed.
func TestFind(t *testing.T) {
	g, r := NewWithT(t), reportOf(t, reporttest.Modern)
	r.Mappings = append(r.Mappings,
		v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: "own-dns"}, Spec: v1alpha1.ComponentMappingSpec{Aliases: []v1alpha1.Alias{"dns", "etcd"}}})
	names := func(find func(*report.Report, string) []*v1alpha1.ComponentMapping, typed string) (out []string) {
		for _, m := range find(r, typed) {
			out = append(out, m.Name)
		}
		return out
	}
	for typed, want := range map[string][]string{
		"coredns": {"coredns"}, "CoreDNS": {"coredns"}, "CSI Driver (Azure Disk)": {"azuredisk-csi-driver"},
		"karpenter": {"node-auto-provisioning"}, "NAP": {"node-auto-provisioning"}, "vpa": {"vertical-pod-autoscaler"},
		"dns": {"own-dns", "coredns"}, "etcd": {"etcd"}, "nothing": nil,
	} {
		g.Expect(names(report.Find, typed)).To(ConsistOf(want), "%s means what it says", typed)
	}
	for typed, want := range map[string][]string{
		"corends": {"coredns"}, "Carpenter": {"node-auto-provisioning"}, "disk": {"azuredisk-csi-driver"}, "metrics server": {"metrics-server"},
		"xyzzy": nil,
	} {
		g.Expect(names(report.Suggest, typed)).To(Equal(want), "%s is guessed", typed)
	}
	g.Expect(report.ComponentNames(r)).To(HaveLen(len(r.Mappings)))
}

// TestExplain: what is not there, and what may not be looked at, is told too.
func TestExplain(t *testing.T) {
	g := NewWithT(t)
	r := reportOf(t, reporttest.Modern)
	explain := func(name string) string {
		return written(t, func(w io.Writer) error {
			return report.Explain(w, r, reporttest.Mapping(r, name), report.ExplainOptions{})
		})
	}
	g.Expect(explain("kubenet")).To(SatisfyAll(ContainSubstring("– not installed for 2d"), ContainSubstring("False (NotFound)"), ContainSubstring("kubenet on AKS is retired")))
	r = reportOf(t, reporttest.Modern, reporttest.Node("user/0", world.NodeDown))
	g.Expect(explain("kube-proxy")).To(SatisfyAll(ContainSubstring("✓ healthy for 2d"), ContainSubstring("NodesDown: pods are missing only because of their nodes"),
		ContainSubstring("NodeFault: Node aks-user-25795745-vmss000000"), ContainSubstring("Also affects    kubelet, cloud-controller-manager"),
		ContainSubstring("Customer: "), ContainSubstring("kubectl describe node aks-user-25795745-vmss000000")))
	g.Expect(explain("keda")).To(ContainSubstring("Provider: Azure runs it"), "nothing is wrong with it")
	g.Expect(explain("coredns")).NotTo(ContainSubstring("NodeFault"))
}

// TestExplainCallsForWhatIsBad: nobody is called for what is well or not there, and nothing is said twice.
func TestExplainCallsForWhatIsBad(t *testing.T) {
	for name, r := range map[string]*report.Report{"well": reportOf(t, reporttest.Modern), "a bad day": fresh(taken(t, badDay))} {
		g := NewWithT(t)
		html := written(t, func(w io.Writer) error { return report.HTML(w, r, report.HTMLOptions{}) })
		g.Expect(strings.Contains(html, "open a support request")).To(Equal(name != "well"), name)
		for _, component := range report.ComponentNames(r) {
			m := reporttest.Mapping(r, component)
			text := strings.Join(strings.Fields(written(t, func(w io.Writer) error { return report.Explain(w, r, m, report.ExplainOptions{}) })), " ")
			caused := strings.Contains(text, "Who acts")
			g.Expect(caused || catalog.StateOf(m).Bad() || !strings.Contains(text, "support request") && !strings.Contains(text, "then ask")).To(BeTrue(), text)
			if catalog.StateOf(m) == catalog.Absent {
				_, reasons, _ := strings.Cut(m.Status.Message, "not found; ")
				seen := map[string]bool{}
				for reason := range strings.SplitSeq(reasons, "; ") {
					for _, variant := range m.Spec.Variants {
						reason = strings.TrimPrefix(strings.TrimPrefix(reason, variant.Name+", "), variant.Name+": ")
					}
					g.Expect(reason == "" || !seen[reason]).To(BeTrue(), "%s: %s", component, m.Status.Message)
					seen[reason] = true
				}
			}
		}
	}
}

// Versions are compared one by one, also those that are too many for a table; pods that become ready are no change of versions.
func TestCompareVersions(t *testing.T) {
	g := NewWithT(t)
	changes := func(a, b []v1alpha1.VersionCount) []report.Change {
		var reports []*report.Report
		for _, versions := range [][]v1alpha1.VersionCount{a, b} {
			m := mapping("coredns", is("True", v1alpha1.ReasonObserved), is("True", v1alpha1.ReasonAllChecksPass))
			m.Status.Version, m.Status.Versions = "v1 (4), v2 (3), v3 (2) and 1 more", versions
			reports = append(reports, &report.Report{Mappings: []v1alpha1.ComponentMapping{m}})
		}
		return report.Compare(reports[0], reports[1]).Changes
	}
	of := func(last string, ready *int32) []v1alpha1.VersionCount {
		return []v1alpha1.VersionCount{{Version: "v1", Count: 4, Ready: ready}, {Version: "v2", Count: 3}, {Version: "v3", Count: 2}, {Version: last, Count: 1}}
	}
	g.Expect(changes(of("v4", new(int32(1))), of("v5", new(int32(1))))).To(ConsistOf(And(HaveField("Kind", report.VersionChanged),
		HaveField("From", "v1 (4), v2 (3), v3 (2), v4 (1)"), HaveField("To", "v1 (4), v2 (3), v3 (2), v5 (1)"))))
	g.Expect(changes(of("v4", new(int32(1))), of("v4", new(int32(4))))).To(BeEmpty())
}
