// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/test/shapes"
)

func TestPools(t *testing.T) {
	for _, nodes := range []int{6, 7, 100, 1000, 5000} {
		total, names := 0, map[string]bool{}
		for _, pool := range pools(nodes) {
			if pool.Count < 1 || pool.Count > poolLimit {
				t.Errorf("a pool has 1 to %d nodes: %d nodes: %s %d", poolLimit, nodes, pool.Name, pool.Count)
			}
			if names[pool.Name] {
				t.Errorf("each pool has a name of its own: %d nodes: %s", nodes, pool.Name)
			}
			total, names[pool.Name] = total+pool.Count, true
		}
		if total != nodes {
			t.Errorf("the pools have %d nodes in all, not %d", total, nodes)
		}
	}
}

func newTestFleet(t *testing.T, nodes int) *fleet {
	t.Helper()
	shape, err := shapes.Load(shapeName)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFleet(shape, nodes, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A node is as big as one of a real cluster.
func TestFleet(t *testing.T) {
	const nodes = 50
	f := newTestFleet(t, nodes)
	if len(f.nodes) != nodes {
		t.Errorf("there are %d names of nodes, not %d", len(f.nodes), nodes)
	}
	counts := map[string]int{}
	for _, o := range f.objects {
		counts[o.GetKind()]++
		if o.GetKind() != nodeKind {
			continue
		}
		if n := len(o.GetLabels()); n < 38 || n > 40 {
			t.Errorf("a node has 38 to 40 labels: %s has %d", o.GetName(), n)
		}
		for field, want := range map[string]int{"conditions": 14, "images": nodeImages} {
			list, _, err := unstructured.NestedSlice(o.Object, "status", field)
			if err != nil || len(list) != want {
				t.Errorf("a node has %d %s: %s has %d (%v)", want, field, o.GetName(), len(list), err)
			}
		}
		text, err := o.MarshalJSON()
		if err != nil || len(text) < 15_000 || len(text) > 19_000 {
			t.Errorf("a node has about 17 KB: %s has %d (%v)", o.GetName(), len(text), err)
		}
	}
	for _, kind := range []string{nodeKind, "CSINode", "NodeNetworkConfig"} {
		if counts[kind] != nodes {
			t.Errorf("each node has a %s: %d for %d nodes", kind, counts[kind], nodes)
		}
	}
	if counts["Deployment"] == 0 || counts["DaemonSet"] == 0 {
		t.Errorf("the cluster has the workloads of its shape: %v", counts)
	}
	if counts["Pod"] >= 10*nodes {
		t.Errorf("ready pods of DaemonSets are left out: there are %d pods", counts["Pod"])
	}
}

func TestFleetTooSmall(t *testing.T) {
	shape, err := shapes.Load(shapeName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newFleet(shape, fewest-1, time.Now()); err == nil {
		t.Error("a cluster that is smaller than its shape is refused")
	}
}

// gateway is etcd's, of which it knows one call.
type gateway struct {
	mu     sync.Mutex
	status int
	calls  int
	kept   map[string][]byte
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	var call struct{ Success []etcdOp }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &call)
	}
	if err != nil || r.URL.Path != "/v3/kv/txn" || g.status != http.StatusOK {
		http.Error(w, "no", max(g.status, http.StatusBadRequest))
		return
	}
	for _, op := range call.Success {
		key, _ := base64.StdEncoding.DecodeString(op.Put.Key)
		g.kept[string(key)], _ = base64.StdEncoding.DecodeString(op.Put.Value)
	}
}

// testMapper knows the kinds of the shape.
func testMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Node"}, {Group: "storage.k8s.io", Version: "v1", Kind: "CSINode"},
	} {
		mapper.Add(kind, meta.RESTScopeRoot)
	}
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "ConfigMap"}, {Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "acn.azure.com", Version: "v1alpha", Kind: "NodeNetworkConfig"},
	} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	return mapper
}

// Objects are where the API server looks for them, in the form in which it would have written them.
func TestStore(t *testing.T) {
	etcd := &gateway{status: http.StatusOK, kept: map[string][]byte{}}
	server := httptest.NewServer(etcd)
	defer server.Close()
	s := newStore(t.Context(), server.URL, testMapper())
	put := 0
	for _, o := range newTestFleet(t, 200).objects {
		if _, err := s.mapper.RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version); err != nil {
			continue
		}
		if err := s.put(o, time.Now()); err != nil {
			t.Fatal(err)
		}
		put++
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if put < 600 || len(etcd.kept) != put || s.written != put {
		t.Errorf("all %d objects are written: %d, counted %d", put, len(etcd.kept), s.written)
	}
	if least := put / batchObjects; etcd.calls < least {
		t.Errorf("a call has at most %d objects: %d calls for %d", batchObjects, etcd.calls, put)
	}
	if err := errors.Join(s.put(deployment("shop", "cart"), time.Now()), s.flush()); err != nil || etcd.kept["/registry/deployments/shop/cart"] == nil {
		t.Errorf("a store that was flushed takes more: %v", err)
	}
	for key, protobuf := range map[string]bool{
		"/registry/minions/aks-user-25795745-vmss000001":                                      true,
		"/registry/csinodes/aks-user-25795745-vmss000001":                                     true,
		"/registry/deployments/kube-system/coredns":                                           true,
		"/registry/services/specs/kube-system/kube-dns":                                       true,
		"/registry/acn.azure.com/nodenetworkconfigs/kube-system/aks-user-25795745-vmss000001": false,
		"/registry/configmaps/kube-system/cluster-autoscaler-status":                          true,
	} {
		value, ok := etcd.kept[key]
		if !ok {
			t.Errorf("there is no %s", key)
		} else if bytes.HasPrefix(value, []byte("k8s\x00")) != protobuf {
			t.Errorf("%s is protobuf: %t is right: %.20q", key, protobuf, value)
		}
	}
	var node corev1.Node
	if _, _, err := protobufs.Decode(etcd.kept["/registry/minions/aks-user-25795745-vmss000001"], nil, &node); err != nil {
		t.Fatal(err)
	}
	if node.UID == "" || node.CreationTimestamp.IsZero() || len(node.Status.Images) != nodeImages {
		t.Errorf("an object has an identity, an age and all of its fields: %q, %s, %d images", node.UID, node.CreationTimestamp, len(node.Status.Images))
	}
}

func TestStoreRefused(t *testing.T) {
	server := httptest.NewServer(&gateway{status: http.StatusInsufficientStorage})
	defer server.Close()
	s := newStore(t.Context(), server.URL, testMapper())
	if err := s.put(deployment("shop", "cart"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := s.flush(); err == nil || !strings.Contains(err.Error(), "write to etcd: 507") {
		t.Errorf("what etcd refuses is an error: %v", err)
	}
	if err := s.put(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Odd", "metadata": map[string]any{}}}, time.Now()); err == nil {
		t.Error("a kind that is not served is an error")
	}
}

// No webhook of the shape is asked: nothing would answer.
func TestSilence(t *testing.T) {
	hooks := 0
	for _, o := range newTestFleet(t, fewest).objects {
		if err := silence(o); err != nil {
			t.Fatal(err)
		}
		webhooks, _, _ := unstructured.NestedSlice(o.Object, "webhooks")
		for _, w := range webhooks {
			hooks++
			if labels, _, _ := unstructured.NestedMap(w.(map[string]any), "objectSelector", "matchLabels"); len(labels) == 0 {
				t.Errorf("%s %s is asked about everything", o.GetKind(), o.GetName())
			}
		}
	}
	if hooks == 0 {
		t.Error("the shape has webhooks")
	}
}
