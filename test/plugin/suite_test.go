// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plugin tests the kubectl plugin against real API servers that show the two demo shapes.
package plugin

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/archmap/archmap/internal/cli"
)

// The exit codes of the plugin.
const (
	exitHealthy = 0
	unhealthy   = 1
	unknown     = 2
	usage       = 3
)

// soon is how long a test waits for something that should happen at once.
const soon = 20 * time.Second

var (
	// ctx lives as long as the suite.
	ctx context.Context
	// installed has archmap's kinds; bare has not.
	installed, bare *server
	// program is the plugin as people run it.
	program string
)

func TestPlugin(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Plugin Suite")
}

var _ = BeforeSuite(func() {
	logf.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	DeferCleanup(cancel)

	program = filepath.Join(GinkgoT().TempDir(), "kubectl-archmap")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/kubectl-archmap")
	build.Dir = root
	said, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(said))

	installed = startServer("overlay-cilium", crdDir)
	bare = startServer("documented")
})

// result is what came of a command.
type result struct {
	code        int
	out, errOut string
	// progress is what stderr had besides errOut.
	progress string
	took     time.Duration
	// firstWord is how long it took until something was written to stderr; 0 if nothing was.
	firstWord time.Duration
}

// archmap runs the plugin in this process.
func archmap(args ...string) result {
	began := time.Now()
	var out bytes.Buffer
	errOut := &timed{began: began}
	code := cli.Run(args, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: errOut}, "v0.0.0-test")
	r := result{code: code, out: out.String(), took: time.Since(began), firstWord: errOut.first}
	for line := range strings.Lines(errOut.text.String()) {
		if strings.HasPrefix(line, "Reading ") {
			r.progress += line
		} else {
			r.errOut += line
		}
	}
	return r
}

// timed notes when something is written for the first time.
type timed struct {
	began time.Time

	mu    sync.Mutex
	text  bytes.Buffer
	first time.Duration
}

func (w *timed) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == 0 {
		w.first = time.Since(w.began)
	}
	return w.text.Write(p)
}

// go test runs in the directory of the package.
var (
	root            = filepath.Join("..", "..")
	crdDir          = filepath.Join(root, "config", "crd", "bases")
	controlPlaneBin = filepath.Join(root, "bin", "controlplane")
)

// assetsVariable names another control plane than the one that this repository builds.
const assetsVariable = "KUBEBUILDER_ASSETS"

// controlPlaneDir holds etcd and kube-apiserver.
func controlPlaneDir() string {
	if dir, given := os.LookupEnv(assetsVariable); given {
		return dir
	}
	return controlPlaneBin
}
