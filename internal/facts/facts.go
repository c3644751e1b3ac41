// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package facts has what is asked of a cluster and what was answered: values, shared by those who ask and those who judge.
package facts

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/nodestate"
)

// DefaultInterval is the time between two reads of what is polled.
const DefaultInterval = 30 * time.Second

// Nodes is the need for all nodes: every check of nodes shares it.
var Nodes = Need{Kind: corev1.SchemeGroupVersion.WithKind("Node")}

// PodKind is the kind of the pods that explain an unhealthy workload. No check may name it.
var PodKind = corev1.SchemeGroupVersion.WithKind("Pod")

// The kinds that tell what the pods of a workload run while they do not all run the same. No check may name them.
var (
	ReplicaSetKind         = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")
	ControllerRevisionKind = appsv1.SchemeGroupVersion.WithKind("ControllerRevision")
)

// Need is one thing that a check must see: objects (Kind is set), an answer of the API server (Path is set)
// or an access review (Review is set). It is comparable, so that equal needs of many checks are met once.
type Need struct {
	// Kind of the objects.
	Kind schema.GroupVersionKind
	// Namespace of the objects; empty for all namespaces and for cluster-scoped kinds.
	Namespace string
	// Name narrows the need to one object. It is set only where reading more is not wanted: what is
	// polled by name, and ConfigMaps.
	Name string
	// Selector narrows the need by label, in the string form of a label selector.
	Selector string
	// Fields narrows a need for events by fields, in the string form of a field selector.
	Fields string

	// Path to GET from the API server.
	Path string

	// Review to ask.
	Review Review

	// Mask has the fields of objects, or of a Response, that are read, in the form of Mask.String; empty for all of them. Whoever
	// meets the need may show more.
	Mask string

	// Interval between two reads; 0 means that the objects are watched. What is read OnDemand is not polled: Interval is
	// the least time between two reads.
	Interval time.Duration
}

// ReadsObjects says whether objects are needed, and not a path or an access review.
func (n Need) ReadsObjects() bool { return n.Kind != (schema.GroupVersionKind{}) }

// Whole is the need without its mask.
func (n Need) Whole() Need {
	n.Mask = ""
	return n
}

// WatchesMetadata says whether the metadata of polled objects is watched besides, so that one that comes or goes is seen at
// once. Leases are polled since their metadata changes with every renewal.
func (n Need) WatchesMetadata() bool {
	return n.Interval > 0 && n.ReadsObjects() && !n.OnDemand() && n.Kind != leaseKind
}

var leaseKind = coordinationv1.SchemeGroupVersion.WithKind("Lease")

// OnDemand reports whether the need is met on demand, see Demand: for pods, for what tells what they run, and for events.
func (n Need) OnDemand() bool {
	return n.Kind == PodKind || n.Kind == ReplicaSetKind || n.Kind == ControllerRevisionKind || n.Kind == EventKind
}

// Demand is a need that is met on demand, for as long as a finding asks for it.
type Demand struct {
	Need
	// Refresh says when to read again; it matters only for what is read OnDemand.
	Refresh Refresh
	// Spare says that the answer is not missed where it can't be had.
	Spare bool
}

// NeedsOf are the needs of demands.
func NeedsOf(demands []Demand) []Need {
	needs := make([]Need, len(demands))
	for i := range demands {
		needs[i] = demands[i].Need
	}
	return needs
}

// Refresh says when to read again: once per revision, and every 10 minutes while it lasts.
type Refresh struct {
	// Revision of what the answer is to explain: one that was read for another revision is read again.
	Revision uint64
	// Inconclusive says that the answer says too little: it is read again sooner, less and less often.
	Inconclusive bool
}

// Review is a request whose refusal is to be read.
type Review struct {
	Verb, Group, Resource string
}

// State says what came of a need.
type State int

