// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// answering returns a probe of a cluster that has just answered.
func answering() (*probe, *testclock.FakeClock) {
	clock := testclock.NewFakeClock(noon)
	return newProbe(&rest.Config{}, nil, clock), clock
}

// reportAt returns a report with a version of the one thing in it.
func reportAt(at time.Time, version string) *report.Report {
	r := &report.Report{ObservedAt: at, Mappings: make([]v1alpha1.ComponentMapping, 1)}
	r.Mappings[0].Status.Version = version
	r.Architecture.Status.ObservedAt = metav1.NewTime(at)
	return r
}

// TestPublisher: a report is published when it shows something new, and while the cluster answers at least every minute.
func TestPublisher(t *testing.T) {
	probe, clock := answering()
	var published []*report.Report
	p := &publisher{probe: probe, publish: func(r *report.Report) { published = append(published, r) }}
	for i, step := range []struct {
		after   time.Duration
		version string
		silent  bool
		want    bool
	}{
		{0, "v1", false, true},
		{time.Second, "v1", false, false},
		{time.Second, "v2", false, true},
		{freshness - time.Second, "v2", false, false},
		{time.Second, "v2", false, true},
		{2 * freshness, "v2", true, false},
		{time.Second, "v3", true, true},
	} {
		clock.Step(step.after)
		if !step.silent {
			probe.answered = clock.Now()
		}
		before := len(published)
		p.offer(reportAt(clock.Now(), step.version))
		NewWithT(t).Expect(len(published) > before).To(Equal(step.want), "step %d", i)
	}
}

// TestProbe: an API server that answers is there, whatever it says; one that is silent, or stands in for another, is not.
func TestProbe(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		want   bool
	}{
		"it answers":                {http.StatusOK, true},
		"it refuses":                {http.StatusForbidden, true},
		"the token has expired":     {http.StatusUnauthorized, false},
		"something answers for it":  {http.StatusBadGateway, false},
		"it does not serve any one": {http.StatusServiceUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.Expect(r.URL.Path).To(Equal("/version"))
				w.WriteHeader(tc.status)
			}))
			defer server.Close()
			p := newProbe(&rest.Config{Host: server.URL + "/"}, server.Client(), testclock.NewFakeClock(noon))
			g.Expect(p.answers(t.Context())).To(Equal(tc.want))
		})
	}
	t.Run("nobody is there", func(t *testing.T) {
		p := newProbe(&rest.Config{Host: "http://127.0.0.1:1"}, http.DefaultClient, testclock.NewFakeClock(noon))
		NewWithT(t).Expect(p.answers(t.Context())).To(BeFalse())
	})
}

// TestSilence: of a cluster that does not answer for a while verdicts are stale, since when is told, until it answers again.
func TestSilence(t *testing.T) {
	g := NewWithT(t)
	probe, clock := answering()
	feeds := []Feed{&clusterFeed{probe: probe}, &operatorFeed{probe: probe, stale: "the operator died"}}
	clock.Step(silenceAfter)
	g.Expect(feeds[0].Stale()).To(BeEmpty())
	g.Expect(feeds[1].Stale()).To(Equal("the operator died"))
	clock.Step(time.Second)
	for _, feed := range feeds {
		g.Expect(feed.Stale()).To(Equal("The cluster has not responded since 12:00:00 UTC; showing the last known state."))
	}
	probe.answered = clock.Now()
	g.Expect(feeds[0].Stale()).To(BeEmpty())
}

// shelf is a reader of nothing, or of what cannot be read.
type shelf struct {
	client.Reader
	err error
}

func (s shelf) List(context.Context, client.ObjectList, ...client.ListOption) error { return s.err }

// TestOperatorFollows: every change makes a report; what cannot be read any more leaves the last one, stale.
func TestOperatorFollows(t *testing.T) {
	g := NewWithT(t)
	probe, _ := answering()
	probe.clock = testclock.NewFakeClock(noon)
	type outcome struct {
		version, stale string
		err            error
	}
	var next atomic.Pointer[outcome]
	next.Store(&outcome{version: "v1"})
	f := &operatorFeed{probe: probe, build: func(context.Context, []v1alpha1.ClusterArchitecture, []v1alpha1.ComponentMapping) (*Result, error) {
		n := next.Load()
		return &Result{Report: reportAt(noon, n.version), Stale: n.stale}, n.err
	}}
	published, changed, ended := make(chan string, 10), make(chan struct{}, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- f.follow(ctx, shelf{}, changed, func(r *report.Report) { published <- r.Mappings[0].Status.Version })
	}()
	g.Eventually(published, "1m").Should(Receive(Equal("v1")))
	g.Expect(f.Stale()).To(BeEmpty())
	next.Store(&outcome{version: "v2", stale: "the operator died"})
	signal(changed)
	g.Eventually(published, "1m").Should(Receive(Equal("v2")))
	g.Expect(f.Stale()).To(Equal("the operator died"))
	next.Store(&outcome{err: context.DeadlineExceeded})
	signal(changed)
	g.Eventually(f.Stale, "1m").Should(Equal("Showing the last known state: context deadline exceeded"))
	cancel()
	g.Eventually(ended, "1m").Should(Receive(BeNil()))
	g.Expect(published).To(BeEmpty())

	t.Run("nothing to begin with", func(t *testing.T) {
		NewWithT(t).Expect(f.follow(t.Context(), shelf{err: context.DeadlineExceeded}, changed, nil)).To(MatchError(ContainSubstring("reading what the operator keeps")))
	})
}
