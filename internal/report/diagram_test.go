// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"encoding/xml"
	"io"
	"slices"
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

// boxes of a diagram by the title of their group; those of a group within a group stand under its own title.
func boxes(d report.Diagram) map[string][]report.Box {
	out := map[string][]report.Box{}
	var visit func(g report.Group)
	visit = func(g report.Group) {
		if len(g.Boxes) > 0 {
			out[g.Title] = g.Boxes
		}
		for _, in := range g.Groups {
			visit(in)
		}
	}
	for _, g := range d.Groups {
		visit(g)
	}
	return out
}

// boxesOf are the boxes of a group and of those within it.
func boxesOf(g report.Group) []report.Box {
	out := slices.Clone(g.Boxes)
	for _, in := range g.Groups {
		out = append(out, boxesOf(in)...)
	}
	return out
}

func box(boxes []report.Box, name string) *report.Box {
	i := slices.IndexFunc(boxes, func(b report.Box) bool { return b.Name == name })
	if i < 0 {
		return nil
	}
	return &boxes[i]
}

// TestPlaces: boxes stand where the cluster has the components, not where a template has them.
func TestPlaces(t *testing.T) {
	g := NewWithT(t)
	const controlPlane, nodes, addOns, absent = "Azure control plane", "On every node", "Add-ons & Extensions", "Not installed"
	documented := boxes(report.Draw(reportOf(t, reporttest.Documented), report.DiagramOptions{}))
	today := boxes(report.Draw(reportOf(t, reporttest.Modern), report.DiagramOptions{}))

	g.Expect(box(documented[controlPlane], "azuredisk-csi-driver")).To(BeNil())
	g.Expect(box(documented[nodes], "azuredisk-csi-driver").Lines).To(ContainElement("ds,deploy v1.33.5"))
	g.Expect(box(today[controlPlane], "azuredisk-csi-driver").Lines).To(Equal([]string{"Azure Disk CSI", "hosted"}), "its controller is hidden")
	g.Expect(box(today[nodes], "azuredisk-csi-driver").Lines).To(Equal([]string{"Azure Disk CSI", "ds v1.34.4"}), "its other half is not")

	g.Expect(box(documented[addOns], "cluster-autoscaler")).NotTo(BeNil())
	g.Expect(box(today[addOns], "cluster-autoscaler")).To(BeNil())
	g.Expect(box(today[controlPlane], "cluster-autoscaler")).NotTo(BeNil())

	g.Expect(box(documented[nodes], "kubenet")).NotTo(BeNil())
	g.Expect(box(today[absent], "kubenet").State).To(Equal(catalog.Absent))
	g.Expect(box(today[nodes], "kubenet")).To(BeNil())
	g.Expect(box(today[nodes], "kube-proxy").Differs).To(BeFalse(), "what the catalog explains is known")
	other := reportOf(t, reporttest.Documented, reporttest.Patched("DaemonSet kube-system/kube-proxy", map[string]any{
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "kube-proxy", "image": "r/other:v1"}}}}}}))
	g.Expect(box(boxes(report.Draw(other, report.DiagramOptions{}))[nodes], "kube-proxy").Differs).To(BeTrue(), "another image is news")

	g.Expect(today["Node pools"]).To(HaveLen(3))
	g.Expect(today["Node pools"][2]).To(Equal(report.Box{Title: "user (user, linux)", State: catalog.Healthy,
		Lines: []string{"3/3 nodes ready", "kubelet v1.35.8", "containerd://2.2.4", "AKSAzureLinux-V3gen2-202609.15.0"}}))
}

// TestEveryComponentIsDrawn: with its own state.
func TestEveryComponentIsDrawn(t *testing.T) {
	for name, r := range map[string]*report.Report{"documented": reportOf(t, reporttest.Documented), "today": broken(t), "big": big(t)} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			drawn := map[string]catalog.State{}
			for _, in := range boxes(report.Draw(r, report.DiagramOptions{})) {
				for _, b := range in {
					drawn[b.Name] = b.State
				}
			}
			for i := range r.Mappings {
				g.Expect(drawn).To(HaveKeyWithValue(r.Mappings[i].Name, catalog.StateOf(&r.Mappings[i])))
			}
			shown := boxes(report.Draw(r, report.DiagramOptions{OmitAbsent: true}))
			g.Expect(shown).NotTo(HaveKey("Not installed"))
		})
	}
}

