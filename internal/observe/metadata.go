// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
)

const (
	// changeDebounce is how long changes of metadata are collected before what is polled is read.
	changeDebounce = time.Second
	// changeReads is how often in a row a change of metadata has something read out of turn. Each interval gives one more, so
	// that what changes all the time is read at most twice an interval.
	changeReads = 5
)

// metadata is what a watch tells of objects that are polled: which there are, and of which generation.
type metadata struct {
	// changed has room for one signal that an object has come, has gone or has another generation.
	changed chan struct{}
	// reads limits what is read out of turn.
	reads *rate.Limiter

	mu sync.Mutex
	// objects is nil while nothing is watched.
	objects facts.Objects
}

func newMetadata(interval time.Duration) *metadata {
	return &metadata{changed: make(chan struct{}, 1), reads: rate.NewLimiter(rate.Every(interval), changeReads)}
}

// set says what there is; nil when that is not watched.
func (m *metadata) set(objects facts.Objects) {
	m.mu.Lock()
	m.objects = objects
	m.mu.Unlock()
	signal(m.changed)
}

// sees reports whether an answer shows the very objects that there are.
func (m *metadata) sees(answer facts.Answer) bool {
	m.mu.Lock()
	objects := m.objects
	m.mu.Unlock()
	return objects != nil && answer.State == facts.Known && slices.EqualFunc(objects.List(), answer.Objects, sameVersion)
}

// sameVersion reports whether two objects are the same one, of the same generation. Kinds that count no generations
// show only that an object has come or gone.
func sameVersion(a, b client.Object) bool {
	return client.ObjectKeyFromObject(a) == client.ObjectKeyFromObject(b) && a.GetUID() == b.GetUID() && a.GetGeneration() == b.GetGeneration()
}

// followMetadata watches the metadata of what is polled until the context ends. Polling does not depend on it: where it
// may not be watched, or cannot be, everything is seen an interval later.
func (s *source) followMetadata(ctx context.Context, m *metadata) {
	retry, outlook := s.backoff(), newOutlook(s.need, s.sources.options.RetryInterval)
	outlook.verbs = []string{verbList, verbWatch}
	for ctx.Err() == nil {
		next := s.sources.turns()
		problem, err := outlook.obstacle(ctx, s.sources.api)
		if err == nil && problem == nil {
			var read bool
			read, err = s.watchMetadata(ctx, retry, m, outlook.watched)
			outlook.learn(read, err)
		}
		if problem == nil {
			problem = outlook.believe(err, s.sources.options.Clock.Now())
		}
		delay := retry.Step()
		switch {
		case problem != nil:
			delay = s.need.Interval
			retry = s.backoff()
		case err != nil && ctx.Err() == nil:
			s.sources.log(s.need).V(1).Info("Couldn't watch metadata; will keep polling", "error", err.Error())
			if outlook.unconfirmed() {
				delay = outlook.soon()
			}
		}
		if !s.awaitKind(ctx, delay, problem, next) {
			return
		}
	}
}

// watchMetadata runs an informer of metadata until the context ends, or until it can no longer be filled.
func (s *source) watchMetadata(ctx context.Context, retry *wait.Backoff, m *metadata, watched *atomic.Bool) (read bool, err error) {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(s.need.Kind)
	store := &informerStore{}
	changed := func() {
		store.moved()
		signal(m.changed)
	}
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		DeleteFunc: func(any) { changed() },
		UpdateFunc: func(before, after any) {
			b, wasObject := before.(client.Object)
			a, isObject := after.(client.Object)
			if !wasObject || !isObject || !sameVersion(b, a) {
				changed()
			}
		},
	}
	defer m.set(nil)
	return s.inform(ctx, retry, informed{object: o, transform: trimMetadata, store: store, handler: handler, watched: watched,
		running: func(ctx context.Context, registration toolscache.ResourceEventHandlerRegistration, _ *watchedErrors) {
			if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
				m.set(store)
			}
		}})
}

// trimMetadata keeps what tells objects and their generations apart.
func trimMetadata(in any) (any, error) {
	o, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil
	}
	return &metav1.PartialObjectMetadata{TypeMeta: o.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: o.Namespace, Name: o.Name, UID: o.UID, Generation: o.Generation, ResourceVersion: o.ResourceVersion}}, nil
}
