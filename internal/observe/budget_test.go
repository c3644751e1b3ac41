// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/internal/facts"
)

// endingWatches are how an API server, or what is between, may end each watch at once.
var endingWatches = map[string]func(http.ResponseWriter, *http.Request){
	"expired": func(w http.ResponseWriter, _ *http.Request) { fail(w, apierrors.NewResourceExpired("too old")) },
	"expired, as an event": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}`)
	},
	"ends at once": func(http.ResponseWriter, *http.Request) {},
	"ends after a change": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"type":"MODIFIED","object":%s}`, oneWidget)
	},
	"ends after an object": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"type":"ADDED","object":%s}`, oneWidget)
	},
	"too many requests": func(w http.ResponseWriter, _ *http.Request) { fail(w, apierrors.NewTooManyRequests("later", 0)) },
	"fails": func(w http.ResponseWriter, _ *http.Request) {
		fail(w, apierrors.NewInternalError(errors.New("etcd is away")))
	},
	"not there": func(w http.ResponseWriter, _ *http.Request) {
		fail(w, apierrors.NewNotFound(schema.GroupResource{}, "widgets"))
	},
	"not a verb": func(w http.ResponseWriter, _ *http.Request) {
		fail(w, apierrors.NewMethodNotSupported(schema.GroupResource{}, "watch"))
	},
}

// Whatever ends each watch at once, an informer asks no more than its budget permits, what was listed stands, and once watches last it
// is watched again.
func TestWatchesThatEndAtOnce(t *testing.T) {
	polled := widgetsNeed
	polled.Interval = 24 * time.Hour
	for how, end := range endingWatches {
		for mode, need := range map[string]facts.Need{"watched": widgetsNeed, "polled": polled} {
			t.Run(mode+", "+how, func(t *testing.T) {
				fault := func(w http.ResponseWriter, r *http.Request) bool {
					if isWatch(r) {
						end(w, r)
					}
					return isWatch(r)
				}
				states := withWidgets(t, nil, need, func(g Gomega, a *widgetAPI, sources *Sources) {
					time.Sleep(time.Hour)
					a.asked()
					delayed := delayedWatches(g)
					a.serve(fault)
					time.Sleep(25 * time.Second)
					inSeconds := a.asked()
					g.Expect(inSeconds["watch"]).To(And(BeNumerically(">", 1), BeNumerically("<=", 2*watchBurst+2)), "in 25 seconds")
					g.Expect(sum(inSeconds)).To(BeNumerically("<=", 40), "in 25 seconds")
					time.Sleep(time.Hour)
					inAnHour := a.asked()
					g.Expect(inAnHour["watch"]).To(BeNumerically("<=", 240+watchBurst), "in an hour, four a minute")
					g.Expect(sum(inAnHour)).To(BeNumerically("<=", 1000), "in an hour")
					if how == "expired" {
						g.Expect(delayedWatches(g)-delayed).To(BeNumerically(">", 200), "which the metric counts")
					}
					a.serve(nil)
					time.Sleep(2 * time.Minute)
					a.asked()
					time.Sleep(4 * time.Minute)
					g.Expect(a.asked()).To(BeEmpty(), "a watch lasts for at least five minutes")
				})
				NewWithT(t).Expect(states).To(Equal([]facts.State{facts.Known}))
			})
		}
	}
}

func sum(requests map[string]int) int {
	n := 0
	for _, of := range requests {
		n += of
	}
	return n
}

// delayedWatches is how many requests to watch Widgets had to wait, as the metric says.
func delayedWatches(g Gomega) float64 {
	families, err := ctrlmetrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "archmap_observer_watch_requests_total" && m.GetLabel()[1].GetValue() == "Widget" && m.GetLabel()[2].GetValue() == "delayed" {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}
