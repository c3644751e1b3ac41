// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// The size of the cluster that is looked at.
const (
	manyNodes       = 1000
	manyDeployments = 2000
	manyNamespaces  = 100
	imagesOnNode    = 40
)

// BenchmarkCheckLive1000 looks at a large cluster as people do, from a process of its own, and reads the same kinds with
// kubectl in the same run.
func BenchmarkCheckLive1000(b *testing.B) {
	config := startLarge(b)
	kubectl, err := filepath.Abs(filepath.Join(controlPlaneDir(), "kubectl"))
	if err != nil {
		b.Fatal(err)
	}
	plugin := filepath.Join(b.TempDir(), "kubectl-archmap")
	build := exec.CommandContext(b.Context(), "go", "build", "-o", plugin, "./cmd/kubectl-archmap")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%s: %s", err, said)
	}
	kinds := kindsOf(b)
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"check", []string{plugin, "check"}},
		{"kubectl-get-json", []string{kubectl, "get", kinds, "-A", "-o", "json"}},
		{"kubectl-get-table", []string{kubectl, "get", kinds, "-A"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			bytes := &atomic.Int64{}
			command := append(c.command, "--cache-dir", b.TempDir(), "--kubeconfig")
			run(b, append(command, kubeconfigOf(b, counted(b, config, bytes))))
			args := append(command, kubeconfigOf(b, config))
			for b.Loop() {
				run(b, args)
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/run")
			b.ReportMetric(float64(bytes.Load())/(1<<20), "MiB-read/run")
		})
	}
}

// kindsOf are the kinds that the built-in catalog looks at, but for those that need not be served, as kubectl takes them.
func kindsOf(b *testing.B) string {
	b.Helper()
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		b.Fatal(err)
	}
	kinds := sets.New[string]()
	for _, need := range judge.Compile(&loaded.Architectures[0], loaded.Mappings).Needs() {
		if k := need.Kind; scheme.Scheme.Recognizes(k) {
			kinds.Insert(k.Kind + "." + k.Version + "." + k.Group)
		}
	}
	return strings.Join(sets.List(kinds), ",")
}

// run runs a command. What is said of the cluster is not what is measured: nobody renews its leases. But it must have
// been seen whole.
func run(b *testing.B, args []string) {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), args[0], args[1:]...).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1 || len(out) == 0) {
		b.Fatalf("%s: %s", strings.Join(args, " "), err)
	}
}

// startLarge starts an API server with the workloads of a shape, and with many nodes and Deployments besides.
func startLarge(b *testing.B) *rest.Config {
	b.Helper()
	env := newEnvironment()
	config, err := env.Start()
	b.Cleanup(func() { _ = env.Stop() })
	if err != nil {
		b.Fatal(err)
	}
	unhurried := rest.CopyConfig(config)
	unhurried.QPS = -1
	c, err := client.New(unhurried, client.Options{Scheme: testScheme})
	if err != nil {
		b.Fatal(err)
	}
	for _, objects := range largeCluster(b) {
		var group errgroup.Group
		group.SetLimit(32)
		for _, o := range objects {
			group.Go(func() error {
				if err := put(b.Context(), c, o); err != nil {
					return fmt.Errorf("%s %s: %w", o.GetKind(), client.ObjectKeyFromObject(o), err)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	return config
}

// largeCluster is the namespaces, and all else.
func largeCluster(b *testing.B) [2][]*unstructured.Unstructured {
	b.Helper()
	shape, err := shapes.Load("overlay-cilium")
	if err != nil {
		b.Fatal(err)
	}
	w, err := world.New(shape)
	if err != nil {
		b.Fatal(err)
	}
	snapshot, err := w.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	var out [2][]*unstructured.Unstructured
	for i := range manyNamespaces {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		o.SetName(namespaceOf(i))
		out[0] = append(out[0], o)
	}
	var node, deployment *unstructured.Unstructured
	for _, object := range snapshot.Objects {
		o, err := plain(object)
		if err != nil {
			b.Fatal(err)
		}
		switch o.GetKind() {
		case "Namespace":
			out[0] = append(out[0], o)
		case "Node":
			node = o
		case "Deployment":
			deployment = o
			out[1] = append(out[1], o)
		case "DaemonSet", "Lease", "ConfigMap":
			out[1] = append(out[1], o)
		}
	}
	for i := range manyNodes {
		o := node.DeepCopy()
		o.SetName(fmt.Sprintf("aks-user-25795745-vmss%06d", i))
		labels := o.GetLabels()
		labels[corev1.LabelHostname] = o.GetName()
		o.SetLabels(labels)
		unstructured.RemoveNestedField(o.Object, "spec", "podCIDR")
		unstructured.RemoveNestedField(o.Object, "spec", "podCIDRs")
		if err := unstructured.SetNestedSlice(o.Object, images(), "status", "images"); err != nil {
			b.Fatal(err)
		}
		out[1] = append(out[1], o)
	}
	for i := range manyDeployments {
		o := deployment.DeepCopy()
		o.SetNamespace(namespaceOf(i))
		o.SetName(fmt.Sprintf("service-%04d", i))
		out[1] = append(out[1], o)
	}
	return out
}

func namespaceOf(i int) string { return fmt.Sprintf("team-%03d", i%manyNamespaces) }

// images are as many as a kubelet reports of a node that has been in use for a while.
func images() []any {
	var out []any
	for i := range imagesOnNode {
		name := fmt.Sprintf("registry.example/team/service-%d", i)
		out = append(out, map[string]any{
			"names":     []any{fmt.Sprintf("%s@sha256:%064x", name, i), name + ":v1.2.3"},
			"sizeBytes": int64(100_000_000 + i),
		})
	}
	return out
}

// kubeconfigOf writes a kubeconfig and returns its path.
func kubeconfigOf(b *testing.B, c *rest.Config) string {
	b.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["large"] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	config.AuthInfos["large"] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	config.Contexts["large"] = &clientcmdapi.Context{Cluster: "large", AuthInfo: "large"}
	config.CurrentContext = "large"
	path := filepath.Join(b.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		b.Fatal(err)
	}
	return path
}

// counted stands before the API server and counts the bytes of its answers as they are sent.
func counted(b *testing.B, config *rest.Config, bytes *atomic.Int64) *rest.Config {
	b.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		b.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		b.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			r.Body = &countedBody{r.Body, bytes}
			return nil
		},
	})
	b.Cleanup(front.Close)
	return &rest.Config{Host: front.URL}
}

type countedBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
