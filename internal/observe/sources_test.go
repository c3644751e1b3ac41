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
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	toolscache "k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

// observer has Sources of which the test says what they observe, and remembers whom they tell of what.
type observer struct {
	t       *testing.T
	g       Gomega
	sources *Sources
	clock   *clocktesting.FakeClock
	stop    context.CancelFunc
	stopped chan error

	mu      sync.Mutex
	running sets.Set[*source]
	told    []string
	// linger, when set, keeps what observes from returning.
	linger chan struct{}
}

// inBubble runs a test by a clock that the test turns; it fails when a goroutine outlives it.
func inBubble(t *testing.T, options Options, api *api, observe func(*source, context.Context), test func(o *observer)) {
	synctest.Test(t, func(t *testing.T) {
		o := &observer{t: t, g: NewWithT(t), clock: clocktesting.NewFakeClock(serverTime), running: sets.New[*source](),
			stopped: make(chan error, 1)}
		if observe == nil {
			observe = o.observe
		}
		options.Clock = o.clock
		options.setDefaults()
		o.sources = newSources(api, options, observe)
		o.sources.Notify(o.tell)
		t.Cleanup(o.end)
		test(o)
	})
}

func (o *observer) start() {
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	go func() { o.stopped <- o.sources.Start(ctx) }()
	synctest.Wait()
}

func (o *observer) end() {
	if o.stop != nil {
		o.stop()
		o.g.Expect(<-o.stopped).To(Succeed())
		o.stop = nil
	}
}

