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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
	"github.com/archmap/archmap/internal/trim"
	"github.com/archmap/archmap/internal/workload"
)

// pageSize is the number of objects that one request asks for.
const pageSize = 200

// Rights say with whose rights a cluster is read.
type Rights int

const (
	// OfOperator: of the operator's service account. The zero value.
	OfOperator Rights = iota
	// OfUser: of the person who looks.
	OfUser
)

func (r Rights) who() string {
	if r == OfUser {
		return "the user of this context"
	}
	return "archmap's service account"
}

// credentials are what the API server knows it by.
func (r Rights) credentials() string {
	if r == OfUser {
		return "the credentials of " + r.who()
	}
	return "the token of " + r.who()
}

// api asks the API server, once each time.
type api struct {
	config *rest.Config
	http   *http.Client
	reader client.Reader
	// mapper knows which kinds are served; nil knows none.
	mapper meta.RESTMapper
	kube   kubernetes.Interface
	// rights say with whose rights it asks.
	rights Rights
	now    func() time.Time
}

func newAPI(config *rest.Config, httpClient *http.Client, mapper meta.RESTMapper, rights Rights, now func() time.Time) (*api, error) {
	reader, err := client.New(config, client.Options{HTTPClient: httpClient, Mapper: mapper})
	if err != nil {
		return nil, err
	}
	kube, err := kubernetes.NewForConfigAndClient(config, httpClient)
	return &api{config: config, http: httpClient, reader: reader, mapper: mapper, kube: kube, rights: rights, now: now}, err
}

// ask reads what is needed. An error means that nothing was learned.
func (a *api) ask(ctx context.Context, need facts.Need) (facts.Answer, error) {
	switch {
	case need.Path != "":
		return a.readPath(ctx, need)
	case need.Review != (facts.Review{}):
		return a.readReview(ctx, need.Review)
	}
	answer, err := a.fetch(ctx, need)
	trim.Sort(answer.Objects)
	answer.State = facts.Known
	return answer, err
}

// readPath reads what the API server tells of itself. It follows no redirect: that would lead to other paths, or elsewhere.
func (a *api) readPath(ctx context.Context, need facts.Need) (facts.Answer, error) {
	if err := facts.CheckPath(need.Path); err != nil {
		return facts.Answer{State: facts.Failed, Message: fmt.Sprintf("path %q is not read: it %s", need.Path, err)}, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.config.Host, "/")+need.Path, nil)
	if err != nil {
		return facts.Answer{}, err
	}
	direct := *a.http
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := direct.Do(request)
	if err != nil {
		return facts.Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return facts.Answer{}, apierrors.NewUnauthorized(need.Path)
	case http.StatusForbidden:
		path, _, _ := strings.Cut(need.Path, "?")
		return facts.Answer{}, &refusal{fmt.Sprintf(
			"grant %s a ClusterRole rule with nonResourceURLs: [%q], verbs: [get]", a.rights.who(), path)}
	case http.StatusTooManyRequests:
		return facts.Answer{}, errors.New("the API server is rate-limiting requests (429)")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, facts.MaxBody+1))
	if err != nil {
		return facts.Answer{}, err
	}
	answer := facts.Answer{State: facts.Known, Response: facts.Response{Status: response.StatusCode, Body: string(body)}}
	switch {
	case !need.ReadsBody():
		answer.Response = check.WithoutBody(answer.Response)
	case len(body) > facts.MaxBody:
		return facts.Answer{State: facts.Failed, Message: fmt.Sprintf("the response to GET %s is larger than %d KiB", need.Path, facts.MaxBody>>10)}, nil
	}
	return answer, nil
}

// probeUser is a user without any rights: no cluster knows it.
const probeUser = "archmap:unprivileged-probe"

// readReview asks for a refusal. A cluster administrator is refused nothing, so the plugin asks again for probeUser;
// without the right to do so, the first answer stands.
func (a *api) readReview(ctx context.Context, r facts.Review) (facts.Answer, error) {
	attributes := &authorizationv1.ResourceAttributes{Verb: r.Verb, Group: r.Group, Resource: r.Resource}
	own, err := a.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes},
	}, metav1.CreateOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return facts.Answer{}, &refusal{a.rights.who() + " may not create selfsubjectaccessreviews.authorization.k8s.io"}
	case err != nil:
		return facts.Answer{}, err
	}
	status := own.Status
	if status.Allowed && a.rights == OfUser {
		others, err := a.kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: probeUser, Groups: []string{"system:authenticated"}, ResourceAttributes: attributes},
		}, metav1.CreateOptions{})
		if err == nil {
			status = others.Status
		}
	}
	return facts.Answer{State: facts.Known, Allowed: status.Allowed, Reason: status.Reason}, nil
}

