// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

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

	// patience is how long a refusal must last until it is believed. refusedSince is since when every attempt was refused, zero
	// when the last one was not, and believed whether that is for long enough.
	patience     time.Duration
	refusedSince time.Time
	believed     bool
	// watched is set when a watch has been opened: what is refused after that is refused for the first time.
	watched *atomic.Bool
}

const (
	// refusalTime is how long a refusal must last until it is believed, at most half a RetryInterval: an API server that starts
	// refuses everybody, and says so in access reviews, until it has read the roles, which takes it some seconds.
	refusalTime = 15 * time.Second
	// refusalReads is how often what was refused is tried again in that time.
	refusalReads = 3
)

// Verbs of reads.
const (
	verbGet   = "get"
	verbList  = "list"
	verbWatch = "watch"
)

// newOutlook is for what a source reads. The metadata of what is polled is watched besides.
func newOutlook(need facts.Need, retryInterval time.Duration) outlook {
	o := outlook{need: need, verbs: []string{verbList}, patience: min(refusalTime, retryInterval/2), watched: &atomic.Bool{}}
	switch {
	case need.Interval == 0:
		o.verbs = []string{verbList, verbWatch}
	case need.Name != "":
		o.verbs = []string{verbGet}
	}
	return o
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
	lasting := errors.Is(err, errLost) || isLasting(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
	ask = lasting && !o.doubtful
	o.doubtful = err != nil && (lasting || o.doubtful)
	return ask
}

// isLasting says whether an API server that has started will answer the same next time, but for other rights. That it accepts no
// token is no matter of rights, and may pass.
func isLasting(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsMethodNotSupported(err)
}

// refusal is an error: somebody may not do what was tried, as an access review or a path says.
type refusal struct {
	// message says which right is missing.
	message string
}

func (r *refusal) Error() string { return "not permitted: " + r.message }

// refusalOf says whether an error is that something is not permitted, and what.
func refusalOf(err error) (message string, refused bool) {
	if own, ok := errors.AsType[*refusal](err); ok {
		return own.message, true
	}
	if apierrors.IsForbidden(err) {
		return err.Error(), true
	}
	return "", false
}

// believe returns the answer to a need whose reads have been refused for long enough: whatever fails for another reason meanwhile,
// and whatever succeeds, begins that time again. Until then what was known stands, and the answer is nil.
func (o *outlook) believe(err error, now time.Time) *facts.Answer {
	message, refused := refusalOf(err)
	if o.watched.Swap(false) {
		o.refusedSince = time.Time{}
	}
	switch {
	case !refused:
		o.refusedSince = time.Time{}
		return nil
	case o.refusedSince.IsZero():
		o.refusedSince = now
	}
	if o.believed = now.Sub(o.refusedSince) >= o.patience; !o.believed {
		return nil
	}
	return &facts.Answer{State: facts.NotPermitted, Message: message}
}

// unconfirmed says whether the last attempt was refused, which is not believed yet.
func (o *outlook) unconfirmed() bool { return !o.refusedSince.IsZero() && !o.believed }

// soon is how long to wait until what is refused and not believed yet is tried again.
func (o *outlook) soon() time.Duration { return o.patience / refusalReads }

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
