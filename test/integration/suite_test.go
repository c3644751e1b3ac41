// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration tests archmap against a real API server.
package integration

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/archmap/archmap/api/v1alpha1"
)

var (
	// ctx lives as long as the suite.
	ctx context.Context
	// testEnv is the API server.
	testEnv *envtest.Environment
	// cfg reaches the API server as an administrator.
	cfg *rest.Config
	// k8sClient uses cfg and testScheme. It reads from the API server itself, not from a cache.
	k8sClient client.Client
	// testScheme knows the built-in kinds and archmap's own.
	testScheme = newScheme()
)

// go test runs in the directory of the package.
var (
	crdDir          = filepath.Join("..", "..", "config", "crd", "bases")
	controlPlaneBin = filepath.Join("..", "..", "bin", "controlplane")
)

// assetsVariable names another control plane than the one that this repository builds.
const assetsVariable = "KUBEBUILDER_ASSETS"

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Integration Suite")
}

var _ = BeforeSuite(func() {
	logf.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))

	testEnv = &envtest.Environment{
		BinaryAssetsDirectory: controlPlaneDir(),
		CRDDirectoryPaths:     []string{crdDir},
		ErrorIfCRDPathMissing: true,
		Scheme:                testScheme,
	}
	DeferCleanup(testEnv.Stop)
	// What is cleaned up last is registered first: all that uses ctx ends before the API server does.
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	DeferCleanup(cancel)

	var err error
	cfg, err = testEnv.Start()
	Expect(err).NotTo(HaveOccurred())
	k8sClient, err = client.New(cfg, client.Options{Scheme: testScheme})
	Expect(err).NotTo(HaveOccurred())
})

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// controlPlaneDir holds etcd and kube-apiserver.
func controlPlaneDir() string {
	dir, given := os.LookupEnv(assetsVariable)
	if !given {
		dir = controlPlaneBin
	}
	for _, program := range []string{"etcd", "kube-apiserver"} {
		_, err := os.Stat(filepath.Join(dir, program))
		Expect(err).NotTo(HaveOccurred(), "These tests need a control plane. Build one with make control-plane, "+
			"or let "+assetsVariable+" name a directory with etcd and kube-apiserver.")
	}
	return dir
}
