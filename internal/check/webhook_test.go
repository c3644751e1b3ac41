// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

const (
	mutatingKind   = "MutatingWebhookConfiguration"
	validatingKind = "ValidatingWebhookConfiguration"
)

// admission is a cluster of webhooks, Services and their endpoints.
type admission struct {
	objects []client.Object
	// unread are the kinds of which the answer is not known, and its state.
	unread map[string]facts.State
}

// hooks makes a configuration of webhooks, each a YAML text.
func hooks(kind, name string, webhooks ...string) client.Object {
	return object(fmt.Sprintf("{apiVersion: admissionregistration.k8s.io/v1, kind: %s, metadata: {name: %s}, webhooks: [%s]}",
		kind, name, strings.Join(webhooks, ", ")))
}

// hook is a webhook on pods, fail-closed, with Service a/s and a certificate; more is added to it, or instead.
func hook(name string, more ...string) string {
	fields := map[string]string{
		"clientConfig": "{service: {namespace: a, name: s}, caBundle: eA==}", "failurePolicy": "Fail",
		"rules": `[{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}]`,
	}
	for _, m := range more {
		field, value, _ := strings.Cut(m, ": ")
		fields[field] = value
	}
	text := "{name: " + name
	for field, value := range fields {
		text += ", " + field + ": " + value
	}
	return text + "}"
}

// theService is the one that webhooks of these tests call.
func theService(spec string) client.Object {
	return object(fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {namespace: a, name: s}, spec: %s}", spec))
}

// endpointsOf are endpoints of a Service, each its conditions.
func endpointsOf(namespace, service string, conditions ...string) client.Object {
	var list []string
	for _, c := range conditions {
		list = append(list, "{conditions: "+c+"}")
	}
	return object(fmt.Sprintf(`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, endpoints: [%s],
		metadata: {namespace: %s, name: %s-x, labels: {kubernetes.io/service-name: %[3]s}}}`, strings.Join(list, ", "), namespace, service))
}

// answer of the cluster to a need.
func (a admission) answer(need facts.Need) facts.Answer {
	if state := a.unread[need.Kind.Kind]; state != facts.Pending {
		return facts.Answer{State: state, Message: "grant it"}
	}
	if _, pending := a.unread[need.Kind.Kind]; pending {
		return facts.Answer{}
	}
	answer := facts.Answer{State: facts.Known, ReadAt: noon}
	selector, err := labels.Parse(need.Selector)
	if err != nil {
		panic(err)
	}
	for _, o := range a.objects {
		if o.GetObjectKind().GroupVersionKind() == need.Kind && (need.Namespace == "" || need.Namespace == o.GetNamespace()) &&
			(need.Name == "" || need.Name == o.GetName()) && selector.Matches(labels.Set(o.GetLabels())) {
			answer.Objects = append(answer.Objects, o)
		}
	}
	return answer
}

// evaluate shows a check whatever it asks for.
func (a admission) evaluate(c *Check) Evaluation {
	given := facts.Facts{Now: noon, Answers: map[facts.Need]facts.Answer{}}
	for _, need := range c.Needs() {
		given.Answers[need] = a.answer(need)
	}
	for {
		f := c.Evaluate(given)
		known := len(given.Answers)
		for _, need := range facts.NeedsOf(f.Further) {
			given.Answers[need] = a.answer(need)
		}
		if len(given.Answers) == known {
			return f
		}
	}
}

const (
	allWebhooks = "{type: Webhook, webhook: {kinds: [Mutating, Validating]}}"
	oneWebhook  = "{type: Webhook, webhook: {names: [w]}}"
	isReady     = "{ready: true}"
	isNotReady  = "{ready: false}"
	anyKind     = "rules: [{apiGroups: [networking.k8s.io], apiVersions: ['*'], operations: [CREATE, UPDATE], resources: [ingresses]}]"
	ownKind     = "rules: [{apiGroups: [keda.sh], apiVersions: ['*'], operations: [CREATE, UPDATE], resources: [scaledobjects]}]"
)

