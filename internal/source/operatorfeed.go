// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// builder builds verdicts from the operator's objects. They are stale when the operator is not alive.
type builder func(ctx context.Context, architectures []v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping) (*Result, error)

// buildEvery is how often a report is built although nothing has changed: an operator dies in silence.
const buildEvery = 20 * time.Second

// operatorFeed follows what the operator keeps in a cluster.
type operatorFeed struct {
	build  builder
	config *rest.Config
	client *http.Client
	mapper meta.RESTMapper
	probe  *probe

	mu    sync.Mutex
	stale string
}

func newOperatorFeed(config *rest.Config, build builder) (Feed, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"ComponentMapping", "ClusterArchitecture"} {
		mapper.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	return &operatorFeed{
		build: build, config: config, client: httpClient, mapper: mapper, probe: newProbe(config, httpClient, clock.RealClock{}),
	}, nil
}

// Stale implements Feed: verdicts are stale while the cluster does not answer or the operator is not alive.
func (f *operatorFeed) Stale() string {
	if since := f.probe.silentSince(); !since.IsZero() {
		return silence(since)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stale
}

func (f *operatorFeed) setStale(stale string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale = stale
}

// Run publishes a report whenever a status changes.
func (f *operatorFeed) Run(ctx context.Context, publish func(*report.Report)) error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	statuses, err := cache.New(f.config, cache.Options{HTTPClient: f.client, Scheme: scheme, Mapper: f.mapper})
	if err != nil {
		return fmt.Errorf("cache of statuses: %w", err)
	}
	changed := make(chan struct{}, 1)
	for _, kind := range []client.Object{&v1alpha1.ClusterArchitecture{}, &v1alpha1.ComponentMapping{}} {
		informer, err := statuses.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch of statuses: %w", err)
		}
		notify := func(any) { signal(changed) }
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: notify, DeleteFunc: notify, UpdateFunc: func(any, any) { signal(changed) },
		}); err != nil {
			return fmt.Errorf("watch of statuses: %w", err)
		}
	}
	// What is under way ends before Run returns.
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = statuses.Start(ctx) })
	running.Go(func() { f.probe.run(ctx) })
	if !statuses.WaitForCacheSync(ctx) {
		return nil // the context has ended
	}
	return f.follow(ctx, statuses, changed, publish)
}

func (f *operatorFeed) follow(ctx context.Context, statuses client.Reader, changed <-chan struct{}, publish func(*report.Report)) error {
	publisher := &publisher{publish: publish, probe: f.probe}
	for {
		result, err := f.evaluate(ctx, statuses)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && publisher.last == nil:
			return err
		case err != nil: // as when somebody has deleted it all
			f.setStale("Showing the last known state: " + err.Error())
		default:
			publisher.offer(result.Report)
		}
		if !wait(ctx, changed, buildEvery) || !pause(ctx, pace-debounce) {
			return nil
		}
	}
}

func (f *operatorFeed) evaluate(ctx context.Context, statuses client.Reader) (*Result, error) {
	var architectures v1alpha1.ClusterArchitectureList
	var mappings v1alpha1.ComponentMappingList
	for _, list := range []client.ObjectList{&architectures, &mappings} {
		if err := statuses.List(ctx, list); err != nil {
			return nil, fmt.Errorf("reading what the operator keeps: %w", err)
		}
	}
	slices.SortFunc(mappings.Items, func(a, b v1alpha1.ComponentMapping) int { return cmp.Compare(a.Name, b.Name) })
	result, err := f.build(ctx, architectures.Items, mappings.Items)
	if err != nil {
		return nil, err
	}
	f.setStale(result.Stale)
	return result, nil
}
