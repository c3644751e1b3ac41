// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Where things are in the repository; go test runs in the directory of the package.
var (
	root            = filepath.Join("..", "..")
	crdDir          = filepath.Join(root, "config", "crd", "bases")
	controlPlaneDir = cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), filepath.Join(root, "bin", "controlplane"))
)

// apiServer is a real one, which is reached by a way that can be cut.
type apiServer struct {
	client.Client
	kubeconfig string
	way        *way
}

// startAPIServer runs one until the test ends.
func startAPIServer(t *testing.T) *apiServer {
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
	cfg.QPS, cfg.Burst = 500, 500
	s := &apiServer{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), way: newWay(t, cfg.Host)}
	s.Client, err = client.New(cfg, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(writeKubeconfig(s.kubeconfig, cfg, "https://"+s.way.address)).To(Succeed())
	return s
}

func writeKubeconfig(file string, cfg *rest.Config, server string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: cfg.CAData}
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	return clientcmd.WriteToFile(*config, file)
}

// way leads from an address to another. It can be cut and fixed.
type way struct {
	address, to string

	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	server, err := url.Parse(to)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	w := &way{address: "127.0.0.1:0", to: server.Host}
	w.fix(t)
	t.Cleanup(w.cut)
	return w
}

// fix lets connections through, at the same address as before.
func (w *way) fix(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", w.address)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	w.mu.Lock()
	w.listener, w.address = listener, listener.Addr().String()
	w.mu.Unlock()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", w.to)
			if err != nil {
				_ = from.Close()
				continue
			}
			w.mu.Lock()
			w.open = append(w.open, from, to)
			w.mu.Unlock()
			go join(from, to)
			go join(to, from)
		}
	}()
}

func join(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}

// cut ends all connections and lets none through.
func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.listener.Close()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

// plugin is the program, built once.
var plugin = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(tools, "kubectl-archmap")
	command := exec.Command("go", "-C", root, "build", "-o", binary, "./cmd/kubectl-archmap")
	command.Stderr = os.Stderr
	return binary, command.Run()
})

// served is kubectl archmap serve at work.
type served struct {
	g       Gomega
	url     string
	command *exec.Cmd
}

// serve runs kubectl archmap serve until the test ends.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	g := NewWithT(t)
	binary, err := plugin()
	g.Expect(err).NotTo(HaveOccurred())
	s := &served{g: g, command: exec.Command(binary, append([]string{"serve"}, args...)...)}
	s.command.Stderr = os.Stderr
	out, err := s.command.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.command.Start()).To(Succeed())
	t.Cleanup(func() {
		if s.command.ProcessState == nil {
			s.stop()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(line).To(HavePrefix("Serving at http://127.0.0.1:"))
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "Serving at "))
	return s
}

// port at which it is served.
func (s *served) port() string { return s.url[strings.LastIndex(s.url, ":")+1:] }

// stop does what Ctrl-C does. The program ends at once and well, whoever is looking at it.
func (s *served) stop() {
	began := time.Now()
	s.g.Expect(s.command.Process.Signal(syscall.SIGINT)).To(Succeed())
	s.g.Expect(s.command.Wait()).To(Succeed())
	s.g.Expect(time.Since(began)).To(BeNumerically("<", 3*time.Second))
}

// apply creates an object with its status, or brings the status up to date.
func (s *apiServer) apply(ctx context.Context, g Gomega, object client.Object) {
	stored, wanted := object.DeepCopyObject().(client.Object), object.DeepCopyObject().(client.Object)
	stored.SetResourceVersion("")
	g.Expect(client.IgnoreAlreadyExists(s.Create(ctx, stored))).To(Succeed())
	g.Expect(s.Get(ctx, client.ObjectKeyFromObject(object), stored)).To(Succeed())
	wanted.SetResourceVersion(stored.GetResourceVersion())
	wanted.SetUID(stored.GetUID())
	g.Expect(s.Status().Update(ctx, wanted)).To(Succeed())
}
