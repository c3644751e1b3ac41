// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/serve"
)

func current() string { return "" }

// soon is longer than anything takes, on any machine and with the race detector.
const soon = "1m"

// reportOf returns the report of a component.
func reportOf(component string) *report.Report {
	m := v1alpha1.ComponentMapping{Spec: v1alpha1.ComponentMappingSpec{Component: component}}
	m.Name = "one"
	return &report.Report{Mappings: []v1alpha1.ComponentMapping{m}, ObservedAt: time.Date(2026, 10, 2, 13, 30, 0, 0, time.UTC)}
}

// start serves until the test ends.
func start(t *testing.T, s *serve.Server) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server
}

func published(t *testing.T, s *serve.Server, component string) {
	t.Helper()
	NewWithT(t).Expect(s.Publish(reportOf(component))).To(Succeed())
}

func request(t *testing.T, method, url string, change func(*http.Request)) *http.Response {
	t.Helper()
	g := NewWithT(t)
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	g.Expect(err).NotTo(HaveOccurred())
	if change != nil {
		change(r)
	}
	response, err := http.DefaultClient.Do(r)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestGuard: the page is for those whose browser was pointed here.
func TestGuard(t *testing.T) {
	s := serve.New("box.example", current)
	published(t, s, "CoreDNS")
	server := start(t, s)
	host := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	header := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				r.Header.Set(pairs[i], pairs[i+1])
			}
		}
	}
	for name, tc := range map[string]struct {
		method, path string
		change       func(*http.Request)
		want         int
	}{
		"as asked for":                  {http.MethodGet, "/", nil, http.StatusOK},
		"localhost":                     {http.MethodGet, "/", host("localhost:8001"), http.StatusOK},
		"a tunnel at another port":      {http.MethodGet, "/", host("LOCALHOST:9000"), http.StatusOK},
		"no port":                       {http.MethodGet, "/", host("localhost"), http.StatusOK},
		"an IPv6 address":               {http.MethodGet, "/", host("[::1]:8001"), http.StatusOK},
		"an IPv6 address, no port":      {http.MethodGet, "/", host("[::1]"), http.StatusOK},
		"the name it was given":         {http.MethodGet, "/", host("box.example:8001"), http.StatusOK},
		"a name that was rebound":       {http.MethodGet, "/", host("evil.example:8001"), http.StatusMisdirectedRequest},
		"a name that begins alike":      {http.MethodGet, "/", host("localhost.evil.example"), http.StatusMisdirectedRequest},
		"a name that looks like one":    {http.MethodGet, "/", host("127.0.0.1.evil.example:80"), http.StatusMisdirectedRequest},
		"events for a rebound name":     {http.MethodGet, "/events", host("evil.example"), http.StatusMisdirectedRequest},
		"the head":                      {http.MethodHead, "/", nil, http.StatusOK},
		"the head of the events":        {http.MethodHead, "/events", nil, http.StatusOK},
		"to write":                      {http.MethodPost, "/", nil, http.StatusMethodNotAllowed},
		"to delete":                     {http.MethodDelete, "/events", nil, http.StatusMethodNotAllowed},
		"to ask what it may":            {http.MethodOptions, "/", nil, http.StatusMethodNotAllowed},
		"what there is not":             {http.MethodGet, "/etc/passwd", nil, http.StatusNotFound},
		"a link elsewhere":              {http.MethodGet, "/", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), http.StatusOK},
		"a link, in a window":           {http.MethodGet, "/", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"), http.StatusOK},
		"a frame elsewhere":             {http.MethodGet, "/", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"), http.StatusForbidden},
		"a link to the events":          {http.MethodGet, "/events", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), http.StatusForbidden},
		"a link of a neighbor":          {http.MethodGet, "/events", header("Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate"), http.StatusForbidden},
		"a link to what there is not":   {http.MethodGet, "/other", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), http.StatusForbidden},
		"the events, typed":             {http.MethodHead, "/events", header("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"), http.StatusOK},
		"the page itself":               {http.MethodHead, "/events", header("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"), http.StatusOK},
		"an old browser elsewhere":      {http.MethodGet, "/events", header("Origin", "https://evil.example"), http.StatusForbidden},
		"a file that listens":           {http.MethodGet, "/events", header("Origin", "null"), http.StatusForbidden},
		"another port":                  {http.MethodGet, "/", func(r *http.Request) { r.Host = "localhost:8001"; r.Header.Set("Origin", "http://localhost:9000") }, http.StatusForbidden},
		"its own origin":                {http.MethodGet, "/", func(r *http.Request) { r.Host = "localhost:8001"; r.Header.Set("Origin", "http://localhost:8001") }, http.StatusOK},
		"a script elsewhere":            {http.MethodGet, "/", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), http.StatusForbidden},
		"a page elsewhere that listens": {http.MethodGet, "/events", header("Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			response := request(t, tc.method, server.URL+tc.path, tc.change)
			g.Expect(response.StatusCode).To(Equal(tc.want))
			g.Expect(response.Header).NotTo(HaveKey("Access-Control-Allow-Origin"))
			g.Expect(response.Header.Get("X-Content-Type-Options")).To(Equal("nosniff"))
			g.Expect(response.Header.Get("Referrer-Policy")).To(Equal("no-referrer"))
			g.Expect(response.Header.Get("Cross-Origin-Resource-Policy")).To(Equal("same-origin"))
			g.Expect(response.Header.Get("Cache-Control")).To(Equal("no-store"))
			if tc.want != http.StatusOK {
				body, err := io.ReadAll(response.Body)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(string(body)).NotTo(ContainSubstring("CoreDNS"))
			}
		})
	}
}

