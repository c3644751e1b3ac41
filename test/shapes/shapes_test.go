// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
)

func TestEveryShapeLoads(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, err := Load(name)
			g.Expect(err).NotTo(HaveOccurred(), "every shape loads: %s", name)
			count := 0
			for _, pool := range s.NodePools {
				count += pool.Count
			}
			g.Expect(count).To(BeNumerically(">", 0), "every shape has nodes: %s", name)
			for _, kind := range []schema.GroupKind{{Kind: "Node"}, {Group: "storage.k8s.io", Kind: "CSINode"}} {
				g.Expect(s.Of(kind)).To(HaveLen(count), "every node of a shape has a %s: %s", kind, name)
			}
			for _, node := range s.Of(schema.GroupKind{Kind: "Node"}) {
				_, aks := node.GetLabels()["kubernetes.azure.com/cluster"]
				g.Expect(aks).To(Equal(s.Provider == AKS), "nodes of AKS, and no others, have its label: %s", node.GetName())
				g.Expect(node.UnstructuredContent()).To(HaveKeyWithValue("status",
					HaveKeyWithValue("nodeInfo", HaveKeyWithValue("kubeletVersion", s.KubernetesVersion))), "kubelets have the version of their shape: %s", node.GetName())
			}
		})
	}
}

func TestUnknownShapeNamesTheKnownOnes(t *testing.T) {
	_, err := Load("nowhere")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("documented, ")), "who mistypes a shape is told which there are")
}

func TestHealthyShapesAreThoseThatAreAssessed(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Healthy()).To(ContainElements("overlay-cilium", "documented", "kubenet"))
	g.Expect(Healthy()).NotTo(ContainElement("byo-cni-bare"), "no node of it is ready")
	for _, name := range Healthy() {
		s, err := Load(name)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(s.Provider).To(Equal(AKS), "the catalog assesses AKS, and nothing else: %s", name)
	}
}

// A part that no shape includes is never tested.
func TestEveryPartIsUsed(t *testing.T) {
	g := NewWithT(t)
	all, used := sets.New[string](), sets.New[string]()
	g.Expect(fs.WalkDir(data, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || path.Base(file) != "kustomization.yaml" {
			return err
		}
		text, err := fs.ReadFile(data, file)
		if err != nil {
			return err
		}
		dir := path.Dir(file)
		if _, err := fs.Stat(data, path.Join(dir, "shape.yaml")); err != nil {
			all.Insert(dir)
		}
		var k types.Kustomization
		err = yaml.Unmarshal(text, &k)
		for _, other := range slices.Concat(k.Resources, k.Components, k.Transformers) {
			used.Insert(path.Join(dir, other))
		}
		return err
	})).To(Succeed())
	g.Expect(all).NotTo(BeEmpty(), "shapes have parts")
	g.Expect(sets.List(all.Difference(used))).To(BeEmpty(), "every part is used by a shape; these are not")
}

// Every file is built in, however deep it lies.
func TestEveryFileIsEmbedded(t *testing.T) {
	g := NewWithT(t)
	g.Expect(fs.WalkDir(os.DirFS("."), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || (path.Ext(file) != ".yaml" && path.Ext(file) != ".tmpl") {
			return err
		}
		_, err = fs.Stat(data, file)
		return err
	})).To(Succeed(), "every YAML file and template is embedded: see go:embed in shapes.go")
}

