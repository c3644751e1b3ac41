// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/facts"
)

// inProcess answers requests by a handler, without a network, so that a test may have a clock of its own.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body, out := io.Pipe()
	ctx, cancel := context.WithCancel(r.Context())
	w := &pipedAnswer{header: http.Header{}, out: out, begun: make(chan struct{})}
	go func() {
		p.ServeHTTP(w, r.WithContext(ctx))
		w.WriteHeader(http.StatusOK)
		_ = out.Close()
	}()
	<-w.begun
	if err := ctx.Err(); err != nil {
		cancel()
		return nil, err
	}
	return &http.Response{StatusCode: w.status, Header: w.header, ContentLength: -1, Body: pipedBody{body, cancel}, Request: r}, nil
}

// pipedAnswer is what a handler answers.
type pipedAnswer struct {
	header http.Header
	status int
	out    *io.PipeWriter
	begun  chan struct{}
}

func (w *pipedAnswer) Header() http.Header { return w.header }
func (w *pipedAnswer) Flush()              { w.WriteHeader(http.StatusOK) }

func (w *pipedAnswer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		close(w.begun)
	}
}

func (w *pipedAnswer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.out.Write(p)
}

// pipedBody is read by who has asked, and ends the request when it is closed.
type pipedBody struct {
	*io.PipeReader

	cancel context.CancelFunc
}

func (b pipedBody) Read(p []byte) (int, error) {
	n, err := b.PipeReader.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = io.EOF
	}
	return n, err
}

func (b pipedBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// widgetAPI is an API server of one Widget.
type widgetAPI struct {
	mu sync.Mutex
	// fault, when set, answers requests in place of the API server, and says whether it does.
	fault func(http.ResponseWriter, *http.Request) bool
	// restarted is closed when all watches end.
	restarted chan struct{}
	requests  map[string]int
}

// serve has a fault answer requests from now on, or none; all watches end.
func (a *widgetAPI) serve(fault func(http.ResponseWriter, *http.Request) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = fault
	close(a.restarted)
	a.restarted = make(chan struct{})
}

// asked counts the requests since it was called last, by what they are.
func (a *widgetAPI) asked() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.requests
	a.requests = map[string]int{}
	return out
}

func isWatch(r *http.Request) bool  { return r.URL.Query().Has("watch") }
func isReview(r *http.Request) bool { return r.URL.Path == selfReview }

func (a *widgetAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := map[bool]string{true: "watch"}[isWatch(r)]
	if what == "" {
		what = map[string]string{widgetsPath: "list", selfReview: "review", "/apis/example.com/v1": "kinds"}[r.URL.Path]
	}
	a.mu.Lock()
	a.requests[what]++
	fault, restarted := a.fault, a.restarted
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if fault != nil && fault(w, r) {
		return
	}
	switch {
	case what == "kinds":
		answer(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"example.com/v1",
			"resources":[{"name":"widgets","kind":"Widget","namespaced":true,"verbs":["list","watch"]}]}`)(w, r)
	case what == "review":
		reviewed(w, true)
	case what == "list":
		answer(`{"kind":"WidgetList","apiVersion":"example.com/v1","metadata":{"resourceVersion":"1"},"items":[`+oneWidget+`]}`)(w, r)
	case what == "watch" && r.URL.Query().Get("sendInitialEvents") != "":
		fail(w, apierrors.NewInvalid(schema.GroupKind{}, "", nil))
	case what == "watch":
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-restarted:
		}
	case r.URL.Path == readyPath:
		_, _ = io.WriteString(w, "ok")
	default:
		fail(w, apierrors.NewNotFound(schema.GroupResource{}, r.URL.Path))
	}
}

const readyPath = "/readyz"

const oneWidget = `{"kind":"Widget","apiVersion":"example.com/v1","metadata":{"namespace":"a","name":"w","resourceVersion":"1"}}`

func reviewed(w http.ResponseWriter, allowed bool) {
	_, _ = fmt.Fprintf(w, `{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":%t}}`, allowed)
}

func forbid(w http.ResponseWriter, r *http.Request) bool {
	fail(w, apierrors.NewForbidden(schema.GroupResource{Group: "example.com", Resource: "widgets"}, "", nil))
	return true
}

// withWidgets runs a test of a need, by the clock of the bubble, and returns through which states its answer went.
func withWidgets(t *testing.T, fault func(http.ResponseWriter, *http.Request) bool, need facts.Need,
	test func(g Gomega, a *widgetAPI, sources *Sources),
) (states []facts.State) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		a := &widgetAPI{fault: fault, restarted: make(chan struct{}), requests: map[string]int{}}
		mapper := meta.NewDefaultRESTMapper(nil)
		mapper.Add(widgetsNeed.Kind, meta.RESTScopeNamespace)
		sources, err := NewSources(&rest.Config{Host: "http://cluster", QPS: -1}, &http.Client{Transport: inProcess{a}}, mapper, Options{})
		g.Expect(err).NotTo(HaveOccurred())
		var mu sync.Mutex
		sources.Notify(func(need facts.Need, _ types.NamespacedName) {
			mu.Lock()
			defer mu.Unlock()
			if state := stateOf(sources, need).State; len(states) == 0 || states[len(states)-1] != state {
				states = append(states, state)
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = sources.Start(ctx) })
		synctest.Wait()
		sources.Want(need)
		sources.Demand(facts.Demand{Need: need, Refresh: facts.Refresh{Revision: 1}})
		test(g, a, sources)
		stop()
		running.Wait()
	})
	return states
}