func (o *observer) observe(s *source, ctx context.Context) {
	o.mu.Lock()
	o.running.Insert(s)
	linger := o.linger
	o.mu.Unlock()
	<-ctx.Done()
	if linger != nil {
		<-linger
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running.Delete(s)
}

func (o *observer) tell(need facts.Need, object types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := need.Kind.Kind + need.Path
	if object != (types.NamespacedName{}) {
		text += " " + object.String()
	}
	o.told = append(o.told, text)
}

// expectTold waits until nothing moves, and sees of what was told since the last time.
func (o *observer) expectTold(why string, what ...string) {
	o.t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.g.Expect(o.told).To(ConsistOf(what), why)
	o.told = nil
}

func (o *observer) expectRunning(why string, needs ...facts.Need) {
	o.t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	var running []facts.Need
	for s := range o.running {
		running = append(running, s.need)
	}
	o.g.Expect(running).To(ConsistOf(needs), why)
}

func (o *observer) source(need facts.Need) *source {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for s := range o.running {
		if s.need == need {
			return s
		}
	}
	return nil
}

func (o *observer) pass(d time.Duration) {
	synctest.Wait()
	o.clock.Step(d)
	synctest.Wait()
}

var known = facts.Answer{State: facts.Known}

func TestSourcesAreObservedWhileTheyAreWanted(t *testing.T) {
	inBubble(t, Options{}, nil, nil, func(o *observer) {
		o.sources.Want(nodesNeed)
		o.sources.Want(metricsNeed)
		o.sources.Drop(metricsNeed)
		o.expectRunning("it has not started")
		o.start()
		o.expectRunning("what was wanted before", nodesNeed)
		o.sources.Want(deploymentsNeed)
		first := o.source(nodesNeed)
		o.sources.Want(nodesNeed)
		o.expectRunning("one for a need", nodesNeed, deploymentsNeed)
		o.g.Expect(o.source(nodesNeed)).To(BeIdenticalTo(first))
		o.g.Expect(o.sources.Answer(nodesNeed)).To(Equal(facts.Answer{}), "it is pending")

		o.sources.Drop(nodesNeed)
		o.expectRunning("nobody wants it", deploymentsNeed)
		o.sources.Drop(nodesNeed)
		o.sources.Drop(metricsNeed)
		o.expectRunning("it was not there", deploymentsNeed)
		o.g.Expect(o.sources.Answer(metricsNeed)).To(Equal(facts.Answer{}))
		o.g.Expect(stateOf(o.sources, metricsNeed)).To(Equal(facts.Answer{}))
		o.g.Expect(objectsOf(o.sources, metricsNeed).Get(types.NamespacedName{Name: "n"})).To(BeNil())
		o.sources.Demand(facts.Demand{Need: metricsNeed})
		o.expectTold("nothing was learned")
	})
}

func TestSourcesEnd(t *testing.T) {
	inBubble(t, Options{}, nil, nil, func(o *observer) {
		o.linger = make(chan struct{})
		o.start()
		o.sources.Want(nodesNeed)
		o.sources.Want(deploymentsNeed)
		o.sources.Drop(deploymentsNeed)
		synctest.Wait()
		o.stop()
		synctest.Wait()
		o.g.Expect(o.stopped).NotTo(Receive(), "somebody still observes")
		close(o.linger)
		o.end()
		o.expectRunning("it has ended")

		o.sources.Want(metricsNeed)
		o.sources.Drop(nodesNeed)
		o.sources.Demand(facts.Demand{Need: nodesNeed})
		o.expectRunning("nothing starts after the end")
		o.g.Expect(o.sources.Answer(nodesNeed)).To(Equal(facts.Answer{}))
		o.g.Expect(o.sources.sources).To(BeEmpty())
	})
}

func TestLimitOfSources(t *testing.T) {
	const refusal = "the limit of 2 watches and polls is reached"
	inBubble(t, Options{MaxSources: 2}, nil, nil, func(o *observer) {
		o.start()
		o.sources.Want(pods)
		o.sources.Want(nodesNeed)
		o.sources.Want(readyNeed)
		o.sources.Want(deploymentsNeed)
		o.expectRunning("pods take no room", nodesNeed, readyNeed, pods)
		o.g.Expect(stateOf(o.sources, deploymentsNeed).State).To(Equal(facts.Failed))
		o.g.Expect(o.sources.Answer(deploymentsNeed).Message).To(ContainSubstring(refusal))
		o.expectTold("whoever wants it looks at once")

		o.sources.Drop(pods)
		o.expectRunning("they left no room", nodesNeed, readyNeed)
		o.g.Expect(stateOf(o.sources, deploymentsNeed).Message).To(ContainSubstring(refusal))
		o.sources.Drop(nodesNeed)
		o.expectRunning("it has its room", readyNeed, deploymentsNeed)
		o.g.Expect(stateOf(o.sources, deploymentsNeed)).To(Equal(facts.Answer{}), "it is being read")
		o.source(deploymentsNeed).set(known)
		o.expectTold("it is read", "Deployment")
		o.sources.Want(metricsNeed)
		o.sources.Drop(metricsNeed)
		o.expectRunning("one that waited has gone", readyNeed, deploymentsNeed)
	})
}

// Who wants what before the start learns that there is no room for it.
func TestLimitAtTheStart(t *testing.T) {
	inBubble(t, Options{MaxSources: 1}, nil, nil, func(o *observer) {
		o.sources.Want(deploymentsNeed)
		o.sources.Want(nodesNeed)
		o.start()
		o.g.Expect(o.running).To(HaveLen(1))
		for _, need := range []facts.Need{deploymentsNeed, nodesNeed} {
			if o.source(need) == nil {
				o.g.Expect(stateOf(o.sources, need).State).To(Equal(facts.Failed))
				o.expectTold("it was pending", need.Kind.Kind)
			}
		}
	})
}

// What a source learns once it has ended is nobody's.
func TestNothingIsLearnedAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(*observer){
		"one source": func(o *observer) { o.sources.Drop(nodesNeed) },
		"all":        func(o *observer) { o.end() },
		"one that comes again": func(o *observer) {
			o.sources.Drop(nodesNeed)
			o.sources.Want(nodesNeed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, nil, nil, func(o *observer) {
				o.start()
				o.sources.Want(nodesNeed)
				ended := o.source(nodesNeed)
				store := newStore()
				ended.follow(store)
				o.expectTold("it is read", "Node")
				end(o)
				synctest.Wait()
				o.g.Expect(stateOf(o.sources, nodesNeed)).To(Equal(facts.Answer{}), "it is forgotten")
				ended.objectChanged(store, types.NamespacedName{Name: "n"})
				ended.set(known)
				ended.follow(store)
				o.clock.Step(time.Hour)
				ended.giveUpWaiting(serverTime, errors.New("late"))
				o.expectTold("it has ended")
				o.g.Expect(o.sources.Answer(nodesNeed)).To(Equal(facts.Answer{}))
			})
		})
	}
}

