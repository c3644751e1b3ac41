// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// watch follows objects in a cache of their own. It begins anew when the kind goes away or the right to
// read it does, and when either comes back.
func (s *source) watch(ctx context.Context) {
	retry := s.backoff()
	began := s.sources.options.Clock.Now()
	for ctx.Err() == nil {
		next := s.sources.turns()
		problem, err := s.outlook.obstacle(ctx, s.sources.api)
		if err == nil && problem == nil {
			var read bool
			read, err = s.runCache(ctx, retry)
			if s.outlook.learn(read, err) && s.state() == facts.Pending {
				continue // nothing has been seen yet: what is in the way is the answer
			}
		}
		if problem == nil {
			problem = s.outlook.believe(err, s.sources.options.Clock.Now())
		}
		delay := s.sources.options.RetryInterval
		switch {
		case errors.Is(err, errWidened):
			began = s.sources.options.Clock.Now()
			continue
		case problem != nil:
			s.set(*problem)
			retry = s.backoff()
		case err != nil && ctx.Err() == nil:
			// What was seen last stands until it is known what is wrong.
			s.sources.log(s.need).V(1).Info("Couldn't watch; will retry", "error", err.Error())
			s.giveUpWaiting(began, err)
			delay = retry.Step()
			if s.outlook.unconfirmed() {
				delay = s.outlook.soon()
			}
		}
		if !s.awaitKind(ctx, delay, problem, next) {
			return
		}
	}
}

// awaitKind waits for about d before another attempt; where the kind is not served, or a right is missing, until that may have
// changed since before the last one. It reports whether the context is still alive.
func (s *source) awaitKind(ctx context.Context, d time.Duration, problem *facts.Answer, next turns) bool {
	if problem == nil {
		return s.pause(ctx, d)
	}
	if problem.State == facts.NotServed {
		defer s.sources.kinds.wait()()
	}
	timer := s.sources.options.Clock.NewTimer(wait.Jitter(d, jitter))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
	case <-next.after(problem.State):
	}
	return true
}

// errLost ends a cache whose kind or whose permission is gone, with the error that says so.
var errLost = errors.New("the watch is no longer possible")

// runCache follows objects until the context ends, until that is no longer possible, or until more of them is wanted. It says
// whether they have been read.
func (s *source) runCache(ctx context.Context, retry *wait.Backoff) (read bool, err error) {
	mask := s.beginReading()
	ctx, cancel := context.WithCancelCause(ctx)
	var awaiting sync.WaitGroup
	awaiting.Go(func() {
		if s.awaitWider(ctx) {
			cancel(errWidened)
		}
	})
	defer awaiting.Wait()
	defer cancel(nil)
	store := &informerStore{whole: mask == nil && trim.Untyped(s.need.Kind)}
	shrunk := s.need
	shrunk.Mask = mask.String()
	read, err = s.inform(ctx, retry, informed{
		object: trim.New(s.need.Kind), transform: trim.Pack(s.need.Kind, mask), shrunk: &shrunk, store: store,
		handler: s.eventHandler(store), watched: s.outlook.watched,
		running: func(ctx context.Context, registration toolscache.ResourceEventHandlerRegistration, watched *watchedErrors) {
			s.awaitSync(ctx, store, registration, watched)
		},
	})
	s.sources.metrics.countObjects(s.need.Kind, store.whole, -store.count)
	s.sources.metrics.countBytes(s.need.Kind, -store.bytes)
	return read, err
}

// informed is what an informer is run for.
type informed struct {
	// object is an empty one of the kind.
	object    client.Object
	transform toolscache.TransformFunc
	// watched is set when a watch has been opened.
	watched *atomic.Bool
	// shrunk is the need of which no more is kept of a page than what it asks for; nil keeps pages as they are.
	shrunk *facts.Need
	// store gets the informer before the handler gets events.
	store   *informerStore
	handler toolscache.ResourceEventHandler
	// running is called when the informer starts, and ends with its context.
	running func(context.Context, toolscache.ResourceEventHandlerRegistration, *watchedErrors)
}

// inform runs an informer until the context ends, or until it can no longer be filled. Once it was full for a while, the next
// failure is retried soon again: one that fails as soon as it is full is not.
func (s *source) inform(ctx context.Context, retry *wait.Backoff, what informed) (full bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := &watchedErrors{lost: func(err error) { cancel(fmt.Errorf("%w: %w", errLost, err)) }}
	began := s.sources.options.Clock.Now()

	c, err := s.newCache(what, watched.handle)
	if err != nil {
		return false, err
	}
	informer, err := c.GetInformer(ctx, what.object, cache.BlockUntilSynced(false))
	if err != nil {
		return false, err
	}
	what.store.informer = informer.(toolscache.SharedIndexInformer)
	registration, err := informer.AddEventHandler(what.handler)
	if err != nil {
		return false, err
	}
	var running sync.WaitGroup
	running.Go(func() { what.running(ctx, registration, watched) })
	err = c.Start(ctx)
	cause := context.Cause(ctx)
	cancel(nil)
	running.Wait()
	full = registration.HasSynced()
	if full && s.sources.options.Clock.Since(began) >= s.sources.options.RetryInterval {
		*retry = *s.backoff()
	}
	return full, cmp.Or(cause, err)
}

