// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/config/crd"
	"github.com/archmap/archmap/test/cluster"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/simulator"
	"github.com/archmap/archmap/test/world"
)

const (
	// shapeName is an AKS cluster as most are; each of its nodes has a CSINode and a NodeNetworkConfig.
	shapeName = "overlay-cilium"
	// users is how many nodes the pool of the user has, beside two of the system and one on a spot machine.
	users = 9
	// patience is how long any single thing may take on a busy machine.
	patience = time.Minute
)

var scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
}

// bed is an API server with a cluster and the whole catalog, in which nothing moves but the leases of the hidden control
// plane.
type bed struct {
	g       Gomega
	client  client.Client
	config  *rest.Config
	rows    *catalog.Catalog
	nodes   []string
	objects int
}

func newBed(t *testing.T) *bed {
	b := &bed{g: NewWithT(t)}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Setenv("KUBEBUILDER_ASSETS", "../../bin/controlplane") // as make test has it
	}
	shape, err := shapes.Load(shapeName)
	b.g.Expect(err).NotTo(HaveOccurred())
	hidden := simulator.New(shape)
	t.Cleanup(hidden.Close)
	dir, err := os.MkdirTemp("", "counts") // that of the test may be too long for a socket
	b.g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { b.g.Expect(os.RemoveAll(dir)).To(Succeed()) })
	server, err := cluster.Start(t.Context(), cluster.Options{
		Dir: dir, Issuer: shape.Issuer, Opinion: simulator.AzureRBACOpinion, Dial: hidden.Dial, Bare: true,
	})
	b.g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { b.g.Expect(server.Stop()).To(Succeed()) })
	b.config = rest.CopyConfig(server.Config)
	b.config.QPS = -1 // what is counted must not be what waits
	b.client, err = client.New(b.config, client.Options{Scheme: scheme})
	b.g.Expect(err).NotTo(HaveOccurred())

	b.fill(t.Context(), shape)
	b.installCatalog(t.Context())
	b.g.Expect(hidden.Connect(b.config)).To(Succeed())
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		hidden.RunControlPlane(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })
	return b
}

// fill creates the objects of the shape, with the statuses that controllers have given them by now.
func (b *bed) fill(ctx context.Context, shape *shapes.Shape) {
	w, err := world.New(shape)
	b.g.Expect(err).NotTo(HaveOccurred())
	b.g.Expect(w.Resize(world.NodePool{Name: "system", Like: "system", Count: 2}, world.NodePool{Name: "spot", Like: "spot", Count: 1},
		world.NodePool{Name: "user", Like: "user", Count: users})).To(Succeed())
	w.Advance(time.Since(w.Now()))
	shown, err := w.Snapshot()
	b.g.Expect(err).NotTo(HaveOccurred())
	b.nodes = w.NodeNames()

	var kinds, services, others, webhooks []*unstructured.Unstructured
	for _, o := range shown.Objects {
		u := b.plain(o)
		switch u.GroupVersionKind().GroupKind() {
		case schema.GroupKind{Kind: "Namespace"}, schema.GroupKind{Group: apiextensionsv1.GroupName, Kind: "CustomResourceDefinition"}:
			kinds = append(kinds, u)
		case schema.GroupKind{Kind: "Service"}: // before the API server draws its address for another one
			services = append(services, u)
		case schema.GroupKind{Kind: "Pod"}, schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, schema.GroupKind{Group: "apps", Kind: "ControllerRevision"}:
			// nothing is wrong that they would explain
		default:
			if u.GroupVersionKind().Group == "admissionregistration.k8s.io" {
				webhooks = append(webhooks, silent(u))
			} else {
				others = append(others, u)
			}
		}
	}
	givePorts(others, services)
	b.createAll(ctx, kinds)
	b.awaitKinds(ctx)
	for _, objects := range [][]*unstructured.Unstructured{services, others, webhooks} {
		b.createAll(ctx, objects)
	}
	b.awaitAPIs(ctx)
}

