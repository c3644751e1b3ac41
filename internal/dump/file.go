// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"

	"github.com/archmap/archmap/internal/bundle"
	"github.com/archmap/archmap/internal/dump/scan"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// file is what one file holds. It counts only when all of it can be read.
type file struct {
	name   string
	place  place
	filter *filter
	usage  *usage

	source  Source
	objects int
	kept    []client.Object
	// covered are the kinds of which the file holds all objects of a namespace; an empty namespace is the whole cluster.
	covered sets.Set[facts.Need]
	// documents are those with leases, and the one that is being read.
	documents []*document
	newest    time.Time
	unread    map[string]int
	bundle    *bundle.Manifest
	// definitions of kinds with their schemas, when they are asked for.
	definitions []*apiextensionsv1.CustomResourceDefinition
	// ready are the pods that are ready; they are not kept.
	ready readyPods
	// namespaces of the elements of the lists that are being read, by kind.
	namespaces map[*scan.List]map[schema.GroupVersionKind]*spread
}

// spread is in how many namespaces there are objects of a kind.
type spread struct {
	first string
	many  bool
}

// note remembers where an element of a list is.
func (f *file) note(of *scan.List, kind schema.GroupVersionKind, namespace string) {
	if of == nil {
		return
	}
	if f.namespaces[of] == nil {
		f.namespaces[of] = map[schema.GroupVersionKind]*spread{}
	}
	if s := f.namespaces[of][kind]; s == nil {
		f.namespaces[of][kind] = &spread{first: namespace}
	} else if s.first != namespace {
		s.many = true
	}
}

func newFile(name string, p place, w *filter, u *usage) *file {
	return &file{
		name: name, place: p, source: p.source, filter: w, usage: u, covered: sets.New[facts.Need](), unread: map[string]int{}, ready: newReadyPods(),
		namespaces: map[*scan.List]map[schema.GroupVersionKind]*spread{},
	}
}

// document is what was read of the cluster at once, such as a list.
type document struct {
	// newest is the newest time in it, and renewed that at which a lease was renewed, by namespace.
	newest  time.Time
	renewed map[string]time.Time
}

// Document implements scan.Sink.
func (f *file) Document() {
	if n := len(f.documents); n > 0 && len(f.documents[n-1].renewed) == 0 {
		f.documents = f.documents[:n-1]
	}
	f.documents = append(f.documents, &document{renewed: map[string]time.Time{}})
}

func (f *file) document() *document { return f.documents[len(f.documents)-1] }

// Object implements scan.Sink: it takes the manifest of a bundle, or an object of the cluster.
func (f *file) Object(it *scan.Item, of *scan.List) error {
	if bundle.IsManifest(it.APIVersion, it.Kind) {
		return f.addManifest(it)
	}
	f.objects++
	if err := f.usage.addObject(); err != nil {
		return err
	}
	return f.addObject(it, of)
}

// addManifest takes the manifest of a bundle.
func (f *file) addManifest(it *scan.Item) error {
	if err := bundle.CheckVersion(it.APIVersion); err != nil {
		return &scan.Problem{Line: it.Line, Text: err.Error()}
	}
	text, err := it.JSON()
	if err != nil {
		return err
	}
	f.bundle = &bundle.Manifest{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, f.bundle); err != nil {
		return it.Misread(err)
	}
	if f.bundle.CollectedAt.IsZero() {
		return &scan.Problem{Line: it.Line, Text: "the manifest does not say when the bundle was collected"}
	}
	f.source = Bundle
	return nil
}

// List notes that a list holds all objects of its kind, so that others do not exist.
func (f *file) List(l *scan.List) {
	spreads := f.namespaces[l]
	delete(f.namespaces, l)
	if kind, typed := strings.CutSuffix(l.Kind, "List"); typed && kind != "" {
		gvk := schema.FromAPIVersionAndKind(l.APIVersion, kind)
		if f.place.known {
			f.cover(gvk, f.place.namespace)
		} else if namespace, known := namespaceIn(l.SelfLink); known {
			f.cover(gvk, namespace)
		}
	}
	// One list with objects of several namespaces was asked for with --all-namespaces, for all kinds in it.
	for _, s := range spreads {
		if s.many {
			for kind := range spreads {
				f.cover(kind, "")
			}
			return
		}
	}
}