// Whether the API server can call a webhook, and what its failure stops.
func TestWebhooks(t *testing.T) {
	const head = "ValidatingWebhookConfiguration w, webhook h: "
	served := theService("{type: ClusterIP}")
	refuses := func(what string) string { return "; the API server rejects all requests to create or update " + what }
	for name, test := range map[string]struct {
		check   string
		objects []client.Object
		want    string
	}{
		"none":                             {allWebhooks, nil, "False/NotAssessed NotFound: no webhook configuration"},
		"a configuration without webhooks": {allWebhooks, []client.Object{hooks(validatingKind, "w")}, "False/NotAssessed NotFound: no webhook configuration"},
		"one that can be called": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h")), served, endpointsOf("a", "s", isReady, isNotReady)},
			"True/True Healthy: 1 webhook configuration: 1 webhook can be called"},
		"an endpoint that does not say whether it is ready": {allWebhooks, []client.Object{hooks(mutatingKind, "w", hook("h")), endpointsOf("a", "s", "{}")},
			"True/True Healthy: 1 webhook configuration: 1 webhook can be called"},
		"no endpoint is ready": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h")), served, endpointsOf("a", "s", isNotReady, isNotReady)},
			"True/False WebhookUnavailable: " + head + "Service a/s has no ready endpoints (2 not ready)" + refuses("pods") +
				"; fix the pods behind it"},
		"no endpoint at all": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h")), served, endpointsOf("a", "s")},
			"True/False WebhookUnavailable: " + head + "Service a/s has no endpoints" + refuses("pods") + "; its own pods are rejected, too: set its failurePolicy to Ignore until they run"},
		"no endpoint at all, and it leaves its own namespace alone": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h",
			"namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [a]}]}")), served, endpointsOf("a", "s")},
			"True/False WebhookUnavailable: " + head + "Service a/s has no endpoints" + refuses("pods") + "; start its pods"},
		"no endpoint at all, and labels of its namespace may leave that alone": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h",
			"namespaceSelector: {matchExpressions: [{key: policy, operator: NotIn, values: ['off']}]}")), served, endpointsOf("a", "s")},
			"True/False WebhookUnavailable: " + head + "Service a/s has no endpoints" + refuses("pods") + "; start its pods"},
		"endpoints of another Service": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h")), served, endpointsOf("a", "t", isReady), endpointsOf("b", "s", isReady)},
			"True/False WebhookUnavailable: " + head + "Service a/s has no endpoints" + refuses("pods") + "; its own pods are rejected, too: set its failurePolicy to Ignore until they run"},
		"no Service": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h"))},
			"True/False WebhookUnavailable: " + head + "Service a/s does not exist" + refuses("pods") + "; reinstall its chart or add-on"},
		"its port": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "clientConfig: {service: {namespace: a, name: s, port: 8443}, caBundle: eA==}")),
			theService("{ports: [{port: 443}, {port: 8443}]}"), endpointsOf("a", "s", isReady)},
			"True/True Healthy: 1 webhook configuration: 1 webhook can be called"},
		"a port that its Service does not have": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "clientConfig: {service: {namespace: a, name: s, port: 8443}, caBundle: eA==}")),
			theService("{ports: [{port: 443}]}"), endpointsOf("a", "s", isReady)},
			"True/False WebhookUnavailable: " + head + "Service a/s has no port 8443, only 443" + refuses("pods") + "; set the webhook to a port that it has"},
		"no port named, and another at its Service": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h")),
			theService("{ports: [{port: 9443}, {port: 8080}]}"), endpointsOf("a", "s", isReady)},
			"True/False WebhookUnavailable: " + head + "Service a/s has no port 443, only 9443, 8080" + refuses("pods") + "; set the webhook to a port that it has"},
		"no caBundle": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "clientConfig: {service: {namespace: a, name: s}}")), served, endpointsOf("a", "s", isReady)},
			"True/False WebhookUnavailable: " + head + "its caBundle is empty, so the API server trusts no certificate of Service a/s" + refuses("pods") +
				"; inject the CA certificate"},
		"the policy is not written down": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "failurePolicy: null"))},
			"True/False WebhookUnavailable: " + head + "Service a/s does not exist" + refuses("pods") + "; reinstall its chart or add-on"},
		"fail-open": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "failurePolicy: Ignore")), served, endpointsOf("a", "s", isNotReady)},
			"True/True WithinTolerance: " + head + "Service a/s has no ready endpoints (1 not ready); failurePolicy is Ignore, so requests pass without it"},
		"fail-open, left behind": {oneWebhook, []client.Object{hooks(validatingKind, "w", hook("h", "failurePolicy: Ignore"))},
			"True/False WebhookUnavailable: " + head + "Service a/s does not exist; failurePolicy is Ignore, so requests pass without it; reinstall its chart or add-on"},
		"fail-open, of any maker, left behind": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "failurePolicy: Ignore"))},
			"True/True WithinTolerance: " + head + "Service a/s does not exist; failurePolicy is Ignore, so requests pass without it"},
		"by URL": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "clientConfig: {url: 'https://example.com'}"))},
			"True/NotAssessed Observed: 1 webhook configuration: 1 outside the cluster, not checked"},
		"by URL, beside others": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("g", "clientConfig: {url: 'https://example.com'}"), hook("h")), endpointsOf("a", "s", isReady)},
			"True/True Healthy: 1 webhook configuration: 1 webhook can be called, 1 outside the cluster, not checked"},
		"behind a name outside of the cluster": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h")), theService("{type: ExternalName}")},
			"True/NotAssessed Observed: 1 webhook configuration: 1 outside the cluster, not checked"},
		"one that intercepts nothing": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", "rules: []"))},
			"True/NotAssessed Observed: 1 webhook configuration: no requests are intercepted"},
		"its maker's kinds, its pods not ready": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", ownKind)), served, endpointsOf("a", "s", isNotReady)},
			"True/True WithinTolerance: " + head + "Service a/s has no ready endpoints (1 not ready)" + refuses("scaledobjects.keda.sh") + ", which the cluster itself doesn't need"},
		"the same, looked at for its maker": {oneWebhook, []client.Object{hooks(validatingKind, "w", hook("h", ownKind)), served, endpointsOf("a", "s", isNotReady)},
			"True/False WebhookUnavailable: " + head + "Service a/s has no ready endpoints (1 not ready)" + refuses("scaledobjects.keda.sh") + "; fix the pods behind it"},
		"its maker's kinds, left behind": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", ownKind))},
			"True/True WithinTolerance: " + head + "Service a/s does not exist" + refuses("scaledobjects.keda.sh") + ", which the cluster itself doesn't need"},
		"its maker's kinds, fail-open, left behind": {oneWebhook, []client.Object{hooks(validatingKind, "w", hook("h", ownKind, "failurePolicy: Ignore"))},
			"True/True WithinTolerance: " + head + "Service a/s does not exist; failurePolicy is Ignore, so requests pass without it"},
		"anybody's kinds, its pods not ready": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", anyKind)), served, endpointsOf("a", "s", isNotReady)},
			"True/True WithinTolerance: " + head + "Service a/s has no ready endpoints (1 not ready)" + refuses("ingresses.networking.k8s.io") + ", which the cluster itself doesn't need"},
		"anybody's kinds, left behind": {allWebhooks, []client.Object{hooks(validatingKind, "w", hook("h", anyKind))},
			"True/False WebhookUnavailable: " + head + "Service a/s does not exist" + refuses("ingresses.networking.k8s.io") + "; reinstall its chart or add-on"},
		"the worst counts, others of the kind are told": {allWebhooks, []client.Object{
			hooks(validatingKind, "w", hook("g", "failurePolicy: Ignore"), hook("h"), hook("i")), hooks(mutatingKind, "ok", hook("j", "clientConfig: {service: {namespace: a, name: t}, caBundle: eA==}")),
			served, endpointsOf("a", "s", isNotReady), endpointsOf("a", "t", isReady)},
			"True/False WebhookUnavailable: ValidatingWebhookConfiguration w, webhooks h, i: Service a/s has no ready endpoints (1 not ready)" + refuses("pods") +
				"; fix the pods behind it"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(told(admission{objects: test.objects}.evaluate(newCheck(test.check)))).To(Equal(test.want))
		})
	}
}

