// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

const (
	// coldStarts is how often the manager, and the floor, start from nothing.
	coldStarts = 3
	// afterwards is how long nothing is written any more when a start is over.
	afterwards = 6 * time.Second
	// workers is how many requests the bench makes at once.
	workers = 20
)

// cold measures starts with statuses that say nothing yet: until everything has a verdict, and how often it is written.
func (d *bed) cold(ctx context.Context) error {
	d.step("Cold starts")
	var list v1alpha1.ComponentMappingList
	if err := d.client.List(ctx, &list); err != nil {
		return err
	}
	if err := d.createMany(ctx, len(list.Items), func(ctx context.Context, i int) error {
		return d.createFloor(ctx, coldName(i), &list.Items[i])
	}); err != nil {
		return err
	}
	var a v1alpha1.ClusterArchitecture
	if err := d.client.Get(ctx, clientKey(architecture), &a); err != nil {
		return err
	}
	if err := d.createFloor(ctx, coldArchitecture, &a); err != nil {
		return err
	}
	var seconds, floor, writes []float64
	for range coldStarts {
		took, written, err := d.coldStart(ctx, list.Items)
		if err != nil {
			return err
		}
		seconds, writes = append(seconds, took.Seconds()), append(writes, float64(written))
		least, err := d.coldFloor(ctx, len(list.Items))
		if err != nil {
			return err
		}
		floor = append(floor, least.Seconds())
	}
	least := summarize(floor)
	d.add(Row{
		Name: coldRow, Unit: "s", Stats: summarize(seconds), Floor: &least, Against: "list and apply", Goal: times(1.3, 0),
	})
	d.add(Row{Name: "Cold start, writes", Stats: summarize(writes), Goal: atMost(float64(len(list.Items) + 1))})
	return nil
}

// coldStart returns how long a start took until all had verdicts, and how many statuses were written in all.
func (d *bed) coldStart(ctx context.Context, rows []v1alpha1.ComponentMapping) (took time.Duration, writes int, err error) {
	if err := d.clearStatuses(ctx, rows); err != nil {
		return 0, 0, err
	}
	board, err := d.newBoard(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer board.close()
	manager, err := d.startManager()
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	var last time.Time
	err = board.until(ctx, manager, "a verdict on every mapping", func() bool {
		places := []place{{whole: true, name: architecture}}
		for i := range rows {
			places = append(places, place{name: rows[i].Name})
		}
		last = time.Time{}
		for _, where := range places {
			at := board.ready[where]
			if at.IsZero() {
				return false
			}
			if at.After(last) {
				last = at
			}
		}
		return true
	})
	if err != nil {
		return 0, 0, err
	}
	if err := board.quiet(ctx, afterwards); err != nil {
		return 0, 0, err
	}
	return last.Sub(manager.began), board.written(), manager.alive()
}

func (d *bed) clearStatuses(ctx context.Context, rows []v1alpha1.ComponentMapping) error {
	empty := client.RawPatch(types.MergePatchType, []byte(`{"status":null}`))
	if err := d.createMany(ctx, len(rows), func(ctx context.Context, i int) error {
		m := &v1alpha1.ComponentMapping{}
		m.Name = rows[i].Name
		return d.client.Status().Patch(ctx, m, empty)
	}); err != nil {
		return err
	}
	a := &v1alpha1.ClusterArchitecture{}
	a.Name = architecture
	return d.client.Status().Patch(ctx, a, empty)
}

// createMany does something so many times, some at once.
func (d *bed) createMany(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// coldFloor is how long it takes a program to start, read the same objects page by page, and apply as many statuses.
func (d *bed) coldFloor(ctx context.Context, rows int) (time.Duration, error) {
	p, err := d.startFloorProgram("-cold", fmt.Sprint(rows))
	if err != nil {
		return 0, err
	}
	select {
	case <-p.Done():
		took := time.Since(p.began)
		if !p.Succeeded() {
			return 0, p.Failure()
		}
		return took, nil
	case <-ctx.Done():
		return 0, errors.Join(context.Cause(ctx), p.Stop())
	}
}

const coldArchitecture = "floor-cold"

func coldName(i int) string { return fmt.Sprintf("floor-cold-%d", i) }

// runCold is what the floor of a cold start does.
func (f *floor) runCold(ctx context.Context, rows int) error {
	row, err := f.template(ctx, mappings, coreDNS)
	if err != nil {
		return err
	}
	whole, err := f.template(ctx, architectures, architecture)
	if err != nil {
		return err
	}
	if err := f.listAll(ctx); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(floorWorkers)
	for i := range rows {
		group.Go(func() error { return f.applyRow(groupCtx, row, coldName(i), true) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	whole.SetName(coldArchitecture)
	return f.apply(ctx, architectures, whole)
}

// floorWorkers is how many statuses the floor applies at once.
const floorWorkers = 20

// listAll reads, page by page, the kinds of which there is one for each node, and the workloads of kube-system.
func (f *floor) listAll(ctx context.Context) error {
	configs := f.dynamic.Resource(schema.GroupVersionResource{Group: "acn.azure.com", Version: "v1alpha", Resource: "nodenetworkconfigs"})
	for _, list := range []pager.ListPageFunc{
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return f.objects.CoreV1().Nodes().List(ctx, o)
		},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return f.objects.StorageV1().CSINodes().List(ctx, o)
		},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return configs.Namespace(metav1.NamespaceSystem).List(ctx, o)
		},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return f.objects.AppsV1().Deployments(metav1.NamespaceSystem).List(ctx, o)
		},
		func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return f.objects.AppsV1().DaemonSets(metav1.NamespaceSystem).List(ctx, o)
		},
	} {
		if err := pager.New(list).EachListItem(ctx, metav1.ListOptions{}, func(runtime.Object) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
