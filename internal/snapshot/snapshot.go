// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package snapshot holds what was read from a cluster at one time, and answers needs as the cluster would have then.
package snapshot

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	kjson "sigs.k8s.io/json"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/trim"
	"github.com/archmap/archmap/internal/workload"
)

// Coverage defines what an object's absence from a snapshot means.
type Coverage int

const (
	// Recorded: it is not in the cluster where the reads say that they covered it; nothing follows elsewhere. The zero
	// value.
	Recorded Coverage = iota
	// Complete: it is not in the cluster.
	Complete
)

// Snapshot is what was read from a cluster at one time. It answers needs as the cluster would have then, concurrently if
// need be. What it does not hold is unknown, and absent only where the coverage says so. A Snapshot must be neither
// copied nor changed after the first answer.
type Snapshot struct {
	// Time at which the cluster was read.
	Time time.Time
	// Coverage of the cluster.
	Coverage Coverage
	// Objects of any kind, typed or not, in the versions in which the API server serves them. Of several with
	// the same kind, namespace and name the last counts.
	Objects []client.Object
	// Trimmed says that the objects are as a live read has them, so that answers need no copies.
	Trimmed bool
	// Reads are what was asked of the cluster, where that was recorded.
	Reads []Read
	// Responses to GETs, by path and query.
	Responses map[string]facts.Response
	// Reviews are the answers to access reviews.
	Reviews map[facts.Review]ReviewAnswer
	// ReadyPods counts pods that were read and are ready, so that they need not be among the objects, and are not.
	ReadyPods map[facts.PodRevision]int

	// held are the objects of needs that were read from a cluster, beside Objects. They are packed, as there may be thousands.
	held map[facts.Need]facts.Objects

	mu      sync.Mutex
	byKind  map[schema.GroupVersionKind][]client.Object
	answers map[facts.Need]facts.Answer
}

// Read is a need that was read, and its outcome: Known, or why not.
type Read struct {
	Need    facts.Need
	State   facts.State
	Message string
	// At is when it was read, where that is known better than from the time of the dump.
	At time.Time
}

// ReviewAnswer is the answer to an access review.
type ReviewAnswer struct {
	Allowed bool
	Reason  string
}

// Add adds what was read later. It keeps other answers.
func (s *Snapshot) Add(other *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byKind = nil
	maps.DeleteFunc(s.answers, func(need facts.Need, answer facts.Answer) bool {
		return answer.State != facts.Known || slices.ContainsFunc(other.Reads, func(r Read) bool {
			return r.Need.Kind == need.Kind && r.Need.Path == need.Path && r.Need.Review == need.Review
		})
	})
	if other.Time.After(s.Time) {
		s.Time = other.Time
	}
	s.Objects, s.Reads = append(s.Objects, other.Objects...), append(s.Reads, other.Reads...)
	for need, objects := range other.held {
		s.hold(need, objects)
	}
	s.Trimmed = s.Trimmed && other.Trimmed
	if s.Responses == nil {
		s.Responses, s.Reviews = map[string]facts.Response{}, map[facts.Review]ReviewAnswer{}
	}
	maps.Copy(s.Responses, other.Responses)
	maps.Copy(s.Reviews, other.Reviews)
	if s.ReadyPods == nil {
		s.ReadyPods = map[facts.PodRevision]int{}
	}
	maps.Copy(s.ReadyPods, other.ReadyPods)
}

// Unread returns those of the needs that no recorded read covers.
func (s *Snapshot) Unread(needs []facts.Need) []facts.Need {
	return slices.DeleteFunc(slices.Clone(needs), func(need facts.Need) bool { return s.read(need) != nil })
}

// read finds the read that covers the need: one that succeeded rather than one that did not, and the one that asked for
// the least.
func (s *Snapshot) read(need facts.Need) *Read {
	var found *Read
	for i := range s.Reads {
		r := &s.Reads[i]
		switch {
		case !covers(r.Need, need):
		case found == nil, r.State == facts.Known && found.State != facts.Known,
			(r.State == facts.Known) == (found.State == facts.Known) && covers(found.Need, r.Need):
			found = r
		}
	}
	return found
}