// A mistake in the data must be an error, not a cluster that is a little different.
func TestMistakesAreRefused(t *testing.T) {
	const (
		pod   = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
		shape = "provider: AKS\nnetwork: Routes\nnodePools: [{name: a, nodePrefix: a, count: 1}]\n"
		kinds = "apiVersion: shapes/v1\nkind: CustomResources\nmetadata: {name: c}\nspec:\n- {name: a.b.c, kind: A, versions: [v1], scope: Cluster}\n"
	)
	for name, test := range map[string]struct{ file, text, want string }{
		"unknown field of the shape":         {"bad/shape.yaml", "kubernetesVersions: v1.35.8\n", "kubernetesVersions"},
		"unknown provider":                   {"bad/shape.yaml", strings.Replace(shape, "AKS", "aks", 1), `provider "aks"`},
		"unknown network":                    {"bad/shape.yaml", strings.Replace(shape, "Routes", "kubenet", 1), `network "kubenet"`},
		"unknown type of pool":               {"bad/shape.yaml", strings.Replace(shape, "count", "type: Flex, count", 1), `type "Flex"`},
		"unknown field of the kustomization": {"bad/kustomization.yaml", "resource: [a.yaml]\n", "resource"},
		"part that is not there":             {"bad/kustomization.yaml", "components: [../parts/b]\n", "parts/b"},
		"unknown field of an object":         {"parts/a/a.yaml", pod + "spec: {containrs: []}\n", `unknown field "spec.containrs"`},
		"unknown field of a verdict":         {"bad/expected.yaml", "etcd: {present: True/Observed, health: Unknown}\n", "health"},
		"unknown field of a kind":            {"parts/a/a.yaml", strings.Replace(kinds, "scope", "scop", 1), "scop"},
		"duplicate key":                      {"parts/a/a.yaml", pod + "spec: {nodeName: a, nodeName: b}\n", "nodeName"},
		"no name":                            {"parts/a/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {}\n", "name"},
		"kind that is not there":             {"parts/a/a.yaml", "apiVersion: cilium.io/v2\nkind: CiliumNode\nmetadata: {name: aks-0}\n", "CustomResources"},
		"object twice":                       {"parts/a/a.yaml", pod + "---\n" + pod, "already registered id"},
		"kind twice":                         {"parts/a/a.yaml", kinds + "---\n" + strings.Replace(kinds, "name: c", "name: d", 1), "a.b.c is there twice"},
		"image that no era names": {"parts/a/a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n" +
			"spec: {selector: {}, template: {spec: {containers: [{name: c, image: coredns}]}}}\n", `image "coredns" has no tag`},
		"unknown value in a node": {"parts/node.yaml.tmpl", "{{ .Nmae }}", "Nmae"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for file, text := range map[string]string{
				"bad/shape.yaml":             shape,
				"bad/kustomization.yaml":     "components: [../parts/a]\n",
				"bad/expected.yaml":          "etcd: {present: True/Observed}\n",
				"parts/a/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]\n",
				"parts/a/a.yaml":             pod,
				"parts/node.yaml.tmpl":       "apiVersion: v1\nkind: Node\nmetadata: {name: \"{{ .Name }}\"}\n",
			} {
				files[file] = &fstest.MapFile{Data: []byte(text)}
			}
			g := NewWithT(t)
			_, err := load(files, "bad")
			g.Expect(err).NotTo(HaveOccurred(), "the shape is good before the mistake")

			files[test.file] = &fstest.MapFile{Data: []byte(test.text)}
			_, err = load(files, "bad")
			g.Expect(err).To(MatchError(ContainSubstring(test.want)), "a shape with a mistake is refused, and the error names it: %s", name)
		})
	}
}

