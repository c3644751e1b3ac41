// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/test/reporttest"
)

// TestExport: the objects are those of a cluster, whole and in the order of the table, and read back as such.
func TestExport(t *testing.T) {
	g, r := NewWithT(t), broken(t)
	r.Mappings[0].ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "archmap"}}
	text, err := json.Marshal(report.Export(r))
	g.Expect(err).NotTo(HaveOccurred())

	list := &unstructured.UnstructuredList{}
	g.Expect(list.UnmarshalJSON(text)).To(Succeed())
	g.Expect(list.GetAPIVersion()).To(Equal("v1"))
	g.Expect(list.GetKind()).To(Equal("List"))
	scheme := runtime.NewScheme()
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var names []string
	for _, item := range list.Items {
		names = append(names, strings.ToLower(item.GetKind())+".architecture.archmap.dev/"+item.GetName())
		one, err := item.MarshalJSON()
		g.Expect(err).NotTo(HaveOccurred())
		object, _, err := strict.Decode(one, nil, nil)
		g.Expect(err).NotTo(HaveOccurred())
		switch o := object.(type) {
		case *v1alpha1.ClusterArchitecture:
			g.Expect(o.Status).To(BeComparableTo(r.Architecture.Status))
		case *v1alpha1.ComponentMapping:
			g.Expect(o.Status).To(BeComparableTo(reporttest.Mapping(r, o.Name).Status))
			g.Expect(o.ManagedFields).To(BeNil())
		}
	}
	g.Expect(names[0]).To(Equal("clusterarchitecture.architecture.archmap.dev/aks"))
	g.Expect(names[1:]).To(HaveLen(len(r.Mappings)))
	g.Expect(names).To(Equal(report.ObjectNames(r)))
	g.Expect(names).To(ContainElement("componentmapping.architecture.archmap.dev/coredns"))
	g.Expect(r.Mappings[0].ManagedFields).NotTo(BeNil(), "the report stays as it is")

	asYAML, err := yaml.Marshal(report.Export(r))
	g.Expect(err).NotTo(HaveOccurred())
	back, err := yaml.YAMLToJSON(asYAML)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(back).To(MatchJSON(text))
}

// TestExportOfLittle: mappings without an architecture, and nothing at all.
func TestExportOfLittle(t *testing.T) {
	g := NewWithT(t)
	text, err := json.Marshal(report.Export(&report.Report{}))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(text).To(MatchJSON(`{"apiVersion":"v1","kind":"List","metadata":{},"items":[]}`))
	alone := &report.Report{Mappings: []v1alpha1.ComponentMapping{mapping("a\nb", is("True", ""), is("True", ""))}}
	g.Expect(report.ObjectNames(alone)).To(Equal([]string{"componentmapping.architecture.archmap.dev/a b"}))
	g.Expect(report.Export(alone).Items).To(HaveLen(1))
}

// TestExportsHaveVersions: what is no object of Kubernetes says what it is, too.
func TestExportsHaveVersions(t *testing.T) {
	r := broken(t)
	for kind, data := range map[string]any{
		"DepartureList": report.ExportDepartures(r, true), "Comparison": report.Compare(r, r),
		"ClusterList": report.ExportClusters([]report.Cluster{{Name: "a", Report: r}, {Name: "b", Err: errors.New("no route")}}),
	} {
		t.Run(kind, func(t *testing.T) {
			g := NewWithT(t)
			text, err := json.Marshal(data)
			g.Expect(err).NotTo(HaveOccurred())
			var got struct {
				metav1.TypeMeta `json:",inline"`

				Items []struct {
					Name, Verdict, Error string
					Objects              []map[string]any
				} `json:"items"`
			}
			g.Expect(json.Unmarshal(text, &got)).To(Succeed())
			g.Expect(got.TypeMeta).To(Equal(metav1.TypeMeta{APIVersion: "report.archmap.dev/v1alpha1", Kind: kind}))
			if kind == "ClusterList" {
				g.Expect(got.Items).To(HaveLen(2))
				g.Expect(got.Items[0].Verdict).To(Equal("unhealthy"))
				g.Expect(got.Items[0].Objects).To(HaveLen(1 + len(r.Mappings)))
				g.Expect(got.Items[1].Verdict).To(Equal("unknown"))
				g.Expect(got.Items[1].Error).To(Equal("no route"))
				g.Expect(got.Items[1].Objects).To(BeEmpty())
			}
		})
	}
}
