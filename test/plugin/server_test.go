// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// server is an API server that shows a shape: no controllers run, so that the statuses are those of a converged world.
type server struct {
	config *rest.Config
	client client.Client
	// kubeconfig is the path of a file with all rights.
	kubeconfig string
	shape      *shapes.Shape
	world      *world.World
}

const owner = client.FieldOwner("world")

var testScheme = func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}()

// startServer starts an API server that shows the shape, and installs the definitions besides.
func startServer(shape string, definitions ...string) *server {
	GinkgoHelper()
	s := &server{}
	var err error
	s.shape, err = shapes.Load(shape)
	Expect(err).NotTo(HaveOccurred())
	s.world, err = world.New(s.shape)
	Expect(err).NotTo(HaveOccurred())

	env := newEnvironment(definitions...)
	flags := env.ControlPlane.GetAPIServer().Configure()
	flags.Set("service-account-issuer", s.shape.Issuer)
	flags.Disable("authorization-mode").Set("authorization-config", authorization(s.shape))
	s.config, err = env.Start()
	DeferCleanup(env.Stop)
	Expect(err).NotTo(HaveOccurred())
	unhurried := rest.CopyConfig(s.config)
	unhurried.QPS = -1
	s.client, err = client.New(unhurried, client.Options{Scheme: testScheme})
	Expect(err).NotTo(HaveOccurred())
	s.kubeconfig = writeKubeconfig(map[string]*rest.Config{shape: s.config})
	s.show()
	return s
}

func newEnvironment(definitions ...string) *envtest.Environment {
	env := &envtest.Environment{BinaryAssetsDirectory: controlPlaneDir(), CRDDirectoryPaths: definitions, Scheme: testScheme}
	env.ControlPlane.GetAPIServer().Configure().
		Set("service-cluster-ip-range", "10.0.0.0/16").
		// It makes new nodes not ready, and nobody would take that back.
		Set("disable-admission-plugins", "ServiceAccount", "TaintNodesByCondition")
	return env
}

// show creates the objects of the world.
func (s *server) show() {
	GinkgoHelper()
	first, last := map[string]bool{"Namespace": true, "CustomResourceDefinition": true}, map[string]bool{"MutatingWebhookConfiguration": true, "ValidatingWebhookConfiguration": true}
	extension := serveExtensions(s.shape)
	s.apply(func(kind string) bool { return first[kind] }, extension)
	definitions := s.shape.Of(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition").GroupKind())
	for _, d := range definitions {
		Eventually(func(g Gomega) {
			var live apiextensionsv1.CustomResourceDefinition
			g.Expect(s.client.Get(ctx, client.ObjectKeyFromObject(d), &live)).To(Succeed())
			g.Expect(live.Status.Conditions).To(ContainElement(And(
				HaveField("Type", apiextensionsv1.Established), HaveField("Status", apiextensionsv1.ConditionTrue))))
		}).WithTimeout(soon).Should(Succeed())
	}
	s.apply(func(kind string) bool { return !first[kind] && !last[kind] }, extension)
	s.apply(func(kind string) bool { return last[kind] }, extension)
	for _, o := range s.shape.Of(apiService) {
		Eventually(func(g Gomega) {
			live := &unstructured.Unstructured{}
			live.SetGroupVersionKind(o.GroupVersionKind())
			g.Expect(s.client.Get(ctx, client.ObjectKeyFromObject(o), live)).To(Succeed())
			conditions, _, err := unstructured.NestedSlice(live.Object, "status", "conditions")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(conditions).To(ContainElement(And(HaveKeyWithValue("type", "Available"), HaveKeyWithValue("status", "True"))), "%v", conditions)
		}).WithTimeout(soon).Should(Succeed())
	}
}

// beat renews what would be renewed all the time.
func (s *server) beat() {
	GinkgoHelper()
	s.apply(func(kind string) bool { return kind == "Lease" || kind == "ConfigMap" }, "")
}

// apply brings objects to where they are in the world now. What is reached at the address extension answers for the
// aggregated API servers.
func (s *server) apply(wanted func(kind string) bool, extension string) {
	GinkgoHelper()
	s.world.Advance(time.Since(s.world.Now()))
	snapshot, err := s.world.Snapshot()
	Expect(err).NotTo(HaveOccurred())
	var group errgroup.Group
	group.SetLimit(16)
	for _, object := range snapshot.Objects {
		o, err := plain(object)
		Expect(err).NotTo(HaveOccurred())
		if !wanted(o.GetKind()) || notServed[o.GetKind()] {
			continue
		}
		aggregate(o, s.shape, extension)
		group.Go(func() error {
			if err := put(ctx, s.client, o); err != nil {
				return fmt.Errorf("%s %s: %w", o.GetKind(), client.ObjectKeyFromObject(o), err)
			}
			return nil
		})
	}
	Expect(group.Wait()).To(Succeed())
}

// notServed is what a healthy cluster is judged without.
var notServed = map[string]bool{"Pod": true, "ReplicaSet": true, "ControllerRevision": true}

func put(ctx context.Context, c client.Client, o *unstructured.Unstructured) error {
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), owner, client.ForceOwnership); err != nil {
		return err
	}
	if o.Object["status"] == nil || o.GetKind() == apiService.Kind {
		return nil
	}
	err := c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(o), owner, client.ForceOwnership)
	if apierrors.IsNotFound(err) {
		return nil // without a subresource, the status went with the object
	}
	return err
}

