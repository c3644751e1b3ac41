// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/trim"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/facts"
)

// maxParallelReads is how many requests a Reader has under way.
const maxParallelReads = 16

// patience is how long one request may take, unless the reader says otherwise: an aggregated API server that hangs must
// not hold up the others.
const patience = 15 * time.Second

// Reader reads a cluster once, with the rights of whoever runs it. It asks only for what is needed.
type Reader struct {
	api    *api
	mapper meta.RESTMapper
	clock  *ServerClock
	// Progress, when set, is told how many of the reads are done; from one goroutine at a time.
	Progress func(done, all int)
}

// NewReader makes a reader of the cluster behind config.
func NewReader(config *rest.Config, newMapper func(*rest.Config, *http.Client) (meta.RESTMapper, error)) (*Reader, error) {
	config = rest.CopyConfig(config)
	if config.Timeout == 0 {
		config.Timeout = patience
	}
	clock := &ServerClock{}
	config.Wrap(clock.Wrap)
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	httpClient = trimming(httpClient)
	mapper, err := newMapper(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("list the kinds that the cluster %s serves: %w", config.Host, err)
	}
	api, err := newAPI(config, httpClient, mapper, OfUser, clock.Now)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return &Reader{api: api, mapper: mapper, clock: clock}, nil
}

// Read reads what is needed. What cannot be read is part of what it returns; an error is that of the context.
func (r *Reader) Read(ctx context.Context, needs []facts.Need) (*snapshot.Snapshot, error) {
	dump := snapshot.NewRecord()
	dump.Trimmed = true
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	needs = snapshot.Distinct(needs)
	for _, need := range needs {
		group.Go(func() error {
			answer, packed := pack(need, r.read(ctx, need))
			mu.Lock()
			defer mu.Unlock()
			if packed == nil {
				dump.Record(need, answer)
			} else {
				dump.Hold(need, answer, packed)
			}
			if r.Progress != nil {
				r.Progress(len(dump.Reads), len(needs))
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	dump.Time = r.clock.Now()
	return dump, err
}

// pack packs the objects of an answer of which a big cluster has thousands; nil where there are none.
func pack(need facts.Need, answer facts.Answer) (facts.Answer, facts.Objects) {
	if len(answer.Objects) == 0 || need.OnDemand() {
		return answer, nil
	}
	packed, err := trim.PackList(need.Kind, nil, answer.Objects)
	if err != nil {
		return answer, nil // as it was read
	}
	answer.Objects = nil
	return answer, packed
}

// read turns every outcome into an answer.
func (r *Reader) read(ctx context.Context, need facts.Need) facts.Answer {
	resource, problem := r.resource(need)
	if problem != nil {
		return *problem
	}
	answer, err := r.api.ask(ctx, need)
	if own, refused := errors.AsType[*refusal](err); refused { // one look cannot wait until it is confirmed
		return facts.Answer{State: facts.NotPermitted, Message: own.message}
	}
	switch {
	case err == nil:
		for _, o := range answer.Objects { // typed ones of a list don't say so
			o.GetObjectKind().SetGroupVersionKind(need.Kind)
		}
		return answer
	case apierrors.IsForbidden(err):
		verb := verbList
		if need.Name != "" {
			verb = verbGet
		}
		return facts.Answer{State: facts.NotPermitted, Message: r.api.missingRule(need, resource, verb)}
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
		return snapshot.NotServed(need.Kind)
	}
	return facts.Answer{State: facts.Failed, Message: r.explain(err)}
}

// explain says in words when nobody has answered.
func (r *Reader) explain(err error) string {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Sprintf("the API server did not respond within %s", r.api.config.Timeout)
	}
	return r.api.explain(err)
}

// unknown says why the mapper does not know the kind: it is not served, or the API server that should serve it is down.
func (r *Reader) unknown(need facts.Need) facts.Answer {
	_, err := r.api.resource(need)
	if err == nil || apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return snapshot.NotServed(need.Kind)
	}
	return facts.Answer{State: facts.Failed, Message: fmt.Sprintf("couldn't tell whether %s of %s is served: %s",
		need.Kind.Kind, need.Kind.GroupVersion(), r.explain(err))}
}

// resource is the name by which the API server serves the kind, or why it is not read.
func (r *Reader) resource(need facts.Need) (string, *facts.Answer) {
	if need.Kind == (schema.GroupVersionKind{}) {
		return "", nil
	}
	mapping, err := r.mapper.RESTMapping(need.Kind.GroupKind(), need.Kind.Version)
	switch {
	case meta.IsNoMatchError(err):
		return "", new(r.unknown(need))
	case err != nil:
		return "", &facts.Answer{State: facts.Failed, Message: err.Error()}
	case need.Kind == snapshot.SecretKind:
		return "", new(snapshot.RefuseSecrets())
	case mapping.Scope.Name() == meta.RESTScopeNameRoot && need.Namespace != "":
		return "", new(snapshot.ClusterScoped(need.Kind))
	}
	return mapping.Resource.Resource, nil
}
