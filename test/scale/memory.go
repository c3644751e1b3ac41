// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// unnamedObjects are in namespaces that nobody names, unnamedDeployments in one that checks watch.
	unnamedObjects     = 40_000
	unnamedDeployments = 10_000
	mebi               = 1 << 20
	mebibytes          = "MiB"
)

// Rows that the page shows more than once.
const (
	dnsRow  = "Row coredns"
	coldRow = "Cold start"
	rssRow  = "Memory, RSS"
	peakRow = "Memory, peak of RSS"
	heapRow = "Live heap"
)

// memory measures what a manager holds that has settled.
func (d *bed) memory(ctx context.Context) (err error) {
	d.step("Memory")
	manager, err := d.startSettled(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	rss, rssErr := manager.memory("VmRSS")
	made, madeErr := manager.composition(ctx)
	peak, peakErr := manager.memory("VmHWM")
	droppable, droppableErr := manager.droppable(peak)
	heap, heapErr := manager.liveHeap(ctx, filepath.Join(d.out, fmt.Sprintf("heap-%d.pb.gz", len(d.nodes))))
	if err := errors.Join(rssErr, madeErr, peakErr, droppableErr, heapErr); err != nil {
		return err
	}
	d.heaps[len(d.nodes)] = heap
	peer, err := d.peerMemory(ctx)
	if err != nil {
		return err
	}
	steady := figure(rss)
	for _, r := range []Row{
		{
			Name: rssRow, Stats: figure(rss), Floor: &peer, Against: "kube-state-metrics", Goal: times(1.0/3, 0),
			Note: made + " kube-state-metrics holds nodes and workloads alone.",
		},
		{Name: peakRow, Stats: figure(peak), Goal: atMost(float64(d.manager.memoryLimit) / mebi), Note: droppable},
		{Name: "Memory, peak of a start", Stats: figure(peak), Floor: &steady, Against: "RSS", Goal: times(1.3, 0)},
		{Name: heapRow, Stats: figure(heap)},
	} {
		r.Unit = mebibytes
		d.add(r)
	}
	small, large := d.sizes[0], len(d.nodes)
	if before, ok := d.heaps[small]; ok && large == d.sizes[len(d.sizes)-1] && large > small {
		d.add(Row{
			Name: "Live heap for each node", Unit: "KiB", Stats: figure((heap - before) * 1024 / float64(large-small)),
			Goal: atMost(2.5), Note: fmt.Sprintf("The difference to %s nodes.", grouped(int64(small))),
		})
	}
	return nil
}

// composition says what the RSS of the manager is made of.
func (p *program) composition(ctx context.Context) (string, error) {
	file, fileErr := p.memory("RssFile")
	anonymous, anonErr := p.memory("RssAnon")
	series, err := p.series(ctx)
	part := func(name string) float64 { return series["go_memstats_"+name+"_bytes"] / mebi }
	return fmt.Sprintf("Of the RSS %.0f MiB are pages of the binary and %.0f MiB are not: %.0f MiB of heap in use, %.0f MiB idle, %.0f MiB of stacks.",
		file, anonymous, part("heap_inuse"), part("heap_idle")-part("heap_released"), part("stack_inuse")), errors.Join(fileErr, anonErr, err)
}

// droppable says how much of a peak the kernel could take back, were memory short.
func (p *program) droppable(peak float64) (string, error) {
	file, err := p.memory("RssFile")
	return fmt.Sprintf("%.0f MiB of it are pages of the binary, which the kernel can drop, and %.0f MiB are not.", file, peak-file), err
}

// peerMemory is the RSS of kube-state-metrics that has settled, in MiB.
func (d *bed) peerMemory(ctx context.Context) (rss Stats, err error) {
	metrics, err := freeAddress()
	if err != nil {
		return Stats{}, err
	}
	_, port, err := net.SplitHostPort(metrics)
	if err != nil {
		return Stats{}, err
	}
	p, err := d.startProgram("kube-state-metrics", d.binary("kube-state-metrics"), nil, "--kubeconfig", d.floorKubeconfig,
		"--host", loopback, "--port", port, "--telemetry-host", loopback, "--telemetry-port", "0",
		"--resources", "nodes,deployments,daemonsets,statefulsets")
	if err != nil {
		return Stats{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	last := d.nodes[len(d.nodes)-1]
	if err := d.await(ctx, "kube-state-metrics to have read all nodes; its log is "+p.log, func(ctx context.Context) (bool, error) {
		text, err := get(ctx, "http://"+metrics+"/metrics")
		return err == nil && bytes.Contains(text, []byte(`kube_node_info{node="`+last)), p.alive()
	}); err != nil {
		return Stats{}, err
	}
	if err := pause(ctx, 2*calm); err != nil {
		return Stats{}, err
	}
	mib, err := p.memory("VmRSS")
	return figure(mib), err
}

// startSettled starts the manager and returns when it has nothing to do any more.
func (d *bed) startSettled(ctx context.Context) (*program, error) {
	manager, err := d.startManager()
	if err != nil {
		return nil, err
	}
	err = d.untilReady(ctx, manager)
	if err == nil {
		err = pause(ctx, 2*calm)
	}
	if err = errors.Join(err, manager.alive()); err != nil {
		return nil, errors.Join(err, manager.Stop())
	}
	return manager, nil
}

// objects measures what objects cost that no check names.
func (d *bed) objects(ctx context.Context) (err error) {
	d.step("Objects that nobody names")
	manager, err := d.startSettled(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	before, err := manager.liveHeap(ctx, "")
	if err != nil {
		return err
	}
	store, day := d.newStore(ctx), time.Now().Add(-24*time.Hour)
	for i := range unnamedObjects / 2 {
		team := fmt.Sprintf("team-%02d", i%20)
		err = errors.Join(store.put(configMap(team, fmt.Sprintf("settings-%05d", i)), day),
			store.put(deployment(team, fmt.Sprintf("service-%05d", i)), day))
		if err != nil {
			return err
		}
	}
	unnamed, err := d.growth(ctx, store, manager, before)
	if err != nil {
		return err
	}
	for i := range unnamedDeployments {
		if err := store.put(deployment(metav1.NamespaceSystem, fmt.Sprintf("service-%05d", i)), day); err != nil {
			return err
		}
	}
	watched, err := d.growth(ctx, store, manager, before+unnamed)
	if err != nil {
		return err
	}
	d.add(Row{
		Name: fmt.Sprintf("%s objects that nobody names", grouped(unnamedObjects)), Unit: mebibytes, Stats: figure(unnamed),
		Goal: atMost(3), Note: "Growth of the live heap; half of them ConfigMaps, half Deployments.",
	})
	d.add(Row{
		Name: "Each unnamed Deployment in a watched namespace", Unit: "KiB",
		Stats: figure(watched * 1024 / unnamedDeployments), Goal: atMost(0.5),
	})
	return nil
}

// growth writes what is in store, and returns by how much the live heap is bigger then, in MiB.
func (d *bed) growth(ctx context.Context, store *store, manager *program, before float64) (float64, error) {
	if err := store.flush(); err != nil {
		return 0, err
	}
	if err := pause(ctx, calm); err != nil {
		return 0, err
	}
	after, err := manager.liveHeap(ctx, "")
	return after - before, err
}
