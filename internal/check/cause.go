// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"

	"github.com/archmap/archmap/internal/msg"
)

// cause is what several pods have in common.
type cause struct {
	fault

	count int
}

// add is for another pod with the same fault.
func (c *cause) add(f fault) {
	c.count++
	if len(f.places) == 1 { // else they are the same for all
		c.places = append(c.places, f.places...)
	}
	c.restarts = max(c.restarts, f.restarts)
	c.young = c.young && f.young
}

func (c *cause) String() string {
	text := fmt.Sprintf("%d %s", c.count, c.text)
	if c.restarts > 0 {
		text += ", restarted " + times(c.restarts)
	}
	places := slices.Clone(c.places)
	slices.Sort(places)
	if places = slices.Compact(places); len(places) > 0 {
		text += " (" + msg.Shorten(places, ", ") + ")"
	}
	return text
}

// times tells a number roughly, as it grows all the time and not each restart is worth a write: 1, 2, 5, 10, 20,
// 50 and so on, "or more".
func times(n int32) string {
	if n == 1 {
		return "once"
	}
	known := int32(2)
	for step := int32(1); step < 1_000_000_000; step *= 10 {
		for _, factor := range []int32{1, 2, 5} {
			if step*factor <= n {
				known = max(known, step*factor)
			}
		}
	}
	if known == n {
		return fmt.Sprintf("%d times", n)
	}
	return fmt.Sprintf("%d times or more", known)
}
