// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const nodeKind = "Node"

// stoppedTaint is what the cloud controller puts on a node whose machine is stopped.
const stoppedTaint = "node.cloudprovider.kubernetes.io/shutdown"

// NodeState is what is wrong with a node.
type NodeState string

// The states of a node; the zero value is a healthy node.
const (
	// NodeDown: the machine is gone, nothing there speaks any more.
	NodeDown NodeState = "Down"
	// KubeletDown: the kubelet has stopped, the problem detector reports it.
	KubeletDown NodeState = "KubeletDown"
	// RuntimeDown: containerd has stopped; kubelet and problem detector report it.
	RuntimeDown NodeState = "RuntimeDown"
	// NodeCordoned: nothing new is scheduled there.
	NodeCordoned NodeState = "Cordoned"
	// NodeNetworkUnavailable: there is no route to the node's pods.
	NodeNetworkUnavailable NodeState = "NetworkUnavailable"
	// NodeJoining: the node has just been made; it is ready after joinTime.
	NodeJoining NodeState = "Joining"
	// NodeStopped: its machine was stopped on purpose, as a scale-down by deallocating does.
	NodeStopped NodeState = "Stopped"
	// NodeRestarted: its machine was started again; its kubelet speaks after bootTime, its pods come later.
	NodeRestarted NodeState = "Restarted"
	// NodeWithoutCNI: no CNI plugin has been installed.
	NodeWithoutCNI NodeState = "WithoutCNI"
)

// Node is what is wrong with a node, and since when.
type Node struct {
	State NodeState
	Since time.Time
	// Conditions that a problem detector reports in addition.
	Conditions []corev1.NodeCondition
}

const (
	// monitorGrace is how long the node controller waits for a sign of life.
	monitorGrace = 50 * time.Second
	// evictionGrace is how long pods of Deployments wait for their node.
	evictionGrace = 300 * time.Second
	// joinTime is how long a node takes until it is ready.
	joinTime = 3 * time.Minute
	// bootTime is how long a stopped machine takes from its kubelet's first word to being ready.
	bootTime = 20 * time.Second
	// startTime is how long its first pods then take.
	startTime = 30 * time.Second
	// detectorPeriod is how often a problem detector writes its conditions.
	detectorPeriod = 5 * time.Minute
)

// SetNode says what is wrong with a node from now on.
func (w *World) SetNode(name string, state NodeState) error {
	if !w.Has(Ref{Kind: nodeKind, Name: name}) {
		return fmt.Errorf("there is no node %s", name)
	}
	n := w.state.nodes[name]
	n.State, n.Since = state, w.now
	w.state.nodes[name] = n
	return nil
}

// SetNodeCondition makes the problem detector of a node report a condition, again and again; with an age, it did
// so then and has been silent since.
func (w *World) SetNodeCondition(name string, condition corev1.NodeCondition, age time.Duration) error {
	if !w.Has(Ref{Kind: nodeKind, Name: name}) {
		return fmt.Errorf("there is no node %s", name)
	}
	condition.LastTransitionTime = metav1.NewTime(w.now.Add(-age))
	if age > 0 {
		condition.LastHeartbeatTime = condition.LastTransitionTime
	}
	n := w.state.nodes[name]
	n.Conditions = append(slices.Clone(n.Conditions), condition)
	w.state.nodes[name] = n
	return nil
}

// node is a node with what follows for its pods.
type node struct {
	*corev1.Node
	// ready: its kubelet says so, as far as the API server knows.
	ready bool
	// starting: its pods have not come up yet.
	starting bool
	// joining: no driver and no network has been set up there.
	joining bool
	// hostNetwork: pods that need no network plugin run, though it is not ready.
	hostNetwork bool
	// evicted: pods that do not tolerate its state have been replaced elsewhere.
	evicted bool
}

func (w *World) convergeNodes() ([]*node, error) {
	var nodes []*node
	for _, ref := range w.order {
		if ref.Kind != nodeKind || !w.Has(ref) {
			continue
		}
		typed, err := w.typedCopy(w.state.objects[ref], &corev1.Node{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref, err)
		}
		nodes = append(nodes, w.convergeNode(typed.(*corev1.Node)))
	}
	return nodes, nil
}

