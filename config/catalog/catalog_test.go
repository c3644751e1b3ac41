// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	catalogwords "github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/test/facts"
)

// How wide some columns may be, for kubectl's listing to fit 120 columns.
const (
	maxName           = 24
	maxImplementation = 14
	maxMethod         = 9
)

// categories and methods translate the table's words into those of the API.
var (
	categories = map[string]v1alpha1.Category{
		"Control Plane Components":       v1alpha1.CategoryControlPlane,
		"Node Components":                v1alpha1.CategoryNode,
		"Storage Components":             v1alpha1.CategoryStorage,
		"Networking Components":          v1alpha1.CategoryNetworking,
		"Monitoring & Observability":     v1alpha1.CategoryObservability,
		"Authentication & Authorization": v1alpha1.CategoryIdentity,
		"Service Mesh":                   v1alpha1.CategoryServiceMesh,
		"Add-ons & Extensions":           v1alpha1.CategoryAddon,
	}
	methods = map[string]v1alpha1.ImplementationMethod{
		"Azure Platform Service": v1alpha1.MethodPlatformService,
		"systemd service":        v1alpha1.MethodSystemdService,
		"DaemonSet":              v1alpha1.MethodDaemonSet,
		"Deployment":             v1alpha1.MethodDeployment,
		"Host Binary":            v1alpha1.MethodHostBinary,
	}
)

// methodsOf reads "DaemonSet + Deployment".
func methodsOf(g *WithT, text string) []v1alpha1.ImplementationMethod {
	var out []v1alpha1.ImplementationMethod
	for name := range strings.SplitSeq(text, " + ") {
		g.Expect(methods).To(HaveKey(name), "every method of the table has a word in the API: %q of %q", name, text)
		out = append(out, methods[name])
	}
	return out
}

