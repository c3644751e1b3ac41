// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// network stands between the operator and the API server: it counts requests, holds them up and cuts them.
type network struct {
	mu      sync.Mutex
	started []string
	held    []holdUp
	cut     bool
	dead    []string
	// open are the bodies of answers that are still being read, such as watches.
	open map[io.Closer]struct{}
	// done are the requests whose answer was read to its end.
	done []string
}

type holdUp struct {
	matches  func(string) bool
	released chan struct{}
}

var errCut = errors.New("the network is down")

// wrap is for rest.Config.Wrap.
func (n *network) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		line := request.Method + " " + request.URL.RequestURI()
		wait, cut := n.note(line)
		if cut {
			return nil, errCut
		}
		for _, released := range wait {
			select {
			case <-released:
			case <-request.Context().Done():
				return nil, request.Context().Err()
			}
		}
		response, err := next.RoundTrip(request)
		if err == nil {
			response.Body = n.follow(line, response.Body)
		}
		return response, err
	})
}

// follow notes when the body of an answer is closed.
func (n *network) follow(line string, body io.ReadCloser) io.ReadCloser {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open == nil {
		n.open = map[io.Closer]struct{}{}
	}
	n.open[body] = struct{}{}
	return &followed{ReadCloser: body, closed: sync.OnceFunc(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.open, body)
		n.done = append(n.done, line)
	})}
}

type followed struct {
	io.ReadCloser
	closed func()
}

func (f *followed) Close() error {
	defer f.closed()
	return f.ReadCloser.Close()
}

func (n *network) note(line string) (wait []chan struct{}, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		n.dead = append(n.dead, line)
		return nil, true
	}
	n.started = append(n.started, line)
	for _, h := range n.held {
		if h.matches(line) {
			wait = append(wait, h.released)
		}
	}
	return wait, false
}

// hold keeps requests whose method and URL contain the text from reaching the API server until released.
func (n *network) hold(text string) (release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := holdUp{matches: containing(text), released: make(chan struct{})}
	n.held = append(n.held, h)
	return sync.OnceFunc(func() { close(h.released) })
}

// setCut lets every new request fail and ends what is under way, watches too; or lets everything pass again.
func (n *network) setCut(cut bool) {
	n.mu.Lock()
	n.cut = cut
	open := n.open
	n.open = nil
	n.mu.Unlock()
	if cut {
		for body := range open {
			_ = body.Close()
		}
	}
}

// requests counts the requests whose method and URL contain the text.
func (n *network) requests(text string) int { return n.count(&n.started, text) }

// answered counts the requests whose answer was read to its end.
func (n *network) answered(text string) int { return n.count(&n.done, text) }

// failed counts the requests that were cut.
func (n *network) failed(text string) int { return n.count(&n.dead, text) }

func (n *network) count(lines *[]string, text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	matches, count := containing(text), 0
	for _, line := range *lines {
		if matches(line) {
			count++
		}
	}
	return count
}

func containing(text string) func(string) bool {
	return func(line string) bool { return strings.Contains(line, text) }
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
