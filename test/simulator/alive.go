// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// How often the hidden controllers speak.
const (
	leasePeriod      = 3 * time.Second
	autoscalerPeriod = 10 * time.Second
	detectorPeriod   = 30 * time.Second
)

// Run keeps the hidden parts alive until ctx ends: it renews the leases, rewrites the autoscaler's status and
// moves the heartbeats of the node problem detectors. What fails is logged and tried again in its turn.
func (s *Simulator) Run(ctx context.Context) {
	var group sync.WaitGroup
	for period, speak := range map[time.Duration]func(context.Context) error{
		leasePeriod:      s.renewLeases,
		autoscalerPeriod: s.rewriteAutoscalerStatus,
		detectorPeriod:   s.moveHeartbeats,
	} {
		group.Go(func() {
			wait.UntilWithContext(ctx, func(ctx context.Context) {
				if err := speak(ctx); err != nil && ctx.Err() == nil {
					logr.FromContextOrDiscard(ctx).Error(err, "Keep the hidden parts alive")
				}
			}, period)
		})
	}
	group.Wait()
}

// renewLeases renews each by itself: one that somebody has deleted stays deleted, and keeps no other from being renewed.
func (s *Simulator) renewLeases(ctx context.Context) error {
	var failed error
	for _, o := range s.shape.Of(leaseKind) {
		key := client.ObjectKeyFromObject(o)
		if s.isSilent(key) {
			continue
		}
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
		renewed := map[string]any{"spec": map[string]any{"renewTime": micro(time.Now())}}
		if err := s.merge(ctx, lease, renewed); client.IgnoreNotFound(err) != nil {
			failed = errors.Join(failed, fmt.Errorf("renew lease %s: %w", key, err))
		}
	}
	return failed
}

func (s *Simulator) isSilent(lease types.NamespacedName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent.Has(lease)
}

// autoscalerTime is the line of the status that says when it was written.
var autoscalerTime = regexp.MustCompile(`(?m)^time: .*$`)

func (s *Simulator) rewriteAutoscalerStatus(ctx context.Context) error {
	var status corev1.ConfigMap
	key := client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: "cluster-autoscaler-status"}
	if err := s.client.Get(ctx, key, &status); err != nil {
		return client.IgnoreNotFound(err) // not every shape has an autoscaler
	}
	now := time.Now().UTC().String()
	status.Annotations["cluster-autoscaler.kubernetes.io/last-updated"] = now
	status.Data["status"] = autoscalerTime.ReplaceAllString(status.Data["status"], "time: "+now)
	return s.client.Update(ctx, &status)
}

// moveHeartbeats moves those of the node problem detector; the kubelet's are kwok's affair.
func (s *Simulator) moveHeartbeats(ctx context.Context) error {
	var nodes corev1.NodeList
	if err := s.client.List(ctx, &nodes); err != nil {
		return err
	}
	var failed error
	for _, node := range nodes.Items {
		var beats []any
		for _, condition := range node.Status.Conditions {
			if !writtenByOthers[condition.Type] {
				beats = append(beats, map[string]any{"type": condition.Type, "lastHeartbeatTime": metav1.Now()})
			}
		}
		if len(beats) == 0 {
			continue // no problem detector runs there
		}
		if err := s.patchConditions(ctx, node.Name, beats...); client.IgnoreNotFound(err) != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// writtenByOthers are conditions that the node problem detector has no part in.
var writtenByOthers = map[corev1.NodeConditionType]bool{
	corev1.NodeReady: true, corev1.NodeMemoryPressure: true, corev1.NodeDiskPressure: true, corev1.NodePIDPressure: true,
	corev1.NodeNetworkUnavailable: true,
}

// patchConditions changes the given fields of conditions of a node, found by their type.
func (s *Simulator) patchConditions(ctx context.Context, node string, conditions ...any) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": conditions}})
	if err != nil {
		return err
	}
	o := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}
	if err := s.client.Status().Patch(ctx, o, client.RawPatch(types.StrategicMergePatchType, patch)); err != nil {
		return fmt.Errorf("patch the conditions of node %s: %w", node, err)
	}
	return nil
}

// merge changes the given fields of an object.
func (s *Simulator) merge(ctx context.Context, o client.Object, fields map[string]any) error {
	patch, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return s.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
}
