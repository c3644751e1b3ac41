// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// causeOf is the cause of faults that have one root.
func (r *rollup) causeOf(of *family) v1alpha1.Cause {
	first := of.root()
	f, all := &first.fault, of.all()
	cause := v1alpha1.Cause{
		Kind: f.Kind, Subject: f.Subject, Reason: f.Reason, Message: f.Message,
		Next:       cmp.Or(f.Next, msg.Kubectl("", "archmap", "explain", first.mapping.Name)),
		OperatedBy: r.whoActs(first, of.first),
	}
	slices.SortStableFunc(all, func(a, b tale) int { // Major before Minor
		return cmp.Or(cmp.Compare(a.fault.Severity, b.fault.Severity), cmp.Compare(a.loss, b.loss))
	})
	cause.Severity = all[0].fault.Severity
	for _, t := range all {
		if !slices.Contains(cause.Components, t.mapping.Name) {
			cause.Components = append(cause.Components, t.mapping.Name)
		}
	}
	cause.Since = sinceOf(of, cause.Severity)
	if f.Reason == v1alpha1.ReasonNotFound && slices.ContainsFunc(of.first, tale.ofUnhealthy) {
		cause.Reason = v1alpha1.ReasonPartMissing // of what runs
	}
	switch f.Kind {
	case v1alpha1.FaultNode, v1alpha1.FaultNodePool:
		r.describeNodes(&cause, of.first)
	case v1alpha1.FaultScheduling:
		if slices.ContainsFunc(of.first, func(t tale) bool { return t.fault.Subject != f.Subject }) {
			cause.Subject = f.Related[0] // of which there is too little for several
		}
	case v1alpha1.FaultWebhook:
		if f.Reason == v1alpha1.ReasonWebhookUnavailable && cause.OperatedBy == v1alpha1.OperatedByCustomer { // nobody restores it
			cause.Message += "; if nothing needs it, delete the configuration"
		}
	}
	if down := of.down(); len(down) > 0 && !ofWorkload(f.Kind) {
		cause.Message += "; no pods left: " + msg.Shorten(down, ", ")
	}
	if lost := of.lost(); len(lost) > 0 {
		cause.Message += "; " + strings.Join(lost, "; ")
	}
	cause.Message, cause.URL = msg.Truncate(cause.Message, msg.MaxMessage), r.article(&cause)
	return cause
}

// losses say what a cluster is without while nothing is left of what all need.
var losses = []struct {
	of   v1alpha1.Provision
	text string
}{
	{v1alpha1.ProvidesDNS, "pods can't resolve names"},
	{v1alpha1.ProvidesNetwork, "new pods may get no network"},
	{v1alpha1.ProvidesTunnel, "kubectl logs and exec, webhooks and aggregated APIs fail"},
}

// lost says what the cluster is without.
func (f *family) lost() []string {
	var out []string
	for _, l := range losses {
		if slices.ContainsFunc(f.all(), func(t tale) bool { return t.loss == 0 && slices.Contains(t.mapping.Spec.Provides, l.of) }) {
			out = append(out, l.text)
		}
	}
	return out
}

// ofWorkload reports whether the message of such a fault counts the pods of a workload.
func ofWorkload(kind v1alpha1.FaultKind) bool {
	switch kind {
	case v1alpha1.FaultNode, v1alpha1.FaultNodePool, v1alpha1.FaultWebhook, v1alpha1.FaultRegistry, v1alpha1.FaultObject:
		return false
	}
	return true
}

// rootRank orders faults that have one root: what the others follow from first, then those that know more of it.
func rootRank(f *v1alpha1.Fault) int {
	rank := 0
	if f.Severity != v1alpha1.SeverityMajor {
		rank = 8
	}
	switch f.Kind {
	case v1alpha1.FaultObject:
		if f.Reason != v1alpha1.ReasonNotFound {
			return rank + 3
		}
	case v1alpha1.FaultAPI: // behind a path there may be others
		return rank + 4 - min(2, strings.Count(f.Subject.Name, "/"))
	case v1alpha1.FaultWebhook:
		if f.Reason == v1alpha1.ReasonWebhookCallFailed {
			return rank + 5
		}
		return rank + 4
	case v1alpha1.FaultNode, v1alpha1.FaultNodePool:
		if f.Reason != v1alpha1.ReasonNodeFault {
			return rank + 1
		}
	}
	return rank
}

// sinceOf is when the root began, as far as the objects tell, and no later than the first component turned. What only
// tolerates a fault knows nothing of one that others must act on.
func sinceOf(of *family, severity v1alpha1.Severity) metav1.Time {
	var since metav1.Time
	for _, t := range of.first {
		if t.fault.Severity == severity {
			since = earlier(since, t.fault.Since)
		}
	}
	for _, t := range of.all() {
		if t.fault.Severity == severity {
			since = earlier(since, t.since())
		}
	}
	return since
}

