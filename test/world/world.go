// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package world turns a shape into a whole cluster without a control plane: workloads have the pods and statuses that
// the real controllers would give them, nodes and leases are alive, aggregated APIs are available. A world has its own
// clock, can be broken and repaired, and is judged as archmap judges a cluster.
//
// Faults are declared: a node is down, the pods of a workload crash. Their consequences are derived anew each time the
// world is read, as controllers would do: one node that is down leaves every DaemonSet one pod short.
package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/test/shapes"
)

// birth is when the cluster was made; everything in a shape is as old as that.
var birth = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// start is when a world begins.
var start = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

// Ref names an object of a world.
type Ref struct {
	Kind, Namespace, Name string
}

// ParseRef reads "Kind name" or "Kind namespace/name".
func ParseRef(text string) (Ref, error) {
	kind, place, ok := strings.Cut(text, " ")
	if !ok || kind == "" || place == "" {
		return Ref{}, fmt.Errorf("%q is no object: say Kind name, or Kind namespace/name", text)
	}
	if namespace, name, namespaced := strings.Cut(place, "/"); namespaced {
		return Ref{Kind: kind, Namespace: namespace, Name: name}, nil
	}
	return Ref{Kind: kind, Name: place}, nil
}

func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

func refOf(o client.Object) Ref {
	return Ref{Kind: o.GetObjectKind().GroupVersionKind().Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// World is a cluster.
type World struct {
	shape *shapes.Shape
	now   time.Time
	state State

	// order in which objects came, so that nothing depends on chance.
	order   []Ref
	ordered sets.Set[Ref]
	// typed keeps what was converted already.
	typed map[*unstructured.Unstructured]client.Object
	// placed is where the pods of a workload are: they stay there as long as they can.
	placed map[Ref][]string
	// resized: ready pods of DaemonSets are left out, as there are many and they explain nothing.
	resized bool
	// ghosts are nodes whose kubelet has yet to end pods that were replaced elsewhere.
	ghosts map[Ref][]string

	// verdicts of the last Judge; nil before the first.
	verdicts *judge.Verdicts
}

// State is what is declared of a world: its objects, and what is wrong with them. It is never changed in
// place, so that a copy of it is enough to go back.
type State struct {
	objects  map[Ref]*unstructured.Unstructured
	pods     map[Ref][]Pods
	rollOuts map[Ref]RollOut
	nodes    map[string]Node
	frozen   map[Ref]time.Time
	answers  map[string]facts.Response
	// opinion is what Azure's authorizer says in its refusals.
	opinion string
	// overrides are patches of statuses that would be derived.
	overrides map[Ref][]byte
}

func (s State) clone() State {
	return State{
		objects: maps.Clone(s.objects), pods: maps.Clone(s.pods), rollOuts: maps.Clone(s.rollOuts), nodes: maps.Clone(s.nodes),
		frozen: maps.Clone(s.frozen), answers: maps.Clone(s.answers), overrides: maps.Clone(s.overrides), opinion: s.opinion,
	}
}

// New makes a world from a shape, which it does not change.
func New(shape *shapes.Shape) (*World, error) {
	w := &World{
		shape: shape, now: start,
		state: State{
			objects: map[Ref]*unstructured.Unstructured{}, pods: map[Ref][]Pods{}, rollOuts: map[Ref]RollOut{}, nodes: map[string]Node{},
			frozen: map[Ref]time.Time{}, answers: map[string]facts.Response{}, overrides: map[Ref][]byte{},
		},
		ordered: sets.New[Ref](), typed: map[*unstructured.Unstructured]client.Object{},
		placed: map[Ref][]string{}, ghosts: map[Ref][]string{},
	}
	if shape.AzureRBAC {
		w.state.opinion = AzureRBACOpinion
	}
	for _, o := range shape.Objects {
		if err := w.add(o, birth); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Now returns the time in the world.
func (w *World) Now() time.Time { return w.now }

// Advance lets time pass.
func (w *World) Advance(d time.Duration) { w.now = w.now.Add(d) }

// Save keeps the state of the world, to go back to it.
func (w *World) Save() State { return w.state.clone() }

// Restore repairs all that was broken since the state was saved. Time goes on, and so do the verdicts.
func (w *World) Restore(saved State) { w.state = saved.clone() }

// add takes in an object that was created then.
func (w *World) add(o *unstructured.Unstructured, created time.Time) error {
	o = o.DeepCopy()
	ref := refOf(o)
	if w.state.objects[ref] != nil {
		return fmt.Errorf("there is a %s already", ref)
	}
	o.SetCreationTimestamp(metaTime(created))
	o.SetGeneration(1)
	w.state.objects[ref] = o
	if !w.ordered.Has(ref) {
		w.order = append(w.order, ref)
		w.ordered.Insert(ref)
	}
	return nil
}

// Has reports whether there is such an object.
func (w *World) Has(ref Ref) bool { return w.state.objects[ref] != nil }

// Create adds an object.
func (w *World) Create(o *unstructured.Unstructured) error { return w.add(o, w.now) }

// dependents are what goes with a node.
var dependents = []Ref{{Kind: "CSINode"}, {Kind: "NodeNetworkConfig", Namespace: "kube-system"}}

// Delete removes an object, and with a node what belongs to it.
func (w *World) Delete(ref Ref) error {
	if !w.Has(ref) {
		return fmt.Errorf("there is no %s", ref)
	}
	delete(w.state.objects, ref)
	if ref.Kind == nodeKind {
		for _, dependent := range dependents {
			dependent.Name = ref.Name
			delete(w.state.objects, dependent)
		}
	}
	return nil
}

// Patch changes fields of an object by a merge patch. What it says of a status that controllers keep holds
// until the state is restored.
func (w *World) Patch(ref Ref, patch map[string]any) error {
	o := w.state.objects[ref]
	if o == nil {
		return fmt.Errorf("there is no %s", ref)
	}
	patched, err := mergePatch(o, patch)
	if err != nil {
		return fmt.Errorf("patch %s: %w", ref, err)
	}
	if patch["spec"] != nil {
		patched.SetGeneration(o.GetGeneration() + 1)
	}
	w.state.objects[ref] = patched
	if status, ok := patch["status"]; ok {
		text, err := json.Marshal(map[string]any{"status": status})
		if err != nil {
			return err
		}
		w.state.overrides[ref] = text
	}
	return nil
}

func mergePatch(o *unstructured.Unstructured, patch map[string]any) (*unstructured.Unstructured, error) {
	before, err := json.Marshal(o.Object)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, text)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, out.UnmarshalJSON(after)
}

// Freeze lets the holder of a lease, or the writer of the autoscaler's status, fall silent.
func (w *World) Freeze(ref Ref) error {
	if !w.Has(ref) {
		return fmt.Errorf("there is no %s", ref)
	}
	w.state.frozen[ref] = w.now
	return nil
}

// Answer makes the API server answer a path so.
func (w *World) Answer(path string, response facts.Response) { w.state.answers[path] = response }

// SetOpinion changes what Azure's authorizer says in its refusals; empty, there is none.
func (w *World) SetOpinion(text string) { w.state.opinion = text }

// NodeName resolves pool/index, such as user/0, and the name of a node.
func (w *World) NodeName(text string) (string, error) {
	pool, index, ok := strings.Cut(text, "/")
	if !ok && w.Has(Ref{Kind: nodeKind, Name: text}) {
		return text, nil
	}
	for _, p := range w.shape.NodePools {
		if p.Name != pool {
			continue
		}
		var i int
		if _, err := fmt.Sscanf(index, "%d", &i); err != nil {
			return "", fmt.Errorf("node %q: say pool/index", text)
		}
		if len(p.NodeNames) > i {
			return p.NodeNames[i], nil
		}
		return fmt.Sprintf("%s%06d", p.NodePrefix, i), nil
	}
	return "", fmt.Errorf("node %q: the shape %s has no pool %s", text, w.shape.Name, pool)
}

// Join adds a node like another one, which begins to join.
func (w *World) Join(like, name string) error {
	if !w.Has(Ref{Kind: nodeKind, Name: like}) {
		return fmt.Errorf("there is no node %s", like)
	}
	for _, ref := range append([]Ref{{Kind: nodeKind}}, dependents...) {
		ref.Name = like
		o := w.state.objects[ref]
		if o == nil {
			continue
		}
		if err := w.add(renamed(o, like, name), w.now); err != nil {
			return err
		}
	}
	w.state.nodes[name] = Node{State: NodeJoining, Since: w.now}
	return nil
}

// converge returns every object of the cluster as the controllers would have left it by now.
func (w *World) converge() ([]client.Object, error) {
	nodes, err := w.convergeNodes()
	if err != nil {
		return nil, err
	}
	workloads, pods, revisions, err := w.convergeWorkloads(nodes)
	if err != nil {
		return nil, err
	}
	converged := map[Ref]client.Object{}
	for _, n := range nodes {
		converged[Ref{Kind: nodeKind, Name: n.Name}] = n.Node
	}
	maps.Copy(converged, workloads)
	services := w.endpoints(pods)
	joining := sets.New[string]()
	for _, n := range nodes {
		if n.joining {
			joining.Insert(n.Name)
		}
	}
	var out []client.Object
	for _, ref := range w.order {
		o := w.state.objects[ref]
		if o == nil {
			continue
		}
		final := converged[ref]
		if final == nil {
			if final, err = w.convergeOther(ref, o, services, joining); err != nil {
				return nil, fmt.Errorf("%s: %w", ref, err)
			}
		}
		if override := w.state.overrides[ref]; override != nil {
			if final, err = applyOverride(final, override); err != nil {
				return nil, fmt.Errorf("%s: %w", ref, err)
			}
		}
		out = append(out, final)
	}
	for _, pod := range pods {
		out = append(out, pod)
	}
	for _, slice := range services.slices {
		out = append(out, slice)
	}
	return append(out, revisions...), nil
}

func applyOverride(o client.Object, override []byte) (client.Object, error) {
	before, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, override)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, out.UnmarshalJSON(after)
}

// convergeOther updates what is alive: leases, the autoscaler's status, the availability of aggregated APIs.
func (w *World) convergeOther(ref Ref, o *unstructured.Unstructured, services endpoints, joining sets.Set[string]) (client.Object, error) {
	at := w.now.Add(-2 * time.Second)
	if silent, ok := w.state.frozen[ref]; ok {
		at = silent
	}
	var move func(*unstructured.Unstructured) error
	switch {
	case ref.Kind == "Lease":
		move = func(o *unstructured.Unstructured) error { return renew(o, at) }
	case ref == autoscalerStatus:
		move = func(o *unstructured.Unstructured) error { return rewriteAutoscalerStatus(o, at) }
	case ref.Kind == "APIService":
		move = services.convergeAPIService
	case ref.Kind == "CSINode" && joining.Has(ref.Name):
		move = func(o *unstructured.Unstructured) error {
			return unstructured.SetNestedSlice(o.Object, []any{}, "spec", "drivers")
		}
	case ref.Kind == "NodeNetworkConfig" && joining.Has(ref.Name):
		move = func(o *unstructured.Unstructured) error {
			unstructured.RemoveNestedField(o.Object, "status")
			return nil
		}
	default:
		return o, nil
	}
	o = o.DeepCopy()
	return o, move(o)
}

func renew(lease *unstructured.Unstructured, at time.Time) error {
	if _, held, _ := unstructured.NestedString(lease.Object, "spec", "holderIdentity"); !held {
		return nil
	}
	if err := unstructured.SetNestedField(lease.Object, micro(birth), "spec", "acquireTime"); err != nil {
		return err
	}
	return unstructured.SetNestedField(lease.Object, micro(at), "spec", "renewTime")
}

var autoscalerStatus = Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "cluster-autoscaler-status"}

// autoscalerTime is where the status says when it was written, as YAML and as the older text.
var autoscalerTime = regexp.MustCompile(`(?m)^(time: |Cluster-autoscaler status at )[^\n]*?(:?)$`)

func rewriteAutoscalerStatus(o *unstructured.Unstructured, at time.Time) error {
	const annotation = "cluster-autoscaler.kubernetes.io/last-updated"
	stamp := at.UTC().Format("2006-01-02 15:04:05.999999999 -0700 MST")
	annotations := o.GetAnnotations()
	if _, ok := annotations[annotation]; ok {
		annotations[annotation] = stamp
		o.SetAnnotations(annotations)
	}
	status, found, err := unstructured.NestedString(o.Object, "data", "status")
	if !found || err != nil {
		return err
	}
	return unstructured.SetNestedField(o.Object, autoscalerTime.ReplaceAllString(status, "${1}"+stamp+"${2}"), "data", "status")
}
