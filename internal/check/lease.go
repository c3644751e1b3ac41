// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/msg"
)

// minLeaseAge is the least time for which a lease's renewTime may stand still by default.
const minLeaseAge = 60 * time.Second

// leaseNeeds asks for all leases of the namespace: one list serves every check there.
func leaseNeeds(c *Evaluator) []facts.Need {
	return []facts.Need{{
		Kind:      coordinationv1.SchemeGroupVersion.WithKind("Lease"),
		Namespace: string(c.Spec.Lease.Namespace),
		Interval:  c.interval(),
	}}
}

func leaseSubject(c *Evaluator) string {
	l := c.Spec.Lease
	if l.Name != "" {
		return msg.Object("Lease", string(l.Namespace), string(l.Name))
	}
	return fmt.Sprintf("Lease in %s with labels %s", l.Namespace, c.selector)
}

func evaluateLease(c *Evaluator, given facts.Facts) Evaluation {
	return Evaluation{Result: leaseResult(c, given)}
}

func leaseResult(c *Evaluator, given facts.Facts) Result {
	answer := given.Answers[leaseNeeds(c)[0]]
	if f, ok := unseen(answer, leaseSubject(c)); ok {
		return f
	}
	var js []judged
	for _, o := range answer.Objects {
		lease, ok := o.(*coordinationv1.Lease)
		if ok && (c.Spec.Lease.Name == "" || lease.Name == string(c.Spec.Lease.Name)) && c.matchesLabels(lease) {
			js = append(js, judgeLease(c.Spec.Lease, lease, answer))
		}
	}
	if len(js) == 0 {
		return absent(v1alpha1.ReasonNotFound, "no "+leaseSubject(c))
	}
	return sumUpLeases(js)
}

// sumUpLeases lets the best lease decide: leases of dead instances linger, one that is fresh is enough.
func sumUpLeases(js []judged) Result {
	worstFirst(js)
	best := js[len(js)-1]
	f := found(js)
	f.Healthy, f.Reason, f.Message = best.healthy, best.reason, best.detail
	if best.reason == v1alpha1.ReasonNoHolder {
		f.Present, f.Healthy = v1alpha1.VerdictFalse, v1alpha1.VerdictNotAssessed
	}
	return f
}

func judgeLease(spec *v1alpha1.LeaseCheck, lease *coordinationv1.Lease, answer facts.Answer) judged {
	j := judged{object: lease, kind: "Lease", healthy: v1alpha1.VerdictTrue, reason: v1alpha1.ReasonHealthy}
	name := msg.Object("Lease", lease.Namespace, lease.Name)
	maxAge := leaseMaxAge(spec, lease)
	held := lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != ""
	switch movement := leaseMovement(lease, answer, maxAge); {
	case movement == v1alpha1.VerdictUnknown:
		j.healthy, j.reason = v1alpha1.VerdictUnknown, v1alpha1.ReasonNotYetObserved
		j.detail = fmt.Sprintf("%s: waiting up to %s to see it renewed", name, maxAge)
	case movement == v1alpha1.VerdictTrue && held:
		j.detail = name + " is held and renewed"
	case movement == v1alpha1.VerdictTrue:
		j.detail = name + " is changing hands"
	case held:
		j.healthy, j.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonLeaseStale
		j.detail = fmt.Sprintf("%s is not renewed: renewTime stands at %s, for more than %s", name, renewTime(lease), maxAge)
	default:
		j.healthy, j.reason = v1alpha1.VerdictFalse, v1alpha1.ReasonNoHolder
		j.detail = fmt.Sprintf("%s has no holder since %s", name, renewTime(lease))
	}
	return j
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
