// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
)

const (
	// knockEvery is how often the API server is asked whether it is still there.
	knockEvery = 5 * time.Second
	// silenceAfter is how long it may be silent before that is told.
	silenceAfter = 15 * time.Second
)

// contact knows when the API server answered last. A watch that is silent, because nothing changes, does not tell.
type contact struct {
	client *http.Client
	url    string
	clock  clock.PassiveClock

	mu    sync.Mutex
	heard time.Time
}

func newContact(config *rest.Config, client *http.Client, now clock.PassiveClock) *contact {
	return &contact{client: client, url: strings.TrimSuffix(config.Host, "/") + "/version", clock: now, heard: now.Now()}
}

// run knocks until the context ends.
func (c *contact) run(ctx context.Context) {
	for {
		if c.knock(ctx) {
			c.mu.Lock()
			c.heard = c.clock.Now()
			c.mu.Unlock()
		}
		if !pause(ctx, knockEvery) {
			return
		}
	}
}

// knock says whether the API server answers, whatever it says; what stands before it answers with 502 and the like.
func (c *contact) knock(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, knockEvery)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return false
	}
	response, err := c.client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	return err == nil && response.StatusCode < http.StatusInternalServerError
}

// silentSince is when the API server answered last; zero while it does.
func (c *contact) silentSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock.Since(c.heard) > silenceAfter {
		return c.heard
	}
	return time.Time{}
}
