// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package testbed runs all of archmap: a control plane that shows a shape, the shipped manifests and catalog
// applied to it, and the operator's binary running with the rights of its own service account.
package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/cluster"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/simulator"
)

const (
	namespace      = "archmap-system"
	serviceAccount = "archmap-controller-manager"

	// Architecture is the name of the catalog's ClusterArchitecture.
	Architecture = "aks"

	// Patience is how long any single thing may take.
	Patience = time.Minute
)

// Options say what to set up.
type Options struct {
	// Root is the root of the repository.
	Root string
	// Shape of the cluster.
	Shape *shapes.Shape
	// Dir is an empty folder with a short path, for the cluster's state and logs.
	Dir string
	// Step, when set, is told what is being done. What it returns is called when that is done.
	Step func(what string) func()
}

// Testbed is archmap at work on a cluster.
type Testbed struct {
	Cluster   *cluster.Cluster
	Simulator *simulator.Simulator
	Client    client.WithWatch

	options       Options
	shape         *shapes.Shape
	stopSimulator context.CancelFunc
	simulated     chan struct{}
}

// Start sets everything up and returns when every mapping has its first verdict.
func Start(ctx context.Context, options Options) (*Testbed, error) {
	if options.Step == nil {
		options.Step = func(string) func() { return func() {} }
	}
	b := &Testbed{options: options, shape: options.Shape}
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

func (b *Testbed) start(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"Starting etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok on loopback", b.startCluster},
		{fmt.Sprintf("Creating the cluster %q: %s", b.shape.Name, b.describe()), b.applyShape},
		{"Installing the CRDs, the operator's roles and the catalog", b.install},
		{"Starting the operator with its service account's own token, until every mapping has a verdict", b.startManager},
	} {
		done := b.options.Step(step.what)
		if err := step.do(ctx); err != nil {
			return err
		}
		done()
	}
	return nil
}

// Stop ends everything, the operator first.
func (b *Testbed) Stop() error {
	var err error
	if b.stopSimulator != nil {
		b.stopSimulator()
		<-b.simulated
	}
	if b.Cluster != nil {
		err = b.Cluster.Stop()
	}
	if b.Simulator != nil {
		b.Simulator.Close()
	}
	return err
}

func (b *Testbed) describe() string {
	var pools []string
	for _, pool := range b.shape.NodePools {
		pools = append(pools, fmt.Sprintf("%s %d", pool.Name, pool.Count))
	}
	return fmt.Sprintf("%d objects, node pools %s", len(b.shape.Objects), strings.Join(pools, ", "))
}

func (b *Testbed) startCluster(ctx context.Context) error {
	b.Simulator = simulator.New(b.shape)
	options := cluster.Options{
		Binaries: os.Getenv("KUBEBUILDER_ASSETS"),
		Dir:      b.options.Dir,
		Issuer:   b.shape.Issuer,
		Dial:     b.Simulator.Dial,
	}
	if options.Binaries == "" {
		options.Binaries = b.file("bin", "controlplane")
	}
	if b.shape.AzureRBAC {
		options.Opinion = simulator.AzureRBACOpinion
	}
	var err error
	if b.Cluster, err = cluster.Start(ctx, options); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	b.Client, err = client.NewWithWatch(b.Cluster.Config, client.Options{Scheme: scheme})
	return err
}

func (b *Testbed) applyShape(ctx context.Context) error {
	if err := b.Simulator.Apply(ctx, b.Cluster.Config); err != nil {
		return err
	}
	// The hidden parts live until Stop, whatever ctx is for.
	simulating, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stopSimulator, b.simulated = stop, make(chan struct{})
	go func() {
		b.Simulator.Run(simulating)
		close(b.simulated)
	}()
	return nil
}

// install does what an administrator does: kubectl apply -k.
func (b *Testbed) install(ctx context.Context) error {
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", b.file("config", "default")},
		{"wait", "--for=condition=Established", "--timeout=" + Patience.String(), "-f", b.file("config", "crd", "bases")},
		{"apply", "--server-side", "-k", b.file("test", "testbed", "catalog")},
	} {
		if _, err := b.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (b *Testbed) startManager(ctx context.Context) error {
	binary := b.file("bin", "manager")
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("the operator is not built: %w; run make build", err)
	}
	kubeconfig := filepath.Join(b.options.Dir, "manager.kubeconfig")
	if err := b.Cluster.WriteServiceAccountKubeconfig(ctx, kubeconfig, namespace, serviceAccount); err != nil {
		return err
	}
	// As in config/manager, but for the ports: nothing asks for its health here.
	err := b.Cluster.Run("manager", binary, "--kubeconfig", kubeconfig,
		"--leader-elect", "--leader-election-namespace", namespace, "--health-probe-bind-address", "0")
	if err != nil {
		return err
	}

	mappings, err := b.Mappings(ctx)
	if err != nil {
		return err
	}
	for i := range mappings {
		_, err := b.UntilMapping(ctx, mappings[i].Name, "has a verdict", func(m *v1alpha1.ComponentMapping) bool {
			return meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionReady)
		})
		if err != nil {
			return err
		}
	}
	_, err = b.UntilArchitecture(ctx, "counts them all", func(a *v1alpha1.ClusterArchitecture) bool {
		return meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionReady) &&
			(len(a.Status.Components) == len(mappings) || b.shape.Provider != shapes.AKS)
	})
	return err
}

