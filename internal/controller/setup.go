// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller holds the two reconcilers. They are thin: read the object, let the engine assess it, apply the
// status if it changed, record transitions.
package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/observe"
)

// FieldOwner owns the statuses that archmap applies.
const FieldOwner = client.FieldOwner("archmap")

// Kinds of subscribers of the engine.
const (
	mappingKind      = "ComponentMapping"
	architectureKind = "ClusterArchitecture"
)

// Options of the controllers. The zero value of each field means its default.
type Options struct {
	// Observe sets up the sources, and Engine the engine.
	Observe observe.Options
	Engine  engine.Options
	// MaxConcurrentReconciles of ComponentMappings. Default: 16.
	MaxConcurrentReconciles int
	// Lease is the lock of the manager's leader election: nothing is written unless it is held. Default: there is no election.
	Lease *Lease
}

// Setup adds the observer and both controllers to the manager.
func Setup(mgr ctrl.Manager, options Options) error {
	if options.Observe.Clock == nil {
		options.Observe.Clock = clock.RealClock{}
	}
	if options.Engine.Clock == nil {
		options.Engine.Clock = options.Observe.Clock
	}
	if options.MaxConcurrentReconciles == 0 {
		options.MaxConcurrentReconciles = 16
	}
	c, err := newClient(mgr)
	if err != nil {
		return err
	}
	triggers := map[string]*trigger{mappingKind: {}, architectureKind: {}}
	sources, err := observe.NewSources(mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetRESTMapper(), options.Observe)
	if err != nil {
		return err
	}
	evaluator := engine.New(sources, func(key engine.Key) { triggers[key.Kind].enqueue(key.Name) }, options.Engine)
	// By the real clock, whatever that of the facts is: it is about this process.
	fence := &fence{clock: clock.RealClock{}, lease: options.Lease}
	for _, runnable := range []manager.Runnable{sources, evaluator, fence} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	transitions := &transitionRecorder{recorder: mgr.GetEventRecorder("archmap"), clock: options.Observe.Clock}
	writer := newStatusWriter(c, evaluator, transitions, options.Observe.Clock, fence)
	mappings := &MappingReconciler{reader: c, engine: evaluator, writer: writer, clock: options.Observe.Clock}
	if err := mappings.setup(mgr, triggers[mappingKind], options.MaxConcurrentReconciles); err != nil {
		return fmt.Errorf("controller of ComponentMappings: %w", err)
	}
	architectures := &ArchitectureReconciler{reader: c, engine: evaluator, writer: writer, clock: options.Observe.Clock,
		next: map[string]time.Time{}}
	if err := architectures.setup(mgr, triggers[architectureKind]); err != nil {
		return fmt.Errorf("controller of ClusterArchitectures: %w", err)
	}
	return nil
}

// newClient reads from the manager's cache, but never what is older than its own last write: a status that
// was just applied would otherwise be applied once more, with newer transition times.
func newClient(mgr ctrl.Manager) (client.Client, error) {
	c, err := client.New(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		Cache: &client.CacheOptions{Reader: mgr.GetCache(), EnableReadYourWritesConsistency: new(true)},
	})
	if err != nil {
		return nil, fmt.Errorf("client of the controllers: %w", err)
	}
	return c, nil
}

// longestRetry is the longest pause after a write that has failed: when the API server takes writes again, statuses are soon true.
const longestRetry = 15 * time.Second

// newRateLimiter is that of a work queue.
func newRateLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Millisecond, longestRetry)
}

// trigger enqueues requests from outside of a controller.
type trigger struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func (t *trigger) source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.queue = queue
		return nil
	})
}

func (t *trigger) enqueue(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue != nil {
		t.queue.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
}