// syncing is a registration of which the test says when it has synced.
type syncing struct {
	toolscache.ResourceEventHandlerRegistration

	synced func() bool
}

func (s syncing) HasSynced() bool { return s.synced() }

// A first read that completes while its source ends makes nothing known.
func TestFirstReadThatCompletesTooLate(t *testing.T) {
	inBubble(t, Options{}, nil, nil, func(o *observer) {
		o.start()
		o.sources.Want(nodesNeed)
		s := o.source(nodesNeed)
		registration := syncing{synced: func() bool {
			o.sources.Drop(nodesNeed)
			return true
		}}
		s.awaitSync(context.Background(), newStore(), registration, &watchedErrors{})
		o.expectTold("it has ended")
		answer, _ := s.view(nodesNeed)
		o.g.Expect(answer).To(Equal(facts.Answer{}))
	})
}

// A first read that takes long is said to fail, and is known when it is complete.
func TestFirstReadThatTakesLong(t *testing.T) {
	inBubble(t, Options{}, nil, nil, func(o *observer) {
		o.start()
		o.sources.Want(nodesNeed)
		s := o.source(nodesNeed)
		watched := &watchedErrors{err: errors.New("the network is down")}
		began := time.Now()
		registration := syncing{synced: func() bool { return time.Since(began) > time.Minute }}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.awaitSync(context.Background(), newStore(), registration, watched)
		}()
		o.pass(30 * time.Second)
		<-time.After(31 * time.Second) // of the bubble's own time
		failed, _ := s.view(nodesNeed)
		o.g.Expect(failed.State).To(Equal(facts.Failed))
		o.g.Expect(failed.Message).To(Equal("still reading after 30s: the network is down"))
		<-done
		known, _ := s.view(nodesNeed)
		o.g.Expect(known.State).To(Equal(facts.Known))
		o.expectTold("both", "Node", "Node")
	})
}

// newStore is of nodes.
func newStore(objects ...client.Object) *informerStore {
	informer := toolscache.NewSharedIndexInformer(&toolscache.ListWatch{}, &corev1.Node{}, 0, toolscache.Indexers{})
	for _, o := range objects {
		if err := informer.GetIndexer().Add(packed(o)); err != nil {
			panic(err)
		}
	}
	return &informerStore{informer: informer}
}

// packed is an object as an informer keeps it.
func packed(o client.Object) any {
	out, err := trim.Pack(nodesNeed.Kind, nil)(o.DeepCopyObject())
	if err != nil {
		panic(err)
	}
	return out
}

// beating is a node and when it was heard of last, in seconds.
func beating(name string, status corev1.ConditionStatus, heartbeat int) *corev1.Node {
	return trim.Node(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: status, LastHeartbeatTime: metav1.NewTime(serverTime.Add(time.Duration(heartbeat) * time.Second))}}}})
}

