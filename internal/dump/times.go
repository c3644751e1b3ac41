// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"bytes"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
)

// Times that tell when something has happened, and so never are in the future; by what they are called. Those of a
// kind may be called as what somebody plans in another.
var (
	metadataTimes = []string{"creationTimestamp"}
	statusTimes   = []string{
		"lastHeartbeatTime", "lastTransitionTime", "lastUpdateTime", "lastProbeTime", "startedAt", "finishedAt", "startTime",
		"firstTimestamp", "lastTimestamp", "eventTime", "lastObservedTime", "renewTime", "acquireTime",
	}
)

// groupsWithTimes are the API groups whose objects tell what happens all the time.
var groupsWithTimes = []string{corev1.GroupName, appsv1.GroupName, batchv1.GroupName, coordinationv1.GroupName, eventsv1.GroupName}

// timesOf are the names of the times that count in an object of the kind; what people write into objects does not.
func timesOf(group, kind string) []string {
	switch {
	case group == corev1.GroupName && (kind == configMapKind.Kind || kind == secretKind.Kind):
		return nil
	case slices.Contains(groupsWithTimes, group):
		return append(slices.Clone(metadataTimes), statusTimes...)
	}
	return metadataTimes
}

// newestTime finds the newest of the named times in an object, which may be YAML or JSON, without decoding it.
func newestTime(raw []byte, names []string) time.Time {
	var newest string
	for at := 0; ; at++ {
		i := bytes.IndexByte(raw[at:], 'Z')
		if i < 0 {
			break
		}
		at += i
		text, key := timeBefore(raw, at)
		if len(newest) < 19 || text > newest {
			if text != "" && (slices.Contains(names, key) || key == "time" && managedField(raw[:at])) {
				newest = text
			}
		}
	}
	t, err := time.Parse(time.RFC3339Nano, newest)
	if err != nil {
		return time.Time{}
	}
	return t
}

const second = "2006-01-02T15:04:05"

// timeBefore finds the time in UTC whose Z is at the place, and the name of the field that holds it.
func timeBefore(raw []byte, z int) (text, key string) {
	start := z - len(second)
	if dot := bytes.LastIndexByte(raw[max(0, z-10):z], '.'); dot >= 0 {
		start = max(0, z-10) + dot - len(second)
	}
	if start < 0 || !looksLike(raw[start:start+len(second)]) {
		return "", ""
	}
	before := bytes.TrimRight(raw[max(0, start-40):start], "\"' ")
	before, found := bytes.CutSuffix(before, []byte(":"))
	if !found {
		return "", ""
	}
	before = bytes.TrimSuffix(before, []byte("\""))
	i := bytes.LastIndexAny(before, "\"'{, \n-")
	return string(raw[start : z+1]), string(before[i+1:])
}

// looksLike says whether the text is a time to the second.
func looksLike(text []byte) bool {
	for i, c := range []byte(second) {
		digit := text[i] >= '0' && text[i] <= '9'
		if isDigit := c >= '0' && c <= '9'; isDigit != digit || (!isDigit && text[i] != c) {
			return false
		}
	}
	return true
}

// managedField says whether the text before a time is that of an entry of managedFields.
func managedField(before []byte) bool {
	near := string(before[max(0, len(before)-120):])
	return strings.Contains(near, "operation") && strings.Contains(near, "manager")
}
