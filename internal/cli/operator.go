// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/report"
)

const (
	// leaseName is the leader lease of the operator.
	leaseName = "manager.archmap.dev"
	// defaultOperatorNamespace is where config/default puts the operator.
	defaultOperatorNamespace = "archmap-system"
	// defaultArchitecture is the one of the shipped catalogue.
	defaultArchitecture = "aks"

	// readTimeout is how long the operator's objects may take to read, unless --request-timeout says otherwise.
	readTimeout = 30 * time.Second
)

// operatorFlags say which of the operator's objects are meant.
type operatorFlags struct {
	namespace    string
	architecture string
}

func (f *operatorFlags) addFlags(command *cobra.Command) {
	command.Flags().StringVar(&f.namespace, "operator-namespace", "",
		"The operator's namespace. Default: "+defaultOperatorNamespace+", else wherever its lease "+leaseName+" is")
	command.Flags().StringVar(&f.architecture, "architecture", "",
		"Which ClusterArchitecture, where there are several. Default: "+defaultArchitecture+", else the first by name")
}

// noOperatorError says that no operator keeps verdicts in the cluster, or none that may be read.
type noOperatorError struct{ error }

func (e noOperatorError) Unwrap() error { return e.error }

func noOperatorf(format string, args ...any) error {
	return noOperatorError{fmt.Errorf(format, args...)}
}

// operatorPicture is the picture that the operator keeps in the cluster, and whether the operator is alive to keep it
// true. The error is a noOperatorError when the cluster answers but holds no verdicts.
func (e *env) operatorPicture(ctx context.Context, config *rest.Config, flags operatorFlags) (*report.Report, liveness, error) {
	o, err := newOperator(config, flags)
	if err != nil {
		return nil, liveness{}, err
	}
	kept, err := o.read(ctx, readTimeout)
	if err != nil {
		return nil, liveness{}, err
	}
	return kept.picture(flags, o.clock.Now())
}

// operator reads what the operator keeps in a cluster.
type operator struct {
	config *rest.Config
	client client.WithWatch
	clock  *observe.ServerClock
	flags  operatorFlags
}

// newOperator makes the reader. It asks the cluster nothing yet: which kinds are read is known beforehand.
func newOperator(config *rest.Config, flags operatorFlags) (*operator, error) {
	o := &operator{config: rest.CopyConfig(config), clock: &observe.ServerClock{}, flags: flags}
	o.config.Wrap(o.clock.Wrap)
	scheme := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(coordinationv1.AddToScheme(scheme))
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ComponentMapping"), meta.RESTScopeRoot)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ClusterArchitecture"), meta.RESTScopeRoot)
	mapper.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	var err error
	if o.client, err = client.NewWithWatch(o.config, client.Options{Scheme: scheme, Mapper: mapper}); err != nil {
		return nil, fmt.Errorf("client of the cluster %s: %w", config.Host, err)
	}
	return o, nil
}

// kept is what the operator keeps in a cluster.
type kept struct {
	mappings      []v1alpha1.ComponentMapping
	architectures []v1alpha1.ClusterArchitecture
	lease         lease
}

// lease is the operator's leader lease, or why there is none.
type lease struct {
	*coordinationv1.Lease
	problem string
}

// read reads all of it at once, and gives up when that takes too long, whatever it is that hangs. --request-timeout
// comes before the default.
func (o *operator) read(ctx context.Context, timeout time.Duration) (*kept, error) {
	timeout = cmp.Or(o.config.Timeout, timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	kept, err := within(ctx, o.readAll)
	if err != nil {
		return nil, o.explain(ctx, err)
	}
	return kept, nil
}

func (o *operator) readAll(ctx context.Context) (*kept, error) {
	k := &kept{}
	var group errgroup.Group // none is cut short, as client-go would log that
	group.Go(func() error {
		return list(ctx, o.client, &v1alpha1.ComponentMappingList{}, func(m *v1alpha1.ComponentMapping) {
			k.mappings = append(k.mappings, *m)
		})
	})
	group.Go(func() error {
		return list(ctx, o.client, &v1alpha1.ClusterArchitectureList{}, func(a *v1alpha1.ClusterArchitecture) {
			k.architectures = append(k.architectures, *a)
		})
	})
	group.Go(func() error {
		k.lease = o.readLease(ctx)
		return nil
	})
	return k, group.Wait()
}

// list reads all objects of a kind, page by page.
func list[T client.Object](ctx context.Context, c client.Reader, empty client.ObjectList, each func(T), in ...client.ListOption) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page := empty.DeepCopyObject().(client.ObjectList)
		return page, c.List(ctx, page, append(in, client.Limit(options.Limit), client.Continue(options.Continue))...)
	})
	return pages.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		each(o.(T))
		return nil
	})
}

// readLease looks for the lease where it is said or known to be, and then wherever else it may be read.
func (o *operator) readLease(ctx context.Context) lease {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	namespace := cmp.Or(o.flags.namespace, defaultOperatorNamespace)
	var found coordinationv1.Lease
	err := o.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: leaseName}, &found)
	if err == nil {
		return lease{Lease: &found}
	}
	if o.flags.namespace == "" {
		if elsewhere := o.leaseElsewhere(ctx); elsewhere != nil {
			return lease{Lease: elsewhere}
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		return lease{problem: fmt.Sprintf("there is no Lease %s/%s", namespace, leaseName)}
	case apierrors.IsForbidden(err):
		return lease{problem: fmt.Sprintf("you are not permitted to get the Lease %s/%s", namespace, leaseName)}
	}
	return lease{problem: fmt.Sprintf("the Lease %s/%s cannot be read: %s", namespace, leaseName, err)}
}

