// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	applyv1alpha1 "github.com/archmap/archmap/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/facts"
)

// ownConditions are the types that archmap writes; conditions of other types belong to other controllers.
var ownConditions = sets.New(
	v1alpha1.ConditionReady, v1alpha1.ConditionStalled, v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented,
	v1alpha1.ConditionPresent, v1alpha1.ConditionPlatformDetected, v1alpha1.ConditionComplete, v1alpha1.ConditionVersionsSupported)

// withoutForeign leaves out what others have written: applying it would take it over from them.
func withoutForeign(conditions []metav1.Condition) []metav1.Condition {
	return slices.DeleteFunc(conditions, func(c metav1.Condition) bool { return !ownConditions.Has(c.Type) })
}

// counterInterval is the least time between two writes that change nothing but counters.
const counterInterval = 5 * time.Second

// statusWriter applies statuses, only when they changed, and records transitions as events.
type statusWriter struct {
	client      client.Client
	engine      *engine.Engine
	transitions *transitionRecorder
	clock       clock.Clock

	mu      sync.Mutex
	written map[engine.Key]time.Time
}

// writeMapping applies a mapping's status if it changed; wait is when to reconcile again.
func (w *statusWriter) writeMapping(
	ctx context.Context, m *v1alpha1.ComponentMapping, status v1alpha1.ComponentMappingStatus, wait time.Duration,
) (ctrl.Result, error) {
	var fields applyv1alpha1.ComponentMappingStatusApplyConfiguration
	change, err := compare(m.Status, status, withoutCounters, &fields)
	if err != nil {
		return ctrl.Result{}, err
	}
	change.before, change.after = m.Status.Conditions, status.Conditions
	apply := applyv1alpha1.ComponentMapping(m.Name).WithUID(m.UID).WithStatus(&fields)
	return w.write(ctx, engine.Key{Kind: mappingKind, Name: m.Name}, m, apply, change, wait)
}

// writeArchitecture applies an architecture's status if it changed; wait is when to reconcile again.
func (w *statusWriter) writeArchitecture(
	ctx context.Context, a *v1alpha1.ClusterArchitecture, status v1alpha1.ClusterArchitectureStatus, wait time.Duration,
) (ctrl.Result, error) {
	var fields applyv1alpha1.ClusterArchitectureStatusApplyConfiguration
	change, err := compare(a.Status, status, withoutArchitectureCounters, &fields)
	if err != nil {
		return ctrl.Result{}, err
	}
	change.before, change.after = a.Status.Conditions, status.Conditions
	apply := applyv1alpha1.ClusterArchitecture(a.Name).WithUID(a.UID).WithStatus(&fields)
	return w.write(ctx, engine.Key{Kind: architectureKind, Name: a.Name}, a, apply, change, wait)
}

// change is what becomes of a status.
type change struct {
	// none: it stays as it is; counters: nothing but counters changes.
	none, counters bool
	before, after  []metav1.Condition
}

// compare finds out what changes, and fills in the fields to apply.
func compare[S any](before, after S, withoutCounters func(S) *S, fields any) (change, error) {
	return change{
		none:     equality.Semantic.DeepEqual(before, after),
		counters: equality.Semantic.DeepEqual(withoutCounters(before), withoutCounters(after)),
	}, convert(after, fields)
}

// write applies a status that changed. The UID in it keeps it from making up an object that was deleted
// meanwhile.
func (w *statusWriter) write(
	ctx context.Context, key engine.Key, object client.Object, apply runtime.ApplyConfiguration, c change, wait time.Duration,
) (ctrl.Result, error) {
	if c.none {
		w.done(key, statusUnchanged)
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	if left := w.counterDelay(key); c.counters && left > 0 {
		w.done(key, statusThrottled)
		return ctrl.Result{RequeueAfter: facts.Earliest(wait, left)}, nil
	}
	if err := w.client.Status().Apply(ctx, apply, FieldOwner, client.ForceOwnership); err != nil {
		w.done(key, statusFailed)
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("apply the status of %s %s: %w", key.Kind, key.Name, err))
	}
	w.done(key, statusWritten)
	w.note(key)
	w.transitions.record(key, object, c.before, c.after)
	return ctrl.Result{RequeueAfter: wait}, nil
}

// done tells what became of a status. One that failed is written again, and is behind until then.
func (w *statusWriter) done(key engine.Key, result string) {
	statusesMetric.WithLabelValues(key.Kind, result).Inc()
	if result != statusFailed {
		w.engine.Done(key, result == statusWritten)
	}
}

// note keeps the time of a write.
func (w *statusWriter) note(key engine.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.written == nil {
		w.written = map[engine.Key]time.Time{}
	}
	w.written[key] = w.clock.Now()
}

// counterDelay returns how long to wait before mere counters may be written again.
func (w *statusWriter) counterDelay(key engine.Key) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.written[key]
	if !ok {
		return 0
	}
	return counterInterval - w.clock.Since(last)
}

func (w *statusWriter) forget(key engine.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.written, key)
	w.transitions.forget(key)
}

// withoutCounters returns the status without the texts that count: messages and versions.
func withoutCounters(status v1alpha1.ComponentMappingStatus) *v1alpha1.ComponentMappingStatus {
	s := status.DeepCopy()
	s.Message, s.Version, s.Versions = "", "", nil
	for i := range s.Conditions {
		s.Conditions[i].Message = ""
	}
	for i := range s.Checks {
		s.Checks[i].Message, s.Checks[i].Version, s.Checks[i].ObjectCount = "", "", nil
		for j := range s.Checks[i].Faults { // its command may name a pod, which comes and goes
			s.Checks[i].Faults[j].Message, s.Checks[i].Faults[j].Next = "", ""
		}
	}
	return s
}

// withoutArchitectureCounters returns the status without what counts nodes and pods: texts, versions and the
// numbers of the node pools.
func withoutArchitectureCounters(status v1alpha1.ClusterArchitectureStatus) *v1alpha1.ClusterArchitectureStatus {
	s := status.DeepCopy()
	s.ObservedAt, s.Message, s.Abstract = metav1.Time{}, "", nil
	for i := range s.Conditions {
		s.Conditions[i].Message = ""
	}
	for i := range s.Causes {
		s.Causes[i].Message, s.Causes[i].Next = "", ""
	}
	for i := range s.Components {
		s.Components[i].Version = ""
	}
	for i := range s.Skews {
		s.Skews[i].Message = ""
	}
	for i := range s.Unmapped {
		s.Unmapped[i].Message = ""
	}
	for i, pool := range s.NodePools {
		s.NodePools[i] = v1alpha1.NodePool{Name: pool.Name, Mode: pool.Mode, OS: pool.OS}
	}
	return s
}

// convert goes through JSON: an apply configuration has the fields of its type.
func convert(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("decode the status: %w", err)
	}
	return nil
}
