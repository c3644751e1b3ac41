// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
)

// What turns, and the rows that show it.
const (
	ownDeployment   = "own"
	floorDeployment = "floor"
	floorDNS        = "floor-dns"
	ownRow          = "scale-own"
	ownNodeRow      = "scale-node"
	coreDNS         = "coredns"
)

// watchAndApply is what the floor of a latency does.
const watchAndApply = "watch and apply"

const (
	// gap between two changes, so that nothing is left of the last one. A node shows in more rows than one.
	gap     = 100 * time.Millisecond
	nodeGap = 300 * time.Millisecond
	// calm after a start, until nothing is left of it.
	calm = 10 * time.Second
	// nodeChanges is how long there is between two nodes that change beside.
	nodeChanges = 500 * time.Millisecond
	// nodeSamples is how many turns of a node are measured: it has no goal for its p99.
	nodeSamples = 60
)

// target is something that turns, and where it shows.
type target struct {
	turn  func(ctx context.Context, healthy bool) error
	row   place
	whole bool
	gap   time.Duration

	unhealthy bool
	// rows and wholes are the times until the row, and the architecture, showed it.
	rows, wholes []time.Duration
}

// latency measures how long it takes until a change shows, in turn with the floor, sample by sample: whatever else the
// machine does hits both.
func (d *bed) latency(ctx context.Context) (err error) {
	d.step("Latency: the floor and archmap in turn, %d samples", d.samples)
	board, err := d.newBoard(ctx)
	if err != nil {
		return err
	}
	defer board.close()
	manager, err := d.startManager()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	if err := d.untilReady(ctx, manager); err != nil {
		return err
	}
	floor, err := d.startFloor(ctx, board)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, floor.Stop()) }()
	if err := pause(ctx, calm); err != nil {
		return err
	}
	err = errors.Join(d.quietLatency(ctx, board), d.busyLatency(ctx, board, manager))
	return errors.Join(err, manager.alive(), floor.alive())
}

// quietLatency is that of changes beside which nothing changes.
func (d *bed) quietLatency(ctx context.Context, board *board) error {
	floor, own, floorDNS, dns := d.floorTarget(), d.ownTarget(), d.floorDNSTarget(), d.dnsTarget()
	floor.whole, own.whole = true, true
	if err := board.sample(ctx, d.samples, floor, own, floorDNS, dns); err != nil {
		return err
	}
	floorNode, node := d.nodeTargets()
	if err := board.sample(ctx, min(d.samples, nodeSamples), floorNode, node); err != nil {
		return err
	}
	rows, limit := summarizeTimes(floor.rows), times(1.10, 1.5)
	dnsLimit := limit
	if len(d.nodes) >= big {
		dnsLimit = times(1.25, 1.5)
	}
	dnsRows := summarizeTimes(floorDNS.rows)
	wholes, nodeRows := summarizeTimes(floor.wholes), summarizeTimes(floorNode.rows)
	nodeGoal := Goal{P50: 1.25, Plus: 50}
	for _, r := range []Row{
		{Name: "Row, own namespace", Stats: summarizeTimes(own.rows), Floor: &rows, Goal: limit},
		{Name: dnsRow, Stats: summarizeTimes(dns.rows), Floor: &dnsRows, Goal: dnsLimit},
		{Name: "Node turn to its row", Stats: summarizeTimes(node.rows), Floor: &nodeRows, Goal: nodeGoal},
		{Name: "ClusterArchitecture", Stats: summarizeTimes(own.wholes), Floor: &wholes, Goal: times(1.15, 1.5)},
	} {
		r.Unit, r.Against = "ms", watchAndApply
		d.add(r)
	}
	return nil
}

// big is from how many nodes on the goals are those of a big cluster.
const big = 5000

// busyLatency is that of changes while nodes change, too.
func (d *bed) busyLatency(ctx context.Context, board *board, manager *program) error {
	ctx, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- d.changeNodes(ctx) }()
	floor, dns := d.floorDNSTarget(), d.dnsTarget()
	err := board.sample(ctx, d.samples, floor, dns)
	if err == nil {
		rows := summarizeTimes(floor.rows)
		d.add(Row{
			Name: "Row coredns beside 2 node changes a second", Unit: "ms", Stats: summarizeTimes(dns.rows),
			Floor: &rows, Against: watchAndApply, Goal: times(1.25, 1.5),
		})
		err = d.profileStorm(ctx, board, manager)
	}
	cancel()
	return errors.Join(err, <-failed)
}

