// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
)

// mappingOf has the given checks, which are written as YAML.
func mappingOf(t *testing.T, name, checks string) *v1alpha1.ComponentMapping {
	t.Helper()
	m := &v1alpha1.ComponentMapping{}
	m.Name = name
	NewWithT(t).Expect(yaml.UnmarshalStrict([]byte(checks), &m.Spec.Checks)).To(Succeed())
	return m
}

const (
	workload     = "[{name: a, type: Workload, workload: {kind: StatefulSet, namespace: redis, names: [redis]}}]"
	watchedByAll = "[{name: a, type: Object, method: None, object: {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway}}]"
	watchedOne   = "[{name: a, type: Object, method: None, object: {apiVersion: v1, kind: ConfigMap, namespace: x, name: c}}]"
	polledOne    = "[{name: a, type: Object, method: None, object: {apiVersion: v1, kind: ConfigMap, namespace: x, name: d, observe: Poll}}]"
	polledAll    = "[{name: a, type: Object, method: None, object: {apiVersion: v1, kind: Service, observe: Poll}}]"
	lease        = "[{name: a, type: Lease, method: PlatformService, lease: {namespace: kube-system, name: l}}]"
	endpoint     = "[{name: a, type: Endpoint, method: PlatformService, endpoint: {path: '/readyz?verbose'}}]"
	review       = "[{name: a, type: AccessReview, method: PlatformService, accessReview: {verb: delete, resource: nodes, reasonContains: [azure]}}]"
)

const ask = "apiGroups: [authorization.k8s.io], resources: [selfsubjectaccessreviews], verbs: [create]"

func TestRulesOfEachType(t *testing.T) {
	for name, tc := range map[string]struct {
		checks         string
		operator, user []string
	}{
		"a workload, its events and pods, and the nodes": {workload,
			[]string{`apiGroups: [""], resources: [events], verbs: [list]`, `apiGroups: [""], resources: [nodes], verbs: [list, watch]`, `apiGroups: [""], resources: [pods], verbs: [list]`,
				"apiGroups: [apps], resources: [statefulsets], verbs: [list, watch]", ask},
			[]string{`apiGroups: [""], resources: [events], verbs: [list]`, `apiGroups: [""], resources: [nodes], verbs: [list]`, `apiGroups: [""], resources: [pods], verbs: [list]`,
				"apiGroups: [apps], resources: [statefulsets], verbs: [list]"}},
		"a Deployment, which says itself why it cannot make pods": {strings.ReplaceAll(workload, "StatefulSet", "Deployment"),
			[]string{`apiGroups: [""], resources: [nodes], verbs: [list, watch]`, `apiGroups: [""], resources: [pods], verbs: [list]`,
				"apiGroups: [apps], resources: [deployments], verbs: [list, watch]", ask},
			[]string{`apiGroups: [""], resources: [nodes], verbs: [list]`, `apiGroups: [""], resources: [pods], verbs: [list]`,
				"apiGroups: [apps], resources: [deployments], verbs: [list]"}},
		"objects of a kind": {watchedByAll,
			[]string{ask, "apiGroups: [gateway.networking.k8s.io], resources: [gateways], verbs: [list, watch]"},
			[]string{"apiGroups: [gateway.networking.k8s.io], resources: [gateways], verbs: [list]"}},
		"a ConfigMap": {watchedOne,
			[]string{`apiGroups: [""], resources: [configmaps], verbs: [list, watch], resourceNames: [c]`, ask},
			[]string{`apiGroups: [""], resources: [configmaps], verbs: [get], resourceNames: [c]`}},
		"an object that is polled": {polledOne,
			[]string{`apiGroups: [""], resources: [configmaps], verbs: [get, list, watch], resourceNames: [d]`, ask},
			[]string{`apiGroups: [""], resources: [configmaps], verbs: [get], resourceNames: [d]`}},
		"objects that are polled": {polledAll,
			[]string{`apiGroups: [""], resources: [services], verbs: [list, watch]`, ask},
			[]string{`apiGroups: [""], resources: [services], verbs: [list]`}},
		"a lease": {lease,
			[]string{ask, "apiGroups: [coordination.k8s.io], resources: [leases], verbs: [list]"},
			[]string{"apiGroups: [coordination.k8s.io], resources: [leases], verbs: [list]"}},
		"a path": {endpoint,
			[]string{"nonResourceURLs: [/readyz], verbs: [get]"},
			[]string{"nonResourceURLs: [/readyz], verbs: [get]"}},
		"a review": {review, []string{ask}, []string{ask}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for reader, want := range map[Reader][]string{Operator: tc.operator, User: tc.user} {
				needs := NewNeeds(reader, nil)
				g.Expect(needs.AddMapping(mappingOf(t, "m", tc.checks))).To(Succeed())
				g.Expect(texts(needs.ClusterRules())).To(Equal(want), string(reader))
			}
		})
	}
}

