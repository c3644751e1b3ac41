// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// manySizes are how many mappings are created at once.
var manySizes = []int{1, 100, 2000}

const (
	manyLabel  = "scale.archmap.dev/many"
	manyPrefix = "many-"
	// oneOfMany is the Deployment that turns when all are there.
	oneOfMany = manyPrefix + "0"
	// manyPatience is how long all of them may take.
	manyPatience = 5 * time.Minute
)

func manyName(i int) string { return fmt.Sprintf("%s%d", manyPrefix, i) }

// many measures mappings that are created at once, a change of the spec of each, and a change of one workload among them.
func (d *bed) many(ctx context.Context) error {
	most := manySizes[len(manySizes)-1]
	store := d.newStore(ctx)
	for i := range most {
		if err := store.put(deployment(namespace, manyName(i)), time.Now().Add(-time.Hour)); err != nil {
			return err
		}
	}
	if err := store.flush(); err != nil {
		return err
	}
	for _, n := range manySizes {
		if err := d.manyAtOnce(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (d *bed) manyAtOnce(ctx context.Context, n int) (err error) {
	title := grouped(int64(n)) + " mappings"
	if n == 1 {
		title = "1 mapping"
	}
	d.step("%s at once", title)
	board, err := d.newBoard(ctx)
	if err != nil {
		return err
	}
	defer board.close()
	least, err := d.manyFloor(ctx, board, n)
	if err != nil {
		return err
	}
	manager, err := d.startSettled(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()

	board.forget()
	began := time.Now()
	row := func(i int) client.Object {
		m := deploymentRow(manyName(i), manyName(i))
		m.Labels = map[string]string{manyLabel: "true"}
		return m
	}
	if err := d.createMany(ctx, n, func(ctx context.Context, i int) error { return d.client.Create(ctx, row(i)) }); err != nil {
		return err
	}
	took, writes, err := board.untilMany(ctx, manager, n, began, func(name string) bool { return !board.ready[place{name: name}].IsZero() })
	if err != nil {
		return err
	}
	floor := figure(least.Seconds())
	d.add(Row{
		Name: title + " at once", Unit: "s", Stats: figure(took.Seconds()), Floor: &floor, Against: watchAndApply, Goal: times(1.2, 0),
	})
	d.add(Row{Name: title + " at once, most writes of one", Stats: figure(float64(writes)), Goal: atMost(1)})
	if err := d.changeSpecs(ctx, board, manager, n, title); err != nil {
		return err
	}
	one := d.ownTarget()
	one.row.name, one.turn = manyName(0), d.turnDeployment(namespace, oneOfMany)
	if err := board.sample(ctx, min(d.samples, nodeSamples), one); err != nil {
		return err
	}
	d.add(Row{Name: title + ", one change among them", Unit: "ms", Stats: summarizeTimes(one.rows), Goal: atMost(25)})
	return d.deleteMany(ctx, manager)
}

// changeSpecs changes the spec of each, which needs no look at the cluster.
func (d *bed) changeSpecs(ctx context.Context, board *board, manager *program, n int, title string) error {
	began := time.Now()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"component":"changed"}}`))
	if err := d.createMany(ctx, n, func(ctx context.Context, i int) error {
		m := &v1alpha1.ComponentMapping{}
		m.Name = manyName(i)
		return d.client.Patch(ctx, m, patch)
	}); err != nil {
		return err
	}
	const second = 2 // generation
	took, _, err := board.untilMany(ctx, manager, n, began, func(name string) bool { return board.generations[name] >= second })
	if err != nil {
		return err
	}
	d.add(Row{Name: title + ", each changed", Unit: "s", Stats: figure(took.Seconds())})
	return nil
}

// untilMany waits until something holds of so many mappings, and then until nothing is written any more. It returns how
// long the former took, and how often the one was written that was written most.
func (b *board) untilMany(ctx context.Context, p *program, n int, began time.Time, holds func(name string) bool) (took time.Duration, most int, err error) {
	next := 0 // those before hold
	err = b.untilWithin(ctx, manyPatience, p, fmt.Sprintf("verdicts on %d mappings", n), func() bool {
		for next < n && holds(manyName(next)) {
			next++
		}
		return next == n
	})
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	if err := b.quiet(ctx, afterwards); err != nil {
		return 0, 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for where, writes := range b.writes {
		if !where.floor && !where.whole && strings.HasPrefix(where.name, manyPrefix) {
			most = max(most, writes)
		}
	}
	return took, most, nil
}

// deleteMany deletes them, and waits until they are gone.
func (d *bed) deleteMany(ctx context.Context, manager *program) error {
	if err := d.client.DeleteAllOf(ctx, &v1alpha1.ComponentMapping{}, client.HasLabels{manyLabel}); err != nil {
		return err
	}
	return d.untilReady(ctx, manager)
}

// manyFloor is how long it takes a bare loop to show as many Deployments in as many rows that are created at once.
func (d *bed) manyFloor(ctx context.Context, board *board, n int) (took time.Duration, err error) {
	floor, err := d.startFloorProgram("-many")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, floor.Stop()) }()
	if err := pause(ctx, time.Second); err != nil { // it has opened its watches by then
		return 0, err
	}
	began := time.Now()
	create := func(ctx context.Context, i int) error {
		return d.createFloor(ctx, manyName(i), deploymentRow(manyName(i), manyName(i)))
	}
	if err := d.createMany(ctx, n, create); err != nil {
		return 0, err
	}
	next := 0
	err = board.untilWithin(ctx, manyPatience, floor, fmt.Sprintf("the floor's %d rows", n), func() bool {
		for next < n && board.shown.says[place{floor: true, name: manyName(next)}].status != "" {
			next++
		}
		return next == n
	})
	took = time.Since(began)
	if err != nil {
		return 0, err
	}
	return took, d.deleteFloor(ctx, board, n)
}

func (d *bed) deleteFloor(ctx context.Context, board *board, n int) error {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(floorGroup + "/" + v1alpha1.GroupVersion.Version)
	u.SetKind("ComponentMapping")
	err := d.createMany(ctx, n, func(ctx context.Context, i int) error {
		o := u.DeepCopy()
		o.SetName(manyName(i))
		return d.client.Delete(ctx, o)
	})
	board.mu.Lock()
	defer board.mu.Unlock()
	for i := range n {
		delete(board.shown.says, place{floor: true, name: manyName(i)})
	}
	return err
}

// runMany applies a status to each row that is created. The Deployments are read when the first one is.
func (f *floor) runMany(ctx context.Context) error {
	row, err := f.template(ctx, mappings, ownRow)
	if err != nil {
		return err
	}
	healthy := sync.OnceValues(func() (map[string]bool, error) {
		deployments, err := f.objects.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		available := map[string]bool{}
		for i := range deployments.Items {
			available[deployments.Items[i].Name] = isAvailable(&deployments.Items[i])
		}
		return available, nil
	})
	// The API server ends a watch whose reader does not keep up, so what is to be done waits in a queue, and the watch goes
	// on when it was ended all the same.
	queue := workqueue.NewTyped[string]()
	informer := dynamicinformer.NewFilteredDynamicInformer(f.dynamic, resourceOf(floorGroup, mappings), "", 0, cache.Indexers{}, nil).Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		if u, ok := o.(*unstructured.Unstructured); ok && strings.HasPrefix(u.GetName(), manyPrefix) {
			queue.Add(u.GetName())
		}
	}})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for range floorWorkers {
		group.Go(func() error { return f.work(ctx, queue, row, healthy) })
	}
	group.Go(func() error {
		defer queue.ShutDown()
		informer.RunWithContext(ctx)
		return nil
	})
	return group.Wait()
}

// work applies rows until the queue is shut down.
func (f *floor) work(
	ctx context.Context, queue workqueue.TypedInterface[string], row *unstructured.Unstructured, healthy func() (map[string]bool, error),
) error {
	for {
		name, shutdown := queue.Get()
		if shutdown {
			return nil
		}
		available, err := healthy()
		if err == nil {
			err = f.applyRow(ctx, row, name, available[name])
		}
		queue.Done(name)
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func isAvailable(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == *d.Spec.Replicas }
