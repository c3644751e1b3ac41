// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
)

// watch follows objects in a cache of their own. It begins anew when the kind goes away or the right to
// read it does, and when either comes back.
func (s *source) watch(ctx context.Context) {
	retry := s.backoff()
	began := s.live.options.Clock.Now()
	for ctx.Err() == nil {
		problem, err := s.live.api.probe(ctx, s.need, "list", "watch")
		if err == nil && problem == nil {
			err = s.runCache(ctx, retry)
		}
		delay := s.live.options.RetryInterval
		switch {
		case problem != nil:
			s.set(*problem)
			retry = s.backoff()
		case err != nil && ctx.Err() == nil:
			// What was seen last stands until it is known what is wrong.
			s.live.log(s.need).V(1).Info("Could not observe, will try again", "error", err.Error())
			s.giveUpWaiting(began, err)
			delay = retry.Step()
		}
		if !s.pause(ctx, delay) {
			return
		}
	}
}

// errLost ends a cache whose kind or whose permission is gone.
var errLost = errors.New("the watch is no longer possible")

// runCache runs a cache until the context ends, or until it can no longer be filled. Once it was full, the
// next failure is retried soon again.
func (s *source) runCache(ctx context.Context, retry *wait.Backoff) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := &watchedErrors{lost: func() { cancel(errLost) }}

	c, err := s.newCache(watched.handle)
	if err != nil {
		return err
	}
	informer, err := c.GetInformer(ctx, prototype(s.need.Kind), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	store := &informerStore{informer: informer.(toolscache.SharedIndexInformer)}
	registration, err := informer.AddEventHandler(s.eventHandler(store))
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- c.Start(ctx) }()
	go s.awaitSync(ctx, store, registration, watched)
	err = <-stopped
	if registration.HasSynced() {
		*retry = *s.backoff()
	}
	s.live.metrics.countObjects(s.need.Kind, -store.count)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// awaitSync publishes the store once it is complete. A first read that takes too long is said to fail, and
// heals when it completes.
func (s *source) awaitSync(
	ctx context.Context, store *informerStore, registration toolscache.ResourceEventHandlerRegistration, watched *watchedErrors,
) {
	began := s.live.options.Clock.Now()
	deadline, cancel := context.WithTimeout(ctx, s.live.options.SyncTimeout)
	defer cancel()
	if !toolscache.WaitForCacheSync(deadline.Done(), registration.HasSynced) && ctx.Err() == nil {
		s.giveUpWaiting(began, watched.last())
		toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced)
	}
	if ctx.Err() == nil {
		s.follow(store)
	}
}

func (s *source) newCache(onError toolscache.WatchErrorHandlerWithContext) (cache.Cache, error) {
	by := cache.ByObject{Transform: trim(s.need.Kind), Field: s.fieldSelector()}
	if s.need.Selector != "" {
		selector, err := labels.Parse(s.need.Selector)
		if err != nil {
			return nil, fmt.Errorf("selector %q: %w", s.need.Selector, err)
		}
		by.Label = selector
	}
	return cache.New(s.live.config, cache.Options{
		HTTPClient: s.live.http, Mapper: s.live.mapper, Scheme: scheme.Scheme,
		ByObject:                 map[client.Object]cache.ByObject{prototype(s.need.Kind): by},
		DefaultWatchErrorHandler: onError,
	})
}

// fieldSelector narrows the cache to the namespace and the name of the need; the requests are sent to that
// namespace, so that a Role there is enough.
func (s *source) fieldSelector() fields.Selector {
	var terms []fields.Selector
	if s.need.Namespace != "" {
		terms = append(terms, fields.OneTermEqualSelector("metadata.namespace", s.need.Namespace))
	}
	if s.need.Name != "" {
		terms = append(terms, fields.OneTermEqualSelector("metadata.name", s.need.Name))
	}
	return fields.AndSelectors(terms...)
}

// eventHandler drops what changes nothing that a check can see, such as heartbeats.
func (s *source) eventHandler(store *informerStore) toolscache.ResourceEventHandler {
	changed := func(more int) {
		store.count += more
		s.live.metrics.countObjects(s.need.Kind, more)
		s.live.metrics.countEvent(s.need.Kind, true)
		store.invalidate()
		s.markDirty()
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed(1) },
		DeleteFunc: func(any) { changed(-1) },
		UpdateFunc: func(before, after any) {
			if same(before, after) {
				s.live.metrics.countEvent(s.need.Kind, false)
				// The store holds newer heartbeats now, for whoever looks for another reason.
				store.invalidate()
				return
			}
			changed(0)
		},
	}
}

// watchedErrors keeps the errors of a watch, and ends it when it cannot recover by itself.
type watchedErrors struct {
	lost func()

	mu  sync.Mutex
	err error
}

func (w *watchedErrors) handle(_ context.Context, _ *toolscache.Reflector, err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		w.lost()
	}
}

func (w *watchedErrors) last() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return errors.New("the API server is slow to answer")
	}
	return w.err
}

// prototype is an empty object of the kind: typed where checks read typed objects.
func prototype(kind schema.GroupVersionKind) client.Object {
	switch kind {
	case appsv1.SchemeGroupVersion.WithKind("Deployment"):
		return &appsv1.Deployment{}
	case appsv1.SchemeGroupVersion.WithKind("DaemonSet"):
		return &appsv1.DaemonSet{}
	case appsv1.SchemeGroupVersion.WithKind("StatefulSet"):
		return &appsv1.StatefulSet{}
	case facts.Nodes.Kind:
		return &corev1.Node{}
	case facts.PodKind:
		return &corev1.Pod{}
	case coordinationv1.SchemeGroupVersion.WithKind("Lease"):
		return &coordinationv1.Lease{}
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	return u
}

// objectStore lists objects, sorted by namespace and name.
type objectStore interface {
	list() []client.Object
}

// informerStore is the objects of an informer; the sorted list is kept until something changes.
type informerStore struct {
	informer toolscache.SharedIndexInformer
	// count is how many objects there are; only the event handler changes it.
	count int

	mu     sync.Mutex
	sorted []client.Object
}

func (i *informerStore) invalidate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sorted = nil
}

func (i *informerStore) list() []client.Object {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.sorted != nil {
		return i.sorted
	}
	items := i.informer.GetStore().List()
	objects := make([]client.Object, 0, len(items))
	for _, item := range items {
		if o, ok := item.(client.Object); ok {
			objects = append(objects, o)
		}
	}
	sortObjects(objects)
	i.sorted = objects
	return objects
}

func sortObjects(objects []client.Object) {
	slices.SortFunc(objects, func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
}
