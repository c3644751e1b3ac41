// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/uuid"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// What one transaction of etcd may hold.
const (
	batchObjects = 100
	batchBytes   = 1 << 20
)

// store writes objects right into etcd, as the API server would keep them: thousands in a second, as old as they say.
// It does not start before the API server serves their kinds, and is not for kinds that the API server itself has to
// act on.
type store struct {
	url    string
	mapper meta.RESTMapper
	ctx    context.Context

	group    *errgroup.Group
	groupCtx context.Context

	batch []etcdOp
	size  int
	// written counts objects, and their bytes.
	written, bytes int
}

// etcdOp is a put, in the form of etcd's JSON gateway.
type etcdOp struct {
	Put struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"requestPut"`
}

func newStore(ctx context.Context, url string, mapper meta.RESTMapper) *store {
	s := &store{url: url, mapper: mapper, ctx: ctx}
	s.begin()
	return s
}

// begin makes the store ready for objects after those that are written.
func (s *store) begin() {
	s.group, s.groupCtx = errgroup.WithContext(s.ctx)
	s.group.SetLimit(4)
}

// put adds an object. It may be written as late as flush.
func (s *store) put(object runtime.Object, created time.Time) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	o := &unstructured.Unstructured{Object: content}
	o.SetUID(uuid.NewUUID())
	if at := o.GetCreationTimestamp(); at.IsZero() {
		o.SetCreationTimestamp(metaTime(created))
	}
	if o.Object[specField] != nil && o.GetGeneration() == 0 {
		o.SetGeneration(1)
	}
	key, err := s.key(o)
	if err != nil {
		return err
	}
	value, err := encode(o)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	var op etcdOp
	op.Put.Key, op.Put.Value = base64.StdEncoding.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString(value)
	s.written++
	s.bytes += len(value)
	if len(s.batch) >= batchObjects || s.size+len(value) > batchBytes {
		s.send()
	}
	s.batch, s.size = append(s.batch, op), s.size+len(value)
	return nil
}

// flush writes what is left, and returns when everything is written.
func (s *store) flush() error {
	s.send()
	defer s.begin()
	return s.group.Wait()
}

func (s *store) send() {
	if len(s.batch) == 0 {
		return
	}
	batch := s.batch
	s.batch, s.size = nil, 0
	ctx := s.groupCtx
	s.group.Go(func() error { return s.transact(ctx, batch) })
}

func (s *store) transact(ctx context.Context, batch []etcdOp) error {
	body, err := json.Marshal(map[string]any{"success": batch})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v3/kv/txn", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("write to etcd: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("write to etcd: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("write to etcd: %s: %.300s", response.Status, answer)
	}
	return nil
}

// oddKeys are the resources that the API server keeps under another name.
var oddKeys = map[string]string{
	"nodes": "minions", "services": "services/specs", "endpoints": "services/endpoints", "replicationcontrollers": "controllers",
	"networking.k8s.io/ingresses": "ingress",
}

// key is where the API server keeps an object: kinds of its own by resource, custom ones by group and resource.
func (s *store) key(o *unstructured.Unstructured) (string, error) {
	kind := o.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return "", err
	}
	resource := mapping.Resource.Resource
	full := resource
	if kind.Group != "" {
		full = kind.Group + "/" + resource
	}
	if odd := oddKeys[full]; odd != "" {
		resource = odd
	} else if !clientgoscheme.Scheme.Recognizes(kind) {
		resource = full
	}
	key := "/registry/" + resource + "/"
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		key += o.GetNamespace() + "/"
	}
	return key + o.GetName(), nil
}

var protobufs = protobuf.NewSerializer(clientgoscheme.Scheme, clientgoscheme.Scheme)

// encode is what the API server would write: protobuf, for a custom kind JSON.
func encode(o *unstructured.Unstructured) ([]byte, error) {
	kind := o.GroupVersionKind()
	if !clientgoscheme.Scheme.Recognizes(kind) {
		return o.MarshalJSON()
	}
	typed, err := clientgoscheme.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, typed); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = protobufs.Encode(typed, &out)
	return out.Bytes(), err
}
