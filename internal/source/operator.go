// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/observe"
)

const (
	// LeaseName is the leader lease of the operator.
	LeaseName = "manager.archmap.dev"
	// DefaultNamespace is where config/default puts the operator.
	DefaultNamespace = "archmap-system"
	// DefaultArchitecture is the one of the shipped catalog.
	DefaultArchitecture = "aks"

	// readTimeout is how long the operator's objects may take to read, unless something else is said.
	readTimeout = 30 * time.Second
)

// Operator reads the verdicts that an operator keeps in a cluster.
type Operator struct {
	// Config is how the cluster is reached. Its timeout, if there is one, is that of all that is read, too.
	Config *rest.Config
	// Name of the cluster in the report.
	Name string
	// Namespace of the operator; empty is the default one, or else wherever its lease is.
	Namespace string
	// Architecture is the name of the ClusterArchitecture; empty is the default one, or else the first by name.
	Architecture string
	// Timeout is how long the operator's objects may take to read; 0 is 30 seconds.
	Timeout time.Duration
}

// Evaluate reads the operator's verdicts, which are stale when the operator is not alive.
func (o *Operator) Evaluate(ctx context.Context) (*Result, error) {
	r, err := newOperatorReader(o.Config, o.Namespace)
	if err != nil {
		return nil, err
	}
	kept, err := r.read(ctx, cmp.Or(o.Timeout, readTimeout))
	if err != nil {
		return nil, err
	}
	return kept.result(o, r.clock.Now())
}

// Feed returns a feed of the operator's verdicts. It fails when they do not exist or the user may not read them.
func (o *Operator) Feed() (Feed, error) {
	config := rest.CopyConfig(o.Config)
	config.Timeout = 0 // of a watch it would be the end
	r, err := newOperatorReader(config, o.Namespace)
	if err != nil {
		return nil, err
	}
	return newOperatorFeed(config, func(
		ctx context.Context, architectures []v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping,
	) (*Result, error) {
		k := &kept{mappings: mappings, architectures: architectures, lease: r.readLease(ctx)}
		return k.result(o, r.clock.Now())
	})
}

// Components returns the component of each mapping in the cluster, by the mapping's name.
func (o *Operator) Mappings(ctx context.Context) ([]v1alpha1.ComponentMapping, error) {
	r, err := newOperatorReader(o.Config, o.Namespace)
	if err != nil {
		return nil, err
	}
	var mappings []v1alpha1.ComponentMapping
	err = forEach(ctx, r.client, &v1alpha1.ComponentMappingList{}, func(m *v1alpha1.ComponentMapping) { mappings = append(mappings, *m) })
	return mappings, err
}

// noOperatorError says that no operator keeps verdicts in the cluster, or none that may be read.
type noOperatorError struct{ error }

func (e noOperatorError) Unwrap() error { return e.error }

func noOperatorf(format string, args ...any) error {
	return noOperatorError{fmt.Errorf(format, args...)}
}

// operatorReader reads what the operator keeps in a cluster.
type operatorReader struct {
	config *rest.Config
	client client.WithWatch
	clock  *observe.ServerClock
	// namespace of the operator, where it is said.
	namespace string
}

// newOperatorReader asks the cluster nothing yet: which kinds are read is known beforehand.
func newOperatorReader(config *rest.Config, namespace string) (*operatorReader, error) {
	r := &operatorReader{config: rest.CopyConfig(config), clock: &observe.ServerClock{}, namespace: namespace}
	r.config.Wrap(r.clock.Wrap)
	scheme := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(coordinationv1.AddToScheme(scheme))
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ComponentMapping"), meta.RESTScopeRoot)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ClusterArchitecture"), meta.RESTScopeRoot)
	mapper.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	var err error
	if r.client, err = client.NewWithWatch(r.config, client.Options{Scheme: scheme, Mapper: mapper}); err != nil {
		return nil, fmt.Errorf("client of the cluster %s: %w", config.Host, err)
	}
	return r, nil
}

