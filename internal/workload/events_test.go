// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/internal/facts"
)

// refused is an event of a controller that could not create a pod, first half an hour and last so long ago.
func refused(message string, last time.Duration) client.Object {
	return decode[*corev1.Event](fmt.Sprintf(`
metadata: {namespace: kube-system, name: a}
involvedObject: {kind: DaemonSet, namespace: kube-system, name: cns}
type: Warning
reason: FailedCreate
message: %q
count: 12
firstTimestamp: %s
lastTimestamp: %s
`, message, noon.Add(-30*time.Minute).Format(time.RFC3339), noon.Add(-last).Format(time.RFC3339)))
}

// Why the pods of a DaemonSet or StatefulSet are not created, only events tell.
func TestEventsSayWhyPodsAreNotCreated(t *testing.T) {
	const call = `Error creating: Internal error occurred: failed calling webhook "a.example": failed to call webhook: Post "https://a": EOF`
	short := cns(6, 4, "currentNumberScheduled: 4")
	for name, tc := range map[string]struct {
		events []client.Object
		want   string
		until  time.Duration
	}{
		"may not be read": {nil, "False WorkloadUnavailable: DaemonSet kube-system/cns: 4/6 available; 2 not created: see the events of the workload", 0},
		"none":            {[]client.Object{}, "False WorkloadUnavailable: DaemonSet kube-system/cns: 4/6 available; 2 not created, and no recent event says why", 0},
		"too old": {[]client.Object{refused(call, 21*time.Minute)},
			"False WorkloadUnavailable: DaemonSet kube-system/cns: 4/6 available; 2 not created, and no recent event says why", 0},
		"a webhook cannot be called": {[]client.Object{refused(call, 5*time.Minute)},
			"False WebhookCallFailed: DaemonSet kube-system/cns: 4/6 available; 2 not created: can't call the webhook a.example: EOF, " +
				"reported 10+ times since 2026-10-02T11:30:00Z", 15 * time.Minute},
		"a quota": {[]client.Object{refused(`pods "cns-" is forbidden: exceeded quota: q`, 5*time.Minute)},
			`False AdmissionDenied: DaemonSet kube-system/cns: 4/6 available; 2 not created: pods "cns-" is forbidden: exceeded quota: q, ` +
				"reported 10+ times since 2026-10-02T11:30:00Z", 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d := explained(short, scene{nodes: []client.Object{old("a"), old("b")}, events: tc.events})
			g.Expect(summary(d)).To(Equal(tc.want))
			g.Expect(d.RecheckAfter).To(Equal(tc.until), "an event is not believed for ever")
			g.Expect(d.Further).To(ContainElement(HaveField("Need", facts.EventsOf("DaemonSet", "kube-system", "cns"))))
		})
	}
}

// Nobody lists events where the status or the pods say enough.
func TestEventsAreReadOnlyWhereNothingElseTells(t *testing.T) {
	g := NewWithT(t)
	asks := func(o client.Object, s scene) bool {
		for _, d := range explained(o, s).Further {
			if d.Kind == facts.EventKind {
				return true
			}
		}
		return false
	}
	crashes := scene{nodes: pools(), pods: []client.Object{pod("cns-0", "a", containerStatuses(crashing)), pod("cns-1", "b", containerStatuses(crashing))}}
	g.Expect(asks(cns(6, 4, ""), crashes)).To(BeFalse(), "its pods are there")
	g.Expect(asks(cns(6, 6, ""), crashes)).To(BeFalse(), "it lacks none")
	web := web(3, 1)
	web.Status.Replicas = 1
	g.Expect(asks(web, scene{nodes: pools()})).To(BeFalse(), "a Deployment says so itself")
	ordered := func(pods ...client.Object) bool {
		return asks(statefulSet("db", "{replicas: 3, selector: {matchLabels: {app: db}}}", "{observedGeneration: 2, replicas: 1, readyReplicas: 0}"), scene{nodes: pools(), pods: pods})
	}
	g.Expect(ordered()).To(BeTrue(), "the first pod is missing")
	g.Expect(ordered(podOf("StatefulSet", "db", "db-0"))).To(BeFalse(), "it waits for the one before")
}

// podOf is a pod of a workload that crashes.
func podOf(kind, owner, name string) client.Object {
	p := pod(name, "a", containerStatuses(crashing))
	p.SetOwnerReferences(decode[*corev1.Pod](fmt.Sprintf("metadata: {ownerReferences: [{kind: %s, name: %s, controller: true, apiVersion: apps/v1, uid: u}]}", kind, owner)).OwnerReferences)
	return p
}
