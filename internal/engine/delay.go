// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "time"

// What metrics call the cells that are not of a check.
const (
	aboutCluster  = "Cluster"
	aboutUnmapped = "Unmapped"
)

// behind is a change that a status does not show yet: of what, and when it was told.
type behind struct {
	about string
	since time.Time
}

// delays are the first changes of what a status depends on, one for each type of check at most.
type delays []behind

// with adds a change; one of the same type that was told before counts for both. What time alone has changed was told by
// nobody.
func (d delays) with(one behind) delays {
	if one.since.IsZero() {
		return d
	}
	for i := range d {
		if d[i].about == one.about {
			d[i].since = earliest(d[i].since, one.since)
			return d
		}
	}
	return append(d, one)
}

// assessLocked says that a status is being derived that shows all changes; none does while something is being read that is to
// explain them.
func (s *subscriber) assessLocked() {
	for _, one := range s.behind {
		s.assessed = s.assessed.with(one)
	}
	s.behind = s.behind[:0]
}

// Done tells what became of the status that was assessed last: it was written, or need not be. Until then, as while a write
// fails, it counts as behind.
func (e *Engine) Done(key Key, written bool) {
	e.mu.Lock()
	var done delays
	if s := e.subscribers[key]; s != nil {
		done, s.assessed = s.assessed, nil
	}
	e.mu.Unlock()
	if !written {
		return
	}
	now := e.options.Clock.Now()
	for _, one := range done {
		delayMetric.WithLabelValues(one.about).Observe(now.Sub(one.since).Seconds())
	}
}
