// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
)

// masked is a need of less than whole objects.
func masked(need facts.Need, mask string) facts.Need {
	need.Mask = mask
	return need
}

const (
	maskA    = `{"data":{"a":null}}`
	maskB    = `{"data":{"b":null}}`
	maskData = `{"data":null}`
)

// widgetsNeed is watched.
var widgetsNeed = facts.Need{Kind: kind("example.com/v1", "Widget"), Namespace: "a"}

// watching is a source that a test watches for: it says what is being read, and ends it when more is wanted.
type watching struct {
	mu      sync.Mutex
	masks   []string
	ended   int
	readyAt time.Duration
}

// watch does what runCache does, with a store that is full after a while.
func (w *watching) watch(s *source, ctx context.Context) {
	for ctx.Err() == nil {
		mask := s.beginReading()
		w.mu.Lock()
		w.masks = append(w.masks, mask.String())
		w.mu.Unlock()
		inner, cancel := context.WithCancel(ctx)
		var awaiting sync.WaitGroup
		awaiting.Go(func() {
			if s.awaitWider(inner) {
				cancel()
			}
		})
		if s.sleep(inner, w.readyAt) {
			s.follow(&informerStore{informer: toolscache.NewSharedIndexInformer(&toolscache.ListWatch{}, &corev1.Node{}, 0, toolscache.Indexers{})})
		}
		awaiting.Wait()
		cancel()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended++
}

func (w *watching) read() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.masks
}

// Needs that only their masks tell apart share a watch, which reads what all of them want.
func TestNeedsShareAWatch(t *testing.T) {
	w := &watching{readyAt: 10 * time.Millisecond}
	inBubble(t, Options{MaxSources: 1}, nil, w.watch, func(o *observer) {
		a, b, whole := masked(widgetsNeed, maskA), masked(widgetsNeed, maskB), widgetsNeed
		state := func(need facts.Need) facts.State { return stateOf(o.sources, need).State }
		o.sources.Want(a)
		o.sources.Want(b)
		o.start()
		o.g.Expect(w.read()).To(Equal([]string{`{"data":{"a":null,"b":null}}`}), "what is wanted before the first read costs nothing")
		o.pass(10 * time.Millisecond)
		o.expectTold("both", "Widget", "Widget")
		o.g.Expect([]facts.State{state(a), state(b), state(whole)}).To(Equal([]facts.State{facts.Known, facts.Known, facts.Pending}))

		o.sources.Want(whole)
		o.sources.Want(masked(widgetsNeed, maskData))
		o.pass(widenDebounce - time.Millisecond)
		o.g.Expect(w.read()).To(HaveLen(1), "more may be wanted")
		o.g.Expect([]facts.State{state(a), state(b), state(whole)}).To(Equal([]facts.State{facts.Known, facts.Known, facts.Pending}))
		o.pass(time.Millisecond)
		o.g.Expect(w.read()).To(HaveLen(2))
		o.g.Expect(w.read()[1]).To(BeEmpty(), "all is read")
		o.g.Expect([]facts.State{state(a), state(b), state(whole)}).To(Equal([]facts.State{facts.Known, facts.Known, facts.Pending}), "it is being read")
		o.expectTold("nobody sees anything of it")
		o.pass(10 * time.Millisecond)
		o.g.Expect([]facts.State{state(a), state(b), state(whole)}).To(Equal([]facts.State{facts.Known, facts.Known, facts.Known}))
		o.expectTold("all may have changed meanwhile", "Widget", "Widget", "Widget", "Widget")

		o.sources.Drop(whole)
		o.sources.Drop(masked(widgetsNeed, maskData))
		o.sources.Want(masked(widgetsNeed, `{"status":null}`))
		o.pass(time.Minute)
		o.g.Expect(w.read()).To(HaveLen(2), "it goes on reading as much")
		o.g.Expect(state(masked(widgetsNeed, `{"status":null}`))).To(Equal(facts.Known))
		o.g.Expect(state(whole)).To(Equal(facts.Pending), "it is not wanted any more")
		o.sources.Drop(a)
		o.sources.Drop(b)
		o.sources.Drop(masked(widgetsNeed, `{"status":null}`))
		synctest.Wait()
		o.g.Expect(w.ended).To(Equal(1))
		o.sources.Want(b)
		o.pass(10 * time.Millisecond)
		o.g.Expect(w.read()[2]).To(Equal(maskB), "a new watch reads what is wanted then")
	})
}

// Those who come one after the other are read for together, but nobody waits for longer than a second.
func TestWhatIsWantedIsCollected(t *testing.T) {
	w := &watching{}
	inBubble(t, Options{}, nil, w.watch, func(o *observer) {
		o.start()
		fields := "abcdefghijklmnopqrstuvwxyz"
		for i := range fields {
			o.sources.Want(masked(widgetsNeed, `{"`+fields[i:i+1]+`":null}`))
			o.pass(60 * time.Millisecond)
		}
		o.g.Expect(w.read()).To(HaveLen(2), "26 within 1.6 seconds: %v", w.read())
		o.pass(widenDebounce)
		o.g.Expect(w.read()).To(HaveLen(3))
		for i := range fields {
			o.g.Expect(stateOf(o.sources, masked(widgetsNeed, `{"`+fields[i:i+1]+`":null}`)).State).To(Equal(facts.Known))
		}
	})
}

