// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/crd"
	"github.com/archmap/archmap/test/cluster"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/simulator"
)

const (
	// managerNamespace and managerAccount are where the shipped manifests put the manager.
	managerNamespace = "archmap-system"
	managerAccount   = "archmap-controller-manager"
	floorAccount     = "floor"

	// namespace of what the bench changes.
	namespace = "scale"
	// architecture of the shipped catalog.
	architecture = "aks"
	// patience is how long any single thing may take.
	patience = 2 * time.Minute
)

// floorGroup has copies of archmap's kinds: what the floor writes costs the API server as much.
const floorGroup = "floor.archmap.dev"

// groupOf is the group of archmap's kinds, or of their copies.
func groupOf(floor bool) string {
	if floor {
		return floorGroup
	}
	return v1alpha1.GroupVersion.Group
}

var scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
}

// bed is an API server with a cluster of some size, the shipped manifests and catalog, and nothing that moves but the
// leases of the hidden control plane.
type bed struct {
	*bench

	// part that runs.
	part string

	nodes   []string
	dir     string
	cluster *cluster.Cluster
	config  *rest.Config
	client  client.WithWatch
	// kubeconfigs of the service accounts of the manager and the floor.
	managerKubeconfig, floorKubeconfig string

	simulator *simulator.Simulator
	stopAlive context.CancelFunc
	ended     chan struct{}
}

// newBed brings up a cluster with so many nodes.
func (b *bench) newBed(ctx context.Context, nodes int) (*bed, error) {
	d := &bed{bench: b}
	if err := d.start(ctx, nodes); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *bed) start(ctx context.Context, nodes int) error {
	shape, err := shapes.Load(shapeName)
	if err != nil {
		return err
	}
	if d.dir, err = os.MkdirTemp(d.bench.dir, "c"); err != nil {
		return err
	}
	d.simulator = simulator.New(shape)
	d.cluster, err = cluster.Start(ctx, cluster.Options{
		Dir: d.dir, Issuer: shape.Issuer, Opinion: simulator.AzureRBACOpinion, Dial: d.simulator.Dial, Bare: true,
	})
	if err != nil {
		return err
	}
	d.config = rest.CopyConfig(d.cluster.Config)
	d.config.QPS = -1 // the bench itself must not be what waits
	if d.client, err = client.NewWithWatch(d.config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := d.fill(ctx, shape, nodes); err != nil {
		return err
	}
	for _, do := range []func(context.Context) error{d.install, d.createRows, d.live, d.firstVerdicts} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// firstVerdicts has the manager write every status once: the floor copies them.
func (d *bed) firstVerdicts(ctx context.Context) error {
	manager, err := d.startManager()
	if err != nil {
		return err
	}
	return errors.Join(d.untilReady(ctx, manager), manager.Stop())
}

// live keeps the hidden control plane alive until stop.
func (d *bed) live(ctx context.Context) error {
	if err := d.simulator.Connect(d.config); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopAlive, d.ended = stop, make(chan struct{})
	go func() {
		d.simulator.RunControlPlane(ctx)
		close(d.ended)
	}()
	return nil
}

// stop ends all that start began, and removes its files but the logs' folder of a run that failed.
func (d *bed) stop() error {
	var err error
	if d.stopAlive != nil {
		d.stopAlive()
		<-d.ended
	}
	if d.cluster != nil {
		err = d.cluster.Stop()
	}
	if d.simulator != nil {
		d.simulator.Close()
	}
	return err
}

// fill makes the cluster: what the API server acts on through its API, all else right in etcd.
func (d *bed) fill(ctx context.Context, shape *shapes.Shape, nodes int) error {
	fleet, err := newFleet(shape, nodes, time.Now())
	if err != nil {
		return err
	}
	d.nodes = fleet.nodes
	var others []*unstructured.Unstructured
	for _, o := range fleet.objects {
		switch o.GroupVersionKind().Group {
		case "apiextensions.k8s.io", "apiregistration.k8s.io":
			if err := d.create(ctx, o); err != nil {
				return err
			}
		default:
			others = append(others, o)
		}
	}
	if err := d.await(ctx, "the kinds to be served", d.definitionsServed); err != nil {
		return err
	}
	store := d.newStore(ctx)
	for _, o := range others {
		if err := silence(o); err != nil {
			return err
		}
		if err := store.put(o, time.Now()); err != nil {
			return err
		}
	}
	return store.flush()
}

func (d *bed) newStore(ctx context.Context) *store {
	return newStore(ctx, d.cluster.EtcdURL, d.client.RESTMapper())
}

func (d *bed) create(ctx context.Context, o *unstructured.Unstructured) error {
	o = o.DeepCopy()
	delete(o.Object, statusField)
	for _, field := range []string{"uid", "creationTimestamp", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	if err := d.client.Create(ctx, o); err != nil {
		return fmt.Errorf("create %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

// silence has the API server ask no webhook: nothing runs that could answer.
func silence(o *unstructured.Unstructured) error {
	if o.GroupVersionKind().Group != "admissionregistration.k8s.io" {
		return nil
	}
	webhooks, _, err := unstructured.NestedSlice(o.Object, "webhooks")
	if err != nil || len(webhooks) == 0 {
		return err
	}
	for _, w := range webhooks {
		w.(map[string]any)["objectSelector"] = map[string]any{"matchLabels": map[string]any{"scale.archmap.dev/asks": "webhooks"}}
	}
	return unstructured.SetNestedSlice(o.Object, webhooks, "webhooks")
}

// definitionsServed reports whether every custom kind is served.
func (d *bed) definitionsServed(ctx context.Context) (bool, error) {
	var list apiextensionsv1.CustomResourceDefinitionList
	if err := d.client.List(ctx, &list); err != nil {
		return false, err
	}
	for i := range list.Items {
		served := func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
			return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
		}
		if !slices.ContainsFunc(list.Items[i].Status.Conditions, served) {
			return false, nil
		}
		mappable := schema.GroupKind{Group: list.Items[i].Spec.Group, Kind: list.Items[i].Spec.Names.Kind}
		if _, err := d.client.RESTMapper().RESTMapping(mappable); meta.IsNoMatchError(err) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

// install does what an administrator does, and what the controller manager would do of it.
func (d *bed) install(ctx context.Context) error {
	if err := d.createFloorKinds(ctx); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "apply", "--server-side", "-k", d.file("config", "default")); err != nil {
		return err
	}
	if err := d.await(ctx, "the kinds to be served", d.definitionsServed); err != nil {
		return err
	}
	for _, catalog := range []string{"aks", "aks-extras"} {
		if err := d.kubectl(ctx, "apply", "--server-side", "-k", d.file("config", "catalog", catalog)); err != nil {
			return err
		}
	}
	if err := d.aggregateRoles(ctx); err != nil {
		return err
	}
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: managerNamespace, Name: floorAccount}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: floorAccount},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: managerNamespace, Name: floorAccount}},
		},
	} {
		if err := d.client.Create(ctx, o); err != nil {
			return err
		}
	}
	d.managerKubeconfig, d.floorKubeconfig = filepath.Join(d.dir, "manager.kubeconfig"), filepath.Join(d.dir, "floor.kubeconfig")
	return errors.Join(
		d.cluster.WriteServiceAccountKubeconfig(ctx, d.managerKubeconfig, managerNamespace, managerAccount),
		d.cluster.WriteServiceAccountKubeconfig(ctx, d.floorKubeconfig, managerNamespace, floorAccount),
	)
}