// coverBy concludes from an object what else there is not: of one that was asked for by its name, nothing.
func (f *file) coverBy(it *scan.Item, kind schema.GroupVersionKind, of *scan.List) {
	switch named := of == nil && f.place.source == "" && !f.place.known; {
	case !named:
		f.cover(kind, it.Namespace)
	case f.filter.object(kind, it.Namespace, it.Name):
		f.covered.Insert(facts.Need{Kind: kind, Namespace: it.Namespace, Name: it.Name})
	}
}

// cover notes that the file holds all objects of the kind in the namespace.
func (f *file) cover(kind schema.GroupVersionKind, namespace string) {
	if kind, needed := f.filter.kind(kind); needed {
		f.covered.Insert(facts.Need{Kind: kind, Namespace: namespace})
	}
}

// addObject keeps an object when it is needed, and the times that it shows.
func (f *file) addObject(it *scan.Item, of *scan.List) error {
	asWritten := schema.FromAPIVersionAndKind(it.APIVersion, it.Kind)
	t, d := scan.NewestTime(it.Raw, timesOf(asWritten.Group, asWritten.Kind)), f.document()
	f.newest, d.newest = latest(f.newest, t), latest(d.newest, t)
	kind, needed := f.filter.kind(asWritten)
	if !needed {
		if versions := f.filter.otherVersions(kind); len(versions) > 0 {
			f.unread[fmt.Sprintf("%s of %s, of which %s is read", kind.Kind, asWritten.GroupVersion(), strings.Join(versions, ", "))]++
		}
		return nil
	}
	f.note(of, kind, it.Namespace)
	if it.Namespace != "" || !isNamespaced(kind) {
		f.coverBy(it, kind, of)
	}
	if !f.filter.object(kind, it.Namespace, it.Name) {
		return nil
	}
	if kind == facts.PodKind {
		done, size, err := f.ready.sift(it)
		if err == nil {
			err = f.usage.addDecoded(size)
		}
		if done || err != nil {
			return err
		}
	}
	if kind == snapshot.DefinitionKind && f.filter.schemas {
		if err := f.addDefinition(it); err != nil {
			return err
		}
	}
	text, err := textOf(it, kind)
	if err != nil {
		return err
	}
	o, err := snapshot.Decode(kind, text)
	if err != nil {
		return it.Unreadable(err)
	}
	if err := f.usage.addDecoded(decodedSize(o)); err != nil {
		return err
	}
	f.kept = append(f.kept, o)
	if lease, ok := o.(*coordinationv1.Lease); ok && lease.Spec.RenewTime != nil {
		d.renewed[lease.Namespace] = latest(d.renewed[lease.Namespace], lease.Spec.RenewTime.Time)
	}
	return nil
}

// addDefinition keeps a definition of a kind with its schemas.
func (f *file) addDefinition(it *scan.Item) error {
	text, err := it.JSON()
	if err != nil {
		return err
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(text, definition); err != nil {
		return it.Unreadable(err)
	}
	if err := f.usage.addDecoded(decodedSize(definition)); err != nil {
		return err
	}
	f.definitions = append(f.definitions, definition)
	return nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// bulk is the large parts of objects that no check reads, by path.
var bulk = map[schema.GroupVersionKind][]string{
	facts.Nodes.Kind: {"status.images", "status.volumesInUse", "status.volumesAttached", "metadata.annotations"},
	facts.PodKind: {
		"metadata.annotations", "spec.containers", "spec.initContainers", "spec.volumes", "spec.tolerations", "spec.imagePullSecrets",
	},
}

// textOf returns the part of an object that is decoded, as JSON.
func textOf(it *scan.Item, kind schema.GroupVersionKind) ([]byte, error) {
	small := it.Pruned(func(path string) bool { return path != "metadata.managedFields" && !slices.Contains(bulk[kind], path) })
	if kind == snapshot.DefinitionKind {
		small = small.WithoutSchemas()
	}
	return small.JSON()
}

// isNamespaced says of built-in kinds that are read whether their objects are in namespaces.
func isNamespaced(kind schema.GroupVersionKind) bool {
	switch kind.Kind {
	case deployment, daemonSet, statefulSet, facts.ReplicaSetKind.Kind, facts.ControllerRevisionKind.Kind, facts.PodKind.Kind,
		facts.EventKind.Kind, configMapKind.Kind, "Lease", "EndpointSlice", "Service":
		return scheme.Scheme.Recognizes(kind)
	}
	return false
}

// reads returns the needs that the file answers completely.
func (f *file) reads() []snapshot.Read {
	var reads []snapshot.Read
	for need := range f.covered {
		reads = append(reads, snapshot.Read{Need: need, State: facts.Known})
	}
	return reads
}
