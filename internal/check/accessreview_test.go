// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/facts"
)

func TestAccessReview(t *testing.T) {
	const text = "{type: AccessReview, accessReview: {verb: delete, resource: nodes, reasonContains: [Azure does not have opinion, Azure RBAC]}}"
	for name, test := range map[string]struct {
		answer facts.Answer
		want   string
	}{
		"the reason has one of the texts": {
			facts.Answer{Reason: "Azure does not have opinion for this user."},
			`True/NotAssessed ReasonMatches: the refusal to delete nodes says "Azure does not have opinion"`,
		},
		"upper and lower case are alike": {
			facts.Answer{Reason: "denied BY AZURE rbac"},
			`True/NotAssessed ReasonMatches: the refusal to delete nodes says "Azure RBAC"`,
		},
		"the reason has none": {
			facts.Answer{Reason: "no relationship found between node and this object"},
			"False/NotAssessed ReasonDiffers: the refusal to delete nodes mentions none of: Azure does not have opinion; Azure RBAC",
		},
		"no reason is given": {
			facts.Answer{},
			"False/NotAssessed ReasonDiffers: the refusal to delete nodes mentions none of: Azure does not have opinion; Azure RBAC",
		},
		"it is allowed": {
			facts.Answer{Allowed: true, Reason: "Azure RBAC role assignment"},
			"Unknown/NotAssessed ObservationFailed: no refusal to delete nodes: the requester has this permission; revoke it, or check as a user without it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCheck(text)
			test.answer.State = facts.Known
			expectTold(t, c, answered(c, test.answer), test.want)
		})
	}
}

func TestAccessReviewOfAGroup(t *testing.T) {
	c := newCheck("{type: AccessReview, accessReview: {verb: get, group: karpenter.sh, resource: nodepools, reasonContains: [x]}}")
	g := NewWithT(t)
	g.Expect(c.Subject()).To(Equal("refusal to get nodepools.karpenter.sh"))
	g.Expect(c.Needs()).To(ConsistOf(facts.Need{
		Review: facts.Review{Verb: "get", Group: "karpenter.sh", Resource: "nodepools"}, Interval: 30 * time.Second,
	}))
}
