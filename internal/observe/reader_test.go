// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// server is an API server that answers as it is told, and remembers what it was asked.
type server struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string
}

// serverTime is what time the server has.
var serverTime = time.Date(2026, 10, 2, 14, 30, 0, 0, time.UTC)

func newServer(t *testing.T, answers map[string]http.HandlerFunc) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.String())
		s.mu.Unlock()
		w.Header().Set("Date", serverTime.Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		if answer := answers[r.URL.Path]; answer != nil {
			answer(w, r)
			return
		}
		fail(w, apierrors.NewNotFound(schema.GroupResource{}, r.URL.Path))
	}))
	t.Cleanup(s.Close)
	return s
}

func fail(w http.ResponseWriter, err *apierrors.StatusError) {
	err.ErrStatus.APIVersion, err.ErrStatus.Kind = "v1", "Status"
	w.WriteHeader(int(err.ErrStatus.Code))
	_ = json.NewEncoder(w).Encode(err.ErrStatus)
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
}

func refuse(w http.ResponseWriter, r *http.Request) {
	fail(w, apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", fmt.Errorf("no rule allows %s", r.URL.Path)))
}

func unauthorized(w http.ResponseWriter, _ *http.Request) {
	fail(w, apierrors.NewUnauthorized("Unauthorized"))
}

const notAccepted = "the API server doesn't accept the credentials of the user of this context (401)"

// servedKinds are the kinds of the server.
func servedKinds(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, k := range []schema.GroupVersionKind{
		kind("apps/v1", "Deployment"), kind("v1", "Pod"), kind("v1", "Event"), kind("v1", "ConfigMap"), kind("v1", "Secret"), kind("coordination.k8s.io/v1", "Lease"),
	} {
		mapper.Add(k, meta.RESTScopeNamespace)
	}
	mapper.Add(kind("v1", "Node"), meta.RESTScopeRoot)
	mapper.Add(kind("metrics.k8s.io/v1beta1", "NodeMetrics"), meta.RESTScopeRoot)
	return mapper, nil
}

func readerOf(t *testing.T, s *server, timeout time.Duration) *Reader {
	r, err := NewReader(&rest.Config{Host: s.URL, Timeout: timeout, QPS: -1, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, servedKinds)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return r
}

func kind(apiVersion, kind string) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(apiVersion, kind)
}

const (
	deploymentsPath = "/apis/apps/v1/namespaces/kube-system/deployments"
	nodesPath       = "/api/v1/nodes"
	metricsPath     = "/apis/metrics.k8s.io/v1beta1/nodemetricses"
	configMapPath   = "/api/v1/namespaces/kube-system/configmaps/a"
	selfReview      = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
	probeUserReview = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
)

var (
	deploymentsNeed = facts.Need{Kind: kind("apps/v1", "Deployment"), Namespace: "kube-system"}
	nodesNeed       = facts.Need{Kind: kind("v1", "Node")}
	metricsNeed     = facts.Need{Kind: kind("metrics.k8s.io/v1beta1", "NodeMetrics")}
	configMapNeed   = facts.Need{Kind: kind("v1", "ConfigMap"), Namespace: "kube-system", Name: "a"}
	readyNeed       = facts.Need{Path: "/readyz?verbose"}
	reviewNeed      = facts.Need{Review: facts.Review{Verb: "delete", Resource: "nodes"}}
)

func TestReaderTellsOutcomesApart(t *testing.T) {
	for name, test := range map[string]struct {
		need    facts.Need
		path    string
		answer  http.HandlerFunc
		want    facts.State
		message string
	}{
		"list":             {deploymentsNeed, deploymentsPath, answer(`{"items":[{"metadata":{"name":"a","namespace":"kube-system"}}]}`), facts.Known, ""},
		"list, refused":    {deploymentsNeed, deploymentsPath, refuse, facts.NotPermitted, `a Role in namespace kube-system or a ClusterRole with the rule apiGroups: ["apps"], resources: ["deployments"], verbs: [list]`},
		"get, refused":     {configMapNeed, configMapPath, refuse, facts.NotPermitted, `resources: ["configmaps"], verbs: [get], resourceNames: ["a"]`},
		"list, no token":   {deploymentsNeed, deploymentsPath, unauthorized, facts.Failed, notAccepted},
		"path, no token":   {readyNeed, "/readyz", unauthorized, facts.Failed, notAccepted},
		"review, no token": {reviewNeed, selfReview, unauthorized, facts.Failed, notAccepted},
		"get, not there":   {configMapNeed, "", nil, facts.Known, ""},
		"list, not there":  {metricsNeed, "", nil, facts.NotServed, "does not serve NodeMetrics in metrics.k8s.io/v1beta1"},
		"unknown kind":     {facts.Need{Kind: kind("karpenter.sh/v1", "NodePool")}, "", nil, facts.NotServed, "does not serve NodePool"},
		"unknown kind of an API that is down": {facts.Need{Kind: kind("custom.metrics.k8s.io/v1beta1", "MetricValue")}, "/apis/custom.metrics.k8s.io/v1beta1",
			func(w http.ResponseWriter, _ *http.Request) {
				fail(w, apierrors.NewServiceUnavailable("the adapter is away"))
			},
			facts.Failed, "couldn't tell whether MetricValue of custom.metrics.k8s.io/v1beta1 is served: the adapter is away"},
		"unknown version": {facts.Need{Kind: kind("apps/v2", "Deployment")}, "", nil, facts.NotServed, "apps/v2"},
		"no namespaces":   {facts.Need{Kind: kind("v1", "Node"), Namespace: "a"}, "", nil, facts.Failed, "cluster-scoped"},
		"Secret":          {facts.Need{Kind: kind("v1", "Secret"), Namespace: "a"}, "", nil, facts.NotPermitted, "never reads Secrets"},
		"broken": {nodesNeed, nodesPath, func(w http.ResponseWriter, _ *http.Request) {
			fail(w, apierrors.NewInternalError(fmt.Errorf("etcd is away")))
		}, facts.Failed, "etcd is away"},
		"gibberish":       {nodesNeed, nodesPath, answer(`<html>`), facts.Failed, ""},
		"path":            {readyNeed, "/readyz", answer("ok"), facts.Known, ""},
		"path, not well":  {readyNeed, "/readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, facts.Known, ""},
		"path, refused":   {readyNeed, "/readyz", refuse, facts.NotPermitted, `nonResourceURLs: ["/readyz"], verbs: [get]`},
		"review":          {reviewNeed, selfReview, review(func(string) (bool, string) { return false, "no" }), facts.Known, ""},
		"review, refused": {reviewNeed, selfReview, refuse, facts.NotPermitted, "may not create selfsubjectaccessreviews"},
		"review, a broken": {reviewNeed, selfReview, func(w http.ResponseWriter, _ *http.Request) {
			fail(w, apierrors.NewInternalError(fmt.Errorf("webhook")))
		}, facts.Failed, "webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := newServer(t, map[string]http.HandlerFunc{test.path: test.answer})
			dump, err := readerOf(t, s, 0).Read(t.Context(), []facts.Need{test.need})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(dump.Reads).To(HaveLen(1))
			g.Expect(dump.Reads[0]).To(And(HaveField("Need", test.need), HaveField("State", test.want), HaveField("Message", ContainSubstring(test.message))))
			given := dump.Facts([]facts.Need{test.need}).Answers[test.need]
			g.Expect(given.State).To(Equal(test.want), "the dump gives what was read")
			g.Expect(given.Message).To(Equal(dump.Reads[0].Message))
			if test.want == facts.NotPermitted && test.need.Kind.Kind != "Secret" {
				g.Expect(given.Message).To(ContainSubstring("the user of this context"))
			}
		})
	}
}

// review answers access reviews.
func review(decide func(user string) (bool, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked authorizationv1.SubjectAccessReview
		_ = json.NewDecoder(r.Body).Decode(&asked)
		asked.Status.Allowed, asked.Status.Reason = decide(asked.Spec.User)
		_ = json.NewEncoder(w).Encode(asked)
	}
}

// A user who is allowed everything asks for the probe user; without the right to do so, the first answer stands.
func TestReaderAsksForTheProbeUser(t *testing.T) {
	for name, test := range map[string]struct {
		own, foreign http.HandlerFunc
		want         snapshot.ReviewAnswer
	}{
		"may nothing":     {review(func(string) (bool, string) { return false, "own" }), nil, snapshot.ReviewAnswer{Allowed: false, Reason: "own"}},
		"may everything":  {review(func(string) (bool, string) { return true, "own" }), review(func(user string) (bool, string) { return false, "of " + user }), snapshot.ReviewAnswer{Allowed: false, Reason: "of archmap:unprivileged-probe"}},
		"may not ask":     {review(func(string) (bool, string) { return true, "own" }), refuse, snapshot.ReviewAnswer{Allowed: true, Reason: "own"}},
		"all may all":     {review(func(string) (bool, string) { return true, "own" }), review(func(string) (bool, string) { return true, "open" }), snapshot.ReviewAnswer{Allowed: true, Reason: "open"}},
		"nobody can tell": {review(func(string) (bool, string) { return true, "own" }), nil, snapshot.ReviewAnswer{Allowed: true, Reason: "own"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := newServer(t, map[string]http.HandlerFunc{selfReview: test.own, probeUserReview: test.foreign})
			dump, err := readerOf(t, s, 0).Read(t.Context(), []facts.Need{reviewNeed})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(dump.Reviews).To(Equal(map[facts.Review]snapshot.ReviewAnswer{reviewNeed.Review: test.want}))
		})
	}
}

// A watch with a user's rights asks the same as a single read; the operator asks for itself alone.
func TestSourcesAskForTheProbeUser(t *testing.T) {
	for rights, want := range map[Rights]string{OfUser: "of archmap:unprivileged-probe", OfOperator: "own"} {
		t.Run(rights.who(), func(t *testing.T) {
			g := NewWithT(t)
			s := newServer(t, map[string]http.HandlerFunc{
				selfReview:      review(func(string) (bool, string) { return true, "own" }),
				probeUserReview: review(func(user string) (bool, string) { return false, "of " + user }),
			})
			config := &rest.Config{Host: s.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
			sources, err := NewSources(config, http.DefaultClient, meta.NewDefaultRESTMapper(nil), Options{Rights: rights})
			g.Expect(err).NotTo(HaveOccurred())
			ctx, cancel := context.WithCancel(t.Context())
			stopped := make(chan error, 1)
			go func() { stopped <- sources.Start(ctx) }()
			need := reviewNeed
			need.Interval = time.Hour
			sources.Want(need)
			g.Eventually(func() string { return sources.Answer(need).Reason }).Should(Equal(want))
			cancel()
			g.Eventually(stopped).Should(Receive(BeNil()))
		})
	}
}

// pages serves many Deployments in pages; before a page, the hook may answer instead.
func pages(all int, hook func(w http.ResponseWriter, from int) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		if hook(w, from) {
			return
		}
		until := all
		if limit > 0 {
			until = min(all, from+limit)
		}
		list := unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "apps/v1", "kind": "DeploymentList"}}
		for i := from; i < until; i++ {
			u := unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}}
			u.SetNamespace("kube-system")
			u.SetName(fmt.Sprintf("d%04d", i))
			u.SetAnnotations(map[string]string{"bulky": "text"})
			list.Items = append(list.Items, u)
		}
		if until < all {
			list.SetContinue(strconv.Itoa(until))
		}
		_ = json.NewEncoder(w).Encode(&list)
	}
}

