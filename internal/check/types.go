// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
)

// checkType is all that a check type is known by, whoever asks. What only some types have is nil, or zero, for the others.
type checkType struct {
	// member is the field of a Check that belongs to the type, by its name in JSON.
	member string
	// isSet says whether the check has it.
	isSet func(*v1alpha1.Check) bool
	// needs lists what must be seen in any case.
	needs func(*Evaluator) []facts.Need
	// evaluate turns the answers to the needs, all of which are known, into a result.
	evaluate func(*Evaluator, facts.Facts) Evaluation
	// subject names what is looked at, in a few words for a message.
	subject func(*Evaluator) string
	// sought is the object that is at fault when nothing is found, as far as the check names it.
	sought func(*v1alpha1.Check) v1alpha1.ObservedObject
	// within says whether whatever check a finds, check b finds as well. Both are of the type.
	within func(a, b *v1alpha1.Check) bool

	// concerns says whether a change of the object of that name may change the result; nil: of any object of the needs.
	concerns func(*Evaluator, string) bool
	// explaining lists what Evaluation.Further may ask for, as wide as that can get.
	explaining func(*Evaluator) []facts.Need
	// problem says what is wrong with the fields of the type, where the API server may not have said so.
	problem func(*v1alpha1.Check) error
	// selector is the label selector.
	selector func(*v1alpha1.Check) *metav1.LabelSelector
	// mask has the fields that are read of the objects, or of the response, of the one need; nil: all.
	mask func(*Evaluator) facts.Mask
	// expressions lists the CEL expressions.
	expressions func(*v1alpha1.Check) []expression
	// reads says which objects the expressions see.
	reads func(*v1alpha1.Check) Reading
	// countsNodes and countsObjects say that NodeTally, or ObjectTally, counts what answers the one need one by one, so
	// that a change of one costs one. At most one of them is set.
	countsNodes, countsObjects bool
}

// checkTypes has a row for each check type. What its functions do is in the file of the type. A new type has besides, in
// the API, a constant, a member of Check and the rule that the member is set; the tests say what else is missing.
var checkTypes = map[v1alpha1.CheckType]checkType{
	v1alpha1.CheckWorkload: {
		member: "workload", isSet: func(c *v1alpha1.Check) bool { return c.Workload != nil },
		needs: workloadNeeds, evaluate: evaluateWorkload, subject: workloadSubject, within: workloadWithin, sought: soughtWorkload,
		explaining: workloadExplaining, concerns: workloadConcerns, selector: workloadSelector,
	},
	v1alpha1.CheckNodes: {
		member: "nodes", isSet: func(c *v1alpha1.Check) bool { return c.Nodes != nil },
		needs: nodesNeeds, evaluate: evaluateNodes, subject: nodesSubject, within: nodesWithin, sought: soughtNodes,
		selector: nodesSelector, countsNodes: true,
	},
	v1alpha1.CheckLease: {
		member: "lease", isSet: func(c *v1alpha1.Check) bool { return c.Lease != nil },
		needs: leaseNeeds, evaluate: evaluateLease, subject: leaseSubject, within: leaseWithin, sought: soughtLease,
		selector: leaseSelector,
	},
	v1alpha1.CheckEndpoint: {
		member: "endpoint", isSet: func(c *v1alpha1.Check) bool { return c.Endpoint != nil },
		needs: endpointNeeds, evaluate: evaluateEndpoint, subject: endpointSubject, within: endpointWithin, sought: soughtPath,
		expressions: endpointExpressions, mask: endpointMask, problem: endpointProblem,
	},
	v1alpha1.CheckObject: {
		member: "object", isSet: func(c *v1alpha1.Check) bool { return c.Object != nil },
		needs: objectNeeds, evaluate: evaluateObject, subject: objectSubject, within: objectWithin, sought: soughtObject,
		selector: objectSelector, expressions: objectExpressions, reads: objectReads, concerns: objectConcerns,
		explaining: objectExplaining, mask: objectMask, countsObjects: true, problem: objectProblem,
	},
	v1alpha1.CheckAccessReview: {
		member: "accessReview", isSet: func(c *v1alpha1.Check) bool { return c.AccessReview != nil },
		needs: accessReviewNeeds, evaluate: evaluateAccessReview, subject: accessReviewSubject,
		within: accessReviewWithin, sought: soughtReview,
	},
	v1alpha1.CheckWebhook: {
		member: "webhook", isSet: func(c *v1alpha1.Check) bool { return c.Webhook != nil },
		needs: webhookNeeds, evaluate: evaluateWebhooks, subject: webhookSubject, within: webhookWithin, sought: soughtWebhook,
		explaining: webhookExplaining, selector: webhookSelector,
	},
}
