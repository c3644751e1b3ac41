// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package draft_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/draft"
	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/lint"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/snapshot"
)

var certManager = draft.Subject{Namespace: "cert-manager", Name: "cert-manager"}

func dumpOfCertManager(g Gomega) string {
	text, err := os.ReadFile(filepath.Join("testdata", "cert-manager.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	return string(text)
}

func load(g Gomega, text string, needs []facts.Need) *snapshot.Snapshot {
	read, _, err := dump.Load("-", strings.NewReader(text), dump.Options{Needs: needs})
	g.Expect(err).NotTo(HaveOccurred())
	return read
}

// written is a draft as its reader gets it.
func written(g Gomega, text, name string, subject draft.Subject) string {
	d, err := draft.New(load(g, text, draft.Needs(subject.Namespace)), name, "a dump", subject)
	g.Expect(err).NotTo(HaveOccurred())
	var out bytes.Buffer
	g.Expect(d.Write(&out)).To(Succeed())
	return out.String()
}

// read is a draft as lint and the API server read it.
func read(g Gomega, text string) *manifest.Set {
	set, err := manifest.Read([]string{manifest.Stdin}, strings.NewReader(text))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(set.Err()).NotTo(HaveOccurred())
	g.Expect(set.Mappings).To(HaveLen(1))
	return set
}

// verdict is what is said of the component by a mapping on a dump.
func verdict(g Gomega, m *v1alpha1.ComponentMapping, text string) *v1alpha1.ComponentMapping {
	compiled := judge.Compile(nil, []v1alpha1.ComponentMapping{*m})
	return &compiled.Judge(load(g, text, compiled.AllNeeds())).Mappings[0]
}

// A draft is of all that belongs to the program and of nothing else. It has no findings, and finds what it was made of
// present and healthy, with its version.
func TestCertManager(t *testing.T) {
	g := NewWithT(t)
	text := dumpOfCertManager(g)
	out := written(g, text, "cert-manager", certManager)
	set := read(g, out)
	findings, err := lint.Run(set, lint.Options{Against: &lint.Dump{Snapshot: load(g, text, lint.Needs(set))}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(findings).To(BeEmpty(), "a draft has no findings, not even notes: %s", out)

	var names []string
	for _, c := range set.Mappings[0].Value.Spec.Checks {
		names = append(names, c.Name)
	}
	g.Expect(names).To(Equal([]string{
		"controller", "cainjector", "webhook", "lease-cert-manager-cainjector-leader-election", "lease-cert-manager-controller",
		"endpoints-cert-manager", "mutating-webhook-cert-manager-webhook", "webhook-cert-manager-webhook",
		"kind-certificaterequests", "kind-certificates", "kind-challenges", "kind-clusterissuers", "kind-issuers", "kind-orders",
	}), "what belongs to another release is left out: its kinds, and a webhook for a Service of another namespace; "+
		"the endpoints behind a webhook are looked at once")
	g.Expect(out).To(ContainSubstring("# A pod of Deployment cert-manager/cert-manager-cainjector held it."),
		"a lease is held by the pod that its holder's name begins with, not by one whose name begins alike")
	g.Expect(set.ClusterRoles).To(HaveLen(1), "the rights that the operator lacks are part of it")

	m := verdict(g, set.Mappings[0].Value, text)
	for _, condition := range []string{v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented} {
		g.Expect(catalog.Condition(m, condition).Status).To(Equal(metav1.ConditionTrue), "%s: %+v", condition, m.Status.Conditions)
	}
	g.Expect(m.Status.Version).To(Equal("v1.18.2"))
}

// The checks of a draft see what goes wrong with what they are of.
func TestADraftSeesFaults(t *testing.T) {
	g := NewWithT(t)
	text := dumpOfCertManager(g)
	m := read(g, written(g, text, "cert-manager", certManager)).Mappings[0].Value
	for name, c := range map[string]struct{ from, to, reason, says string }{
		"no caBundle": {"caBundle: Q0E=", "caBundle: ''", v1alpha1.ReasonWebhookUnavailable, "webhook.cert-manager-webhook.io: its caBundle is empty"},
		"no endpoint": {"ready: true", "ready: false", v1alpha1.ReasonWebhookUnavailable, "Service cert-manager/cert-manager-webhook has no ready endpoint"},
		"a kind is missing": {"name: orders.acme.cert-manager.io", "name: others.acme.cert-manager.io", v1alpha1.ReasonPartMissing,
			"CustomResourceDefinition orders.acme.cert-manager.io"},
		"a leader that hangs": {"renewTime: '2026-11-22T14:29:55.000000Z'", "renewTime: '2026-11-22T14:09:55.000000Z'", v1alpha1.ReasonLeaseStale,
			"Lease kube-system/cert-manager-c"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(text).To(ContainSubstring(c.from))
			healthy := catalog.Condition(verdict(g, m, strings.ReplaceAll(text, c.from, c.to)), v1alpha1.ConditionHealthy)
			g.Expect(healthy.Status).To(Equal(metav1.ConditionFalse), healthy.Message)
			g.Expect(healthy.Reason).To(Equal(c.reason), healthy.Message)
			g.Expect(healthy.Message).To(ContainSubstring(c.says))
		})
	}
}

const plain = `
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: agent, namespace: tools, creationTimestamp: "2026-11-20T10:00:00Z"}
  spec: {template: {metadata: {labels: {run: agent}}, spec: {containers: [{name: proxy, image: "example.com/proxy:v1"}, {name: agent, image: "example.com/agent:v2"}]}}}
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: both, namespace: tools, labels: {app: one}}
  spec: {template: {spec: {containers: [{name: a, image: "example.com/a:v1"}]}}}
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: both, namespace: tools, labels: {app: one}}
  spec: {template: {spec: {containers: [{name: a, image: "example.com/a:v1"}]}}}
- {apiVersion: v1, kind: Service, metadata: {name: everything, namespace: tools}, spec: {}}
- {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: agent-lock, namespace: tools}, spec: {holderIdentity: agent-x7k2p, leaseDurationSeconds: 60, renewTime: "2026-11-20T10:00:00.000000Z"}}
- {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: other-lock, namespace: tools}, spec: {holderIdentity: agent-x7k2p2, leaseDurationSeconds: 60}}
- {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: words, namespace: tools}, spec: {holderIdentity: agent-extra, leaseDurationSeconds: 60}}
- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  metadata: {name: things.agent.example.com}
  spec: {group: agent.example.com, names: {kind: Thing, plural: things}, scope: Cluster, versions: [{name: v1, served: true}]}
`

// What has no labels that a chart sets is known by its name, and a kind by its group alone. The container of the program is
// the one that is named like it.
func TestWithoutLabels(t *testing.T) {
	g := NewWithT(t)
	out := written(g, plain, "agent", draft.Subject{Namespace: "tools", Name: "agent"})
	m := read(g, out).Mappings[0].Value
	var names []string
	for _, c := range m.Spec.Checks {
		names = append(names, c.Name)
	}
	g.Expect(names).To(Equal([]string{"agent", "lease-agent-lock", "kind-things"}), "a Service without a selector selects no pods")
	w := m.Spec.Checks[0].Workload
	g.Expect(w.Names).To(ConsistOf(v1alpha1.ObjectName("agent")))
	g.Expect(w.Selector).To(BeNil())
	g.Expect(w.Container).To(Equal("agent"))
	g.Expect(m.Spec.Implementation.Methods).To(ConsistOf(v1alpha1.MethodDaemonSet))
	g.Expect(out).To(And(
		ContainSubstring("its others are proxy."),
		ContainSubstring("# Nothing but the group agent.example.com says that it belongs here."),
		ContainSubstring("# The workload has no label app.kubernetes.io/instance"),
		ContainSubstring("# Not seen: the dump has no APIService"),
	))
}

func TestChoosing(t *testing.T) {
	for name, c := range map[string]struct {
		subject draft.Subject
		says    gomegatypes.GomegaMatcher
	}{
		"two kinds":    {draft.Subject{Namespace: "tools", Name: "both"}, Equal("there are DaemonSet tools/both and StatefulSet tools/both: say which kind")},
		"no such name": {draft.Subject{Namespace: "tools", Name: "agnet"}, Equal("namespace tools has no Deployment, DaemonSet or StatefulSet agnet; it has daemonset/agent, daemonset/both, statefulset/both")},
		"another kind": {draft.Subject{Kind: v1alpha1.WorkloadStatefulSet, Namespace: "tools", Name: "agent"}, HavePrefix("namespace tools has no StatefulSet agent; it has ")},
		"no namespace": {draft.Subject{Namespace: "nowhere", Name: "agent"}, HavePrefix("no workloads of namespace nowhere can be seen: the dump has no Deployment")},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := draft.New(load(g, plain, draft.Needs(c.subject.Namespace)), "x", "a dump", c.subject)
			g.Expect(err).To(MatchError(c.says))
		})
	}
	g := NewWithT(t)
	_, err := draft.New(load(g, plain, draft.Needs("tools")), "x", "a dump", draft.Subject{Kind: v1alpha1.WorkloadStatefulSet, Namespace: "tools", Name: "both"})
	g.Expect(err).NotTo(HaveOccurred())
}

// No Secret is ever asked for.
func TestNeeds(t *testing.T) {
	for _, need := range draft.Needs("x") {
		NewWithT(t).Expect(need.Kind.Kind).NotTo(BeElementOf("Secret", "ConfigMap", ""), "%v", need)
	}
}

var update = flag.Bool("update", false, "write the golden draft anew")

// TestGolden: the draft of cert-manager, word for word. docs/write-a-mapping.md says what of it is changed by hand.
func TestGolden(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join("testdata", "cert-manager-draft.yaml")
	got := written(g, dumpOfCertManager(g), "cert-manager", certManager)
	if *update {
		g.Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(string(want)), "%s; -update writes it anew", path)
}