// TestMissing: what must be there is drawn in its place, with the mark of what is missing.
func TestMissing(t *testing.T) {
	g := NewWithT(t)
	d := report.Draw(reportOf(t, reporttest.Modern, reporttest.Gone(metrics)), report.DiagramOptions{})
	g.Expect(box(boxes(d)["Monitoring & Observability"], "metrics-server").State).To(Equal(catalog.Missing))
	g.Expect(written(t, d.SVG)).To(MatchRegexp(`<svg class="box missing"[^>]*data-component="metrics-server">`))
	g.Expect(written(t, d.Mermaid)).To(ContainSubstring("<b>Metrics Server</b><br/>metrics-server<br/>∅ missing, NotFound\"]:::missing"))
}

// TestDocumentedDiagram: the documentation has no states and no nodes.
func TestDocumentedDiagram(t *testing.T) {
	g := NewWithT(t)
	d := report.Draw(broken(t), report.DiagramOptions{Documented: true})
	for _, in := range boxes(d) {
		for _, b := range in {
			g.Expect(b.State).To(BeEmpty())
			g.Expect(b.Differs).To(BeFalse())
		}
	}
	g.Expect(boxes(d)).NotTo(HaveKey("Node pools"))
	g.Expect(box(boxes(d)["Add-ons & Extensions"], "cluster-autoscaler").Lines).To(Equal([]string{"AKS Cluster Autoscaler", "deploy"}))
}

