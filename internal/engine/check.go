// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/tally"
)

// checkWorker evaluates a check as a whole.
type checkWorker struct {
	engine    *Engine
	evaluator *check.Evaluator
	result    *cell[check.Result]
	expense   expense
	// failed says whether the check failed when it was decided last; before the first evaluation, as a status remembers.
	failed bool
}

func (w *checkWorker) work(ctx context.Context, now time.Time, _ changes) (func(), time.Time) {
	var evaluation check.Evaluation
	var publishDemandsLocked func()
	failed, fails := w.failed, false
	for again := true; again; {
		publishDemandsLocked = w.engine.explore(w.result.lane, w.evaluator.Needs(), func(shown sets.Set[facts.Need]) []facts.Demand {
			evaluation = w.evaluate(ctx, shown, now, failed)
			waiting := evaluation.Pending() || evaluation.Explaining // then its status stays as it was
			fails = evaluation.Healthy == v1alpha1.VerdictFalse || failed && waiting
			again, failed = failed && !fails, failed && fails // what has recovered is judged as if it had never failed
			return evaluation.Further
		})
	}
	backOff := w.expense.backOff()
	return func() {
		w.failed = fails
		w.result.lane.backOff = backOff
		publishDemandsLocked()
		setLocked(w.engine, w.result, keepVersions(w.result, evaluation.Result))
	}, dueAfter(now, evaluation.RecheckAfter)
}

func (w *checkWorker) evaluate(ctx context.Context, shown sets.Set[facts.Need], now time.Time, failed bool) (evaluation check.Evaluation) {
	if !w.evaluator.HasExpressions() {
		return w.engine.evaluate(w.evaluator, shown, now, failed)
	}
	evaluate := func(evaluator *check.Evaluator) {
		w.expense.run(ctx, func() uint64 {
			evaluation = w.engine.evaluate(evaluator, shown, now, failed)
			return evaluation.Expense
		})
	}
	if !w.expense.expensive {
		if evaluate(w.evaluator.Cheap()); !evaluation.Unfinished {
			return evaluation
		}
		w.expense.becomeExpensive()
	}
	evaluate(w.evaluator)
	return evaluation
}

// maxPasses is how often an evaluation is shown more: first the nodes, then the pods on them, then what else it wants.
const maxPasses = 4

// explore evaluates for a lane, and shows what an evaluation asks for to the next one, and nothing else: what was asked for once
// must not change a result. What it returns has the lane go on reading what the last one has asked for.
func (e *Engine) explore(
	l *lane, needs []facts.Need, evaluate func(shown sets.Set[facts.Need]) (further []facts.Demand),
) (publishLocked func()) {
	always, shown := sets.New(needs...), e.needsOf(l)
	var further []facts.Demand
	var wanted sets.Set[facts.Need]
	for range maxPasses {
		further = evaluate(shown)
		wanted = always.Union(sets.New(facts.NeedsOf(further)...))
		if shown.Equal(wanted) {
			break
		}
		// What was wanted before stays until the end, as it may be wanted again.
		if !shown.IsSuperset(wanted) {
			e.wantMore(l, wanted)
		}
		shown = wanted
	}
	return func() {
		e.wantLocked(l, wanted)
		before := l.demands
		l.demands = further
		e.demandLocked(slices.Concat(before, further))
	}
}

// dueAfter is the time after a wait of which 0 is never.
func dueAfter(now time.Time, wait time.Duration) time.Time {
	if wait <= 0 {
		return time.Time{}
	}
	return now.Add(wait)
}

// keepVersions has the versions stay as they were while those that run are being read. Before the first evaluation there
// are none: the result stays pending.
func keepVersions(before *cell[check.Result], result check.Result) check.Result {
	if result.VersionsPending && before.known && !before.value.VersionsPending {
		result.Versions, result.Images, result.RollingOut = before.value.Versions, before.value.Images, before.value.RollingOut
		result.VersionsPending = false
	}
	return result
}

// demandLocked says when needs are to be read again, to all who demand them together: what one demands is no news when
// another has demanded something else of the same need.
func (e *Engine) demandLocked(demands []facts.Demand) {
	done := sets.New[facts.Need]()
	for _, need := range facts.NeedsOf(demands) {
		if done.Has(need) {
			continue
		}
		done.Insert(need)
		merged := facts.Demand{Need: need}
		for l := range e.readers[need] {
			for _, d := range l.demands {
				if d.Need == need {
					merged.Refresh.Revision += d.Refresh.Revision
					merged.Refresh.Inconclusive = merged.Refresh.Inconclusive || d.Refresh.Inconclusive
				}
			}
		}
		e.sources.Demand(merged)
	}
}

func (e *Engine) evaluate(evaluator *check.Evaluator, needs sets.Set[facts.Need], now time.Time, failed bool) check.Evaluation {
	countEvaluation(evaluator)
	own := sets.New(evaluator.Needs()...)
	answers := e.answers(needs.Difference(own))
	for need := range needs.Intersection(own) {
		answers[need] = e.concerning(evaluator, need)
	}
	return evaluator.Evaluate(facts.Facts{Now: now, Answers: answers, Once: e.options.Once, Failed: failed})
}

// concerning is what is known of a need of an evaluator, with those objects that it is about: a store may hold many others.
func (e *Engine) concerning(evaluator *check.Evaluator, need facts.Need) facts.Answer {
	if need == facts.Nodes {
		return e.answer(need)
	}
	answer, objects := e.sources.View(need)
	if answer.State != facts.Known {
		return answer
	}
	for _, name := range objects.Names() {
		if !evaluator.Concerns(name.Name) {
			continue
		}
		if o := objects.Get(name); o != nil {
			answer.Objects = append(answer.Objects, o)
		}
	}
	return answer
}

