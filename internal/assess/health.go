// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// health is the sum of the votes, and unhealthy when a part is missing for longer than the grace period, whatever the
// votes say. The duration is when a grace period ends; 0 when none is running.
func (a *assessment) health(present metav1.Condition) (metav1.Condition, time.Duration) {
	voted, ends := a.vote(present)
	if len(a.parts) == 0 {
		return voted, ends
	}
	message, left := a.partsMessage(), a.partsGrace()
	switch {
	case left <= 0:
		if voted.Status == metav1.ConditionFalse {
			message += "; " + voted.Message
		}
		return condition(v1alpha1.ConditionHealthy, metav1.ConditionFalse, v1alpha1.ReasonPartMissing, message), ends
	case voted.Status == metav1.ConditionFalse:
		return voted, facts.Earliest(ends, left)
	}
	return a.withinGrace(left, message), facts.Earliest(ends, left)
}

// withinGrace is the condition while a fault does not count yet; left is for how much longer.
func (a *assessment) withinGrace(left time.Duration, message string) metav1.Condition {
	until := a.now.Add(left).UTC().Format(time.RFC3339)
	return condition(v1alpha1.ConditionHealthy, metav1.ConditionTrue, v1alpha1.ReasonWithinGracePeriod,
		fmt.Sprintf("counts as unhealthy from %s unless it recovers: %s", until, message))
}

// partsGrace returns how long parts may still be missing: since the last one went missing, of any variant, as another one
// may have lacked for long what the one that was complete until now does not need; or since the first part came. It is not
// granted again while the condition tells of missing parts.
func (a *assessment) partsGrace() time.Duration {
	if catalog.Condition(a.mapping, v1alpha1.ConditionHealthy).Reason == v1alpha1.ReasonPartMissing {
		return 0
	}
	var went time.Time
	for _, c := range a.candidates {
		for _, f := range c.required(v1alpha1.VerdictFalse) {
			went = later(went, a.since(f).Time)
		}
	}
	for _, c := range a.parts {
		came := a.now.Time
		for _, f := range c.running() {
			if since := a.since(f).Time; since.Before(came) {
				came = since
			}
		}
		went = later(went, came)
	}
	return catalog.GracePeriod(a.mapping) - a.now.Sub(went)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// vote sums up the votes on health: unhealthy when a check fails for longer than its grace period.
func (a *assessment) vote(present metav1.Condition) (metav1.Condition, time.Duration) {
	healthy := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return condition(v1alpha1.ConditionHealthy, status, reason, message)
	}
	switch present.Status {
	case metav1.ConditionFalse:
		return healthy(metav1.ConditionUnknown, v1alpha1.ReasonNotPresent, "not assessed: "+present.Message), 0
	case metav1.ConditionUnknown:
		return a.voteUndecided(present)
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
		return a.withinGrace(graceEnds, messages(failing)), graceEnds
	case len(votes) == 0:
		return healthy(metav1.ConditionUnknown, v1alpha1.ReasonHealthNotObservable, a.noVoteMessage()), 0
	}
	if reason, noted := notable(votes); reason != "" {
		return healthy(metav1.ConditionTrue, reason, messages(noted)+a.silentParts()), 0
	}
	return healthy(metav1.ConditionTrue, v1alpha1.ReasonAllChecksPass,
		fmt.Sprintf("%d of %d checks pass%s", len(votes), len(votes), a.silentParts())), 0
}

// voteUndecided is the condition while it cannot be seen which variant is there, or whether all of it is. What runs and fails
// in any case counts: that something else cannot be seen does not mend it.
func (a *assessment) voteUndecided(present metav1.Condition) (metav1.Condition, time.Duration) {
	failing := a.failingAnyway()
	ends, over := a.grace(failing)
	if over {
		worstFirst(failing, lostToNodes(failing))
		return condition(v1alpha1.ConditionHealthy, metav1.ConditionFalse, failing[0].Reason, messages(failing)), 0
	}
	return condition(v1alpha1.ConditionHealthy, metav1.ConditionUnknown, present.Reason, "not assessed: "+present.Message), ends
}

// notableReasons are those of checks that pass and have something to tell, what matters most first.
var notableReasons = []string{v1alpha1.ReasonWithinTolerance, v1alpha1.ReasonNodesDown, v1alpha1.ReasonRolloutFailing, v1alpha1.ReasonProgressing}

