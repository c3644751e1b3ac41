// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// outlook is whether a need can be met. Nearly all can be, so that nothing is asked before the first read: only when that fails
// in a way that another read will not help is it asked what is in the way, before each read, until one succeeds.
type outlook struct {
	need     facts.Need
	verbs    []string
	doubtful bool
}

// Verbs of reads.
const (
	verbGet   = "get"
	verbList  = "list"
	verbWatch = "watch"
)

// newOutlook is for what a source reads. The metadata of what is polled is watched besides.
func newOutlook(need facts.Need) outlook {
	switch {
	case need.Interval == 0:
		return outlook{need: need, verbs: []string{verbList, verbWatch}}
	case need.Name != "":
		return outlook{need: need, verbs: []string{verbGet}}
	}
	return outlook{need: need, verbs: []string{verbList}}
}

// obstacle is why the need cannot be met; nil when nothing is known to be in the way. An error means that it could not be
// told.
func (o *outlook) obstacle(ctx context.Context, api *api) (*facts.Answer, error) {
	if !o.doubtful {
		if problem, sure := api.foresee(o.need); sure {
			return problem, nil
		}
	}
	return api.probe(ctx, o.need, o.verbs...)
}

// learn notes how a read ended, and whether something was read before; it says whether to ask what is in the way now.
func (o *outlook) learn(read bool, err error) (ask bool) {
	o.doubtful = o.doubtful && !read
	lasting := errors.Is(err, errLost) || isRefusal(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
	ask = lasting && !o.doubtful
	o.doubtful = err != nil && (lasting || o.doubtful)
	return ask
}

// isRefusal says whether an API server will answer the same next time, but for other rights.
func isRefusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsMethodNotSupported(err)
}

// foresee says why a need is refused without asking anybody; sure is false where only the API server can tell.
func (a *api) foresee(need facts.Need) (problem *facts.Answer, sure bool) {
	if a.mapper == nil {
		return nil, false
	}
	mapping, err := a.mapper.RESTMapping(need.Kind.GroupKind(), need.Kind.Version)
	if err != nil {
		return nil, false
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace && need.Namespace != "" {
		return nil, false // unless the kind has been defined anew since it was mapped
	}
	return refused(need, mapping.Resource.Resource, true), true
}

// refused is why a need is not met of which all is known; nil when it may be.
func refused(need facts.Need, resource string, namespaced bool) *facts.Answer {
	switch {
	case !namespaced && need.Namespace != "":
		return new(snapshot.ClusterScoped(need.Kind))
	case resource == "secrets" && need.Kind.Group == "":
		return new(snapshot.RefuseSecrets())
	}
	return nil
}
