// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
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

// withoutForeign returns the conditions without what others have written: applying it would take it over from them.
func withoutForeign(conditions []metav1.Condition) []metav1.Condition {
	foreign := func(c metav1.Condition) bool { return !ownConditions.Has(c.Type) }
	if !slices.ContainsFunc(conditions, foreign) {
		return conditions
	}
	return slices.DeleteFunc(slices.Clone(conditions), foreign)
}

const (
	// counterInterval is the least time between two writes that change nothing but counters.
	counterInterval = 5 * time.Second
	// firstReads is how long nothing is written of an object whose facts are being read for the first time: most are by then,
	// and one write says what they show.
	firstReads = 3 * time.Second
	// conflictInterval is how soon to try again when the object has moved: the cache has it by then.
	conflictInterval = 200 * time.Millisecond
	// maxConflicts is how many conflicts in a row there are with whoever changes the object all the time, until the status is
	// written whatever the version of the object.
	maxConflicts = 5
)

// statusWriter applies statuses, only when they changed, and records transitions as events.
type statusWriter struct {
	client      client.Client
	engine      *engine.Engine
	transitions *transitionRecorder
	clock       clock.Clock
	fence       *fence

	memories
}

// writeMapping applies a mapping's status if it is not there; wait is when to reconcile again. The mapping has the status that
// archmap wrote last.
func (w *statusWriter) writeMapping(
	ctx context.Context, m *v1alpha1.ComponentMapping, there, status v1alpha1.ComponentMappingStatus, wait time.Duration,
) (ctrl.Result, error) {
	key := engine.Key{Kind: mappingKind, Name: m.Name}
	own := there
	own.Conditions = withoutForeign(there.Conditions)
	c := compare(own, m.Status, status, w.trustedOf(key, m.UID) != nil, withoutCounters)
	c.there, c.before, c.after = there, m.Status.Conditions, status.Conditions
	written := *m
	written.Status = status
	return w.write(ctx, key, &written, c, wait)
}

// writeArchitecture applies an architecture's status if it is not there; wait is when to reconcile again. The architecture has
// the status that archmap wrote last.
func (w *statusWriter) writeArchitecture(
	ctx context.Context, a *v1alpha1.ClusterArchitecture, there, status v1alpha1.ClusterArchitectureStatus, wait time.Duration,
) (ctrl.Result, error) {
	key := engine.Key{Kind: architectureKind, Name: a.Name}
	own := there
	own.Conditions = withoutForeign(there.Conditions)
	c := compare(own, a.Status, status, w.trustedOf(key, a.UID) != nil, withoutArchitectureCounters)
	c.there, c.before, c.after = there, a.Status.Conditions, status.Conditions
	written := *a
	written.Status = status
	return w.write(ctx, key, &written, c, wait)
}

func newStatusWriter(c client.Client, e *engine.Engine, transitions *transitionRecorder, by clock.Clock, f *fence) *statusWriter {
	return &statusWriter{client: c, engine: e, transitions: transitions, clock: by, fence: f}
}

// change is what becomes of a status.
type change struct {
	// none: it stays as it is; counters: nothing but counters changes; repair: nothing but what somebody else has changed.
	none, counters, repair bool
	// there is the status that is there, also what others have written.
	there any
	// before are the conditions that archmap has written last, and after those to be written.
	before, after []metav1.Condition
}

// compare finds out what changes: from what is there, and from what archmap wrote last, where that differs.
func compare[S any](there, before, after S, forged bool, withoutCounters func(S) *S) change {
	if equality.Semantic.DeepEqual(there, after) {
		return change{none: true}
	}
	same := equality.Semantic.DeepEqual(withoutCounters(before), withoutCounters(after))
	return change{counters: same && !forged, repair: same && forged}
}