// TestCauseOnce: each cause is drawn at one place, at what is at fault. What it affects is marked, and only lightly.
func TestCauseOnce(t *testing.T) {
	cause := func(kind v1alpha1.FaultKind, subject v1alpha1.ObservedObject, reason string, components ...string) v1alpha1.Cause {
		return v1alpha1.Cause{Kind: kind, Subject: subject, Reason: reason, Severity: v1alpha1.SeverityMajor, Message: "because", Components: components}
	}
	for name, tc := range map[string]struct {
		report *report.Report
		// causes replace those of the architecture, and bad are the components that they make unhealthy.
		causes []v1alpha1.Cause
		bad    []string
		// faults are the loud boxes by their titles, light the others that are bad, affected some of the healthy ones.
		faults          map[string]string
		light, affected []string
	}{
		"a node": {report: reportOf(t, reporttest.Modern, reporttest.Node("user/0", world.NodeDown)),
			faults: map[string]string{"user (user, linux)": "NodeFault"}, light: []string{"kubelet"}, affected: []string{"kube-proxy", "azure-cni"}},
		"pods": {report: broken(t), faults: map[string]string{"DNS": "CrashLooping"}},
		"a node, pods and an object": {report: fresh(taken(t, badDay)), light: []string{"kubelet"},
			faults: map[string]string{"user (user, linux)": "NodeFault", "DNS": "CrashLooping", "Metrics Server": "NotFound"}},
		"an object of several components": {report: reportOf(t, reporttest.Modern, reporttest.Gone("DaemonSet kube-system/cilium")),
			faults: map[string]string{"CNI Plugin (Advanced)": "PartMissing"}, light: []string{"kube-proxy"}},
		"a node pool": {report: reportOf(t, reporttest.Modern), bad: []string{"kubelet"}, light: []string{"kubelet"},
			causes: []v1alpha1.Cause{cause(v1alpha1.FaultNodePool, v1alpha1.ObservedObject{Kind: "NodePool", Name: "spot"}, "NodeFault", "kubelet")},
			faults: map[string]string{"spot (user, linux)": "NodeFault"}},
		"a registry": {report: reportOf(t, reporttest.Modern), bad: []string{"coredns", "metrics-server"}, light: []string{"coredns", "metrics-server"},
			causes: []v1alpha1.Cause{cause(v1alpha1.FaultRegistry, v1alpha1.ObservedObject{Kind: "Registry", Name: "r.example"}, "ImagePullFailed", "coredns", "metrics-server")},
			faults: map[string]string{"Registry r.example": "ImagePullFailed"}},
		"an image of one component": {report: reportOf(t, reporttest.Modern), bad: []string{"coredns"},
			causes: []v1alpha1.Cause{cause(v1alpha1.FaultImage, v1alpha1.ObservedObject{Kind: "Image", Name: "r.example/dns"}, "ImagePullFailed", "coredns")},
			faults: map[string]string{"DNS": "ImagePullFailed"}},
		"a driver with a hidden half": {report: reportOf(t, reporttest.Modern), bad: []string{"azuredisk-csi-driver"}, light: []string{"azuredisk-csi-driver"},
			causes: []v1alpha1.Cause{cause(v1alpha1.FaultWorkload, v1alpha1.ObservedObject{Kind: "DaemonSet", Name: "x"}, "CrashLooping", "azuredisk-csi-driver")},
			faults: map[string]string{"CSI Driver (Azure Disk)": "CrashLooping"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), tc.report
			if tc.causes != nil {
				r.Architecture.Status.Causes = tc.causes
			}
			for _, bad := range tc.bad {
				set(reporttest.Mapping(r, bad), v1alpha1.ConditionHealthy, metav1.ConditionFalse, "Broken")
			}
			faults, light, affected := map[string]string{}, []string{}, []string{}
			for _, in := range boxes(report.Draw(r, report.DiagramOptions{})) {
				for _, b := range in {
					switch {
					case b.Fault != "":
						g.Expect(faults).NotTo(HaveKey(b.Title), "drawn twice")
						g.Expect(b.Light()).To(BeFalse())
						faults[b.Title] = b.Fault
					case b.Light():
						light = append(light, b.Name)
					case len(b.Affected) > 0 && !b.State.Bad():
						affected = append(affected, b.Name)
					}
				}
			}
			g.Expect(faults).To(Equal(tc.faults))
			g.Expect(light).To(ConsistOf(tc.light))
			for _, name := range tc.affected {
				g.Expect(affected).To(ContainElement(name))
			}
		})
	}
}

// TestPools: nodes that are not ready are a fault only when they hurt a component.
func TestPools(t *testing.T) {
	for name, tc := range map[string]struct {
		faults []reporttest.Fault
		want   catalog.State
		ready  string
	}{
		"well":      {nil, catalog.Healthy, "3/3"},
		"stopped":   {[]reporttest.Fault{reporttest.Node("user/0", world.NodeStopped)}, catalog.Healthy, "2/3"},
		"down":      {[]reporttest.Fault{reporttest.Node("user/0", world.NodeDown)}, catalog.Unhealthy, "2/3"},
		"unrelated": {[]reporttest.Fault{reporttest.Node("user/0", world.NodeStopped), reporttest.Pods(dns, world.Pods{State: world.CrashLooping})}, catalog.Healthy, "2/3"},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), reportOf(t, reporttest.Modern, tc.faults...)
			pools := boxes(report.Draw(r, report.DiagramOptions{}))["Node pools"]
			g.Expect(pools[2]).To(SatisfyAll(HaveField("State", tc.want), HaveField("Lines", ContainElement(tc.ready+" nodes ready"))))
			g.Expect(pools[0].State).To(Equal(catalog.Healthy))
			g.Expect(report.NodePools(r).Rows[2][3]).To(Equal(report.Cell{Text: tc.ready, State: tc.want}))
		})
	}
}

