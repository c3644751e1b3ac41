// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cluster runs a real Kubernetes control plane on loopback: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler and, in place of kubelets, kwok, each a child process. Nodes that
// carry KubeletLabel have a simulated kubelet: their pods come up, crash and go away as the stages beside
// this file say.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Names of the processes, which are those of their binaries.
const (
	etcd              = "etcd"
	apiserver         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kwok              = "kwok"
)

// Options say what the control plane is like.
type Options struct {
	// Binaries is the folder of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl
	// and kwok. Default: $KUBEBUILDER_ASSETS.
	Binaries string

	// Dir is an empty folder for certificates, state, kubeconfigs and, in logs, what each process prints.
	// Its path must be short (80 characters): a Unix socket lives in it.
	Dir string

	// Issuer of the service account tokens. Default: that of a plain cluster.
	Issuer string

	// Opinion, when set, is what a further authorizer says of everybody whom RBAC does not know: it
	// refuses nothing, but its words end up in the reason of every denied access review.
	Opinion string

	// NodeMonitorGrace is how long a kubelet may be silent before its node is no longer Ready. The
	// simulated ones speak every two to three seconds. Default 8 s.
	NodeMonitorGrace time.Duration

	// Dial connects the API server to what runs inside the cluster, by the address of a Service or a pod.
	// Nothing else does: the addresses are made up. Default: nothing answers.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	// Bare is a control plane of etcd and the API server alone: nothing moves by itself.
	Bare bool
}

// Cluster is a running control plane.
type Cluster struct {
	// Config has all rights.
	Config *rest.Config
	// Kubeconfig is the path of a file with all rights.
	Kubeconfig string
	// EtcdURL is where etcd answers, to anybody.
	EtcdURL string

	options   Options
	authority *authority
	url       string
	processes []*Process
	servers   []*server
	alive     context.Context
	die       context.CancelCauseFunc
}

// Start brings the control plane up. It returns when the API server is ready and the controllers work.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if options.Binaries == "" {
		options.Binaries = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if options.NodeMonitorGrace == 0 {
		options.NodeMonitorGrace = 8 * time.Second
	}
	if options.Dial == nil {
		options.Dial = func(context.Context, string) (net.Conn, error) { return nil, errors.New("nothing is there") }
	}
	c := &Cluster{options: options}
	c.alive, c.die = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.checkBinaries(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.path("logs"), 0o750); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return fmt.Errorf("find free ports on loopback: %w", err)
	}
	c.url, c.EtcdURL = "https://"+loopback(ports[2]), "http://"+loopback(ports[0])
	if err := c.writeFiles(); err != nil {
		return fmt.Errorf("prepare %s: %w", c.options.Dir, err)
	}
	if err := c.serve(); err != nil {
		return err
	}

	// The API server waits for etcd by itself, so both start at once.
	if err := c.run(etcd, etcdArgs(c.path("etcd"), ports[0], ports[1])...); err != nil {
		return err
	}
	if err := c.run(apiserver, c.apiserverArgs(ports[0], ports[2])...); err != nil {
		return err
	}
	if err := c.await(ctx, "the API server to be ready", c.apiReady); err != nil || c.options.Bare {
		return err
	}
	return c.startControllers(ctx)
}

func (c *Cluster) startControllers(ctx context.Context) error {
	if err := c.run(controllerManager, c.controllerManagerArgs()...); err != nil {
		return err
	}
	if err := c.run(scheduler, "--config", c.path("scheduler.yaml"), "--secure-port", "0"); err != nil {
		return err
	}
	if err := c.run(kwok, c.kwokArgs()...); err != nil {
		return err
	}
	return c.await(ctx, "the controller manager to create a service account", c.controllersWork)
}

// Alive is done when a process ends unexpectedly; its cause names the process.
func (c *Cluster) Alive() context.Context { return c.alive }

// Stop ends every process that Start began, the youngest first.
func (c *Cluster) Stop() error {
	var errs []error
	for _, p := range slices.Backward(c.processes) {
		errs = append(errs, p.Stop())
	}
	for _, s := range c.servers {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.options.Dir}, elem...)...)
}

func (c *Cluster) checkBinaries() error {
	needed := []string{etcd, apiserver}
	if !c.options.Bare {
		needed = append(needed, controllerManager, scheduler, kwok)
	}
	for _, name := range needed {
		if _, err := os.Stat(c.Binary(name)); err != nil {
			return fmt.Errorf("%s is missing: %w; build the control plane with test/controlplane/build.sh, or point KUBEBUILDER_ASSETS to one",
				name, err)
		}
	}
	return nil
}

// Binary returns the path of a binary of the control plane, such as kubectl.
func (c *Cluster) Binary(name string) string { return filepath.Join(c.options.Binaries, name) }

// Log returns the path of the file with what a process prints.
func (c *Cluster) Log(name string) string { return c.path("logs", name+".log") }

func (c *Cluster) run(name string, args ...string) error { return c.Run(name, c.Binary(name), args...) }

// Run starts a process that lives as long as the cluster, and reports its end if that comes uncalled.
func (c *Cluster) Run(name, binary string, args ...string) error {
	p, err := StartProcess(name, binary, c.Log(name), nil, args...)
	if err != nil {
		return err
	}
	c.processes = append(c.processes, p)
	go func() {
		<-p.Done()
		if err := p.Failure(); err != nil {
			c.die(err) // only the first counts: the others die of it
		}
	}()
	return nil
}

// await waits until ready holds, a process dies, or ctx ends.
func (c *Cluster) await(ctx context.Context, what string, ready wait.ConditionWithContextFunc) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var last error
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var ok bool
		ok, last = ready(ctx)
		return ok, context.Cause(c.alive)
	})
	if wait.Interrupted(err) {
		return fmt.Errorf("waiting for %s: %w; the logs are in %s", what, errors.Join(context.Cause(ctx), last), c.path("logs"))
	}
	return err
}

func (c *Cluster) apiReady(ctx context.Context) (bool, error) {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return false, err
	}
	_, err = client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil, err
}

func (c *Cluster) controllersWork(ctx context.Context) (bool, error) {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return false, err
	}
	_, err = client.CoreV1().ServiceAccounts(corev1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePorts finds free ports on loopback.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", loopback(0))
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }() // all at the end, so that no port is found twice
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
