// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/msg"
)

const (
	// maxNote is the length of an event's note, in bytes.
	maxNote = 1024
	// reasonInterval is the least time until the same reason is recorded again while nothing else turns.
	reasonInterval = time.Minute
)

// phrases describe the conditions after "turned from" and "to", in the words of package catalog where it has one.
var phrases = map[string]map[metav1.ConditionStatus]string{
	v1alpha1.ConditionPresent: {
		metav1.ConditionTrue: "present", metav1.ConditionFalse: "absent", metav1.ConditionUnknown: "of unknown presence"},
	v1alpha1.ConditionHealthy: {
		metav1.ConditionTrue: catalog.Healthy.Word(), metav1.ConditionFalse: catalog.Unhealthy.Word(), metav1.ConditionUnknown: "of unknown health"},
	v1alpha1.ConditionAsDocumented: {
		metav1.ConditionTrue: "as documented", metav1.ConditionFalse: "different from its documentation",
		metav1.ConditionUnknown: "not comparable with its documentation"},
	v1alpha1.ConditionPlatformDetected: {
		metav1.ConditionTrue: "detected", metav1.ConditionFalse: "undetected", metav1.ConditionUnknown: "of unknown platform"},
	v1alpha1.ConditionComplete: {
		metav1.ConditionTrue: "complete", metav1.ConditionFalse: catalog.Missing.WordOfWhole(), metav1.ConditionUnknown: "of unknown completeness"},
	v1alpha1.ConditionVersionsSupported: {
		metav1.ConditionTrue: "within the version skew policy", metav1.ConditionFalse: "outside the version skew policy",
		metav1.ConditionUnknown: "of unknown version skew"},
}

func phraseOf(c metav1.Condition) string {
	if c.Type == v1alpha1.ConditionPresent && c.Reason == v1alpha1.ReasonPartial {
		return "partly present"
	}
	return phrases[c.Type][c.Status]
}

// transitionRecorder records the transitions of conditions as events.
type transitionRecorder struct {
	recorder events.EventRecorder
	clock    clock.PassiveClock

	mu sync.Mutex
	// recorded is when a reason was last recorded for an object.
	recorded map[recordedReason]time.Time
}

type recordedReason struct {
	key    engine.Key
	reason string
}

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch,namespace=default

// record records an event for every condition that turned, and when another fault takes the place of one.
func (t *transitionRecorder) record(key engine.Key, object client.Object, before, after []metav1.Condition) {
	led := leaderTurned(before, after)
	for _, now := range after {
		if phrases[now.Type] == nil {
			continue
		}
		was := conditionIn(before, now.Type)
		note, again := transitionNote(object.GetName(), was, now, led)
		if note == "" || (t.recordedLately(recordedReason{key, now.Reason}) && again) {
			continue
		}
		kind := corev1.EventTypeNormal
		if now.Status == metav1.ConditionFalse && now.Type != v1alpha1.ConditionAsDocumented {
			kind = corev1.EventTypeWarning
		}
		t.send(key, object, kind, now.Reason, "Evaluate"+now.Type, note)
	}
}

// report records something about the writing of a status, at most once a minute for each reason; it returns whether it did.
func (t *transitionRecorder) report(key engine.Key, object client.Object, reason, note string) bool {
	if t.recordedLately(recordedReason{key, reason}) {
		return false
	}
	t.send(key, object, corev1.EventTypeWarning, reason, "WriteStatus", note)
	return true
}

// send records an event. Those of the same object, action and reason are a series, if the reference to the object is the same:
// it does not name the version, which each write changes.
func (t *transitionRecorder) send(key engine.Key, object client.Object, kind, reason, action, note string) {
	regarding := &corev1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: key.Kind, Name: key.Name, UID: object.GetUID(),
	}
	t.recorder.Eventf(regarding, nil, kind, reason, action, "%s", msg.Truncate(note, maxNote))
}

// transitionNote describes the transition of a condition: from, to, why; empty when there is nothing to say. A
// first verdict is recorded only when it is bad, and so is what merely follows from the component having come
// or gone (led). again says that the condition did not turn, only its reason did.
func transitionNote(name string, was, now metav1.Condition, led bool) (note string, again bool) {
	unhealthy := now.Type == v1alpha1.ConditionHealthy && now.Status == metav1.ConditionFalse
	why := now.Reason + ": " + now.Message
	switch from, to := phraseOf(was), phraseOf(now); {
	case from == to && unhealthy && was.Reason != now.Reason:
		return fmt.Sprintf("%s is still unhealthy; the reason changed from %s to %s", name, was.Reason, why), true
	case from == to:
		return "", false
	case was.Reason == v1alpha1.ReasonNotYetObserved && unhealthy:
		return fmt.Sprintf("%s is unhealthy: %s", name, why), false
	case was.Reason == v1alpha1.ReasonNotYetObserved:
		return "", false
	case led && !leads(now.Type) && !unhealthy:
		return "", false
	default:
		return fmt.Sprintf("%s became %s (was %s): %s", name, to, from, why), false
	}
}

// leads says of a condition that the others are Unknown unless it is True.
func leads(conditionType string) bool {
	return conditionType == v1alpha1.ConditionPresent || conditionType == v1alpha1.ConditionPlatformDetected
}

func leaderTurned(before, after []metav1.Condition) bool {
	for _, now := range after {
		if leads(now.Type) {
			return conditionIn(before, now.Type).Status != now.Status
		}
	}
	return false
}

// conditionIn returns the condition of a type; one that is missing has not been observed yet.
func conditionIn(conditions []metav1.Condition, conditionType string) metav1.Condition {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotYetObserved}
}

// recordedLately reports whether a reason was recorded within the last minute, and notes that it is recorded now.
func (t *transitionRecorder) recordedLately(r recordedReason) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if last, ok := t.recorded[r]; ok && now.Sub(last) < reasonInterval {
		return true
	}
	if t.recorded == nil {
		t.recorded = map[recordedReason]time.Time{}
	}
	t.recorded[r] = now
	return false
}

// forget what was recorded for a deleted object.
func (t *transitionRecorder) forget(key engine.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for r := range t.recorded {
		if r.key == key {
			delete(t.recorded, r)
		}
	}
}
