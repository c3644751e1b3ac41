// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// A check of each type, by what it looks for.
var everyType = map[string]string{
	"Deployment kube-system/coredns":            "{type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [coredns]}}",
	"Nodes with labels a=b":                     "{type: Nodes, nodes: {selector: {matchLabels: {a: b}}}}",
	"Lease kube-system/kube-scheduler":          "{type: Lease, lease: {namespace: kube-system, name: kube-scheduler}}",
	"GET /readyz":                               "{type: Endpoint, endpoint: {path: /readyz, healthy: body == 'ok'}}",
	"CSIDriver disk.csi.azure.com":              "{type: Object, object: {apiVersion: storage.k8s.io/v1, kind: CSIDriver, name: disk.csi.azure.com, healthy: object.spec.attachRequired}}",
	"refusal to delete nodes":                   "{type: AccessReview, accessReview: {verb: delete, resource: nodes, reasonContains: [Azure]}}",
	"ValidatingWebhookConfiguration a|b":        "{type: Webhook, webhook: {kinds: [Validating], names: [a, b]}}",
	"Deployment in kube-system with labels a=b": "{type: Workload, workload: {kind: Deployment, namespace: kube-system, selector: {matchLabels: {a: b}}}}",
}

// What could not be read is neither absent nor unhealthy, and says what to do about it. A kind that is not
// served is absent: nothing of it can exist.
func TestNothingToJudge(t *testing.T) {
	for subject, spec := range everyType {
		c := newCheck(spec)
		for name, test := range map[string]struct {
			given facts.Facts
			want  string
		}{
			"not asked yet": {facts.Facts{Now: noon}, "Unknown/NotAssessed NotYetObserved: still checking " + subject},
			"pending":       {answered(c, facts.Answer{State: facts.Pending}), "Unknown/NotAssessed NotYetObserved: still checking " + subject},
			"kind not served": {
				answered(c, facts.Answer{State: facts.NotServed, Message: "the API server does not serve it"}),
				"False/NotAssessed KindNotServed: " + subject + " does not exist: the API server does not serve it",
			},
			"forbidden": {
				answered(c, facts.Answer{State: facts.NotPermitted, Message: "grant a rule"}),
				"Unknown/NotAssessed NotPermitted: not permitted to check " + subject + ": grant a rule",
			},
			"failed": {
				answered(c, facts.Answer{State: facts.Failed, Message: "the first read takes longer than 30s"}),
				"Unknown/NotAssessed ObservationFailed: couldn't check " + subject + ": the first read takes longer than 30s",
			},
			"not in the dump": {
				answered(c, facts.Answer{State: facts.NotHeld, Message: "the dump has no such thing"}),
				"Unknown/NotAssessed NotInDump: couldn't check " + subject + ": the dump has no such thing",
			},
		} {
			t.Run(subject+"/"+name, func(t *testing.T) {
				f := c.Evaluate(test.given)
				g := NewWithT(t)
				g.Expect(told(f)).To(Equal(test.want))
				g.Expect(f.Pending()).To(Equal(f.Reason == v1alpha1.ReasonNotYetObserved))
				g.Expect(f.Objects).To(BeEmpty())
			})
		}
	}
}

func TestCompile(t *testing.T) {
	spec := decode[v1alpha1.ComponentMappingSpec](`
checks:
- {name: node-plugin, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [csi-azuredisk-node]}}
variants:
- name: in-cluster
  checks:
  - {name: controller, type: Workload, workload: {kind: Deployment, namespace: kube-system, names: [csi-azuredisk-controller]}}
- name: hosted
  checks:
  - {name: attacher, type: Lease, lease: {namespace: kube-system, name: external-attacher-leader-disk-csi-azure-com}}
  - {name: resizer, type: Lease, lease: {namespace: kube-system, name: external-resizer-disk-csi-azure-com}}
`)
	checks, err := Compile(&spec)
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, c := range checks {
		names = append(names, c.Name())
	}
	g.Expect(names).To(Equal([]string{"node-plugin", "in-cluster/controller", "hosted/attacher", "hosted/resizer"}))

	needs := Needs(checks)
	g.Expect(needs).To(HaveLen(4))
	g.Expect(needs[2]).To(Equal(needs[3]), "leases of a namespace are read once")
}

func TestCompileNamesEveryMistake(t *testing.T) {
	spec := decode[v1alpha1.ComponentMappingSpec](`
checks:
- {name: a, type: Prophecy}
- {name: b, type: Workload, workload: {kind: DaemonSet, namespace: kube-system, selector: {matchExpressions: [{key: x, operator: Near}]}}}
variants:
- name: v
  checks:
  - {name: c, type: Endpoint, endpoint: {path: /version, version: status}}
  - {name: fine, type: Endpoint, endpoint: {path: /version}}
`)
	_, err := Compile(&spec)
	NewWithT(t).Expect(err).To(MatchError(And(
		ContainSubstring(`check a: unknown type "Prophecy"`),
		ContainSubstring(`check b: selector: "Near" is not a valid label selector operator`),
		ContainSubstring(`check v/c: endpoint.version: "status" must return string`),
		Not(ContainSubstring("fine")),
	)))
}

