// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// What archmap and the floor write.
const (
	mappings      = "componentmappings"
	architectures = "clusterarchitectures"
)

// Fields of objects.
const (
	specField   = "spec"
	statusField = "status"
	typeField   = "type"

	// Those of conditions.
	reasonField  = "reason"
	messageField = "message"
	turnedField  = "lastTransitionTime"
)

// watchFor is how long a change may take to show.
const watchFor = 20 * time.Second

func clientKey(name string) client.ObjectKey { return client.ObjectKey{Name: name} }

// place is where a verdict is shown: the row of a mapping, or the entry of it in the architecture; archmap's or the floor's.
type place struct {
	floor, whole bool
	name         string
}

// board shows all verdicts as the API server tells them, with when they came.
type board struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu sync.Mutex
	// shown is the last that each place said.
	shown verdicts
	// may are the verdicts that may be said, if not all are, and wrong are the others that were said all the same.
	may   []verdicts
	wrong map[string]bool
	// generations are the last ones that archmap's mappings have a status of.
	generations map[string]int64
	// ready is when a mapping, or the architecture, of archmap was ready first.
	ready map[place]time.Time
	// writes counts updates of an object; last is when the last one came.
	writes map[place]int
	last   time.Time
	// changed is closed, and replaced, with each update.
	changed chan struct{}
	waiting map[place]waiter
}

// waiter is told when a place shows a verdict.
type waiter struct {
	healthy string
	at      chan time.Time
}

// newBoard watches until close.
func (d *bed) newBoard(ctx context.Context) (*board, error) {
	dynamicClient, err := dynamic.NewForConfig(d.config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	b := &board{
		stop: stop, shown: verdicts{says: map[place]saying{}}, generations: map[string]int64{}, ready: map[place]time.Time{},
		writes: map[place]int{}, changed: make(chan struct{}), waiting: map[place]waiter{},
	}
	var synced []cache.InformerSynced
	for _, floor := range []bool{false, true} {
		for _, resource := range []string{mappings, architectures} {
			of := resourceOf(groupOf(floor), resource)
			informer := dynamicinformer.NewFilteredDynamicInformer(dynamicClient, of, "", 0, cache.Indexers{}, nil).Informer()
			handler, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
				AddFunc:    func(o any) { b.note(floor, resource, o, false) },
				UpdateFunc: func(_, o any) { b.note(floor, resource, o, true) },
			})
			if err != nil {
				stop()
				return nil, err
			}
			synced = append(synced, handler.HasSynced)
			b.done.Go(func() { informer.RunWithContext(ctx) })
		}
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		b.close()
		return nil, errors.New("watching what is written: interrupted")
	}
	return b, nil
}

func (b *board) close() {
	b.stop()
	b.done.Wait()
}

// note takes in an event.
func (b *board) note(floor bool, resource string, o any, update bool) {
	at := time.Now()
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	this := place{floor: floor, whole: resource == architectures, name: u.GetName()}
	if update {
		b.writes[this]++
		b.last = at
	}
	if condition(u, v1alpha1.ConditionReady).status == truth(true) && b.ready[this].IsZero() {
		b.ready[this] = at
	}
	if this.whole {
		components, _, _ := unstructured.NestedSlice(u.Object, statusField, "components")
		for _, c := range components {
			component := c.(map[string]any)
			name, _ := component["name"].(string)
			var said saying
			said.status, _ = component["healthy"].(string)
			said.reason, _ = component[reasonField].(string)
			b.show(place{floor: floor, whole: true, name: name}, said, at)
		}
		if !floor {
			b.shown.ready = readyNodes(u)
		}
	} else {
		b.show(this, condition(u, v1alpha1.ConditionHealthy), at)
		if !floor {
			b.generations[this.name], _, _ = unstructured.NestedInt64(u.Object, statusField, "observedGeneration")
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) show(where place, said saying, at time.Time) {
	b.shown.says[where] = said
	if !b.maySay(where, said) {
		b.wrong[fmt.Sprintf("%s: %s %s", where, said.status, said.reason)] = true
	}
	if w, ok := b.waiting[where]; ok && w.healthy == said.status {
		delete(b.waiting, where)
		w.at <- at
	}
}

// maySay says whether a place may say so: whether it is healthy, for whatever reason.
func (b *board) maySay(where place, said saying) bool {
	if len(b.may) == 0 || said.reason == unserved {
		return true
	}
	return slices.ContainsFunc(b.may, func(v verdicts) bool {
		want, known := v.says[where]
		return !known || want.status == said.status
	})
}

// expectOnly has other verdicts be noted as wrong from now on.
func (b *board) expectOnly(may ...verdicts) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.may, b.wrong = may, map[string]bool{}
}

// wrongVerdicts are those that were said since expectOnly, with where.
func (b *board) wrongVerdicts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.wrong))
}

// readyNodes is how many nodes of all pools are ready.
func readyNodes(architecture *unstructured.Unstructured) int64 {
	var total int64
	pools, _, _ := unstructured.NestedSlice(architecture.Object, statusField, "nodePools")
	for _, p := range pools {
		ready, _, _ := unstructured.NestedInt64(p.(map[string]any), "ready")
		total += ready
	}
	return total
}

// condition of an object, with empty fields if there is none.
func condition(u *unstructured.Unstructured, conditionType string) (found saying) {
	conditions, _, _ := unstructured.NestedSlice(u.Object, statusField, "conditions")
	for _, c := range conditions {
		if condition := c.(map[string]any); condition[typeField] == conditionType {
			found.status, _ = condition[statusField].(string)
			found.reason, _ = condition[reasonField].(string)
		}
	}
	return found
}

// expect asks to be told when a place shows a verdict that it does not show yet.
func (b *board) expect(where place, healthy string) (<-chan time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown.says[where].status == healthy {
		return nil, fmt.Errorf("%s is %s already", where, healthy)
	}
	w := waiter{healthy: healthy, at: make(chan time.Time, 1)}
	b.waiting[where] = w
	return w.at, nil
}

func (p place) String() string {
	text := "archmap's row " + p.name
	if p.floor {
		text = "the floor's row " + p.name
	}
	if p.whole {
		text += " in the architecture"
	}
	return text
}

// until waits until something holds of the board, which is locked then, or the program that makes it so has ended.
func (b *board) until(ctx context.Context, p *program, what string, holds func() bool) error {
	return b.untilWithin(ctx, patience, p, what, holds)
}

func (b *board) untilWithin(ctx context.Context, limit time.Duration, p *program, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		b.mu.Lock()
		ok, changed := holds(), b.changed
		b.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-p.Done():
			return fmt.Errorf("waiting for %s: %w", what, p.Failure())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; the log of %s is %s", what, context.Cause(ctx), p.name, p.log)
		}
	}
}

// quiet waits until nothing was written for a while.
func (b *board) quiet(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	for {
		b.mu.Lock()
		last := b.last
		b.mu.Unlock()
		since := last
		if since.Before(began) {
			since = began
		}
		left := d - time.Since(since)
		if left <= 0 {
			return nil
		}
		if err := pause(ctx, left); err != nil {
			return fmt.Errorf("waiting for an end of writes: %w", err)
		}
	}
}

// written counts the updates of archmap's objects so far, in all.
func (b *board) written() int {
	total := 0
	for _, n := range b.writesByName() {
		total += n
	}
	return total
}

// writesByName counts the updates of archmap's objects so far.
func (b *board) writesByName() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := map[string]int{}
	for where, n := range b.writes {
		if !where.floor {
			counts[where.name] += n
		}
	}
	return counts
}

// forget starts to count writes from zero.
func (b *board) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.writes)
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