// Of what is watched it is told which object has changed; heartbeats are told to nobody, and seen by who looks.
func TestWatchedObjects(t *testing.T) {
	inBubble(t, Options{}, nil, nil, func(o *observer) {
		o.start()
		o.sources.Want(nodesNeed)
		s := o.source(nodesNeed)
		b, a := beating("b", corev1.ConditionTrue, 0), beating("a", corev1.ConditionTrue, 0)
		store := newStore(b, a)
		handler := s.eventHandler(store)
		handler.OnAdd(packed(b), true)
		o.expectTold("the first read is not complete")
		o.g.Expect(stateOf(o.sources, nodesNeed)).To(Equal(facts.Answer{}))
		s.follow(store)
		o.expectTold("it is", "Node")
		o.g.Expect(o.sources.Answer(nodesNeed).Objects).To(Equal([]client.Object{a, b}), "sorted")
		o.g.Expect(stateOf(o.sources, nodesNeed)).To(Equal(known), "without objects")
		o.g.Expect(objectsOf(o.sources, nodesNeed).Get(types.NamespacedName{Name: "b"})).To(Equal(b))
		o.g.Expect(objectsOf(o.sources, nodesNeed).Get(types.NamespacedName{Name: "c"})).To(BeNil())

		change := func(before, after client.Object) {
			o.g.Expect(store.informer.GetIndexer().Update(packed(after))).To(Succeed())
			handler.OnUpdate(packed(before), packed(after))
		}
		later := beating("b", corev1.ConditionTrue, 10)
		change(b, later)
		o.expectTold("it is a heartbeat")
		o.g.Expect(o.sources.Answer(nodesNeed).Objects[1]).To(Equal(later))
		o.g.Expect(objectsOf(o.sources, nodesNeed).Get(types.NamespacedName{Name: "b"})).To(Equal(later))
		broken := beating("b", corev1.ConditionFalse, 20)
		change(later, broken)
		o.expectTold("it has changed", "Node /b")
		o.g.Expect(o.sources.Answer(nodesNeed).Objects[1]).To(Equal(broken))

		o.g.Expect(store.informer.GetIndexer().Delete(packed(a))).To(Succeed())
		handler.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a", Obj: packed(a)})
		o.expectTold("it is gone, which was seen late", "Node /a")
		o.g.Expect(o.sources.Answer(nodesNeed).Objects).To(Equal([]client.Object{broken}))
		s.set(facts.Answer{State: facts.NotPermitted})
		o.expectTold("it can no longer be seen", "Node")
		handler.OnAdd(packed(a), false)
		o.expectTold("nobody follows this store any more")
		o.g.Expect(store.count).To(Equal(1))
		o.g.Expect(store.bytes).To(Equal(trim.Size(packed(broken))), "one came, turned and stays; another went and came")
		o.g.Expect(objectsOf(o.sources, nodesNeed).Get(types.NamespacedName{Name: "b"})).To(BeNil())
	})
}

// polled is an API of Leases and ConfigMaps, that may be broken.
type polled struct {
	client.WithWatch

	kube *kubefake.Clientset

	mu    sync.Mutex
	err   error
	reads int
	// tag is that of the list of kinds, without which it is none; looks counts who looked at it, full who got all of it.
	tag         string
	looks, full int
}

// RoundTrip implements http.RoundTripper for the list of kinds.
func (p *polled) RoundTrip(request *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks++
	answer := &http.Response{StatusCode: http.StatusNotModified, Header: http.Header{}, Body: http.NoBody}
	switch {
	case request.URL.Path != "/apis" || p.err != nil:
		answer.StatusCode = http.StatusServiceUnavailable
	case p.tag == "" || request.Header.Get("If-None-Match") != p.tag:
		p.full++
		answer.StatusCode, answer.Body = http.StatusOK, io.NopCloser(strings.NewReader("kinds"))
		answer.Header.Set("ETag", p.tag)
	}
	return answer, nil
}

func (p *polled) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *polled) read() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	return p.err
}

