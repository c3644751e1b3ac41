// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/archmap/archmap/internal/check"
)

// slots are what evaluations of expressions wait for, so that all together take no more memory than a few do. Of cheap ones
// two run at once; what is expensive takes no more than one core, and cheap ones don't wait for it.
type slots struct {
	cheap     chan struct{}
	expensive *turns
}

func newSlots() slots {
	return slots{cheap: make(chan struct{}, 2), expensive: newTurns()}
}

// Costs are in units, of which a million take some tenths of a second.
const (
	// perUnit has a lane work for less than a percent of the time.
	perUnit    = 50 * time.Microsecond
	maxBackOff = time.Minute
)

// expense is what is known of the cost of the expressions of a lane. It belongs to the lane's goroutine.
type expense struct {
	engine    *Engine
	evaluator *check.Evaluator
	result    *cell[check.Result]
	// expensive: an evaluation has cost more than a cheap one may. From then on they wait for each other, for as long as the
	// lane lives.
	expensive bool
	// spent is the expense of this work so far.
	spent uint64
}

// run evaluates for one object, or for one answer, once there is a slot, unless the context ends before. What is not
// expensive waits like what is, once it has cost as much.
func (x *expense) run(ctx context.Context, evaluate func() (expense uint64)) {
	release := x.await(ctx)
	if release == nil {
		return
	}
	defer release()
	spent := evaluate()
	x.spent += spent
	expenseMetric.WithLabelValues(x.result.about).Add(float64(spent))
}

// await returns what gives the slot back; nil when the context has ended.
func (x *expense) await(ctx context.Context) (release func()) {
	slots := &x.engine.slots
	if !x.expensive && x.spent <= check.MaxCheap {
		select {
		case <-ctx.Done():
			return nil
		case slots.cheap <- struct{}{}:
			return func() { <-slots.cheap }
		}
	}
	began := x.engine.options.Clock.Now()
	if !slots.expensive.take(ctx, x.subscribers()) {
		return nil
	}
	waitsMetric.WithLabelValues(x.result.about).Add(x.engine.options.Clock.Since(began).Seconds())
	return slots.expensive.release
}

// becomeExpensive is called when an evaluation is not finished, as it costs more than a cheap one may.
func (x *expense) becomeExpensive() {
	x.expensive = true
	var names []string
	for _, key := range x.subscribers() {
		names = append(names, key.Name)
	}
	slices.Sort(names)
	log.Log.WithName("engine").Info("Expressions of a check are expensive; will evaluate it less often, and one after the other",
		"check", x.evaluator.Subject(), "type", x.result.about, "mappings", names, "units", x.spent)
}

func (x *expense) subscribers() []Key {
	x.engine.mu.Lock()
	defer x.engine.mu.Unlock()
	return x.result.lane.subscribers.UnsortedList()
}

// backOff ends a work, and is the least time until the next one.
func (x *expense) backOff() time.Duration {
	spent := x.spent
	x.spent = 0
	return min(time.Duration(spent)*perUnit, maxBackOff)
}