// awaitSync publishes the store once it is complete. A first read that takes too long is said to fail, and
// heals when it completes.
func (s *source) awaitSync(
	ctx context.Context, store *informerStore, registration toolscache.ResourceEventHandlerRegistration, watched *watchedErrors,
) {
	began := s.sources.options.Clock.Now()
	deadline, cancel := context.WithTimeout(ctx, s.sources.options.SyncTimeout)
	defer cancel()
	if !toolscache.WaitForCacheSync(deadline.Done(), registration.HasSynced) && ctx.Err() == nil {
		s.giveUpWaiting(began, watched.last())
		toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced)
	}
	if ctx.Err() == nil {
		s.follow(store)
	}
}

func (s *source) newCache(what informed, onError toolscache.WatchErrorHandlerWithContext) (cache.Cache, error) {
	by := cache.ByObject{Transform: what.transform, Field: s.fieldSelector()}
	if s.need.Selector != "" {
		selector, err := labels.Parse(s.need.Selector)
		if err != nil {
			return nil, fmt.Errorf("selector %q: %w", s.need.Selector, err)
		}
		by.Label = selector
	}
	return cache.New(s.sources.config, cache.Options{
		HTTPClient: s.budgeted(s.sources.http, what.watched), Mapper: s.sources.mapper, Scheme: scheme.Scheme,
		ByObject:                 map[client.Object]cache.ByObject{what.object: by},
		DefaultWatchErrorHandler: onError,
		NewInformer: func(
			watcher toolscache.ListerWatcher, of runtime.Object, resync time.Duration, indexers toolscache.Indexers,
		) toolscache.SharedIndexInformer {
			if what.shrunk != nil {
				watcher = paged(watcher, *what.shrunk)
			}
			return toolscache.NewSharedIndexInformer(watcher, of, resync, indexers)
		},
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
	changed := func(object any, more int) {
		store.count += more
		s.sources.metrics.countObjects(s.need.Kind, store.whole, more)
		s.sources.metrics.countEvent(s.need.Kind, true)
		if more != 0 {
			store.moved()
		}
		if name, err := toolscache.DeletionHandlingObjectToName(object); err == nil {
			s.objectChanged(store, types.NamespacedName{Namespace: name.Namespace, Name: name.Name})
		}
	}
	resized := func(more int) {
		store.bytes += more
		s.sources.metrics.countBytes(s.need.Kind, more)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			resized(trim.Size(object))
			changed(object, 1)
		},
		DeleteFunc: func(object any) {
			gone := object
			if unseen, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				gone = unseen.Obj
			}
			resized(-trim.Size(gone))
			changed(object, -1)
		},
		UpdateFunc: func(before, after any) {
			resized(trim.Size(after) - trim.Size(before))
			if trim.Same(before, after) {
				s.sources.metrics.countEvent(s.need.Kind, false)
				return
			}
			changed(after, 0)
		},
	}
}

// watchedErrors keeps the errors of a watch, and ends it when it cannot recover by itself.
type watchedErrors struct {
	lost func(error)

	mu  sync.Mutex
	err error
}

func (w *watchedErrors) handle(_ context.Context, _ *toolscache.Reflector, err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	if isLasting(err) || apierrors.IsNotFound(err) {
		w.lost(err)
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

// informerStore is the objects of an informer. Their sorted names are kept until one comes or goes.
type informerStore struct {
	informer toolscache.SharedIndexInformer
	// whole says that all is kept of the objects, and not what some check reads.
	whole bool
	// count is how many objects there are, and bytes what they take by trim.Size; only the event handler changes them.
	count, bytes int

	mu    sync.Mutex
	names []types.NamespacedName
}

// moved says that an object has come or gone.
func (i *informerStore) moved() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names = nil
}

// Names implements facts.Objects.
func (i *informerStore) Names() []types.NamespacedName {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.names == nil {
		keys := i.informer.GetStore().ListKeys()
		i.names = make([]types.NamespacedName, 0, len(keys))
		for _, key := range keys {
			if name, err := toolscache.ParseObjectName(key); err == nil {
				i.names = append(i.names, types.NamespacedName(name))
			}
		}
		trim.SortNames(i.names)
	}
	return i.names
}

// List implements facts.Objects.
func (i *informerStore) List() []client.Object {
	names := i.Names()
	objects := make([]client.Object, 0, len(names))
	for _, name := range names {
		if o := i.Get(name); o != nil {
			objects = append(objects, o)
		}
	}
	return objects
}

// Get implements facts.Objects.
func (i *informerStore) Get(name types.NamespacedName) client.Object {
	item, exists, err := i.informer.GetStore().GetByKey(toolscache.ObjectName(name).String())
	if err != nil || !exists {
		return nil
	}
	return trim.Unpacked(item)
}