// plain is an object as somebody creates it.
func (b *bed) plain(o client.Object) *unstructured.Unstructured {
	kind, err := apiutil.GVKForObject(o, clientgoscheme.Scheme)
	b.g.Expect(err).NotTo(HaveOccurred())
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	b.g.Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(kind)
	for _, field := range []string{"uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	return u
}

// givePorts gives EndpointSlices the ports of their Services, without which the API server reaches no aggregated API.
func givePorts(others, services []*unstructured.Unstructured) {
	ports := map[client.ObjectKey][]any{}
	for _, service := range services {
		listed, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
		for _, p := range listed {
			port := p.(map[string]any)
			ports[client.ObjectKeyFromObject(service)] = append(ports[client.ObjectKeyFromObject(service)],
				map[string]any{"name": port["name"], "port": port["port"], "protocol": "TCP"})
		}
	}
	for _, o := range others {
		if service := o.GetLabels()[discoveryv1.LabelServiceName]; service != "" && o.GetKind() == "EndpointSlice" {
			o.Object["ports"] = ports[client.ObjectKey{Namespace: o.GetNamespace(), Name: service}]
		}
	}
}

// silent has the API server ask no webhook: nothing runs that could answer.
func silent(o *unstructured.Unstructured) *unstructured.Unstructured {
	webhooks, _ := o.Object["webhooks"].([]any)
	for _, w := range webhooks {
		w.(map[string]any)["objectSelector"] = map[string]any{"matchLabels": map[string]any{"counts.archmap.dev/asks": "webhooks"}}
	}
	return o
}

func (b *bed) createAll(ctx context.Context, objects []*unstructured.Unstructured) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, o := range objects {
		group.Go(func() error {
			if err := b.apply(ctx, o); err != nil {
				return fmt.Errorf("%s %s: %w", o.GetKind(), client.ObjectKeyFromObject(o), err)
			}
			return nil
		})
	}
	b.g.Expect(group.Wait()).To(Succeed())
	b.objects += len(objects)
}

func (b *bed) apply(ctx context.Context, o *unstructured.Unstructured) error {
	const owner = client.FieldOwner("counts")
	status := o.DeepCopy()
	if err := b.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), owner, client.ForceOwnership); err != nil {
		return err
	}
	if status.Object["status"] == nil || o.GetKind() == "CustomResourceDefinition" || o.GetKind() == "APIService" { // the API server's own
		return nil
	}
	err := b.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(status), owner, client.ForceOwnership)
	if apierrors.IsNotFound(err) {
		return nil // without a subresource, the status went with the object
	}
	return err
}

// awaitKinds waits until every custom kind is served.
func (b *bed) awaitKinds(ctx context.Context) {
	b.g.Eventually(ctx, func(g Gomega) {
		var list apiextensionsv1.CustomResourceDefinitionList
		g.Expect(b.client.List(ctx, &list)).To(Succeed())
		for i := range list.Items {
			spec := &list.Items[i].Spec
			served := &unstructured.UnstructuredList{}
			served.SetAPIVersion(spec.Group + "/" + spec.Versions[0].Name)
			served.SetKind(spec.Names.ListKind)
			g.Expect(b.client.List(ctx, served, client.Limit(1))).To(Succeed(), list.Items[i].Name)
		}
	}).WithTimeout(patience).WithPolling(100 * time.Millisecond).Should(Succeed())
}

// awaitAPIs waits until the API server has found out which aggregated APIs answer: all of them.
func (b *bed) awaitAPIs(ctx context.Context) {
	b.g.Eventually(ctx, func(g Gomega) {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("apiregistration.k8s.io/v1")
		list.SetKind("APIServiceList")
		g.Expect(b.client.List(ctx, list)).To(Succeed())
		for i := range list.Items {
			g.Expect(list.Items[i].Object["status"]).To(HaveKeyWithValue("conditions", ContainElement(And(
				HaveKeyWithValue("type", "Available"), HaveKeyWithValue("status", "True")))), list.Items[i].GetName())
		}
	}).WithTimeout(patience).WithPolling(100 * time.Millisecond).Should(Succeed())
}

// installCatalog creates archmap's kinds, and all that it is shipped with.
func (b *bed) installCatalog(ctx context.Context) {
	definitions, err := crd.Definitions()
	b.g.Expect(err).NotTo(HaveOccurred())
	for _, definition := range definitions {
		b.g.Expect(b.client.Create(ctx, definition)).To(Succeed())
	}
	b.awaitKinds(ctx)
	b.rows, err = catalog.Load(catalog.AKS, catalog.AKSExtras)
	b.g.Expect(err).NotTo(HaveOccurred())
	for i := range b.rows.Mappings {
		b.g.Expect(b.client.Create(ctx, &b.rows.Mappings[i])).To(Succeed())
	}
	for i := range b.rows.Architectures {
		b.g.Expect(b.client.Create(ctx, &b.rows.Architectures[i])).To(Succeed())
	}
}