func readTable(t *testing.T) *facts.Table {
	t.Helper()
	table, err := facts.Read()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func load(t *testing.T, folders ...string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(folders...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func find(mappings []v1alpha1.ComponentMapping, name string) *v1alpha1.ComponentMapping {
	i := slices.IndexFunc(mappings, func(m v1alpha1.ComponentMapping) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &mappings[i]
}

// TestTableRows holds the catalog to the table, row by row.
func TestTableRows(t *testing.T) {
	table, c := readTable(t), load(t, catalog.AKS)
	var names, documented []string
	for _, m := range c.Mappings {
		names = append(names, m.Name)
	}
	for _, r := range table.Rows {
		documented = append(documented, r.Mapping)
	}
	g := NewWithT(t)
	g.Expect(documented).To(HaveLen(22), "the table has 22 rows")
	g.Expect(names).To(Equal(documented), "the catalog has one mapping for each row, in the table's order")

	for i, r := range table.Rows {
		t.Run(r.Mapping, func(t *testing.T) {
			g := NewWithT(t)
			spec := c.Mappings[i].Spec
			same := func(field string, got any, want types.GomegaMatcher) {
				t.Helper()
				g.Expect(got).To(want, "%s: the mapping says what the table says: %s", r.Mapping, field)
			}
			same("spec.component", spec.Component, Equal(r.Component))
			same("spec.category", spec.Category, Equal(categories[r.Section]))
			same("spec.order", ptr.Deref(spec.Order, 0), BeEquivalentTo(i+1))
			doc := spec.Implementation
			same("implementation.name", doc.Name, Equal(r.Implementation))
			same("implementation.source", doc.Source, Equal(r.Source))
			same("implementation.methods", doc.Methods, ConsistOf(methodsOf(g, r.Method)))
			same("implementation.minVersion", doc.MinVersion, Equal(r.MinVersion))
			if r.Image != "" {
				same("implementation.image", doc.Image, Equal(r.Image))
			}
			same("implementation.details, every bullet", len(doc.Details), BeNumerically(">=", len(r.Details)))
			same("implementation.details, in the table's order", doc.Details[:len(r.Details)], Equal(r.Details))
		})
	}
}

// TestKeyDetails holds the mappings to what the table's second part says of some of them.
func TestKeyDetails(t *testing.T) {
	c := load(t, catalog.AKS)
	for _, k := range readTable(t).KeyDetails {
		t.Run(k.Mapping, func(t *testing.T) {
			g := NewWithT(t)
			doc := find(c.Mappings, k.Mapping).Spec.Implementation
			g.Expect(doc.Source.URL).To(BeEquivalentTo(k.Repository), "%s: the mapping has the repository of the key details", k.Mapping)
			for _, detail := range k.Details {
				g.Expect(doc.Details).To(ContainElement(detail), "%s: the mapping has every key detail", k.Mapping)
			}
			for _, a := range k.Artifacts {
				g.Expect(doc.Artifacts).To(ContainElement(SatisfyAll(
					HaveField("Type", a.Type), HaveField("Name", a.Name),
					HaveField("Description", HavePrefix(a.Description)))), "%s: the mapping has every artifact of the key details: %s", k.Mapping, a.Name)
			}
		})
	}
}

func TestInsights(t *testing.T) {
	c, documented := load(t, catalog.AKS), readTable(t)
	NewWithT(t).Expect(documented.Insights).To(HaveLen(6), "the table has six insights")
	for _, i := range documented.Insights {
		t.Run(i.Name, func(t *testing.T) {
			g := NewWithT(t)
			for name, method := range i.Mappings {
				g.Expect(find(c.Mappings, name).Spec.Implementation.Methods).To(ConsistOf(methodsOf(g, method)),
					"the mapping is implemented as the insight %q says: %s", i.Name, name)
			}
		})
	}
}

func TestReferencesAndMethods(t *testing.T) {
	g, c, documented := NewWithT(t), load(t, catalog.AKS), readTable(t)
	var references []v1alpha1.Reference
	used := map[v1alpha1.ImplementationMethod]bool{}
	for _, m := range c.Mappings {
		references = append(references, m.Spec.Implementation.References...)
		for _, method := range m.Spec.Implementation.Methods {
			used[method] = true
		}
	}
	for _, r := range documented.References {
		g.Expect(references).To(ContainElement(r), "every reference of the table is one of a mapping: %s", r.Name)
	}
	g.Expect(documented.Methods).To(HaveLen(len(methods)), "the table explains each of its methods")
	for _, m := range documented.Methods {
		g.Expect(used).To(HaveKey(methods[m.Name]), "a mapping is documented for each method of the table: %s", m.Name)
	}
}

// TestMappings holds every mapping, the extras included, to the rules of the catalog.
func TestMappings(t *testing.T) {
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		t.Run(m.Name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(len(m.Name)).To(BeNumerically("<=", maxName), "the name of every mapping fits kubectl's column: %s", m.Name)
			g.Expect(m.Labels).To(HaveKeyWithValue(v1alpha1.PlatformLabel, "aks"), "every mapping has the label of its platform: %s", m.Name)
			g.Expect(m.Spec.Presence).NotTo(BeEmpty(), "every mapping says its presence, which is a statement of its own and no default: %s", m.Name)
			g.Expect(m.Spec.Variants).NotTo(BeEmpty(), "every mapping has a variant: %s", m.Name)

			var variants []string
			for _, v := range m.Spec.Variants {
				variants = append(variants, v.Name)
				g.Expect(v.Description).NotTo(BeEmpty(), "every variant of every mapping has a description: %s/%s", m.Name, v.Name)
				shown := v.Implementation
				if shown == "" {
					shown = m.Spec.Implementation.Name
				}
				g.Expect(len(shown)).To(BeNumerically("<=", maxImplementation),
					"the implementation of every variant fits kubectl's column: %s/%s", m.Name, v.Name)
			}
			for _, a := range m.Spec.Implementation.Advisories {
				g.Expect(variants).To(ContainElements(a.Variants), "every advisory is about variants that its mapping has: %s: %s", m.Name, a.Message)
			}

			_, err := check.Compile(&m.Spec)
			g.Expect(err).NotTo(HaveOccurred(), "the checks of every mapping compile: %s", m.Name)
		})
	}
}

// TestAliases: every alias leads to one mapping, and hides none.
func TestAliases(t *testing.T) {
	g, means := NewWithT(t), map[string]string{}
	mappings := load(t, catalog.AKS, catalog.AKSExtras).Mappings
	for _, m := range mappings {
		means[m.Name] = m.Name
	}
	for _, m := range mappings {
		for _, alias := range m.Spec.Aliases {
			g.Expect(means).NotTo(HaveKey(string(alias)), "every alias is one mapping's, and no name: %s of %s", alias, m.Name)
			means[string(alias)] = m.Name
		}
	}
	for alias, name := range map[string]string{"karpenter": "node-auto-provisioning", "ccm": "cloud-controller-manager", "agic": "ingress-controller",
		"agc": "alb-controller", "cilium": "azure-cni", "csi-disk": "azuredisk-csi-driver", "vertical-pod-autoscaler": "vertical-pod-autoscaler"} {
		g.Expect(means).To(HaveKeyWithValue(alias, name), "a component is found by what people call it")
	}
}

// TestJoiningNodes: a node that joins is not complete at once, so a mapping that counts nodes, or what runs on
// each of them, has patience.
func TestJoiningNodes(t *testing.T) {
	onEveryNode := func(c v1alpha1.Check) bool {
		switch {
		case c.Expect == v1alpha1.ExpectAbsent || c.Expect == v1alpha1.ExpectPrecondition:
			return false
		case c.Workload != nil:
			return c.Workload.Kind == v1alpha1.WorkloadDaemonSet
		case c.Object != nil:
			return c.Object.Kind == "CSINode" && c.Object.Healthy != ""
		}
		return c.Nodes != nil && c.Nodes.Healthy != nil
	}
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		checks := slices.Clone(m.Spec.Checks)
		for _, v := range m.Spec.Variants {
			checks = append(checks, v.Checks...)
		}
		if slices.ContainsFunc(checks, onEveryNode) {
			t.Run(m.Name, func(t *testing.T) {
				NewWithT(t).Expect(ptr.Deref(m.Spec.GracePeriodSeconds, 0)).To(BeNumerically(">=", 15),
					"a mapping that counts nodes, or what runs on each of them, has a grace period of 15 s at least: %s", m.Name)
			})
		}
	}
}

// TestTolerance: checks of nodes tolerate a share of each node pool, be it one of AKS or a NodePool of Karpenter, those of
// DaemonSets, all of which run on every node, a share of their pods, and nothing else tolerates anything. docs/mappings.md
// says why so much.
func TestTolerance(t *testing.T) {
	c := load(t, catalog.AKS, catalog.AKSExtras)
	pool := c.Architectures[0].Spec.NodePoolLabel
	NewWithT(t).Expect(pool).NotTo(BeEmpty())
	groups := []v1alpha1.QualifiedName{pool, "karpenter.sh/nodepool"}
	perNode := []string{"CSINode", "NodeNetworkConfig"}
	none, ofPools, ofPods := v1alpha1.Tolerance{}, v1alpha1.Tolerance{Percent: new(int32(5))}, v1alpha1.Tolerance{Percent: new(int32(1))}
	ofAttempts, ofPolicies := v1alpha1.Tolerance{Percent: new(int32(50))}, v1alpha1.Tolerance{Percent: new(int32(10))}
	for _, m := range c.Mappings {
		t.Run(m.Name, func(t *testing.T) {
			g := NewWithT(t)
			checks := slices.Clone(m.Spec.Checks)
			for _, v := range m.Spec.Variants {
				checks = append(checks, v.Checks...)
			}
			for i := range checks {
				c := &checks[i]
				what := m.Name + ": " + c.Name
				switch {
				case c.Nodes != nil && c.Nodes.Healthy != nil:
					g.Expect(c.Nodes.GroupBy).To(Equal(groups), "every check of the health of nodes groups them by node pool, and those of node auto-provisioning by NodePool: %s", what)
					g.Expect(c.Nodes.Tolerance).To(Equal(ofPools), "it tolerates 5 %% of each node pool: %s", what)
				case c.Nodes != nil:
					g.Expect(c.Nodes.GroupBy).To(BeEmpty(), "what has no vote on health groups nothing: %s", what)
					g.Expect(c.Nodes.Tolerance).To(Equal(none), "it tolerates nothing: %s", what)
				case c.Workload != nil && c.Workload.Kind == v1alpha1.WorkloadDaemonSet && catalogwords.Belongs(c):
					g.Expect(c.Workload.Tolerance).To(Equal(ofPods), "every DaemonSet tolerates 1 %% of its pods: %s", what)
				case c.Workload != nil:
					g.Expect(c.Workload.Tolerance).To(Equal(none), "no other workload tolerates anything: %s", what)
				case c.Object != nil && slices.Contains(perNode, c.Object.Kind) && c.Object.Healthy != "":
					g.Expect(c.Object.Tolerance).To(Equal(ofPods), "objects of which each node has one tolerate 1 %% of them: %s", what)
				case c.Object != nil && slices.Contains([]string{"NodeClaim", "Gateway"}, c.Object.Kind):
					g.Expect(c.Object.Tolerance).To(Equal(ofAttempts), "half of the machines, or gateways, that are made may fail: %s", what)
				case c.Object != nil && c.Object.Kind == "ConstraintTemplate":
					g.Expect(c.Object.Tolerance).To(Equal(ofPolicies), "a tenth of the provider's policies may fail: %s", what)
				case c.Object != nil:
					g.Expect(c.Object.Tolerance).To(Equal(none), "no other objects tolerate anything: %s", what)
				}
			}
		})
	}
}

// TestHiddenParts: whatever is claimed to run outside of the cluster is claimed on AKS only.
func TestHiddenParts(t *testing.T) {
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		for _, v := range m.Spec.Variants {
			hidden := slices.ContainsFunc(append(slices.Clone(m.Spec.Checks), v.Checks...), func(c v1alpha1.Check) bool {
				return c.Method == v1alpha1.CheckMethod(v1alpha1.MethodPlatformService)
			})
			// The issuer's own name says that it is Azure's.
			if !hidden || (m.Name == "entra-id" && v.Name == "oidc-issuer") {
				continue
			}
			t.Run(m.Name+"/"+v.Name, func(t *testing.T) {
				NewWithT(t).Expect(v.Checks).To(ContainElement(Satisfy(func(c v1alpha1.Check) bool {
					return c.Expect == v1alpha1.ExpectPrecondition && marks(c) == "kubernetes.azure.com/cluster"
				})), "a variant with a hidden part has a precondition on the node label of AKS: %s/%s", m.Name, v.Name)
			})
		}
	}
}