// TestUpgrade: pools whose nodes are not alike are told, and are no fault.
func TestUpgrade(t *testing.T) {
	g, r := NewWithT(t), reportOf(t, reporttest.Modern, reporttest.Kubelet("user/0", "v1.34.9"))
	const note = "Node pool user: kubelets v1.35.8 (2), v1.34.9 (1)"
	g.Expect(report.NodePools(r).Notes).To(Equal([]string{note}))
	g.Expect(r.Verdict()).To(Equal(catalog.Healthy))
	root, _ := page(t, r, report.HTMLOptions{})
	g.Expect(content(root)).To(ContainSubstring(note))
}

// TestEmptyDiagram: a report of nothing is drawn as nothing.
func TestEmptyDiagram(t *testing.T) {
	g := NewWithT(t)
	d := report.Draw(&report.Report{}, report.DiagramOptions{})
	g.Expect(d.Groups).To(BeEmpty())
	for _, write := range []func(io.Writer) error{d.SVG, d.Mermaid, func(w io.Writer) error { return d.ASCII(w, report.ASCIIOptions{}) }} {
		g.Expect(written(t, write)).NotTo(BeEmpty())
	}
}

// TestSVG: the file stands alone, and is for those too who do not see it or its colors.
func TestSVG(t *testing.T) {
	g := NewWithT(t)
	text := written(t, report.Draw(broken(t), report.DiagramOptions{}).SVG)
	var root struct {
		XMLName xml.Name
		Role    string `xml:"role,attr"`
		Label   string `xml:"aria-labelledby,attr"`
		ViewBox string `xml:"viewBox,attr"`
		Width   string `xml:"width,attr"`
		Title   struct {
			ID   string `xml:"id,attr"`
			Text string `xml:",chardata"`
		} `xml:"title"`
		Desc struct {
			ID   string `xml:"id,attr"`
			Text string `xml:",chardata"`
		} `xml:"desc"`
		Boxes []struct {
			Class string   `xml:"class,attr"`
			Name  string   `xml:"data-component,attr"`
			Text  []string `xml:"text"`
		} `xml:"svg"`
	}
	g.Expect(xml.Unmarshal([]byte(text), &root)).To(Succeed())
	g.Expect(root.XMLName.Space).To(Equal("http://www.w3.org/2000/svg"))
	g.Expect(root.Role).To(Equal("img"))
	g.Expect(strings.Fields(root.Label)).To(Equal([]string{root.Title.ID, root.Desc.ID}))
	g.Expect(root.Width).To(BeEmpty(), "it scales")
	g.Expect(root.Desc.Text).To(ContainSubstring("DNS unhealthy"))
	g.Expect(text).To(ContainSubstring("prefers-color-scheme: dark"))
	g.Expect(text).NotTo(MatchRegexp(`url\(|@import|@font-face|<script|href`))
	for _, b := range root.Boxes {
		if state, ok := strings.CutPrefix(b.Class, "box "); ok && b.Name != "" {
			word := catalog.State(state).Word()
			g.Expect(strings.Join(b.Text, "\n")).To(ContainSubstring(catalog.State(state).Mark()+" "+word), b.Name)
		}
	}
}

// TestColor: colors come only when asked for, and change nothing else.
func TestColor(t *testing.T) {
	g := NewWithT(t)
	d := report.Draw(broken(t), report.DiagramOptions{})
	plain := written(t, func(w io.Writer) error { return d.ASCII(w, report.ASCIIOptions{}) })
	colored := written(t, func(w io.Writer) error { return d.ASCII(w, report.ASCIIOptions{Color: true}) })
	g.Expect(plain).NotTo(ContainSubstring("\x1b"))
	g.Expect(colored).To(ContainSubstring("\x1b[31;1m┌"))
	g.Expect(ansi.ReplaceAllString(colored, "")).To(Equal(plain))

	table := report.Table(broken(t), false)
	text := written(t, func(w io.Writer) error { return table.Text(w, false) })
	colors := written(t, func(w io.Writer) error { return table.Text(w, true) })
	g.Expect(colors).To(ContainSubstring("\x1b[31;1mFalse\x1b[0m"))
	g.Expect(ansi.ReplaceAllString(colors, "")).To(Equal(text))
}
