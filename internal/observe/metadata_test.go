// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/trim"
)

var configsNeed = facts.Need{Kind: kind("v1", "ConfigMap"), Namespace: "a", Interval: 5 * time.Minute}

// withMetadata polls ConfigMaps, whose metadata the test shows.
func withMetadata(t *testing.T, test func(o *observer, p *polled, m *metadata)) {
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		p, api := newPolled()
		o.sources.api = api
		watched := make(chan *metadata, 1)
		o.sources.followMetadata = func(ctx context.Context, _ *source, m *metadata) {
			watched <- m
			<-ctx.Done()
		}
		o.start()
		o.sources.Want(configsNeed)
		o.expectTold("the first read", "ConfigMap")
		test(o, p, <-watched)
	})
}

func config(generation int64) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "x", UID: "one", Generation: generation}}
}

// show has the metadata tell of the objects that there are.
func show(m *metadata, objects ...client.Object) {
	m.set(trim.Sorted(objects))
}

// What comes or goes is read within seconds, and what is seen already is not read again.
func TestPolledObjectsComeAndGo(t *testing.T) {
	withMetadata(t, func(o *observer, p *polled, m *metadata) {
		ctx := context.Background()
		show(m)
		o.pass(changeDebounce)
		o.expectTold("there are none, as was read")
		o.g.Expect(p.Create(ctx, config(0))).To(Succeed())
		show(m, config(0))
		o.expectTold("changes are collected")
		o.pass(changeDebounce)
		o.expectTold("it has come", "ConfigMap")
		o.g.Expect(o.sources.Answer(configsNeed).Objects).To(HaveLen(1))
		show(m, config(0))
		o.pass(changeDebounce)
		o.expectTold("it is seen already")

		o.g.Expect(p.Delete(ctx, config(0))).To(Succeed())
		show(m)
		o.pass(changeDebounce)
		o.expectTold("it has gone", "ConfigMap")
		o.g.Expect(o.sources.Answer(configsNeed).Objects).To(BeEmpty())
		reads := p.reads
		m.set(nil)
		o.pass(changeDebounce)
		o.g.Expect(p.reads).To(Equal(reads+1), "the watch has ended, perhaps with the kind")
		o.expectTold("it has not")
	})
}

// A change of the spec is read at once, and what is deleted and made anew is another object.
func TestPolledObjectsChange(t *testing.T) {
	withMetadata(t, func(o *observer, p *polled, m *metadata) {
		for generation := int64(1); generation <= 2; generation++ {
			o.g.Expect(p.DeleteAllOf(context.Background(), &corev1.ConfigMap{}, client.InNamespace("a"))).To(Succeed())
			o.g.Expect(p.Create(context.Background(), config(generation))).To(Succeed())
			show(m, config(generation))
			o.pass(changeDebounce)
			o.expectTold(fmt.Sprint("generation ", generation), "ConfigMap")
		}
		another := config(2)
		another.UID = "another"
		reads := p.reads
		show(m, another)
		o.pass(changeDebounce)
		o.g.Expect(p.reads).To(Equal(reads+1), "another one of that name")
		o.expectTold("which was not read yet: an equal answer is no news")
	})
}

// What changes all the time is read about as often as it is polled anyway.
func TestPolledObjectsThatChangeAllTheTime(t *testing.T) {
	withMetadata(t, func(o *observer, p *polled, m *metadata) {
		const intervals = 10
		reads := p.reads
		for i := range int64(intervals * 5 * 60 / 10) {
			show(m, config(i+2)) // which is never what is read
			for range 10 {
				o.pass(time.Second)
			}
		}
		o.g.Expect(p.reads - reads).To(BeNumerically("<=", changeReads+2*intervals+1))
		o.g.Expect(p.reads - reads).To(BeNumerically(">=", intervals))
	})
}