// TestOperatedByAzure: what is said to be Azure's work bears a mark of AKS, be it on the nodes or on the component.
func TestOperatedByAzure(t *testing.T) {
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		for _, v := range m.Spec.Variants {
			if cmp.Or(v.OperatedBy, m.Spec.OperatedBy) != v1alpha1.OperatedByProvider {
				continue
			}
			t.Run(m.Name+"/"+v.Name, func(t *testing.T) {
				NewWithT(t).Expect(v.Checks).To(ContainElement(Satisfy(func(c v1alpha1.Check) bool {
					needed := c.Expect == v1alpha1.ExpectPrecondition || c.Expect == v1alpha1.ExpectPresent || c.Expect == ""
					return needed && strings.HasPrefix(marks(c), "kubernetes.azure.com/")
				})), "a variant that the provider operates has a check that asks for a label of AKS: %s/%s", m.Name, v.Name)
			})
		}
	}
}

// ownersKinds are those of objects that the cluster's owner writes for what the provider runs; what the provider writes of them
// is told apart by a name or a label.
var ownersKinds = []string{"Gateway", "NginxIngressController", "NodeClaim", "NodePool", "StaticGatewayConfiguration"}

// TestOperatedByOwner: whoever writes an object answers for it. No check of such a kind that may fail charges the provider
// with what the owner wrote.
func TestOperatedByOwner(t *testing.T) {
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		for _, v := range append([]v1alpha1.Variant{{Name: "shared", Checks: m.Spec.Checks}}, m.Spec.Variants...) {
			for _, c := range v.Checks {
				if c.Object == nil || c.Object.Healthy == "" || !slices.Contains(ownersKinds, c.Object.Kind) {
					continue
				}
				by := cmp.Or(c.OperatedBy, v.OperatedBy, m.Spec.OperatedBy)
				toldApart := c.Object.Name != "" || c.Object.Selector != nil || strings.Contains(string(c.Object.Present), "aks-managed-")
				NewWithT(t).Expect(by == v1alpha1.OperatedByCustomer || toldApart).To(BeTrue(),
					"objects that the owner may write are the owner's to act: %s/%s: %s", m.Name, v.Name, c.Name)
			}
		}
	}
}

