// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/workload"
)

// MaxObjects is how many objects a finding names.
const MaxObjects = 8

// Result is what an evaluator comes to.
type Result struct {
	Present v1alpha1.Verdict
	Healthy v1alpha1.Verdict
	Reason  string
	Message string

	// Versions in use, by number of pods or nodes.
	Versions []VersionCount
	// Images in use, without tag and digest.
	Images []string

	// Objects behind the verdict, at most MaxObjects, the unhealthy ones first; ObjectCount counts all.
	Objects     []v1alpha1.ObservedObject
	ObjectCount int

	// ExcusedFor is how much longer a result that is unhealthy does not count: nothing is wrong but that pods start. It
	// follows from the ages of the pods.
	ExcusedFor time.Duration
	// Unattributed says that nothing which was read accounts for the pods that are missing, no more than a roll-out
	// replaces at a time: they may be ready by now.
	Unattributed bool

	// Available says whether the workloads that were found have any available pod: True or False; empty where no
	// workload was found.
	Available v1alpha1.Verdict

	// RollingOut says that a roll-out replaces pods, so that it passes that several versions are in use.
	RollingOut bool

	// VersionsPending says that the versions and images that run are still being read: Versions and Images say nothing yet.
	VersionsPending bool

	// Explaining says that why it is unhealthy is still being read.
	Explaining bool

	// Faults are what is at fault of what was found, the major ones first, at most MaxObjects. What was not found is
	// told by Finding.Lost.
	Faults []v1alpha1.Fault

	// Stopped says that what was found is not at work: workloads that want no pods, a lease that nobody renews.
	Stopped bool

	// Awaiting says that whether what was found is at work is not known before some time has passed: of a lease nobody knows
	// who has not seen it for long.
	Awaiting bool

	// LastStands says that the last verdict of the check stands for now, as nothing has been seen for long enough to replace it:
	// after a restart, most leases are renewed within the minute.
	LastStands bool
}

// Finding is the result of one check of a mapping.
type Finding struct {
	Check *Check
	Result
}

// Evaluation is a result, and what may change it.
type Evaluation struct {
	Result

	// Further is what would explain the result; seeing it too makes the message say why.
	Further []facts.Demand

	// RecheckAfter is when the result may be another although nothing that is observed changes; 0 is never.
	RecheckAfter time.Duration

	// Expense is what its expressions have cost, of each object what is beyond the cost of cheap ones.
	Expense uint64

	// Unfinished says that they cost more than the evaluator may spend, as it is a cheap one: the result means nothing.
	Unfinished bool
}

// Pending says that nothing may be concluded from the result yet.
func (r *Result) Pending() bool { return r.Reason == v1alpha1.ReasonNotYetObserved }

// AsExpected says whether the finding is what the check's author expects: True, False or Unknown.
func (f *Finding) AsExpected() v1alpha1.Verdict {
	switch f.Check.Expect() {
	case v1alpha1.ExpectOptional:
		return v1alpha1.VerdictTrue
	case v1alpha1.ExpectAbsent:
		return negate(f.Present)
	default:
		return f.Present
	}
}

// Votes says whether the finding's health counts: its object belongs to the component and is there.
func (f *Finding) Votes() bool { return f.Evident() && f.Healthy != v1alpha1.VerdictNotAssessed }

// Evident says whether the finding shows a part of the component.
func (f *Finding) Evident() bool {
	return f.Present == v1alpha1.VerdictTrue && catalog.Belongs(&f.Check.Spec)
}

// Proves says whether the finding proves the component, as long as nothing that it needs is missing.
func (f *Finding) Proves() bool { return f.Evident() && catalog.Proves(&f.Check.Spec) }

// Runs says whether the finding proves the component though other parts of it are missing: a workload that wants pods,
// nodes, a lease that is renewed, a path that answers, an authorizer that refuses. Of other objects nothing can be told,
// so their authors do, by an evidence.
func (f *Finding) Runs() bool { return f.Proves() && !f.Stopped && !f.Awaiting }

// MayProve says whether the finding might prove the component: what it looks for cannot be seen, or whether it is at work.
func (f *Finding) MayProve() bool {
	return catalog.Proves(&f.Check.Spec) && (f.Present == v1alpha1.VerdictUnknown || f.Evident() && f.Awaiting)
}

// GivenUp says whether all that was found are leases that nobody holds, as they are left by a holder that was told to
// stop.
func (f *Finding) GivenUp() bool { return f.Evident() && f.Reason == v1alpha1.ReasonNoHolder }

// LeftBehind says whether what was found outlives a component that was removed: an object that proves nothing, or what
// has stopped. A check of every object of a kind does not know whose they are.
func (f *Finding) LeftBehind() bool {
	return f.Evident() && (f.Stopped || namesObjects(&f.Check.Spec) && !f.Proves())
}

// Same says whether two findings are, at least in part, of the same things.
func (f *Finding) Same(other *Finding) bool {
	if Within(&f.Check.Spec, &other.Check.Spec) || Within(&other.Check.Spec, &f.Check.Spec) {
		return true
	}
	return slices.ContainsFunc(f.Objects, func(o v1alpha1.ObservedObject) bool { return slices.Contains(other.Objects, o) })
}