// write applies a status that changed; the object has it.
func (w *statusWriter) write(ctx context.Context, key engine.Key, object client.Object, c change, wait time.Duration) (ctrl.Result, error) {
	if result, left := w.holdBack(ctx, key, object, c); result != "" {
		w.done(key, result)
		return ctrl.Result{RequeueAfter: facts.Earliest(wait, left)}, nil
	}
	w.begin(key)
	version, err := w.apply(ctx, key, object)
	if err == nil && version != "" && version == object.GetResourceVersion() { // it changed nothing, and what is there differs
		version, err = w.replace(ctx, key, object, c.there)
	}
	switch {
	case apierrors.IsConflict(err):
		w.failed(key, true)
		w.done(key, statusConflict)
		return ctrl.Result{RequeueAfter: conflictInterval}, nil
	case err != nil:
		w.failed(key, false)
		w.done(key, statusFailed)
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("apply the status of %s %s: %w", key.Kind, key.Name, err))
	}
	changed := w.succeeded(key, object, version, c, w.clock.Now())
	w.transitions.record(key, object, c.before, c.after)
	if !c.repair {
		w.done(key, statusWritten)
	} else {
		w.done(key, statusRepaired)
		w.report(ctx, key, object, v1alpha1.ReasonStatusRepaired, "somebody else changed the status of "+key.Name+"; it was written again")
	}
	if changed || c.repair { // what others have added may still be there
		wait = facts.Earliest(wait, conflictInterval)
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// apply applies the status of the object while the lease is held; it returns the version of the object then.
func (w *statusWriter) apply(ctx context.Context, key engine.Key, object client.Object) (version string, err error) {
	ctx, cancel := w.fence.within(ctx)
	defer cancel()
	status := newStatusApply(key, object, ownStatus(object))
	if w.persists(key) {
		status.ResourceVersion = nil
	}
	err = w.client.Status().Apply(ctx, status, FieldOwner, client.ForceOwnership)
	return ptr.Deref(status.ResourceVersion, ""), err
}

// replace removes what others have added to the status that is there, and applies that of the object: an apply takes over what
// it contains, but removes only what archmap has applied before.
func (w *statusWriter) replace(ctx context.Context, key engine.Key, object client.Object, there any) (version string, err error) {
	patch, err := withoutForged(object.GetResourceVersion(), there, ownStatus(object))
	if patch == nil || err != nil {
		return object.GetResourceVersion(), err
	}
	w.intend(key, object)
	patched, _ := object.DeepCopyObject().(client.Object)
	if err := w.client.Status().Patch(ctx, patched, client.RawPatch(types.JSONPatchType, patch), FieldOwner); err != nil {
		if apierrors.IsInvalid(err) { // the object has moved, so that the patch's test of its version fails
			err = apierrors.NewConflict(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: key.Kind}, key.Name, err)
		}
		return "", err
	}
	object.SetResourceVersion(patched.GetResourceVersion())
	return w.apply(ctx, key, object)
}

// holdBack finds out whether a status is not to be written now: why, and how long.
func (w *statusWriter) holdBack(ctx context.Context, key engine.Key, object client.Object, c change) (result string, left time.Duration) {
	now := w.clock.Now()
	w.mu.Lock()
	result, left = w.ofLocked(key).holdBack(c, versionOf(object.GetResourceVersion()), now)
	w.mu.Unlock()
	if result == "" {
		if left = w.fence.hold(); left > 0 {
			return statusFenced, left
		}
	}
	switch result {
	case statusContested:
		w.report(ctx, key, object, v1alpha1.ReasonStatusContested, fmt.Sprintf(
			"somebody else keeps changing the status of %s: until archmap writes it again, in %s, it does not show what archmap found",
			key.Name, left.Round(time.Second)))
	case statusLimited:
		w.report(ctx, key, object, v1alpha1.ReasonFlapping, fmt.Sprintf(
			"the status of %s changes all the time: it shows only a part of the changes, and the last one within %s", key.Name, counterInterval))
	}
	return result, left
}

