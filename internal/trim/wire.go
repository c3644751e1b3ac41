// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// unread are fields of a protobuf message that nobody reads, by their numbers: all of one without fields of its own. A list
// has the fields of its items.
type unread map[protowire.Number]unread

// The numbers of fields, as k8s.io/api has them: they never change.
var (
	// Of an object: the managed fields. By an annotation a watch tells that what was there at its begin is complete.
	unreadOfMeta = unread{17: nil}
	// Of the status of a node: capacity, allocatable, addresses, images, volumes in use and attached, configuration, runtime
	// handlers, features.
	unreadOfNodeStatus = unread{1: nil, 2: nil, 5: nil, 8: nil, 9: nil, 10: nil, 11: nil, 12: nil, 13: nil, 14: nil}
	// Of a pod: volumes, containers of all sorts, security context, tolerations.
	unreadOfPod = unread{1: nil, 2: nil, 14: nil, 20: nil, 22: nil, 34: nil}
	// Of the pods of a workload: volumes, init containers, security context; of a container command, arguments, environment,
	// resources, volume mounts, probes, life cycle, security context.
	unreadOfTemplate = unread{2: {1: nil, 14: nil, 20: nil, 2: {3: nil, 4: nil, 7: nil, 8: nil, 9: nil, 10: nil, 11: nil, 12: nil, 15: nil, 22: nil}}}

	unreadOf = map[schema.GroupVersionKind]unread{
		corev1.SchemeGroupVersion.WithKind("Node"):                  {1: unreadOfMeta, 3: unreadOfNodeStatus},
		corev1.SchemeGroupVersion.WithKind("Pod"):                   {1: unreadOfMeta, 2: unreadOfPod},
		appsv1.SchemeGroupVersion.WithKind("Deployment"):            {1: unreadOfMeta, 2: {3: unreadOfTemplate}},
		appsv1.SchemeGroupVersion.WithKind("DaemonSet"):             {1: unreadOfMeta, 2: {2: unreadOfTemplate}},
		appsv1.SchemeGroupVersion.WithKind("StatefulSet"):           {1: unreadOfMeta, 2: {3: unreadOfTemplate}},
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"):            {1: unreadOfMeta, 2: {3: unreadOfTemplate}},
		appsv1.SchemeGroupVersion.WithKind("ControllerRevision"):    {1: unreadOfMeta},
		corev1.SchemeGroupVersion.WithKind("Event"):                 {1: unreadOfMeta},
		coordinationv1.SchemeGroupVersion.WithKind("Lease"):         {1: unreadOfMeta},
		metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata"): {1: unreadOfMeta},
	}
	unreadOfLists = func() map[schema.GroupVersionKind]unread {
		lists := map[schema.GroupVersionKind]unread{}
		for kind, fields := range unreadOf {
			lists[kind.GroupVersion().WithKind(kind.Kind+"List")] = unread{2: fields}
		}
		return lists
	}()
)

// protobufPrefix is what every object in Kubernetes' protobuf begins with; a runtime.Unknown follows.
var protobufPrefix = []byte("k8s\x00")

// The fields of runtime.Unknown and of metav1.WatchEvent.
const (
	unknownType, unknownRaw = 1, 2
	eventObject, rawOfEvent = 2, 1
)

// Wire appends an object in protobuf, or a list, without what Func drops of it later, so that it need not be decoded: most of
// a node are its images. What is none, or of a kind of which all is kept, is appended as it is.
func Wire(out, object []byte) []byte {
	kind, ok := kindOnWire(object)
	fields := unreadOf[kind]
	if fields == nil {
		fields = unreadOfLists[kind]
	}
	if !ok || fields == nil {
		return append(out, object...)
	}
	begin := len(out)
	if trimmed, ok := (unread{unknownRaw: fields}).drop(append(out, protobufPrefix...), object[len(protobufPrefix):]); ok {
		return trimmed
	}
	return append(out[:begin], object...)
}

// WireEvent appends an event of a watch with its object as Wire has it.
func WireEvent(out, event []byte) []byte {
	begin := len(out)
	for rest := event; len(rest) > 0; {
		number, value, size := nextField(rest)
		raw, object, length := nextField(value)
		switch {
		case size < 0, number == eventObject && (raw != rawOfEvent || length != len(value)):
			return append(out[:begin], event...)
		case number == eventObject:
			out = appendMessage(out, eventObject, func(out []byte) []byte {
				return appendMessage(out, rawOfEvent, func(out []byte) []byte { return Wire(out, object) })
			})
		default:
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	return out
}

// appendMessage appends a field with what content appends.
func appendMessage(out []byte, number protowire.Number, content func(out []byte) []byte) []byte {
	out = protowire.AppendTag(out, number, protowire.BytesType)
	begin := len(out)
	out = content(out)
	return slices.Insert(out, begin, protowire.AppendVarint(make([]byte, 0, 10), uint64(len(out)-begin))...)
}

// kindOnWire is of which kind an object in protobuf says that it is.
func kindOnWire(object []byte) (schema.GroupVersionKind, bool) {
	rest, ok := bytes.CutPrefix(object, protobufPrefix)
	if !ok {
		return schema.GroupVersionKind{}, false
	}
	number, value, size := nextField(rest)
	if size < 0 || number != unknownType {
		return schema.GroupVersionKind{}, false
	}
	var kind runtime.TypeMeta
	if kind.Unmarshal(value) != nil {
		return schema.GroupVersionKind{}, false
	}
	return schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind), true
}

// drop appends a message without the fields; ok is false where it is none.
func (u unread) drop(out, message []byte) (_ []byte, ok bool) {
	ok = true
	for len(message) > 0 && ok {
		number, value, size := nextField(message)
		if size < 0 {
			return out, false
		}
		switch fields, known := u[number]; {
		case !known || value == nil && fields != nil:
			out = append(out, message[:size]...)
		case fields != nil:
			out = appendMessage(out, number, func(out []byte) []byte {
				out, ok = fields.drop(out, value)
				return out
			})
		}
		message = message[size:]
	}
	return out, ok
}

// nextField is the first field of a message, what is in it where that is bytes, and how many bytes it takes; fewer than 0
// where it is cut.
func nextField(message []byte) (number protowire.Number, value []byte, size int) {
	number, kind, tag := protowire.ConsumeTag(message)
	if tag < 0 {
		return 0, nil, tag
	}
	length := protowire.ConsumeFieldValue(number, kind, message[tag:])
	if length < 0 {
		return 0, nil, length
	}
	if kind == protowire.BytesType {
		value, _ = protowire.ConsumeBytes(message[tag:])
	}
	return number, value, tag + length
}
