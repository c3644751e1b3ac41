// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// minLeaseAge is the least time for which a lease's renewTime may stand still by default.
const minLeaseAge = 60 * time.Second

// leaseNeeds asks for all leases of the namespace: one list serves every check there.
func leaseNeeds(e *Evaluator) []facts.Need {
	return []facts.Need{{
		Kind:      coordinationv1.SchemeGroupVersion.WithKind("Lease"),
		Namespace: string(e.Spec.Lease.Namespace),
		Interval:  e.interval(),
	}}
}

func leaseSubject(e *Evaluator) string {
	l := e.Spec.Lease
	if l.Name != "" {
		return msg.Object("Lease", string(l.Namespace), string(l.Name))
	}
	return fmt.Sprintf("Lease in %s with labels %s", l.Namespace, e.selector)
}

func leaseWithin(a, b *v1alpha1.Check) bool {
	x, y := a.Lease, b.Lease
	return x.Namespace == y.Namespace && wider(x.Name, y.Name) && selectorWithin(x.Selector, y.Selector)
}

func leaseSelector(spec *v1alpha1.Check) *metav1.LabelSelector { return spec.Lease.Selector }

func evaluateLease(e *Evaluator, given facts.Facts) Evaluation {
	return Evaluation{Result: leaseResult(e, given)}
}

func leaseResult(e *Evaluator, given facts.Facts) Result {
	answer := given.Answers[leaseNeeds(e)[0]]
	var verdicts []objectVerdict
	for _, o := range answer.Objects {
		lease, ok := o.(*coordinationv1.Lease)
		if ok && (e.Spec.Lease.Name == "" || lease.Name == string(e.Spec.Lease.Name)) && e.matchesLabels(lease) {
			verdicts = append(verdicts, leaseVerdict(e.Spec.Lease, lease, answer))
		}
	}
	if len(verdicts) == 0 {
		return absent(v1alpha1.ReasonNotFound, "no "+leaseSubject(e))
	}
	return summarizeLeases(verdicts, answer)
}

// summarizeLeases lets the best lease decide: leases of dead instances linger, one that is fresh is enough.
func summarizeLeases(verdicts []objectVerdict, answer facts.Answer) Result {
	worstFirst(verdicts)
	best := verdicts[len(verdicts)-1]
	r := summarize(verdicts)
	r.Healthy, r.Reason, r.Message = best.healthy, best.reason, best.detail
	r.Stopped = best.healthy == v1alpha1.VerdictFalse
	r.Awaiting = best.healthy == v1alpha1.VerdictUnknown
	r.LastStands = r.Awaiting && slices.ContainsFunc(verdicts, func(v objectVerdict) bool {
		renewal := answer.Renewals[client.ObjectKeyFromObject(v.object)]
		return v.healthy == v1alpha1.VerdictUnknown && answer.ReadAt.Sub(renewal.Since) <= minLeaseAge
	})
	if r.Stopped {
		r.Faults = []v1alpha1.Fault{leaseFault(best)}
	}
	return r
}

// leaseFault is the fault of a lease; it began when that was renewed last.
func leaseFault(v objectVerdict) v1alpha1.Fault {
	lease := v.object.(*coordinationv1.Lease)
	f := v1alpha1.Fault{
		Kind: v1alpha1.FaultLease, Subject: v1alpha1.ObservedObject{Kind: v.kind, Namespace: lease.Namespace, Name: lease.Name},
		Severity: v1alpha1.SeverityMajor, Reason: v.reason, Message: msg.Truncate(v.detail, msg.MaxCheckMessage),
		Next: msg.Kubectl(lease.Namespace, "get", "lease", lease.Name, "-o", "yaml"),
	}
	if lease.Spec.RenewTime != nil {
		f.Since = metav1.NewTime(lease.Spec.RenewTime.Time)
	}
	return f
}

func leaseVerdict(spec *v1alpha1.LeaseCheck, lease *coordinationv1.Lease, answer facts.Answer) objectVerdict {
	v := objectVerdict{object: lease, kind: "Lease", healthy: v1alpha1.VerdictTrue, reason: v1alpha1.ReasonHealthy}
	name := msg.Object("Lease", lease.Namespace, lease.Name)
	maxAge := leaseMaxAge(spec, lease)
	held := lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != ""
	switch movement := leaseMovement(lease, answer, maxAge); {
	case movement == v1alpha1.VerdictUnknown:
		v.healthy, v.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonAwaitingRenewal
		v.detail = fmt.Sprintf("%s: waiting up to %s for it to be renewed", name, maxAge)
	case movement == v1alpha1.VerdictTrue && held:
		v.detail = name + " is held and renewed"
	case movement == v1alpha1.VerdictTrue:
		v.detail = name + " is between holders"
	case held:
		v.healthy, v.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonLeaseStale
		v.detail = fmt.Sprintf("%s has not been renewed for more than %s, since %s", name, maxAge, renewTime(lease))
	default:
		v.healthy, v.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonNoHolder
		v.detail = fmt.Sprintf("%s has had no holder since %s", name, renewTime(lease))
	}
	return v
}

// leaseMovement says whether the lease is being renewed. What was seen to move is trusted, whatever the
// clocks say; where nothing was seen yet, a renewTime close to the time of reading is trusted.
func leaseMovement(lease *coordinationv1.Lease, answer facts.Answer, maxAge time.Duration) v1alpha1.Verdict {
	renewal, watched := answer.Renewals[client.ObjectKeyFromObject(lease)]
	if watched && answer.ReadAt.Sub(renewal.Since) > maxAge {
		return v1alpha1.VerdictFalse
	}
	if watched && renewal.Moved {
		return v1alpha1.VerdictTrue
	}
	if lease.Spec.RenewTime != nil && answer.ReadAt.Sub(lease.Spec.RenewTime.Time).Abs() <= maxAge {
		return v1alpha1.VerdictTrue
	}
	if watched {
		return v1alpha1.VerdictUnknown
	}
	return v1alpha1.VerdictFalse
}

func leaseMaxAge(spec *v1alpha1.LeaseCheck, lease *coordinationv1.Lease) time.Duration {
	if spec.MaxAgeSeconds > 0 {
		return time.Duration(spec.MaxAgeSeconds) * time.Second
	}
	if lease.Spec.LeaseDurationSeconds == nil {
		return minLeaseAge
	}
	return max(minLeaseAge, 4*time.Duration(*lease.Spec.LeaseDurationSeconds)*time.Second)
}

func renewTime(lease *coordinationv1.Lease) string {
	if lease.Spec.RenewTime == nil {
		return "its creation"
	}
	return lease.Spec.RenewTime.UTC().Format(time.RFC3339)
}
