// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// NearDays is from how many days before its date a retirement calls for action: a move has to be planned, tried and made.
const NearDays = 30

// Deadline is the date of a retirement, seen from a time.
type Deadline struct {
	// Days until it; negative when it has passed.
	Days int
	date string
}

// DeadlineOf returns the date by which one has to act on an advisory. Only a retirement with a date has one.
func DeadlineOf(a *v1alpha1.Advisory, now time.Time) (d Deadline, ok bool) {
	at, err := time.Parse(time.DateOnly, a.Date)
	if err != nil || a.Type != v1alpha1.AdvisoryRetirement {
		return Deadline{}, false
	}
	const day = 24 * time.Hour
	return Deadline{int(at.Sub(now.UTC().Truncate(day)) / day), a.Date}, true
}

// Near reports whether it is time to act. What has passed is near as long as the component is there.
func (d Deadline) Near() bool { return d.Days <= NearDays }

// String says when it is: "4 days left, until 2026-11-30".
func (d Deadline) String() string {
	if d.Days < 0 {
		return fmt.Sprintf("retired %s ago, on %s", msg.Count(-d.Days, "day"), d.date)
	}
	return fmt.Sprintf("%s left, until %s", msg.Count(d.Days, "day"), d.date)
}