// marks is a label that the nodes or workloads which a check looks for must have.
func marks(c v1alpha1.Check) string {
	var selector *metav1.LabelSelector
	switch {
	case c.Nodes != nil:
		selector = c.Nodes.Selector
	case c.Workload != nil:
		selector = c.Workload.Selector
	}
	if selector == nil {
		return ""
	}
	for _, r := range selector.MatchExpressions {
		if r.Operator == metav1.LabelSelectorOpExists || r.Operator == metav1.LabelSelectorOpIn {
			return r.Key
		}
	}
	for key := range selector.MatchLabels {
		return key
	}
	return ""
}

// TestOrder: rows of one category have different places, those of the table before the extras.
func TestOrder(t *testing.T) {
	g := NewWithT(t)
	type place struct {
		category v1alpha1.Category
		order    int32
	}
	taken := map[place]string{}
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		p := place{m.Spec.Category, ptr.Deref(m.Spec.Order, 0)}
		g.Expect(taken).NotTo(HaveKey(p), "no two mappings of a category have the same spec.order: %s and %s", m.Name, taken[p])
		taken[p] = m.Name
	}
	for _, m := range load(t, catalog.AKSExtras).Mappings {
		g.Expect(ptr.Deref(m.Spec.Order, 0)).To(BeNumerically(">", 100), "the extras come after the table, spec.order is more than 100: %s", m.Name)
		g.Expect(m.Spec.Presence).To(Equal(v1alpha1.PresenceOptional), "the extras are optional: %s", m.Name)
	}
}