// A shape with every kind of pool, provider and network, all of them valid.
func TestNodesAreOfTheirProvider(t *testing.T) {
	template, err := fs.ReadFile(data, "parts/node.yaml.tmpl")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	const cns = "apiVersion: shapes/v1\nkind: CustomResources\nmetadata: {name: c}\nspec:\n" +
		"- {name: nodenetworkconfigs.acn.azure.com, kind: NodeNetworkConfig, versions: [v1alpha], scope: Namespaced}\n"
	for name, test := range map[string]struct {
		shape      string
		providerID string
		labels     []string
		without    []string
	}{
		"scale set of AKS": {
			"{provider: AKS, region: westeurope, zones: 3, network: Overlay, nodePools: [{name: a, nodePrefix: aks-a-1-vmss, count: 1}]}",
			"virtualMachineScaleSets/aks-a-1-vmss/virtualMachines/0",
			[]string{"kubernetes.azure.com/cluster", "kubernetes.azure.com/nodepool-type", "kubernetes.azure.com/podnetwork-type"}, nil,
		},
		"node auto-provisioning": {
			"{provider: AKS, region: westeurope, network: NodeSubnet, nodePools: [{name: a, type: AutoProvisioning, nodeNames: [aks-default-2cqc5]}]}",
			"virtualMachines/aks-default-2cqc5",
			[]string{"kubernetes.azure.com/cluster"}, []string{"kubernetes.azure.com/nodepool-type", "kubernetes.azure.com/podnetwork-type"},
		},
		"own cluster on Azure": {
			"{provider: Azure, region: westeurope, network: PodCIDR, nodePools: [{name: a, nodePrefix: w, count: 1}]}",
			"virtualMachines/w000000", []string{"topology.kubernetes.io/region"}, []string{"kubernetes.azure.com/cluster"},
		},
		"Google Cloud": {
			"{provider: GCP, region: europe-west1, zones: 3, network: Routes, nodePools: [{name: a, nodePrefix: w, count: 1}]}",
			"gce://demo/europe-west1-a/w000000", []string{"topology.kubernetes.io/zone"}, []string{"kubernetes.azure.com/cluster"},
		},
		"own machines": {
			"{provider: None, network: PodCIDR, nodePools: [{name: a, nodeNames: [worker-1]}]}",
			"", []string{"kubernetes.io/hostname"}, []string{"topology.kubernetes.io/region", "kubernetes.azure.com/cluster"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, err := load(fstest.MapFS{
				"s/shape.yaml":         {Data: []byte(test.shape)},
				"s/expected.yaml":      {Data: []byte("{}")},
				"s/kustomization.yaml": {Data: []byte("resources: [kinds.yaml]")},
				"s/kinds.yaml":         {Data: []byte(cns)},
				"parts/node.yaml.tmpl": {Data: template},
			}, "s")
			g.Expect(err).NotTo(HaveOccurred())
			node := s.Of(schema.GroupKind{Kind: "Node"})[0]
			if test.providerID == "" {
				g.Expect(node.Object["spec"]).NotTo(HaveKey("providerID"), "a node of no cloud has no provider ID")
			} else {
				g.Expect(node.Object["spec"]).To(HaveKeyWithValue("providerID", HaveSuffix(test.providerID)), "the provider ID is that of the provider")
			}
			for _, label := range test.labels {
				g.Expect(node.GetLabels()).To(HaveKey(label), "a node has the labels of its provider, network and pool")
			}
			for _, label := range test.without {
				g.Expect(node.GetLabels()).NotTo(HaveKey(label), "a node has no labels of other providers, networks and pools")
			}
			_, nnc := s.Network.labels()["kubernetes.azure.com/podnetwork-type"]
			g.Expect(s.Of(schema.GroupKind{Group: "acn.azure.com", Kind: "NodeNetworkConfig"})).To(HaveLen(map[bool]int{true: 1}[nnc]),
				"a node has a NodeNetworkConfig where its network has such, and only there")
		})
	}
}

// TestSureness: a variant that AKS brings is one that a shape shows, or its description says how sure it is.
func TestSureness(t *testing.T) {
	g := NewWithT(t)
	shown := sets.New[string]()
	for _, name := range Names() {
		s := &Shape{Name: name}
		g.Expect(s.readExpected(data)).To(Succeed())
		for mapping, expected := range s.Expected {
			for _, variant := range expected.Variants {
				shown.Insert(mapping + "/" + variant)
			}
		}
	}
	extras, err := catalog.Load(catalog.AKSExtras)
	g.Expect(err).NotTo(HaveOccurred())
	for _, m := range extras.Mappings {
		for _, v := range m.Spec.Variants {
			if shown.Has(m.Name+"/"+v.Name) || cmp.Or(v.OperatedBy, m.Spec.OperatedBy) != v1alpha1.OperatedByProvider {
				continue
			}
			g.Expect(v.Description).To(Or(ContainSubstring("public listings of clusters"), ContainSubstring("not seen on a cluster")),
				"a variant that no shape shows says where its names are from: %s/%s", m.Name, v.Name)
		}
	}
}
