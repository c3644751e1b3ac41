// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// spell is how long something goes on that costs next to nothing, storm something that costs more.
	spell = 30 * time.Second
	storm = 60 * time.Second
	// Each node's kubelet reports every 5 minutes when nothing has changed, and so does its problem detector; and when all
	// report each 30 seconds, as they do when a clock or an image moves.
	seldom = 300.0 / 2
	often  = 30.0
	// counterMoves is how often a second the counters of a DaemonSet move that rolls out, and writeEvery how often its row
	// may be written for that.
	counterMoves = 33
	writeEvery   = 5 * time.Second
	// movingDaemonSet is one that a row looks at.
	movingDaemonSet = "cloud-node-manager"
	cpuSeconds      = "s of CPU"
	// graceOver is longer than the grace period after a start of any row that is unhealthy here.
	graceOver = 65 * time.Second
)

// cost is what the manager has spent, and written.
type cost struct {
	cpu    float64
	times  int
	writes map[string]int
}

// written counts what was written, and says what.
func written(costs ...cost) (total int, what string) {
	counts := map[string]int{}
	for _, c := range costs {
		for name, n := range c.writes {
			counts[name] += n
			total += n
		}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		names = append(names, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return total, strings.Join(names, ", ")
}

// costOf returns what the manager spends, and writes, while something goes on.
func (d *bed) costOf(board *board, manager *program, do func() (int, error)) (cost, error) {
	cpu, err := manager.cpu()
	if err != nil {
		return cost{}, err
	}
	board.forget()
	n, err := do()
	if err != nil {
		return cost{}, err
	}
	after, err := manager.cpu()
	return cost{cpu: after - cpu, writes: board.writesByName(), times: n}, errors.Join(err, manager.alive())
}

// quiet measures what the manager costs while nothing changes but heartbeats, and while the counters of a DaemonSet do.
func (d *bed) quiet(ctx context.Context) (err error) {
	d.step("Quiet: nothing, heartbeats, and a DaemonSet that rolls out")
	board, err := d.newBoard(ctx)
	if err != nil {
		return err
	}
	defer board.close()
	manager, err := d.startSettled(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	// Nothing serves the APIs of keda and of metrics-server here: their rows turn once more.
	if err := pause(ctx, graceOver); err != nil {
		return err
	}

	idle, err := d.costOf(board, manager, func() (int, error) { return 0, pause(ctx, spell) })
	if err != nil {
		return err
	}
	perSecond := idle.cpu / spell.Seconds()
	nodes := float64(len(d.nodes))
	atRest, err := d.costOf(board, manager, func() (int, error) { return d.pace(ctx, nodes/seldom, spell, d.beat) })
	if err != nil {
		return err
	}
	beats, err := d.costOf(board, manager, func() (int, error) { return d.pace(ctx, nodes/often, storm, d.beat) })
	if err != nil {
		return err
	}
	if err := d.profileBeats(ctx, manager); err != nil {
		return err
	}
	writes, what := written(idle, atRest, beats)
	each := (beats.cpu - perSecond*storm.Seconds()) * 1000 / float64(max(1, beats.times))
	for _, r := range []Row{
		{Name: "At rest, nothing happens", Unit: "% of a core", Stats: figure(perSecond * 100)},
		{
			Name: "At rest, with heartbeats", Unit: "% of a core", Stats: figure(atRest.cpu / spell.Seconds() * 100), Goal: atMost(1),
			Note: fmt.Sprintf("%d heartbeats in %s.", atRest.times, spell),
		},
		{
			Name: "Many heartbeats, each", Unit: "ms of CPU", Stats: figure(max(0, each)), Goal: atMost(0.1),
			Note: fmt.Sprintf("%d heartbeats in %s.", beats.times, storm),
		},
		{Name: "Writes for heartbeats", Stats: figure(float64(writes)), Goal: atMost(0), Note: what},
	} {
		d.add(r)
	}
	return d.counters(ctx, board, manager, perSecond)
}

// profileBeats saves what heartbeats cost, after they were measured: a profile has a price.
func (d *bed) profileBeats(ctx context.Context, manager *program) error {
	done := make(chan error, 1)
	go func() {
		done <- manager.profileCPU(ctx, int(calm.Seconds()), filepath.Join(d.out, fmt.Sprintf("cpu-heartbeats-%d.pb.gz", len(d.nodes))))
	}()
	_, err := d.pace(ctx, float64(len(d.nodes))/often, calm, d.beat)
	return errors.Join(err, <-done)
}

// counters measures what a DaemonSet costs whose counters move, as in a rollout.
func (d *bed) counters(ctx context.Context, board *board, manager *program, idlePerSecond float64) error {
	moves, err := d.costOf(board, manager, func() (int, error) {
		return d.pace(ctx, counterMoves, storm, func(ctx context.Context, i int) error {
			return d.roll(ctx, movingDaemonSet, i%len(d.nodes), 1)
		})
	})
	if err != nil {
		return err
	}
	if err := d.roll(ctx, movingDaemonSet, len(d.nodes), 0); err != nil {
		return err
	}
	_, what := written(moves)
	most := slices.Max(append(slices.Collect(maps.Values(moves.writes)), 0))
	d.add(Row{
		Name: "DaemonSet whose counters move, writes of a status", Stats: figure(float64(most)), Goal: atMost(1 + storm.Seconds()/writeEvery.Seconds()),
		Note: fmt.Sprintf("%d changes in %s; written, each where it shows: %s.", moves.times, storm, what),
	})
	d.add(Row{
		Name: "DaemonSet whose counters move", Unit: cpuSeconds, Stats: figure(max(0, moves.cpu-idlePerSecond*storm.Seconds())),
		Goal: atMost(1),
	})
	return nil
}

// roll sets the counters of a DaemonSet of which so many pods are updated, and some are on their way.
func (d *bed) roll(ctx context.Context, name string, updated, unavailable int) error {
	nodes := len(d.nodes)
	patch, err := json.Marshal(map[string]any{statusField: map[string]any{
		"currentNumberScheduled": nodes, "desiredNumberScheduled": nodes, "updatedNumberScheduled": updated,
		"numberReady": nodes - unavailable, "numberAvailable": nodes - unavailable, "numberUnavailable": unavailable,
	}})
	if err != nil {
		return err
	}
	o := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name}}
	return d.client.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
}

// beat is a heartbeat of a kubelet, or of the problem detector on its node.
func (d *bed) beat(ctx context.Context, i int) error {
	reported := []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure}
	if i%2 > 0 {
		reported = []corev1.NodeConditionType{
			"KernelDeadlock", "ReadonlyFilesystem", "FilesystemCorruptionProblem", "KubeletProblem", "ContainerRuntimeProblem",
			"FrequentKubeletRestart", "FrequentContainerdRestart", "FrequentDockerRestart", "FrequentUnregisterNetDevice", "VMEventScheduled",
		}
	}
	var conditions []map[string]any
	for _, t := range reported {
		conditions = append(conditions, map[string]any{typeField: t, "lastHeartbeatTime": metav1.Now()})
	}
	return d.patchConditions(ctx, d.nodes[i/2%len(d.nodes)], conditions...)
}

// pace does something at a rate, some at once if need be, and returns how often it was done. The first error ends it.
func (d *bed) pace(ctx context.Context, perSecond float64, long time.Duration, do func(ctx context.Context, i int) error) (int, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	var done atomic.Int64
	ticker := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer ticker.Stop()
	end := time.NewTimer(long)
	defer end.Stop()
	for i := 0; ; i++ {
		select {
		case <-ticker.C:
			group.Go(func() error {
				err := do(groupCtx, i)
				if err == nil {
					done.Add(1)
				}
				return err
			})
			continue
		case <-end.C:
		case <-groupCtx.Done():
		}
		return int(done.Load()), errors.Join(group.Wait(), ctx.Err())
	}
}