// plain is an object without what the API server fills in.
func plain(object client.Object) (*unstructured.Unstructured, error) {
	kind, err := apiutil.GVKForObject(object, testScheme)
	if err != nil {
		return nil, err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object.DeepCopyObject())
	if err != nil {
		return nil, err
	}
	o := &unstructured.Unstructured{Object: fields}
	o.SetGroupVersionKind(kind)
	for _, field := range []string{"creationTimestamp", "generation", "uid", "resourceVersion"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	return o, nil
}

var (
	apiService  = schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}
	serviceKind = corev1.SchemeGroupVersion.WithKind("Service").GroupKind()
)

// serveExtensions answers for the aggregated API servers of the shape; it returns its address.
func serveExtensions(shape *shapes.Shape) string {
	mux := http.NewServeMux()
	for _, o := range shape.Of(apiService) {
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		version, _, _ := unstructured.NestedString(o.Object, "spec", "version")
		mux.HandleFunc("/apis/"+group+"/"+version, reply(metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: group + "/" + version, APIResources: []metav1.APIResource{},
		}))
	}
	extension := httptest.NewTLSServer(mux)
	DeferCleanup(extension.Close)
	return extension.Listener.Addr().String()
}

func reply(body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body) // the caller is gone, nobody to tell
	}
}

// aggregate has an aggregated API, and the Service before it, lead to the address: no network leads into the cluster.
func aggregate(o *unstructured.Unstructured, shape *shapes.Shape, address string) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	number, err := strconv.ParseInt(port, 10, 64)
	Expect(err).NotTo(HaveOccurred())
	for _, api := range shape.Of(apiService) {
		service, _, _ := unstructured.NestedStringMap(api.Object, "spec", "service")
		switch {
		case o.GroupVersionKind().GroupKind() == apiService && o.GetName() == api.GetName():
			Expect(unstructured.SetNestedField(o.Object, number, "spec", "service", "port")).To(Succeed())
		case o.GroupVersionKind().GroupKind() == serviceKind && o.GetNamespace() == service["namespace"] && o.GetName() == service["name"]:
			o.Object["spec"] = map[string]any{"type": string(corev1.ServiceTypeExternalName), "externalName": "localhost"}
		}
	}
}

// authorization is the path of a configuration of authorizers: RBAC and, where the shape has Azure RBAC, one that has no
// opinion and says so.
func authorization(shape *shapes.Shape) string {
	GinkgoHelper()
	text := `apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- {type: Node, name: node}
- {type: RBAC, name: rbac}
`
	if shape.AzureRBAC {
		azure := httptest.NewServer(reply(authorizationv1.SubjectAccessReview{
			TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SubjectAccessReview"},
			Status:   authorizationv1.SubjectAccessReviewStatus{Reason: world.AzureRBACOpinion},
		}))
		DeferCleanup(azure.Close)
		text += fmt.Sprintf(`- type: Webhook
  name: azure
  webhook:
    timeout: 3s
    failurePolicy: NoOpinion
    authorizedTTL: 5m
    unauthorizedTTL: 30s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: %q}
`, writeKubeconfig(map[string]*rest.Config{"azure": {Host: azure.URL}}))
	}
	path := filepath.Join(GinkgoT().TempDir(), "authorization.yaml")
	Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	return path
}

// writeKubeconfig writes a kubeconfig with a context for each of the clusters and returns its path. The context that is
// first by name is the current one.
func writeKubeconfig(clusters map[string]*rest.Config) string {
	GinkgoHelper()
	config := clientcmdapi.NewConfig()
	for name, c := range clusters {
		config.Clusters[name] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData, Exec: c.ExecProvider}
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
		if config.CurrentContext == "" || name < config.CurrentContext {
			config.CurrentContext = name
		}
	}
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// between stands between the plugin and the API server, with all rights; handle sees what comes through.
func (s *server) between(handle func(w http.ResponseWriter, r *http.Request, pass http.Handler)) *rest.Config {
	GinkgoHelper()
	target, err := url.Parse(s.config.Host)
	Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(s.config)
	Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, // watches are told at once
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, proxy) }))
	DeferCleanup(front.Close)
	return &rest.Config{Host: front.URL}
}
