// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/archmap/archmap/test/shapes"
)

// extensionResources are what the aggregated API servers serve, by group. Each list is empty: nothing is
// measured on a simulated node.
var extensionResources = map[string][]metav1.APIResource{
	"metrics.k8s.io": {
		{Name: "nodes", Kind: "NodeMetrics", Verbs: metav1.Verbs{"get", "list"}},
		{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: metav1.Verbs{"get", "list"}},
	},
}

// serveExtensions answers for every aggregated API server of the shape, so that the API server finds them
// available.
func serveExtensions(shape *shapes.Shape) *httptest.Server {
	mux := http.NewServeMux()
	for _, service := range shape.Of(apiServiceKind) {
		group, _, _ := unstructured.NestedString(service.Object, "spec", "group")
		version, _, _ := unstructured.NestedString(service.Object, "spec", "version")
		root, groupVersion := fmt.Sprintf("/apis/%s/%s", group, version), group+"/"+version
		mux.HandleFunc(root, reply(metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: groupVersion, APIResources: extensionResources[group],
		}))
		for _, r := range extensionResources[group] {
			list := reply(metav1.PartialObjectMetadataList{
				TypeMeta: metav1.TypeMeta{Kind: r.Kind + "List", APIVersion: groupVersion}, Items: []metav1.PartialObjectMetadata{},
			})
			mux.HandleFunc(root+"/"+r.Name, list)
			mux.HandleFunc(root+"/namespaces/{namespace}/"+r.Name, list)
		}
	}
	return httptest.NewTLSServer(mux)
}

func reply(body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body) // the caller is gone, nobody to tell
	}
}

// Dial connects to an aggregated API server by the address of its Service. No other Service has anything
// behind it.
func (s *Simulator) Dial(ctx context.Context, address string) (net.Conn, error) {
	if !slices.Contains(s.extensionAddresses(), address) {
		return nil, fmt.Errorf("nothing answers at %s in the simulated cluster", address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.extensions.URL, "https://"))
}

func (s *Simulator) extensionAddresses() []string {
	var addresses []string
	for _, api := range s.shape.Of(apiServiceKind) {
		namespace, _, _ := unstructured.NestedString(api.Object, "spec", "service", "namespace")
		name, _, _ := unstructured.NestedString(api.Object, "spec", "service", "name")
		for _, service := range s.shape.Of(serviceKind) {
			if service.GetNamespace() == namespace && service.GetName() == name {
				ip, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP")
				addresses = append(addresses, net.JoinHostPort(ip, strconv.Itoa(https)))
			}
		}
	}
	return addresses
}

// https is the port at which the API server calls an aggregated one by default.
const https = 443
