// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// faultInShort is a fault in a line: severity kind subject reason, since when, related objects, and the command.
func faultInShort(f *v1alpha1.Fault) string {
	text := fmt.Sprintf("%s %s %s %s", f.Severity, f.Kind, msg.Object(f.Subject.Kind, f.Subject.Namespace, f.Subject.Name), f.Reason)
	if !f.Since.IsZero() {
		text += " since " + f.Since.UTC().Format(time.TimeOnly)
	}
	for _, o := range f.Related {
		text += " [" + msg.Object(o.Kind, o.Namespace, o.Name) + "]"
	}
	return text + ": " + f.Next
}

func faultsInShort(faults []v1alpha1.Fault) []string {
	var out []string
	for i := range faults {
		out = append(out, faultInShort(&faults[i]))
	}
	return out
}

// What is at fault is told by kind and subject, whatever a message says.
func TestFaults(t *testing.T) {
	of := func(name, pool string, conditions ...string) client.Object {
		return labeled(nodeWith(name, conditions...), map[string]string{"kubernetes.azure.com/agentpool": pool})
	}
	const nodes = `{type: Nodes, nodes: {healthy: {conditions: [{type: Ready, status: "True"}], forbiddenConditions: [{type: DiskPressure, status: "True"}]}}}`
	full := condition("DiskPressure", "True", "KubeletHasDiskPressure", 0)
	api := object(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.x}, spec: {service: {namespace: a, name: s}},
status: {conditions: [{type: Available, status: "False", lastTransitionTime: "2026-10-02T10:00:00Z"}]}}`)
	slice := object(`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: a, name: s-x1, labels: {kubernetes.io/service-name: s}}}`)
	for name, test := range map[string]struct {
		check string
		given func(*Check) facts.Facts
		want  []string
	}{
		"a lease": {schedulerLease, func(c *Check) facts.Facts { return seeing(c, heldLease("kube-scheduler", "x", time.Hour)) },
			[]string{"Major Lease Lease kube-system/kube-scheduler LeaseStale since 11:00:00: kubectl -n kube-system get lease kube-scheduler -o yaml"}},
		"a lease that is renewed": {schedulerLease, func(c *Check) facts.Facts { return seeing(c, heldLease("kube-scheduler", "x", time.Second)) }, nil},
		"a path, and what fails behind it": {"{type: Endpoint, endpoint: {path: '/readyz?verbose'}}", func(c *Check) facts.Facts {
			return answered(c, facts.Answer{State: facts.Known, Response: facts.Response{Status: 500, Body: etcdFailed}})
		}, []string{"Major API Path /readyz EndpointFailing [Path /readyz/etcd] [Path /readyz/etcd-readiness]: kubectl get --raw '/readyz?verbose'"}},
		"an API of another server": {"{type: Object, object: {apiVersion: apiregistration.k8s.io/v1, kind: APIService, name: v1.x, healthy: 'false'}}",
			func(c *Check) facts.Facts { return seeing(c, api) },
			[]string{"Major API APIService v1.x ExpressionFalse since 10:00:00 [Service a/s]: kubectl describe apiservice.apiregistration.k8s.io v1.x"}},
		"an object that is degraded, and works for the rest": {"{type: Object, object: {apiVersion: operator.tigera.io/v1, kind: TigeraStatus, healthy: 'false'}}",
			func(c *Check) facts.Facts {
				return seeing(c, object(`{apiVersion: operator.tigera.io/v1, kind: TigeraStatus, metadata: {name: calico}, status: {conditions: [
{type: Available, status: "True", lastTransitionTime: "2026-10-02T08:00:00Z"}, {type: Degraded, status: "True", lastTransitionTime: "2026-10-02T09:30:00Z"},
{type: Progressing, status: "False", lastTransitionTime: "2026-10-02T07:00:00Z"}]}}`))
			}, []string{"Major Object TigeraStatus calico ExpressionFalse since 09:30:00: kubectl describe tigerastatus.operator.tigera.io calico"}},
		"an object that nobody has told yet whether it works": {"{type: Object, object: {apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, healthy: 'false'}}",
			func(c *Check) facts.Facts {
				return seeing(c, object(`{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: c}, status: {conditions: [
{type: Accepted, status: Unknown, lastTransitionTime: "1970-01-01T00:00:00Z"}]}}`))
			}, []string{"Major Object GatewayClass c ExpressionFalse: kubectl describe gatewayclass.gateway.networking.k8s.io c"}},
		"the Service of an EndpointSlice": {"{type: Object, object: {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, namespace: a, healthy: 'false'}}",
			func(c *Check) facts.Facts { return seeing(c, slice) },
			[]string{"Major Object Service a/s ExpressionFalse: kubectl -n a describe service s"}},
		"a node of a pool, and two of another": {nodes, func(c *Check) facts.Facts {
			return seeing(c, of("a1", "a", ready()), of("a2", "a", notReady()), turned(of("b1", "b", notReady()), time.Hour), turned(of("b2", "b", notReady()), 2*time.Hour))
		}, []string{"Major NodePool NodePool b NodeFault since 10:00:00: kubectl get nodes -l kubernetes.azure.com/agentpool=b -o wide",
			"Major Node Node a2 NodeFault [NodePool a]: kubectl describe node a2"}},
		"another problem of the same pool is another fault": {nodes, func(c *Check) facts.Facts { return seeing(c, of("a1", "a", ready(), full), of("a2", "a", notReady())) },
			[]string{"Major Node Node a1 DiskPressure [NodePool a]: kubectl describe node a1",
				"Major Node Node a2 NodeFault [NodePool a]: kubectl describe node a2"}},
		"a virtual node is no machine": {`{type: Nodes, nodes: {virtualNodes: Only, healthy: {conditions: [{type: Ready, status: "True"}]}}}`, func(c *Check) facts.Facts {
			return seeing(c, labeled(nodeWith("v", notReady()), map[string]string{"type": "virtual-kubelet"}))
		}, []string{"Major Object Node v Ready: kubectl describe node v"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(test.check)
			NewWithT(t).Expect(faultsInShort(c.Evaluate(test.given(c)).Faults)).To(Equal(test.want))
		})
	}
}

// What is not found is named as far as the check names it, and where to look for it.
func TestLost(t *testing.T) {
	for spec, want := range map[string]string{
		"{type: Workload, workload: {kind: DaemonSet, namespace: kube-system, names: [cilium, b]}}":                                                              "DaemonSet kube-system/cilium NotFound: kubectl -n kube-system get daemonset",
		"{type: Workload, workload: {kind: Deployment, namespace: a, namePrefix: istiod-}}":                                                                      "Deployment a/istiod- NotFound: kubectl -n a get deployment",
		"{type: Workload, workload: {kind: Deployment, selector: {matchLabels: {app: x}}}}":                                                                      "Deployment with labels app=x NotFound: kubectl get deployment -A -l app=x",
		"{type: Object, object: {apiVersion: storage.k8s.io/v1, kind: CSIDriver, name: d}}":                                                                      "CSIDriver d NotFound: kubectl get csidriver.storage.k8s.io",
		"{type: Object, object: {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, namespace: a, selector: {matchLabels: {kubernetes.io/service-name: s}}}}": "Service a/s NotFound: kubectl -n a get service",
		schedulerLease: "Lease kube-system/kube-scheduler NotFound: kubectl -n kube-system get lease",
		"{type: Endpoint, endpoint: {path: /readyz/kms}}":                                                  "Path /readyz/kms NotFound: kubectl get --raw /readyz/kms",
		"{type: Nodes, nodes: {selector: {matchLabels: {a: b}}}}":                                          "Node with labels a=b NotFound: kubectl get node -l a=b",
		"{type: Webhook, webhook: {kinds: [Mutating], names: [w]}}":                                        "MutatingWebhookConfiguration w NotFound: kubectl get mutatingwebhookconfiguration",
		"{type: AccessReview, accessReview: {verb: get, group: g, resource: things, reasonContains: [x]}}": "SelfSubjectAccessReview things.g NotFound: kubectl auth can-i get things.g",
	} {
		t.Run(spec, func(t *testing.T) {
			f := (&Finding{Check: newCheck(spec), Result: Result{Message: "none"}}).Lost()
			NewWithT(t).Expect(faultInShort(&f)).To(Equal("Major Object " + want))
		})
	}
}
