// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package observe turns the needs of checks into facts. Live does so from a cluster: it watches or polls
// just what somebody needs, as long as somebody needs it, and tells whom a change concerns.
package observe

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/archmap/archmap/internal/facts"
)

// Options of a Live observer. The zero value of each field means its default.
type Options struct {
	// Clock measures time. Default: the real one.
	Clock clock.WithTicker
	// RetryInterval is the time between two attempts at a need that cannot be met: its kind is not served,
	// or reading it is not permitted. Default: 30 s.
	RetryInterval time.Duration
	// SyncTimeout is how long a first read may take before it is said to fail; it goes on all the same.
	// Default: 30 s.
	SyncTimeout time.Duration
	// NodeSettle is how long node events are collected before they are judged, as they come in bursts.
	// Default: 200 ms.
	NodeSettle time.Duration
	// MaxSources caps watches and pollers together, pods apart. Default: 256.
	MaxSources int
	// Rights with which it observes. Default: those of the operator.
	Rights Rights
}

func (o *Options) setDefaults() {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.RetryInterval == 0 {
		o.RetryInterval = 30 * time.Second
	}
	if o.SyncTimeout == 0 {
		o.SyncTimeout = 30 * time.Second
	}
	if o.NodeSettle == 0 {
		o.NodeSettle = 200 * time.Millisecond
	}
	if o.MaxSources == 0 {
		o.MaxSources = 256
	}
}

// Key names a subscriber: the kind of object it is and its name.
type Key struct {
	Kind, Name string
}

// View is what a subscriber makes of facts. It must be pure: the subscriber is notified when what it sees
// changes, and only then.
type View func(facts.Facts) Seen

// Seen is what a subscriber sees.
type Seen struct {
	// What is seen, comparable by reflect.DeepEqual.
	What any
	// RecheckAfter is when the same facts may show something else; 0 is never.
	RecheckAfter time.Duration
	// Wants are further needs, as long as this is seen.
	Wants []facts.Demand
}

// Live observes a cluster.
type Live struct {
	options Options
	config  *rest.Config
	http    *http.Client
	mapper  meta.RESTMapper
	api     *api
	notify  func(Key)
	metrics *metrics

	mu          sync.Mutex
	ctx         context.Context // set by Start; sources live in it
	sources     map[facts.Need]*source
	subscribers map[Key]*subscriber
	running     sync.WaitGroup
	// podReads is when the pods of a workload were last read; a flapping workload is explained no more
	// often than a broken one.
	podReads map[facts.Need]time.Time
}

// subscriber is somebody who needs facts.
type subscriber struct {
	needs sets.Set[facts.Need]
	view  View
	// last is what the subscriber saw last.
	last any
}

// NewLive makes an observer of the cluster behind config. notify is called, from any goroutine, with the
// subscriber whose view has changed; it must not block for long.
func NewLive(config *rest.Config, httpClient *http.Client, mapper meta.RESTMapper, notify func(Key), options Options) (*Live, error) {
	options.setDefaults()
	api, err := newAPI(config, httpClient, mapper, options.Rights)
	if err != nil {
		return nil, fmt.Errorf("client of the observer: %w", err)
	}
	return &Live{
		options: options, config: config, http: httpClient, mapper: mapper, api: api, notify: notify,
		metrics: newMetrics(),
		sources: map[facts.Need]*source{}, subscribers: map[Key]*subscriber{}, podReads: map[facts.Need]time.Time{},
	}, nil
}

// Start begins to observe, and returns when the context ends and everything has stopped.
func (l *Live) Start(ctx context.Context) error {
	l.mu.Lock()
	l.ctx = ctx
	for _, s := range l.sources {
		l.run(s)
	}
	l.mu.Unlock()
	<-ctx.Done()

	l.mu.Lock()
	for _, s := range l.sources {
		l.stop(s)
	}
	l.mu.Unlock()
	l.running.Wait()
	return nil
}