// read reads all of it at once, and gives up when that takes too long, whatever it is that hangs. The timeout of
// the config comes before the given one.
func (r *operatorReader) read(ctx context.Context, timeout time.Duration) (*kept, error) {
	timeout = cmp.Or(r.config.Timeout, timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no response within %s", timeout))
	defer cancel()
	kept, err := Interruptible(ctx, r.readAll)
	if err != nil {
		return nil, r.explain(ctx, err)
	}
	return kept, nil
}

func (r *operatorReader) readAll(ctx context.Context) (*kept, error) {
	k := &kept{}
	var group errgroup.Group // none is cut short, as client-go would log that
	group.Go(func() error {
		return forEach(ctx, r.client, &v1alpha1.ComponentMappingList{}, func(m *v1alpha1.ComponentMapping) {
			k.mappings = append(k.mappings, *m)
		})
	})
	group.Go(func() error {
		return forEach(ctx, r.client, &v1alpha1.ClusterArchitectureList{}, func(a *v1alpha1.ClusterArchitecture) {
			k.architectures = append(k.architectures, *a)
		})
	})
	group.Go(func() error {
		k.lease = r.readLease(ctx)
		return nil
	})
	return k, group.Wait()
}

// forEach lists all objects of a kind, page by page, and calls each with every one.
func forEach[T client.Object](ctx context.Context, c client.Reader, empty client.ObjectList, each func(T), in ...client.ListOption) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page := empty.DeepCopyObject().(client.ObjectList)
		return page, c.List(ctx, page, append(in, client.Limit(options.Limit), client.Continue(options.Continue))...)
	})
	return pages.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		each(o.(T))
		return nil
	})
}

// readLease reads the lease where it is said or known to be, and then wherever else it may be read.
func (r *operatorReader) readLease(ctx context.Context) lease {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	namespace := cmp.Or(r.namespace, DefaultNamespace)
	var found coordinationv1.Lease
	err := r.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: LeaseName}, &found)
	if err == nil {
		return lease{Lease: &found}
	}
	if r.namespace == "" {
		if elsewhere := r.leaseElsewhere(ctx); elsewhere != nil {
			return lease{Lease: elsewhere}
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		return lease{problem: fmt.Sprintf("there is no Lease %s/%s", namespace, LeaseName)}
	case apierrors.IsForbidden(err):
		return lease{problem: fmt.Sprintf("you are not permitted to get the Lease %s/%s", namespace, LeaseName)}
	}
	return lease{problem: fmt.Sprintf("couldn't read the Lease %s/%s: %s", namespace, LeaseName, err)}
}

// leaseElsewhere returns the lease in any namespace; of several, the one that was renewed last.
func (r *operatorReader) leaseElsewhere(ctx context.Context) *coordinationv1.Lease {
	var newest *coordinationv1.Lease
	_ = forEach(ctx, r.client, &coordinationv1.LeaseList{}, func(l *coordinationv1.Lease) {
		if newest == nil || renewed(l).After(renewed(newest)) {
			newest = l
		}
	}, client.MatchingFields{metav1.ObjectNameField: LeaseName}) // who may not, sees none
	return newest
}

func renewed(l *coordinationv1.Lease) time.Time {
	if l.Spec.RenewTime == nil {
		return time.Time{}
	}
	return l.Spec.RenewTime.Time
}

// explain explains to users why the operator's objects could not be read.
func (r *operatorReader) explain(ctx context.Context, err error) error {
	const instead = "kubectl archmap check works without them"
	switch {
	case apierrors.IsNotFound(err):
		return noOperatorf("archmap is not installed in this cluster: the API server does not serve %s; %s", v1alpha1.GroupVersion, instead)
	case apierrors.IsForbidden(err):
		return noOperatorf("you are not permitted to read the operator's verdicts: ask for a ClusterRole with the rule apiGroups: [%q], "+
			"resources: [componentmappings, clusterarchitectures], verbs: [get, list, watch]; %s (%w)", v1alpha1.GroupVersion.Group, instead, err)
	}
	return unreachable(ctx, r.config.Host, err)
}