// What a webhook intercepts, by rules and selectors, and whether the cluster needs it.
func TestWhatWebhooksRefuse(t *testing.T) {
	rule := func(groups, operations, resources string) string {
		return fmt.Sprintf("rules: [{apiGroups: [%s], apiVersions: ['*'], operations: [%s], resources: [%s]}]", groups, operations, resources)
	}
	system := object("{apiVersion: v1, kind: Namespace, metadata: {name: kube-system, labels: {control-plane: 'true'}}}")
	for name, test := range map[string]struct {
		hook   []string
		needed bool
		want   string
	}{
		"everything":                  {[]string{rule("'*'", "'*'", "'*/*'")}, true, "create, update or delete any object"},
		"nodes":                       {[]string{rule("''", "CREATE", "nodes")}, true, "create nodes"},
		"leases":                      {[]string{rule("coordination.k8s.io", "UPDATE", "leases")}, true, "update leases"},
		"all subresources of pods":    {[]string{rule("''", "CREATE", "pods/*")}, true, "create pods, pods/binding, pods/status"},
		"bindings":                    {[]string{rule("''", "CREATE", "pods/binding")}, true, "create pods/binding"},
		"the status of all":           {[]string{rule("'*'", "UPDATE", "'*/status'")}, true, "update pods/status, nodes/status"},
		"removal of pods":             {[]string{rule("''", "DELETE", "pods")}, true, "delete pods"},
		"shells, which nothing needs": {[]string{rule("''", "CONNECT", "pods/exec, pods")}, false, "connect to pods/exec, pods"},
		"pods of another group":       {[]string{rule("metrics.k8s.io", "CREATE", "pods")}, false, "create pods.metrics.k8s.io"},
		"every kind of one group":     {[]string{rule("security.istio.io", "CREATE", "'*'")}, false, "create *.security.istio.io"},
		"namespaces and Ingresses":    {[]string{rule("'', networking.k8s.io", "CREATE", "namespaces, ingresses")}, true, "create namespaces"},
		"Ingresses":                   {[]string{rule("networking.k8s.io", "CREATE", "ingresses")}, false, "create ingresses.networking.k8s.io"},
		"leases that somebody labels": {[]string{rule("coordination.k8s.io", "UPDATE", "leases"), "objectSelector: {matchLabels: {use: 'true'}}"}, false,
			"update leases.coordination.k8s.io with labels use=true"},
		"leases of chosen namespaces": {[]string{rule("coordination.k8s.io", "UPDATE", "leases"), "namespaceSelector: {matchLabels: {mesh: 'on'}}"}, false,
			"update leases.coordination.k8s.io in namespaces with mesh=on"},
		"leases of nodes": {[]string{rule("coordination.k8s.io", "UPDATE", "leases"),
			"namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}"}, true, "update leases outside kube-system"},
		"not in kube-system, by its name":  {[]string{"namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}"}, true, "create or update pods outside kube-system"},
		"not in kube-system, by its label": {[]string{"namespaceSelector: {matchExpressions: [{key: control-plane, operator: DoesNotExist}]}"}, true, "create or update pods outside kube-system"},
		"not in another namespace":         {[]string{"namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [b]}]}"}, true, "create or update pods"},
		"in chosen namespaces":             {[]string{"namespaceSelector: {matchLabels: {mesh: 'on'}, matchExpressions: [{key: control-plane, operator: DoesNotExist}]}"}, true, "create or update pods in namespaces with mesh=on"},
		"chosen pods":                      {[]string{"objectSelector: {matchLabels: {use: 'true'}}"}, true, "create or update pods with labels use=true"},
		"by conditions":                    {[]string{"matchConditions: [{name: c, expression: 'true'}]"}, true, "create or update pods that meet its matchConditions"},
		"empty selectors":                  {[]string{"namespaceSelector: {}", "objectSelector: {}"}, true, "create or update pods"},
		"a selector that cannot be used":   {[]string{"namespaceSelector: {matchExpressions: [{key: a, operator: Bogus}]}"}, true, "create or update pods"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := admission{objects: []client.Object{system, hooks(validatingKind, "w", hook("h", test.hook...)), endpointsOf("a", "s", isNotReady)}}
			a.objects = append(a.objects, theService("{}"))
			f := a.evaluate(newCheck(allWebhooks))
			if test.needed {
				g.Expect(f.Message).To(ContainSubstring("the API server rejects all requests to " + test.want + "; fix"))
				g.Expect(f.Faults).To(HaveLen(1))
				g.Expect(f.Faults[0]).To(And(HaveField("Kind", v1alpha1.FaultWebhook), HaveField("Severity", v1alpha1.SeverityMajor),
					HaveField("Subject", v1alpha1.ObservedObject{Kind: validatingKind, Name: "w"}),
					HaveField("Next", "kubectl get validatingwebhookconfiguration w -o yaml"),
					HaveField("Related", ConsistOf(
						v1alpha1.ObservedObject{Kind: "Service", Namespace: "a", Name: "s"},
						v1alpha1.ObservedObject{Kind: "Webhook", Name: "h"}))), "a webhook that counts is named for those who are refused")
			} else {
				g.Expect(f.Message).To(ContainSubstring("the API server rejects all requests to " + test.want + ", which the cluster itself doesn't need"))
				g.Expect(f.Faults).To(ConsistOf(And(HaveField("Kind", v1alpha1.FaultWebhook), HaveField("Severity", v1alpha1.SeverityMinor))))
			}
		})
	}
}