// Who wants more than can be read now is told so; others keep what there is.
func TestMoreCannotBeRead(t *testing.T) {
	inBubble(t, Options{}, nil, nil, func(o *observer) {
		o.start()
		a, b := masked(widgetsNeed, maskA), masked(widgetsNeed, maskB)
		o.sources.Want(a)
		s := o.source(widgetsNeed)
		s.follow(newStore())
		o.sources.Want(b)
		s.beginReading()
		o.expectTold("it was read", "Widget")
		began := o.clock.Now()
		s.giveUpWaiting(began, errors.New("the network is down"))
		o.expectTold("it is early")
		o.pass(30 * time.Second)
		s.giveUpWaiting(began, errors.New("the network is down"))
		o.expectTold("once", "Widget", "Widget")
		s.giveUpWaiting(began, errors.New("the network is down"))
		o.expectTold("they know")
		o.g.Expect(stateOf(o.sources, a).State).To(Equal(facts.Known))
		o.g.Expect(stateOf(o.sources, b)).To(HaveField("State", facts.Failed))
		s.set(facts.Answer{State: facts.NotPermitted, Message: "m"})
		o.g.Expect([]facts.State{stateOf(o.sources, a).State, stateOf(o.sources, b).State}).To(Equal([]facts.State{facts.NotPermitted, facts.NotPermitted}))
	})
}

// What is polled is read again when more is wanted, and an equal answer is no news.
func TestPollsReadWhatIsWanted(t *testing.T) {
	config := func(a, b string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "x", UID: "u"}, Data: map[string]string{"a": a, "b": b, "c": "c"}}
	}
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		p, api := newPolled(config("1", "1"))
		o.sources.api = api
		o.start()
		a, b := masked(configsNeed, maskA), masked(configsNeed, maskB)
		o.sources.followMetadata = func(ctx context.Context, _ *source, _ *metadata) { <-ctx.Done() }
		o.sources.Want(a)
		o.expectTold("it is read", "ConfigMap")
		held := func(need facts.Need) any {
			o := objectsOf(o.sources, need).Get(types.NamespacedName{Namespace: "a", Name: "x"})
			if o == nil {
				return nil
			}
			return asMap(o)["data"]
		}
		o.g.Expect(held(a)).To(Equal(map[string]any{"a": "1"}))
		o.g.Expect(asMap(o.sources.Answer(a).Objects[0])["metadata"]).To(HaveKeyWithValue("uid", "u"), "by which it is compared with its metadata")
		o.sources.Want(b)
		synctest.Wait()
		o.g.Expect(held(a)).To(Equal(map[string]any{"a": "1"}))
		o.g.Expect(held(b)).To(BeNil())
		o.pass(widenDebounce)
		o.expectTold("it is read again", "ConfigMap", "ConfigMap")
		o.g.Expect(held(b)).To(Equal(map[string]any{"a": "1", "b": "1"}))

		c := masked(configsNeed, maskData)
		p.fail(errors.New("the network is down"))
		o.sources.Want(c)
		o.pass(widenDebounce)
		o.expectTold("it may be readable soon")
		o.g.Expect(stateOf(o.sources, c).State).To(Equal(facts.Pending))
		o.pass(configsNeed.Interval * 6 / 5)
		o.expectTold("it is not", "ConfigMap", "ConfigMap", "ConfigMap")
		o.g.Expect([]facts.State{stateOf(o.sources, a).State, stateOf(o.sources, b).State, stateOf(o.sources, c).State}).To(Equal(
			[]facts.State{facts.Known, facts.Known, facts.Failed}))
		p.fail(nil)
		o.sources.Drop(c)
		o.pass(configsNeed.Interval * 6 / 5)
		o.expectTold("there is more now", "ConfigMap", "ConfigMap")
		o.g.Expect(held(a)).To(Equal(map[string]any{"a": "1", "b": "1", "c": "c"}))

		reads, counted := p.reads, o.reads()
		changed := config("1", "1")
		changed.Labels = map[string]string{"c": "d"}
		o.g.Expect(p.Update(context.Background(), changed)).To(Succeed())
		o.pass(configsNeed.Interval * 6 / 5)
		o.g.Expect(p.reads).To(BeNumerically(">", reads))
		o.expectTold("nobody reads what has changed")
		o.g.Expect(o.reads().since(counted)).To(Equal(readCounts{"poll dropped": p.reads - reads}))
		counted = o.reads()
		o.g.Expect(p.Update(context.Background(), config("1", "2"))).To(Succeed())
		o.pass(configsNeed.Interval * 6 / 5)
		o.expectTold("all who share it", "ConfigMap", "ConfigMap")
		o.g.Expect(held(a)).To(HaveKeyWithValue("b", "2"))
		o.g.Expect(o.reads().since(counted)).To(HaveKeyWithValue("poll changed", 1))
	})
}

// readCounts are how many reads there were, by mode and result.
type readCounts map[string]int

func (o *observer) reads() readCounts {
	registry := prometheus.NewRegistry()
	registry.MustRegister(readsMetric)
	families, err := registry.Gather()
	o.g.Expect(err).NotTo(HaveOccurred())
	counts := readCounts{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			counts[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = int(m.GetCounter().GetValue())
		}
	}
	return counts
}

func (c readCounts) since(before readCounts) readCounts {
	more := readCounts{}
	for what, n := range c {
		if n > before[what] {
			more[what] = n - before[what]
		}
	}
	return more
}

func asMap(o client.Object) map[string]any { return o.(*unstructured.Unstructured).Object }