// covers reports whether the answer to all includes the answer to part.
func covers(all, part facts.Need) bool {
	matches := func(all, part string) bool { return all == "" || all == part }
	return all.Kind == part.Kind && all.Path == part.Path && all.Review == part.Review &&
		matches(all.Namespace, part.Namespace) && matches(all.Name, part.Name) && matches(all.Selector, part.Selector) &&
		matches(all.Fields, part.Fields)
}

// Read returns the part of the snapshot that answers the needs, as a Reader would have read it from the cluster.
func (s *Snapshot) Read(ctx context.Context, needs []facts.Need) (*Snapshot, error) {
	needs = Distinct(needs)
	part := NewRecord()
	part.Time, part.Trimmed = s.Time, true
	answers := s.Facts(needs).Answers
	for _, need := range needs {
		part.Record(need, answers[need])
		if at := answers[need].ReadAt; !at.Equal(s.Time) {
			part.Reads[len(part.Reads)-1].At = at
		}
	}
	return part, ctx.Err()
}

// Facts answers the needs.
func (s *Snapshot) Facts(needs []facts.Need) facts.Facts {
	given := facts.Facts{Now: s.Time, Answers: make(map[facts.Need]facts.Answer, len(needs))}
	for _, need := range needs {
		given.Answers[need] = s.Answer(need)
	}
	return given
}

// Answer answers a need, with whole objects. It is safe for concurrent use.
func (s *Snapshot) Answer(need facts.Need) facts.Answer {
	answer, objects := s.View(need)
	answer.Objects = objects.List()
	return answer
}

// View answers a need without its objects, and returns what holds them. It is safe for concurrent use.
func (s *Snapshot) View(need facts.Need) (facts.Answer, facts.Objects) {
	if objects, ok := s.held[asRecorded(need)]; ok {
		return facts.Answer{State: facts.Known, ReadAt: s.Time}, objects
	}
	answer := s.find(need.Whole())
	objects := trim.Sorted(answer.Objects)
	answer.Objects = nil
	return answer, objects
}

// asRecorded is a need without what says how it is met.
func asRecorded(need facts.Need) facts.Need {
	need = need.Whole()
	need.Interval = 0
	return need
}

// AllObjects returns the objects of all kinds.
func (s *Snapshot) AllObjects() []client.Object {
	all := slices.Clone(s.Objects)
	for _, r := range s.Reads {
		if objects, ok := s.held[r.Need]; ok {
			all = append(all, objects.List()...)
		}
	}
	return all
}

// find answers a need from the objects of all kinds.
func (s *Snapshot) find(need facts.Need) facts.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKind == nil {
		s.byKind = groupByKind(s.Objects)
	}
	if s.answers == nil {
		s.answers = map[facts.Need]facts.Answer{}
	}
	answer, known := s.answers[need]
	if !known {
		answer = s.answer(need)
		s.answers[need] = answer
	}
	return answer
}

// ofKind returns the objects of a kind, of which those that are held apart are unpacked.
func (s *Snapshot) ofKind(kind schema.GroupVersionKind) []client.Object {
	objects := s.byKind[kind]
	seen := sets.New[client.ObjectKey]()
	for _, r := range s.Reads {
		held, ok := s.held[r.Need]
		if r.Need.Kind != kind || !ok {
			continue
		}
		for _, name := range held.Names() {
			if !seen.Has(name) { // two needs may share objects
				seen.Insert(name)
				objects = append(slices.Clip(objects), held.Get(name))
			}
		}
	}
	return objects
}

// groupByKind leaves out objects that do not say of which kind they are, and those of which there is a later one.
func groupByKind(objects []client.Object) map[schema.GroupVersionKind][]client.Object {
	type key struct {
		kind schema.GroupVersionKind
		name client.ObjectKey
	}
	byKind, seen := map[schema.GroupVersionKind][]client.Object{}, sets.New[key]()
	for _, o := range slices.Backward(objects) {
		kind, err := apiutil.GVKForObject(o, scheme.Scheme)
		if k := (key{kind, client.ObjectKeyFromObject(o)}); err == nil && !seen.Has(k) {
			seen.Insert(k)
			byKind[kind] = append(byKind[kind], o)
		}
	}
	return byKind
}

