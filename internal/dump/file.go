// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/workload"
)

// file is what one file holds. It counts only when all of it can be read.
type file struct {
	name  string
	place place
	wants *wants

	source  Source
	lists   int
	objects int
	kept    []client.Object
	// covered are the kinds of which the file tells all objects in a namespace; empty for the whole cluster.
	covered sets.Set[facts.Need]
	// documents are those with leases, and the one that is being read.
	documents []*document
	newest    time.Time
	// said is what kubectl said besides.
	said   []*problem
	unread map[string]int
	bundle *Manifest
}

func newFile(name string, p place, w *wants) *file {
	return &file{name: name, place: p, source: p.source, wants: w, covered: sets.New[facts.Need](), unread: map[string]int{}}
}

// document is what was read of the cluster at once, such as a list.
type document struct {
	// newest is the newest time in it, and renewed that at which a lease was renewed, by namespace.
	newest  time.Time
	renewed map[string]time.Time
}

// begin is before the next document.
func (f *file) begin() {
	if n := len(f.documents); n > 0 && len(f.documents[n-1].renewed) == 0 {
		f.documents = f.documents[:n-1]
	}
	f.documents = append(f.documents, &document{renewed: map[string]time.Time{}})
}

func (f *file) document() *document { return f.documents[len(f.documents)-1] }

// add takes an object, an element of the list if there is one.
func (f *file) add(it *item, of *list) error {
	if it.whole || it.kind == "" && (of == nil || it.name == "") {
		if err := it.identify(); err != nil {
			return err
		}
	}
	if of != nil && it.kind == "" && it.name != "" {
		return f.addKindless(it, of)
	}
	switch {
	case strings.HasSuffix(it.kind, "List") && it.apiVersion != "":
		return f.addWhole(it, of)
	case it.kind == "" || it.apiVersion == "":
		return f.noObject(it)
	case it.kind == bundleKind && strings.HasPrefix(it.apiVersion, bundleGroup+"/"):
		return f.addManifest(it)
	}
	f.objects++
	return f.addObject(it, of)
}

func (f *file) noObject(it *item) error {
	missing := "kind"
	if it.kind != "" {
		missing = "apiVersion"
	}
	return &problem{line: it.line, foreign: f.objects == 0, text: fmt.Sprintf("%s is no object of Kubernetes: it has no %s", it.format, missing)}
}

// maxPending is how much is kept of lists that say too late of which kind their elements are, in bytes.
const maxPending = 128 << 20

// addKindless takes an element that is of the kind that the list says.
func (f *file) addKindless(it *item, of *list) error {
	if kind, typed := strings.CutSuffix(of.kind, "List"); typed && kind != "" {
		it.kind, it.apiVersion = kind, of.apiVersion
		return f.add(it, of)
	}
	of.pending = append(of.pending, it)
	if of.bytes += len(it.raw); of.bytes > maxPending {
		return &problem{line: it.line, text: fmt.Sprintf("the elements of a list of more than %d MiB do not say their kind", maxPending>>20)}
	}
	return nil
}

// endList takes what a list says of itself, after its elements.
func (f *file) endList(l *list, header *item) error {
	if header.kind == "" && header.last > 0 {
		return &problem{line: header.last, text: "ends in the middle of a list: it is cut off"}
	}
	f.lists++
	l.kind, l.apiVersion = header.kind, header.apiVersion
	pending := l.pending
	l.pending = nil
	for _, it := range pending {
		if !strings.HasSuffix(l.kind, "List") || l.kind == "List" {
			return f.noObject(it)
		}
		if err := f.addKindless(it, l); err != nil {
			return err
		}
	}
	f.coverList(l, header)
	return nil
}

// coverList concludes from a list what there is not.
func (f *file) coverList(l *list, header *item) {
	if kind, typed := strings.CutSuffix(l.kind, "List"); typed && kind != "" {
		gvk := schema.FromAPIVersionAndKind(l.apiVersion, kind)
		if f.place.known {
			f.cover(gvk, f.place.namespace)
		} else if namespace, known := namespaceIn(header.selfLink); known {
			f.cover(gvk, namespace)
		}
	}
	// One list with objects of several namespaces was asked for with --all-namespaces, for all kinds in it.
	for _, s := range l.seen {
		if s.many {
			for kind := range l.seen {
				f.cover(kind, "")
			}
			return
		}
	}
}

// coverBy concludes from an object what else there is not: of one that was asked for by its name, nothing.
func (f *file) coverBy(it *item, kind schema.GroupVersionKind, of *list) {
	switch named := of == nil && f.place.source == "" && !f.place.known; {
	case !named:
		f.cover(kind, it.namespace)
	case f.wants.object(kind, it.namespace, it.name):
		f.covered.Insert(facts.Need{Kind: kind, Namespace: it.namespace, Name: it.name})
	}
}

