// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/msg"
)

// health sums up the votes on health: unhealthy when a check fails for longer than its grace period. The
// duration is when a grace period ends; 0 when none is running.
func (a *assessment) health(present metav1.Condition) (metav1.Condition, time.Duration) {
	healthy := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionHealthy, status, reason, message)
	}
	if present.Status != metav1.ConditionTrue {
		reason := v1alpha1.ReasonNotPresent
		if present.Status == metav1.ConditionUnknown {
			reason = present.Reason
		}
		return healthy(metav1.ConditionUnknown, reason, "not assessed: "+present.Message), 0
	}
	votes := a.votes()
	failing, undecided := withHealth(votes, v1alpha1.VerdictFalse), withHealth(votes, v1alpha1.VerdictUnknown)
	graceEnds, over := a.grace(failing)
	switch {
	case over:
		worstFirst(failing, lostToNodes(votes))
		return healthy(metav1.ConditionFalse, failing[0].Reason, messages(failing)), 0
	case len(undecided) > 0:
		return healthy(metav1.ConditionUnknown, unknownReason(undecided[0]), messages(append(undecided, failing...))), graceEnds
	case len(failing) > 0:
		until := a.now.Add(graceEnds).UTC().Format(time.RFC3339)
		return healthy(metav1.ConditionTrue, v1alpha1.ReasonWithinGracePeriod,
			fmt.Sprintf("unhealthy from %s on unless it recovers: %s", until, messages(failing))), graceEnds
	case len(votes) == 0:
		return healthy(metav1.ConditionUnknown, v1alpha1.ReasonHealthNotObservable, a.noVoteMessage()), 0
	}
	if told, reason := worthTelling(votes); len(told) > 0 {
		return healthy(metav1.ConditionTrue, reason, messages(told)), 0
	}
	return healthy(metav1.ConditionTrue, v1alpha1.ReasonAllChecksPass,
		fmt.Sprintf("%d of %d checks pass%s", len(votes), len(votes), a.unknownParts())), 0
}

// worthTelling returns the passing checks that are not plainly healthy, what somebody may want to look at first, and the
// reason of the first.
func worthTelling(votes []*check.Finding) (told []*check.Finding, reason string) {
	for _, reason := range []string{v1alpha1.ReasonWithinTolerance, v1alpha1.ReasonNodesDown, v1alpha1.ReasonProgressing} {
		told = append(told, slices.DeleteFunc(slices.Clone(votes), func(f *check.Finding) bool { return f.Reason != reason })...)
	}
	if len(told) == 0 {
		return nil, ""
	}
	return told, told[0].Reason
}

// worstFirst sorts failing checks. Where a component has lost every pod to its nodes, its objects can but fail: an
// EndpointSlice has no endpoints, an API is not available.
func worstFirst(failing []*check.Finding, lostToNodes bool) {
	severity := func(f *check.Finding) int {
		if lostToNodes && f.Reason == v1alpha1.ReasonExpressionFalse {
			return check.Severity(v1alpha1.ReasonNodeFault) + 1
		}
		return check.Severity(f.Reason)
	}
	slices.SortStableFunc(failing, func(x, y *check.Finding) int { return severity(x) - severity(y) })
}

// lostToNodes reports whether nodes are why none of the workloads has a pod.
func lostToNodes(votes []*check.Finding) bool {
	workloads := slices.DeleteFunc(slices.Clone(votes), func(f *check.Finding) bool { return f.Available == "" })
	return len(workloads) > 0 && !slices.ContainsFunc(workloads, func(f *check.Finding) bool {
		return f.Available == v1alpha1.VerdictTrue || f.Reason != v1alpha1.ReasonNodeFault
	})
}

// grace says when the first grace period of the failing checks ends, and whether one is over already.
func (a *assessment) grace(failing []*check.Finding) (ends time.Duration, over bool) {
	for _, f := range failing {
		left := max(a.gracePeriod(f)-a.now.Sub(a.since(f).Time), f.ExcusedFor)
		if left <= 0 {
			return 0, true
		}
		ends = check.Earliest(ends, left)
	}
	return ends, false
}

// attributionTime is how long it takes at most until the pods of a workload have been read again, as they are read at
// most once in facts.DefaultInterval.
const attributionTime = time.Minute

// gracePeriod returns how long the check may fail before it counts. Pods that were replaced just now need not be in what
// was read last; when nothing was seen before, they surely are.
func (a *assessment) gracePeriod(f *check.Finding) time.Duration {
	period := catalog.GracePeriod(a.mapping)
	if f.Unattributed && a.previous(f) != nil {
		period = max(period, attributionTime)
	}
	return period
}

