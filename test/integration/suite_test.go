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
	// cfg reaches the API server as an administrator.
	cfg *rest.Config
	// k8sClient uses cfg and testScheme. It reads from the API server itself, not from a cache.
	k8sClient client.Client
	// testScheme knows the built-in kinds and archmap's own.
	testScheme = newScheme()
)

var (
	crdDir     = filepath.Join("..", "..", "config", "crd", "bases")
	builtByUs  = filepath.Join("..", "..", "bin", "controlplane")
	assetsVar  = "KUBEBUILDER_ASSETS"
	envBinarys = []string{"etcd", "kube-apiserver"}
)

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Integration Suite")
}

var _ = BeforeSuite(func() {
	logf.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))

	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	DeferCleanup(cancel)

	testEnv := &envtest.Environment{
		BinaryAssetsDirectory: controlPlaneDir(),
		CRDDirectoryPaths:     []string{crdDir},
		ErrorIfCRDPathMissing: true,
		Scheme:                testScheme,
	}
	DeferCleanup(testEnv.Stop)

	var err error
	cfg, err = testEnv.Start()
	Expect(err).NotTo(HaveOccurred())
	k8sClient, err = client.New(cfg, client.Options{Scheme: testScheme})
	Expect(err).NotTo(HaveOccurred())
})

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// controlPlaneDir is KUBEBUILDER_ASSETS, or the control plane that this repository builds.
func controlPlaneDir() string {
	dir, given := os.LookupEnv(assetsVar)
	if !given {
		dir = builtByUs
	}
	for _, name := range envBinarys {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			Fail("The integration tests need a control plane, and there is none: " + err.Error() +
				"\nBuild one with test/controlplane/build.sh bin/controlplane, or let " + assetsVar +
				" name a directory with etcd and kube-apiserver.")
		}
	}
	return dir
}
