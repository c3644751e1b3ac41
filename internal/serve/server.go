// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serve serves the page of a cluster, and updates it by server-sent events whenever the cluster changes.
package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/archmap/archmap/internal/report"
)

const (
	// beat is how often an open page gets an event that it is still served, and whether it is stale.
	beat = 5 * time.Second
	// writing is how long a reader may take to receive something.
	writing = 10 * time.Second
	// retry is after what time a page that was cut off comes back.
	retry = 2 * time.Second
	// farewell is how long those who are being served have when the server ends.
	farewell = time.Second
)

// Server serves the newest report.
type Server struct {
	// Name by which browsers may ask for the server, besides localhost and addresses.
	Name string
	// Stale says why what is shown may be out of date; it is empty while it is current.
	Stale func() string

	mu      sync.Mutex
	newest  *edition
	readers readers
}

// edition is a report ready to be sent. superseded is closed when there is a newer one.
type edition struct {
	page, main []byte
	superseded chan struct{}
}

// New returns a server without a report yet.
func New(name string, stale func() string) *Server {
	return &Server{Name: name, Stale: stale, newest: &edition{superseded: make(chan struct{})}}
}

const (
	pagePath   = "/"
	eventsPath = "/events"
)

// Publish replaces the report.
func (s *Server) Publish(r *report.Report) error {
	var page, main bytes.Buffer
	if err := report.HTML(&page, r, report.HTMLOptions{Events: eventsPath}); err != nil {
		return err
	}
	if err := report.HTMLMain(&main, r); err != nil {
		return err
	}
	next := &edition{page: page.Bytes(), main: main.Bytes(), superseded: make(chan struct{})}
	s.mu.Lock()
	old := s.newest
	s.newest = next
	s.mu.Unlock()
	close(old.superseded)
	return nil
}

// current returns the newest edition. Its page is nil until something was published.
func (s *Server) current() *edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

// Handler serves the page and its events.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.servePage)
	mux.HandleFunc(eventsPath, s.serveEvents)
	return guard(s.Name, mux)
}

// servePage waits for the first report when there is none yet.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	e := s.current()
	if e.page == nil {
		select {
		case <-e.superseded:
			e = s.current()
		case <-r.Context().Done():
			http.Error(w, "Nothing to show.", http.StatusServiceUnavailable)
			return
		}
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(e.page)))
	// The page has the same policy, except frame-ancestors, which only a header can set.
	header.Set("Content-Security-Policy", report.HTMLPolicy(report.HTMLOptions{Events: eventsPath})+"; frame-ancestors 'none'")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writing))
	_, _ = w.Write(e.page)
}

// serveEvents sends the newest report, and newer ones as the reader keeps up: a slow reader
// misses some, and delays no other.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if r.Method == http.MethodHead {
		return // it keeps nobody out
	}
	reader := s.enter(hostOf(r.RemoteAddr))
	defer s.leave(reader)
	stream := stream{w: w, control: http.NewResponseController(w)}
	if stream.send(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds())) != nil {
		return
	}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	var sent *edition
	for {
		e := s.current()
		if e != sent && e.main != nil {
			if stream.event("main", e.main) != nil {
				return
			}
			sent = e
		}
		if stream.event("beat", []byte(s.Stale())) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-reader.replaced:
			return
		case <-e.superseded:
		case <-ticker.C:
		}
	}
}

func (s *Server) enter(host string) *reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers.enter(host)
}

func (s *Server) leave(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers.leave(r)
}

// Serve serves until the context ends, and returns when all requests have ended.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	// Requests end with the context, and with them the streams, which would never end by themselves.
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler: s.Handler(), BaseContext: func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: writing, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 16,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		cancel()
		patience, done := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer done()
		if server.Shutdown(patience) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
