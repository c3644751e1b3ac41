// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestEveryShapeLoads(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Names()).To(ConsistOf("documented", "overlay-cilium"))
	for _, name := range Names() {
		s, err := Load(name)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(s.NodePools).To(HaveLen(3), name)
		for _, node := range s.Of(schema.GroupKind{Kind: "Node"}) {
			g.Expect(node.GetLabels()).To(HaveKey("kubernetes.azure.com/cluster"), name)
			g.Expect(node.UnstructuredContent()).To(HaveKeyWithValue("status",
				HaveKeyWithValue("nodeInfo", HaveKeyWithValue("kubeletVersion", s.KubernetesVersion))), name)
		}
		for _, kind := range []schema.GroupKind{{Kind: "Node"}, {Group: "storage.k8s.io", Kind: "CSINode"}} {
			g.Expect(s.Of(kind)).To(HaveLen(6), "%s of %s", kind, name)
		}
	}
}

func TestUnknownShapeNamesTheKnownOnes(t *testing.T) {
	_, err := Load("kubenet")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("documented, overlay-cilium")))
}

// A mistake in the data must be an error, not a cluster that is a little different.
func TestMistakesAreRefused(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
	for name, test := range map[string]struct{ file, text, want string }{
		"unknown field of the shape": {"shape.yaml", "kubernetesVersions: v1.35.8\n", "kubernetesVersions"},
		"unknown field of an object": {"objects/a.yaml", pod + "spec: {containrs: []}\n", `unknown field "spec.containrs"`},
		"unknown field of a verdict": {"expected.yaml", "etcd: {present: True/Observed, health: Unknown}\n", "health"},
		"duplicate key":              {"objects/a.yaml", pod + "spec: {nodeName: a, nodeName: b}\n", "nodeName"},
		"no name":                    {"objects/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {}\n", "no name"},
		"kind that is not there":     {"objects/a.yaml", "apiVersion: cilium.io/v2\nkind: CiliumNode\nmetadata: {name: aks-0}\n", "customResources"},
		"object twice":               {"objects/a.yaml", pod + "---\n" + pod, "twice"},
		"unknown value in a node":    {"node.yaml", "{{ .Nmae }}", "Nmae"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for file, text := range map[string]string{
				"shape.yaml":     "nodePools: [{name: a, nodePrefix: a, count: 1}]\n",
				"node.yaml":      "apiVersion: v1\nkind: Node\nmetadata: {name: \"{{ .Name }}\"}\n",
				"expected.yaml":  "etcd: {present: True/Observed}\n",
				"objects/a.yaml": pod,
			} {
				files["bad/"+file] = &fstest.MapFile{Data: []byte(text)}
			}
			g := NewWithT(t)
			_, err := load(files, "bad")
			g.Expect(err).NotTo(HaveOccurred(), "the shape is good before the mistake")

			files["bad/"+test.file] = &fstest.MapFile{Data: []byte(test.text)}
			_, err = load(files, "bad")
			g.Expect(err).To(MatchError(ContainSubstring(test.want)))
		})
	}
}