// TestArchitecture: the architecture finds its mappings, and its rules speak of mappings and variants that exist.
func TestArchitecture(t *testing.T) {
	g, c := NewWithT(t), load(t, catalog.AKS, catalog.AKSExtras)
	g.Expect(c.Architectures).To(HaveLen(1), "the catalog has one architecture")
	arch := c.Architectures[0]
	g.Expect(arch.Name).To(Equal("aks"), "the architecture is named after its platform")
	g.Expect(arch.Spec.ComponentSelector.MatchLabels).To(HaveKeyWithValue(v1alpha1.PlatformLabel, "aks"), "the architecture selects the mappings of its platform")
	g.Expect(arch.Spec.Rules).NotTo(BeEmpty(), "the architecture has rules")
	for _, rule := range arch.Spec.Rules {
		for _, member := range rule.Components {
			name, variant, _ := strings.Cut(string(member), "/")
			m := find(c.Mappings, name)
			g.Expect(m).NotTo(BeNil(), "rules name mappings that exist: rule %s names %s", rule.Name, member)
			if variant != "" {
				g.Expect(m.Spec.Variants).To(ContainElement(HaveField("Name", variant)), "rules name variants that exist: rule %s names %s", rule.Name, member)
			}
		}
	}
}

// TestAdvisories: the status of an architecture lists 64; no cluster can have more.
func TestAdvisories(t *testing.T) {
	n := 0
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		n += len(m.Spec.Implementation.Advisories)
	}
	NewWithT(t).Expect(n).To(BeNumerically("<=", 64), "the status of an architecture has room for all advisories of the catalog")
}