func negate(v v1alpha1.Verdict) v1alpha1.Verdict {
	switch v {
	case v1alpha1.VerdictTrue:
		return v1alpha1.VerdictFalse
	case v1alpha1.VerdictFalse:
		return v1alpha1.VerdictTrue
	}
	return v
}

func unknown(reason, message string) Result {
	return Result{Present: v1alpha1.VerdictUnknown, Healthy: v1alpha1.VerdictNotAssessed, Reason: reason, Message: message}
}

func absent(reason, message string) Result {
	return Result{Present: v1alpha1.VerdictFalse, Healthy: v1alpha1.VerdictNotAssessed, Reason: reason, Message: message}
}

// objectVerdict is what a check makes of one object.
type objectVerdict struct {
	object  client.Object
	kind    string
	healthy v1alpha1.Verdict
	reason  string
	detail  string
}

// healthRank orders verdicts by how much they matter: the worst first.
var healthRank = map[v1alpha1.Verdict]int{
	v1alpha1.VerdictFalse: 0, v1alpha1.VerdictUnknown: 1, v1alpha1.VerdictTrue: 2, v1alpha1.VerdictNotAssessed: 3,
}

// severity orders the reasons of failing checks, the worst first. What the component itself must be fixed for
// comes before what is the fault of something else.
var severity = slices.Concat(workload.PodReasons, []string{
	v1alpha1.ReasonWorkloadUnavailable, v1alpha1.ReasonScaledToZero, v1alpha1.ReasonNodesUnhealthy, v1alpha1.ReasonLeaseStale,
	v1alpha1.ReasonNoHolder, v1alpha1.ReasonWebhookUnavailable, v1alpha1.ReasonEndpointFailing,
	v1alpha1.ReasonNoService, v1alpha1.ReasonExpressionFalse, v1alpha1.ReasonFailureReported, v1alpha1.ReasonRolloutStuck, v1alpha1.ReasonNodeFault,
})

// Severity of the reason of a failing check: the lower the worse. One that a mapping gives is as bad as ExpressionFalse.
func Severity(reason string) int {
	if i := slices.Index(severity, reason); i >= 0 {
		return i
	}
	return slices.Index(severity, v1alpha1.ReasonExpressionFalse)
}

// explainedReasons are those that only the pods of a workload give.
var explainedReasons = slices.Concat(workload.PodReasons, []string{v1alpha1.ReasonNodeFault, v1alpha1.ReasonRolloutStuck})

// Explained says whether the reason of a failing check is what its pods say.
func Explained(reason string) bool { return slices.Contains(explainedReasons, reason) }

// reasonRank orders objects of the same verdict: of those that are healthy, what somebody may want to look at comes first.
func reasonRank(reason string) int {
	switch reason {
	case v1alpha1.ReasonWithinTolerance:
		return -4
	case v1alpha1.ReasonNodesDown:
		return -3
	case v1alpha1.ReasonRolloutFailing:
		return -2
	case v1alpha1.ReasonProgressing, v1alpha1.ReasonNoHolder:
		return -1
	}
	return Severity(reason)
}

// worstFirst sorts objects by verdict, then by reason, then by name.
func worstFirst(verdicts []objectVerdict) {
	slices.SortFunc(verdicts, func(a, b objectVerdict) int {
		return cmp.Or(
			cmp.Compare(healthRank[a.healthy], healthRank[b.healthy]),
			cmp.Compare(reasonRank(a.reason), reasonRank(b.reason)),
			cmp.Compare(a.object.GetNamespace(), b.object.GetNamespace()),
			cmp.Compare(a.object.GetName(), b.object.GetName()))
	})
}

// summarize is the result of a check that found objects, at least one: the worst verdict, what the first three of that
// verdict show, and the objects themselves. Of the healthy ones only those like the first are told.
func summarize(verdicts []objectVerdict) Result {
	worstFirst(verdicts)
	worst := verdicts[0]
	r := Result{Present: v1alpha1.VerdictTrue, Healthy: worst.healthy, Reason: worst.reason, ObjectCount: len(verdicts)}
	var details []string
	for _, v := range verdicts {
		if v.healthy == worst.healthy && (v.reason == worst.reason || v.healthy == v1alpha1.VerdictFalse) {
			details = append(details, v.detail)
		}
	}
	r.Message = msg.Shorten(details, "; ")
	for _, v := range verdicts[:min(len(verdicts), MaxObjects)] {
		r.Objects = append(r.Objects, v1alpha1.ObservedObject{
			Kind: v.kind, Namespace: v.object.GetNamespace(), Name: v.object.GetName()})
	}
	return r
}

// unseen is the result when a need has no answer to evaluate; ok is false when there is one.
func unseen(a facts.Answer, subject string) (r Result, ok bool) {
	switch a.State {
	case facts.Known:
		return Result{}, false
	case facts.NotServed:
		return absent(v1alpha1.ReasonKindNotServed, subject+" does not exist: "+a.Message), true
	case facts.NotPermitted:
		return unknown(v1alpha1.ReasonNotPermitted, "not permitted to check "+subject+": "+a.Message), true
	case facts.NotHeld:
		return unknown(v1alpha1.ReasonNotInDump, "couldn't check "+subject+": "+a.Message), true
	case facts.Failed:
		return unknown(v1alpha1.ReasonObservationFailed, "couldn't check "+subject+": "+a.Message), true
	default:
		return unknown(v1alpha1.ReasonNotYetObserved, "still checking "+subject), true
	}
}
