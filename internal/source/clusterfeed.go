// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/engine"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/report"
)

// clusterFeed evaluates a catalog again whenever something in the cluster changes.
type clusterFeed struct {
	catalog *judge.Catalog
	name    string
	config  *rest.Config
	client  *http.Client
	probe   *probe
}

// Feed returns a feed that evaluates the definitions again whenever something in the cluster changes.
func (c *Cluster) Feed() (Feed, error) {
	config := rest.CopyConfig(c.Config)
	config.Timeout = 0 // of a watch it would be the end
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return &clusterFeed{
		catalog: c.Definitions.compile(), name: c.Name, config: config, client: client,
		probe: newProbe(config, client, clock.RealClock{}),
	}, nil
}

// Stale implements Feed: verdicts are stale while the cluster does not answer.
func (f *clusterFeed) Stale() string {
	if since := f.probe.silentSince(); !since.IsZero() {
		return silence(since)
	}
	return ""
}

// Run publishes a report whenever a verdict changes.
func (f *clusterFeed) Run(ctx context.Context, publish func(*report.Report)) error {
	mapper, err := apiutil.NewDynamicRESTMapper(f.config, f.client)
	if err != nil {
		return fmt.Errorf("list the kinds that the cluster %s serves: %w", f.config.Host, err)
	}
	changes := newChangeSet()
	sources, err := observe.NewSources(f.config, f.client, mapper, observe.Options{Rights: observe.OfUser})
	if err != nil {
		return err
	}
	evaluator := engine.New(sources, changes.add, engine.Options{})
	// What is under way ends before Run returns.
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = sources.Start(ctx) })
	running.Go(func() { _ = evaluator.Start(ctx) })
	running.Go(func() { f.probe.run(ctx) })
	f.follow(ctx, f.catalog.Follow(evaluator, clock.RealClock{}), changes, publish)
	return nil
}

// follow evaluates what changes until the context ends.
func (f *clusterFeed) follow(ctx context.Context, follower *judge.Follower, changes *changeSet, publish func(*report.Report)) {
	publisher := &publisher{publish: publish, probe: f.probe}
	began := time.Now()
	for {
		verdicts, next := follower.Judge(changes.take())
		if publisher.last != nil || complete(verdicts) || time.Since(began) > patience {
			publisher.offer(verdicts.Report(f.name))
		}
		most := freshness
		if publisher.last == nil {
			most = pace
		}
		if !wait(ctx, changes.arrived, facts.Earliest(most, next)) || !pause(ctx, pace-debounce) {
			return
		}
	}
}

// complete reports whether everything has been read and evaluated once.
func complete(v *judge.Verdicts) bool {
	return !slices.ContainsFunc(v.Mappings, func(m v1alpha1.ComponentMapping) bool {
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		return ready == nil || ready.Reason == v1alpha1.ReasonObserving
	})
}

// changeSet collects whose facts have changed.
type changeSet struct {
	arrived chan struct{}

	mu   sync.Mutex
	keys sets.Set[engine.Key]
}

func newChangeSet() *changeSet {
	return &changeSet{arrived: make(chan struct{}, 1), keys: sets.New[engine.Key]()}
}

func (c *changeSet) add(key engine.Key) {
	c.mu.Lock()
	c.keys.Insert(key)
	c.mu.Unlock()
	signal(c.arrived)
}

func (c *changeSet) take() sets.Set[engine.Key] {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := c.keys
	c.keys = sets.New[engine.Key]()
	return keys
}