// Observe says what a subscriber needs, in place of what it needed before, and returns what it sees of the
// facts as they are now. Needs that nobody else has are looked at from now on.
func (l *Live) Observe(key Key, needs []facts.Need, view View) Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := sets.Set[facts.Need]{}
	if old := l.subscribers[key]; old != nil {
		before = old.needs
	}
	// What was wanted until now is still there to be seen.
	used := before
	seen, wanted := settle(sets.New(needs...), before, view, func(shown sets.Set[facts.Need]) facts.Facts {
		l.acquire(key, shown)
		used = used.Union(shown)
		return l.facts(shown)
	})
	l.acquire(key, wanted)
	for _, d := range seen.Wants {
		l.sources[d.Need].demand(d.Refresh)
	}
	l.release(key, used.Difference(wanted))
	l.subscribers[key] = &subscriber{needs: wanted, view: view, last: seen.What}
	return seen
}

// maxPasses is how often a view is shown more: first the nodes, then the pods on them, then what else it wants.
const maxPasses = 4

// settle shows a view what it needs, and besides what it wants after it has seen that, until it wants no more. At
// first it is shown what else there is. It returns what is needed and wanted in the end.
func settle(
	needs, more sets.Set[facts.Need], view View, given func(sets.Set[facts.Need]) facts.Facts,
) (seen Seen, wanted sets.Set[facts.Need]) {
	shown := needs.Union(more)
	for range maxPasses {
		seen = view(given(shown))
		wanted = needs.Union(sets.New(facts.NeedsOf(seen.Wants)...))
		if shown.IsSuperset(wanted) {
			break
		}
		shown = wanted
	}
	return seen, wanted
}

// Forget ends a subscription; what nobody else needs is no longer looked at.
func (l *Live) Forget(key Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.subscribers[key]; s != nil {
		l.release(key, s.needs)
		delete(l.subscribers, key)
	}
}

func (l *Live) acquire(key Key, needs sets.Set[facts.Need]) {
	for need := range needs {
		s := l.sources[need]
		if s == nil {
			s = newSource(l, need)
			l.sources[need] = s
			l.run(s)
		}
		s.subscribers.Insert(key)
	}
}

func (l *Live) release(key Key, needs sets.Set[facts.Need]) {
	for need := range needs {
		s := l.sources[need]
		s.subscribers.Delete(key)
		if s.subscribers.Len() == 0 {
			l.stop(s)
		}
	}
}

// run starts a source, once the observer itself is started and while there is room for it.
func (l *Live) run(s *source) {
	if l.ctx == nil || l.ctx.Err() != nil {
		return
	}
	if s.need.Kind != facts.PodKind && l.started() >= l.options.MaxSources {
		s.set(facts.Answer{State: facts.Failed, Message: fmt.Sprintf(
			"the limit of %d watches and polls is reached; name fewer kinds and namespaces in the mappings", l.options.MaxSources)})
		return
	}
	s.set(facts.Answer{})
	ctx, cancel := context.WithCancel(l.ctx)
	s.cancel = cancel
	l.metrics.sources.Inc()
	l.running.Go(func() { s.judge(ctx) })
	l.running.Go(func() { s.run(ctx) })
}

// stop ends a source and gives its room to one that waits for it.
func (l *Live) stop(s *source) {
	delete(l.sources, s.need)
	if s.cancel == nil {
		return
	}
	s.cancel()
	l.metrics.sources.Dec()
	for _, waiting := range l.sources {
		if waiting.cancel == nil {
			l.run(waiting)
			return
		}
	}
}

// started counts the sources that are running, but for the pods that explain something: they are few and seldom read.
func (l *Live) started() int {
	n := 0
	for _, s := range l.sources {
		if s.cancel != nil && s.need.Kind != facts.PodKind {
			n++
		}
	}
	return n
}

func (l *Live) facts(needs sets.Set[facts.Need]) facts.Facts {
	given := facts.Facts{Now: l.options.Clock.Now(), Answers: make(map[facts.Need]facts.Answer, needs.Len())}
	for need := range needs {
		given.Answers[need] = l.sources[need].current()
	}
	return given
}

// changed lets the subscribers of a source look again, and notifies those who see something new.
func (l *Live) changed(s *source) {
	var affected []Key
	l.mu.Lock()
	for key := range s.subscribers {
		sub := l.subscribers[key]
		if sub == nil {
			continue // it is being added just now, and sees the facts then
		}
		if seen := sub.view(l.facts(sub.needs)); !reflect.DeepEqual(seen.What, sub.last) {
			affected = append(affected, key)
		}
	}
	l.mu.Unlock()
	for _, key := range affected {
		l.notify(key)
	}
}

func (l *Live) log(need facts.Need) logr.Logger {
	return log.Log.WithName("observer").WithValues("need", need)
}