// leaseElsewhere is the lease in any namespace; of several, the one that was renewed last.
func (o *operator) leaseElsewhere(ctx context.Context) *coordinationv1.Lease {
	var newest *coordinationv1.Lease
	_ = list(ctx, o.client, &coordinationv1.LeaseList{}, func(l *coordinationv1.Lease) {
		if newest == nil || renewed(l).After(renewed(newest)) {
			newest = l
		}
	}, client.MatchingFields{metav1.ObjectNameField: leaseName}) // who may not, sees none
	return newest
}

func renewed(l *coordinationv1.Lease) time.Time {
	if l.Spec.RenewTime == nil {
		return time.Time{}
	}
	return l.Spec.RenewTime.Time
}

// explain says for people why the operator's objects could not be read.
func (o *operator) explain(ctx context.Context, err error) error {
	const instead = "kubectl archmap check judges the cluster without them"
	switch {
	case apierrors.IsNotFound(err):
		return noOperatorf("archmap is not installed in this cluster: the API server does not serve %s; %s", v1alpha1.GroupVersion, instead)
	case apierrors.IsForbidden(err):
		return noOperatorf("you are not permitted to read the operator's verdicts: ask for a ClusterRole with the rule apiGroups: [%q], "+
			"resources: [componentmappings, clusterarchitectures], verbs: [get, list, watch]; %s (%w)", v1alpha1.GroupVersion.Group, instead, err)
	}
	return unreachable(ctx, o.config.Host, err)
}

// unreachable says why a cluster was not read.
func unreachable(ctx context.Context, host string, err error) error {
	var request *url.Error
	switch errors.As(err, &request); {
	case apierrors.IsUnauthorized(err):
		err = errors.New("it does not know who you are; log in, or choose another user (Unauthorized)")
	case apierrors.IsForbidden(err):
		err = errors.New("it does not even tell you which kinds it serves; log in, or choose another user (Forbidden)")
	case ctx.Err() != nil:
		err = context.Cause(ctx) // which tells more than what it led to
	case request != nil && request.Timeout():
		err = errors.New("no answer in time")
	case request != nil:
		err = request.Err // without the address, which is told anyway
	}
	return fmt.Errorf("the cluster %s cannot be read: %w", host, err)
}

// within does something that may not heed the context, as programs that fetch credentials do not, and does not wait for
// it when the context ends.
func within[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := do(ctx)
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return answer{}.value, context.Cause(ctx)
	}
}

// picture makes a picture of what is kept.
func (k *kept) picture(flags operatorFlags, now time.Time) (*report.Report, liveness, error) {
	architecture, note, err := k.choose(flags.architecture)
	if err != nil {
		return nil, liveness{}, err
	}
	r := &report.Report{ObservedAt: now}
	if architecture != nil {
		r.Architecture = *architecture
	}
	if r.Mappings = k.mappingsOf(architecture); len(r.Mappings) == 0 {
		return nil, liveness{}, noOperatorf("there are no ComponentMappings in this cluster: apply a catalogue, as with " +
			"kubectl apply -k config/catalog/aks; kubectl archmap check judges the built-in one without")
	}
	life := lifeOf(k.lease, r.Architecture.Name, r.Architecture.Status.ObservedAt.Time, now)
	life.note = note
	if !slices.ContainsFunc(r.Mappings, judged) {
		return nil, life, noOperatorf("none of the %d ComponentMappings has been judged yet: %s", len(r.Mappings),
			cmp.Or(life.problem, "the operator has just begun; try again"))
	}
	if !life.alive && !life.last.IsZero() {
		r.ObservedAt = life.last
	}
	return r, life, nil
}

func judged(m v1alpha1.ComponentMapping) bool {
	return meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionPresent) != nil
}

// choose picks the architecture: the named one, the only one, that of the shipped catalogue, or the first by name. It is
// nil when there is none.
func (k *kept) choose(name string) (chosen *v1alpha1.ClusterArchitecture, note string, err error) {
	byName := map[string]*v1alpha1.ClusterArchitecture{}
	var names []string
	for i := range k.architectures {
		byName[k.architectures[i].Name] = &k.architectures[i]
		names = append(names, k.architectures[i].Name)
	}
	slices.Sort(names)
	switch {
	case name != "" && byName[name] == nil && len(names) == 0:
		return nil, "", usagef("there is no ClusterArchitecture %q, nor any other", name)
	case name != "" && byName[name] == nil:
		return nil, "", usagef("there is no ClusterArchitecture %q; there are: %s", name, strings.Join(names, ", "))
	case name != "":
		return byName[name], "", nil
	case len(names) == 0:
		return nil, "", nil
	case len(names) == 1:
		return byName[names[0]], "", nil
	}
	name = names[0]
	if byName[defaultArchitecture] != nil {
		name = defaultArchitecture
	}
	return byName[name], fmt.Sprintf("this is ClusterArchitecture %s; there are: %s (--architecture)", name, strings.Join(names, ", ")), nil
}

// mappingsOf leaves out what only other architectures take in.
func (k *kept) mappingsOf(architecture *v1alpha1.ClusterArchitecture) []v1alpha1.ComponentMapping {
	takes := func(a *v1alpha1.ClusterArchitecture, m v1alpha1.ComponentMapping) bool {
		selector, err := metav1.LabelSelectorAsSelector(&a.Spec.ComponentSelector)
		return err == nil && selector.Matches(labels.Set(m.Labels))
	}
	return slices.DeleteFunc(slices.Clone(k.mappings), func(m v1alpha1.ComponentMapping) bool {
		return architecture != nil && !takes(architecture, m) &&
			slices.ContainsFunc(k.architectures, func(a v1alpha1.ClusterArchitecture) bool { return takes(&a, m) })
	})
}