func TestReaderReadsPages(t *testing.T) {
	for name, test := range map[string]struct {
		hook func() func(w http.ResponseWriter, from int) bool
		asks int
	}{
		"in peace": {func() func(http.ResponseWriter, int) bool {
			return func(http.ResponseWriter, int) bool { return false }
		}, 3},
		"a page has expired": {func() func(http.ResponseWriter, int) bool {
			return func(w http.ResponseWriter, from int) bool {
				if from > 0 {
					fail(w, apierrors.NewResourceExpired("the continue token is too old"))
				}
				return from > 0
			}
		}, 3},
		"the server asks for patience": {func() func(http.ResponseWriter, int) bool {
			patient := false
			return func(w http.ResponseWriter, from int) bool {
				if from == 0 || patient {
					return false
				}
				patient = true
				w.Header().Set("Retry-After", "0")
				fail(w, apierrors.NewTooManyRequests("slowly", 0))
				return true
			}
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := newServer(t, map[string]http.HandlerFunc{deploymentsPath: pages(500, test.hook())})
			dump, err := readerOf(t, s, 0).Read(t.Context(), []facts.Need{deploymentsNeed})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(dump.Reads[0].State).To(Equal(facts.Known), dump.Reads[0].Message)
			var names []string
			for _, o := range dump.AllObjects() {
				names = append(names, o.GetName())
				g.Expect(o.GetAnnotations()).To(BeEmpty(), "trimmed on arrival")
			}
			g.Expect(names).To(HaveLen(500))
			g.Expect(slices.Compact(slices.Sorted(slices.Values(names)))).To(HaveLen(500), "each once")
			g.Expect(s.asked).To(HaveLen(test.asks))
		})
	}
}