// What is polled is seen without the right to watch it, only later.
func TestRequiredRules(t *testing.T) {
	g := NewWithT(t)
	needs := NewNeeds(Operator, nil)
	g.Expect(needs.AddMapping(mappingOf(t, "m", strings.TrimSuffix(polledOne, "]")+", "+strings.TrimPrefix(strings.ReplaceAll(polledAll, "name: a", "name: b"), "[")))).To(Succeed())
	g.Expect(texts(needs.RequiredRules())).To(Equal([]string{
		`apiGroups: [""], resources: [configmaps], verbs: [get], resourceNames: [d]`, `apiGroups: [""], resources: [services], verbs: [list]`, ask}))
}

func texts(rules []Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.String())
	}
	return out
}

func TestRulesAreMinimal(t *testing.T) {
	g := NewWithT(t)
	const all = "[{name: a, type: Object, method: None, object: {apiVersion: v1, kind: Service, namespace: x, name: one, observe: Poll}}," +
		" {name: b, type: Object, method: None, object: {apiVersion: v1, kind: Service}}," +
		" {name: c, type: Object, method: None, object: {apiVersion: v1, kind: Service, observe: Poll}}]"
	needs := NewNeeds(User, nil)
	g.Expect(needs.AddMapping(mappingOf(t, "m", all))).To(Succeed())
	g.Expect(texts(needs.NamespacedRules())).To(Equal([]string{
		`apiGroups: [""], resources: [services], verbs: [list]`,
		`apiGroups: [""], resources: [services], verbs: [get], resourceNames: [one]`,
	}), "get of one object does not follow from list of all")
	needs = NewNeeds(Operator, nil)
	g.Expect(needs.AddMapping(mappingOf(t, "m", strings.ReplaceAll(all, ", observe: Poll", "")))).To(Succeed())
	g.Expect(texts(needs.NamespacedRules())).To(Equal([]string{`apiGroups: [""], resources: [services], verbs: [list, watch]`, ask}),
		"who sees all namespaces needs no right in one")
}

func TestNamespacedRules(t *testing.T) {
	g := NewWithT(t)
	needs := NewNeeds(User, nil)
	g.Expect(needs.AddMapping(mappingOf(t, "redis", workload))).To(Succeed())
	g.Expect(needs.AddMapping(mappingOf(t, "scheduler", lease))).To(Succeed())
	var got []string
	for _, r := range needs.NamespacedRules() {
		got = append(got, r.Namespace+"/"+strings.Join(r.Resources, ",")+" for "+strings.Join(r.NeededBy, ","))
	}
	g.Expect(got).To(Equal([]string{
		"/nodes for redis", "kube-system/leases for scheduler", "redis/events for redis", "redis/pods for redis", "redis/statefulsets for redis"}))
}

// The shipped roles are what the catalogs need: nothing less, and nothing more but the rights to archmap's own kinds.
func TestShippedRolesAreWhatTheCatalogsNeed(t *testing.T) {
	g := NewWithT(t)
	c, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	g.Expect(err).NotTo(HaveOccurred())
	needs := NewNeeds(Operator, nil)
	for i := range c.Mappings {
		g.Expect(needs.AddMapping(&c.Mappings[i])).To(Succeed())
	}
	for i := range c.Architectures {
		g.Expect(needs.AddArchitecture(&c.Architectures[i])).To(Succeed())
	}
	granted, err := GrantedToOperator()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(Missing(needs.ClusterRules(), granted)).To(BeEmpty())
	beyond := slices.DeleteFunc(Excess(needs.ClusterRules(), granted), func(r rbacv1.PolicyRule) bool {
		return r.APIGroups[0] == v1alpha1.GroupVersion.Group
	})
	g.Expect(beyond).To(BeEmpty())
}

