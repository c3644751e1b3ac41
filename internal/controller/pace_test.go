// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// A loop that goes on and on is slowed down twice; one that rests has its turns again.
func TestPace(t *testing.T) {
	g := NewWithT(t)
	var p pace
	now := time.Date(2026, time.March, 1, 8, 0, 0, 0, time.UTC)
	turns := func(within time.Duration) (count int) {
		for end := now.Add(within); now.Before(end); {
			if left := p.delay(now); left > 0 {
				now = now.Add(left)
				continue
			}
			p.turned(now)
			count++
		}
		return count
	}
	g.Expect(turns(30 * time.Second)).To(BeNumerically("~", turnsAtOnce+30*turnsASecond, 3))
	turns(10 * time.Minute)
	g.Expect(turns(10*time.Minute)).To(BeNumerically("~", 10*time.Minute/counterInterval, 2), "as often as counters")
	now = now.Add(24 * time.Hour)
	g.Expect(turns(30 * time.Second)).To(BeNumerically("~", turnsAtOnce+30*turnsASecond, 3))
}