// TestFiles: every file of a folder is listed in its kustomization and named after what it holds.
func TestFiles(t *testing.T) {
	for _, folder := range []string{catalog.AKS, catalog.AKSExtras} {
		t.Run(folder, func(t *testing.T) {
			g, c := NewWithT(t), load(t, folder)
			expected := []string{"kustomization.yaml"}
			if len(c.Architectures) > 0 {
				expected = append(expected, "clusterarchitecture.yaml")
			}
			for _, m := range c.Mappings {
				expected = append(expected, m.Name+".yaml")
			}
			var found []string
			paths, err := filepath.Glob(filepath.Join(folder, "*"))
			g.Expect(err).NotTo(HaveOccurred())
			for _, p := range paths {
				found = append(found, filepath.Base(p))
			}
			g.Expect(found).To(ConsistOf(expected), "every file of config/catalog/%s is listed in its kustomization, and named after what it holds", folder)
		})
	}
}

func TestUnknownFolder(t *testing.T) {
	_, err := catalog.Load("no-such-platform")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("no-such-platform")))
}

// TestEvidenceOfObjects: what outlives a component proves nothing of it, and what is wrong with an object is said, in one
// word and in a sentence.
func TestEvidenceOfObjects(t *testing.T) {
	outlive := []string{
		"IngressClass", "GatewayClass", "CSIDriver", "CSINode", "CustomResourceDefinition", "APIService", "EndpointSlice",
		"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
	}
	// Its definitions are all that it is, so there is nothing that they could outlive.
	const definitions = "managed-gateway-api"
	// Variants of this name are about what outlived the rest.
	const leftovers = "left-behind"
	g := NewWithT(t)
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		lists := [][]v1alpha1.Check{m.Spec.Checks}
		for _, v := range m.Spec.Variants {
			if v.Name != leftovers {
				lists = append(lists, v.Checks)
			}
		}
		for _, c := range slices.Concat(lists...) {
			if c.Object == nil {
				continue
			}
			if slices.Contains(outlive, c.Object.Kind) && m.Name != definitions {
				g.Expect(c.Evidence).To(BeEmpty(), "a %s outlives what it was made for: %s, check %s", c.Object.Kind, m.Name, c.Name)
			}
			if c.Object.Healthy != "" {
				g.Expect(c.Object.Reason).NotTo(BeEmpty(), "an unhealthy %s has a reason of its own: %s, check %s", c.Object.Kind, m.Name, c.Name)
				g.Expect(c.Object.Message).NotTo(BeEmpty(), "an unhealthy %s is explained in words: %s, check %s", c.Object.Kind, m.Name, c.Name)
			}
		}
	}
}

// servesRegistration are the names of programs that the API server calls: a webhook or an API must lead to them.
var servesRegistration = regexp.MustCompile(`webhook|admission|injector|apiserver|^metrics-server`)

// TestRegistrations: pods that the API server is to call do nothing without what leads there. Where a mapping names such a
// program it checks the registration, and with that the Service behind it: a Webhook check does so by itself, and of an
// aggregated API the condition Available tells.
func TestRegistrations(t *testing.T) {
	registers := func(c v1alpha1.Check) bool {
		if c.Object != nil && c.Object.Kind == "APIService" {
			return strings.Contains(string(c.Object.Healthy), "'Available'") && strings.Contains(string(c.Object.Message), "'Available'")
		}
		return c.Webhook != nil
	}
	found := 0
	for _, m := range load(t, catalog.AKS, catalog.AKSExtras).Mappings {
		for _, v := range m.Spec.Variants {
			checks := slices.Concat(m.Spec.Checks, v.Checks)
			g := NewWithT(t)
			for _, c := range checks {
				if c.Object != nil && c.Object.Kind == "APIService" {
					g.Expect(registers(c)).To(BeTrue(), "an aggregated API is judged by its condition Available, which tells of its Service: %s/%s", m.Name, v.Name)
				}
				if c.Workload == nil || !catalogwords.Belongs(&c) || c.Evidence == v1alpha1.EvidenceNone {
					continue // without evidence it is a part of another component
				}
				for _, name := range c.Workload.Names {
					if servesRegistration.MatchString(string(name)) {
						found++
						g.Expect(checks).To(ContainElement(Satisfy(registers)), "what the API server calls is registered there: %s of %s/%s", name, m.Name, v.Name)
					}
				}
			}
		}
	}
	NewWithT(t).Expect(found).To(BeNumerically(">", 10), "mappings name programs that the API server calls")
}
