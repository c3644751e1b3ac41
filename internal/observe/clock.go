// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"net/http"
	"sync"
	"time"
)

// ServerClock is the time of the API server, as its answers tell it: whether a lease is stale must not depend on the
// clock of whoever asks.
type ServerClock struct {
	mu sync.Mutex
	// told is the latest time that an answer told, noted is when it came by the clock of this machine.
	told, noted time.Time
}

// Wrap has the clock read the answers that come through.
func (c *ServerClock) Wrap(next http.RoundTripper) http.RoundTripper { return &clockReader{c, next} }

// clockReader lets a ServerClock read answers.
type clockReader struct {
	clock *ServerClock
	next  http.RoundTripper
}

func (r *clockReader) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err == nil {
		r.clock.note(response.Header.Get("Date"))
	}
	return response, err
}

// WrappedRoundTripper is for client-go, which looks for the one that can cancel requests.
func (r *clockReader) WrappedRoundTripper() http.RoundTripper { return r.next }

func (c *ServerClock) note(date string) {
	t, err := http.ParseTime(date)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && t.After(c.told) {
		c.told, c.noted = t, time.Now()
	}
}

// Now is the time that an answer told and what has passed since, to the second; the clock of this machine when no
// answer told any.
func (c *ServerClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.IsZero() {
		return time.Now()
	}
	return c.told.Add(time.Since(c.noted)).Truncate(time.Second)
}
