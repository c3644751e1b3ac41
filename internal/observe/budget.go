// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
)

// An informer may open watchBurst watches at once, and another one every watchInterval. A watch lasts for 5 to 10 minutes, and
// one that fails is opened again after 1, 2, 4, up to 30 seconds, which is less; but client-go opens one at once, again and again,
// that the API server answers with 410 (Expired) or ends after an event. What is listed is listed between two watches.
const (
	watchBurst    = 5
	watchInterval = 15 * time.Second
)

// budgeted returns a client that keeps the watches of one informer within their budget, and notes that one has been opened.
func (s *source) budgeted(c *http.Client, watched *atomic.Bool) *http.Client {
	budgeted := *c
	budgeted.Transport = &watchBudget{
		next: c.Transport, kind: s.need.Kind, clock: s.sources.options.Clock, metrics: s.sources.metrics,
		watches: rate.NewLimiter(rate.Every(watchInterval), watchBurst), watched: watched,
	}
	return &budgeted
}

// watchBudget has requests that open a watch wait for their turn.
type watchBudget struct {
	next    http.RoundTripper
	kind    schema.GroupVersionKind
	clock   clock.WithTicker
	metrics *metrics
	watches *rate.Limiter
	watched *atomic.Bool
}

func (b *watchBudget) RoundTrip(request *http.Request) (*http.Response, error) {
	if !request.URL.Query().Has("watch") {
		return b.next.RoundTrip(request)
	}
	now := b.clock.Now()
	delay := b.watches.ReserveN(now, 1).DelayFrom(now)
	b.metrics.countWatch(b.kind, delay > 0)
	if !sleep(request.Context(), b.clock, delay) {
		return nil, request.Context().Err()
	}
	response, err := b.next.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusOK {
		b.watched.Store(true)
	}
	return response, err
}

// WrappedRoundTripper is for client-go, which looks for the one that can cancel requests.
func (b *watchBudget) WrappedRoundTripper() http.RoundTripper { return b.next }