func (s *Snapshot) answer(need facts.Need) facts.Answer {
	answer := facts.Answer{State: facts.Known, ReadAt: s.Time}
	if r := s.read(need); r != nil && r.State != facts.Known {
		return facts.Answer{State: r.State, Message: r.Message}
	}
	switch {
	case need.Path != "":
		response, held := s.Responses[need.Path]
		if !held && s.Coverage != Complete {
			return notHeld("response to GET " + need.Path)
		}
		if !held {
			response.Status = http.StatusNotFound
		}
		answer.Response = response
	case need.Review != (facts.Review{}):
		review, held := s.Reviews[need.Review]
		if !held && s.Coverage != Complete {
			return notHeld("access review")
		}
		answer.Allowed, answer.Reason = review.Allowed, review.Reason
	default:
		return s.objectsOf(need)
	}
	return answer
}

func (s *Snapshot) objectsOf(need facts.Need) facts.Answer {
	read := s.read(need)
	switch {
	case need.Kind == SecretKind:
		return RefuseSecrets()
	case read == nil && s.knowsKinds() && !s.serves(need.Kind):
		return NotServed(need.Kind)
	case read == nil && s.Coverage != Complete && slices.ContainsFunc(s.Reads, func(r Read) bool { return r.Need.Name != "" && covers(need, r.Need) }):
		return facts.Answer{State: facts.Failed, Message: fmt.Sprintf(
			"the dump has single objects of kind %s%s, not a complete list", need.Kind.Kind, inNamespace(need.Namespace))}
	case read == nil && s.Coverage != Complete:
		return s.objectsInPart(need)
	}
	at := s.Time
	if read != nil && !read.At.IsZero() {
		at = read.At
	}
	return s.matching(need, at)
}

// objectsInPart answers a need of which not all was read: what is selected in the namespaces that were is found, and all
// else is open.
func (s *Snapshot) objectsInPart(need facts.Need) facts.Answer {
	namespaces := s.namespacesOf(need)
	if need.Namespace != "" || len(namespaces) == 0 {
		return notHeld(fmt.Sprintf("%s of %s%s", need.Kind.Kind, need.Kind.GroupVersion(), inNamespace(need.Namespace)))
	}
	if found := s.matching(need, s.Time); need.Selector != "" && (len(found.Objects) > 0 || found.State != facts.Known) {
		return found
	}
	return facts.Answer{State: facts.NotHeld, Message: fmt.Sprintf("the dump has %s objects of namespace %s only; this check looks in all namespaces",
		need.Kind.Kind, msg.Shorten(namespaces, ", "))}
}

// namespacesOf returns the namespaces of which the snapshot has what a need asks of all of them.
func (s *Snapshot) namespacesOf(need facts.Need) []string {
	var out []string
	for _, r := range s.Reads {
		all := r.Need
		all.Namespace = ""
		if r.Need.Namespace != "" && r.State == facts.Known && covers(all, need) && !slices.Contains(out, r.Need.Namespace) {
			out = append(out, r.Need.Namespace)
		}
	}
	slices.Sort(out)
	return out
}

// matching answers a need from the objects that are held, which were read at a time.
func (s *Snapshot) matching(need facts.Need, at time.Time) facts.Answer {
	selector, err := labels.Parse(need.Selector)
	if err != nil {
		return facts.Answer{State: facts.Failed, Message: fmt.Sprintf("selector %q: %s", need.Selector, err)}
	}
	selected, err := fields.ParseSelector(need.Fields)
	if err != nil {
		return facts.Answer{State: facts.Failed, Message: fmt.Sprintf("fields %q: %s", need.Fields, err)}
	}
	answer := facts.Answer{State: facts.Known, ReadAt: at}
	if need.Kind == facts.PodKind {
		answer.ReadyPods = map[facts.PodRevision]int{}
		for of, n := range s.ReadyPods {
			if need.Namespace == "" || need.Namespace == of.Namespace {
				answer.ReadyPods[of] = n
			}
		}
	}
	for _, o := range s.ofKind(need.Kind) {
		if !inPlace(need, o) || !selector.Matches(labels.Set(o.GetLabels())) || (need.Name != "" && o.GetName() != need.Name) {
			continue
		}
		if !s.Trimmed || need.Kind == DefinitionKind { // of which the snapshot holds the versions
			if o, err = asRead(need.Kind, o); err != nil {
				return facts.Answer{State: facts.Failed, Message: err.Error()}
			}
		}
		if !workload.Sift(o, answer.ReadyPods, s.Time) {
			continue
		}
		if event, is := o.(*corev1.Event); is && !facts.SelectedEvent(event, selected) {
			continue
		}
		answer.Objects = append(answer.Objects, o)
	}
	trim.Sort(answer.Objects)
	return answer
}