// What hangs does not hold up the others for longer than one request may take.
func TestReaderDoesNotWaitForever(t *testing.T) {
	g := NewWithT(t)
	release := make(chan struct{})
	defer close(release)
	hang := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	s := newServer(t, map[string]http.HandlerFunc{metricsPath: hang, "/readyz": hang, nodesPath: answer(`{"items":[{"metadata":{"name":"n"}}]}`)})
	dump, err := readerOf(t, s, 200*time.Millisecond).Read(t.Context(), []facts.Need{metricsNeed, readyNeed, nodesNeed})
	g.Expect(err).NotTo(HaveOccurred())
	given := dump.Facts([]facts.Need{metricsNeed, readyNeed, nodesNeed})
	for _, need := range []facts.Need{metricsNeed, readyNeed} {
		g.Expect(given.Answers[need].State).To(Equal(facts.Failed))
		g.Expect(given.Answers[need].Message).To(Equal("the API server did not respond within 200ms"))
	}
	g.Expect(given.Answers[nodesNeed].Objects).To(HaveLen(1))

	g.Expect(readerOf(t, s, 0).api.config.Timeout).To(Equal(patience), "somebody who did not say how long would wait for ever")
	g.Expect(readerOf(t, s, time.Minute).api.config.Timeout).To(Equal(time.Minute))
}

