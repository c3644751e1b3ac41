// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

const (
	// kindsInterval is the time between two looks at which kinds are served, while somebody waits for one that is not.
	kindsInterval = 5 * time.Second
	// maxDiscovery is how much of the list of kinds is read, in bytes.
	maxDiscovery = 32 << 20
)

// kinds tells when the API server serves other kinds than before, as when a definition is installed. It asks for nothing
// but that, as everybody may, and only while somebody waits: that costs one small request for all who do.
type kinds struct {
	*turn
	// wanted has room for one signal that somebody waits.
	wanted chan struct{}

	mu      sync.Mutex
	waiting int
}

func newKinds() *kinds { return &kinds{turn: newTurn(), wanted: make(chan struct{}, 1)} }

// wait has changes looked for until done is called.
func (k *kinds) wait() (done func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting++
	signal(k.wanted)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.waiting--
	}
}

// awaitWaiting waits until somebody waits, and reports whether the context is still alive.
func (k *kinds) awaitWaiting(ctx context.Context) bool {
	for {
		k.mu.Lock()
		waiting := k.waiting > 0
		k.mu.Unlock()
		if waiting {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-k.wanted:
		}
	}
}

// follow looks which kinds are served until the context ends. What was served before the first look is not known, so that
// the first one counts as a change: who waits looks once more.
func (k *kinds) follow(ctx context.Context, by clock.WithTicker, api *api) {
	last := ""
	for k.awaitWaiting(ctx) {
		if served, err := api.servedKinds(ctx, last); err == nil && served != last {
			last = served
			k.tell()
		}
		if !sleep(ctx, by, wait.Jitter(kindsInterval, jitter)) {
			return
		}
	}
}

// discovery accepts the list of all kinds, which has an ETag, and of API servers before Kubernetes 1.26 that of groups.
const discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// servedKinds returns what is another text when other kinds are served than at the last look.
func (a *api) servedKinds(ctx context.Context, last string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.config.Host, "/")+"/apis", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", discovery)
	if last != "" {
		request.Header.Set("If-None-Match", last)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusNotModified:
		return last, nil
	case http.StatusOK:
	default:
		return "", fmt.Errorf("GET /apis answers %s", response.Status)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(response.Body, maxDiscovery)); err != nil {
		return "", err
	}
	if tag := response.Header.Get("ETag"); tag != "" {
		return tag, nil
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