// cover says that the file tells all objects of the kind in the namespace.
func (f *file) cover(kind schema.GroupVersionKind, namespace string) {
	if kind, wanted := f.wants.kind(kind); wanted {
		f.covered.Insert(facts.Need{Kind: kind, Namespace: namespace})
	}
}

// addWhole takes an object or a list that has to be decoded as a whole.
func (f *file) addWhole(it *item, of *list) error {
	if err := it.identify(); err != nil {
		return err
	}
	if !strings.HasSuffix(it.kind, "List") {
		it.whole = false
		return f.add(it, of)
	}
	var o struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(it.raw, &o); err != nil {
		return it.misread(err)
	}
	frame := &list{apiVersion: it.apiVersion, kind: it.kind}
	for _, raw := range o.Items {
		element := &item{line: it.line, format: formatJSON, raw: raw}
		if err := element.identify(); err != nil {
			return err
		}
		if err := f.add(element, frame); err != nil {
			return err
		}
	}
	return f.endList(frame, it)
}

// addObject keeps an object when it is wanted, and what it tells besides.
func (f *file) addObject(it *item, of *list) error {
	asWritten := schema.FromAPIVersionAndKind(it.apiVersion, it.kind)
	t, d := newestTime(it.raw, timesOf(asWritten.Group, asWritten.Kind)), f.document()
	f.newest, d.newest = latest(f.newest, t), latest(d.newest, t)
	kind, wanted := f.wants.kind(asWritten)
	if !wanted {
		if versions := f.wants.otherVersions(kind); len(versions) > 0 {
			f.unread[fmt.Sprintf("%s of %s, of which %s is read", kind.Kind, asWritten.GroupVersion(), strings.Join(versions, ", "))]++
		}
		return nil
	}
	of.note(kind, it.namespace)
	if it.namespace != "" || !isNamespaced(kind) {
		f.coverBy(it, kind, of)
	}
	if !f.wants.object(kind, it.namespace, it.name) {
		return nil
	}
	if kind == facts.PodKind {
		if settled, err := it.settled(); settled || err != nil {
			return err
		}
	}
	o, err := it.object(kind)
	if err != nil {
		return err
	}
	f.kept = append(f.kept, o)
	if lease, ok := o.(*coordinationv1.Lease); ok && lease.Spec.RenewTime != nil {
		d.renewed[lease.Namespace] = latest(d.renewed[lease.Namespace], lease.Spec.RenewTime.Time)
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// object is the object as it is read from a cluster, in the version in which it is read.
func (it *item) object(kind schema.GroupVersionKind) (client.Object, error) {
	text, err := it.pruned(kind).asJSON()
	if err != nil {
		return nil, err
	}
	o, err := snapshot.Decode(kind, text)
	if err != nil {
		return nil, &problem{line: it.line, text: fmt.Sprintf("%s cannot be read: %s%s", it, err, it.doubt())}
	}
	return o, nil
}

// settled says whether a pod explains nothing.
func (it *item) settled() (bool, error) {
	small := *it
	if it.format == formatYAML {
		small.raw = prune(it.raw, func(path string) bool {
			return path == "status" || path == "status.phase" || path == "status.conditions"
		})
	}
	text, err := small.asJSON()
	if err != nil {
		return false, err
	}
	var pod struct {
		Status struct {
			Phase      corev1.PodPhase       `json:"phase"`
			Conditions []corev1.PodCondition `json:"conditions"`
		} `json:"status"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &pod); err != nil {
		return false, it.misread(err)
	}
	return workload.PodSettled(&corev1.Pod{Status: corev1.PodStatus{Phase: pod.Status.Phase, Conditions: pod.Status.Conditions}}), nil
}

// isNamespaced says of built-in kinds that are read whether their objects are in namespaces.
func isNamespaced(kind schema.GroupVersionKind) bool {
	switch kind.Kind {
	case deployment, daemonSet, statefulSet, facts.PodKind.Kind, configMapKind.Kind, "Lease", "EndpointSlice", "Service":
		return scheme.Scheme.Recognizes(kind)
	}
	return false
}

// end is after the last object.
func (f *file) end() error {
	if f.objects > 0 || f.bundle != nil || f.lists > 0 {
		return nil
	}
	if len(f.said) > 0 {
		return &problem{line: f.said[0].line, foreign: true, text: "holds no objects, but what kubectl said: " + f.said[0].text}
	}
	return &problem{foreign: true, text: "is empty"}
}

// reads are what the file tells all of.
func (f *file) reads() []snapshot.Read {
	var reads []snapshot.Read
	for need := range f.covered {
		reads = append(reads, snapshot.Read{Need: need, State: facts.Known})
	}
	return reads
}
