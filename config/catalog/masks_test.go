// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
	"github.com/archmap/archmap/test/shapes"
)

// TestFieldsThatAreRead: what the catalog reads of objects, kind by kind, is what is held of them in memory. Whoever reads
// more sees it here; of no kind everything is held.
func TestFieldsThatAreRead(t *testing.T) {
	c := load(t, catalog.AKS, catalog.AKSExtras)
	read := map[schema.GroupKind]facts.Mask{}
	for _, m := range c.Mappings {
		checks, err := check.Compile(&m.Spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range checks {
			if one.Spec.Object == nil {
				continue
			}
			need := one.Needs()[0]
			if need.Mask == "" {
				t.Errorf("%s: the expressions of %s do not tell what they read", m.Name, one.Name())
			}
			kind := need.Kind.GroupKind()
			if before, there := read[kind]; there {
				read[kind] = before.Union(facts.ParseMask(need.Mask))
			} else {
				read[kind] = facts.ParseMask(need.Mask)
			}
		}
	}
	var got []string
	for kind, mask := range read {
		for _, field := range fieldsOf("", mask) {
			got = append(got, kind.Kind+" "+field)
		}
	}
	slices.Sort(got)
	NewWithT(t).Expect(strings.Join(got, "\n")).To(Equal(strings.TrimSpace(fieldsRead)))
}

// fieldsOf are the paths to what a mask has: with a question mark to what is only known to be there.
func fieldsOf(path string, mask facts.Mask) []string {
	switch {
	case mask == nil:
		return []string{path}
	case len(mask) == 0:
		return []string{path + "?"}
	}
	var fields []string
	for name, part := range mask {
		fields = append(fields, fieldsOf(path+"/"+name, part)...)
	}
	return fields
}

// maker makes objects at random: some as the expressions of a check expect them, some odd.
type maker struct {
	*rand.Rand

	// words are what the expressions compare with, and fields what their text names, whatever they do with it.
	words  []string
	fields facts.Mask
}

var (
	chain       = regexp.MustCompile(`object((?:\.\??\w+|\[\??'[^']*'\])+)(\(?)`)
	step        = regexp.MustCompile(`\.\??(\w+)|\[\??'([^']*)'\]`)
	elementStep = regexp.MustCompile(`\b[a-z]\.\??(\w+)`)
)

func newMaker(spec *v1alpha1.ObjectCheck, seed uint64) *maker {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 7)), words: []string{"", "other", "1970-01-01T00:00:00Z", "2026-10-02T11:55:00Z", "2026-10-01T11:55:00Z"}}
	m.fields = facts.ParseMask(`{"metadata":{"uid":null,"labels":{"kubernetes.io/service-name":null}},"spec":{"service":{"name":null,"namespace":null}},
		"status":{"conditions":{"*":{"type":null,"status":null,"lastTransitionTime":null}}}}`)
	for _, e := range []v1alpha1.Expression{spec.Present, spec.Healthy, spec.Version, spec.Message} {
		for _, word := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(string(e), -1) {
			m.words = append(m.words, word[1])
		}
		for _, found := range chain.FindAllStringSubmatch(string(e), -1) {
			var path []string
			for _, one := range step.FindAllStringSubmatch(found[1], -1) {
				path = append(path, cmp.Or(one[1], one[2]))
			}
			if found[2] != "" { // the last is a function
				path = path[:len(path)-1]
			}
			m.add(path...)
			for _, element := range elementStep.FindAllStringSubmatch(string(e), -1) {
				m.add(append(slices.Clone(path), facts.Every, element[1])...)
			}
		}
	}
	return m
}

func (m *maker) add(path ...string) {
	if len(path) > 0 {
		mask := facts.Mask{}
		for _, name := range slices.Backward(path) {
			mask = facts.Mask{name: mask}
		}
		m.fields = m.fields.Union(mask)
	}
}

// value has the fields of the mask, as a rule, and others.
func (m *maker) value(mask facts.Mask) any {
	elements, list := mask[facts.Every]
	switch {
	case m.IntN(12) == 0:
		return []any{nil, int64(m.IntN(3)), 1.5, true, m.word(), []any{}, map[string]any{}, []any{m.word(), nil}, map[string]any{"a": m.word()}}[m.IntN(9)]
	case list && m.IntN(3) > 0:
		out := []any{}
		for range m.IntN(4) {
			out = append(out, m.value(elements))
		}
		return out
	case len(mask) == 0:
		return []any{m.word(), m.word(), m.word(), int64(m.IntN(300)), m.IntN(2) == 0, []any{map[string]any{"message": m.word()}}}[m.IntN(6)]
	}
	out := map[string]any{"more": m.word()}
	for _, name := range slices.Sorted(maps.Keys(mask)) {
		if name != facts.Every && m.IntN(8) > 0 {
			out[name] = m.value(mask[name])
		}
	}
	return out
}

