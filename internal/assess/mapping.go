// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package assess derives statuses from findings: the status of a ComponentMapping from the findings of its checks, the
// status of a ClusterArchitecture from those of its mappings. It is pure: time is an argument.
package assess

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// Mapping derives a mapping's status from its findings, which are in the order of check.Compile. It takes transition
// times and grace periods from the previous status, in m. The duration is when a grace period ends; 0 when none is
// running.
//
// While anything has not been read completely, the previous verdicts stay, so that a restart makes nothing unhealthy. What only
// time tells, as whether a lease is renewed, keeps its own verdict alone, for a minute.
func Mapping(m *v1alpha1.ComponentMapping, findings []check.Finding, now time.Time) (v1alpha1.ComponentMappingStatus, time.Duration) {
	for i := range findings {
		if findings[i].Pending() || findings[i].VersionsPending || excused(m, &findings[i]) {
			return observing(m, findings[i], now), 0
		}
	}
	a := newAssessment(m, keepVerdicts(m, findings), now)
	status := v1alpha1.ComponentMappingStatus{
		ObservedGeneration: m.Generation,
		Conditions:         withoutStalled(m.Status.Conditions),
		OperatedBy:         m.Spec.OperatedBy,
		Evidence:           v1alpha1.EvidenceNone,
		Checks:             a.checkStatuses(),
	}
	present := a.presence()
	healthy, wait := a.health(present)
	if present.Status == metav1.ConditionTrue {
		a.describe(&status)
		status.Differences = a.differences(&status)
	}
	documented := asDocumented(present, &status)
	for _, c := range []metav1.Condition{readyOf(findings), present, healthy, documented} {
		a.set(&status.Conditions, c)
	}
	status.Message = msg.Truncate(a.headline(present, healthy, documented), msg.MaxMessage)
	return status, wait
}

// InvalidMapping returns the status of a mapping whose spec is invalid: Ready=False and Stalled=True until the spec
// changes. The other verdicts become Unknown, as they were about another spec.
func InvalidMapping(m *v1alpha1.ComponentMapping, reason error, now time.Time) v1alpha1.ComponentMappingStatus {
	a := newAssessment(m, nil, now)
	status := v1alpha1.ComponentMappingStatus{
		ObservedGeneration: m.Generation,
		Conditions:         m.Status.DeepCopy().Conditions,
		OperatedBy:         m.Spec.OperatedBy,
		Evidence:           v1alpha1.EvidenceNone,
		Message:            msg.Truncate(reason.Error(), msg.MaxMessage),
	}
	a.set(&status.Conditions, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec, reason.Error()))
	a.set(&status.Conditions, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidSpec, "change the spec: "+reason.Error()))
	for _, t := range verdicts {
		a.set(&status.Conditions, condition(t, metav1.ConditionUnknown, v1alpha1.ReasonInvalidSpec, "the spec cannot be evaluated"))
	}
	return status
}

// verdicts are the conditions about the component.
var verdicts = []string{v1alpha1.ConditionPresent, v1alpha1.ConditionHealthy, v1alpha1.ConditionAsDocumented}

// observing keeps the status as it is, except that a first visit or a new generation shows in Ready.
func observing(m *v1alpha1.ComponentMapping, pending check.Finding, now time.Time) v1alpha1.ComponentMappingStatus {
	if m.Status.ObservedGeneration == m.Generation && meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionReady) {
		return *m.Status.DeepCopy()
	}
	a := newAssessment(m, nil, now)
	status := *m.Status.DeepCopy()
	status.ObservedGeneration = m.Generation
	status.Conditions = withoutStalled(m.Status.Conditions)
	a.set(&status.Conditions, condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonObserving,
		fmt.Sprintf("check %s: %s", pending.Check.Name(), pending.Message)))
	for _, t := range verdicts {
		// What a rejected spec left behind says nothing either.
		if c := meta.FindStatusCondition(status.Conditions, t); c == nil || c.Reason == v1alpha1.ReasonInvalidSpec {
			status.Message = "not everything has been read yet"
			a.set(&status.Conditions, condition(t, metav1.ConditionUnknown, v1alpha1.ReasonNotYetObserved, status.Message))
		}
	}
	return status
}

func ready() metav1.Condition {
	return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonEvaluated, "the verdicts are current")
}

// readyOf is True also while a check waits for time to pass, and says so: a sync need not wait for it.
func readyOf(findings []check.Finding) metav1.Condition {
	var awaiting []string
	for i := range findings {
		if f := &findings[i]; f.Awaiting {
			awaiting = append(awaiting, fmt.Sprintf("; check %s: %s", f.Check.Name(), f.Message))
		}
	}
	if len(awaiting) == 0 {
		return ready()
	}
	return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAwaitingRenewal, "the other verdicts are current"+strings.Join(awaiting, ""))
}

// headline returns the sentence that a person wants first: why it is absent or unknown, else why it is unhealthy
// or its health is unknown, else where it differs from its documentation, else how it is found.
func (a *assessment) headline(present, healthy, documented metav1.Condition) string {
	switch {
	case present.Status != metav1.ConditionTrue:
		return present.Message
	case healthy.Reason != v1alpha1.ReasonAllChecksPass && healthy.Reason != v1alpha1.ReasonHealthNotObservable:
		return healthy.Message
	case documented.Status == metav1.ConditionFalse:
		return documented.Message
	}
	return present.Message
}

func condition(conditionType string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: conditionType, Status: status, Reason: reason,
		Message: msg.Truncate(message, msg.MaxMessage)}
}
