// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/archmap/archmap/internal/facts"
)

// What is in the way is asked once for a read that is refused, and before the next ones until one succeeds.
func TestOutlook(t *testing.T) {
	g := NewWithT(t)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "widgets"}, "", nil)
	o := newOutlook(widgetsNeed, time.Minute)
	learn := func(read bool, err error, ask, doubtful bool, why string) {
		t.Helper()
		g.Expect(o.learn(read, err)).To(Equal(ask), why)
		g.Expect(o.doubtful).To(Equal(doubtful), why)
	}
	learn(false, errors.New("the network is down"), false, false, "that passes")
	learn(false, forbidden, true, true, "a refusal")
	learn(false, forbidden, false, true, "it was asked before")
	learn(false, errors.New("the network is down"), false, true, "nothing was read")
	learn(true, nil, false, false, "a read")
	learn(true, errLost, true, true, "what was read for long is refused now")
	learn(true, errWidened, false, false, "it was read again meanwhile")
}

// A refusal is believed when it has lasted, whoever says so; what fails otherwise meanwhile, or a long time between, begins it again.
func TestRefusalsAreConfirmed(t *testing.T) {
	forbidden, own := apierrors.NewForbidden(schema.GroupResource{Resource: "widgets"}, "", nil), &refusal{"grant it"}
	type attempt struct {
		after time.Duration
		err   error
		want  string
	}
	for name, attempts := range map[string][]attempt{
		"by the API server":      {{0, forbidden, ""}, {5 * time.Second, forbidden, ""}, {10 * time.Second, forbidden, "is forbidden"}},
		"by a review":            {{0, forbidden, ""}, {0, own, ""}, {15 * time.Second, own, "grant it"}, {36 * time.Second, own, "grant it"}},
		"by one that stands":     {{0, errors.Join(errLost, forbidden), ""}, {15 * time.Second, errors.Join(errLost, forbidden), "is forbidden"}},
		"unless a read succeeds": {{0, forbidden, ""}, {14 * time.Second, nil, ""}, {time.Second, forbidden, ""}, {15 * time.Second, forbidden, "is forbidden"}},
		"unless it went away":    {{0, forbidden, ""}, {14 * time.Second, errors.New("refused connection"), ""}, {10 * time.Second, forbidden, ""}},
		"not for a token":        {{0, apierrors.NewUnauthorized(""), ""}, {time.Minute, apierrors.NewUnauthorized(""), ""}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o, now := newOutlook(widgetsNeed, time.Minute), serverTime
			for _, a := range attempts {
				now = now.Add(a.after)
				if believed := o.believe(a.err, now); a.want == "" {
					g.Expect(believed).To(BeNil())
				} else {
					g.Expect(believed).To(HaveValue(And(HaveField("State", facts.NotPermitted), HaveField("Message", ContainSubstring(a.want)))))
				}
			}
		})
	}
}

// What is refused after a watch has run is refused for the first time, unless it ran for a moment.
func TestRefusalsAfterAWatch(t *testing.T) {
	g := NewWithT(t)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "widgets"}, "", nil)
	o := newOutlook(widgetsNeed, time.Minute)
	g.Expect(o.believe(forbidden, serverTime)).To(BeNil())
	g.Expect(o.believe(forbidden, serverTime.Add(refusalTime))).NotTo(BeNil())
	o.watched.Store(true)
	g.Expect(o.believe(forbidden, serverTime.Add(2*refusalTime))).To(BeNil())
	g.Expect(o.unconfirmed()).To(BeTrue())
}