// holdBack is what the memory of a status says of it, for that version of the object.
func (m *memory) holdBack(c change, version uint64, now time.Time) (result string, left time.Duration) {
	if left = m.observingDelay(c, now); left > 0 {
		return statusThrottled, left
	}
	switch {
	case c.none:
		if version >= m.forged { // whoever has changed it has put it right
			m.trusted = nil
		}
		return statusUnchanged, 0
	case c.counters && !m.written.IsZero():
		result, left = statusThrottled, counterInterval-now.Sub(m.written)
	case c.repair:
		result, left = statusContested, m.repairAfter.Sub(now)
	case !c.counters:
		result, left = statusLimited, m.pace.delay(now)
	}
	if left <= 0 {
		return "", 0
	}
	return result, left
}

// observingDelay returns how long to wait before it may be written that facts are being read.
func (m *memory) observingDelay(c change, now time.Time) time.Duration {
	ready := meta.FindStatusCondition(c.after, v1alpha1.ConditionReady)
	if c.none || ready == nil || ready.Reason != v1alpha1.ReasonObserving {
		m.observing = time.Time{}
		return 0
	}
	if m.observing.IsZero() {
		m.observing = now
	}
	return firstReads - now.Sub(m.observing)
}

// persists reports whether a status is to be written whatever the version of the object is.
func (w *statusWriter) persists(key engine.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ofLocked(key).conflicts >= maxConflicts
}

// report records something about the writing of a status as an event, and logs it.
func (w *statusWriter) report(ctx context.Context, key engine.Key, object client.Object, reason, note string) {
	if w.transitions.report(key, object, reason, note) {
		ctrl.LoggerFrom(ctx).Info("The status is not written as usual", "reason", reason, "note", note)
	}
}

// done tells what became of a status. One that was not written is behind until it is.
func (w *statusWriter) done(key engine.Key, result string) {
	statusesMetric.WithLabelValues(key.Kind, result).Inc()
	switch result {
	case statusFailed, statusConflict, statusFenced:
	default:
		w.engine.Done(key, result == statusWritten)
	}
}

// withoutForged is a JSON patch that removes from a status, of an object of that version, each field that differs, and the
// conditions of archmap's types that do; nil when none does.
func withoutForged(version string, there, status any) ([]byte, error) {
	is, err := fieldsOf(there)
	if err != nil {
		return nil, err
	}
	should, err := fieldsOf(status)
	if err != nil {
		return nil, err
	}
	operations := []map[string]any{{"op": "test", "path": "/metadata/resourceVersion", "value": version}}
	remove := func(path string) {
		operations = append(operations, map[string]any{"op": "remove", "path": "/status/" + path})
	}
	for field, value := range is {
		if field != conditionsField && !reflect.DeepEqual(value, should[field]) {
			remove(field)
		}
	}
	conditions, _ := is[conditionsField].([]any)
	right, _ := should[conditionsField].([]any)
	for i, c := range slices.Backward(conditions) { // those before keep their places
		fields, _ := c.(map[string]any)
		kind, _ := fields["type"].(string)
		if ownConditions.Has(kind) && !slices.ContainsFunc(right, func(other any) bool { return reflect.DeepEqual(c, other) }) {
			remove(conditionsField + "/" + strconv.Itoa(i))
		}
	}
	if len(operations) == 1 {
		return nil, nil
	}
	return json.Marshal(operations)
}

// fieldsOf returns a status as it is in JSON.
func fieldsOf(status any) (fields map[string]any, err error) {
	raw, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	err = json.Unmarshal(raw, &fields)
	return fields, err
}

const conditionsField = "conditions"

func (w *statusWriter) forget(key engine.Key) {
	w.remove(key)
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

// newStatusApply names the object with its UID, which keeps the apply from making one up that was deleted meanwhile, and with its
// version, which lets the apply fail when somebody else has changed the object: what was read of it is out of date.
func newStatusApply(key engine.Key, object client.Object, status any) *statusApply {
	a := &statusApply{ObjectMetaApplyConfiguration: applymetav1.ObjectMeta().WithName(key.Name).WithUID(object.GetUID()), Status: status}
	if version := object.GetResourceVersion(); version != "" {
		a.WithResourceVersion(version)
	}
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
