// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"runtime"
	"time"
)

// slots are what evaluations of expressions wait for, unless it is known that they are cheap: those are never held up by
// others. What is expensive takes no more than one core, and no more memory than one evaluation does; nor do those that have
// not run yet take more than there are cores, as when the operator starts.
type slots struct {
	untried, expensive chan struct{}
}

func newSlots() slots {
	return slots{untried: make(chan struct{}, runtime.GOMAXPROCS(0)), expensive: make(chan struct{}, 1)}
}

// expense is what is known of the cost of the expressions of a lane. It belongs to the lane's goroutine.
type expense struct {
	slots slots
	// tried: it has worked. expensive: it was then.
	tried, expensive bool
	// spent is the expense of this work so far.
	spent uint64
}

// Costs are in units, of which a million take some tenths of a second.
const (
	// maxCheap is what a lane may spend and is cheap all the same.
	maxCheap = 10_000
	// perUnit has a lane work for some percent of the time at most.
	perUnit    = 10 * time.Microsecond
	maxBackOff = 5 * time.Minute
)

// run evaluates for one object, or for one answer, once there is a slot, unless the context ends before.
func (x *expense) run(ctx context.Context, evaluate func() (expense uint64)) {
	if slot := x.slot(); slot != nil {
		select {
		case <-ctx.Done():
			return
		case slot <- struct{}{}:
			defer func() { <-slot }()
		}
	}
	x.spent += evaluate()
}

// slot is what the next evaluation waits for; nil is nothing.
func (x *expense) slot() chan struct{} {
	switch {
	case x.expensive, x.spent > maxCheap:
		return x.slots.expensive
	case !x.tried:
		return x.slots.untried
	}
	return nil
}

// backOff ends a work, and is the least time until the next one.
func (x *expense) backOff() time.Duration {
	spent := x.spent
	x.tried, x.expensive, x.spent = true, spent > maxCheap, 0
	if !x.expensive {
		return 0
	}
	return min(time.Duration(spent)*perUnit, maxBackOff)
}