// What cannot be read is not known; of a fail-open webhook it does not matter.
func TestWebhooksThatCannotBeAssessed(t *testing.T) {
	closed, open := hooks(validatingKind, "w", hook("h")), hooks(validatingKind, "w", hook("h", "failurePolicy: Ignore"))
	down := endpointsOf("a", "s")
	const refused = "ValidatingWebhookConfiguration w, webhook h: "
	for name, test := range map[string]struct {
		objects []client.Object
		unread  map[string]facts.State
		want    string
	}{
		"endpoints, being read":    {[]client.Object{closed}, map[string]facts.State{"EndpointSlice": facts.Pending}, "Unknown/NotAssessed NotYetObserved: still checking the endpoints of webhook configuration"},
		"the Service, being read":  {[]client.Object{closed, down}, map[string]facts.State{"Service": facts.Pending}, "Unknown/NotAssessed NotYetObserved: still checking the endpoints of webhook configuration"},
		"endpoints, not permitted": {[]client.Object{closed}, map[string]facts.State{"EndpointSlice": facts.NotPermitted}, "True/Unknown NotPermitted: " + refused + "not permitted to check the endpoints of Service a/s: grant it"},
		"endpoints, not in a dump": {[]client.Object{closed}, map[string]facts.State{"EndpointSlice": facts.NotHeld}, "True/Unknown NotInDump: " + refused + "couldn't check the endpoints of Service a/s: grant it"},
		"endpoints, not served":    {[]client.Object{closed}, map[string]facts.State{"EndpointSlice": facts.NotServed}, "True/Unknown ObservationFailed: " + refused + "couldn't check the endpoints of Service a/s: grant it"},
		"of a fail-open one":       {[]client.Object{open}, map[string]facts.State{"EndpointSlice": facts.NotPermitted}, "True/NotAssessed Observed: " + refused + "not permitted to check the endpoints of Service a/s: grant it"},
		"the Service, not permitted": {[]client.Object{closed, down}, map[string]facts.State{"Service": facts.NotPermitted},
			"True/False WebhookUnavailable: " + refused + "Service a/s has no endpoints; the API server rejects all requests to create or update pods; its own pods are rejected, too: set its failurePolicy to Ignore until they run"},
		"a configuration that cannot be": {[]client.Object{hooks(validatingKind, "w", "{name: h, rules: 3}")}, nil, "True/Unknown ObservationFailed: ValidatingWebhookConfiguration w couldn't be read: cannot restore slice from int64"},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(told(admission{objects: test.objects, unread: test.unread}.evaluate(newCheck(allWebhooks)))).To(Equal(test.want))
		})
	}
}

