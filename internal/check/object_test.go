// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

func apiService(name, available, message string) client.Object {
	return object(fmt.Sprintf(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: %s},
		spec: {service: {name: metrics-server}, version: v1beta1},
		status: {conditions: [{type: Available, status: %q, message: %q}]}}`, name, available, message))
}

func TestObject(t *testing.T) {
	metrics := func(available, message string) client.Object {
		return apiService("v1beta1.metrics.k8s.io", available, message)
	}
	bare := object("{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.metrics.k8s.io}}")
	const (
		present   = `present: object.spec.service.name == 'metrics-server'`
		available = `healthy: "object.status.conditions.exists(c, c.type == 'Available' && c.status == 'True')"`
		message   = `message: "object.status.conditions.filter(c, c.type == 'Available').map(c, c.message).join(', ')"`
		subject   = "APIService v1beta1.metrics.k8s.io"
	)
	for name, test := range map[string]struct {
		object string // the rest of the check
		seen   client.Object
		want   string
	}{
		"exists, more is not asked": {"", bare, "True/NotAssessed Observed: " + subject + " exists"},
		"another one exists":        {"", apiService("v1.apps", "True", ""), "False/NotAssessed NotFound: no " + subject},
		"present holds":             {present, metrics("False", ""), "True/NotAssessed Observed: " + subject + " exists"},
		"present does not hold": {
			"present: object.spec.service.name == 'prometheus-adapter'", metrics("True", ""),
			"False/NotAssessed NotFound: " + subject + " exists, but does not match this component",
		},
		"present cannot be told": {
			present, bare,
			"Unknown/NotAssessed ExpressionError: " + subject + ": present: no such key: spec",
		},
		"healthy holds": {available, metrics("True", "all checks passed"), "True/True Healthy: " + subject + " is healthy"},
		"healthy does not hold": {
			"healthy: object.spec.version == 'v1'", metrics("True", ""),
			"True/False ExpressionFalse: " + subject + " is unhealthy",
		},
		"healthy does not hold, and the author has a message": {
			available + ", " + message, metrics("False", "endpoints not found"),
			"True/False ExpressionFalse: " + subject + ": endpoints not found",
		},
		"the author's reason": {
			"healthy: object.spec.version == 'v1', reason: WrongVersion, " + message, metrics("True", "of no use"),
			"True/False WrongVersion: " + subject + ": of no use",
		},
		"the author's message cannot be made": {
			"healthy: object.spec.version == 'v1', message: object.status.reason", metrics("False", ""),
			"True/False ExpressionFalse: " + subject + " is unhealthy",
		},
		"the author's message is empty": {
			"healthy: object.spec.version == 'v1', " + message, metrics("False", ""),
			"True/False ExpressionFalse: " + subject + " is unhealthy",
		},
		"healthy cannot be told": {
			available, bare,
			"True/Unknown ExpressionError: " + subject + ": healthy: no such key: status",
		},
		"a field that may be missing": {
			`healthy: "object.?status.?conditions.orValue([]).exists(c, c.status == 'True')", message: "'not registered yet'"`, bare,
			"True/False ExpressionFalse: " + subject + ": not registered yet",
		},
		"healthy yields no bool": {
			"healthy: object.spec.version", metrics("True", ""),
			"True/Unknown ExpressionError: " + subject + ": healthy: must return bool, not string",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Object, object: {apiVersion: apiregistration.k8s.io/v1, kind: APIService, name: v1beta1.metrics.k8s.io, " + test.object + "}}")
			expectTold(t, c, seeing(c, test.seen), test.want)
		})
	}
}

// Of kinds of which each node has an object, a share may be unhealthy.
func TestObjectTolerance(t *testing.T) {
	c := newCheck(`{type: Object, object: {apiVersion: storage.k8s.io/v1, kind: CSINode, tolerance: {percent: 1},
		healthy: "has(object.spec.drivers)", message: "'not registered'"}}`)
	nodes := func(all, unregistered int) []client.Object {
		var out []client.Object
		for i := range all {
			spec := "{drivers: []}"
			if i < unregistered {
				spec = "{}"
			}
			out = append(out, object(fmt.Sprintf("{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: n%04d}, spec: %s}", i, spec)))
		}
		return out
	}
	for name, test := range map[string]struct {
		all, unregistered int
		want              string
	}{
		"none":           {100, 0, "True/True Healthy: CSINode n0000 is healthy; CSINode n0001 is healthy; CSINode n0002 is healthy and 97 more"},
		"as many as may": {100, 1, "True/True WithinTolerance: 1 of 100 unhealthy, within tolerance: CSINode n0000: not registered"},
		"one more":       {100, 2, "True/False ExpressionFalse: CSINode n0000: not registered; CSINode n0001: not registered"},
		"few nodes":      {99, 1, "True/False ExpressionFalse: CSINode n0000: not registered"},
	} {
		t.Run(name, func(t *testing.T) { expectTold(t, c, seeing(c, nodes(test.all, test.unregistered)...), test.want) })
	}
}

func TestObjectVersion(t *testing.T) {
	csiDriver := func(name, annotations string) client.Object {
		return object("{apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: {name: " + name + ", annotations: {" + annotations + "}}}")
	}
	for name, test := range map[string]struct {
		object  string
		objects []client.Object
		want    string
	}{
		"one":          {"version: object.metadata.annotations.csiDriver", []client.Object{csiDriver("disk", "csiDriver: v1.30.5")}, "v1.30.5"},
		"several":      {"version: object.metadata.annotations.csiDriver", []client.Object{csiDriver("a", "csiDriver: v1.29.9"), csiDriver("b", "csiDriver: v1.30.5"), csiDriver("c", "csiDriver: v1.30.5")}, "v1.30.5 (2), v1.29.9 (1)"},
		"not present":  {"version: object.metadata.annotations.csiDriver", []client.Object{csiDriver("a", "")}, ""},
		"not a string": {"version: object.metadata.annotations", []client.Object{csiDriver("a", "")}, ""},
		"not asked":    {"present: 'true'", []client.Object{csiDriver("a", "csiDriver: v1.30.5")}, ""},
		"not of those that are no evidence": {
			"version: object.metadata.annotations.csiDriver, present: object.metadata.name == 'a'",
			[]client.Object{csiDriver("a", "csiDriver: v1.29.9"), csiDriver("b", "csiDriver: v1.30.5")}, "v1.29.9",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Object, object: {apiVersion: storage.k8s.io/v1, kind: CSIDriver, " + test.object + "}}")
			NewWithT(t).Expect(FormatVersions(c.Evaluate(seeing(c, test.objects...)).Versions)).To(Equal(test.want))
		})
	}
}

func TestSeveralObjects(t *testing.T) {
	nnc := func(name, labels string, assigned int) client.Object {
		return object(fmt.Sprintf(`{apiVersion: acn.azure.com/v1alpha, kind: NodeNetworkConfig, metadata: {namespace: kube-system, name: %s, labels: {%s}},
			status: {assignedIPCount: %d}}`, name, labels, assigned))
	}
	all := []client.Object{nnc("a", "managed: 'true'", 16), nnc("b", "managed: 'true'", 0), nnc("c", "", 0)}
	for name, test := range map[string]struct {
		object  string
		want    string
		objects []string
	}{
		"one of those with the label is unhealthy": {
			"namespace: kube-system, selector: {matchLabels: {managed: 'true'}}, healthy: object.status.assignedIPCount > 0",
			"True/False ExpressionFalse: NodeNetworkConfig kube-system/b is unhealthy",
			[]string{"b", "a"},
		},
		"that one is no evidence": {
			"namespace: kube-system, present: object.metadata.name != 'b' && object.metadata.name != 'c', healthy: object.status.assignedIPCount > 0",
			"True/True Healthy: NodeNetworkConfig kube-system/a is healthy",
			[]string{"a"},
		},
		"by name": {
			"namespace: kube-system, name: a, healthy: object.status.assignedIPCount > 0",
			"True/True Healthy: NodeNetworkConfig kube-system/a is healthy",
			[]string{"a"},
		},
		"one of them cannot be evaluated": {
			"namespace: kube-system, healthy: object.metadata.labels.managed == 'true'",
			"True/Unknown ExpressionError: NodeNetworkConfig kube-system/c: healthy: no such key: managed",
			[]string{"c", "a", "b"},
		},
		"whether one of them is evidence cannot be told": {
			"namespace: kube-system, present: object.metadata.labels.managed == 'true'",
			"Unknown/NotAssessed ExpressionError: NodeNetworkConfig kube-system/c: present: no such key: managed",
			nil,
		},
		"none with the label": {
			"namespace: kube-system, selector: {matchLabels: {managed: 'false'}}",
			"False/NotAssessed NotFound: no NodeNetworkConfig in kube-system with labels managed=false",
			nil,
		},
		"none meets present": {
			"namespace: kube-system, present: object.status.assignedIPCount > 99",
			"False/NotAssessed NotFound: NodeNetworkConfig in kube-system: none of 3 matches this component",
			nil,
		},
		"in all namespaces, none by that label": {
			"selector: {matchLabels: {managed: 'false'}}",
			"False/NotAssessed NotFound: no NodeNetworkConfig with labels managed=false",
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Object, object: {apiVersion: acn.azure.com/v1alpha, kind: NodeNetworkConfig, " + test.object + "}}")
			f := c.Evaluate(seeing(c, all...))
			g := NewWithT(t)
			g.Expect(told(f)).To(Equal(test.want))
			g.Expect(objectNames(f)).To(Equal(test.objects))
		})
	}
}

// The hidden cluster autoscaler writes what it thinks into a ConfigMap: as YAML from Kubernetes 1.30 on, as
// text for people before.
func TestClusterAutoscalerStatus(t *testing.T) {
	const check = `
type: Object
object:
  apiVersion: v1
  kind: ConfigMap
  namespace: kube-system
  name: cluster-autoscaler-status
  observe: Poll
  present: >-
    now - timestamp(object.data.status.find('[0-9-]{10} [0-9:.]{8,}').replace(' ', 'T') + 'Z') < duration('10m')
  healthy: >-
    object.data.status.contains('autoscalerStatus:')
    ? parseYAML(object.data.status).clusterWide.health.status == 'Healthy'
    : object.data.status.matches('Cluster-wide:\\s+Health:\\s+Healthy')
  message: >-
    'ready: ' + string(parseYAML(object.data.status).clusterWide.health.nodeCounts.registered.ready)
`
	yamlStatus := func(written, health string) string {
		return `time: ` + written + `
autoscalerStatus: Running
clusterWide:
  health:
    status: ` + health + `
    nodeCounts: {registered: {total: 4, ready: 3, notStarted: 0}, longUnregistered: 0}
  scaleUp: {status: NoActivity}
nodeGroups:
- name: aks-user-25795745-vmss
  health: {status: Healthy, cloudProviderTarget: 3, minSize: 2, maxSize: 3}
`
	}
	textStatus := func(written, health string) string {
		return "Cluster-autoscaler status at " + written + ":\nCluster-wide:\n  Health:      " + health +
			" (ready=1 unready=0 notStarted=0)\n  ScaleUp:     NoActivity (ready=1)\n\nNodeGroups:\n  Name:        aks-nodepool1-34419311-vmss\n  Health:      Healthy (ready=1)\n"
	}
	const (
		fresh   = "2026-10-02 11:59:52.999645779 +0000 UTC"
		old     = "2026-10-02 11:49:52.999645779 +0000 UTC"
		subject = "ConfigMap kube-system/cluster-autoscaler-status"
	)
	for name, test := range map[string]struct{ status, want string }{
		"YAML, healthy":   {yamlStatus(fresh, "Healthy"), "True/True Healthy: " + subject + " is healthy"},
		"YAML, unhealthy": {yamlStatus(fresh, "Unhealthy"), "True/False ExpressionFalse: " + subject + ": ready: 3"},
		"YAML, not written for ten minutes": {
			yamlStatus(old, "Healthy"), "False/NotAssessed NotFound: " + subject + " exists, but does not match this component",
		},
		"YAML, cut off": {
			"time: " + fresh + "\nautoscalerStatus: {Running", "True/Unknown ExpressionError: " + subject +
				": healthy: parseYAML: not YAML: error converting YAML to JSON: yaml: line 2: did not find expected ',' or '}'",
		},
		"text, healthy": {textStatus(fresh, "Healthy"), "True/True Healthy: " + subject + " is healthy"},
		"text, unhealthy": {
			textStatus(fresh, "Unhealthy"), "True/False ExpressionFalse: " + subject + " is unhealthy",
		},
		"no time in it": {
			"Initializing", "Unknown/NotAssessed ExpressionError: " + subject + ": present: type conversion error from 'string' to 'google.protobuf.Timestamp'",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(check)
			configMap := object("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: kube-system, name: cluster-autoscaler-status}}")
			configMap.Object["data"] = map[string]any{"status": test.status}
			expectTold(t, c, seeing(c, configMap), test.want)
		})
	}
}

// What time alone will turn is looked at again; nothing else is.
func TestObjectRecheck(t *testing.T) {
	const kind = "{type: Object, object: {apiVersion: v1, kind: Service, "
	for name, test := range map[string]struct {
		check string
		want  time.Duration
	}{
		"will be absent":      {kind + "present: now < timestamp('2030-01-01T00:00:00Z')}}", timedRecheck},
		"will be present":     {kind + "present: now > timestamp('2030-01-01T00:00:00Z')}}", timedRecheck},
		"will be unhealthy":   {kind + "healthy: now < timestamp('2030-01-01T00:00:00Z')}}", timedRecheck},
		"depends on the hour": {kind + "healthy: now.getHours() < 12}}", timedRecheck},
		"is present for ever": {kind + "present: now > timestamp('2020-01-01T00:00:00Z')}}", 0},
		"is unhealthy anyway": {kind + "healthy: now < timestamp('2020-01-01T00:00:00Z')}}", 0},
		"now is not used":     {kind + "present: object.metadata.name == 'now'}}", 0},
		"no expression":       {kind + "name: a}}", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(test.check)
			recheck := c.Evaluate(seeing(c, object("{metadata: {name: a}}"))).RecheckAfter
			NewWithT(t).Expect(recheck).To(Equal(test.want))
		})
	}
}

func TestObjectNeeds(t *testing.T) {
	crd := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	configMap := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	for name, test := range map[string]struct {
		check string
		want  facts.Need
	}{
		"all of a kind are watched, whatever the name": {
			"object: {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, name: a}", facts.Need{Kind: crd, Mask: "{}"},
		},
		"those with labels": {
			"object: {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, selector: {matchLabels: {b: c, a: b}}}", facts.Need{Kind: crd, Selector: "a=b,b=c", Mask: `{"metadata":{"labels":{"a":null,"b":null}}}`},
		},
		"a ConfigMap is watched by name": {
			"object: {apiVersion: v1, kind: ConfigMap, namespace: kube-system, name: coredns}",
			facts.Need{Kind: configMap, Namespace: "kube-system", Name: "coredns", Mask: "{}"},
		},
		"what is polled is read by name": {
			"object: {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, name: a, observe: Poll}",
			facts.Need{Kind: crd, Name: "a", Mask: "{}", Interval: 30 * time.Second},
		},
		"at its interval": {
			"intervalSeconds: 60, object: {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, observe: Poll}",
			facts.Need{Kind: crd, Mask: "{}", Interval: time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(newCheck("{type: Object, " + test.check + "}").Needs()).To(ConsistOf(test.want))
		})
	}
}

// TestOwnKinds: a status that depends on statuses may never come to rest.
func TestOwnKinds(t *testing.T) {
	for _, kind := range []string{"ComponentMapping", "ClusterArchitecture"} {
		for _, version := range []string{v1alpha1.GroupVersion.String(), v1alpha1.GroupVersion.Group + "/v9"} {
			_, err := New("", v1alpha1.Check{
				Name: "a", Type: v1alpha1.CheckObject, Object: &v1alpha1.ObjectCheck{APIVersion: version, Kind: kind}})
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring("check a: object.apiVersion: must not be of the group architecture.archmap.dev")))
		}
	}
}
