// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

func accessReviewNeeds(e *Evaluator) []facts.Need {
	r := e.Spec.AccessReview
	return []facts.Need{{Review: facts.Review{Verb: r.Verb, Group: r.Group, Resource: r.Resource}, Interval: e.interval()}}
}

func accessReviewSubject(e *Evaluator) string {
	r := e.Spec.AccessReview
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	return fmt.Sprintf("refusal to %s %s", r.Verb, resource)
}

func accessReviewWithin(a, b *v1alpha1.Check) bool {
	x, y := a.AccessReview, b.AccessReview
	return x.Verb == y.Verb && x.Group == y.Group && x.Resource == y.Resource && subset(x.ReasonContains, y.ReasonContains)
}

func evaluateAccessReview(e *Evaluator, given facts.Facts) Evaluation {
	return Evaluation{Result: accessReviewResult(e, given)}
}

func accessReviewResult(e *Evaluator, given facts.Facts) Result {
	answer := given.Answers[accessReviewNeeds(e)[0]]
	subject := accessReviewSubject(e)
	if answer.Allowed {
		// It may be the operator that asked, or a person, now or when a dump was taken.
		return unknown(v1alpha1.ReasonObservationFailed, "no "+subject+
			": the requester has this permission; revoke it, or check as a user without it")
	}
	reason := strings.ToLower(answer.Reason)
	for _, text := range e.Spec.AccessReview.ReasonContains {
		if strings.Contains(reason, strings.ToLower(text)) {
			return Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictNotAssessed,
				Reason: v1alpha1.ReasonReasonMatches, Message: fmt.Sprintf("the %s says %q", subject, text)}
		}
	}
	return absent(v1alpha1.ReasonReasonDiffers, fmt.Sprintf("the %s mentions none of: %s",
		subject, strings.Join(e.Spec.AccessReview.ReasonContains, "; ")))
}