func (w *World) convergeNode(o *corev1.Node) *node {
	n := &node{Node: o, ready: true}
	fault := w.state.nodes[o.Name]
	age := w.now.Sub(fault.Since)
	w.beat(n, fault)
	switch fault.State {
	case NodeDown, KubeletDown, NodeStopped:
		if fault.State == KubeletDown {
			n.set("KubeletProblem", corev1.ConditionTrue, "KubeletIsDown", "Kubelet service is not running", w.now)
		}
		if age < monitorGrace {
			break
		}
		n.ready, n.evicted = false, age >= monitorGrace+evictionGrace
		for _, kind := range kubeletConditions {
			n.set(kind, corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status.", fault.Since)
			n.turned(kind, metav1.NewTime(fault.Since.Add(monitorGrace)))
		}
		n.taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
		if fault.State == NodeStopped {
			n.taint(stoppedTaint, corev1.TaintEffectNoSchedule)
		}
	case RuntimeDown:
		n.set("ContainerRuntimeProblem", corev1.ConditionTrue, "ContainerRuntimeIsDown", "container runtime service is not running", w.now)
		n.notReady("[container runtime is down, PLEG is not healthy: pleg was last seen active 3m10s ago; threshold is 3m0s]", w.now)
		n.turned(corev1.NodeReady, metaTime(fault.Since))
		n.evicted = age >= evictionGrace
	case NodeWithoutCNI:
		n.notReady("container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: "+
			"cni plugin not initialized", w.now)
		n.turned(corev1.NodeReady, metaTime(fault.Since))
		n.hostNetwork, n.evicted = true, age >= evictionGrace
	case NodeJoining:
		n.starting = age < joinTime+startTime
		n.joining = n.starting
		if age < joinTime {
			n.notReady("container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: "+
				"cni plugin not initialized", w.now)
			n.taint("node.cloudprovider.kubernetes.io/uninitialized", corev1.TaintEffectNoSchedule)
		}
	case NodeRestarted:
		n.starting = age < bootTime+startTime
		if age < bootTime {
			n.notReady("container runtime status check may not have completed yet", w.now)
			n.taint(stoppedTaint, corev1.TaintEffectNoSchedule) // until it is ready
		}
	case NodeCordoned:
		n.Spec.Unschedulable = true
		n.taint(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)
	case NodeNetworkUnavailable:
		n.set(corev1.NodeNetworkUnavailable, corev1.ConditionTrue, "NoRouteCreated", "RouteController failed to create a route", fault.Since)
		n.taint(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule)
	}
	for _, c := range fault.Conditions {
		at := w.now
		if !c.LastHeartbeatTime.IsZero() {
			at = c.LastHeartbeatTime.Time
		}
		n.set(c.Type, c.Status, c.Reason, c.Message, at)
		n.turned(c.Type, c.LastTransitionTime)
	}
	return n
}

// kubeletConditions are written by the kubelet.
var kubeletConditions = []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure}

// beat gives every condition the time at which its writer wrote it last.
func (w *World) beat(n *node, fault Node) {
	if n.virtual() { // its connector does
		return
	}
	for i := range n.Status.Conditions {
		c := &n.Status.Conditions[i]
		at, writer := w.now.Add(-detectorPeriod/2), corev1.NodeConditionType("detector")
		switch {
		case c.Type == corev1.NodeNetworkUnavailable:
			at, writer = n.CreationTimestamp.Time, c.Type // the route controller writes it once
		case slices.Contains(kubeletConditions, c.Type):
			writer = corev1.NodeReady
		}
		dead := fault.State == NodeDown || fault.State == NodeStopped || (fault.State == KubeletDown && writer == corev1.NodeReady)
		if dead && at.After(fault.Since) {
			at = fault.Since
		}
		c.LastHeartbeatTime = metav1.NewTime(at)
		c.LastTransitionTime = n.CreationTimestamp
	}
}

func (n *node) notReady(message string, at time.Time) {
	n.ready = false
	n.set(corev1.NodeReady, corev1.ConditionFalse, "KubeletNotReady", message, at)
	n.taint(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute)
}

func (n *node) set(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string, heartbeat time.Time) {
	c := corev1.NodeCondition{Type: kind, Status: status, Reason: reason, Message: message, LastHeartbeatTime: metav1.NewTime(heartbeat)}
	i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == kind })
	if i < 0 {
		n.Status.Conditions = append(n.Status.Conditions, c)
		return
	}
	n.Status.Conditions[i] = c
}

// virtual says that the node is no machine.
func (n *node) virtual() bool { return n.Labels["type"] == "virtual-kubelet" }

// turned says since when a condition has its status.
func (n *node) turned(kind corev1.NodeConditionType, at metav1.Time) {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == kind {
			n.Status.Conditions[i].LastTransitionTime = at
		}
	}
}

func (n *node) taint(key string, effects ...corev1.TaintEffect) {
	for _, effect := range effects {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: effect})
	}
}

// typedCopy returns the object as its Go type.
func (w *World) typedCopy(o *unstructured.Unstructured, into client.Object) (client.Object, error) {
	typed := w.typed[o]
	if typed == nil {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
			return nil, err
		}
		typed = into
		w.typed[o] = typed
	}
	return typed.DeepCopyObject().(client.Object), nil
}

func metaTime(t time.Time) metav1.Time { return metav1.NewTime(t) }

func micro(t time.Time) string { return t.UTC().Format(metav1.RFC3339Micro) }
