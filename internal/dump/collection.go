// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/bundle"
	"github.com/archmap/archmap/internal/dump/scan"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/snapshot"
)

// collection is what all files of a dump hold.
type collection struct {
	filter   *filter
	mappings []v1alpha1.ComponentMapping
	info     *Info

	objects []client.Object
	index   map[identity]int
	reads   []snapshot.Read
	// documents are those with leases.
	documents []*document
	newest    time.Time
	bundles   []*bundle.Manifest
	unread    map[string]int
	ready     readyPods
	// differing counts objects that were there more than once, not the same.
	differing int
	example   string
}

type identity struct {
	kind            schema.GroupVersionKind
	namespace, name string
}

func newCollection(o Options) *collection {
	w := newFilter(o.Needs)
	w.everything, w.schemas = o.everything, o.Schemas
	return &collection{filter: w, mappings: o.Mappings, info: &Info{}, index: map[identity]int{}, unread: map[string]int{}, ready: newReadyPods()}
}

// maxListed is how many files and problems are listed one by one.
const maxListed = 100

func (c *collection) skip(name, reason string, warn bool) {
	if len(c.info.Skipped) < maxListed {
		c.info.Skipped = append(c.info.Skipped, name+": "+reason)
	}
	if warn {
		c.warn("%s is not read: %s", name, reason)
	}
}

func (c *collection) warn(format string, args ...any) {
	if len(c.info.Warnings) < maxListed {
		c.info.Warnings = append(c.info.Warnings, fmt.Sprintf(format, args...))
	}
}

// add takes what a file holds.
func (c *collection) add(f *file, found *scan.Summary) {
	c.info.Files++
	c.info.Objects += f.objects
	if c.info.Source == "" || f.source != "" {
		c.info.Source = cmp.Or(f.source, Kubectl)
	}
	for _, o := range f.kept {
		c.addObject(o)
	}
	c.info.Definitions = append(c.info.Definitions, f.definitions...)
	c.reads = append(c.reads, f.reads()...)
	c.ready.add(f.ready)
	c.documents = append(c.documents, f.documents...)
	c.newest = latest(c.newest, f.newest)
	for what, n := range f.unread {
		c.unread[what] += n
	}
	if f.bundle != nil {
		c.bundles = append(c.bundles, f.bundle)
	}
	for _, said := range found.Said {
		c.warn("%s: line %d: kubectl said: %s", f.name, said.Line, said.Text)
	}
}

// addObject keeps the newer of two that are the same object.
func (c *collection) addObject(o client.Object) {
	id := identity{o.GetObjectKind().GroupVersionKind(), o.GetNamespace(), o.GetName()}
	at, held := c.index[id]
	if !held {
		c.index[id] = len(c.objects)
		c.objects = append(c.objects, o)
		return
	}
	if !equality.Semantic.DeepEqual(c.objects[at], o) {
		c.differing++
		c.example = fmt.Sprintf("%s %s", id.kind.Kind, client.ObjectKeyFromObject(o))
	}
	if !older(o, c.objects[at]) {
		c.objects[at] = o
	}
}

// older reports whether a is an older state of the object than b.
func older(a, b client.Object) bool {
	if a.GetUID() != b.GetUID() {
		return a.GetCreationTimestamp().Time.Before(b.GetCreationTimestamp().Time)
	}
	x, errX := strconv.ParseUint(a.GetResourceVersion(), 10, 64)
	y, errY := strconv.ParseUint(b.GetResourceVersion(), 10, 64)
	if errX != nil || errY != nil {
		return a.GetGeneration() < b.GetGeneration()
	}
	return x < y
}

// snapshotAt makes a snapshot of what was collected.
func (c *collection) snapshotAt(at time.Time) (*snapshot.Snapshot, error) {
	d := &snapshot.Snapshot{Objects: c.objects, Reads: c.reads, Trimmed: true, Time: at, ReadyPods: c.ready.counts()}
	if c.differing > 0 {
		c.warn("%d objects are held more than once, in different states, such as %s; the newest state counts", c.differing, c.example)
	}
	for _, what := range slices.Sorted(maps.Keys(c.unread)) {
		c.warn("not read: %d %s", c.unread[what], what)
	}
	c.info.Kept = len(c.objects)
	switch {
	case len(c.bundles) > 1:
		return nil, fmt.Errorf("there are %d bundles in it; check them one by one", len(c.bundles))
	case len(c.bundles) == 1:
		return d, c.restore(c.bundles[0], d, at)
	case len(c.reads) == 0 && len(c.objects) == 0:
		return nil, c.nothing()
	case !at.IsZero():
	case c.newest.IsZero():
		return nil, fmt.Errorf("its objects do not tell when they were read; say it with --at")
	default:
		d.Time = c.newest
		for i, r := range d.Reads {
			if r.Need.Kind == leaseKind {
				d.Reads[i].At = c.leasesRead(r.Need.Namespace)
			}
		}
	}
	return d, nil
}

// restore puts into the dump what the manifest of a bundle says: nothing has to be concluded from the objects.
func (c *collection) restore(m *bundle.Manifest, d *snapshot.Snapshot, at time.Time) error {
	c.info.Source, c.info.Cluster = Bundle, m.Cluster
	if !at.IsZero() {
		c.warn("--at is ignored: the bundle says that it was collected at %s", m.CollectedAt.Format(time.RFC3339))
	}
	if c.info.Objects != m.Objects {
		return fmt.Errorf("the bundle was made with %d objects and holds %d: it is damaged", m.Objects, c.info.Objects)
	}
	if missing := m.LeftOutOf(c.objects, c.mappings); len(missing) > 0 {
		c.warn("the bundle was made for other mappings and left out what these read, which seems absent and cannot be seen: %s; collect it again with -f",
			msg.Shorten(missing, ", "))
	}
	return m.Restore(d)
}

// maxGather is how long it takes to read a cluster, one kind after the other.
const maxGather = 15 * time.Minute

var leaseKind = coordinationv1.SchemeGroupVersion.WithKind("Lease")

// leasesRead returns when the leases of a namespace were read, if that was long before the newest time of the dump: they
// would be taken for stale. It is not known, so the dump's own time counts, where something in the same document is as
// new as the dump; nor when all leases are so old that it is they that are stale.
func (c *collection) leasesRead(namespace string) time.Time {
	var read time.Time
	for _, d := range c.documents {
		renewed, held := d.renewed[namespace]
		switch {
		case !held:
		case !d.newest.Before(c.newest):
			return time.Time{}
		default:
			read = latest(read, renewed)
		}
	}
	if c.newest.Sub(read) > maxGather {
		return time.Time{}
	}
	return read
}

// nothing says why there is nothing to judge.
func (c *collection) nothing() error {
	if c.info.Objects > 0 {
		return fmt.Errorf("none of its %d objects is one that the catalog needs, by its kind, namespace and name", c.info.Objects)
	}
	why := append([]string{"it holds no objects of Kubernetes"}, c.info.Skipped...)
	return errors.New(msg.Shorten(why, "; "))
}