func TestDefaults(t *testing.T) {
	workload := newCheck("{type: Workload, workload: {kind: DaemonSet, namespace: a, names: [b]}}")
	lease := newCheck("{type: Lease, method: PlatformService, evidence: Indirect, expect: Optional, lease: {namespace: a, name: b}}")
	none := newCheck("{type: Object, method: None, object: {apiVersion: v1, kind: Service}}")
	other := newCheck("{type: Workload, method: HostBinary, workload: {kind: DaemonSet, namespace: a, names: [b]}}")

	g := NewWithT(t)
	g.Expect(workload.Expect()).To(Equal(v1alpha1.ExpectPresent))
	g.Expect(lease.Expect()).To(Equal(v1alpha1.ExpectOptional))

	g.Expect(workload.Evidence()).To(Equal(v1alpha1.EvidenceDirect))
	g.Expect(lease.Evidence()).To(Equal(v1alpha1.EvidenceIndirect))

	g.Expect(workload.Method()).To(BeEquivalentTo("DaemonSet"), "the workload's kind")
	g.Expect(lease.Method()).To(BeEquivalentTo("PlatformService"))
	g.Expect(none.Method()).To(BeEmpty())
	g.Expect(other.Method()).To(BeEquivalentTo("HostBinary"))
}

// What a finding means depends on what its author expects.
func TestExpectations(t *testing.T) {
	here, broken := "{observedGeneration: 2, updatedReplicas: 1, availableReplicas: 1}", "{observedGeneration: 2, updatedReplicas: 1}"
	type meaning struct {
		asExpected     v1alpha1.Verdict
		evident, votes bool
	}
	for expect, test := range map[string]struct{ healthy, broken, idle, absent, forbidden meaning }{
		"Present": {
			healthy: meaning{"True", true, true}, broken: meaning{"True", true, true}, idle: meaning{"True", true, false},
			absent: meaning{"False", false, false}, forbidden: meaning{"Unknown", false, false},
		},
		"Optional": {
			healthy: meaning{"True", true, true}, broken: meaning{"True", true, true}, idle: meaning{"True", true, false},
			absent: meaning{"True", false, false}, forbidden: meaning{"True", false, false},
		},
		"Absent": {
			healthy: meaning{"False", false, false}, broken: meaning{"False", false, false}, idle: meaning{"False", false, false},
			absent: meaning{"True", false, false}, forbidden: meaning{"Unknown", false, false},
		},
		"Precondition": {
			healthy: meaning{"True", false, false}, broken: meaning{"True", false, false}, idle: meaning{"True", false, false},
			absent: meaning{"False", false, false}, forbidden: meaning{"Unknown", false, false},
		},
	} {
		t.Run(expect, func(t *testing.T) {
			c := newCheck("{type: Workload, expect: " + expect + ", workload: {kind: Deployment, namespace: kube-system, names: [a], scaleToZero: Allowed}}")
			g := NewWithT(t)
			for what, seen := range map[string]struct {
				given facts.Facts
				want  meaning
			}{
				"healthy":   {seeing(c, deployment("a", "", here)), test.healthy},
				"broken":    {seeing(c, deployment("a", "", broken)), test.broken},
				"idle":      {seeing(c, deployment("a", "{replicas: 0}", "{observedGeneration: 2}")), test.idle},
				"absent":    {seeing(c), test.absent},
				"forbidden": {answered(c, facts.Answer{State: facts.NotPermitted}), test.forbidden},
			} {
				f := Finding{Check: c, Result: c.Evaluate(seen.given).Result}
				g.Expect(meaning{f.AsExpected(), f.Evident(), f.Votes()}).To(Equal(seen.want), what)
			}
		})
	}
}

// Checks that ask the same are one, whatever their mappings make of the result.
func TestEvaluatorsAreKnownByWhatTheyAsk(t *testing.T) {
	g := NewWithT(t)
	const aks = "nodes: {selector: {matchExpressions: [{key: kubernetes.azure.com/cluster, operator: Exists}]}}"
	key := func(spec string) string { return newCheck(spec).Key() }
	same := key("{type: Nodes, " + aks + "}")
	g.Expect(key("{type: Nodes, expect: Precondition, evidence: Indirect, method: None, " + aks + "}")).To(Equal(same))
	renamed, err := New("variant", decode[v1alpha1.Check]("{name: other, type: Nodes, "+aks+"}"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(renamed.Key()).To(Equal(same))
	g.Expect(renamed.Name()).To(Equal("variant/other"))
	for _, other := range []string{
		"{type: Nodes, nodes: {}}", "{type: Nodes, nodes: {tolerance: {percent: 10}}}",
		"{type: Endpoint, endpoint: {path: /readyz}}", "{type: Endpoint, intervalSeconds: 60, endpoint: {path: /readyz}}",
	} {
		g.Expect(key(other)).NotTo(Equal(same), other)
		g.Expect(key(other)).To(Equal(key(other)), other)
	}
	g.Expect(key("{type: Endpoint, endpoint: {path: /readyz}}")).NotTo(Equal(key("{type: Endpoint, intervalSeconds: 60, endpoint: {path: /readyz}}")))
}

// However long the names are, the message of a check keeps to its limit.
func TestCheckMessageIsTruncated(t *testing.T) {
	c := newCheck("{type: Workload, workload: {kind: Deployment, namespace: kube-system, namePrefix: ü}}")
	name := strings.Repeat("ü", 200)
	f := c.Evaluate(seeing(c, deployment(name+"1", "", ""), deployment(name+"2", "", "")))
	g := NewWithT(t)
	g.Expect(len(f.Message)).To(And(BeNumerically(">", msg.MaxCheckMessage-4), BeNumerically("<=", msg.MaxCheckMessage)))
	g.Expect(f.Message).To(HaveSuffix("…"))
	g.Expect(utf8.ValidString(f.Message)).To(BeTrue())
}