// profileStorm saves what the manager does meanwhile: after the samples, so that it does not slow them.
func (d *bed) profileStorm(ctx context.Context, board *board, manager *program) error {
	const seconds = 8
	done := make(chan error, 1)
	go func() {
		done <- manager.profileCPU(ctx, seconds, filepath.Join(d.out, fmt.Sprintf("cpu-latency-%d.pb.gz", len(d.nodes))))
	}()
	dns := d.dnsTarget()
	return errors.Join(board.sample(ctx, int(seconds*time.Second/(2*gap)), dns), <-done)
}

// changeNodes cordons one node after the other, and opens it again.
func (d *bed) changeNodes(ctx context.Context) error {
	ticker := time.NewTicker(nodeChanges)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		// Each twice; the first two of the list are those that targets turn.
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: d.nodes[2+i/2%(len(d.nodes)-2)]}}
		patch := fmt.Sprintf(`{"spec":{"unschedulable":%t}}`, i%2 == 0)
		if err := d.client.Patch(ctx, node, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// sample turns the targets, one after the other, so many times.
func (b *board) sample(ctx context.Context, samples int, targets ...*target) error {
	for range samples {
		for _, t := range targets {
			if err := b.sampleOne(ctx, t); err != nil {
				return err
			}
			if err := pause(ctx, t.gap); err != nil {
				return err
			}
		}
	}
	for _, t := range targets {
		if t.unhealthy { // as it was
			if err := b.sampleOne(ctx, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// sampleOne turns a target and waits until that shows. Time runs from when the API server has confirmed the change.
func (b *board) sampleOne(ctx context.Context, t *target) error {
	healthy := t.unhealthy
	t.unhealthy = !t.unhealthy
	row, err := b.expect(t.row, truth(healthy))
	if err != nil {
		return err
	}
	where := t.row
	where.whole = true
	var whole <-chan time.Time
	if t.whole {
		if whole, err = b.expect(where, truth(healthy)); err != nil {
			return err
		}
	}
	if err := t.turn(ctx, healthy); err != nil {
		return err
	}
	turned := time.Now()
	deadline := time.NewTimer(watchFor)
	defer deadline.Stop()
	for row != nil || whole != nil {
		select {
		case at := <-row:
			t.rows, row = append(t.rows, at.Sub(turned)), nil
		case at := <-whole:
			t.wholes, whole = append(t.wholes, at.Sub(turned)), nil
		case <-deadline.C:
			if row == nil {
				return fmt.Errorf("%s did not become healthy: %s within %s", where, truth(healthy), watchFor)
			}
			return fmt.Errorf("%s did not become healthy: %s within %s", t.row, truth(healthy), watchFor)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (d *bed) floorTarget() *target {
	return &target{row: place{floor: true, name: floorRow}, gap: gap, turn: d.turnDeployment(namespace, floorDeployment)}
}

// floorDNSTarget shows in a copy of the row of coredns, which takes the API server longer than one with a single check.
func (d *bed) floorDNSTarget() *target {
	return &target{row: place{floor: true, name: floorDNSRow}, gap: gap, turn: d.turnDeployment(namespace, floorDNS)}
}

func (d *bed) ownTarget() *target {
	return &target{row: place{name: ownRow}, gap: gap, turn: d.turnDeployment(namespace, ownDeployment)}
}

func (d *bed) dnsTarget() *target {
	return &target{row: place{name: coreDNS}, gap: gap, turn: d.turnDeployment(metav1.NamespaceSystem, coreDNS)}
}

// nodeTargets are two nodes, one of which the floor follows.
func (d *bed) nodeTargets() (floor, node *target) {
	return &target{row: place{floor: true, name: floorNodeRow}, gap: nodeGap, turn: d.turnNode(d.nodes[0])},
		&target{row: place{name: ownNodeRow}, gap: nodeGap, turn: d.turnNode(d.nodes[1])}
}

// turnDeployment takes away all its pods, or gives them back.
func (d *bed) turnDeployment(namespace, name string) func(context.Context, bool) error {
	return func(ctx context.Context, healthy bool) error {
		available := 0
		if healthy {
			available = replicas
		}
		patch, err := json.Marshal(map[string]any{statusField: map[string]any{
			"availableReplicas": available, "readyReplicas": available, "unavailableReplicas": replicas - available,
		}})
		if err != nil {
			return err
		}
		o := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		return d.client.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
	}
}

func (d *bed) turnNode(name string) func(context.Context, bool) error {
	return func(ctx context.Context, healthy bool) error {
		reason := "KubeletReady"
		if !healthy {
			reason = "KubeletNotReady"
		}
		return d.patchConditions(ctx, name, map[string]any{
			typeField: corev1.NodeReady, statusField: truth(healthy), reasonField: reason, messageField: "kubelet says so",
			turnedField: metav1.Now(), "lastHeartbeatTime": metav1.Now(),
		})
	}
}

// patchConditions changes the given fields of conditions of a node, found by their type.
func (d *bed) patchConditions(ctx context.Context, node string, conditions ...map[string]any) error {
	patch, err := json.Marshal(map[string]any{statusField: map[string]any{"conditions": conditions}})
	if err != nil {
		return err
	}
	o := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}
	return d.client.Status().Patch(ctx, o, client.RawPatch(types.StrategicMergePatchType, patch))
}

// startFloorProgram starts the bench itself as the floor.
func (d *bed) startFloorProgram(args ...string) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return d.startProgram("floor", self, nil, append([]string{floorCommand, "-kubeconfig", d.floorKubeconfig}, args...)...)
}

// startFloor starts the floor and waits until it has shown everything once.
func (d *bed) startFloor(ctx context.Context, board *board) (*program, error) {
	p, err := d.startFloorProgram("-node", d.nodes[0])
	if err != nil {
		return nil, err
	}
	err = board.until(ctx, p, "the floor's rows", func() bool {
		for _, where := range []place{
			{floor: true, name: floorRow}, {floor: true, name: floorDNSRow}, {floor: true, name: floorNodeRow},
			{floor: true, whole: true, name: floorRow},
		} {
			if board.shown.says[where].status == "" {
				return false
			}
		}
		return true
	})
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// createRows creates what turns and the rows of it, of archmap and of the floor.
func (d *bed) createRows(ctx context.Context) error {
	store := d.newStore(ctx)
	for _, name := range []string{ownDeployment, floorDeployment, floorDNS} {
		if err := store.put(deployment(namespace, name), time.Now().Add(-time.Hour)); err != nil {
			return err
		}
	}
	if err := store.flush(); err != nil {
		return err
	}
	own, node := deploymentRow(ownRow, ownDeployment), nodeRow(ownNodeRow, d.nodes[1])
	var a v1alpha1.ClusterArchitecture
	var dns v1alpha1.ComponentMapping
	if err := errors.Join(d.client.Get(ctx, clientKey(architecture), &a), d.client.Get(ctx, clientKey(coreDNS), &dns)); err != nil {
		return err
	}
	for _, o := range []client.Object{own, node} {
		if err := d.client.Create(ctx, o.DeepCopyObject().(client.Object)); err != nil {
			return err
		}
	}
	for name, o := range map[string]client.Object{floorRow: own, floorDNSRow: &dns, floorNodeRow: node, floorArchitecture: &a} {
		if err := d.createFloor(ctx, name, o); err != nil {
			return err
		}
	}
	return nil
}

// createFloor creates a copy of an object in the floor's group.
func (d *bed) createFloor(ctx context.Context, name string, o client.Object) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	kind, err := d.client.GroupVersionKindFor(o)
	if err != nil {
		return err
	}
	kind.Group = floorGroup
	u := &unstructured.Unstructured{Object: map[string]any{specField: content[specField]}}
	u.SetGroupVersionKind(kind)
	u.SetName(name)
	return d.client.Create(ctx, u)
}

// row is a mapping with one check.
func row(name string, method v1alpha1.ImplementationMethod, check *v1alpha1.Check) *v1alpha1.ComponentMapping {
	return &v1alpha1.ComponentMapping{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"architecture.archmap.dev/platform": "aks"}},
		Spec: v1alpha1.ComponentMappingSpec{
			Component: name, Category: "Networking", Placement: "Cluster", OperatedBy: "Provider",
			Implementation: v1alpha1.Implementation{
				Name: name, Methods: []v1alpha1.ImplementationMethod{method}, Source: v1alpha1.Source{Name: "example/" + name},
			},
			Checks: []v1alpha1.Check{*check},
		},
	}
}

func deploymentRow(name, deployment string) *v1alpha1.ComponentMapping {
	return row(name, "Deployment", &v1alpha1.Check{
		Name: "controller", Type: v1alpha1.CheckWorkload, Workload: &v1alpha1.WorkloadCheck{
			Kind: v1alpha1.WorkloadDeployment, Namespace: namespace, Names: []v1alpha1.ObjectName{v1alpha1.ObjectName(deployment)},
			Container: "main",
		},
	})
}

func nodeRow(name, node string) *v1alpha1.ComponentMapping {
	return row(name, "SystemdService", &v1alpha1.Check{
		Name: "node", Type: v1alpha1.CheckNodes, Method: "SystemdService", Nodes: &v1alpha1.NodesCheck{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelHostname: node}},
			Healthy:  &v1alpha1.NodeCriteria{Conditions: []v1alpha1.NodeConditionMatch{{Type: string(corev1.NodeReady), Status: truth(true)}}},
		},
	})
}
