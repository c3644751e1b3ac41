// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/check"
)

const (
	// pageSize is the number of objects that one request asks for.
	pageSize = 500
	// maxBody is how much of an answer is read, in bytes.
	maxBody = 1 << 20
)

// poll reads the need every interval until the context ends. When reading fails because the API server
// cannot be reached, what was read last stands.
func (s *source) poll(ctx context.Context) {
	began := s.live.options.Clock.Now()
	for {
		s.refill(ctx, began)
		if !s.pause(ctx, s.need.Interval) {
			return
		}
	}
}

// refill reads once and replaces the answer, and says whether anything was learned.
func (s *source) refill(ctx context.Context, began time.Time) bool {
	answer, err := s.read(ctx)
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		s.live.log(s.need).V(1).Info("Could not read, will try again", "error", err.Error())
		s.giveUpWaiting(began, err)
		return false
	}
	s.keepRenewals(&answer)
	s.set(answer)
	return true
}

// read looks once. An error means that nothing was learned.
func (s *source) read(ctx context.Context) (check.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.need.Interval)
	defer cancel()
	switch {
	case s.need.Path != "":
		return s.readPath(ctx)
	case s.need.Review != (check.Review{}):
		return s.readReview(ctx)
	default:
		return s.readObjects(ctx)
	}
}

func (s *source) readPath(ctx context.Context) (check.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.live.config.Host, "/")+s.need.Path, nil)
	if err != nil {
		return check.Answer{}, err
	}
	response, err := s.live.http.Do(request)
	if err != nil {
		return check.Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized {
		path, _, _ := strings.Cut(s.need.Path, "?")
		return check.Answer{State: check.NotPermitted, Message: fmt.Sprintf(
			"grant archmap's service account a ClusterRole rule with nonResourceURLs: [%q], verbs: [get]", path)}, nil
	}
	if response.StatusCode == http.StatusTooManyRequests {
		return check.Answer{}, errors.New("the API server asks for patience (429)")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return check.Answer{}, err
	}
	return s.known(check.Answer{Response: check.Response{Status: response.StatusCode, Body: string(body)}}), nil
}

func (s *source) readReview(ctx context.Context) (check.Answer, error) {
	r := s.need.Review
	review, err := s.live.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.Verb, Group: r.Group, Resource: r.Resource}},
	}, metav1.CreateOptions{})
	if err != nil {
		return s.denied("create selfsubjectaccessreviews.authorization.k8s.io", err)
	}
	return s.known(check.Answer{Allowed: review.Status.Allowed, Reason: review.Status.Reason}), nil
}

func (s *source) readObjects(ctx context.Context) (check.Answer, error) {
	verb := "list"
	if s.need.Name != "" {
		verb = "get"
	}
	problem, err := s.live.probe(ctx, s.need, verb)
	if err != nil {
		return check.Answer{}, err
	}
	if problem != nil {
		return *problem, nil
	}
	objects, err := s.fetch(ctx)
	if err != nil {
		return check.Answer{}, err
	}
	sortObjects(objects)
	return s.known(check.Answer{Objects: objects}), nil
}

// fetch gets the one object, or lists all page by page.
func (s *source) fetch(ctx context.Context) ([]client.Object, error) {
	if s.need.Name != "" {
		o := prototype(s.need.Kind)
		err := s.live.reader.Get(ctx, client.ObjectKey{Namespace: s.need.Namespace, Name: s.need.Name}, o)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return []client.Object{o}, err
	}
	var objects []client.Object
	lister := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		list := s.listPrototype()
		return list, s.live.reader.List(ctx, list, client.InNamespace(s.need.Namespace),
			&client.ListOptions{Limit: options.Limit, Continue: options.Continue, Raw: &options})
	})
	lister.PageSize = pageSize
	err := lister.EachListItem(ctx, metav1.ListOptions{LabelSelector: s.need.Selector}, func(o runtime.Object) error {
		if pod, ok := o.(*corev1.Pod); ok && check.PodSettled(pod) {
			return nil // it explains nothing
		}
		trimmed, err := trim(s.need.Kind)(o)
		if object, ok := trimmed.(client.Object); ok {
			objects = append(objects, object)
		}
		return err
	})
	return objects, err
}