// within waits for a state, and says how long that took.
func within(sources *Sources, need facts.Need, state facts.State) time.Duration {
	began := time.Now()
	for stateOf(sources, need).State != state && time.Since(began) < time.Hour {
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

// The ways in which needs are met.
func metWays() map[string]facts.Need {
	polled, seldom, path := widgetsNeed, widgetsNeed, facts.Need{Path: readyPath, Interval: 30 * time.Second}
	polled.Interval, seldom.Interval = 30*time.Second, 5*time.Minute
	return map[string]facts.Need{"watched": widgetsNeed, "polled": polled, "polled seldom": seldom, "path": path}
}

// The ways in which an API server refuses that has not read the roles yet.
var refusals = map[string]func(http.ResponseWriter, *http.Request) bool{
	"everything":                forbid,
	"and says so in reviews":    func(w http.ResponseWriter, r *http.Request) bool { return deny(w, r, false) },
	"though reviews permit all": func(w http.ResponseWriter, r *http.Request) bool { return deny(w, r, true) },
	"watches": func(w http.ResponseWriter, r *http.Request) bool {
		if isReview(r) {
			reviewed(w, false)
			return true
		}
		return (isWatch(r) || r.URL.Path == readyPath) && forbid(w, r)
	},
}

// deny refuses what is read, and answers reviews.
func deny(w http.ResponseWriter, r *http.Request, allowed bool) bool {
	switch {
	case isReview(r):
		reviewed(w, allowed)
		return true
	case strings.HasPrefix(r.URL.Path, widgetsPath), r.URL.Path == readyPath:
		return forbid(w, r)
	}
	return false
}

// reject accepts no token.
func reject(w http.ResponseWriter, _ *http.Request) bool {
	fail(w, apierrors.NewUnauthorized("Unauthorized"))
	return true
}

func eachWay(t *testing.T, ways map[string]func(http.ResponseWriter, *http.Request) bool,
	test func(t *testing.T, fault func(http.ResponseWriter, *http.Request) bool, need facts.Need, how string),
) {
	needs := metWays()
	for _, how := range slices.Sorted(maps.Keys(ways)) {
		for _, mode := range slices.Sorted(maps.Keys(needs)) {
			if how == "watches" && strings.HasPrefix(mode, "polled") {
				continue
			}
			t.Run(mode+", refuses "+how, func(t *testing.T) { test(t, ways[how], needs[mode], how) })
		}
	}
}

// An API server that starts refuses everybody for some seconds: what was read stands, and before the first read nothing is said.
func TestRefusalsThatPass(t *testing.T) {
	ways := maps.Clone(refusals)
	ways["the token"] = reject
	eachWay(t, ways, func(t *testing.T, fault func(http.ResponseWriter, *http.Request) bool, need facts.Need, _ string) {
		states := withWidgets(t, nil, need, func(g Gomega, a *widgetAPI, sources *Sources) {
			g.Expect(within(sources, need, facts.Known)).To(BeNumerically("<", time.Second))
			for range 3 { // each time is a first one
				time.Sleep(time.Minute)
				a.serve(fault)
				time.Sleep(10 * time.Second)
				a.serve(nil)
			}
			time.Sleep(time.Minute)
			for range 4 { // API servers that restart one after the other
				a.serve(fault)
				time.Sleep(6 * time.Second)
				a.serve(nil)
				time.Sleep(9 * time.Second)
			}
			time.Sleep(10 * time.Minute)
			a.asked()
		})
		g := NewWithT(t)
		g.Expect(states).To(Equal([]facts.State{facts.Known}), "while it runs")
		states = withWidgets(t, fault, need, func(g Gomega, a *widgetAPI, sources *Sources) {
			time.Sleep(10 * time.Second)
			a.serve(nil)
			g.Expect(within(sources, need, facts.Known)).To(BeNumerically("<", 30*time.Second))
		})
		g.Expect(states).To(Equal([]facts.State{facts.Known}), "at its start")
	})
}

// A right that is withdrawn is said to be missing within 20 seconds of the first refusal, and to be there soon after it is given
// back. Meanwhile little is asked.
func TestRefusalsThatLast(t *testing.T) {
	eachWay(t, refusals, func(t *testing.T, fault func(http.ResponseWriter, *http.Request) bool, need facts.Need, how string) {
		states := withWidgets(t, fault, need, func(g Gomega, a *widgetAPI, sources *Sources) {
			took := within(sources, need, facts.NotPermitted)
			g.Expect(took).To(And(BeNumerically(">=", refusalTime), BeNumerically("<=", 20*time.Second)))
			message := map[bool]string{true: `resources: ["widgets"]`, false: "nonResourceURLs"}[need.ReadsObjects()]
			if need.ReadsObjects() && (how == "everything" || how == "though reviews permit all") {
				message = "is forbidden"
			}
			g.Expect(stateOf(sources, need).Message).To(ContainSubstring(message))
			a.serve(nil)
			g.Expect(within(sources, need, facts.Known)).To(BeNumerically("<=", 37*time.Second))
			time.Sleep(time.Minute)
			a.serve(fault)
			a.asked()
			g.Expect(within(sources, need, facts.NotPermitted)).To(BeNumerically("<=", need.Interval+need.Interval/5+20*time.Second))
			time.Sleep(time.Minute)
			g.Expect(sum(a.asked())).To(BeNumerically("<", 60), "in a minute or two")
		})
		NewWithT(t).Expect(states).To(Equal([]facts.State{facts.NotPermitted, facts.Known, facts.NotPermitted}))
	})
}

// A first read that hangs is said to fail soon, and is tried again, however seldom the need is polled.
func TestFirstReadThatHangs(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Minute): // what is between gives up
		}
		return true
	}
	for mode, need := range metWays() {
		t.Run(mode, func(t *testing.T) {
			if need.Interval > 0 {
				need.Interval = time.Hour
			}
			NewWithT(t).Expect(withWidgets(t, hang, need, func(g Gomega, a *widgetAPI, sources *Sources) {
				g.Expect(within(sources, need, facts.Failed)).To(BeNumerically("<=", 61*time.Second))
				a.serve(nil)
				g.Expect(within(sources, need, facts.Known)).To(BeNumerically("<=", 5*time.Minute))
			})).To(Equal([]facts.State{facts.Failed, facts.Known}))
		})
	}
}

// That the API server accepts no token is no missing right: what was read stands, and what was not says why it fails.
func TestTokenThatIsNotAccepted(t *testing.T) {
	for mode, need := range metWays() {
		t.Run(mode, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(withWidgets(t, nil, need, func(_ Gomega, a *widgetAPI, _ *Sources) {
				time.Sleep(time.Minute)
				a.serve(reject)
				time.Sleep(time.Hour)
			})).To(Equal([]facts.State{facts.Known}))
			g.Expect(withWidgets(t, reject, need, func(g Gomega, _ *widgetAPI, sources *Sources) {
				within(sources, need, facts.Failed)
				g.Expect(stateOf(sources, need).Message).To(Equal("still reading after 30s: the API server doesn't accept the token of archmap's service account (401)"))
				time.Sleep(time.Hour)
			})).To(Equal([]facts.State{facts.Failed}))
		})
	}
}