func TestMissing(t *testing.T) {
	needs := NewNeeds(Operator, nil)
	g := NewWithT(t)
	g.Expect(needs.AddMapping(mappingOf(t, "m", watchedOne))).To(Succeed())
	role := &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}}}
	missing := func() []string {
		granted, err := GrantedToOperator(role)
		g.Expect(err).NotTo(HaveOccurred())
		return texts(Missing(needs.ClusterRules(), granted))
	}
	g.Expect(missing()).To(Equal([]string{`apiGroups: [""], resources: [configmaps], verbs: [list, watch], resourceNames: [c]`}),
		"the role is not aggregated")
	role.Labels = map[string]string{AggregationLabel: AggregationValue}
	g.Expect(missing()).To(Equal([]string{`apiGroups: [""], resources: [configmaps], verbs: [watch], resourceNames: [c]`}))
	role.Rules[0].Verbs = []string{"*"}
	g.Expect(missing()).To(BeEmpty())
}

func TestPlurals(t *testing.T) {
	g := NewWithT(t)
	definition := &apiextensionsv1.CustomResourceDefinition{}
	definition.Spec.Group, definition.Spec.Names.Kind, definition.Spec.Names.Plural = "example.com", "Octopus", "octopodes"
	plurals := NewPlurals(definition)
	for kind, plural := range map[string]string{
		"v1/Endpoints": "endpoints", "networking.k8s.io/v1/NetworkPolicy": "networkpolicies", "storage.k8s.io/v1/StorageClass": "storageclasses",
		"gateway.networking.k8s.io/v1/Gateway": "gateways", "metrics.k8s.io/v1beta1/PodMetrics": "pods",
		"operator.tigera.io/v1/TigeraStatus": "tigerastatuses", "example.com/v1/Octopus": "octopodes",
	} {
		i := strings.LastIndex(kind, "/")
		g.Expect(plurals.Of(schema.FromAPIVersionAndKind(kind[:i], kind[i+1:]))).To(Equal(plural))
	}
}

func TestRolesAsYAML(t *testing.T) {
	g := NewWithT(t)
	needs := NewNeeds(Operator, nil)
	g.Expect(needs.AddMapping(mappingOf(t, "redis", workload))).To(Succeed())
	write := func(rules []Rule, o Options) string {
		var out bytes.Buffer
		g.Expect(NewRoles(rules, o).YAML(&out)).To(Succeed())
		return out.String()
	}
	whole := write(needs.ClusterRules(), Options{Name: "extra", Reader: Operator, Subjects: []rbacv1.Subject{OperatorAccount}})
	g.Expect(whole).To(HavePrefix(`apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  labels:
    rbac.architecture.archmap.dev/aggregate-to-observer: "true"
  name: extra
rules:
# needed by redis
- apiGroups:
  - ""
  resources:
  - events
`))
	g.Expect(whole).NotTo(ContainSubstring("Binding"), "what is aggregated needs none")
	var role rbacv1.ClusterRole
	g.Expect(yaml.UnmarshalStrict([]byte(whole), &role)).To(Succeed())
	g.Expect(role.Rules).To(Equal(policyRules(needs.ClusterRules())))

	apart := write(needs.NamespacedRules(), Options{Name: "extra", Reader: Operator, Subjects: []rbacv1.Subject{OperatorAccount}})
	var kinds []string
	for text := range strings.SplitSeq(apart, "---\n") {
		var o rbacv1.RoleBinding // as good as any for the kind and the namespace
		g.Expect(yaml.Unmarshal([]byte(text), &o)).To(Succeed())
		kinds = append(kinds, o.Kind+" "+o.Namespace)
	}
	g.Expect(kinds).To(Equal([]string{"ClusterRole ", "Role redis", "RoleBinding redis"}))
	g.Expect(apart).To(ContainSubstring("name: archmap-controller-manager\n  namespace: archmap-system"))
}

func TestCommentsAreWrapped(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	comment(&out, "needed by "+strings.Repeat("component, ", 30))
	for line := range strings.Lines(out.String()) {
		g.Expect(line).To(HavePrefix("#"))
		g.Expect(len(line)).To(BeNumerically("<=", commentWidth+1))
	}
}
