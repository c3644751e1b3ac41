// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

func accessReviewNeeds(c *Evaluator) []facts.Need {
	r := c.Spec.AccessReview
	return []facts.Need{{Review: facts.Review{Verb: r.Verb, Group: r.Group, Resource: r.Resource}, Interval: c.interval()}}
}

func accessReviewSubject(c *Evaluator) string {
	r := c.Spec.AccessReview
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	return fmt.Sprintf("refusal to %s %s", r.Verb, resource)
}

func evaluateAccessReview(c *Evaluator, given facts.Facts) Evaluation {
	return Evaluation{Result: accessReviewResult(c, given)}
}

func accessReviewResult(c *Evaluator, given facts.Facts) Result {
	answer := given.Answers[accessReviewNeeds(c)[0]]
	subject := accessReviewSubject(c)
	if f, ok := unseen(answer, subject); ok {
		return f
	}
	if answer.Allowed {
		// It may be the operator that asked, or a person, now or when a dump was taken.
		return unknown(v1alpha1.ReasonObservationFailed, "no "+subject+
			": it is allowed; take that right from archmap's service account, or look as a user without it")
	}
	reason := strings.ToLower(answer.Reason)
	for _, text := range c.Spec.AccessReview.ReasonContains {
		if strings.Contains(reason, strings.ToLower(text)) {
			return Result{Present: v1alpha1.VerdictTrue, Healthy: v1alpha1.VerdictNotAssessed,
				Reason: v1alpha1.ReasonReasonMatches, Message: fmt.Sprintf("the %s says %q", subject, text)}
		}
	}
	return absent(v1alpha1.ReasonReasonDiffers, fmt.Sprintf("the %s names none of: %s",
		subject, strings.Join(c.Spec.AccessReview.ReasonContains, "; ")))
}