func newPolled(objects ...client.Object) (*polled, *api) {
	p := &polled{tag: `"1"`}
	kube := kubefake.NewClientset()
	kube.Resources = []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "configmaps", Kind: "ConfigMap", Namespaced: true, Verbs: metav1.Verbs{"list", "get"}}}},
		{GroupVersion: "coordination.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "leases", Kind: "Lease", Namespaced: true, Verbs: metav1.Verbs{"list"}}}}}
	kube.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	p.WithWatch = fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := p.read(); err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
	}).Build()
	p.kube = kube
	return p, &api{reader: p.WithWatch, kube: kube, config: &rest.Config{Host: "https://cluster"}, http: &http.Client{Transport: p}, now: time.Now}
}

func lease(name string, renewed int) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name},
		Spec: coordinationv1.LeaseSpec{RenewTime: new(metav1.NewMicroTime(serverTime.Add(time.Duration(renewed) * time.Second)))}}
}

// What is polled is read again and again, and stands while it cannot be read.
func TestPolledAnswers(t *testing.T) {
	leases := facts.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "a", Interval: 30 * time.Second}
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		p, api := newPolled(lease("y", 0), lease("x", 0))
		o.sources.api = api
		o.start()
		o.sources.Want(leases)
		o.expectTold("it is read", "Lease")
		answer := o.sources.Answer(leases)
		o.g.Expect(answer.ReadAt).To(Equal(serverTime))
		o.g.Expect(answer.Objects).To(HaveLen(2))
		o.g.Expect(answer.Objects[0].GetName()).To(Equal("x"), "sorted")
		o.g.Expect(stateOf(o.sources, leases).Objects).To(BeNil())
		o.g.Expect(stateOf(o.sources, leases).State).To(Equal(facts.Known))
		o.g.Expect(objectsOf(o.sources, leases).Get(types.NamespacedName{Namespace: "a", Name: "y"}).GetName()).To(Equal("y"))
		o.g.Expect(objectsOf(o.sources, leases).Get(types.NamespacedName{Namespace: "a", Name: "z"})).To(BeNil())
		first := facts.Renewal{Since: serverTime}
		o.g.Expect(answer.Renewals[types.NamespacedName{Namespace: "a", Name: "x"}]).To(Equal(first))

		var renewed coordinationv1.Lease
		o.g.Expect(p.Get(context.Background(), client.ObjectKey{Namespace: "a", Name: "x"}, &renewed)).To(Succeed())
		renewed.Spec.RenewTime = lease("x", 20).Spec.RenewTime
		o.g.Expect(p.Update(context.Background(), &renewed)).To(Succeed())
		o.pass(29 * time.Second * 4 / 5)
		o.expectTold("too early")
		o.pass(30 * time.Second)
		o.expectTold("it is read again", "Lease")
		answer = o.sources.Answer(leases)
		now := o.clock.Now()
		o.g.Expect(answer.Renewals).To(Equal(map[types.NamespacedName]facts.Renewal{
			{Namespace: "a", Name: "x"}: {Since: now, Moved: true}, {Namespace: "a", Name: "y"}: first}))

		p.fail(errors.New("the network is down"))
		reads, counted := p.reads, o.reads()
		o.pass(time.Hour)
		o.g.Expect(p.reads).To(BeNumerically(">", reads))
		o.g.Expect(o.reads().since(counted)).To(Equal(readCounts{"poll failed": p.reads - reads}))
		o.expectTold("what was read stands")
		o.g.Expect(o.sources.Answer(leases)).To(Equal(answer))
		reads = p.reads
		o.sources.Drop(leases)
		o.pass(time.Hour)
		o.g.Expect(p.reads).To(Equal(reads), "nobody wants it")
		o.sources.Want(leases)
		o.expectTold("it cannot be read")
		o.g.Expect(o.sources.Answer(leases)).To(Equal(facts.Answer{}), "it begins anew")
		o.pass(time.Minute)
		o.expectTold("it takes too long", "Lease")
		o.g.Expect(o.sources.Answer(leases).Message).To(ContainSubstring("the network is down"))
	})
}