// Mappings lists the ComponentMappings of the cluster.
func (b *Testbed) Mappings(ctx context.Context) ([]v1alpha1.ComponentMapping, error) {
	var mappings v1alpha1.ComponentMappingList
	err := b.Client.List(ctx, &mappings)
	return mappings.Items, err
}

func (b *Testbed) file(elem ...string) string {
	return filepath.Join(append([]string{b.options.Root}, elem...)...)
}

// Kubectl runs kubectl with all rights and returns what it prints.
func (b *Testbed) Kubectl(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, b.Cluster.Binary("kubectl"), append([]string{"--kubeconfig", b.Cluster.Kubeconfig}, args...)...)
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, complaints.String())
	}
	return string(out), nil
}

// PluginBinary is the file of the kubectl plugin.
func (b *Testbed) PluginBinary() string { return b.file("bin", "kubectl-archmap") }

// Plugin runs the kubectl plugin with all rights and returns what it prints, and its exit code.
func (b *Testbed) Plugin(ctx context.Context, args ...string) (out string, code int, err error) {
	command := exec.CommandContext(ctx, b.PluginBinary(), append([]string{"--kubeconfig", b.Cluster.Kubeconfig}, args...)...)
	var complaints strings.Builder
	command.Stderr = &complaints
	text, err := command.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", 0, fmt.Errorf("the kubectl plugin: %w; run make build", err)
	}
	code = command.ProcessState.ExitCode()
	if code > 1 {
		return string(text), code, fmt.Errorf("kubectl archmap %s: exit code %d\n%s", strings.Join(args, " "), code, complaints.String())
	}
	return string(text), code, nil
}

// UntilMapping watches a ComponentMapping until it is as wanted.
func (b *Testbed) UntilMapping(ctx context.Context, name, what string, wanted func(*v1alpha1.ComponentMapping) bool) (*v1alpha1.ComponentMapping, error) {
	return until(ctx, b, &v1alpha1.ComponentMappingList{}, name, what, wanted)
}

// UntilArchitecture watches the ClusterArchitecture until it is as wanted.
func (b *Testbed) UntilArchitecture(ctx context.Context, what string, wanted func(*v1alpha1.ClusterArchitecture) bool) (*v1alpha1.ClusterArchitecture, error) {
	return until(ctx, b, &v1alpha1.ClusterArchitectureList{}, Architecture, what, wanted)
}

// until watches one object until it is as wanted. It gives up when a process of the cluster ends.
func until[T client.Object](ctx context.Context, b *Testbed, list client.ObjectList, name, what string, wanted func(T) bool) (T, error) {
	var last T
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	watch, err := b.Client.Watch(ctx, list, client.MatchingFields{metav1.ObjectNameField: name})
	if err != nil {
		return last, err
	}
	defer watch.Stop()
	for {
		select {
		case event := <-watch.ResultChan():
			object, ok := event.Object.(T)
			if !ok {
				return last, fmt.Errorf("waiting until %s %s: the watch has ended; last seen: %s", name, what, conditionsOf(last))
			}
			if last = object; wanted(last) {
				return last, nil
			}
		case <-b.Cluster.Alive().Done():
			return last, fmt.Errorf("waiting until %s %s: %w", name, what, context.Cause(b.Cluster.Alive()))
		case <-ctx.Done():
			return last, fmt.Errorf("waiting until %s %s: %w; last seen: %s; the operator's log is %s",
				name, what, context.Cause(ctx), conditionsOf(last), b.Cluster.Log("manager"))
		}
	}
}

// conditionsOf formats the conditions of an object in one line.
func conditionsOf(object client.Object) string {
	var conditions []metav1.Condition
	switch o := object.(type) {
	case *v1alpha1.ComponentMapping:
		if o != nil {
			conditions = o.Status.Conditions
		}
	case *v1alpha1.ClusterArchitecture:
		if o != nil {
			conditions = o.Status.Conditions
		}
	}
	var parts []string
	for _, c := range conditions {
		parts = append(parts, fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(parts, ", ")
}