func TestReaderReadsEachThingOnce(t *testing.T) {
	g := NewWithT(t)
	s := newServer(t, map[string]http.HandlerFunc{nodesPath: answer(`{"items":[]}`), "/readyz": answer("ok")})
	often := nodesNeed
	often.Interval = time.Second
	r := readerOf(t, s, 0)
	var progress []string
	r.Progress = func(done, all int) { progress = append(progress, fmt.Sprint(done, "/", all)) }
	dump, err := r.Read(t.Context(), []facts.Need{nodesNeed, often, nodesNeed, readyNeed})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.asked).To(ConsistOf(nodesPath+"?limit=200&timeout=15s", "/readyz?verbose"))
	g.Expect(progress).To(Equal([]string{"1/2", "2/2"}))
	g.Expect(dump.Unread([]facts.Need{often, readyNeed})).To(BeEmpty())
	g.Expect(dump.Unread([]facts.Need{deploymentsNeed, nodesNeed})).To(Equal([]facts.Need{deploymentsNeed}))
	g.Expect(dump.Time).To(BeTemporally("~", serverTime, time.Second), "the clock is that of the server")
}

// What is read is trimmed, and can be found in the dump all the same.
func TestReaderKeepsWhatIsAskedFor(t *testing.T) {
	g := NewWithT(t)
	const bulk = `"managedFields":[{"manager":"m"}],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","a":"b"}`
	pods := facts.Need{Kind: facts.PodKind, Namespace: "kube-system", Selector: "k8s-app=kube-dns"}
	s := newServer(t, map[string]http.HandlerFunc{
		configMapPath: answer(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"kube-system",` + bulk + `},"data":{"k":"v"}}`),
		"/api/v1/namespaces/kube-system/pods": answer(`{"items":[
			{"metadata":{"name":"well","namespace":"kube-system","labels":{"k8s-app":"kube-dns","controller-revision-hash":"a"},"ownerReferences":[{"kind":"DaemonSet","name":"dns","controller":true}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
			{"metadata":{"name":"broken","namespace":"kube-system","labels":{"k8s-app":"kube-dns"},` + bulk + `},"spec":{"nodeName":"n","containers":[{"name":"c","env":[{"name":"A","value":"secret"}]}]}}]}`),
	})
	dump, err := readerOf(t, s, 0).Read(t.Context(), []facts.Need{configMapNeed, pods})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(dump.AllObjects()).To(HaveLen(2), "a pod that is well explains nothing")
	for _, o := range dump.AllObjects() {
		g.Expect(o.GetManagedFields()).To(BeEmpty())
		g.Expect(o.GetAnnotations()).NotTo(HaveKey(corev1.LastAppliedConfigAnnotation))
	}
	given := dump.Facts([]facts.Need{configMapNeed, pods})
	g.Expect(given.Answers[configMapNeed].Objects[0].(*unstructured.Unstructured).Object).To(HaveKeyWithValue("data", map[string]any{"k": "v"}))
	g.Expect(given.Answers[pods].Objects).To(ConsistOf(And(HaveField("Name", "broken"), HaveField("Spec", corev1.PodSpec{NodeName: "n"}))))
	g.Expect(given.Answers[pods].ReadyPods).To(Equal(map[facts.PodRevision]int{{Namespace: "kube-system", Kind: "DaemonSet", Name: "dns", Hash: "a"}: 1}),
		"but that it runs, and of which revision it is")
	g.Expect(s.asked).To(ConsistOf(configMapPath+"?timeout=15s", "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns&limit=200&timeout=15s"))
}

// Of events one page is read, those that the API server selects.
func TestReaderReadsOnePageOfEvents(t *testing.T) {
	g := NewWithT(t)
	need := facts.EventsOf("DaemonSet", "kube-system", "cns")
	s := newServer(t, map[string]http.HandlerFunc{"/api/v1/namespaces/kube-system/events": answer(`{"metadata":{"continue":"more"},"items":[
		{"metadata":{"name":"e","namespace":"kube-system"},"type":"Warning","reason":"FailedCreate","message":"m","related":{"kind":"Pod"},
		"involvedObject":{"kind":"DaemonSet","namespace":"kube-system","name":"cns","fieldPath":"f"},"source":{"component":"c","host":"h"}}]}`)})
	dump, err := readerOf(t, s, 0).Read(t.Context(), []facts.Need{need})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.asked).To(ConsistOf("/api/v1/namespaces/kube-system/events?" +
		"fieldSelector=involvedObject.kind%3DDaemonSet%2CinvolvedObject.name%3Dcns%2Ctype%3DWarning&limit=500&timeout=15s"))
	g.Expect(dump.Answer(need).Objects).To(HaveExactElements(&corev1.Event{
		TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta:     metav1.ObjectMeta{Namespace: "kube-system", Name: "e"},
		InvolvedObject: corev1.ObjectReference{Kind: "DaemonSet", Namespace: "kube-system", Name: "cns"},
		Type:           corev1.EventTypeWarning, Reason: "FailedCreate", Message: "m", Source: corev1.EventSource{Component: "c"},
	}))
	g.Expect(dump.Answer(facts.EventsOf("DaemonSet", "kube-system", "other")).State).To(Equal(facts.NotHeld), "others were not asked for")
}

func TestReaderIsStopped(t *testing.T) {
	g := NewWithT(t)
	ctx, stop := context.WithCancel(t.Context())
	s := newServer(t, map[string]http.HandlerFunc{nodesPath: func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}})
	_, err := readerOf(t, s, 0).Read(ctx, []facts.Need{nodesNeed})
	g.Expect(err).To(MatchError(context.Canceled))
}

func TestReaderNeedsACluster(t *testing.T) {
	g := NewWithT(t)
	_, err := NewReader(&rest.Config{Host: "https://cluster.example"}, func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
		return nil, &apierrors.StatusError{ErrStatus: metav1.Status{Message: "no route to host"}}
	})
	g.Expect(err).To(MatchError("list the kinds that the cluster https://cluster.example serves: no route to host"))
}
