// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package live

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
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// operatorSilentAfter is how old the operator's observedAt may get: it renews it every 5 minutes.
const operatorSilentAfter = 11 * time.Minute

// Operator is a feed of what the operator keeps in the cluster.
type Operator struct {
	source  string
	config  *rest.Config
	client  *http.Client
	mapper  meta.RESTMapper
	contact *contact
	clock   clock.PassiveClock

	mu       sync.Mutex
	observed time.Time
}

// NewOperator makes a feed of the statuses in the cluster behind config, which people call source.
func NewOperator(config *rest.Config, source string) (*Operator, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("asking the cluster %s which kinds it serves: %w", config.Host, err)
	}
	clock := clock.RealClock{}
	return &Operator{
		source: source, config: config, client: httpClient, mapper: mapper, clock: clock,
		contact: newContact(config, httpClient, clock),
	}, nil
}

// Doubt says that the cluster does not answer, or that the operator is not at work.
func (o *Operator) Doubt() string {
	if silent := o.contact.silent(); silent > 0 {
		return silence(silent)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if age := o.clock.Since(o.observed); !o.observed.IsZero() && age > operatorSilentAfter {
		return fmt.Sprintf("The operator has not looked at the cluster for %s: is it running? What is shown is what it saw last.", duration.HumanDuration(age))
	}
	return ""
}

// Run publishes a picture whenever a status changes.
func (o *Operator) Run(ctx context.Context, publish func(*report.Picture)) error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	if err := o.mayRead(ctx, scheme); err != nil {
		return err
	}
	statuses, err := cache.New(o.config, cache.Options{HTTPClient: o.client, Scheme: scheme, Mapper: o.mapper})
	if err != nil {
		return fmt.Errorf("cache of statuses: %w", err)
	}
	changed := make(chan struct{}, 1)
	for _, kind := range []client.Object{&v1alpha1.ClusterArchitecture{}, &v1alpha1.ComponentMapping{}} {
		informer, err := statuses.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch of statuses: %w", err)
		}
		told := func(any) { signal(changed) }
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: told, DeleteFunc: told, UpdateFunc: func(any, any) { signal(changed) },
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
	running.Go(func() { o.contact.run(ctx) })
	if !statuses.WaitForCacheSync(ctx) {
		return nil // the context has ended
	}
	return o.follow(ctx, statuses, changed, publish)
}

// mayRead fails at once where a watch would try for ever.
func (o *Operator) mayRead(ctx context.Context, scheme *runtime.Scheme) error {
	reader, err := client.New(o.config, client.Options{HTTPClient: o.client, Scheme: scheme, Mapper: o.mapper})
	if err != nil {
		return fmt.Errorf("client of the cluster: %w", err)
	}
	for _, list := range []client.ObjectList{&v1alpha1.ClusterArchitectureList{}, &v1alpha1.ComponentMappingList{}} {
		err := reader.List(ctx, list, client.Limit(1))
		switch {
		case meta.IsNoMatchError(err):
			return fmt.Errorf("the operator is not installed in this cluster: %w", err)
		case err != nil:
			return fmt.Errorf("reading what the operator keeps: %w", err)
		}
	}
	return nil
}

func (o *Operator) follow(ctx context.Context, statuses client.Reader, changed <-chan struct{}, publish func(*report.Picture)) error {
	camera := &camera{publish: publish, contact: o.contact}
	for {
		var architectures v1alpha1.ClusterArchitectureList
		var mappings v1alpha1.ComponentMappingList
		for _, list := range []client.ObjectList{&architectures, &mappings} {
			if err := statuses.List(ctx, list); err != nil && ctx.Err() == nil {
				return fmt.Errorf("reading what the operator keeps: %w", err)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		p := PictureOf(architectures.Items, mappings.Items, o.source)
		o.mu.Lock()
		o.observed = p.ObservedAt
		o.mu.Unlock()
		camera.take(p)
		if !wait(ctx, changed, freshness) || !pause(ctx, pace-settle) {
			return nil
		}
	}
}

// PictureOf is the picture that statuses are of; of several architectures that of the first by name. Without any it is
// of the time of the newest condition.
func PictureOf(architectures []v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping, source string) *report.Picture {
	p := &report.Picture{Mappings: slices.Clone(mappings), Source: source}
	slices.SortFunc(p.Mappings, func(a, b v1alpha1.ComponentMapping) int { return cmp.Compare(a.Name, b.Name) })
	if len(architectures) > 0 {
		p.Architecture = slices.MinFunc(architectures, func(a, b v1alpha1.ClusterArchitecture) int { return cmp.Compare(a.Name, b.Name) })
		p.ObservedAt = p.Architecture.Status.ObservedAt.Time
	}
	for i := range mappings {
		for _, c := range mappings[i].Status.Conditions {
			if c.LastTransitionTime.After(p.ObservedAt) {
				p.ObservedAt = c.LastTransitionTime.Time
			}
		}
	}
	return p
}
