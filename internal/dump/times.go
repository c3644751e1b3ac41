// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
)

// Times of past events, which never are in the future, by their field names. Those of a
// kind may be called as what somebody plans in another.
var (
	metadataTimes = []string{"creationTimestamp"}
	statusTimes   = []string{
		"lastHeartbeatTime", "lastTransitionTime", "lastUpdateTime", "lastProbeTime", "startedAt", "finishedAt", "startTime",
		"firstTimestamp", "lastTimestamp", "eventTime", "lastObservedTime", "renewTime", "acquireTime",
	}
)

// groupsWithTimes are the API groups whose objects record what happens all the time.
var groupsWithTimes = []string{corev1.GroupName, appsv1.GroupName, batchv1.GroupName, coordinationv1.GroupName, eventsv1.GroupName}

// timesOf returns the names of the times that count in an object of the kind; what users write into objects does not.
func timesOf(group, kind string) []string {
	switch {
	case group == corev1.GroupName && (kind == configMapKind.Kind || kind == secretKind.Kind):
		return nil
	case slices.Contains(groupsWithTimes, group):
		return append(slices.Clone(metadataTimes), statusTimes...)
	}
	return metadataTimes
}