// knowsKinds reports whether the snapshot shows which kinds the API server serves.
func (s *Snapshot) knowsKinds() bool {
	known := func(kind schema.GroupVersionKind) bool {
		r := s.read(facts.Need{Kind: kind})
		return r != nil && r.State == facts.Known
	}
	return s.Coverage == Complete || known(DefinitionKind) && known(APIServiceKind)
}

func inPlace(need facts.Need, o client.Object) bool {
	return need.Namespace == "" || o.GetNamespace() == need.Namespace
}

var SecretKind = corev1.SchemeGroupVersion.WithKind("Secret")

// The kinds whose objects define which kinds are served.
var (
	DefinitionKind = trim.CustomResourceDefinition.WithVersion("v1")
	APIServiceKind = schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}
)

// serves reports whether the kind is built in, defined, served by an aggregated API server, or simply there.
func (s *Snapshot) serves(kind schema.GroupVersionKind) bool {
	return scheme.Scheme.Recognizes(kind) || kind == DefinitionKind || kind == APIServiceKind || len(s.ofKind(kind)) > 0 ||
		slices.ContainsFunc(s.ofKind(DefinitionKind), func(o client.Object) bool { return defines(o, kind) }) ||
		slices.ContainsFunc(s.ofKind(APIServiceKind), func(o client.Object) bool { return aggregates(o, kind.GroupVersion()) })
}