// whoActs says who can act on a fault that several components may tell.
func (r *rollup) whoActs(t tale, all []tale) v1alpha1.Operator {
	switch t.fault.Kind {
	case v1alpha1.FaultRegistry:
		if slices.Contains(r.platform().registries, t.fault.Subject.Name) {
			return v1alpha1.OperatedByShared // the provider's registry, or the way out of the cluster
		}
		return v1alpha1.OperatedByCustomer
	case v1alpha1.FaultWebhook:
		if t.fault.Reason == v1alpha1.ReasonWebhookCallFailed { // no catalog knows it
			return v1alpha1.OperatedByCustomer
		}
	}
	switch {
	case t.fault.Kind == v1alpha1.FaultScheduling && r.failsToProvision():
		return v1alpha1.OperatedByProvider
	case t.fault.OperatedBy != "" && !r.platform().setsPolicy(t.fault.Subject): // who runs what that denies
		return t.fault.OperatedBy
	}
	own := t.operatedBy()
	for _, other := range all { // one who shares it with nobody runs it
		if by := other.operatedBy(); own == v1alpha1.OperatedByShared && by != "" && other.fault.Kind == t.fault.Kind && other.fault.Subject == t.fault.Subject {
			own = by
		}
	}
	if t.fault.Reason == v1alpha1.ReasonScaledToZero && own == v1alpha1.OperatedByProvider {
		return v1alpha1.OperatedByShared // the provider ships it, and nothing says who scaled it
	}
	return cmp.Or(own, v1alpha1.OperatedByCustomer)
}

// failsToProvision reports whether the platform makes the nodes for pods that have none, and does not.
func (r *rollup) failsToProvision() bool {
	return slices.ContainsFunc(r.mappings, func(m *v1alpha1.ComponentMapping) bool {
		return slices.Contains(m.Spec.Provides, v1alpha1.ProvidesNodes) && catalog.StateOf(m) == catalog.Unhealthy &&
			!slices.ContainsFunc(talesOf(m, anyCheck), func(t tale) bool { return t.ofUnhealthy() && t.operatedBy() == v1alpha1.OperatedByCustomer })
	})
}

// specOf returns a check that is named as in a status; nil when there is none.
func specOf(m *v1alpha1.ComponentMapping, check string) *v1alpha1.Check {
	checks := m.Spec.Checks
	if variant, name, ofVariant := strings.Cut(check, "/"); ofVariant {
		i := slices.IndexFunc(m.Spec.Variants, func(v v1alpha1.Variant) bool { return v.Name == variant })
		if i < 0 {
			return nil
		}
		checks, check = m.Spec.Variants[i].Checks, name
	}
	i := slices.IndexFunc(checks, func(c v1alpha1.Check) bool { return c.Name == check })
	if i < 0 {
		return nil
	}
	return &checks[i]
}

// operatorOf returns who answers for a check, named as in a status: for its objects, or for its variant.
func operatorOf(m *v1alpha1.ComponentMapping, check string) v1alpha1.Operator {
	if spec := specOf(m, check); spec != nil && spec.OperatedBy != "" {
		return spec.OperatedBy
	}
	variant, _, _ := strings.Cut(check, "/")
	for _, v := range m.Spec.Variants {
		if v.Name == variant {
			return cmp.Or(v.OperatedBy, m.Spec.OperatedBy)
		}
	}
	return cmp.Or(m.Status.OperatedBy, m.Spec.OperatedBy)
}

// describeNodes names the nodes or pools of all faults, and says what is observed on them now, and what else they report.
func (r *rollup) describeNodes(cause *v1alpha1.Cause, tales []tale) {
	var pools, problems []string
	down := false
	for _, t := range tales {
		if pool := poolOf(&t.fault); !slices.Contains(pools, pool) {
			pools = append(pools, pool)
		}
		if t.fault.Kind == v1alpha1.FaultNodePool && t.fault.Subject != cause.Subject {
			cause.Kind, cause.Subject, cause.Next = t.fault.Kind, t.fault.Subject, t.fault.Next
		}
		if t.fault.Reason == v1alpha1.ReasonNodeFault {
			down = true
		} else if !slices.Contains(problems, t.fault.Message) {
			problems = append(problems, t.fault.Message)
		}
	}
	if len(pools) > 1 {
		cause.Next = msg.Kubectl("", "get", "nodes", "-o", "wide") // those of one pool are not all
	}
	cause.Reason = v1alpha1.ReasonNodesUnhealthy
	if down {
		cause.Reason = v1alpha1.ReasonNodeFault
		if cause.Severity == v1alpha1.SeverityMinor {
			cause.Reason = v1alpha1.ReasonNodesDown
		}
		problems = append([]string{cmp.Or(r.view.describe(pools), cause.Message)}, problems...)
	}
	cause.Message = msg.Shorten(problems, "; ")
}
