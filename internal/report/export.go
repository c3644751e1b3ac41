// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
)

// Export returns the report for programs: a v1 List of the ClusterArchitecture, if there is one, and of the
// ComponentMappings in the order of the table, each with its status. Programs can read it like the operator's objects.
func Export(r *Report) *metav1.List {
	list := &metav1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}, Items: []runtime.RawExtension{}}
	if r.hasArchitecture() {
		a := r.Architecture.DeepCopy()
		a.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(architectureKind))
		a.ManagedFields = nil // as kubectl get
		list.Items = append(list.Items, runtime.RawExtension{Object: a})
	}
	for _, c := range r.components() {
		list.Items = append(list.Items, runtime.RawExtension{Object: ExportMapping(c.ComponentMapping)})
	}
	return list
}

// ExportMapping returns a mapping as Export does.
func ExportMapping(m *v1alpha1.ComponentMapping) *v1alpha1.ComponentMapping {
	m = m.DeepCopy()
	m.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(mappingKind))
	m.ManagedFields = nil
	return m
}

const (
	architectureKind = "ClusterArchitecture"
	mappingKind      = "ComponentMapping"

	architectureResource = "clusterarchitecture"
	mappingResource      = "componentmapping"
)

// ObjectNames returns the objects of Export as -o name writes them, such as
// componentmapping.architecture.archmap.dev/coredns.
func ObjectNames(r *Report) []string {
	var names []string
	if r.hasArchitecture() {
		names = append(names, resourceName(architectureResource, r.Architecture.Name))
	}
	for _, c := range r.components() {
		names = append(names, resourceName(mappingResource, c.Name))
	}
	return names
}

func resourceName(resource, name string) string {
	return resource + "." + v1alpha1.GroupVersion.Group + "/" + Clean(name)
}

func (r *Report) hasArchitecture() bool { return r.Architecture.Name != "" || r.judged() }

// exportVersion is that of the outputs that are no objects of Kubernetes. A change that breaks their readers gets
// another one.
const exportVersion = "report.archmap.dev/v1alpha1"

func exported(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: exportVersion, Kind: kind}
}

// DepartureList is the result of Departures for programs.
type DepartureList struct {
	metav1.TypeMeta `json:",inline"`

	Source     string      `json:"source,omitempty"`
	ObservedAt metav1.Time `json:"observedAt,omitzero"`
	Items      []Departure `json:"items"`
}

// ExportDepartures returns Departures for programs.
func ExportDepartures(r *Report, strict bool) DepartureList {
	return DepartureList{TypeMeta: exported("DepartureList"), Source: r.Source, ObservedAt: metav1.NewTime(r.ObservedAt), Items: Departures(r, strict)}
}

// ClusterList is several clusters, for programs.
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`

	Items []ClusterItem `json:"items"`
}

// ClusterItem is one of several clusters. It has either objects or, if the cluster could not be read, an error.
type ClusterItem struct {
	Name       string        `json:"name"`
	Verdict    catalog.State `json:"verdict"`
	ObservedAt metav1.Time   `json:"observedAt,omitzero"`
	Error      string        `json:"error,omitempty"`
	// Objects are what Export has of the cluster.
	Objects []runtime.RawExtension `json:"objects,omitempty"`
}

// ExportClusters returns Clusters for programs.
func ExportClusters(clusters []Cluster) ClusterList {
	out := ClusterList{TypeMeta: exported("ClusterList"), Items: []ClusterItem{}}
	for _, c := range clusters {
		item := ClusterItem{Name: c.Name, Verdict: catalog.Unknown}
		if c.Report == nil {
			item.Error = reasonOf(c.Err)
		} else {
			item.Verdict, item.ObservedAt, item.Objects = c.Report.Verdict(), metav1.NewTime(c.Report.ObservedAt), Export(c.Report).Items
		}
		out.Items = append(out.Items, item)
	}
	return out
}