// TestEarlyPage: who comes before there is anything to see, waits.
func TestEarlyPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve.New("", current)
		g := NewWithT(t)
		early, served := httptest.NewRecorder(), false
		go func() {
			s.Handler().ServeHTTP(early, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil))
			served = true
		}()
		synctest.Wait()
		g.Expect(served).To(BeFalse())
		published(t, s, "Okapi")
		synctest.Wait()
		g.Expect(served).To(BeTrue())
		g.Expect(early.Body.String()).To(And(ContainSubstring("Okapi"), ContainSubstring(`data-events="/events"`)))
	})
}

// TestPage: the page is the newest, with the policy that it has as a file, and must not be framed.
func TestPage(t *testing.T) {
	g := NewWithT(t)
	s := serve.New("", current)
	server := start(t, s)
	published(t, s, "Zebra")
	response := request(t, http.MethodGet, server.URL, nil)
	body, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(body)).To(And(ContainSubstring("Zebra"), Not(ContainSubstring("Okapi"))))
	policy := report.HTMLPolicy(report.HTMLOptions{Events: "/events"})
	g.Expect(response.Header.Get("Content-Security-Policy")).To(Equal(policy + "; frame-ancestors 'none'"))
	g.Expect(response.Header.Get("Content-Type")).To(Equal("text/html; charset=utf-8"))
}

type event struct{ Name, Data string }

// events returns those of a stream, as they come.
func events(t *testing.T, server *httptest.Server) <-chan event {
	t.Helper()
	response := request(t, http.MethodGet, server.URL+"/events", nil)
	NewWithT(t).Expect(response.Header.Get("Content-Type")).To(Equal("text/event-stream; charset=utf-8"))
	out := make(chan event, 1000)
	go func() {
		defer close(out)
		var e event
		lines := bufio.NewScanner(response.Body)
		for lines.Buffer(nil, 1<<24); lines.Scan(); {
			switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
			case "event":
				e.Name = value
			case "data":
				e.Data += value + "\n"
			case "":
				if e.Name != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out
}

func main(text string) any {
	return And(HaveField("Name", "main"), HaveField("Data", ContainSubstring(text)))
}
func beat(text string) any { return Equal(event{"beat", text + "\n"}) }

// TestEvents: a page hears at once what there is, then what is newer, and whether it is stale.
func TestEvents(t *testing.T) {
	g := NewWithT(t)
	var stale atomic.Value
	stale.Store("")
	s := serve.New("", func() string { return stale.Load().(string) })
	server := start(t, s)
	early := events(t, server)
	g.Eventually(early, soon).Should(Receive(beat("")))
	published(t, s, "first\r\nline")
	g.Eventually(early, soon).Should(Receive(main("first")))
	g.Eventually(early, soon).Should(Receive(beat("")))

	late := events(t, server)
	g.Eventually(late, soon).Should(Receive(main("first")))
	g.Eventually(late, soon).Should(Receive(beat("")))
	stale.Store("nobody answers")
	published(t, s, "second")
	for _, stream := range []<-chan event{early, late} {
		g.Eventually(stream, soon).Should(Receive(main("second")))
		g.Eventually(stream, soon).Should(Receive(beat("nobody answers")))
	}
}

// TestSlowReader: who does not read holds nobody up, and misses what is superseded.
func TestSlowReader(t *testing.T) {
	g := NewWithT(t)
	s := serve.New("", current)
	published(t, s, "first")
	server := start(t, s)
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = connection.Close() })
	_, err = io.WriteString(connection, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	g.Expect(err).NotTo(HaveOccurred())

	quick := events(t, server)
	g.Eventually(quick, soon).Should(Receive(main("first")))
	big := strings.Repeat("big ", 1<<15)
	for range 20 {
		published(t, s, big)
	}
	published(t, s, "last")
	g.Eventually(quick, soon).Should(Receive(main("last")))
}

// TestEnd: the server ends within a second or so, although pages are open.
func TestEnd(t *testing.T) {
	g := NewWithT(t)
	s := serve.New("", current)
	published(t, s, "first")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	stream := events(t, &httptest.Server{URL: "http://" + listener.Addr().String()})
	g.Eventually(stream, soon).Should(Receive(main("first")))
	cancel()
	g.Eventually(ended, soon).Should(Receive(BeNil()))
	g.Eventually(stream, soon).Should(BeClosed())
}

// TestReaders: there is an end to how many pages are open. Who opens all of them, and never reads, keeps nobody out.
func TestReaders(t *testing.T) {
	g := NewWithT(t)
	s := serve.New("", current)
	published(t, s, "first")
	server := start(t, s)
	var silent []net.Conn
	for range 100 {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		t.Cleanup(func() { _ = connection.Close() })
		_, err = io.WriteString(connection, "GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		g.Expect(err).NotTo(HaveOccurred())
		_, err = io.ReadFull(connection, make([]byte, len("HTTP/1.1 200")))
		g.Expect(err).NotTo(HaveOccurred(), "it is in")
		silent = append(silent, connection)
	}
	g.Eventually(events(t, server), soon).Should(Receive(main("first")))
	_, err := io.Copy(io.Discard, silent[0])
	g.Expect(err).NotTo(HaveOccurred(), "the first has ended")
	g.Expect(request(t, http.MethodGet, server.URL, nil).StatusCode).To(Equal(http.StatusOK))
}
