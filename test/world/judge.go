// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/test/shapes"
)

// AzureRBACOpinion is what the authorizer of a cluster with Azure RBAC says of a user that Azure does not know.
const AzureRBACOpinion = "kubeguard: Azure does not have opinion for this user."

// shippedRows is the shipped catalog.
var shippedRows = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load(catalog.AKS, catalog.AKSExtras) })

// shipped is the same, ready to be judged.
var shipped = sync.OnceValues(func() (*judge.Catalog, error) {
	rows, err := shippedRows()
	if err != nil {
		return nil, err
	}
	return judge.Compile(&rows.Architectures[0], rows.Mappings), nil
})

// Verdicts are archmap's verdicts on a world.
type Verdicts struct {
	Mappings     map[string]*v1alpha1.ComponentMapping
	Architecture *v1alpha1.ClusterArchitecture
	// PodLists is how many lists of pods were asked for, RevisionLists how many of ReplicaSets and ControllerRevisions.
	PodLists, RevisionLists int
}

// Summary returns the verdicts in the form of a shape's expected.yaml.
func (v *Verdicts) Summary() map[string]shapes.Expected {
	out := map[string]shapes.Expected{}
	for name, m := range v.Mappings {
		out[name] = shapes.Verdict(m)
	}
	return out
}

// Judge judges the world as it is now, and continues from the previous verdicts.
func (w *World) Judge() (*Verdicts, error) {
	compiled, err := shipped()
	if err != nil {
		return nil, err
	}
	s, err := w.Snapshot()
	if err != nil {
		return nil, err
	}
	w.verdicts = compiled.JudgeAgain(s, w.verdicts)
	verdicts := &Verdicts{Mappings: map[string]*v1alpha1.ComponentMapping{}, Architecture: w.verdicts.Architecture.DeepCopy()}
	for i := range w.verdicts.Mappings {
		m := w.verdicts.Mappings[i] // its spec stays as it is
		m.Status = *m.Status.DeepCopy()
		verdicts.Mappings[m.Name] = &m
	}
	pods, revisions := sets.New[facts.Demand](), sets.New[facts.Need]()
	for _, d := range w.verdicts.Further {
		switch d.Kind {
		case facts.PodKind:
			pods.Insert(d)
		case facts.ReplicaSetKind, facts.ControllerRevisionKind:
			revisions.Insert(d.Need)
		}
	}
	verdicts.PodLists, verdicts.RevisionLists = pods.Len(), revisions.Len()
	return verdicts, nil
}

// Snapshot returns everything that can be read of the world now.
func (w *World) Snapshot() (*snapshot.Snapshot, error) {
	objects, err := w.converge()
	if err != nil {
		return nil, err
	}
	responses, err := w.responses()
	if err != nil {
		return nil, err
	}
	s := &snapshot.Snapshot{
		Time: w.now, Coverage: snapshot.Complete, Objects: objects, Responses: responses, Reviews: map[facts.Review]snapshot.ReviewAnswer{},
	}
	if w.state.opinion != "" {
		compiled, err := shipped()
		if err != nil {
			return nil, err
		}
		for _, need := range compiled.Needs() {
			if need.Review != (facts.Review{}) {
				s.Reviews[need.Review] = snapshot.ReviewAnswer{Reason: w.state.opinion}
			}
		}
	}
	return s, nil
}

// readyChecks are the parts of /readyz that AKS clusters show, and some that every cluster has.
var readyChecks = []string{
	"ping", "log", "etcd", "etcd-readiness", "informer-sync", "poststarthook/start-apiextensions-informers",
	"poststarthook/crd-informer-synced", "poststarthook/apiservice-status-available-controller", "shutdown",
}

// responses returns the answers of the API server.
func (w *World) responses() (map[string]facts.Response, error) {
	ok := facts.Response{Status: http.StatusOK, Body: "ok"}
	out := map[string]facts.Response{"/livez": ok, "/readyz": ok}
	var verbose strings.Builder
	for _, name := range readyChecks {
		if name == "etcd-readiness" && !w.atLeast("1.26") {
			continue
		}
		out["/readyz/"+name] = ok
		verbose.WriteString("[+]" + name + " ok\n")
	}
	out["/readyz?verbose"] = facts.Response{Status: http.StatusOK, Body: verbose.String() + "readyz check passed\n"}

	issuer := w.shape.Issuer
	if issuer == "" {
		issuer = "https://kubernetes.default.svc"
	}
	for path, body := range map[string]any{
		"/version": map[string]any{"gitVersion": w.shape.KubernetesVersion, "platform": "linux/amd64"},
		"/.well-known/openid-configuration": map[string]any{
			"issuer": issuer, "jwks_uri": strings.TrimSuffix(issuer, "/") + "/openid/v1/jwks", "response_types_supported": []string{"id_token"},
		},
	} {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		out[path] = facts.Response{Status: http.StatusOK, Body: string(text)}
	}
	maps.Copy(out, w.state.answers)
	return out, nil
}

func (w *World) atLeast(minor string) bool {
	v, err := version.ParseGeneric(w.shape.KubernetesVersion)
	return err == nil && v.AtLeast(version.MustParseGeneric(minor))
}

// Run lets the duration pass and judges the world once every interval; it returns the last verdicts.
func (w *World) Run(d time.Duration, every time.Duration) (*Verdicts, error) {
	end := w.now.Add(d)
	for w.now.Before(end) {
		w.Advance(min(every, end.Sub(w.now)))
		verdicts, err := w.Judge()
		if err != nil || !w.now.Before(end) {
			return verdicts, err
		}
	}
	return w.Judge()
}
