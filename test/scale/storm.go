// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// flipWithin is how long it takes until all nodes of a storm are down, if the API server takes so many changes, and until
	// all are back.
	flipWithin = 10 * time.Second
	// kubeletRow is the one that says how the nodes are.
	kubeletRow = "kubelet"
	// unserved is the reason in the catalog of an APIService behind which nothing answers.
	unserved = "APIUnavailable"
	// stormPeakRow is a row that the page shows more than once.
	stormPeakRow = "Storms, peak of RSS"
)

// rollingDaemonSets run on every node, and have a row each.
var rollingDaemonSets = []string{movingDaemonSet, "csi-azuredisk-node", "csi-azurefile-node", "cilium"}

// inStorm reports whether a node goes down in a storm: two of five do, from every pool.
func inStorm(i int) bool { return i%5 < 2 }

// storm measures what the manager goes through when DaemonSets roll out on all nodes, and when many nodes go down and come
// back: whether it says the truth meanwhile and afterward, and whether it stays within its limit.
func (d *bed) storm(ctx context.Context) (err error) {
	d.step("Storms: rollouts on all nodes, then nodes that go down")
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
	leader, err := d.leader(ctx)
	if err != nil {
		return err
	}
	if err := manager.forgetPeak(); err != nil {
		return err
	}
	before := board.verdicts()
	if err := errors.Join(d.rolloutStorm(ctx, board, manager, before), d.nodeStorm(ctx, board, manager, before)); err != nil {
		return err
	}
	peak, peakErr := manager.memory("VmHWM")
	droppable, droppableErr := manager.droppable(peak)
	made, madeErr := manager.composition(ctx)
	if err := errors.Join(peakErr, droppableErr, madeErr); err != nil {
		return err
	}
	d.add(Row{
		Name: stormPeakRow, Unit: mebibytes, Stats: figure(peak), Goal: atMost(float64(d.manager.memoryLimit) / mebi),
		Note: droppable + " What a start takes is in the part memory. After the storms: " + made,
	})
	after, err := d.leader(ctx)
	if err != nil {
		return err
	}
	restarts := 0
	if after != leader {
		restarts = 1
	}
	d.add(Row{
		Name: "Storms, changes of the leader", Stats: figure(float64(restarts)), Goal: atMost(0),
		Note: "A manager that ends in a storm ends the bench.",
	})
	return manager.alive()
}

// leader is who leads, and since when: it changes when the manager restarts or loses its lease.
func (d *bed) leader(ctx context.Context) (string, error) {
	var leases coordinationv1.LeaseList
	if err := d.client.List(ctx, &leases, client.InNamespace(managerNamespace)); err != nil {
		return "", err
	}
	if len(leases.Items) != 1 || leases.Items[0].Spec.HolderIdentity == nil || leases.Items[0].Spec.AcquireTime == nil {
		return "", fmt.Errorf("there is no leader: %d leases in %s", len(leases.Items), managerNamespace)
	}
	spec := &leases.Items[0].Spec
	return fmt.Sprintf("%s since %s", *spec.HolderIdentity, spec.AcquireTime), nil
}

// forgetPeak has the kernel count the peak of RSS from now on.
func (p *program) forgetPeak() error {
	const peak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte(peak), 0)
}

// rolloutStorm moves the counters of several DaemonSets, each as fast as in a rollout of its own.
func (d *bed) rolloutStorm(ctx context.Context, board *board, manager *program, before verdicts) error {
	set := len(rollingDaemonSets)
	profiled := make(chan error, 1)
	go func() { // of some of it, which costs next to nothing
		profiled <- manager.profileCPU(ctx, int(calm.Seconds()), filepath.Join(d.out, fmt.Sprintf("cpu-storm-%d.pb.gz", len(d.nodes))))
	}()
	board.expectOnly(before)
	moves, err := d.costOf(board, manager, func() (int, error) {
		return d.pace(ctx, float64(set*counterMoves), storm, func(ctx context.Context, i int) error {
			return d.roll(ctx, rollingDaemonSets[i%set], i/set%len(d.nodes), 1)
		})
	})
	if err := errors.Join(err, <-profiled); err != nil {
		return err
	}
	for _, name := range rollingDaemonSets {
		if err := d.roll(ctx, name, len(d.nodes), 0); err != nil {
			return err
		}
	}
	took, differing, err := board.shows(ctx, manager, before)
	if err != nil {
		return err
	}
	writes, what := written(moves)
	wrong := board.wrongVerdicts()
	note := fmt.Sprintf("%s changes of %s in %s; written: %s.", grouped(int64(moves.times)), strings.Join(rollingDaemonSets, ", "), storm, what)
	for _, r := range []Row{
		{Name: "Rollout storm", Unit: cpuSeconds, Stats: figure(moves.cpu), Goal: atMost(float64(set)), Note: note},
		{
			Name: "Rollout storm, writes", Stats: figure(float64(writes)),
			Goal: atMost(float64(len(moves.writes)) * (1 + storm.Seconds()/writeEvery.Seconds())),
			Note: "Several rows look at cilium; each may be written every 5 s.",
		},
		{Name: "Rollout storm, until all is as before", Unit: "s", Stats: figure(took.Seconds())},
		{Name: "Rollout storm, wrong verdicts meanwhile", Stats: figure(float64(len(wrong))), Goal: atMost(0), Note: strings.Join(wrong, ", ")},
		{Name: "Rollout storm, wrong verdicts afterward", Stats: figure(float64(len(differing))), Goal: atMost(0), Note: strings.Join(differing, ", ")},
	} {
		d.add(r)
	}
	return nil
}

