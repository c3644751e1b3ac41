// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/archmap/archmap/internal/facts"
)

const widgetsPath = "/apis/example.com/v1/namespaces/a/widgets"

// widgetServer lets one Widget be watched.
type widgetServer struct {
	*server

	mu      sync.Mutex
	version int
	data    map[string]string
	changes chan string
	// watches are those that are open, and most is how many were at a time.
	watches, most, lists atomic.Int32
	// refused says that nothing may be read; reviews counts questions about rights.
	refused atomic.Bool
	reviews atomic.Int32
}

func newWidgetServer(t *testing.T) *widgetServer {
	w := &widgetServer{version: 1, data: map[string]string{"a": "1", "b": "1", "c": "1"}, changes: make(chan string)}
	w.server = newServer(t, map[string]http.HandlerFunc{
		"/apis/example.com/v1": answer(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"example.com/v1",
			"resources":[{"name":"widgets","kind":"Widget","namespaced":true,"verbs":["list","watch"]}]}`),
		selfReview: func(out http.ResponseWriter, r *http.Request) {
			w.reviews.Add(1)
			answer(fmt.Sprintf(`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":%t}}`, !w.refused.Load()))(out, r)
		},
		widgetsPath: w.serve,
	})
	return w
}

func (w *widgetServer) serve(out http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case w.refused.Load():
		fail(out, apierrors.NewForbidden(schema.GroupResource{Group: "example.com", Resource: "widgets"}, "", nil))
	case query.Get("sendInitialEvents") != "":
		fail(out, apierrors.NewInvalid(schema.GroupKind{}, "", nil))
	case query.Get("watch") == "":
		w.lists.Add(1)
		_, _ = fmt.Fprintf(out, `{"kind":"WidgetList","apiVersion":"example.com/v1","metadata":{"resourceVersion":"1"},"items":[%s]}`, w.widget())
	default:
		w.most.Store(max(w.most.Load(), w.watches.Add(1)))
		defer w.watches.Add(-1)
		out.(http.Flusher).Flush()
		for {
			select {
			case <-r.Context().Done():
				return
			case widget := <-w.changes:
				_, _ = fmt.Fprintf(out, `{"type":"MODIFIED","object":%s}`, widget)
				out.(http.Flusher).Flush()
			}
		}
	}
}

func (w *widgetServer) widget() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, _ := json.Marshal(map[string]any{"kind": "Widget", "apiVersion": "example.com/v1", "data": w.data,
		"metadata": map[string]any{"namespace": "a", "name": "w", "resourceVersion": fmt.Sprint(w.version)}})
	return string(text)
}

// change changes a field of the Widget, and returns once the watch has been sent it.
func (w *widgetServer) change(field, value string) {
	w.mu.Lock()
	w.version++
	w.data[field] = value
	w.mu.Unlock()
	w.changes <- w.widget()
}

func (w *widgetServer) sources(g Gomega, options Options) *Sources {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(widgetsNeed.Kind, meta.RESTScopeNamespace)
	mapper.AddSpecific(secretsNeed.Kind, schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, schema.GroupVersionResource{}, meta.RESTScopeNamespace)
	sources, err := NewSources(&rest.Config{Host: w.URL, QPS: -1}, w.Client(), mapper, options)
	g.Expect(err).NotTo(HaveOccurred())
	return sources
}

var secretsNeed = facts.Need{Kind: schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, Namespace: "a"}

// startSources starts sources until the test ends.
func startSources(t *testing.T, sources *Sources) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- sources.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		NewWithT(t).Expect(<-stopped).To(Succeed())
	})
}

