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
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/observe"
)

// MappingReconciler keeps the status of every ComponentMapping.
type MappingReconciler struct {
	reader   client.Reader
	observer *observe.Live
	writer   *statusWriter
	clock    clock.Clock

	compiled compiledChecks
}

func (r *MappingReconciler) setup(mgr ctrl.Manager, t *trigger, workers int) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("componentmapping").
		For(&v1alpha1.ComponentMapping{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(t.source()).
		WithOptions(ctrlcontroller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// +kubebuilder:rbac:groups=architecture.archmap.dev,resources=componentmappings,verbs=get;list;watch
// +kubebuilder:rbac:groups=architecture.archmap.dev,resources=componentmappings/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=selfsubjectaccessreviews,verbs=create

// Reconcile brings the status of one ComponentMapping up to what is observed.
func (r *MappingReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	key := observe.Key{Kind: mappingKind, Name: req.Name}
	var m v1alpha1.ComponentMapping
	if err := r.reader.Get(ctx, req.NamespacedName, &m); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.observer.Forget(key)
			r.compiled.forget(req.Name)
			r.writer.forget(key)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	m.Status.Conditions = withoutForeign(m.Status.Conditions)
	checks, err := r.compiled.of(&m)
	if err != nil {
		r.observer.Forget(key)
		return r.writer.writeMapping(ctx, &m, assess.InvalidMapping(&m, err, r.clock.Now()), 0)
	}
	seen := r.observer.Observe(key, check.Needs(checks), func(given facts.Facts) observe.Seen {
		findings, recheck := check.EvaluateAll(checks, given)
		return observe.Seen{What: findings, RecheckAfter: recheck, Wants: check.Further(findings)}
	})
	status, graceEnds := assess.Mapping(&m, seen.What.([]check.Finding), r.clock.Now())
	return r.writer.writeMapping(ctx, &m, status, check.Earliest(seen.RecheckAfter, graceEnds))
}

// compiledChecks keeps the checks of each mapping ready to run, for one generation.
type compiledChecks struct {
	mu     sync.Mutex
	byName map[string]compiledMapping
}

type compiledMapping struct {
	uid        types.UID
	generation int64
	checks     []*check.Check
	err        error
}

func (c *compiledChecks) of(m *v1alpha1.ComponentMapping) ([]*check.Check, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byName[m.Name]; known.uid == m.UID && known.generation == m.Generation {
		return known.checks, known.err
	}
	checks, err := check.Compile(&m.Spec)
	if c.byName == nil {
		c.byName = map[string]compiledMapping{}
	}
	c.byName[m.Name] = compiledMapping{uid: m.UID, generation: m.Generation, checks: checks, err: err}
	return checks, err
}

func (c *compiledChecks) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byName, name)
}
