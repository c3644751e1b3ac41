// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// dumpFormats write a world as owners of clusters do: each returns the path of the dump.
var dumpFormats = map[string]func(g Gomega, w *world.World, dir string) string{
	"collect": func(g Gomega, w *world.World, dir string) string {
		var out bytes.Buffer
		g.Expect(w.Bundle(&out)).To(Succeed())
		return writeDump(g, filepath.Join(dir, "bundle.tar.gz"), out.Bytes())
	},
	"get -o yaml": func(g Gomega, w *world.World, dir string) string {
		text, err := yaml.JSONToYAML(listOf(g, objectsOf(g, w)))
		g.Expect(err).NotTo(HaveOccurred())
		return writeDump(g, filepath.Join(dir, "all.yaml"), text)
	},
	"get -o json": func(g Gomega, w *world.World, dir string) string {
		return writeDump(g, filepath.Join(dir, "all.json"), listOf(g, objectsOf(g, w)))
	},
	"must-gather": mustGather,
}

// mustGather writes lists by namespace and resource, and files by object of what is in no namespace.
func mustGather(g Gomega, w *world.World, dir string) string {
	return mustGatherOf(g, objectsOf(g, w), dir)
}

func mustGatherOf(g Gomega, objects []client.Object, dir string) string {
	root, lists := filepath.Join(dir, "must-gather.local", "quay-io-sha256"), map[string][]client.Object{}
	for _, o := range objects {
		kind := o.GetObjectKind().GroupVersionKind()
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		folder := filepath.Join(cmp.Or(kind.Group, "core"), plural.Resource)
		if o.GetNamespace() == "" {
			text, err := yaml.Marshal(o)
			g.Expect(err).NotTo(HaveOccurred())
			writeDump(g, filepath.Join(root, "cluster-scoped-resources", folder, o.GetName()+".yaml"), text)
			continue
		}
		file := filepath.Join(root, "namespaces", o.GetNamespace(), folder+".yaml")
		lists[file] = append(lists[file], o)
	}
	for file, objects := range lists {
		text, err := yaml.JSONToYAML(listOf(g, objects))
		g.Expect(err).NotTo(HaveOccurred())
		writeDump(g, file, text)
	}
	return root
}

func objectsOf(g Gomega, w *world.World) []client.Object {
	s, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	for _, o := range s.Objects {
		kind := o.GetObjectKind().GroupVersionKind()
		g.Expect(kind).NotTo(Equal(schema.GroupVersionKind{}), "objects of a world know their kind")
	}
	return s.Objects
}

func listOf(g Gomega, objects []client.Object) []byte {
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	g.Expect(err).NotTo(HaveOccurred())
	return text
}

func writeDump(g Gomega, file string, text []byte) string {
	g.Expect(os.MkdirAll(filepath.Dir(file), 0o700)).To(Succeed())
	g.Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
	return file
}

// TestExitCodesOfShapes: there is nothing to do on a healthy cluster, however it is read. What a dump cannot hold is a note
// in one line; one of kube-system alone tells what lives there.
func TestExitCodesOfShapes(t *testing.T) {
	// The others are no AKS, so that nobody has said what they must have, or wait for somebody to install a CNI.
	want := map[string]int{"gke-like": 2, "kubeadm": 2, "self-managed": 2, "byo-cni-bare": 1}
	formats := slices.Sorted(maps.Keys(dumpFormats))
	table := []string{fmt.Sprintf("%-24s live %s", "", strings.Join(formats, " | "))}
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, err := shapes.Load(name)
			g.Expect(err).NotTo(HaveOccurred())
			w, err := world.New(shape)
			g.Expect(err).NotTo(HaveOccurred())
			w.Advance(20 * time.Minute) // what starts has started
			verdicts, err := w.Judge()
			g.Expect(err).NotTo(HaveOccurred())
			live := &report.Report{Architecture: *verdicts.Architecture, ObservedAt: w.Now()}
			for _, m := range verdicts.Mappings {
				live.Mappings = append(live.Mappings, *m)
			}
			code := map[catalog.State]int{catalog.Unhealthy: 1, catalog.Missing: 1, catalog.Unknown: 2}[live.Verdict()]
			g.Expect(code).To(Equal(want[name]), "%s, live: %v", name, live.Concerns())
			line := fmt.Sprintf("%-24s %d", name, code)
			for _, format := range formats {
				path := dumpFormats[format](g, w, t.TempDir())
				got := run("", "check", "--from", path, "--at", w.Now().UTC().Format(time.RFC3339))
				g.Expect(got.code).To(Equal(want[name]), "%s, %s: %s%s", name, format, got.errors, got.out)
				g.Expect(strings.Count(got.errors, "not in this dump: ")).To(Equal(map[bool]int{true: 1}[format != "collect"]), "%s, %s: %s", name, format, got.errors)
				line += fmt.Sprintf(" | %d", got.code)
			}
			expectOfKubeSystem(g, name, w, t.TempDir(), live.Mappings)
			table = append(table, line)
		})
	}
	t.Log("exit codes of check\n" + strings.Join(table, "\n"))
}

// untold are the components of which such a dump cannot tell: they answer, or have workloads in other namespaces, some of
// them in one shape only.
var untold = sets.New("admission-webhooks", "azure-rbac", "entra-id", "etcd", "kube-apiserver",
	"azure-policy", "ingress-controller", "istio", "network-policy", "own-cni", "own-ingress/alb-controller", "own-vpa/keda")

// expectOfKubeSystem expects that a dump without other namespaces tells of what lives in kube-system, or in none, what is
// so, and of nothing what is not.
func expectOfKubeSystem(g Gomega, shape string, w *world.World, dir string, live []v1alpha1.ComponentMapping) {
	system := slices.DeleteFunc(objectsOf(g, w), func(o client.Object) bool {
		return o.GetNamespace() != "" && o.GetNamespace() != "kube-system"
	})
	got := run("", "check", "--from", mustGatherOf(g, system, dir), "--at", w.Now().UTC().Format(time.RFC3339), "-o", "json")
	type object struct {
		Metadata metav1.ObjectMeta
		Status   struct{ Conditions []metav1.Condition }
	}
	var part struct{ Items []object }
	g.Expect(json.Unmarshal([]byte(got.out), &part)).To(Succeed(), got.errors)
	for _, m := range live {
		i := slices.IndexFunc(part.Items, func(o object) bool { return o.Metadata.Name == m.Name })
		g.Expect(i).To(BeNumerically(">=", 0), "a dump has every row: %s", m.Name)
		is := meta.FindStatusCondition(part.Items[i].Status.Conditions, v1alpha1.ConditionPresent)
		whole := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionPresent)
		switch {
		case whole.Status != metav1.ConditionTrue:
			g.Expect(is.Status).NotTo(Equal(metav1.ConditionTrue), "%s is not there: %s", m.Name, is.Message)
		case !untold.HasAny(m.Name, shape+"/"+m.Name):
			g.Expect(is.Status).To(Equal(metav1.ConditionTrue), "%s is there: %s", m.Name, is.Message)
		}
	}
}
