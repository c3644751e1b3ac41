// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// warning is an event about a NodePool, or a Pod, that was reported so often, first and last so long ago.
func warning(kind, name, reason string, count int, first, last time.Duration) client.Object {
	return decode[*corev1.Event](fmt.Sprintf(`
metadata: {namespace: default, name: %q}
involvedObject: {kind: %q, name: %q, uid: %s-uid}
type: Warning
reason: %s
message: nothing fits
count: %d
firstTimestamp: %s
lastTimestamp: %s
`, name, kind, name, name, reason, count, noon.Add(-first).Format(time.RFC3339), noon.Add(-last).Format(time.RFC3339)))
}

const karpenterPool = `{apiVersion: karpenter.sh/v1, kind: NodePool, metadata: {name: %s, uid: %s-uid}, status: {ready: %t}}`

func nodePools(ready ...bool) []client.Object {
	var out []client.Object
	for i, r := range ready {
		name := string(rune('a' + i))
		out = append(out, object(fmt.Sprintf(karpenterPool, name, name, r)))
	}
	return out
}

// Events turn what the fields say is healthy, if they have been reported for long, still are, and somebody is hurt.
func TestEventsTellOfFailures(t *testing.T) {
	const (
		spec    = `{type: Object, object: {apiVersion: karpenter.sh/v1, kind: NodePool, healthy: object.status.ready, events: {reasons: [NoTypes]%s}}}`
		hurting = `, meanwhile: {kind: Pod, reason: FailedScheduling, source: karpenter}`
		hour    = time.Hour
		minute  = time.Minute
	)
	lasting := warning("NodePool", "a", "NoTypes", 59, hour, minute)
	waiting := warning("Pod", "web-1", "FailedScheduling", 3, hour, 2*minute)
	known := func(events ...client.Object) facts.Answer { return facts.Answer{State: facts.Known, Objects: events} }
	const reported = "NodePool a: NoTypes reported 50+ times since 2026-10-02T11:00:00Z: nothing fits"
	for name, tc := range map[string]struct {
		more        string
		pools       []client.Object
		events      facts.Answer
		meanwhile   facts.Answer
		want        string
		asked       int
		recheckWant time.Duration
	}{
		"none":                  {events: known(), want: "True/True Healthy: NodePool a is healthy", asked: 1},
		"for an hour":           {events: known(lasting), want: "True/False FailureReported: " + reported, asked: 1, recheckWant: 14 * minute},
		"over":                  {events: known(warning("NodePool", "a", "NoTypes", 59, hour, 16*minute)), want: "True/True Healthy: NodePool a is healthy", asked: 1},
		"for a moment":          {events: known(warning("NodePool", "a", "NoTypes", 9, 9*minute, 0)), want: "True/True Healthy: NodePool a is healthy", asked: 1, recheckWant: minute},
		"twice in an hour":      {events: known(warning("NodePool", "a", "NoTypes", 2, hour, 0)), want: "True/True Healthy: NodePool a is healthy", asked: 1, recheckWant: 15 * minute},
		"of another reason":     {events: known(warning("NodePool", "a", "Other", 59, hour, minute)), want: "True/True Healthy: NodePool a is healthy", asked: 1},
		"of one that was there": {pools: []client.Object{object(fmt.Sprintf(karpenterPool, "a", "new", true))}, events: known(lasting), want: "True/True Healthy: NodePool a is healthy", asked: 1, recheckWant: 14 * minute},
		"of one of two":         {pools: nodePools(true, true), events: known(lasting), want: "True/False FailureReported: " + reported, asked: 1, recheckWant: 14 * minute},
		"the fields say more":   {pools: nodePools(true, false), events: known(lasting), want: "True/False ExpressionFalse: NodePool b is unhealthy"},
		"no object":             {pools: []client.Object{}, want: "False/NotAssessed NotFound: no NodePool"},
		"being read":            {want: "Unknown/NotAssessed NotYetObserved: the events about NodePool are being read", asked: 1},
		"not permitted": {events: facts.Answer{State: facts.NotPermitted, Message: "grant it"},
			want: "True/True Healthy: NodePool a is healthy; its events cannot be read: grant it", asked: 1},
		"nobody is hurt": {more: hurting, events: known(lasting), meanwhile: known(), want: "True/True Healthy: NodePool a is healthy", asked: 2, recheckWant: 14 * minute},
		"somebody was hurt": {more: hurting, events: known(lasting), meanwhile: known(warning("Pod", "web-1", "FailedScheduling", 3, hour, 20*minute)),
			want: "True/True Healthy: NodePool a is healthy", asked: 2, recheckWant: 14 * minute},
		"somebody is hurt": {more: hurting, events: known(lasting), meanwhile: known(waiting),
			want: "True/False FailureReported: " + reported + "; meanwhile FailedScheduling of Pod web-1", asked: 2, recheckWant: 13 * minute},
		"nobody asks who is hurt by nothing": {more: hurting, events: known(), want: "True/True Healthy: NodePool a is healthy", asked: 1},
		"who is hurt cannot be told": {more: hurting, events: known(lasting), meanwhile: facts.Answer{State: facts.NotPermitted, Message: "grant it"},
			want: "True/True Healthy: NodePool a is healthy; its events cannot be read: grant it", asked: 2, recheckWant: 14 * minute},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := newCheck(fmt.Sprintf(spec, tc.more))
			if tc.pools == nil {
				tc.pools = nodePools(true)
			}
			given := seeing(c, tc.pools...)
			given.Answers[facts.EventsOf("NodePool", "default", "")] = tc.events
			given.Answers[facts.EventsFrom("karpenter", "Pod", "FailedScheduling")] = tc.meanwhile
			got := c.Evaluate(given)
			g.Expect(told(got)).To(Equal(tc.want))
			if got.Reason == v1alpha1.ReasonFailureReported {
				g.Expect(got.Faults[0].Since.UTC().Format(time.RFC3339)).To(Equal("2026-10-02T11:00:00Z"), "as long as it has been reported")
			}
			g.Expect(got.Further).To(HaveLen(tc.asked))
			for _, d := range got.Further {
				g.Expect(d.OnDemand()).To(BeTrue())
				g.Expect(d.Refresh.Inconclusive).To(BeTrue(), "there may be more in a while")
				g.Expect(slices.ContainsFunc(c.AllNeeds(), func(n facts.Need) bool {
					return n.Kind == d.Kind && n.Fields == "" && (n.Namespace == "" || n.Namespace == d.Namespace)
				})).To(BeTrue(), "it is known before what may be asked")
			}
			g.Expect(got.RecheckAfter).To(Equal(tc.recheckWant))
		})
	}
}

// Of how many it is reported is weighed like any other fault.
func TestEventsWithinTolerance(t *testing.T) {
	c := newCheck(`{type: Object, object: {apiVersion: karpenter.sh/v1, kind: NodePool, events: {reasons: [NoTypes]}, tolerance: {percent: 50}}}`)
	given := seeing(c, nodePools(true, true)...)
	given.Answers[facts.EventsOf("NodePool", "default", "")] = facts.Answer{State: facts.Known,
		Objects: []client.Object{warning("NodePool", "a", "NoTypes", 59, time.Hour, time.Minute)}}
	NewWithT(t).Expect(told(c.Evaluate(given))).To(HavePrefix("True/True WithinTolerance: 1 of 2 unhealthy, within tolerance: NodePool a: NoTypes reported"))
}