// What is in the way of a read is asked only when the read fails, and until one succeeds.
func TestObstaclesAreAskedForWhenReadsFail(t *testing.T) {
	polled := widgetsNeed
	polled.Interval = 100 * time.Millisecond
	for name, need := range map[string]facts.Need{"watched": widgetsNeed, "polled": polled} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := newWidgetServer(t)
			server.refused.Store(true)
			sources := server.sources(g, Options{RetryInterval: 50 * time.Millisecond})
			startSources(t, sources)
			state := func() facts.Answer { return stateOf(sources, need) }
			sources.Want(need)
			g.Eventually(state).WithTimeout(time.Minute).Should(And(HaveField("State", facts.NotPermitted), HaveField("Message", ContainSubstring(`resources: ["widgets"]`))))
			g.Expect(server.reviews.Load()).NotTo(BeZero())
			server.refused.Store(false)
			g.Eventually(state).WithTimeout(time.Minute).Should(HaveField("State", facts.Known))

			other := server.sources(g, Options{})
			startSources(t, other)
			before := server.reviews.Load()
			other.Want(need)
			g.Eventually(func() facts.State { return stateOf(other, need).State }).Should(Equal(facts.Known))
			g.Expect(server.reviews.Load()-before).To(BeNumerically("<=", 1), "the metadata of what is polled by the first may have been asked for")
		})
	}
}

// Secrets are refused without asking anybody.
func TestSecretsAreNotAskedFor(t *testing.T) {
	g := NewWithT(t)
	server := newWidgetServer(t)
	sources := server.sources(g, Options{})
	startSources(t, sources)
	sources.Want(secretsNeed)
	g.Eventually(func() string { return stateOf(sources, secretsNeed).Message }).Should(Equal("archmap never reads Secrets"))
	g.Expect(server.reviews.Load()).To(BeZero())
}

// An informer holds what is wanted, tells of nothing else, and is replaced when more is wanted, which those who want less
// don't notice.
func TestInformersHoldWhatIsWanted(t *testing.T) {
	g := NewWithT(t)
	server := newWidgetServer(t)
	sources := server.sources(g, Options{})
	var told atomic.Int32
	a, b := masked(widgetsNeed, maskA), masked(widgetsNeed, maskB)
	sources.Notify(func(need facts.Need, _ types.NamespacedName) {
		if need == a {
			told.Add(1)
		}
	})
	startSources(t, sources)
	data := func(need facts.Need) any {
		if o := objectsOf(sources, need).Get(types.NamespacedName{Namespace: "a", Name: "w"}); o != nil {
			return asMap(o)["data"]
		}
		return nil
	}
	sources.Want(a)
	g.Eventually(data).WithArguments(a).Should(Equal(map[string]any{"a": "1"}))
	g.Eventually(server.watches.Load).Should(BeEquivalentTo(1))
	before := told.Load()
	server.change("c", "2")
	server.change("a", "2")
	g.Eventually(data).WithArguments(a).Should(Equal(map[string]any{"a": "2"}))
	g.Eventually(told.Load).Should(Equal(before+1), "of the field that is read")

	missed, watched := atomic.Int32{}, make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-watched:
				return
			default:
			}
			if stateOf(sources, a).State != facts.Known || data(a) == nil {
				missed.Add(1)
			}
		}
	})
	sources.Want(b)
	g.Eventually(data).WithArguments(b).WithTimeout(time.Minute).Should(Equal(map[string]any{"a": "2", "b": "1"}))
	g.Eventually(server.watches.Load).Should(BeEquivalentTo(1))
	server.change("b", "2")
	g.Eventually(data).WithArguments(a).Should(HaveKeyWithValue("b", "2"))
	close(watched)
	watching.Wait()
	g.Expect(missed.Load()).To(BeZero(), "who wants less sees no gap")
	g.Expect(wholeWidgets(g)).To(BeZero())
	sources.Want(widgetsNeed)
	g.Eventually(wholeWidgets).WithTimeout(time.Minute).Should(BeEquivalentTo(1))
	sources.Drop(widgetsNeed)
	g.Expect([]int32{server.lists.Load(), server.most.Load()}).To(Equal([]int32{3, 1}), "read once for each who wants more, by one watch at a time")
}

// wholeWidgets is how many Widgets are held as a whole, as the metric says.
func wholeWidgets(g Gomega) float64 {
	families, err := ctrlmetrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	sum := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "archmap_observer_whole_objects" && m.GetLabel()[1].GetValue() == "Widget" {
				sum += m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
