// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
)

// PodReasons are the reasons for which the pods of a workload are not ready and the workload itself must be fixed, the
// worst first.
var PodReasons = []string{
	v1alpha1.ReasonCrashLooping, v1alpha1.ReasonImagePullFailed, v1alpha1.ReasonAdmissionDenied, v1alpha1.ReasonWebhookCallFailed,
	v1alpha1.ReasonUnschedulable, v1alpha1.ReasonNotReady,
}

// severity orders the reasons of causes: after those of PodReasons come what is not known, and what is the fault of
// something else.
var severity = slices.Concat(PodReasons, []string{v1alpha1.ReasonWorkloadUnavailable, v1alpha1.ReasonNodeFault})

// Cause is the common cause of several missing pods.
type Cause struct {
	// Reason is one of PodReasons, NodeFault, or WorkloadUnavailable when the cause is not known.
	Reason string
	// Text describes the cause, to be put behind the number of pods.
	Text string
	// Count of the pods; at least 1.
	Count int
	// Restarts of the container that crashes, of the pod that has most of them.
	Restarts int32
	// Transient is true when the pods may soon be ready, or show more; Starting when that is no fault yet.
	Transient, Starting bool
	// Webhook is the name of the admission webhook that cannot be called; empty for other causes.
	Webhook string
	// policy is the ValidatingAdmissionPolicy that denies the pods; empty for other causes.
	policy string
	// ready says that the pods are ready, between restarts.
	ready bool
	// service is what answers the webhook, as far as the API server tells.
	service v1alpha1.ObservedObject
	// Places are the nodes concerned, or the pods while they are on none, sorted.
	Places []string

	// Common says what the pods have in common and ready ones have not, to be put behind all else; empty when nothing tells.
	Common string

	// pods are their names, of those that there are.
	pods []string
	// root is what is at fault, where that is neither the workload nor told by the reason.
	root root
	// lacking is the resource that no node has enough of.
	lacking []v1alpha1.ObservedObject
	// pod is the first of the pods, and container the one of its containers that is at fault; empty while there is none.
	pod, container string
	// began is when the first of the pods was not ready any more; zero is not known.
	began time.Time

	// since is when the first of the pods began to lack, and until when it may; zero is not known.
	since, until time.Time
}

// causesOf sorts faults by what they have in common. everywhere are the places of a fault that is not in one place.
func causesOf(faults []fault, everywhere []string) []Cause {
	byKey, places := map[string]*Cause{}, map[string][]string{}
	wide := map[string]bool{}
	for _, f := range faults {
		key := fmt.Sprint(f.reason, f.starting, cmp.Or(f.key, f.text))
		c := byKey[key]
		if c == nil {
			c = &Cause{Reason: f.reason, Text: f.text, Transient: f.transient, Starting: f.starting, root: f.root, lacking: f.lacking,
				pod: f.pod, container: f.container}
			byKey[key] = c
		}
		if c.root.kind == v1alpha1.FaultImage && f.root.kind == v1alpha1.FaultRegistry {
			c.root = f.root // one of the errors says more
		}
		c.Count++
		c.Restarts = max(c.Restarts, f.restarts)
		c.since, c.until, c.began = first(c.since, f.since), first(c.until, f.until), first(c.began, f.began)
		wide[key] = wide[key] || f.everywhere
		if f.pod != "" {
			c.pods = append(c.pods, f.pod)
		}
		if f.place != "" {
			places[key] = append(places[key], f.place)
		}
	}
	causes := make([]Cause, 0, len(byKey))
	for key, c := range byKey {
		c.Places = places[key]
		if wide[key] {
			c.Places = slices.Concat(c.Places, everywhere)
		}
		slices.Sort(c.Places)
		c.Places = slices.Compact(c.Places)
		causes = append(causes, *c)
	}
	return causes
}

// first returns the earlier time of those that are set.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// worstFirst sorts causes: the most frequent first, of as frequent ones the worse.
func worstFirst(causes []Cause) []Cause {
	return slices.SortedFunc(slices.Values(causes), func(a, b Cause) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count),
			cmp.Compare(slices.Index(severity, a.Reason), slices.Index(severity, b.Reason)),
			cmp.Compare(a.Text, b.Text))
	})
}

// String returns the cause as messages show it: "2 on nodes that are unreachable (a, b)".
func (c Cause) String() string {
	what := c.Text
	if rest, ok := strings.CutPrefix(what, "keeps "); ok && c.Count > 1 {
		what = "keep " + rest
	}
	text := fmt.Sprintf("%d %s", c.Count, what)
	if c.Restarts > 0 {
		text += ", restarted " + msg.Times(c.Restarts)
	}
	if len(c.Places) > 0 {
		text += " (" + msg.Shorten(c.Places, ", ") + ")"
	}
	if c.Common != "" {
		text += ", " + c.Common
	}
	return text
}