// fetch gets the one object, or lists all page by page; once more in one go, when so much happens in the cluster that
// the API server forgets the first pages before the last is read.
func (a *api) fetch(ctx context.Context, need facts.Need) (facts.Answer, error) {
	if need.Name != "" {
		objects, err := a.get(ctx, need)
		return facts.Answer{Objects: objects}, err
	}
	limit := int64(pageSize)
	if need.Kind == facts.EventKind {
		limit = facts.MaxEvents
	}
	answer, err := a.list(ctx, need, limit)
	if apierrors.IsResourceExpired(err) {
		return a.list(ctx, need, 0)
	}
	return answer, err
}

func (a *api) get(ctx context.Context, need facts.Need) ([]client.Object, error) {
	o := trim.New(need.Kind)
	switch err := a.reader.Get(ctx, client.ObjectKey{Namespace: need.Namespace, Name: need.Name}, o); {
	case apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return nil, nil // and the kind is served
	case err != nil:
		return nil, err
	}
	trimmed, err := trimmed(need, o)
	if err != nil {
		return nil, err
	}
	return []client.Object{trimmed}, nil
}

// trimmed is what is needed of an object; nil for what is none.
func trimmed(need facts.Need, in any) (client.Object, error) {
	out, err := trim.Func(need.Kind)(in)
	if u, untyped := out.(*unstructured.Unstructured); untyped && need.Mask != "" {
		return trim.Masked(u, facts.ParseMask(need.Mask)), err
	}
	o, _ := out.(client.Object)
	return o, err
}

func (a *api) list(ctx context.Context, need facts.Need, limit int64) (facts.Answer, error) {
	answer, now := facts.Answer{ReadyPods: map[facts.PodRevision]int{}}, a.now()
	lister := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		list := trim.NewList(need.Kind)
		err := a.reader.List(ctx, list, client.InNamespace(need.Namespace),
			&client.ListOptions{Limit: options.Limit, Continue: options.Continue, Raw: &options})
		if need.Kind == facts.EventKind {
			list.SetContinue("") // more of them would not say more
		}
		return list, err
	})
	lister.PageSize, lister.PageBufferSize = limit, 1 // the next one comes while this one is trimmed
	options := metav1.ListOptions{LabelSelector: need.Selector, FieldSelector: need.Fields}
	err := lister.EachListItem(ctx, options, func(o runtime.Object) error {
		if object, ok := o.(client.Object); ok && !workload.Sift(object, answer.ReadyPods, now) {
			return nil
		}
		trimmed, err := trimmed(need, o)
		if trimmed != nil {
			answer.Objects = append(answer.Objects, trimmed)
		}
		return err
	})
	return answer, err
}

// explain says in words what the errors of others leave open.
func (a *api) explain(err error) string {
	if apierrors.IsUnauthorized(err) {
		return fmt.Sprintf("the API server doesn't accept %s (401)", a.rights.credentials())
	}
	return err.Error()
}

// probe says why the need cannot be met: its kind is not served, or not with these verbs. It returns nil when nothing stands in
// the way, and an error when that cannot be told now: a refusal, when the verbs are not permitted.
func (a *api) probe(ctx context.Context, need facts.Need, verbs ...string) (*facts.Answer, error) {
	resource, err := a.resource(need)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return new(snapshot.NotServed(need.Kind)), nil
	case err != nil:
		return nil, err
	}
	if problem := refused(need, resource.Name, resource.Namespaced); problem != nil {
		return problem, nil
	}
	for _, verb := range verbs {
		if !slices.Contains(resource.Verbs, verb) {
			return &facts.Answer{State: facts.Failed, Message: cannot(verb, need)}, nil
		}
		review, err := a.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: need.Kind.Group, Resource: resource.Name, Namespace: need.Namespace, Name: need.Name}},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		if !review.Status.Allowed {
			return nil, &refusal{a.missingRule(need, resource.Name, verbs...)}
		}
	}
	return nil, nil
}

// cannot says that the kind does not know the verb, and what to do.
func cannot(verb string, need facts.Need) string {
	text := fmt.Sprintf("the API server cannot %s %s of %s", verb, need.Kind.Kind, need.Kind.GroupVersion())
	if verb == verbWatch {
		return text + "; set observe: Poll in the check"
	}
	return text
}

// resource looks the kind up where the API server announces it, so that one that comes or goes is noticed.
func (a *api) resource(need facts.Need) (metav1.APIResource, error) {
	list, err := a.kube.Discovery().ServerResourcesForGroupVersion(need.Kind.GroupVersion().String())
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
func (a *api) missingRule(need facts.Need, resource string, verbs ...string) string {
	rule := fmt.Sprintf("apiGroups: [%q], resources: [%q], verbs: [%s]", need.Kind.Group, resource, strings.Join(verbs, ", "))
	if need.Name != "" {
		rule += fmt.Sprintf(", resourceNames: [%q]", need.Name)
	}
	where := "a ClusterRole"
	if need.Namespace != "" {
		where = "a Role in namespace " + need.Namespace + " or a ClusterRole"
	}
	return "grant " + a.rights.who() + " " + where + " with the rule " + rule
}
