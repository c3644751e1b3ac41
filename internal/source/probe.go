// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

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
	// probeEvery is how often the API server is asked whether it is still there.
	probeEvery = 5 * time.Second
	// silenceAfter is how long it may be silent before that is reported.
	silenceAfter = 15 * time.Second
)

// probe knows when the API server answered last. A watch does not show it while nothing changes.
type probe struct {
	client *http.Client
	url    string
	clock  clock.PassiveClock

	mu       sync.Mutex
	answered time.Time
}

func newProbe(config *rest.Config, client *http.Client, now clock.PassiveClock) *probe {
	return &probe{client: client, url: strings.TrimSuffix(config.Host, "/") + "/version", clock: now, answered: now.Now()}
}

// run asks until the context ends.
func (p *probe) run(ctx context.Context) {
	for {
		if p.answers(ctx) {
			p.mu.Lock()
			p.answered = p.clock.Now()
			p.mu.Unlock()
		}
		if !pause(ctx, probeEvery) {
			return
		}
	}
}

// answers reports whether the API server answers, whatever it says, unless it doesn't know who asks; what stands before it answers
// with 502 and the like.
func (p *probe) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return false
	}
	response, err := p.client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	return err == nil && response.StatusCode < http.StatusInternalServerError && response.StatusCode != http.StatusUnauthorized
}

// silentSince returns when the API server answered last; zero while it does.
func (p *probe) silentSince() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock.Since(p.answered) > silenceAfter {
		return p.answered
	}
	return time.Time{}
}
