// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// heldLease was renewed that long before noon, by the clock of its holder; its own duration is 15 s.
func heldLease(name, holder string, age time.Duration) client.Object {
	return lease(name, fmt.Sprintf("{holderIdentity: %q, leaseDurationSeconds: 15, renewTime: %q}",
		holder, noon.Add(-age).Format("2006-01-02T15:04:05.000000Z07:00")))
}

// stood says for how long, by our own clock, a lease has had its renewTime.
func stood(since time.Duration, moved bool) facts.Renewal {
	return facts.Renewal{Since: noon.Add(-since), Moved: moved}
}

// watching are the facts in which a lease was seen to stand or move.
func watching(c *Check, renewals map[string]facts.Renewal, leases ...client.Object) facts.Facts {
	answer := facts.Answer{State: facts.Known, ReadAt: noon, Objects: leases, Renewals: map[types.NamespacedName]facts.Renewal{}}
	for name, renewal := range renewals {
		answer.Renewals[types.NamespacedName{Namespace: "kube-system", Name: name}] = renewal
	}
	return answered(c, answer)
}

const schedulerLease = "{type: Lease, lease: {namespace: kube-system, name: kube-scheduler}}"

// What was seen to move is trusted, whatever the holder's clock says. Only where nothing was seen to move yet
// does its renewTime speak, and only when it is close.
func TestLeaseMovement(t *testing.T) {
	const (
		second  = time.Second
		minute  = time.Minute
		hour    = time.Hour
		renewed = "True/True Healthy: Lease kube-system/kube-scheduler is held and renewed"
		waiting = "True/Unknown AwaitingRenewal: Lease kube-system/kube-scheduler: waiting up to 1m0s for it to be renewed"
		handing = "True/True Healthy: Lease kube-system/kube-scheduler is between holders"
	)
	stale := func(at string) string {
		return "True/False LeaseStale: Lease kube-system/kube-scheduler has not been renewed for more than 1m0s, since 2026-10-02T" + at + "Z"
	}
	for name, test := range map[string]struct {
		holder  string
		age     time.Duration // of its renewTime, by its holder's clock
		renewal facts.Renewal
		want    string
	}{
		"moved just now":                   {"a", 2 * second, stood(0, true), renewed},
		"moved a while ago":                {"a", 62 * second, stood(minute, true), renewed},
		"holder's clock is an hour behind": {"a", hour, stood(30*second, true), renewed},
		"holder's clock is an hour ahead":  {"a", -hour, stood(30*second, true), renewed},
		"frozen":                           {"a", 63 * second, stood(61*second, true), stale("11:58:57")},
		"frozen, holder's clock is ahead":  {"a", -hour, stood(61*second, true), stale("13:00:00")},
		"frozen, though it looks fresh":    {"a", -30 * second, stood(61*second, false), stale("12:00:30")},
		"first sight, fresh":               {"a", 10 * second, stood(0, false), renewed},
		"first sight, a little ahead":      {"a", -10 * second, stood(0, false), renewed},
		"first sight, old or its clock is": {"a", hour, stood(0, false), waiting},
		"first sight, its clock is ahead":  {"a", -hour, stood(0, false), waiting},
		"first sight a while ago":          {"a", hour, stood(minute, false), waiting},
		"first sight too long ago":         {"a", hour, stood(61*second, false), stale("11:00:00")},
		"no holder, fresh":                 {"", 10 * second, stood(10*second, true), handing},
		"no holder, fresh at first sight":  {"", 10 * second, stood(0, false), handing},
		"no holder, old at first sight":    {"", hour, stood(0, false), waiting},
		"no holder, frozen": {
			"", hour, stood(61*second, true),
			"True/False NoHolder: Lease kube-system/kube-scheduler has had no holder since 2026-10-02T11:00:00Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(schedulerLease)
			expectTold(t, c, watching(c, map[string]facts.Renewal{"kube-scheduler": test.renewal},
				heldLease("kube-scheduler", test.holder, test.age)), test.want)
		})
	}
}