// nodeStorm takes nodes down, waits until that shows, and brings them back.
func (d *bed) nodeStorm(ctx context.Context, board *board, manager *program, before verdicts) error {
	var nodes []string
	for i, name := range d.nodes {
		if inStorm(i) {
			nodes = append(nodes, name)
		}
	}
	var downIn, backIn, downShown, backShown time.Duration
	var during, after []string
	down := before.without(len(nodes))
	board.expectOnly(before, down)
	spent, err := d.costOf(board, manager, func() (n int, err error) {
		if downIn, err = d.flip(ctx, nodes, d.takeDown); err != nil {
			return 0, err
		}
		if downShown, during, err = board.shows(ctx, manager, down); err != nil {
			return 0, err
		}
		back := func(ctx context.Context, node string) error { return d.turnNode(node)(ctx, true) }
		if backIn, err = d.flip(ctx, nodes, back); err != nil {
			return 0, err
		}
		backShown, after, err = board.shows(ctx, manager, before)
		return 2 * len(nodes), err
	})
	if err != nil {
		return err
	}
	writes, what := written(spent)
	wrong := append(board.wrongVerdicts(), during...)
	for _, r := range []Row{
		{
			Name: "Node storm", Unit: cpuSeconds, Stats: figure(spent.cpu),
			Note: fmt.Sprintf("%s of %s nodes go down in %.1f s and come back in %.1f s.", grouped(int64(len(nodes))),
				grouped(int64(len(d.nodes))), downIn.Seconds(), backIn.Seconds()),
		},
		{Name: "Node storm, writes", Stats: figure(float64(writes)), Note: "Written: " + what + "."},
		{
			Name: "Node storm, until it shows that they are down", Unit: "s", Stats: figure(downShown.Seconds()),
			Note: "After the last change. The row " + kubeletRow + " has a grace period of 15 s.",
		},
		{Name: "Node storm, wrong verdicts meanwhile", Stats: figure(float64(len(wrong))), Goal: atMost(0), Note: strings.Join(wrong, ", ")},
		{Name: "Node storm, until all is as before", Unit: "s", Stats: figure(backShown.Seconds())},
		{Name: "Node storm, wrong verdicts afterward", Stats: figure(float64(len(after))), Goal: atMost(0), Note: strings.Join(after, ", ")},
	} {
		d.add(r)
	}
	return nil
}

// flip does something to nodes, one after the other, and returns how long the API server took for it.
func (d *bed) flip(ctx context.Context, nodes []string, do func(ctx context.Context, node string) error) (time.Duration, error) {
	began, every := time.Now(), flipWithin/time.Duration(len(nodes))
	err := d.createMany(ctx, len(nodes), func(ctx context.Context, i int) error {
		if err := pause(ctx, time.Until(began.Add(time.Duration(i)*every))); err != nil {
			return err
		}
		return do(ctx, nodes[i])
	})
	return time.Since(began), err
}

// takeDown is what the node controller does when a kubelet is heard of no more.
func (d *bed) takeDown(ctx context.Context, node string) error {
	return d.patchConditions(ctx, node, map[string]any{
		typeField: corev1.NodeReady, statusField: corev1.ConditionUnknown, reasonField: "NodeStatusUnknown",
		messageField: "Kubelet stopped posting node status.", turnedField: metav1.Now(),
	})
}

// verdicts are all that archmap says: verdict and reason of each row, there and in the architecture, and how many nodes are
// ready.
type verdicts struct {
	says  map[place]saying
	ready int64
}

// saying is a condition: whether a component is healthy, and why. Any reason will do where none is set.
type saying struct{ status, reason string }

// without is what there is when so many nodes are down: the nodes are unhealthy, and nothing else is.
func (p verdicts) without(nodes int) verdicts {
	down := verdicts{says: maps.Clone(p.says), ready: p.ready - int64(nodes)}
	for where, s := range down.says {
		s.reason = ""
		if where.name == kubeletRow || where.name == ownNodeRow {
			s.status = truth(false)
		}
		down.says[where] = s
	}
	return down
}

// differing says what is not as expected. Nothing serves some APIs here: their rows turn when the grace period after a start is
// over.
func (p verdicts) differing(expected verdicts) []string {
	var found []string
	for where, want := range expected.says {
		if p.says[where].reason == unserved {
			continue
		}
		if got := p.says[where]; got.status != want.status || want.reason != "" && got.reason != want.reason {
			found = append(found, fmt.Sprintf("%s: %s %s", where, got.status, got.reason))
		}
	}
	if p.ready != expected.ready {
		found = append(found, fmt.Sprintf("%d nodes are ready", p.ready))
	}
	slices.Sort(found)
	return found
}

// ours is what archmap says, without the floor.
func (p verdicts) ours() verdicts {
	says := maps.Clone(p.says)
	maps.DeleteFunc(says, func(where place, _ saying) bool { return where.floor })
	return verdicts{says: says, ready: p.ready}
}

// verdicts are what archmap says now.
func (b *board) verdicts() verdicts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown.ours()
}

// shows waits until the board is as expected, and returns how long that took; when it takes too long, also what differs.
func (b *board) shows(ctx context.Context, manager *program, expected verdicts) (took time.Duration, differing []string, err error) {
	began := time.Now()
	err = b.untilWithin(ctx, watchFor, manager, "the truth", func() bool {
		differing = b.shown.differing(expected)
		return len(differing) == 0
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return time.Since(began), differing, err
}