// A check is of the configurations that meet all of its fields.
func TestWhichWebhooks(t *testing.T) {
	a := admission{objects: []client.Object{
		labeled(hooks(mutatingKind, "aks-a", hook("a")), map[string]string{"by": "aks"}),
		labeled(hooks(validatingKind, "aks-b", hook("b", "clientConfig: {service: {namespace: c, name: s}}")), map[string]string{"by": "owner"}),
		hooks(validatingKind, "other", hook("o")),
	}}
	for spec, want := range map[string][]string{
		"{}":                                   {"aks-a", "aks-b", "other"},
		"{kinds: [Mutating]}":                  {"aks-a"},
		"{kinds: [Validating]}":                {"aks-b", "other"},
		"{names: [other, aks-a]}":              {"aks-a", "other"},
		"{namePrefix: aks-}":                   {"aks-a", "aks-b"},
		"{selector: {matchLabels: {by: aks}}}": {"aks-a"},
		"{serviceNamespace: c}":                {"aks-b"},
		"{anyOf: [{label: by, value: aks}, {namePrefix: o}]}":   {"aks-a", "other"},
		"{anyOf: [{label: by}]}":                                {"aks-a", "aks-b"},
		"{noneOf: [{label: by, value: aks}, {namePrefix: o}]}":  {"aks-b"},
		"{namePrefix: aks-, noneOf: [{label: by, value: aks}]}": {"aks-b"},
	} {
		t.Run(spec, func(t *testing.T) {
			NewWithT(t).Expect(objectNames(a.evaluate(newCheck("{type: Webhook, webhook: " + spec + "}")))).To(ConsistOf(want))
		})
	}
}

// The Services that webhooks name are asked for one by one, with their endpoints, each once; the labels of a namespace only
// where a message tells of them.
func TestWhatWebhooksAskFor(t *testing.T) {
	g := NewWithT(t)
	asked := func(objects ...client.Object) []string {
		var out []string
		for _, n := range facts.NeedsOf(admission{objects: objects}.evaluate(newCheck(allWebhooks)).Further) {
			out = append(out, fmt.Sprint(n.Kind.Kind, " ", n.Namespace, "/", n.Name, " ", n.Selector))
		}
		return out
	}
	selective := hooks(validatingKind, "w", hook("h", "namespaceSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}"))
	const slices, service = "EndpointSlice a/ kubernetes.io/service-name=s", "Service a/s "
	g.Expect(asked(selective, hooks(mutatingKind, "w", hook("h")), endpointsOf("a", "s", isReady))).To(Equal([]string{slices, service}))
	g.Expect(asked(hooks(mutatingKind, "w", hook("h")))).To(Equal([]string{slices, service}))
	g.Expect(asked(selective)).To(Equal([]string{slices, service, "Namespace /kube-system "}))
}