// A change of holder is normal, a restart of ours shows nothing new: the verdict stands through both.
func TestLeaseHistory(t *testing.T) {
	c := newCheck(schedulerLease)
	const renewed = "True/True Healthy: Lease kube-system/kube-scheduler is held and renewed"
	for _, step := range []struct {
		what    string
		holder  string
		renewal facts.Renewal
	}{
		{"first sight", "kube-scheduler-a", stood(0, false)},
		{"seen to move", "kube-scheduler-a", stood(0, true)},
		{"another holder", "kube-scheduler-b", stood(0, true)},
		{"first sight after a restart", "kube-scheduler-b", stood(0, false)},
	} {
		given := watching(c, map[string]facts.Renewal{"kube-scheduler": step.renewal}, heldLease("kube-scheduler", step.holder, 5*time.Second))
		NewWithT(t).Expect(told(c.Evaluate(given))).To(Equal(renewed), step.what)
	}
}

// In a dump nobody saw time pass: renewTime is compared with the time of the dump.
func TestLeaseInADump(t *testing.T) {
	for name, test := range map[string]struct {
		object client.Object
		want   string
	}{
		"fresh": {heldLease("kube-scheduler", "a", time.Minute), "True/True Healthy: Lease kube-system/kube-scheduler is held and renewed"},
		"ahead": {heldLease("kube-scheduler", "a", -time.Minute), "True/True Healthy: Lease kube-system/kube-scheduler is held and renewed"},
		"old": {
			heldLease("kube-scheduler", "a", 61*time.Second),
			"True/False LeaseStale: Lease kube-system/kube-scheduler has not been renewed for more than 1m0s, since 2026-10-02T11:58:59Z",
		},
		"never renewed": {
			lease("kube-scheduler", "{holderIdentity: a}"),
			"True/False LeaseStale: Lease kube-system/kube-scheduler has not been renewed for more than 1m0s, since its creation",
		},
		"never held": {
			lease("kube-scheduler", ""),
			"True/False NoHolder: Lease kube-system/kube-scheduler has had no holder since its creation",
		},
		"another one": {heldLease("kube-controller-manager", "a", 0), "False/NotAssessed NotFound: no Lease kube-system/kube-scheduler"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(schedulerLease)
			expectTold(t, c, seeing(c, test.object), test.want)
		})
	}
}

func TestLeaseMaxAge(t *testing.T) {
	for name, test := range map[string]struct {
		check, lease string
		want         time.Duration
	}{
		"a short duration":    {"{namespace: kube-system, name: a}", "{leaseDurationSeconds: 1}", time.Minute},
		"four times 15 s":     {"{namespace: kube-system, name: a}", "{leaseDurationSeconds: 15}", time.Minute},
		"four times 60 s":     {"{namespace: kube-system, name: a}", "{leaseDurationSeconds: 60}", 4 * time.Minute},
		"no duration":         {"{namespace: kube-system, name: a}", "{}", time.Minute},
		"the check's own":     {"{namespace: kube-system, name: a, maxAgeSeconds: 5}", "{leaseDurationSeconds: 60}", 5 * time.Second},
		"the check's own, 1h": {"{namespace: kube-system, name: a, maxAgeSeconds: 3600}", "{leaseDurationSeconds: 15}", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck("{type: Lease, lease: " + test.check + "}")
			held := lease("a", test.lease)
			held.Spec.HolderIdentity = new("holder")
			frozenFor := func(d time.Duration) v1alpha1.Verdict {
				return c.Evaluate(watching(c, map[string]facts.Renewal{"a": stood(d, true)}, held)).Healthy
			}
			g := NewWithT(t)
			g.Expect(frozenFor(test.want)).To(Equal(v1alpha1.VerdictTrue))
			g.Expect(frozenFor(test.want + time.Second)).To(Equal(v1alpha1.VerdictFalse))
		})
	}
}

