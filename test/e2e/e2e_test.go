// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e runs the operator, with the rights that it is shipped with, on whole control planes that show
// AKS clusters, and holds every verdict of the catalog to what it must be. It is the shipped catalog, but for
// the times of the scheduler's lease, which test/testbed/catalog shortens.
package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/testbed"
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	log.SetLogger(GinkgoLogr)
	SetDefaultEventuallyTimeout(testbed.Patience)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "End to end")
}

var _ = Describe("archmap", func() {
	for _, name := range shapes.Live() {
		Context("on the shape "+name, Ordered, ContinueOnFailure, func() { describeShape(name) })
	}
})

func describeShape(name string) {
	var (
		shape *shapes.Shape
		bed   *testbed.Testbed
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		shape, err = shapes.Load(name)
		Expect(err).NotTo(HaveOccurred())
		dir, err := os.MkdirTemp("", "archmap-")
		Expect(err).NotTo(HaveOccurred())
		bed, err = testbed.Start(ctx, testbed.Options{Root: "../..", Shape: shape, Dir: dir, Step: func(what string) func() {
			By(what)
			return func() {}
		}})
		Expect(err).NotTo(HaveOccurred(), "the logs are in %s", dir)
		DeferCleanup(func() {
			Expect(bed.Stop()).To(Succeed())
			Expect(os.RemoveAll(dir)).To(Succeed())
		})
	})

	AfterEach(func() {
		if bed == nil || !CurrentSpecReport().Failed() {
			return
		}
		text, err := os.ReadFile(bed.Cluster.Log("manager"))
		Expect(err).NotTo(HaveOccurred())
		AddReportEntry("log of the operator", string(text))
	})

	It("comes to the expected verdict on every mapping of the catalog", func(ctx SpecContext) {
		Eventually(ctx, func(g Gomega) {
			var mappings v1alpha1.ComponentMappingList
			g.Expect(bed.Client.List(ctx, &mappings)).To(Succeed())
			got := map[string]shapes.Expected{}
			for i := range mappings.Items {
				got[mappings.Items[i].Name] = shapes.Verdict(&mappings.Items[i])
			}
			g.Expect(shapes.Differences(got, shape.Expected)).To(BeEmpty(), "compared with test/shapes/%s/expected.yaml", name)
		}).WithPolling(time.Second).Should(Succeed())
	})

	It("comes to the expected verdict on the architecture, with all its nodes", func(ctx SpecContext) {
		Expect(shape.ExpectedArchitecture).NotTo(BeNil())
		whole, err := bed.UntilArchitecture(ctx, "is as expected", func(a *v1alpha1.ClusterArchitecture) bool {
			return reflect.DeepEqual(shapes.ArchitectureVerdict(a), *shape.ExpectedArchitecture)
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(shapes.ConditionOf(whole.Status.Conditions, v1alpha1.ConditionReady)).To(HavePrefix("True/"))
		if shape.Provider != shapes.AKS {
			Expect(whole.Status.Components).To(BeEmpty(), "nothing is claimed of a cluster that is not AKS")
			return
		}
		Expect(whole.Status.Causes).To(BeEmpty())

		present := 0
		for _, want := range shape.Expected {
			if want.Variants != nil {
				present++
			}
		}
		Expect(whole.Status.Summary.Present).To(HaveValue(BeEquivalentTo(present)))
		Expect(whole.Status.Summary.Total).To(HaveValue(BeEquivalentTo(len(shape.Expected))))

		pools := map[string]string{}
		for _, p := range whole.Status.NodePools {
			pools[p.Name] = fmt.Sprintf("%d/%d %s %s", *p.Ready, *p.Nodes, p.Mode, p.KubeletVersions)
		}
		Expect(pools).To(Equal(poolsOf(shape)))
	})

	It("gives the plugin's reader the same verdicts, from the cluster and from a bundle", func(ctx SpecContext) {
		bundle := filepath.Join(GinkgoT().TempDir(), "bundle.tar.gz")
		_, _, err := bed.Plugin(ctx, "collect", "-o", bundle)
		Expect(err).NotTo(HaveOccurred())
		for _, args := range [][]string{{"check", "-o", "json"}, {"check", "-o", "json", "--from", bundle}} {
			text, code, err := bed.Plugin(ctx, args...)
			if shape.Provider == shapes.AKS { // elsewhere the plugin cannot tell, as the catalog is for AKS
				Expect(err).NotTo(HaveOccurred())
				Expect(code).To(BeZero())
			}
			got, err := shapes.ListVerdicts([]byte(text))
			Expect(err).NotTo(HaveOccurred())
			Expect(shapes.Differences(got, shape.Expected)).To(BeEmpty(), "%v", args)
		}
	})

	if name == "automatic" {
		It("is installed, and works, under policies that protect the system's namespaces", func(ctx SpecContext) {
			// Whom Entra ID makes an administrator has all rights, and is subject to every policy.
			_, err := bed.Kubectl(ctx, "create", "clusterrolebinding", "entra-admins", "--clusterrole=cluster-admin", "--group=entra-admins")
			Expect(err).NotTo(HaveOccurred())
			asAdmin := func(args ...string) error {
				_, err := bed.Kubectl(ctx, append(args, "--as=entra-admin", "--as-group=entra-admins")...)
				return err
			}
			Eventually(ctx, func() error {
				return asAdmin("create", "configmap", "probe", "--namespace=kube-system", "--dry-run=server")
			}).WithPolling(time.Second).Should(MatchError(ContainSubstring("aks-managed-protect-system-namespaces")))
			Expect(asAdmin("create", "configmap", "probe", "--namespace=default")).To(Succeed(), "it is these namespaces alone")
			Expect(asAdmin("delete", "pod", "--namespace=kube-system", "--selector=k8s-app=kube-dns", "--dry-run=server")).
				To(MatchError(ContainSubstring("aks-managed-protect-system-namespaces")))
			for _, folder := range []string{"../../config/default", "../testbed/catalog"} {
				Expect(asAdmin("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", folder)).To(Succeed())
			}
		})
	}

	// What AKS was years ago, as the other shape shows it, has a version too long for it.
	if name == "overlay-cilium" {
		It("shows its table within 120 columns", func(ctx SpecContext) {
			table, err := bed.Kubectl(ctx, "get", "componentmappings")
			Expect(err).NotTo(HaveOccurred())
			for line := range strings.Lines(table) {
				Expect(len(strings.TrimSuffix(line, "\n"))).To(BeNumerically("<=", 120), line)
			}
		})
	}

	It("tells of each fault, and of its end", func(ctx SpecContext) {
		for _, fault := range bed.Faults() {
			By(fault.Title)
			Expect(fault.Break(ctx)).To(Succeed())
			broken, err := bed.UntilBroken(ctx, fault)
			Expect(err).NotTo(HaveOccurred())
			Expect(shapes.ConditionOf(broken.Status.Conditions, v1alpha1.ConditionPresent)).To(HavePrefix("True/"), "what is broken is still there")
			Expect(shapes.ConditionOf(broken.Status.Conditions, v1alpha1.ConditionReady)).To(HavePrefix("True/"), "the mapping itself is well")
			if shape.Provider == shapes.AKS {
				_, err = bed.UntilCounted(ctx, fault.Mapping)
				Expect(err).NotTo(HaveOccurred())
			}

			By(fault.RepairTitle)
			Expect(fault.Repair(ctx)).To(Succeed())
			_, err = bed.UntilHealthy(ctx, fault.Mapping)
			Expect(err).NotTo(HaveOccurred())
			if shape.Provider == shapes.AKS {
				_, err = bed.UntilAllHealthy(ctx)
				Expect(err).NotTo(HaveOccurred())
			}
		}
	})
}

// poolsOf are the node pools that the labels of a shape's nodes tell of. Nodes that are provisioned one by one are of
// none, and the first one stands for them.
func poolsOf(shape *shapes.Shape) map[string]string {
	nodes := shape.Of(schema.GroupKind{Kind: "Node"})
	slices.SortFunc(nodes, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	count, mode := map[string]int{}, map[string]string{}
	for _, node := range nodes {
		pool := cmp.Or(node.GetLabels()["kubernetes.azure.com/agentpool"], "(none)")
		count[pool]++
		mode[pool] = cmp.Or(mode[pool], node.GetLabels()["kubernetes.azure.com/mode"])
	}
	pools := map[string]string{}
	for pool, n := range count {
		pools[pool] = fmt.Sprintf("%d/%d %s %s", n, n, mode[pool], shape.KubernetesVersion)
	}
	return pools
}
