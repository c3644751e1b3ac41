// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/report"
)

// Cluster is a feed that judges a catalogue itself.
type Cluster struct {
	catalogue *judge.Catalogue
	source    string
	config    *rest.Config
	client    *http.Client
	contact   *contact
}

// NewCluster makes a feed that judges a catalogue on the cluster behind config, which people call source.
func NewCluster(config *rest.Config, catalogue *judge.Catalogue, source string) (*Cluster, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return &Cluster{
		catalogue: catalogue, source: source, config: config, client: client,
		contact: newContact(config, client, clock.RealClock{}),
	}, nil
}

// Doubt says that the cluster does not answer.
func (c *Cluster) Doubt() string {
	if since := c.contact.silentSince(); !since.IsZero() {
		return silence(since)
	}
	return ""
}

// Run publishes a picture whenever a verdict changes.
func (c *Cluster) Run(ctx context.Context, publish func(*report.Report)) error {
	mapper, err := apiutil.NewDynamicRESTMapper(c.config, c.client)
	if err != nil {
		return fmt.Errorf("asking the cluster %s which kinds it serves: %w", c.config.Host, err)
	}
	news := newNews()
	observer, err := observe.NewLive(c.config, c.client, mapper, news.add, observe.Options{Rights: observe.OfUser})
	if err != nil {
		return err
	}
	// What is under way ends before Run returns.
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = observer.Start(ctx) })
	running.Go(func() { c.contact.run(ctx) })
	c.follow(ctx, c.catalogue.Follow(observer, clock.RealClock{}), news, publish)
	return nil
}

// follow judges what changes until the context ends.
func (c *Cluster) follow(ctx context.Context, follower *judge.Follower, news *news, publish func(*report.Report)) {
	camera := &camera{publish: publish, contact: c.contact}
	began := time.Now()
	for {
		verdicts, next := follower.Judge(news.take())
		if camera.last != nil || complete(verdicts) || time.Since(began) > patience {
			camera.take(verdicts.Report(c.source))
		}
		most := freshness
		if camera.last == nil {
			most = pace
		}
		if !wait(ctx, news.arrived, check.Earliest(most, next)) || !pause(ctx, pace-settle) {
			return
		}
	}
}

// complete says that everything has been read once.
func complete(v *judge.Verdicts) bool {
	for i := range v.Mappings {
		for _, c := range v.Mappings[i].Status.Conditions {
			if c.Type == v1alpha1.ConditionReady && c.Reason == v1alpha1.ReasonObserving {
				return false
			}
		}
	}
	return true
}

// news collects who sees something new.
type news struct {
	arrived chan struct{}

	mu   sync.Mutex
	keys sets.Set[observe.Key]
}

func newNews() *news { return &news{arrived: make(chan struct{}, 1), keys: sets.New[observe.Key]()} }

func (n *news) add(key observe.Key) {
	n.mu.Lock()
	n.keys.Insert(key)
	n.mu.Unlock()
	signal(n.arrived)
}

func (n *news) take() sets.Set[observe.Key] {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys := n.keys
	n.keys = sets.New[observe.Key]()
	return keys
}
