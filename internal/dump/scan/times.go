// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// NewestTime finds the newest of the named times in an object, which may be YAML or JSON, without decoding it. It is zero
// when there is none.
func NewestTime(raw []byte, names []string) time.Time {
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
	if start < 0 || !isTimestamp(raw[start:start+len(second)]) {
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

// isTimestamp reports whether the text is a time to the second.
func isTimestamp(text []byte) bool {
	for i, c := range []byte(second) {
		digit := text[i] >= '0' && text[i] <= '9'
		if isDigit := c >= '0' && c <= '9'; isDigit != digit || (!isDigit && text[i] != c) {
			return false
		}
	}
	return true
}

// managedField reports whether the text before a time is that of an entry of managedFields.
func managedField(before []byte) bool {
	near := string(before[max(0, len(before)-120):])
	return strings.Contains(near, "operation") && strings.Contains(near, "manager")
}
