// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	applyv1alpha1 "github.com/archmap/archmap/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const (
	mappingFile      = "testdata/status/componentmapping.yaml"
	architectureFile = "testdata/status/clusterarchitecture.yaml"

	author   = client.FieldOwner("author")
	operator = client.FieldOwner("operator")
)

var _ = Describe("The status of a ComponentMapping", func() {
	var mapping *v1alpha1.ComponentMapping

	// apply applies a status, and reads what has become of the mapping.
	apply := func(owner client.FieldOwner, status *applyv1alpha1.ComponentMappingStatusApplyConfiguration) {
		GinkgoHelper()
		configuration := applyv1alpha1.ComponentMapping(mapping.Name).WithStatus(status)
		Expect(k8sClient.Status().Apply(ctx, configuration, owner)).To(Succeed())
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(mapping), mapping)).To(Succeed())
	}

	BeforeEach(func() {
		file := readYAML[applyv1alpha1.ComponentMappingApplyConfiguration](mappingFile)
		status := file.Status
		file.Status = nil
		Expect(k8sClient.Apply(ctx, &file, author)).To(Succeed())

		mapping = &v1alpha1.ComponentMapping{ObjectMeta: metav1.ObjectMeta{Name: *file.Name}}
		DeferCleanup(func() { Expect(k8sClient.Delete(ctx, mapping)).To(Succeed()) })
		apply(operator, status)
	})

	It("is applied with every field", func() {
		want := readYAML[v1alpha1.ComponentMapping](mappingFile)
		Expect(mapping.Status).To(Equal(want.Status))
	})

	It("is owned by its applier, apart from the spec", func() {
		Expect(mapping.ManagedFields).To(ConsistOf(applied(author, ""), applied(operator, "status")))
	})

	It("is not written again when nothing changed", func() {
		before := mapping.ResourceVersion
		apply(operator, readYAML[applyv1alpha1.ComponentMappingApplyConfiguration](mappingFile).Status)
		Expect(mapping.ResourceVersion).To(Equal(before))
	})

	It("loses the checks and conditions that are no longer applied, and keeps what others applied", func() {
		status := readYAML[applyv1alpha1.ComponentMappingApplyConfiguration](mappingFile).Status
		ready, attacher := status.Conditions[0], status.Checks[1]
		apply("another", applyv1alpha1.ComponentMappingStatus().WithConditions(&ready).WithChecks(&attacher))

		status.Conditions = status.Conditions[2:]
		status.Checks = nil
		apply(operator, status)

		Expect(mapping.Status.Conditions).To(HaveExactElements(
			HaveField("Type", "Ready"), HaveField("Type", "Healthy"), HaveField("Type", "AsDocumented")))
		Expect(mapping.Status.Checks).To(HaveExactElements(HaveField("Name", "hosted-controller/attacher")))
	})

	It("fills the columns of kubectl get", func() {
		table := tableOf("componentmappings", mapping.Name)
		Expect(columns(table, narrow)).To(Equal([]string{
			"Name", "Implementation", "Method", "Present", "Healthy", "Since", "Version"}))
		Expect(cells(table, narrow)).To(HaveExactElements(
			"azuredisk-csi-driver", "Azure Disk CSI", "ds,hosted", "True", "False",
			MatchRegexp(`^\d+y$`), "v1.32.3 (412), v1.33.1 (88)"))
	})

	It("fills the further columns of kubectl get -o wide", func() {
		table := tableOf("componentmappings", mapping.Name)
		Expect(columns(table, wide)).To(Equal([]string{
			"Component", "Category", "Variant", "Evidence", "As-Documented", "Operated-By", "Ready", "Message"}))
		Expect(cells(table, wide)).To(HaveExactElements(
			"CSI Driver (Azure Disk)", "Storage", "hosted-controller", "Indirect", "Unknown", "Shared", "True",
			"DaemonSet kube-system/csi-azuredisk-node lacks 1 of 500 pods"))
	})
})

