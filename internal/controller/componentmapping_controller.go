// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlcontroller "sigs.k8s.io/controller-runtime/pkg/controller"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
)

// MappingReconciler reconciles the status of ComponentMappings.
type MappingReconciler struct {
	reader client.Reader
	engine *engine.Engine
	writer *statusWriter
	clock  clock.Clock

	compiled compiledMappings
}

func (r *MappingReconciler) setup(mgr ctrl.Manager, t *trigger, workers int) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("componentmapping").
		For(&v1alpha1.ComponentMapping{}, builder.WithPredicates(r.writer.changes(mappingKind))).
		WatchesRawSource(t.source()).
		WithOptions(ctrlcontroller.Options{MaxConcurrentReconciles: workers, RateLimiter: newRateLimiter()}).
		Complete(r)
}

// +kubebuilder:rbac:groups=architecture.archmap.dev,resources=componentmappings,verbs=get;list;watch
// +kubebuilder:rbac:groups=architecture.archmap.dev,resources=componentmappings/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=pods;events,verbs=list
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=selfsubjectaccessreviews,verbs=create

// Reconcile updates the status of a ComponentMapping from the findings of its checks.
func (r *MappingReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	key := engine.Key{Kind: mappingKind, Name: req.Name}
	var m v1alpha1.ComponentMapping
	if err := r.reader.Get(ctx, req.NamespacedName, &m); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.engine.Forget(key)
			r.compiled.forget(req.Name)
			r.writer.forget(key)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	there := m.Status
	r.writer.restoreMapping(key, &m)
	status, wait, ok := r.engine.Assess(key, r.compiled.of(&m), &m, r.clock.Now())
	if !ok {
		return ctrl.Result{}, nil // it is being evaluated, and comes again then
	}
	return r.writer.writeMapping(ctx, &m, there, status, wait)
}

// compiledMappings keeps each mapping ready to be evaluated, for one generation.
type compiledMappings struct {
	mu     sync.Mutex
	byName map[string]compiledMapping
}

type compiledMapping struct {
	*engine.Mapping

	uid        types.UID
	generation int64
}

func (c *compiledMappings) of(m *v1alpha1.ComponentMapping) *engine.Mapping {
	if known := c.known(m.Name); known.uid == m.UID && known.generation == m.Generation {
		return known.Mapping
	}
	// Compiling an expression may take long, so no lock is held. A mapping is never reconciled concurrently.
	compiled := engine.CompileMapping(&m.Spec)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName == nil {
		c.byName = map[string]compiledMapping{}
	}
	c.byName[m.Name] = compiledMapping{Mapping: compiled, uid: m.UID, generation: m.Generation}
	return compiled
}

func (c *compiledMappings) known(name string) compiledMapping {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byName[name]
}

func (c *compiledMappings) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byName, name)
}