func (d *bed) createFloorKinds(ctx context.Context) error {
	definitions, err := crd.Definitions()
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		definition.Spec.Group = floorGroup
		definition.Name = definition.Spec.Names.Plural + "." + floorGroup
		definition.Spec.Names.ShortNames, definition.Spec.Names.Categories = nil, nil
		if err := d.client.Create(ctx, definition); err != nil {
			return err
		}
	}
	return nil
}

// aggregateRoles fills in the roles that are put together from others.
func (d *bed) aggregateRoles(ctx context.Context) error {
	var roles rbacv1.ClusterRoleList
	if err := d.client.List(ctx, &roles, client.MatchingLabels{"app.kubernetes.io/name": "archmap"}); err != nil {
		return err
	}
	for i := range roles.Items {
		role := &roles.Items[i]
		if role.AggregationRule == nil {
			continue
		}
		for _, s := range role.AggregationRule.ClusterRoleSelectors {
			selector, err := metav1.LabelSelectorAsSelector(&s)
			if err != nil {
				return err
			}
			for k := range roles.Items {
				if selector.Matches(labels.Set(roles.Items[k].Labels)) {
					role.Rules = append(role.Rules, roles.Items[k].Rules...)
				}
			}
		}
		if err := d.client.Update(ctx, role); err != nil {
			return err
		}
	}
	return nil
}

func (d *bed) kubectl(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, d.cluster.Binary("kubectl"), append(args, d.clientFlags()...)...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// clientFlags are those with which kubectl and its plugins have all rights, and leave nothing behind.
func (d *bed) clientFlags() []string {
	return []string{"--kubeconfig", d.cluster.Kubeconfig, "--cache-dir", filepath.Join(d.dir, "cache")}
}

// await polls until something holds.
func (d *bed) await(ctx context.Context, what string, holds wait.ConditionWithContextFunc) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		if cause := context.Cause(d.cluster.Alive()); cause != nil {
			return false, cause
		}
		return holds(ctx)
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}

// shipped is what the manifest says of the manager.
type shipped struct {
	args []string
	env  []corev1.EnvVar
	// In bytes.
	memoryRequest, memoryLimit int64
}

// goMemoryLimit is what the Go runtime takes for its limit of memory.
const goMemoryLimit = "GOMEMLIMIT"

// limited is the manager with another limit, of which the runtime knows as large a part.
func (s *shipped) limited(bytes int64) *shipped {
	out := &shipped{args: s.args, env: slices.Clone(s.env), memoryLimit: bytes}
	for i := range out.env {
		if out.env[i].Name == goMemoryLimit {
			out.env[i].Value = fmt.Sprint(bytes / 10 * 9)
		}
	}
	return out
}

// environment is that of the process.
func (s *shipped) environment() []string {
	var env []string
	for _, e := range s.env {
		env = append(env, e.Name+"="+e.Value)
	}
	return env
}

// readShipped reads config/manager.
func readShipped(file string) (*shipped, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var d appsv1.Deployment
		if err := yaml.Unmarshal([]byte(document), &d); err != nil {
			return nil, err
		}
		if d.Kind != "Deployment" || len(d.Spec.Template.Spec.Containers) == 0 {
			continue
		}
		c := d.Spec.Template.Spec.Containers[0]
		limit := c.Resources.Limits.Memory()
		if limit.IsZero() {
			return nil, fmt.Errorf("%s: the manager has no memory limit", file)
		}
		return &shipped{args: c.Args, env: c.Env, memoryRequest: c.Resources.Requests.Memory().Value(), memoryLimit: limit.Value()}, nil
	}
	return nil, fmt.Errorf("%s: there is no Deployment", file)
}