func defines(definition client.Object, kind schema.GroupVersionKind) bool {
	var crd struct {
		Spec struct {
			Group string `json:"group"`
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Served bool   `json:"served"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if convert(definition, &crd) != nil || crd.Spec.Group != kind.Group || crd.Spec.Names.Kind != kind.Kind {
		return false
	}
	for _, v := range crd.Spec.Versions {
		if v.Name == kind.Version && v.Served {
			return true
		}
	}
	return false
}

// aggregates reports whether another API server serves the version; it does not say which kinds.
func aggregates(service client.Object, version schema.GroupVersion) bool {
	var s struct {
		Spec struct {
			Group   string `json:"group"`
			Version string `json:"version"`
			Service *struct {
				Name string `json:"name"`
			} `json:"service"`
		} `json:"spec"`
	}
	return convert(service, &s) == nil && s.Spec.Service != nil && s.Spec.Group == version.Group && s.Spec.Version == version.Version
}

// asRead returns a copy of an object as Live would have read it: typed where it reads types, and trimmed.
func asRead(kind schema.GroupVersionKind, o client.Object) (client.Object, error) {
	out, cloned := trim.New(kind), o.DeepCopyObject()
	if reflect.TypeOf(out) == reflect.TypeOf(cloned) {
		out = cloned.(client.Object)
	} else if err := convert(cloned, out); err != nil {
		return nil, unreadable(kind, o, err)
	}
	out.GetObjectKind().SetGroupVersionKind(kind)
	trimmed, err := trim.Func(kind)(out)
	if err != nil {
		return nil, unreadable(kind, o, err)
	}
	return trimmed.(client.Object), nil
}

// Decode decodes an object from JSON as a live read would: typed where checks read typed objects, and trimmed. Of
// CustomResourceDefinitions and APIServices it keeps what shows which kinds are served.
func Decode(kind schema.GroupVersionKind, text []byte) (client.Object, error) {
	o := trim.New(kind)
	var err error
	if u, untyped := o.(*unstructured.Unstructured); untyped {
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &u.Object)
	} else {
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, o)
	}
	if err != nil {
		return nil, err
	}
	o.GetObjectKind().SetGroupVersionKind(kind)
	o.SetManagedFields(nil)
	if kind == DefinitionKind {
		return dropSchemas(o.(*unstructured.Unstructured)), nil
	}
	trimmed, err := trim.Func(kind)(o)
	if err != nil {
		return nil, err
	}
	return trimmed.(client.Object), nil
}

// dropSchemas keeps of the versions of a definition which there are.
func dropSchemas(u *unstructured.Unstructured) *unstructured.Unstructured {
	versions, _, _ := unstructured.NestedSlice(u.Object, "spec", "versions")
	kept := make([]any, 0, len(versions))
	for _, v := range versions {
		if version, ok := v.(map[string]any); ok {
			kept = append(kept, map[string]any{"name": version["name"], "served": version["served"]})
		}
	}
	if len(kept) > 0 {
		_ = unstructured.SetNestedSlice(u.Object, kept, "spec", "versions")
	}
	return u
}

// convert goes from a typed object to an untyped one, or back.
func convert(from runtime.Object, to any) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(from)
	if err != nil {
		return err
	}
	if u, untyped := to.(*unstructured.Unstructured); untyped {
		u.Object = content
		return nil
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(content, to)
}

func unreadable(kind schema.GroupVersionKind, o client.Object, err error) error {
	return fmt.Errorf("read %s %s: %w", kind.Kind, client.ObjectKeyFromObject(o), err)
}

func notHeld(what string) facts.Answer {
	return facts.Answer{State: facts.NotHeld, Message: "the dump has no " + what}
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in namespace " + namespace
}

func NotServed(kind schema.GroupVersionKind) facts.Answer {
	return facts.Answer{State: facts.NotServed, Message: fmt.Sprintf("the API server does not serve %s in %s", kind.Kind, kind.GroupVersion())}
}

func RefuseSecrets() facts.Answer {
	return facts.Answer{State: facts.NotPermitted, Message: "archmap never reads Secrets"}
}

func ClusterScoped(kind schema.GroupVersionKind) facts.Answer {
	return facts.Answer{State: facts.Failed, Message: kind.Kind + " is cluster-scoped; leave the namespace out of the check"}
}

// Distinct returns the needs without duplicates and without their intervals and masks.
func Distinct(needs []facts.Need) []facts.Need {
	var out []facts.Need
	seen := map[facts.Need]bool{}
	for _, need := range needs {
		need = asRecorded(need)
		if !seen[need] {
			seen[need] = true
			out = append(out, need)
		}
	}
	return out
}

// NewRecord returns an empty snapshot whose coverage is what is recorded.
func NewRecord() *Snapshot {
	return &Snapshot{Coverage: Recorded, Responses: map[string]facts.Response{}, Reviews: map[facts.Review]ReviewAnswer{},
		ReadyPods: map[facts.PodRevision]int{}}
}

// Hold adds the answer to a need, whose objects are held apart.
func (s *Snapshot) Hold(need facts.Need, answer facts.Answer, objects facts.Objects) {
	s.Record(need, answer)
	s.hold(need, objects)
}

func (s *Snapshot) hold(need facts.Need, objects facts.Objects) {
	if s.held == nil {
		s.held = map[facts.Need]facts.Objects{}
	}
	s.held[need] = objects
}

// Record adds the answer to a need.
func (s *Snapshot) Record(need facts.Need, answer facts.Answer) {
	s.Reads = append(s.Reads, Read{Need: need, State: answer.State, Message: answer.Message})
	switch {
	case answer.State != facts.Known:
	case need.Path != "":
		s.Responses[need.Path] = answer.Response
	case need.Review != (facts.Review{}):
		s.Reviews[need.Review] = ReviewAnswer{Allowed: answer.Allowed, Reason: answer.Reason}
	default:
		s.Objects = append(s.Objects, answer.Objects...)
		maps.Copy(s.ReadyPods, answer.ReadyPods)
	}
}
