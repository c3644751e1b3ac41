// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package observe turns needs into facts. Sources watches, polls and reads on demand what somebody wants, for as long as
// it is wanted; Reader reads it once.
package observe

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// What is polled is read pollsPerSecond times a second together, after a burst of pollBurst at the start. The AKS catalog
// needs one or two; when all sources are polls and want to be read at every moment, each is still read every 26 seconds.
const (
	pollsPerSecond = 10
	pollBurst      = 64
)

// Options of Sources. The zero value of each field means its default.
type Options struct {
	// Clock measures time. Default: the real one.
	Clock clock.WithTicker
	// RetryInterval is the time between two attempts at a need that cannot be met: its kind is not served,
	// or reading it is not permitted. Default: 30 s.
	RetryInterval time.Duration
	// SyncTimeout is how long a first read may take before it is said to fail; it goes on all the same.
	// Default: 30 s.
	SyncTimeout time.Duration
	// MaxSources caps watches and pollers together, what is read on demand apart. Default: 256.
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
	if o.MaxSources == 0 {
		o.MaxSources = 256
	}
}

// Sources are the watches and polls of a cluster, one for each need that is wanted. Who wants it, and how many do, is for
// others to know.
type Sources struct {
	options Options
	config  *rest.Config
	http    *http.Client
	mapper  meta.RESTMapper
	api     *api
	metrics *metrics
	// observe keeps the answer of a source current until the context ends.
	observe func(context.Context, *source)
	// followMetadata watches the metadata of what a source polls until the context ends.
	followMetadata func(context.Context, *source, *metadata)
	// kinds tells the sources whose kinds are not served when to look again.
	kinds *kinds
	// polls limits the reads of all that is polled together.
	polls *rate.Limiter
	// nextPoll is held by the one whose turn is next: of those that wait behind it none has a turn yet that would be lost with it.
	nextPoll chan struct{}
	// granted tells the sources that lack a right when another one has got its own.
	granted *turn

	mu      sync.Mutex
	changed func(need facts.Need, object types.NamespacedName)
	ctx     context.Context // set by Start; sources live in it
	sources map[facts.Need]*source
	running sync.WaitGroup
	// demandReads is when what is read on demand was last read; a flapping workload is explained no more
	// often than a broken one.
	demandReads map[facts.Need]time.Time
}

// NewSources makes the sources of the cluster behind config. Nothing is read before Start.
func NewSources(config *rest.Config, httpClient *http.Client, mapper meta.RESTMapper, options Options) (*Sources, error) {
	options.setDefaults()
	httpClient = trimming(httpClient)
	api, err := newAPI(config, httpClient, mapper, options.Rights, options.Clock.Now)
	if err != nil {
		return nil, fmt.Errorf("client of the observer: %w", err)
	}
	s := newSources(api, options, (*source).run)
	s.config, s.http, s.mapper = config, httpClient, mapper
	return s, nil
}

func newSources(api *api, options Options, observe func(*source, context.Context)) *Sources {
	return &Sources{
		options: options, api: api, metrics: newMetrics(),
		observe:        func(ctx context.Context, s *source) { observe(s, ctx) },
		followMetadata: func(ctx context.Context, s *source, m *metadata) { s.followMetadata(ctx, m) },
		kinds:          newKinds(),
		granted:        newTurn(),
		polls:          rate.NewLimiter(pollsPerSecond, pollBurst),
		nextPoll:       make(chan struct{}, 1),
		changed:        func(facts.Need, types.NamespacedName) {},
		sources:        map[facts.Need]*source{},
		demandReads:    map[facts.Need]time.Time{},
	}
}

// Notify has a function called, from any goroutine, when the answer to a need has changed: of which object, or without a
// name of any or all. It is set before Start, and must not block for long.
func (s *Sources) Notify(changed func(need facts.Need, object types.NamespacedName)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = changed
}

// Start begins to observe, and returns when the context ends and everything has stopped.
func (s *Sources) Start(ctx context.Context) error {
	s.begin(ctx)
	<-ctx.Done()

	s.mu.Lock()
	for _, source := range s.sources {
		s.endLocked(source)
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// begin starts what is wanted already, and tells of what there is no room for.
func (s *Sources) begin(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	s.running.Go(func() { s.kinds.follow(ctx, s.options.Clock, s.api) })
	var refused []*source
	for _, source := range s.sources {
		if !s.startLocked(source) {
			refused = append(refused, source)
		}
	}
	s.mu.Unlock()
	for _, source := range refused {
		source.tell(types.NamespacedName{})
	}
}

// Want begins to meet a need, until it is dropped. Needs that only their masks tell apart are met by one watch or poll.
func (s *Sources) Want(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if source := s.sources[need.Whole()]; source != nil {
		source.want(need)
		return
	}
	if s.overLocked() {
		return
	}
	source := newSource(s, need)
	source.want(need)
	s.sources[source.need] = source
	s.startLocked(source)
}

// Drop ends meeting a need. Where that was the last that its source met, it gives its room to one that waits for it.
func (s *Sources) Drop(need facts.Need) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if source := s.sources[need.Whole()]; source != nil && source.drop(need) == 0 {
		s.endLocked(source)
	}
}

// Demand says when a need that is met on demand is to be read again.
func (s *Sources) Demand(demand facts.Demand) {
	if source := s.source(demand.Need); source != nil {
		source.demand(demand.Refresh)
	}
}

// Answer is what is known of a need; Pending when it is not wanted.
func (s *Sources) Answer(need facts.Need) facts.Answer {
	if source := s.source(need); source != nil {
		answer, objects := source.view(need)
		answer.Objects = objects.List()
		return answer
	}
	return facts.Answer{}
}

// View returns the answer to a need without its objects, which costs nothing, and what holds the objects: that is the same
// when the answer becomes another meanwhile.
func (s *Sources) View(need facts.Need) (facts.Answer, facts.Objects) {
	if source := s.source(need); source != nil {
		return source.view(need)
	}
	return facts.Answer{}, trim.Sorted(nil)
}

func (s *Sources) source(need facts.Need) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sources[need.Whole()]
}

func (s *Sources) overLocked() bool { return s.ctx != nil && s.ctx.Err() != nil }

// startLocked starts a source, once Start was called, and says whether there is room for it.
func (s *Sources) startLocked(source *source) (room bool) {
	if s.ctx == nil || s.overLocked() {
		return true
	}
	if !source.need.OnDemand() && s.startedLocked() >= s.options.MaxSources {
		source.refuse(fmt.Sprintf(
			"the limit of %d watches and polls is reached; name fewer kinds and namespaces in the mappings", s.options.MaxSources), s.changed)
		return false
	}
	ctx, cancel := context.WithCancel(s.ctx)
	source.start(cancel, s.changed)
	s.metrics.countSources(source.need, 1)
	s.running.Go(func() { s.observe(ctx, source) })
	return true
}

// endLocked ends a source; nothing becomes known of its need any more.
func (s *Sources) endLocked(source *source) {
	delete(s.sources, source.need)
	if !source.end() {
		return
	}
	s.metrics.countSources(source.need, -1)
	for _, waiting := range s.sources {
		if !waiting.started() {
			s.startLocked(waiting)
			return
		}
	}
}

// startedLocked counts the sources that are running, but for those that are read on demand: they are few and seldom
// read.
func (s *Sources) startedLocked() int {
	n := 0
	for _, source := range s.sources {
		if source.started() && !source.need.OnDemand() {
			n++
		}
	}
	return n
}

func (s *Sources) log(need facts.Need) logr.Logger {
	return log.Log.WithName("observer").WithValues("need", need)
}
