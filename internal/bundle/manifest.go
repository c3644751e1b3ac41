// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bundle writes what was read from a cluster into the archive that users send to support, redacted, with a
// manifest of its contents.
package bundle

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

const (
	manifestGroup      = "bundle.archmap.dev"
	manifestAPIVersion = manifestGroup + "/v1"
	manifestKind       = "Bundle"

	manifestName = "manifest.json"
	// ReadmeName is the file of a bundle that explains it to users.
	ReadmeName = "README.txt"
)

// IsManifest reports whether an object is the manifest of a bundle, in any version.
func IsManifest(apiVersion, kind string) bool {
	return kind == manifestKind && strings.HasPrefix(apiVersion, manifestGroup+"/")
}

// CheckVersion returns an error that says what to do about a manifest that is newer than this program; else nil.
func CheckVersion(apiVersion string) error {
	if apiVersion == manifestAPIVersion {
		return nil
	}
	return fmt.Errorf("is a bundle of %s, which is newer than what is known here (%s); use a newer archmap", apiVersion, manifestAPIVersion)
}

// Manifest is the manifest of a bundle: everything but the objects.
type Manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// CollectedAt is when the cluster was read, by its own clock.
	CollectedAt time.Time `json:"collectedAt"`
	// Cluster is the name of the cluster in the kubeconfig of the user who collected.
	Cluster string `json:"cluster,omitempty"`
	// ServerVersion is the version of the API server, CollectedBy that of the collector.
	ServerVersion string `json:"serverVersion,omitempty"`
	CollectedBy   string `json:"collectedBy"`
	// Objects is how many there are in the bundle.
	Objects   int        `json:"objects"`
	Reads     []read     `json:"reads"`
	Responses []response `json:"responses,omitempty"`
	Reviews   []review   `json:"reviews,omitempty"`
	// ReadyPods counts the pods that were read and are ready: they are not in the bundle.
	ReadyPods []readyPods `json:"readyPods,omitempty"`
	LeftOut   []leftOut   `json:"leftOut,omitempty"`
}

// read is a need that was read from the cluster, and the outcome.
type read struct {
	APIVersion string  `json:"apiVersion,omitempty"`
	Kind       string  `json:"kind,omitempty"`
	Namespace  string  `json:"namespace,omitempty"`
	Name       string  `json:"name,omitempty"`
	Selector   string  `json:"selector,omitempty"`
	Fields     string  `json:"fields,omitempty"`
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

// readyPods are the ready pods of a revision of a workload.
type readyPods struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Revision  string `json:"revision"`
	Node      string `json:"node,omitempty"`
	Count     int    `json:"count"`
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

func newRead(r snapshot.Read) read {
	n := r.Need
	out := read{
		Kind: n.Kind.Kind, Namespace: n.Namespace, Name: n.Name, Selector: n.Selector, Fields: n.Fields, Path: n.Path,
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

func (r read) observed() (snapshot.Read, error) {
	state, known := states[r.State]
	if !known {
		return snapshot.Read{}, fmt.Errorf("unknown state %q of a read", r.State)
	}
	need := facts.Need{Namespace: r.Namespace, Name: r.Name, Selector: r.Selector, Fields: r.Fields, Path: r.Path}
	if r.Kind != "" {
		need.Kind = schema.FromAPIVersionAndKind(r.APIVersion, r.Kind)
	}
	if r.Review != nil {
		need.Review = facts.Review{Verb: r.Review.Verb, Group: r.Review.Group, Resource: r.Review.Resource}
	}
	return snapshot.Read{Need: need, State: state, Message: r.Message, At: r.At}, nil
}

// Restore sets in the snapshot, which holds the bundle's objects, when and how they were read, in place of what was
// concluded from the objects. It fails when the manifest is not understood.
func (m *Manifest) Restore(d *snapshot.Snapshot) error {
	d.Time, d.Reads = m.CollectedAt, nil
	for _, r := range m.Reads {
		observed, err := r.observed()
		if err != nil {
			return err
		}
		d.Reads = append(d.Reads, observed)
	}
	d.Responses, d.Reviews = map[string]facts.Response{}, map[facts.Review]snapshot.ReviewAnswer{}
	for _, r := range m.Responses {
		d.Responses[r.Path] = facts.Response{Status: r.Status, Body: r.Body}
	}
	for _, r := range m.Reviews {
		d.Reviews[facts.Review(r.access)] = snapshot.ReviewAnswer{Allowed: r.Allowed, Reason: r.Reason}
	}
	d.ReadyPods = map[facts.PodRevision]int{}
	for _, p := range m.ReadyPods {
		d.ReadyPods[facts.PodRevision{Namespace: p.Namespace, Kind: p.Kind, Name: p.Name, Hash: p.Revision, Node: p.Node}] = p.Count
	}
	return nil
}