// Who may not watch polls as before, and nothing is said of it; who may later, does.
func TestPolledWithoutTheRightToWatch(t *testing.T) {
	inBubble(t, Options{}, nil, (*source).run, func(o *observer) {
		p, api := newPolled()
		p.kube.Resources[0].APIResources[0].Verbs = metav1.Verbs{"list", "get", "watch"}
		asked := 0
		p.kube.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			review := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
			watch := review.Spec.ResourceAttributes.Verb == "watch"
			if watch {
				asked++
			}
			return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: !watch}}, nil
		})
		o.sources.api = api
		o.start()
		o.sources.Want(configsNeed)
		o.expectTold("it is read", "ConfigMap")
		o.g.Expect(asked).To(Equal(1))
		o.confirm()
		o.g.Expect(asked).To(Equal(1+refusalReads), "until that is believed")
		reads := p.reads
		o.pass(configsNeed.Interval * 6 / 5)
		o.g.Expect(p.reads).To(Equal(reads+1), "it is read again")
		o.expectTold("it is the same")
		o.g.Expect(stateOf(o.sources, configsNeed).State).To(Equal(facts.Known))
		o.g.Expect(asked).To(Equal(2+refusalReads), "once an interval")
	})
}

// A kind that is installed is found within seconds, whether it is polled or watched, and looking for it costs one request for
// all who wait.
func TestKindsThatAreInstalled(t *testing.T) {
	polls := facts.Need{Kind: kind("example.com/v1", "Widget"), Interval: time.Hour}
	watches := facts.Need{Kind: kind("example.com/v1", "Gadget")}
	inBubble(t, Options{RetryInterval: time.Hour}, nil, (*source).run, func(o *observer) {
		p, api := newPolled()
		o.sources.api = api
		o.start()
		o.pass(time.Minute)
		o.g.Expect(p.looks).To(BeZero(), "nobody waits")
		o.sources.Want(polls)
		o.sources.Want(watches)
		synctest.Wait()
		o.pass(kindsInterval * 6 / 5)
		o.told = nil // who waits looks once more, as nobody knows what was served before the first look
		probes := len(p.kube.Actions())
		for range 10 {
			o.pass(kindsInterval * 6 / 5)
		}
		o.expectTold("nothing else is served")
		o.g.Expect(p.kube.Actions()).To(HaveLen(probes), "nobody looks for a kind")
		o.g.Expect(p.looks).To(BeNumerically("~", 12, 1), "one looks for all")
		o.g.Expect(p.full).To(Equal(1))

		p.kube.Resources = append(p.kube.Resources, &metav1.APIResourceList{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{
			{Name: "widgets", Kind: "Widget", Namespaced: true}, {Name: "gadgets", Kind: "Gadget", Namespaced: true}}})
		p.tag = `"2"`
		o.pass(kindsInterval * 6 / 5)
		o.expectTold("both are served", "Widget", "Gadget")
		o.g.Expect(stateOf(o.sources, polls).Message).To(ContainSubstring("cannot list"), "without any verb")
		o.g.Expect(stateOf(o.sources, watches).Message).To(ContainSubstring("cannot list"))
		looks := p.looks
		o.pass(10 * time.Minute)
		o.g.Expect(p.looks).To(BeNumerically("<=", looks+1), "nobody waits any more")
	})
}

// An API server that sends no tag, or none at all, is asked all the same.
func TestKindsWithoutATag(t *testing.T) {
	p, api := newPolled()
	p.tag = ""
	ctx := context.Background()
	first, err := api.servedKinds(ctx, "")
	if err != nil || first == "" {
		t.Fatalf("the content is what is compared: %q, %v", first, err)
	}
	if again, err := api.servedKinds(ctx, first); err != nil || again != first {
		t.Fatalf("the same kinds are the same: %q, %v", again, err)
	}
	p.fail(context.DeadlineExceeded)
	if _, err := api.servedKinds(ctx, first); err == nil {
		t.Fatal("an error says nothing about kinds")
	}
}
