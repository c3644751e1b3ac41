// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlcontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
)

// ArchitectureReconciler reconciles the status of ClusterArchitectures.
type ArchitectureReconciler struct {
	reader client.Reader
	engine *engine.Engine
	writer *statusWriter
	clock  clock.Clock

	// next is when an architecture may be summed up again; one worker alone reads and writes it.
	next map[string]time.Time
}

// restShare is how many times as long as it took to sum up an architecture it is left alone then, and maxRest the most: each
// change of a mapping asks for it, and of thousands of mappings it takes long.
const (
	restShare = 4
	maxRest   = 200 * time.Millisecond
)

func (r *ArchitectureReconciler) setup(mgr ctrl.Manager, t *trigger) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("clusterarchitecture").
		For(&v1alpha1.ClusterArchitecture{}, builder.WithPredicates(r.writer.changes(architectureKind))).
		// Any of them may have gained or lost the mapping, by its labels: they are few.
		Watches(&v1alpha1.ComponentMapping{}, handler.EnqueueRequestsFromMapFunc(r.all), builder.WithPredicates(r.writer.notes(mappingKind))).
		WatchesRawSource(t.source()).
		WithOptions(ctrlcontroller.Options{RateLimiter: newRateLimiter()}).
		Complete(r)
}

func (r *ArchitectureReconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	var list v1alpha1.ClusterArchitectureList
	if err := r.reader.List(ctx, &list); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Couldn't list ClusterArchitectures")
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// +kubebuilder:rbac:groups=architecture.archmap.dev,resources=clusterarchitectures,verbs=get;list;watch
// +kubebuilder:rbac:groups=architecture.archmap.dev,resources=clusterarchitectures/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=nodes,verbs=list;watch
// +kubebuilder:rbac:urls=/version,verbs=get

// Reconcile updates the status of a ClusterArchitecture from its mappings and the cluster.
func (r *ArchitectureReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	key := engine.Key{Kind: architectureKind, Name: req.Name}
	began := r.clock.Now()
	if wait := r.next[req.Name].Sub(began); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	var arch v1alpha1.ClusterArchitecture
	if err := r.reader.Get(ctx, req.NamespacedName, &arch); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.engine.Forget(key)
			r.writer.forget(key)
			delete(r.next, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	there := arch.Status
	r.writer.restoreArchitecture(key, &arch)
	compiled := engine.CompileArchitecture(&arch.Spec)
	var mappings v1alpha1.ComponentMappingList
	if err := r.reader.List(ctx, &mappings, client.MatchingLabelsSelector{Selector: compiled.Components}); err != nil {
		return ctrl.Result{}, fmt.Errorf("list the ComponentMappings of %s: %w", arch.Name, err)
	}
	r.writer.restoreMappings(mappings.Items)
	status, wait, ok := r.engine.AssessArchitecture(key, compiled, &arch, mappings.Items, r.clock.Now())
	ended := r.clock.Now()
	r.next[req.Name] = ended.Add(min(restShare*ended.Sub(began), maxRest))
	if !ok {
		return ctrl.Result{}, nil // it is being evaluated, and comes again then
	}
	result, err := r.writer.writeArchitecture(ctx, &arch, there, status, wait)
	if err != nil {
		delete(r.next, req.Name) // the work queue backs off, further and further
	}
	return result, err
}
