// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/facts"
)

// roundTripper is an API server that needs no network.
type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	return f(request), nil
}

func pathAPI(answer roundTripper) *api {
	return &api{config: &rest.Config{Host: "https://cluster"}, http: &http.Client{Transport: answer}, now: time.Now}
}

func respond(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// TestPathsAreChecked: what the API server should not have accepted is not asked for.
func TestPathsAreChecked(t *testing.T) {
	asked := 0
	a := pathAPI(func(*http.Request) *http.Response {
		asked++
		return respond(http.StatusOK, "ok")
	})
	for _, path := range []string{
		"/openapi/v2?m=1", "/metrics", "/logs/a", "/debug/pprof/heap", "/api/v1/secrets", "/api/v1/nodes/a/proxy/metrics", "/readyz/../api/v1/secrets",
		"/%61pi/v1/secrets", "//elsewhere.example/readyz", "@elsewhere.example/readyz", ".elsewhere.example/readyz", ":1/readyz", "/READYZ", "/readyz#a", "/readyz?m=1",
	} {
		answer, err := a.ask(t.Context(), facts.Need{Path: path})
		g := NewWithT(t)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(answer).To(And(HaveField("State", facts.Failed), HaveField("Message", HavePrefix(fmt.Sprintf("path %q is not read: it m", path)))))
		g.Expect(asked).To(BeZero(), path)
	}
}

// TestRedirects: a path that leads to another is not followed, wherever that is.
func TestRedirects(t *testing.T) {
	g := NewWithT(t)
	var asked []string
	a := pathAPI(func(r *http.Request) *http.Response {
		asked = append(asked, r.URL.String())
		response := respond(http.StatusTemporaryRedirect, "")
		response.Header.Set("Location", "https://elsewhere.example/api/v1/secrets")
		return response
	})
	answer, err := a.ask(t.Context(), facts.Need{Path: "/readyz"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(answer.Response.Status).To(Equal(http.StatusTemporaryRedirect))
	g.Expect(asked).To(Equal([]string{"https://cluster/readyz"}))
}

// TestBodies: a body is read up to its limit, and kept only where it is read.
func TestBodies(t *testing.T) {
	g := NewWithT(t)
	body := strings.Repeat("x", facts.MaxBody)
	ask := func(mask facts.Mask) facts.Answer {
		a := pathAPI(func(*http.Request) *http.Response { return respond(http.StatusOK, body) })
		answer, err := a.ask(t.Context(), facts.Need{Path: "/readyz", Mask: mask.String()})
		g.Expect(err).NotTo(HaveOccurred())
		return answer
	}
	g.Expect(ask(nil).Response.Body).To(Equal(body))
	g.Expect(ask(facts.StatusMask).Response).To(Equal(facts.Response{Status: http.StatusOK}))
	body += "x"
	g.Expect(ask(nil)).To(Equal(facts.Answer{State: facts.Failed, Message: "the response to GET /readyz is larger than 64 KiB"}))
	g.Expect(ask(facts.StatusMask).Response).To(Equal(facts.Response{Status: http.StatusOK}))
}

// TestManyPaths: 192 paths of the largest size that are to be read every five seconds are read at the rate of all that is
// polled, and no body is held but those that are read.
func TestManyPaths(t *testing.T) {
	const checks, reading = 192, 16
	var asked atomic.Int64
	var a *api
	var o *observer
	inBubble(t, Options{}, nil, (*source).run, func(bubble *observer) {
		o = bubble
		a = pathAPI(func(*http.Request) *http.Response {
			asked.Add(1)
			return respond(http.StatusOK, strings.Repeat("x", facts.MaxBody))
		})
		o.sources.api = a
		before := live()
		o.start()
		for i := range checks {
			need := facts.Need{Path: fmt.Sprintf("/readyz?exclude=%d", i), Interval: 5 * time.Second, Mask: facts.StatusMask.String()}
			if i < reading {
				need.Mask = ""
			}
			o.sources.Want(need)
		}
		synctest.Wait()
		o.g.Expect(asked.Load()).To(BeEquivalentTo(pollBurst), "a burst at the start")
		const minute = 60
		for range 10 * minute {
			o.pass(100 * time.Millisecond)
		}
		o.g.Expect(asked.Load()).To(And(
			BeNumerically("<=", pollBurst+pollsPerSecond*minute+1), BeNumerically(">", pollsPerSecond*minute)), "requests in a minute")
		o.g.Expect(live()-before).To(BeNumerically("<", reading*facts.MaxBody+4<<20), "bytes")
		for i := range checks {
			answer := o.sources.source(facts.Need{Path: fmt.Sprintf("/readyz?exclude=%d", i), Interval: 5 * time.Second}).current()
			o.g.Expect(answer.State).To(Equal(facts.Known), "each is read")
			o.g.Expect(answer.Response.Body).To(HaveLen(map[bool]int{true: facts.MaxBody}[i < reading]))
		}
	})
}

// Whoever gives up before its turn costs nobody a turn: a mapping that is edited all the time, of which each edit polls anew, holds
// up no other.
func TestTurnsThatAreGivenUp(t *testing.T) {
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		o.sources.api = pathAPI(func(*http.Request) *http.Response { return respond(http.StatusOK, "ok") })
		o.start()
		path := func(i int) facts.Need {
			return facts.Need{Path: fmt.Sprintf("/readyz?exclude=%d", i), Interval: time.Hour, Mask: facts.StatusMask.String()}
		}
		const edits = 100
		for i := range edits {
			for j := range pollsPerSecond { // ten times as many as there are turns
				o.sources.Want(path(i*pollsPerSecond + j))
			}
			o.pass(100 * time.Millisecond)
			for j := range pollsPerSecond {
				o.sources.Drop(path(i*pollsPerSecond + j))
			}
		}
		other := path(edits * pollsPerSecond)
		o.sources.Want(other)
		o.pass(time.Second)
		o.g.Expect(o.sources.source(other).current().State).To(Equal(facts.Known))
	})
}

// live are the bytes of the heap that are in use.
func live() int64 {
	var stats runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