func (m *maker) word() string { return m.words[m.IntN(len(m.words))] }

func (m *maker) object(kind schema.GroupVersionKind, name, namespace string) *unstructured.Unstructured {
	object, _ := m.value(m.fields).(map[string]any)
	u := &unstructured.Unstructured{Object: object}
	if object == nil {
		u.Object = map[string]any{}
	}
	if _, ok := u.Object["metadata"].(map[string]any); !ok {
		u.Object["metadata"] = map[string]any{"uid": "u", "more": "x"}
	}
	u.SetGroupVersionKind(kind)
	u.SetNamespace(namespace)
	u.SetName(cmp.Or(name, m.word(), "n"))
	return u
}

// TestChecksReadWhatTheirMasksSay: of an object that is held as the mask of a check says, the check says the same as of the
// whole one, errors included: of all objects of all shapes, and of odd ones.
func TestChecksReadWhatTheirMasksSay(t *testing.T) {
	c := load(t, catalog.AKS, catalog.AKSExtras)
	shown := objectsOfShapes(t)
	seen := map[string]int{}
	for _, m := range c.Mappings {
		checks, err := check.Compile(&m.Spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range checks {
			if one.Spec.Object == nil {
				continue
			}
			need := one.Needs()[0]
			objects := slices.Clone(shown[need.Kind])
			maker := newMaker(one.Spec.Object, uint64(len(seen)))
			for range 80 {
				objects = append(objects, maker.object(need.Kind, string(one.Spec.Object.Name), string(one.Spec.Object.Namespace)))
			}
			for _, o := range objects {
				whole, held := evaluated(t, one, o, trim.Func(need.Kind)), evaluated(t, one, o, trim.Pack(need.Kind, facts.ParseMask(need.Mask)))
				seen[string(whole.Present)+" "+string(whole.Healthy)+" "+whole.Reason]++
				if !reflect.DeepEqual(whole, held) {
					text, _ := json.Marshal(o.Object)
					t.Errorf("%s/%s says of %s: %+v, and of what is held: %+v", m.Name, one.Name(), text, whole.Result, held.Result)
				}
			}
		}
	}
	for _, reason := range []string{"True True Healthy", "True False NotAccepted", "False NotAssessed NotFound", "True NotAssessed Observed",
		"True Unknown ExpressionError", "Unknown NotAssessed ExpressionError"} {
		NewWithT(t).Expect(seen[reason]).To(BeNumerically(">", 100), "the objects are of many sorts: %s", reason)
	}
}

// evaluated is what a check says of an object as a store keeps it.
func evaluated(t *testing.T, c *check.Check, o *unstructured.Unstructured, transform func(any) (any, error)) check.Evaluation {
	t.Helper()
	held, err := transform(o.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	need := c.Needs()[0]
	return c.Evaluate(facts.Facts{Now: time.Date(2026, time.October, 2, 12, 0, 0, 0, time.UTC), Answers: map[facts.Need]facts.Answer{
		need: {State: facts.Known, Objects: []client.Object{trim.Unpacked(held)}}}})
}

func objectsOfShapes(t *testing.T) map[schema.GroupVersionKind][]*unstructured.Unstructured {
	t.Helper()
	out := map[schema.GroupVersionKind][]*unstructured.Unstructured{}
	for _, name := range shapes.Names() {
		shape, err := shapes.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range shape.Objects {
			out[o.GroupVersionKind()] = append(out[o.GroupVersionKind()], o)
		}
	}
	return out
}

const fieldsRead = `
APIService /spec/service/name
APIService /spec/service/namespace
APIService /status/conditions/*/lastTransitionTime
APIService /status/conditions/*/message
APIService /status/conditions/*/status
APIService /status/conditions/*/type
CSIDriver ?
CSINode /metadata/creationTimestamp
CSINode /spec/drivers/*/name
CSINode /status/conditions/*/lastTransitionTime
CSINode /status/conditions/*/status
CSINode /status/conditions/*/type
CertificateSigningRequest /metadata/creationTimestamp
CertificateSigningRequest /spec/signerName
CertificateSigningRequest /spec/username
CertificateSigningRequest /status/certificate
CertificateSigningRequest /status/conditions/*/lastTransitionTime
CertificateSigningRequest /status/conditions/*/status
CertificateSigningRequest /status/conditions/*/type
ClusterRoleBinding ?
ConfigMap /data/calico_backend
ConfigMap /data/cni-chaining-mode
ConfigMap /data/kube-proxy-replacement
ConfigMap /data/status
ConfigMap /metadata/annotations/cluster-autoscaler.kubernetes.io/last-updated
ConfigMap /status/conditions/*/lastTransitionTime
ConfigMap /status/conditions/*/status
ConfigMap /status/conditions/*/type
ConstraintTemplate /metadata/creationTimestamp
ConstraintTemplate /metadata/name
ConstraintTemplate /status/byPod/*/errors
ConstraintTemplate /status/conditions/*/lastTransitionTime
ConstraintTemplate /status/conditions/*/status
ConstraintTemplate /status/conditions/*/type
ConstraintTemplate /status/created
CronJob /metadata/creationTimestamp
CronJob /status/conditions/*/lastTransitionTime
CronJob /status/conditions/*/status
CronJob /status/conditions/*/type
CronJob /status/lastScheduleTime
CronJob /status/lastSuccessfulTime
CustomResourceDefinition /metadata/annotations/app.kubernetes.io/managed-by
CustomResourceDefinition /status/conditions/*/lastTransitionTime
CustomResourceDefinition /status/conditions/*/status
CustomResourceDefinition /status/conditions/*/type
EndpointSlice /endpoints/*/conditions/ready
EndpointSlice /metadata/labels/kubernetes.io/service-name
EndpointSlice /status/conditions/*/lastTransitionTime
EndpointSlice /status/conditions/*/status
EndpointSlice /status/conditions/*/type
Gateway /spec/gatewayClassName
Gateway /status/conditions/*/lastTransitionTime
Gateway /status/conditions/*/message
Gateway /status/conditions/*/reason
Gateway /status/conditions/*/status
Gateway /status/conditions/*/type
GatewayClass /status/conditions/*/lastTransitionTime
GatewayClass /status/conditions/*/status
GatewayClass /status/conditions/*/type
IngressClass /spec/controller
Installation /spec/cni/type
NginxIngressController /metadata/name
NginxIngressController /status/conditions/*/lastTransitionTime
NginxIngressController /status/conditions/*/message
NginxIngressController /status/conditions/*/status
NginxIngressController /status/conditions/*/type
NodeClaim /metadata/creationTimestamp
NodeClaim /metadata/deletionTimestamp?
NodeClaim /metadata/labels/karpenter.sh/nodepool
NodeClaim /status/conditions/*/lastTransitionTime
NodeClaim /status/conditions/*/message
NodeClaim /status/conditions/*/reason
NodeClaim /status/conditions/*/status
NodeClaim /status/conditions/*/type
NodeNetworkConfig /metadata/creationTimestamp
NodeNetworkConfig /spec/requestedIPCount
NodeNetworkConfig /status/assignedIPCount
NodeNetworkConfig /status/conditions/*/lastTransitionTime
NodeNetworkConfig /status/conditions/*/status
NodeNetworkConfig /status/conditions/*/type
NodeNetworkConfig /status/networkContainers/*/status
NodeNetworkConfig /status/networkContainers/*/subnetName
NodePool /metadata/annotations/meta.helm.sh/release-name
NodePool /metadata/uid
NodePool /status/conditions/*/lastTransitionTime
NodePool /status/conditions/*/message
NodePool /status/conditions/*/reason
NodePool /status/conditions/*/status
NodePool /status/conditions/*/type
Service /metadata/creationTimestamp
Service /metadata/labels/app.kubernetes.io/name
Service /metadata/labels/istio
Service /metadata/labels/kubernetes.azure.com/managedby
Service /spec/type
Service /status/conditions/*/lastTransitionTime
Service /status/conditions/*/status
Service /status/conditions/*/type
Service /status/loadBalancer/ingress
StaticGatewayConfiguration /metadata/creationTimestamp
StaticGatewayConfiguration /spec/gatewayNodepoolName
StaticGatewayConfiguration /status/conditions/*/lastTransitionTime
StaticGatewayConfiguration /status/conditions/*/status
StaticGatewayConfiguration /status/conditions/*/type
StaticGatewayConfiguration /status/egressIpPrefix
TigeraStatus /status/conditions/*/lastTransitionTime
TigeraStatus /status/conditions/*/message
TigeraStatus /status/conditions/*/status
TigeraStatus /status/conditions/*/type
`