var _ = Describe("The status of a ClusterArchitecture", func() {
	var architecture *v1alpha1.ClusterArchitecture

	// apply applies a status, and reads what has become of the architecture.
	apply := func(owner client.FieldOwner, status *applyv1alpha1.ClusterArchitectureStatusApplyConfiguration) {
		GinkgoHelper()
		configuration := applyv1alpha1.ClusterArchitecture(architecture.Name).WithStatus(status)
		Expect(k8sClient.Status().Apply(ctx, configuration, owner)).To(Succeed())
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(architecture), architecture)).To(Succeed())
	}

	BeforeEach(func() {
		file := readYAML[applyv1alpha1.ClusterArchitectureApplyConfiguration](architectureFile)
		status := file.Status
		file.Status = nil
		Expect(k8sClient.Apply(ctx, &file, author)).To(Succeed())

		architecture = &v1alpha1.ClusterArchitecture{ObjectMeta: metav1.ObjectMeta{Name: *file.Name}}
		DeferCleanup(func() { Expect(k8sClient.Delete(ctx, architecture)).To(Succeed()) })
		apply(operator, status)
	})

	It("is applied with every field", func() {
		want := readYAML[v1alpha1.ClusterArchitecture](architectureFile)
		Expect(architecture.Status).To(Equal(want.Status))
	})

	It("is owned by its applier, apart from the spec", func() {
		Expect(architecture.ManagedFields).To(ConsistOf(applied(author, ""), applied(operator, "status")))
	})

	It("is not written again when nothing changed", func() {
		before := architecture.ResourceVersion
		apply(operator, readYAML[applyv1alpha1.ClusterArchitectureApplyConfiguration](architectureFile).Status)
		Expect(architecture.ResourceVersion).To(Equal(before))
	})

	It("fills the columns of kubectl get", func() {
		table := tableOf("clusterarchitectures", architecture.Name)
		Expect(columns(table, narrow)).To(Equal([]string{
			"Name", "Platform", "Version", "Components", "Complete", "Healthy", "Since", "Observed"}))
		Expect(cells(table, narrow)).To(HaveExactElements(
			"aks", "AKS", "v1.37.2", "1/2 present", "True", "False", MatchRegexp(`^\d+y$`), MatchRegexp(`^\d+[dhmy]\S*$`)),
			"how long ago archmap looked shows that it does not look any more")
	})

	It("fills the further columns of kubectl get -o wide", func() {
		table := tableOf("clusterarchitectures", architecture.Name)
		Expect(columns(table, wide)).To(Equal([]string{"Ready", "Detected", "As-Documented", "Supported", "Message"}))
		Expect(cells(table, wide)).To(HaveExactElements("True", "True", "Unknown", "False", "A disk plugin is unhealthy."))
	})
})

// applied matches the record of what an owner has applied.
func applied(owner client.FieldOwner, subresource string) gomegatypes.GomegaMatcher {
	return And(
		HaveField("Manager", string(owner)),
		HaveField("Operation", metav1.ManagedFieldsOperationApply),
		HaveField("Subresource", subresource))
}

// Columns of a higher priority than 0 are shown by -o wide only.
func narrow(column metav1.TableColumnDefinition) bool { return column.Priority == 0 }
func wide(column metav1.TableColumnDefinition) bool   { return column.Priority > 0 }

// tableOf asks for the table that kubectl get prints of one object.
func tableOf(resource, name string) *metav1.Table {
	GinkgoHelper()
	clientset, err := kubernetes.NewForConfig(cfg)
	Expect(err).NotTo(HaveOccurred())
	answer, err := clientset.RESTClient().Get().
		AbsPath("/apis", v1alpha1.GroupVersion.String(), resource).
		Param("fieldSelector", "metadata.name="+name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	table := &metav1.Table{}
	Expect(json.Unmarshal(answer, table)).To(Succeed())
	return table
}

func columns(table *metav1.Table, shown func(metav1.TableColumnDefinition) bool) []string {
	var names []string
	for _, column := range table.ColumnDefinitions {
		if shown(column) {
			names = append(names, column.Name)
		}
	}
	return names
}

// cells are those of the only row.
func cells(table *metav1.Table, shown func(metav1.TableColumnDefinition) bool) []any {
	GinkgoHelper()
	Expect(table.Rows).To(HaveLen(1))
	var values []any
	for i, column := range table.ColumnDefinitions {
		if shown(column) {
			values = append(values, table.Rows[0].Cells[i])
		}
	}
	return values
}