// answers are what is known of needs.
func (e *Engine) answers(needs sets.Set[facts.Need]) map[facts.Need]facts.Answer {
	answers := make(map[facts.Need]facts.Answer, needs.Len())
	for need := range needs {
		answers[need] = e.answer(need)
	}
	return answers
}

// answer is what is known of a need. Nodes are those that have been counted, so that all see them change together.
func (e *Engine) answer(need facts.Need) facts.Answer {
	if need == facts.Nodes {
		return e.nodes.answer()
	}
	return e.sources.Answer(need)
}

func (e *Engine) needsOf(l *lane) sets.Set[facts.Need] {
	e.mu.Lock()
	defer e.mu.Unlock()
	return l.needs
}

// wantMore has a lane read further needs.
func (e *Engine) wantMore(l *lane, needs sets.Set[facts.Need]) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !l.gone {
		e.wantLocked(l, l.needs.Union(needs))
	}
}

// objectWorker classifies the objects of a check one by one, and those that have changed alone.
type objectWorker struct {
	engine    *Engine
	evaluator *check.Evaluator
	result    *cell[check.Result]

	need    facts.Need
	objects facts.Objects // of the view that is being evaluated; nil when nothing can be seen
	table   *tally.Table[client.Object]
	tally   *check.ObjectTally
	filled  bool
	expense expense
}

func newObjectWorker(e *Engine, evaluator *check.Evaluator, result *cell[check.Result]) *objectWorker {
	w := &objectWorker{engine: e, evaluator: evaluator, result: result, need: evaluator.Needs()[0],
		expense: expense{engine: e, evaluator: evaluator, result: result}}
	w.table = tally.NewTable(func(key string) (client.Object, bool) {
		if w.objects == nil {
			return nil, false
		}
		o := w.objects.Get(check.ObjectName(key))
		return o, o != nil
	})
	return w
}

func (w *objectWorker) work(ctx context.Context, now time.Time, changed changes) (func(), time.Time) {
	answer, objects := w.engine.sources.View(w.need)
	w.objects = objects
	if w.tally == nil {
		w.tally = w.evaluator.Cheap().CountObjects(w.table, now)
	}
	if w.tally.Exceeded() {
		w.tally.Restart()
		w.filled = false
	}
	result, unseen := w.evaluator.Unseen(answer)
	update := func(name string) bool { return w.update(ctx, name, now) }
	switch {
	case unseen:
		w.objects = nil
		refill(ctx, w.table, nil, func(name string) bool { return w.forget(name, now) })
	case !w.filled || changed.all.Has(w.need):
		refill(ctx, w.table, w.names(), update)
	default:
		for name := range changed.objects[w.need] {
			if ctx.Err() == nil {
				update(check.ObjectKey(name.Namespace, name.Name))
			}
		}
	}
	w.filled = !unseen
	for due := w.table.NextDue(); !due.IsZero() && !due.After(now) && ctx.Err() == nil; due = w.table.NextDue() {
		w.count(ctx, now, func() { w.table.DueOne(now, func(int) {}) })
	}
	if !unseen {
		w.expense.run(ctx, func() uint64 { return w.expenseOf(func() { result = w.tally.Result(now) }) })
	}
	countEvaluation(w.evaluator)
	backOff := w.expense.backOff()
	return func() {
		w.result.lane.backOff = backOff
		setLocked(w.engine, w.result, result)
	}, w.table.NextDue()
}

// update classifies an object anew.
func (w *objectWorker) update(ctx context.Context, name string, now time.Time) (moved bool) {
	w.count(ctx, now, func() { moved = w.table.Update(name, now, func(int) {}) })
	if !w.table.Has(name) {
		w.tally.Drop(name)
	}
	return moved
}

// forget is the update of an object that is gone, which waits for nobody.
func (w *objectWorker) forget(name string, now time.Time) (moved bool) {
	moved = w.table.Update(name, now, func(int) {})
	w.tally.Drop(name)
	return moved
}

// count classifies objects, and again those for which expressions cost more than cheap ones may.
func (w *objectWorker) count(ctx context.Context, now time.Time, classify func()) {
	w.expense.run(ctx, func() uint64 { return w.expenseOf(classify) })
	if !w.tally.Unfinished() {
		return
	}
	w.expense.becomeExpensive()
	for _, key := range w.tally.Finish(w.evaluator) {
		w.expense.run(ctx, func() uint64 {
			return w.expenseOf(func() { w.table.Update(key, now, func(int) {}) })
		})
	}
}

func (w *objectWorker) expenseOf(evaluate func()) uint64 {
	before := w.tally.Expense()
	evaluate()
	return w.tally.Expense() - before
}

// names are the keys of the objects that the check may name; no others are held.
func (w *objectWorker) names() []string {
	var keys []string
	for _, name := range w.objects.Names() {
		if w.evaluator.Concerns(name.Name) {
			keys = append(keys, check.ObjectKey(name.Namespace, name.Name))
		}
	}
	return keys
}

// refill classifies all objects anew and forgets those that there are no more, unless the context ends. It returns the names
// of those that have come or gone.
func refill[O any](ctx context.Context, table *tally.Table[O], names []string, update func(name string) bool) (moved []string) {
	there := sets.New(names...)
	// In the order of names groups grow at their end, in the reverse order they shrink there.
	gone := sets.List(sets.New(table.Names()...).Difference(there))
	slices.Reverse(gone)
	for _, name := range slices.Concat(gone, sets.List(there)) {
		if ctx.Err() != nil {
			break
		}
		if update(name) {
			moved = append(moved, name)
		}
	}
	return moved
}

func objectName(name string) types.NamespacedName { return types.NamespacedName{Name: name} }