// notable returns the reason of a component whose checks all pass, and those that have something to tell; the reason is
// empty when none has.
func notable(votes []*check.Finding) (reason string, noted []*check.Finding) {
	for _, r := range notableReasons {
		for _, f := range votes {
			if f.Reason != r {
				continue
			}
			noted = append(noted, f)
			reason = cmp.Or(reason, summed(f))
		}
	}
	return reason, noted
}

// summed is the reason of a component for that of a check that passes. Where nodes are what is looked at, some that are
// down are within tolerance; a roll-out goes on, however its new pods fare.
func summed(f *check.Finding) string {
	switch {
	case f.Reason == v1alpha1.ReasonNodesDown && f.Check.Spec.Type == v1alpha1.CheckNodes:
		return v1alpha1.ReasonWithinTolerance
	case f.Reason == v1alpha1.ReasonRolloutFailing:
		return v1alpha1.ReasonProgressing
	}
	return f.Reason
}

// worstFirst sorts failing checks. Where a component has lost every pod to its nodes, its objects can but fail: an
// EndpointSlice has no endpoints, an API is not available, a webhook cannot be called.
func worstFirst(failing []*check.Finding, lostToNodes bool) {
	severity := func(f *check.Finding) int {
		if t := f.Check.Spec.Type; lostToNodes && (t == v1alpha1.CheckObject || t == v1alpha1.CheckWebhook) {
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
		ends = facts.Earliest(ends, left)
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

// messages names every finding with what it says.
func messages(findings []*check.Finding) string {
	var parts []string
	for _, f := range findings {
		parts = append(parts, f.Check.Name()+": "+f.Message)
	}
	return joinShares(parts)
}

// joinShares joins what is said. When there is too little room for all of it, each part has its share.
func joinShares(parts []string) string {
	const separator = "; "
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
			return "not in use: " + f.Message
		}
	}
	return "present, but its health can't be checked"
}

// silentParts names the parts that have no say in the verdict: those that are idle, and those that may not be read or the
// like.
func (a *assessment) silentParts() string {
	var idle, unseen []string
	for _, c := range a.observed {
		for _, f := range c.findings {
			name := f.Check.Name()
			switch {
			case f.Evident() && f.Reason == v1alpha1.ReasonIdle && !slices.Contains(idle, name):
				idle = append(idle, name)
			case f.Present == v1alpha1.VerdictUnknown && f.Check.Expect() == v1alpha1.ExpectOptional:
				if part := name + " (" + f.Reason + ")"; !slices.Contains(unseen, part) {
					unseen = append(unseen, part)
				}
			}
		}
	}
	text := ""
	if len(idle) > 0 {
		text += ", idle: " + msg.Shorten(idle, ", ")
	}
	if len(unseen) > 0 {
		text += ", couldn't check: " + msg.Shorten(unseen, ", ")
	}
	return text
}

// checkStatuses returns the verdict of every check, with the time at which it last turned.
func (a *assessment) checkStatuses() []v1alpha1.CheckStatus {
	var out []v1alpha1.CheckStatus
	faults := a.faults()
	for i := range a.findings {
		f := &a.findings[i]
		out = append(out, v1alpha1.CheckStatus{
			Name: f.Check.Name(), Present: f.Present, Healthy: f.Healthy, Reason: f.Reason, Message: f.Message,
			Version:            msg.Truncate(check.FormatVersions(f.Versions), maxVersion),
			Image:              msg.Truncate(msg.Shorten(f.Images, ", "), 512),
			Objects:            f.Objects,
			ObjectCount:        new(int32(f.ObjectCount)),
			Faults:             faults[f],
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

// keepVerdicts keeps what a restart of the operator does not change: the explanation of a check that failed before, while it is being
// read anew, and the verdict of one whose last one stands, or which was stale before it was awaited. CheckStatus remembers them.
func keepVerdicts(m *v1alpha1.ComponentMapping, findings []check.Finding) []check.Finding {
	if m.Status.ObservedGeneration != m.Generation {
		return findings
	}
	out := slices.Clone(findings) // others see them, too
	for i := range out {
		f := &out[i]
		previous := previousOf(m, f)
		switch failed := previous != nil && previous.Healthy == v1alpha1.VerdictFalse; {
		case f.Explaining && failed && check.Explained(previous.Reason),
			f.LastStands && previous != nil && (failed || previous.Healthy == v1alpha1.VerdictTrue),
			f.Awaiting && failed && previous.Reason == v1alpha1.ReasonLeaseStale:
			f.Healthy, f.Reason, f.Message, f.Faults = previous.Healthy, previous.Reason, previous.Message, previous.Faults
			f.Stopped, f.Awaiting = f.Stopped || f.Awaiting && failed, false
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