const (
	// Pending: the first complete read is under way. The zero value.
	Pending State = iota
	// Known: the answer is complete.
	Known
	// NotServed: the API server does not serve the kind.
	NotServed
	// NotPermitted: the reader lacks the right; Message names the missing rule.
	NotPermitted
	// Failed: reading fails; Message says how.
	Failed
	// NotHeld: the dump that is read does not hold the answer; Message says what it lacks.
	NotHeld
	// Deferred: pods or events that were read a moment ago, for what has passed since, and are read again before long. Whoever can
	// say something without them should not wait.
	Deferred
)

// Answer is what was seen of a need.
type Answer struct {
	// State says what came of the need; the other fields but Message are set only when it is Known.
	State State
	// Message explains a State other than Known.
	Message string
	// ReadAt is when a polled answer was read.
	ReadAt time.Time

	// Objects of the kind: *corev1.Node, *corev1.Pod, *corev1.Event, *coordinationv1.Lease and those of apps/v1 that are read are typed,
	// all others *unstructured.Unstructured; sorted by namespace and name. Pods that are ready and don't keep restarting, or have
	// finished, and ReplicaSets without pods, are not among them. Read-only.
	Objects []client.Object
	// ReadyPods counts the ready pods that are not among the objects, by what they run, and says of some where they run. It may
	// count others than those of the need.
	ReadyPods map[PodRevision]int
	// Renewals says since when each Lease has had its renewTime. It is nil where nobody watched the time
	// pass, as in a dump: then renewTime is compared with ReadAt.
	Renewals map[types.NamespacedName]Renewal

	// Nodes, when set, answers questions about nodes in place of Objects, so that nobody goes through all of them.
	Nodes NodeIndex

	// Response to the GET of a path.
	Response Response

	// Allowed and Reason are the verdict of an access review.
	Allowed bool
	Reason  string
}

// PodRevision is which revision of which workload a pod belongs to.
type PodRevision struct {
	Namespace string
	// Kind and Name of the controller of the pod.
	Kind, Name string
	// Hash is the label controller-revision-hash of the pod; empty for that of a ReplicaSet, which is a revision itself.
	Hash string
	// Node is where some of the pods of a ReplicaSet run, which are counted without it as well; else it is empty.
	Node string
}

// Objects are the objects of an answer, as they are at the time of asking. They are read-only.
type Objects interface {
	// List returns all of them, sorted by namespace and name. A store of thousands makes each of them anew: where some will do,
	// their Names and Get cost less.
	List() []client.Object
	// Names returns those of all of them, sorted by namespace and name.
	Names() []types.NamespacedName
	// Get returns one of them; nil when it is not there.
	Get(name types.NamespacedName) client.Object
}

// NodeIndex looks nodes up. What it returns is read-only.
type NodeIndex interface {
	// Exists says whether there is a node of that name.
	Exists(name string) bool
	// Suspects are the nodes that nodestate.Suspect reports, sorted by name.
	Suspects() []*corev1.Node
	// Get returns the node of that name; nil when there is none.
	Get(name string) *corev1.Node
	// Alike are all nodes by their traits, in no order.
	Alike() []nodestate.Alike
}

// Renewal is what was seen of a Lease's renewTime, by the reader's own clock.
type Renewal struct {
	// Since is when this renewTime was first seen.
	Since time.Time
	// Moved says whether another renewTime was seen before.
	Moved bool
}

// Response of the API server to a GET.
type Response struct {
	Status int
	Body   string
}

// Facts are the answers to all needs at one time.
type Facts struct {
	// Now is the time of the evaluation.
	Now time.Time
	// Answers by need; one that is missing is Pending.
	Answers map[Need]Answer
	// Once says that they are read once, as by a command: what would cost too much at each change may be asked for.
	Once bool
	// Failed says that the check failed when it was decided last, as its status remembers. It matters where only what is too much to
	// read at each change would show that it still does.
	Failed bool
}

// Earliest of two waits, of which 0 is never.
func Earliest(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
