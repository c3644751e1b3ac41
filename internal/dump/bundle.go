// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/observe"
)

const (
	bundleGroup      = "bundle.archmap.dev"
	bundleAPIVersion = bundleGroup + "/v1"
	bundleKind       = "Bundle"

	manifestName = "manifest.json"
	readmeName   = "README.txt"
)

// Manifest is what a bundle says of itself: everything but the objects.
type Manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// CollectedAt is when the cluster was read, by its own clock.
	CollectedAt time.Time `json:"collectedAt"`
	// Cluster is the name under which whoever collected knows the cluster.
	Cluster string `json:"cluster,omitempty"`
	// ServerVersion is the version of the API server, CollectedBy that of the collector.
	ServerVersion string `json:"serverVersion,omitempty"`
	CollectedBy   string `json:"collectedBy"`
	// Objects is how many there are in the bundle.
	Objects   int        `json:"objects"`
	Reads     []read     `json:"reads"`
	Responses []response `json:"responses,omitempty"`
	Reviews   []review   `json:"reviews,omitempty"`
	LeftOut   []leftOut  `json:"leftOut,omitempty"`
}

// read is what was asked of the cluster, and what came of it.
type read struct {
	APIVersion string  `json:"apiVersion,omitempty"`
	Kind       string  `json:"kind,omitempty"`
	Namespace  string  `json:"namespace,omitempty"`
	Name       string  `json:"name,omitempty"`
	Selector   string  `json:"selector,omitempty"`
	Path       string  `json:"path,omitempty"`
	Review     *access `json:"review,omitempty"`
	State      string  `json:"state"`
	Message    string  `json:"message,omitempty"`
	// At is when it was read, where that is not when the bundle was collected.
	At time.Time `json:"at,omitzero"`
}

type access struct {
	Verb     string `json:"verb"`
	Group    string `json:"group,omitempty"`
	Resource string `json:"resource"`
}

type response struct {
	Path   string `json:"path"`
	Status int    `json:"status"`
	Body   string `json:"body"`
}

type review struct {
	access

	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason,omitempty"`
}

// states are the outcomes of reads, by name.
var states = map[string]facts.State{
	"Known": facts.Known, "NotServed": facts.NotServed, "NotPermitted": facts.NotPermitted, "Failed": facts.Failed, "NotHeld": facts.NotHeld,
}

func stateName(s facts.State) string {
	for name, state := range states {
		if state == s {
			return name
		}
	}
	return "Failed"
}

func newRead(r observe.Read) read {
	n := r.Need
	out := read{
		Kind: n.Kind.Kind, Namespace: n.Namespace, Name: n.Name, Selector: n.Selector, Path: n.Path,
		State: stateName(r.State), Message: r.Message, At: r.At.UTC(),
	}
	if n.Kind.Kind != "" {
		out.APIVersion = n.Kind.GroupVersion().String()
	}
	if n.Review != (facts.Review{}) {
		out.Review = &access{n.Review.Verb, n.Review.Group, n.Review.Resource}
	}
	return out
}

func (r read) observed() (observe.Read, error) {
	state, known := states[r.State]
	if !known {
		return observe.Read{}, fmt.Errorf("unknown state %q of a read", r.State)
	}
	need := facts.Need{Namespace: r.Namespace, Name: r.Name, Selector: r.Selector, Path: r.Path}
	if r.Kind != "" {
		need.Kind = schema.FromAPIVersionAndKind(r.APIVersion, r.Kind)
	}
	if r.Review != nil {
		need.Review = facts.Review{Verb: r.Review.Verb, Group: r.Review.Group, Resource: r.Review.Resource}
	}
	return observe.Read{Need: need, State: state, Message: r.Message, At: r.At}, nil
}

// addManifest takes what a bundle says of itself.
func (f *file) addManifest(it *item) error {
	if it.apiVersion != bundleAPIVersion {
		return &problem{line: it.line, text: fmt.Sprintf("is a bundle of %s, which is newer than what is known here (%s); use a newer archmap",
			it.apiVersion, bundleAPIVersion)}
	}
	text, err := it.asJSON()
	if err != nil {
		return err
	}
	f.bundle = &Manifest{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, f.bundle); err != nil {
		return it.misread(err)
	}
	if f.bundle.CollectedAt.IsZero() {
		return &problem{line: it.line, text: "the manifest does not say when the bundle was collected"}
	}
	f.source = Bundle
	return nil
}

// asBundle puts into the dump what the manifest says: nothing has to be concluded from the objects.
func (c *collection) asBundle(m *Manifest, d *observe.Dump, at time.Time) error {
	c.info.Source, c.info.Cluster = Bundle, m.Cluster
	if !at.IsZero() {
		c.warn("--at is ignored: the bundle says that it was collected at %s", m.CollectedAt.Format(time.RFC3339))
	}
	if c.info.Objects != m.Objects {
		return fmt.Errorf("the bundle was made with %d objects and holds %d: it is damaged", m.Objects, c.info.Objects)
	}
	c.warnLeftOut(m, c.mappings)
	d.Time, d.Reads = m.CollectedAt, nil
	for _, r := range m.Reads {
		observed, err := r.observed()
		if err != nil {
			return err
		}
		d.Reads = append(d.Reads, observed)
	}
	d.Responses, d.Reviews = map[string]facts.Response{}, map[facts.Review]observe.ReviewAnswer{}
	for _, r := range m.Responses {
		d.Responses[r.Path] = facts.Response{Status: r.Status, Body: r.Body}
	}
	for _, r := range m.Reviews {
		d.Reviews[facts.Review(r.access)] = observe.ReviewAnswer{Allowed: r.Allowed, Reason: r.Reason}
	}
	return nil
}