// Each API server has a lease, and those of dead ones linger: any fresh one is enough.
func TestSeveralLeases(t *testing.T) {
	const byLabel = "{type: Lease, lease: {namespace: kube-system, selector: {matchLabels: {identity: kube-apiserver}}}}"
	apiserver := func(name, holder string, age time.Duration) client.Object {
		return labeled(heldLease(name, holder, age), map[string]string{"identity": "kube-apiserver"})
	}
	fresh, frozen, unsure := stood(time.Second, true), stood(time.Hour, true), stood(time.Second, false)
	for name, test := range map[string]struct {
		leases   []client.Object
		renewals map[string]facts.Renewal
		want     string
		count    int
	}{
		"one fresh, two of dead instances": {
			[]client.Object{apiserver("a", "a", time.Hour), apiserver("b", "b", 0), apiserver("c", "", time.Hour)},
			map[string]facts.Renewal{"a": frozen, "b": fresh, "c": frozen},
			"True/True Healthy: Lease kube-system/b is held and renewed", 3,
		},
		"one frozen, one not decided yet": {
			[]client.Object{apiserver("a", "a", time.Hour), apiserver("b", "b", time.Hour)},
			map[string]facts.Renewal{"a": frozen, "b": unsure},
			"True/Unknown AwaitingRenewal: Lease kube-system/b: waiting up to 1m0s for it to be renewed", 2,
		},
		"all frozen": {
			[]client.Object{apiserver("a", "a", time.Hour), apiserver("b", "b", 2*time.Hour)},
			map[string]facts.Renewal{"a": frozen, "b": frozen},
			"True/False LeaseStale: Lease kube-system/b has not been renewed for more than 1m0s, since 2026-10-02T10:00:00Z", 2,
		},
		"one held and frozen, one without a holder": {
			[]client.Object{apiserver("a", "a", time.Hour), apiserver("b", "", time.Hour)},
			map[string]facts.Renewal{"a": frozen, "b": frozen},
			"True/False LeaseStale: Lease kube-system/a has not been renewed for more than 1m0s, since 2026-10-02T11:00:00Z", 2,
		},
		"none has a holder": {
			[]client.Object{apiserver("a", "", time.Hour), apiserver("b", "", time.Hour)},
			map[string]facts.Renewal{"a": frozen, "b": frozen},
			"True/False NoHolder: Lease kube-system/b has had no holder since 2026-10-02T11:00:00Z", 2,
		},
		"none has the labels": {
			[]client.Object{heldLease("a", "a", 0)},
			map[string]facts.Renewal{"a": fresh},
			"False/NotAssessed NotFound: no Lease in kube-system with labels identity=kube-apiserver", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(byLabel)
			f := c.Evaluate(watching(c, test.renewals, test.leases...))
			g := NewWithT(t)
			g.Expect(told(f)).To(Equal(test.want))
			g.Expect(f.ObjectCount).To(Equal(test.count))
		})
	}
}

// A lease of which nothing can be said yet holds nothing else back; for a minute its last verdict stands.
func TestUndecidedLeaseIsAwaited(t *testing.T) {
	c := newCheck("{type: Lease, lease: {namespace: kube-system, name: kube-scheduler, maxAgeSeconds: 86400}}")
	for name, test := range map[string]struct {
		since            time.Duration
		moved            bool
		awaiting, stands bool
	}{
		"first sight":         {0, false, true, true},
		"for a minute":        {time.Minute, false, true, true},
		"for longer":          {61 * time.Second, false, true, false},
		"for a day":           {24 * time.Hour, false, true, false},
		"for more than a day": {24*time.Hour + 1, false, false, false},
		"until it has moved":  {0, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			f := c.Evaluate(watching(c, map[string]facts.Renewal{"kube-scheduler": stood(test.since, test.moved)}, heldLease("kube-scheduler", "a", 48*time.Hour)))
			g.Expect(f.Pending()).To(BeFalse())
			g.Expect([]bool{f.Awaiting, f.LastStands}).To(Equal([]bool{test.awaiting, test.stands}))
		})
	}
	once := c.Evaluate(seeing(c, heldLease("kube-scheduler", "a", 48*time.Hour)))
	NewWithT(t).Expect(once.Awaiting).To(BeFalse(), "who looks once waits for nothing")
}

func TestLeaseNeeds(t *testing.T) {
	leases := schema.GroupVersionKind{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"}
	for name, test := range map[string]struct {
		check string
		want  facts.Need
	}{
		"by default": {schedulerLease, facts.Need{Kind: leases, Namespace: "kube-system", Interval: 30 * time.Second}},
		"with an interval": {
			"{type: Lease, intervalSeconds: 300, lease: {namespace: app-routing-system, name: nginx}}",
			facts.Need{Kind: leases, Namespace: "app-routing-system", Interval: 5 * time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(newCheck(test.check).Needs()).To(ConsistOf(test.want))
		})
	}
}