func (s *source) listPrototype() client.ObjectList {
	switch s.need.Kind {
	case coordinationv1.SchemeGroupVersion.WithKind("Lease"):
		return &coordinationv1.LeaseList{}
	case check.PodKind:
		return &corev1.PodList{}
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(s.need.Kind.GroupVersion().WithKind(s.need.Kind.Kind + "List"))
	return list
}

func (s *source) known(answer check.Answer) check.Answer {
	answer.State, answer.ReadAt = check.Known, s.live.options.Clock.Now()
	return answer
}

// keepRenewals notes since when each lease has had its renewTime, by the clock of this process.
func (s *source) keepRenewals(answer *check.Answer) {
	if s.need.Kind != coordinationv1.SchemeGroupVersion.WithKind("Lease") || answer.State != check.Known {
		return
	}
	previous := s.current()
	before := map[types.NamespacedName]*metav1.MicroTime{}
	for _, o := range previous.Objects {
		if lease, ok := o.(*coordinationv1.Lease); ok {
			before[client.ObjectKeyFromObject(o)] = lease.Spec.RenewTime
		}
	}
	answer.Renewals = map[types.NamespacedName]check.Renewal{}
	for _, o := range answer.Objects {
		key := client.ObjectKeyFromObject(o)
		renewal := check.Renewal{Since: answer.ReadAt}
		if last, seen := before[key]; seen {
			renewal.Moved = true
			if o.(*coordinationv1.Lease).Spec.RenewTime.Equal(last) {
				renewal = previous.Renewals[key]
			}
		}
		answer.Renewals[key] = renewal
	}
}

// denied turns a refusal into an answer; other errors stay errors.
func (s *source) denied(what string, err error) (check.Answer, error) {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return check.Answer{State: check.NotPermitted, Message: "archmap's service account may not " + what}, nil
	}
	return check.Answer{}, err
}

// probe says why the need cannot be met: its kind is not served, or the verbs are not permitted. It returns
// nil when nothing stands in the way, and an error when that cannot be told now.
func (l *Live) probe(ctx context.Context, need check.Need, verbs ...string) (*check.Answer, error) {
	resource, err := l.resource(need)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return new(notServed(need.Kind)), nil
	case err != nil:
		return nil, err
	case !resource.Namespaced && need.Namespace != "":
		return &check.Answer{State: check.Failed, Message: fmt.Sprintf(
			"%s is cluster-scoped; leave the namespace out of the check", need.Kind.Kind)}, nil
	case resource.Name == "secrets" && need.Kind.Group == "":
		return new(refuseSecrets()), nil
	}
	for _, verb := range verbs {
		if !slices.Contains(resource.Verbs, verb) {
			return &check.Answer{State: check.Failed, Message: cannot(verb, need)}, nil
		}
		review, err := l.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: need.Kind.Group, Resource: resource.Name, Namespace: need.Namespace, Name: need.Name}},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		if !review.Status.Allowed {
			return &check.Answer{State: check.NotPermitted, Message: missingRule(need, resource.Name, verbs)}, nil
		}
	}
	return nil, nil
}

func notServed(kind schema.GroupVersionKind) check.Answer {
	return check.Answer{State: check.NotServed, Message: fmt.Sprintf("the API server does not serve %s in %s", kind.Kind, kind.GroupVersion())}
}

func refuseSecrets() check.Answer {
	return check.Answer{State: check.NotPermitted, Message: "archmap reads no Secrets"}
}

// cannot says that the kind does not know the verb, and what to do.
func cannot(verb string, need check.Need) string {
	text := fmt.Sprintf("the API server cannot %s %s of %s", verb, need.Kind.Kind, need.Kind.GroupVersion())
	if verb == "watch" {
		return text + "; set observe: Poll in the check"
	}
	return text
}

// resource looks the kind up where the API server announces it, so that one that comes or goes is noticed.
func (l *Live) resource(need check.Need) (metav1.APIResource, error) {
	list, err := l.kube.Discovery().ServerResourcesForGroupVersion(need.Kind.GroupVersion().String())
	if err != nil {
		return metav1.APIResource{}, err
	}
	for _, r := range list.APIResources {
		if r.Kind == need.Kind.Kind && !strings.Contains(r.Name, "/") {
			return r, nil
		}
	}
	return metav1.APIResource{}, &meta.NoKindMatchError{GroupKind: need.Kind.GroupKind(), SearchedVersions: []string{need.Kind.Version}}
}

// missingRule is the RBAC rule that is asked for.
func missingRule(need check.Need, resource string, verbs []string) string {
	rule := fmt.Sprintf("apiGroups: [%q], resources: [%q], verbs: [%s]", need.Kind.Group, resource, strings.Join(verbs, ", "))
	if need.Name != "" {
		rule += fmt.Sprintf(", resourceNames: [%q]", need.Name)
	}
	where := "a ClusterRole"
	if need.Namespace != "" {
		where = "a Role in namespace " + need.Namespace + " or a ClusterRole"
	}
	return "grant archmap's service account " + where + " with the rule " + rule
}
