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
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// Develop makes a picture of what the operator keeps. It also says why the picture may be out of date, as when the
// operator is not at work; that is empty while it is current.
type Develop func(ctx context.Context, architectures []v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping) (
	r *report.Report, doubt string, err error)

// developEvery is how often a picture is made although nothing has changed: an operator dies in silence.
const developEvery = 20 * time.Second

// Operator is a feed of what the operator keeps in the cluster.
type Operator struct {
	develop Develop
	config  *rest.Config
	client  *http.Client
	mapper  meta.RESTMapper
	contact *contact

	mu    sync.Mutex
	doubt string
}

// NewOperator makes a feed of the statuses in the cluster behind config; they must be there, and be permitted to read.
func NewOperator(config *rest.Config, develop Develop) (*Operator, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"ComponentMapping", "ClusterArchitecture"} {
		mapper.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	return &Operator{
		develop: develop, config: config, client: httpClient, mapper: mapper, contact: newContact(config, httpClient, clock.RealClock{}),
	}, nil
}

// Doubt says that the cluster does not answer, or that the operator is not at work.
func (o *Operator) Doubt() string {
	if since := o.contact.silentSince(); !since.IsZero() {
		return silence(since)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.doubt
}

func (o *Operator) setDoubt(doubt string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doubt = doubt
}

// Run publishes a picture whenever a status changes.
func (o *Operator) Run(ctx context.Context, publish func(*report.Report)) error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
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

func (o *Operator) follow(ctx context.Context, statuses client.Reader, changed <-chan struct{}, publish func(*report.Report)) error {
	camera := &camera{publish: publish, contact: o.contact}
	for {
		r, err := o.look(ctx, statuses)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && camera.last == nil:
			return err
		case err != nil: // as when somebody has deleted it all
			o.setDoubt("What is shown is what was seen last: " + err.Error())
		default:
			camera.take(r)
		}
		if !wait(ctx, changed, developEvery) || !pause(ctx, pace-settle) {
			return nil
		}
	}
}

func (o *Operator) look(ctx context.Context, statuses client.Reader) (*report.Report, error) {
	var architectures v1alpha1.ClusterArchitectureList
	var mappings v1alpha1.ComponentMappingList
	for _, list := range []client.ObjectList{&architectures, &mappings} {
		if err := statuses.List(ctx, list); err != nil {
			return nil, fmt.Errorf("reading what the operator keeps: %w", err)
		}
	}
	slices.SortFunc(mappings.Items, func(a, b v1alpha1.ComponentMapping) int { return cmp.Compare(a.Name, b.Name) })
	r, doubt, err := o.develop(ctx, architectures.Items, mappings.Items)
	if err != nil {
		return nil, err
	}
	o.setDoubt(doubt)
	return r, nil
}
