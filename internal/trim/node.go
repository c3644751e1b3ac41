// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"math"
	"slices"
	"strings"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/msg"
)

// Node keeps labels, taints, conditions and versions.
func Node(n *corev1.Node) *corev1.Node {
	out := packNode(n).unpack()
	out.TypeMeta = n.TypeMeta
	return out
}

// packedNode is a node of which what others have, too, is kept once for all: some 0.5 KB a node.
type packedNode struct {
	packedName

	// labels of the node, as joinLabels writes them.
	labels unique.Handle[string]
	// provider is the provider ID up to its last slash, and instance what follows.
	provider          unique.Handle[string]
	instance, podCIDR string
	info              unique.Handle[nodeInfo]
	taints            []corev1.Taint
	conditions        []packedCondition
	created, deleted  seconds
	unschedulable     bool
}

// packedCondition is a condition of a node.
type packedCondition struct {
	said         unique.Handle[conditionText]
	beat, turned seconds
}

// conditionText is what a condition says; nearly all nodes say the same.
type conditionText struct {
	kind            corev1.NodeConditionType
	status          corev1.ConditionStatus
	reason, message string
}

// nodeInfo is what runs on a node.
type nodeInfo struct {
	kubelet, runtime, osImage, os string
}

// packNode packs a node. It keeps no string of it, so that the rest of what was decoded with them can go.
func packNode(n *corev1.Node) *packedNode {
	provider, instance := cutLast(n.Spec.ProviderID)
	info := n.Status.NodeInfo
	p := &packedNode{
		packedName: nameOf(n),
		labels:     unique.Make(joinLabels(n.Labels, n.Name)),
		provider:   unique.Make(provider), instance: strings.Clone(instance), podCIDR: strings.Clone(n.Spec.PodCIDR),
		info:    unique.Make(nodeInfo{info.KubeletVersion, info.ContainerRuntimeVersion, info.OSImage, info.OperatingSystem}),
		created: secondsOf(n.CreationTimestamp), unschedulable: n.Spec.Unschedulable,
	}
	if n.DeletionTimestamp != nil {
		p.deleted = secondsOf(*n.DeletionTimestamp)
	}
	for _, t := range n.Spec.Taints {
		p.taints = append(p.taints, corev1.Taint{Key: intern(t.Key), Value: intern(t.Value), Effect: corev1.TaintEffect(intern(string(t.Effect)))})
	}
	p.conditions = make([]packedCondition, len(n.Status.Conditions))
	for i, c := range n.Status.Conditions {
		p.conditions[i] = packedCondition{
			said: unique.Make(conditionText{c.Type, c.Status, c.Reason, faultMessage(c)}),
			beat: secondsOf(c.LastHeartbeatTime), turned: secondsOf(c.LastTransitionTime),
		}
	}
	return p
}

// Unpack implements Packed.
func (p *packedNode) Unpack() client.Object { return p.unpack() }

func (p *packedNode) unpack() *corev1.Node {
	n := &corev1.Node{ObjectMeta: p.objectMeta()}
	n.Labels, n.CreationTimestamp = splitLabels(p.labels.Value(), n.Name), p.created.time()
	if p.deleted != 0 {
		n.DeletionTimestamp = new(p.deleted.time())
	}
	n.Spec = corev1.NodeSpec{ProviderID: p.provider.Value() + p.instance, PodCIDR: p.podCIDR, Unschedulable: p.unschedulable, Taints: p.taints}
	n.Status.Conditions = make([]corev1.NodeCondition, len(p.conditions))
	for i, c := range p.conditions {
		said := c.said.Value()
		n.Status.Conditions[i] = corev1.NodeCondition{Type: said.kind, Status: said.status, Reason: said.reason, Message: said.message,
			LastHeartbeatTime: c.beat.time(), LastTransitionTime: c.turned.time()}
	}
	info := p.info.Value()
	n.Status.NodeInfo = corev1.NodeSystemInfo{
		KubeletVersion: info.kubelet, ContainerRuntimeVersion: info.runtime, OSImage: info.osImage, OperatingSystem: info.os}
	return n
}

// Same implements Packed: heartbeats and times say nothing new.
func (p *packedNode) Same(other Packed) bool {
	o, ok := other.(*packedNode)
	return ok && (p.deleted == 0) == (o.deleted == 0) && p.labels == o.labels && p.provider == o.provider && p.instance == o.instance &&
		p.podCIDR == o.podCIDR && p.info == o.info && p.unschedulable == o.unschedulable && slices.Equal(p.taints, o.taints) &&
		slices.EqualFunc(p.conditions, o.conditions, func(a, b packedCondition) bool { return a.said == b.said })
}

// MaxConditionMessage is the most of the message of a condition, or of an event, that is kept, in bytes.
const MaxConditionMessage = 1024

// faultMessage keeps the message of a condition that reports a fault: Ready that is not True, any other that is
// not False. The others are the same on all nodes and say nothing.
func faultMessage(c corev1.NodeCondition) string {
	expected := corev1.ConditionFalse
	if c.Type == corev1.NodeReady {
		expected = corev1.ConditionTrue
	}
	if c.Status == expected {
		return ""
	}
	return msg.Truncate(c.Message, MaxConditionMessage)
}

const (
	// ofNode stands for the name of the node in the value of a label, as in the host name, so that all nodes of a pool have
	// the same labels. No label has it.
	ofNode = "\x00"
	// labelEnd ends a label, and labelIs parts its value from its key.
	labelEnd, labelIs = "\n", "="
)

// joinLabels writes labels in the order of their keys.
func joinLabels(labels map[string]string, node string) string {
	keys, size := make([]string, 0, len(labels)), 0
	for key, value := range labels {
		keys, size = append(keys, key), size+len(key)+len(value)+len(labelIs+labelEnd)
	}
	slices.Sort(keys)
	joined := make([]byte, 0, size)
	for _, key := range keys {
		value := labels[key]
		if node != "" {
			value = strings.ReplaceAll(value, node, ofNode)
		}
		joined = append(append(append(append(joined, key...), labelIs...), value...), labelEnd...)
	}
	return string(joined)
}

func splitLabels(joined, node string) map[string]string {
	labels := make(map[string]string, strings.Count(joined, labelEnd))
	for line := range strings.SplitSeq(joined, labelEnd) {
		if key, value, ok := strings.Cut(line, labelIs); ok {
			labels[key] = strings.ReplaceAll(value, ofNode, node)
		}
	}
	return labels
}

// cutLast cuts after the last slash.
func cutLast(path string) (before, after string) {
	i := strings.LastIndexByte(path, '/') + 1
	return path[:i], path[i:]
}

// seconds since 1970, as precise as the API server tells times; 0 is no time.
type seconds uint32

func secondsOf(t metav1.Time) seconds {
	if t.IsZero() {
		return 0
	}
	return seconds(min(max(t.Unix(), 1), math.MaxUint32))
}

func (s seconds) time() metav1.Time {
	if s == 0 {
		return metav1.Time{}
	}
	return metav1.NewTime(time.Unix(int64(s), 0))
}