// votes returns the findings whose health counts.
func (a *assessment) votes() []*check.Finding {
	return slices.DeleteFunc(a.evident(), func(f *check.Finding) bool { return !f.Votes() })
}

func withHealth(findings []*check.Finding, verdict v1alpha1.Verdict) []*check.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f *check.Finding) bool { return f.Healthy != verdict })
}

// messagesRoom is for the messages of all findings together; what goes before them has the rest of a condition's.
const messagesRoom = msg.MaxMessage - 64

// minShare is what a finding may say in any case, though others are cut off then, in bytes.
const minShare = 80

// messages names every finding with what it says. When there is too little room for all of it, each has its share.
func messages(findings []*check.Finding) string {
	const separator = "; "
	var parts []string
	for _, f := range findings {
		parts = append(parts, f.Check.Name()+": "+f.Message)
	}
	text := strings.Join(parts, separator)
	if len(text) <= messagesRoom {
		return text
	}
	share := max(minShare, messagesRoom/len(parts)-len(separator))
	for i := range parts {
		parts[i] = msg.Truncate(parts[i], share)
	}
	return strings.Join(parts, separator)
}

func (a *assessment) noVoteMessage() string {
	for _, f := range a.evident() {
		if f.Reason == v1alpha1.ReasonIdle {
			return "nothing is wanted of it now: " + f.Message
		}
	}
	return "its presence can be seen, its health cannot"
}

// unknownParts names the optional parts whose presence is unknown.
func (a *assessment) unknownParts() string {
	var parts []string
	for _, c := range a.observed {
		for _, f := range c.findings {
			part := f.Check.Name() + " (" + f.Reason + ")"
			if f.Present == v1alpha1.VerdictUnknown && f.Check.Expect() == v1alpha1.ExpectOptional && !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ", not seen: " + msg.Shorten(parts, ", ")
}

// checkStatuses returns the verdict of every check, with the time at which it last turned.
func (a *assessment) checkStatuses() []v1alpha1.CheckStatus {
	var out []v1alpha1.CheckStatus
	for i := range a.findings {
		f := &a.findings[i]
		out = append(out, v1alpha1.CheckStatus{
			Name: f.Check.Name(), Present: f.Present, Healthy: f.Healthy, Reason: f.Reason, Message: f.Message,
			Version:            msg.Truncate(check.FormatVersions(f.Versions), maxVersion),
			Image:              msg.Truncate(msg.Shorten(f.Images, ", "), 512),
			Objects:            f.Objects,
			ObjectCount:        new(int32(f.ObjectCount)),
			LastTransitionTime: a.since(f),
		})
	}
	return out
}

// since returns when the finding's verdict last turned.
func (a *assessment) since(f *check.Finding) metav1.Time {
	if previous := a.previous(f); previous != nil && previous.Present == f.Present && previous.Healthy == f.Healthy {
		return previous.LastTransitionTime
	}
	return a.now
}

// excused reports whether the check is about to fail as it did before, when that did not count: whether it still does not
// is being read.
func excused(m *v1alpha1.ComponentMapping, f *check.Finding) bool {
	previous := previousOf(m, f)
	return f.Explaining && previous != nil && previous.Healthy == v1alpha1.VerdictFalse && m.Status.ObservedGeneration == m.Generation &&
		meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionHealthy)
}

// keepExplanations keeps the explanation of a check that failed before while it is being read anew: a restart
// of the operator does not change why. CheckStatus.Reason and Message remember them.
func keepExplanations(m *v1alpha1.ComponentMapping, findings []check.Finding) []check.Finding {
	if m.Status.ObservedGeneration != m.Generation {
		return findings
	}
	out := slices.Clone(findings) // others see them, too
	for i := range out {
		f := &out[i]
		previous := previousOf(m, f)
		if f.Explaining && previous != nil && previous.Healthy == v1alpha1.VerdictFalse && check.Explained(previous.Reason) {
			f.Healthy, f.Reason, f.Message = previous.Healthy, previous.Reason, previous.Message
		}
	}
	return out
}

// previous returns what the same check said before; nil when it said nothing.
func (a *assessment) previous(f *check.Finding) *v1alpha1.CheckStatus {
	return previousOf(a.mapping, f)
}

func previousOf(m *v1alpha1.ComponentMapping, f *check.Finding) *v1alpha1.CheckStatus {
	checks := m.Status.Checks
	i := slices.IndexFunc(checks, func(c v1alpha1.CheckStatus) bool { return c.Name == f.Check.Name() })
	if i < 0 {
		return nil
	}
	return &checks[i]
}
