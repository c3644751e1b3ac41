// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/assess"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/workload"
)

// unmappedWorker keeps which workloads no mapping covers, one by one, and judges those.
type unmappedWorker struct {
	engine *Engine
	scope  *assess.UnmappedScope
	view   *cell[assess.UnmappedView]

	// found are the workloads that no mapping covers, by the need that shows them; nil for one that is not known. Those
	// that a mapping covers, nearly all, are not kept. Of the others the first are held, which spares looking them up; nil
	// stands for one that is not.
	found map[facts.Need]map[types.NamespacedName]*workload.Workload
	held  int
}

// maxHeld is how many workloads that no mapping covers are held.
const maxHeld = 64

func newUnmappedWorker(e *Engine, scope *assess.UnmappedScope, view *cell[assess.UnmappedView]) *unmappedWorker {
	return &unmappedWorker{engine: e, scope: scope, view: view, found: map[facts.Need]map[types.NamespacedName]*workload.Workload{}}
}

func (w *unmappedWorker) work(_ context.Context, now time.Time, changed changes) (func(), time.Time) {
	needs := w.scope.Needs()
	answers := make(map[facts.Need]facts.Answer, len(needs))
	var found []workload.Workload
	for _, need := range needs {
		var objects facts.Objects
		answers[need], objects = w.engine.sources.View(need)
		w.update(need, answers[need].State == facts.Known, objects, changed)
		for name, one := range w.found[need] {
			if one == nil {
				one = w.unmapped(objects.Get(name))
			}
			if one != nil {
				found = append(found, *one)
			}
		}
	}
	always := sets.New(needs...)
	var view assess.UnmappedView
	var recheckAfter time.Duration
	publishDemandsLocked := w.engine.explore(w.view.lane, needs, func(shown sets.Set[facts.Need]) (further []facts.Demand) {
		given := facts.Facts{Now: now, Answers: w.engine.answers(shown.Difference(always)), Once: w.engine.options.Once}
		maps.Copy(given.Answers, answers)
		view, further, recheckAfter = w.scope.View(slices.Clone(found), given)
		return further
	})
	return func() {
		publishDemandsLocked()
		setLocked(w.engine, w.view, view)
	}, dueAfter(now, recheckAfter)
}

// update brings what a need shows up to what has changed.
func (w *unmappedWorker) update(need facts.Need, known bool, objects facts.Objects, changed changes) {
	if !known || w.found[need] == nil || changed.all.Has(need) {
		for name := range w.found[need] {
			w.forget(need, name)
		}
		w.found[need] = nil
	}
	switch {
	case !known:
	case w.found[need] == nil:
		w.found[need] = map[types.NamespacedName]*workload.Workload{}
		for _, name := range objects.Names() {
			w.look(need, name, objects.Get(name))
		}
	default:
		for name := range changed.objects[need] {
			w.look(need, name, objects.Get(name))
		}
	}
}

// look notes one object; nil is one that is gone.
func (w *unmappedWorker) look(need facts.Need, name types.NamespacedName, o client.Object) {
	w.forget(need, name)
	one := w.unmapped(o)
	switch {
	case one == nil:
	case w.held < maxHeld:
		w.found[need][name] = one
		w.held++
	default:
		w.found[need][name] = nil
	}
}

func (w *unmappedWorker) forget(need facts.Need, name types.NamespacedName) {
	if w.found[need][name] != nil {
		w.held--
	}
	delete(w.found[need], name)
}

// unmapped is the workload of an object that no mapping covers; nil of any other, and of none.
func (w *unmappedWorker) unmapped(o client.Object) *workload.Workload {
	if o == nil {
		return nil
	}
	if one, unmapped := w.scope.Unmapped(o); unmapped {
		return &one
	}
	return nil
}

// compiledScope is the scope of workloads that no mapping covers, made of specs.
type compiledScope struct {
	specs uint64
	scope *assess.UnmappedScope
}

// unmappedScope makes the scope of an architecture and its mappings, once for their generations: of many mappings it takes
// long. The members are sorted by name.
func (e *Engine) unmappedScope(
	key Key, compiled *Architecture, a *v1alpha1.ClusterArchitecture, members []v1alpha1.ComponentMapping,
) *assess.UnmappedScope {
	specs := fnv.New64a()
	note := func(o *metav1.ObjectMeta) { _, _ = fmt.Fprint(specs, o.Name, "|", o.UID, "|", o.Generation, "|") }
	note(&a.ObjectMeta)
	for i := range members {
		note(&members[i].ObjectMeta)
	}
	e.mu.Lock()
	known, ok := e.scopes[key]
	e.mu.Unlock()
	if ok && known.specs == specs.Sum64() {
		return known.scope
	}
	known = compiledScope{specs.Sum64(), assess.NewUnmappedScope(compiled.unmapped, compiled.marks, members)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scopes[key] = known
	return known.scope
}