// A need that cannot be met says why.
func TestPollOfWhatIsNotServed(t *testing.T) {
	unserved := facts.Need{Kind: kind("example.com/v1", "Widget"), Interval: 30 * time.Second}
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		_, o.sources.api = newPolled()
		o.start()
		o.sources.Want(unserved)
		o.expectTold("it is not served, and not either once it is known what is", "Widget", "Widget")
		o.g.Expect(stateOf(o.sources, unserved).State).To(Equal(facts.NotServed))
	})
}

// A right that is given back is seen within half a minute, however seldom the need is polled, and by all who lacked one when
// the first of them has got its own.
func TestRightsThatAreGivenBack(t *testing.T) {
	seldom := facts.Need{Kind: kind("v1", "ConfigMap"), Namespace: "a", Interval: 5 * time.Minute}
	leases := facts.Need{Kind: kind("coordination.k8s.io/v1", "Lease"), Namespace: "a", Interval: 10 * time.Second}
	var allowed atomic.Value
	allowed.Store([]string(nil))
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		p, api := newPolled()
		p.kube.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
			review.Status.Allowed = slices.Contains(allowed.Load().([]string), review.Spec.ResourceAttributes.Resource)
			return true, review, nil
		})
		o.sources.api = api
		o.start()
		state := func(need facts.Need) facts.State { return stateOf(o.sources, need).State }
		o.sources.Want(seldom)
		o.expectTold("it may not be read, or the API server starts")
		o.confirm()
		o.expectTold("it may not be read", "ConfigMap")
		o.g.Expect(state(seldom)).To(Equal(facts.NotPermitted))
		allowed.Store([]string{"configmaps"})
		o.pass(37 * time.Second) // the pause varies by a fifth
		o.g.Expect(state(seldom)).To(Equal(facts.Known), "though it is polled every five minutes")

		allowed.Store([]string(nil))
		o.pass(7 * time.Minute)
		o.sources.Want(leases)
		o.confirm()
		o.g.Expect([]facts.State{state(seldom), state(leases)}).To(Equal([]facts.State{facts.NotPermitted, facts.NotPermitted}))
		o.pass(40 * time.Second)
		o.sources.Drop(seldom)
		o.sources.Want(seldom)
		o.confirm()
		o.g.Expect(state(seldom)).To(Equal(facts.NotPermitted))
		allowed.Store([]string{"configmaps", "leases"})
		o.pass(13 * time.Second)
		o.g.Expect([]facts.State{state(seldom), state(leases)}).To(Equal([]facts.State{facts.Known, facts.Known}), "as soon as the other has seen it")
	})
}

// confirm lets the time pass in which refusals are tried again until they are believed.
func (o *observer) confirm() {
	for range refusalReads {
		o.pass(refusalTime / refusalReads * 6 / 5) // the pause varies by a fifth
	}
}

// Whatever comes, goes and ends at the same time, nothing is left.
func TestSourcesAreSafeForConcurrentUse(t *testing.T) {
	inBubble(t, Options{MaxSources: 3}, nil, nil, func(o *observer) {
		var users sync.WaitGroup
		for i := range 4 {
			users.Go(func() {
				need := facts.Need{Path: fmt.Sprint("/", i)}
				for range 50 {
					o.sources.Want(need)
					o.sources.Answer(need)
					o.sources.Demand(facts.Demand{Need: need})
					o.sources.Drop(need)
				}
				o.sources.Want(need)
			})
		}
		o.start()
		users.Wait()
		synctest.Wait()
		o.g.Expect(o.running).To(HaveLen(3))
		o.end()
		o.expectRunning("it has ended")
	})
}

func stateOf(s *Sources, need facts.Need) facts.Answer {
	answer, _ := s.View(need)
	return answer
}

func objectsOf(s *Sources, need facts.Need) facts.Objects {
	_, objects := s.View(need)
	return objects
}
