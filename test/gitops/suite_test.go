// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	ssautil "github.com/fluxcd/pkg/ssa/utils"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/controller"
)

// Where things are in the repository; go test runs in the directory of the package.
var (
	root            = filepath.Join("..", "..")
	crdDir          = filepath.Join(root, "config", "crd", "bases")
	controlPlaneDir = cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin", "controlplane"))
)

// startCluster runs an API server, and the operator as cmd/main.go does, until the test ends.
func startCluster(t *testing.T) *rest.Config {
	t.Helper()
	g := NewWithT(t)
	ctrl.SetLogger(logr.Discard())
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	environment := &envtest.Environment{BinaryAssetsDirectory: controlPlaneDir, CRDDirectoryPaths: []string{crdDir}, Scheme: scheme}
	cfg, err := environment.Start()
	g.Expect(err).NotTo(HaveOccurred(), "Build a control plane with make control-plane.")
	t.Cleanup(func() { NewWithT(t).Expect(environment.Stop()).To(Succeed()) })

	manager, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: new(true)},
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(controller.Setup(manager, controller.Options{})).To(Succeed())
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		NewWithT(t).Expect(<-stopped).To(Succeed())
	})
	return cfg
}

// readCatalog reads the manifests of the whole catalog, as Flux does.
func readCatalog(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join(root, "config", "catalog", "aks*", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	var objects []*unstructured.Unstructured
	for _, file := range files {
		data, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		read, err := ssautil.ReadObjects(bytes.NewReader(data))
		g.Expect(err).NotTo(HaveOccurred())
		objects = append(objects, read...)
	}
	g.Expect(objects).NotTo(BeEmpty())
	return objects
}

// spoiled is a mapping of the catalog with a spec that the API accepts and the operator cannot use.
func spoiled(t *testing.T, catalog []*unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(catalog, func(o *unstructured.Unstructured) bool { return o.GetName() == "coredns" })
	object := catalog[i].DeepCopy()
	NewWithT(t).Expect(unstructured.SetNestedSlice(object.Object, []any{map[string]any{
		"name": "spoiled", "type": "Object", "method": "None",
		"object": map[string]any{"apiVersion": "v1", "kind": "Service", "healthy": "no such words"},
	}}, "spec", "checks")).To(Succeed())
	return object
}

// runCoreDNS plays the controllers that would bring CoreDNS up.
func runCoreDNS(t *testing.T, cfg *rest.Config) {
	t.Helper()
	g := NewWithT(t)
	c, err := client.New(cfg, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	d := deployment("coredns", 2)
	status := d.Status
	d.Generation = 0
	labels := map[string]string{"k8s-app": "kube-dns"}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "coredns", Image: "registry.example/coredns:v1.13.1"}}},
	}
	g.Expect(c.Create(t.Context(), d)).To(Succeed())
	d.Status = status
	g.Expect(c.Status().Update(t.Context(), d)).To(Succeed())
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: d.Namespace, Name: "kube-dns", Labels: map[string]string{discoveryv1.LabelServiceName: "kube-dns"}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
	}
	g.Expect(c.Create(t.Context(), slice)).To(Succeed())
	g.Expect(c.Create(t.Context(), node(nil))).To(Succeed(), "without any node nobody can tell whose CoreDNS it is")
}

// documented are the parts of docs/gitops.md that match a pattern.
func documented(t *testing.T, pattern *regexp.Regexp) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "gitops.md"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return pattern.FindAllString(string(page), -1)
}
