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
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
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

// firstReads is how long nothing is written of an object whose facts are being read for the first time: most are by then,
// and one write says what they show.
const firstReads = 3 * time.Second

// statusWriter applies statuses, only when they changed, and records transitions as events.
type statusWriter struct {
	client      client.Client
	engine      *engine.Engine
	transitions *transitionRecorder
	clock       clock.Clock

	mu sync.Mutex
	// written is when a status was written last, and observing since when there is nothing to write but that facts are being read.
	written, observing map[engine.Key]time.Time
}

// writeMapping applies a mapping's status if it changed; wait is when to reconcile again.
func (w *statusWriter) writeMapping(
	ctx context.Context, m *v1alpha1.ComponentMapping, status v1alpha1.ComponentMappingStatus, wait time.Duration,
) (ctrl.Result, error) {
	change := compare(m.Status, status, withoutCounters)
	change.before, change.after = m.Status.Conditions, status.Conditions
	return w.write(ctx, engine.Key{Kind: mappingKind, Name: m.Name}, m, status, change, wait)
}

// writeArchitecture applies an architecture's status if it changed; wait is when to reconcile again.
func (w *statusWriter) writeArchitecture(
	ctx context.Context, a *v1alpha1.ClusterArchitecture, status v1alpha1.ClusterArchitectureStatus, wait time.Duration,
) (ctrl.Result, error) {
	change := compare(a.Status, status, withoutArchitectureCounters)
	change.before, change.after = a.Status.Conditions, status.Conditions
	return w.write(ctx, engine.Key{Kind: architectureKind, Name: a.Name}, a, status, change, wait)
}

func newStatusWriter(c client.Client, e *engine.Engine, transitions *transitionRecorder, by clock.Clock) *statusWriter {
	return &statusWriter{client: c, engine: e, transitions: transitions, clock: by,
		written: map[engine.Key]time.Time{}, observing: map[engine.Key]time.Time{}}
}

// change is what becomes of a status.
type change struct {
	// none: it stays as it is; counters: nothing but counters changes.
	none, counters bool
	before, after  []metav1.Condition
}

// compare finds out what changes.
func compare[S any](before, after S, withoutCounters func(S) *S) change {
	if equality.Semantic.DeepEqual(before, after) {
		return change{none: true}
	}
	return change{counters: equality.Semantic.DeepEqual(withoutCounters(before), withoutCounters(after))}
}

// write applies a status that changed.
func (w *statusWriter) write(
	ctx context.Context, key engine.Key, object client.Object, status any, c change, wait time.Duration,
) (ctrl.Result, error) {
	if left := w.observingDelay(key, c); left > 0 {
		w.done(key, statusThrottled)
		return ctrl.Result{RequeueAfter: facts.Earliest(wait, left)}, nil
	}
	if c.none {
		w.done(key, statusUnchanged)
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	if left := w.counterDelay(key); c.counters && left > 0 {
		w.done(key, statusThrottled)
		return ctrl.Result{RequeueAfter: facts.Earliest(wait, left)}, nil
	}
	if err := w.client.Status().Apply(ctx, newStatusApply(key, object, status), FieldOwner, client.ForceOwnership); err != nil {
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
	w.written[key] = w.clock.Now()
}

// observingDelay returns how long to wait before it may be written that facts are being read.
func (w *statusWriter) observingDelay(key engine.Key, c change) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	ready := meta.FindStatusCondition(c.after, v1alpha1.ConditionReady)
	if c.none || ready == nil || ready.Reason != v1alpha1.ReasonObserving {
		delete(w.observing, key)
		return 0
	}
	since, ok := w.observing[key]
	if !ok {
		since = w.clock.Now()
		w.observing[key] = since
	}
	return firstReads - w.clock.Since(since)
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
	delete(w.observing, key)
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

// statusApply applies a status as it is: a generated apply configuration would have to be made of it by way of JSON.
type statusApply struct {
	applymetav1.TypeMetaApplyConfiguration    `json:",inline"`
	*applymetav1.ObjectMetaApplyConfiguration `json:"metadata"`

	Status any `json:"status"`
}

// newStatusApply names the object with its UID, which keeps the apply from making one up that was deleted meanwhile.
func newStatusApply(key engine.Key, object client.Object, status any) *statusApply {
	a := &statusApply{ObjectMetaApplyConfiguration: applymetav1.ObjectMeta().WithName(key.Name).WithUID(object.GetUID()), Status: status}
	a.WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(key.Kind)
	return a
}

// IsApplyConfiguration implements runtime.ApplyConfiguration.
func (*statusApply) IsApplyConfiguration() {}

// GetKind and the others tell the client what is applied.
func (a *statusApply) GetKind() *string       { return a.Kind }
func (a *statusApply) GetAPIVersion() *string { return a.APIVersion }
func (a *statusApply) GetName() *string       { return a.Name }
func (a *statusApply) GetNamespace() *string  { return nil }

// UnmarshalJSON reads of the answer what the client asks for, the resource version.
func (a *statusApply) UnmarshalJSON(answer []byte) error {
	var applied struct {
		Metadata applymetav1.ObjectMetaApplyConfiguration `json:"metadata"`
	}
	err := json.Unmarshal(answer, &applied)
	a.ObjectMetaApplyConfiguration = &applied.Metadata
	return err
}
