// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/test/cluster"
)

// StopLease lets the holder of a lease fall silent.
func (s *Simulator) StopLease(namespace, name string) error {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	known := slices.ContainsFunc(s.shape.Of(leaseKind), func(o *unstructured.Unstructured) bool {
		return client.ObjectKeyFromObject(o) == key
	})
	if !known {
		return fmt.Errorf("shape %s has no lease %s", s.shape.Name, key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent.Insert(key)
	return nil
}

// RenewLease lets it speak again.
func (s *Simulator) RenewLease(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent.Delete(client.ObjectKey{Namespace: namespace, Name: name})
}

// Crash makes every pod of a Deployment crash again and again.
func (s *Simulator) Crash(ctx context.Context, namespace, deployment string) error {
	return s.labelPods(ctx, namespace, deployment, "true")
}

// Heal lets the pods of a Deployment run again.
func (s *Simulator) Heal(ctx context.Context, namespace, deployment string) error {
	return s.labelPods(ctx, namespace, deployment, nil)
}

// labelPods sets the crash loop label of a Deployment's pods; nil takes it away.
func (s *Simulator) labelPods(ctx context.Context, namespace, deployment string, value any) error {
	var d appsv1.Deployment
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: deployment}, &d); err != nil {
		return err
	}
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return err
	}
	var pods corev1.PodList
	if err := s.client.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return err
	}
	for i := range pods.Items {
		labels := map[string]any{"metadata": map[string]any{"labels": map[string]any{cluster.CrashLoopLabel: value}}}
		if err := s.merge(ctx, &pods.Items[i], labels); err != nil {
			return fmt.Errorf("label pod %s: %w", pods.Items[i].Name, err)
		}
	}
	return nil
}

// StopKubelet ends the kubelet of a node. The node problem detector, which lives on, says so at once where there is
// one; the node controller finds out when the heartbeats are missing for long enough.
func (s *Simulator) StopKubelet(ctx context.Context, node string) error {
	if err := s.labelKubelet(ctx, node, nil); err != nil {
		return err
	}
	return s.detect(ctx, node, "True", "KubeletIsDown", "Kubelet service is not running")
}

// StartKubelet starts the kubelet of a node again.
func (s *Simulator) StartKubelet(ctx context.Context, node string) error {
	if err := s.labelKubelet(ctx, node, cluster.KubeletValue); err != nil {
		return err
	}
	return s.detect(ctx, node, "False", "KubeletIsUp", "kubelet service is up")
}

func (s *Simulator) labelKubelet(ctx context.Context, node string, value any) error {
	o := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}
	return s.merge(ctx, o, map[string]any{"metadata": map[string]any{"labels": map[string]any{cluster.KubeletLabel: value}}})
}

const kubeletProblem = "KubeletProblem"

// detect lets the node problem detector of a node, if it has one, say how the kubelet is.
func (s *Simulator) detect(ctx context.Context, name, status, reason, message string) error {
	var node corev1.Node
	if err := s.client.Get(ctx, client.ObjectKey{Name: name}, &node); err != nil {
		return err
	}
	if !slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == kubeletProblem }) {
		return nil
	}
	now := metav1.Now()
	return s.patchConditions(ctx, name, map[string]any{
		"type": kubeletProblem, "status": status, "reason": reason, "message": message,
		"lastHeartbeatTime": now, "lastTransitionTime": now,
	})
}
