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
)

// webhookFaults are the admission webhooks that cannot be called, by what is behind them: what stands for one stands for all
// that share its Service.
type webhookFaults struct {
	// behind is what is behind a webhook, by its name: the key of byKey.
	behind map[string]string
	byKey  map[string]*webhookFault
}

// webhookFault is one Service, or a webhook of which only the name is known.
type webhookFault struct {
	v1alpha1.WebhookFault

	operatedBy v1alpha1.Operator
	// owner is the component that is unhealthy for another reason, so that its webhooks cannot be called; nil when there is
	// none.
	owner *v1alpha1.ComponentMapping
}

// findWebhookFaults collects what the checks of unhealthy components say of webhooks: Webhook checks first, as they know
// what is behind them.
func findWebhookFaults(unhealthy []*v1alpha1.ComponentMapping) *webhookFaults {
	w := &webhookFaults{behind: map[string]string{}, byKey: map[string]*webhookFault{}}
	for _, reason := range []string{v1alpha1.ReasonWebhookUnavailable, v1alpha1.ReasonWebhookCallFailed} {
		for _, m := range unhealthy {
			for i := range m.Status.Checks {
				if c := &m.Status.Checks[i]; c.Healthy == v1alpha1.VerdictFalse && c.Reason == reason {
					w.add(m, c)
				}
			}
		}
	}
	return w
}

func (w *webhookFaults) add(m *v1alpha1.ComponentMapping, c *v1alpha1.CheckStatus) {
	for _, f := range c.Webhooks {
		key := f.Service.Namespace + "/" + f.Service.Name
		if f.Service.Name == "" {
			key = cmp.Or(w.behind[f.Names[0]], f.Names[0])
		}
		for _, name := range f.Names {
			if w.behind[name] == "" {
				w.behind[name] = key
			}
		}
		if w.byKey[key] == nil {
			w.byKey[key] = &webhookFault{WebhookFault: f}
		}
		if known := w.byKey[key]; c.Reason == v1alpha1.ReasonWebhookUnavailable {
			known.operatedBy = cmp.Or(known.operatedBy, operatorOf(m, c.Name))
			if known.owner == nil && catalog.Condition(m, v1alpha1.ConditionHealthy).Reason != v1alpha1.ReasonWebhookUnavailable {
				known.owner = m
			}
		}
	}
}

func isWebhookReason(reason string) bool {
	return reason == v1alpha1.ReasonWebhookUnavailable || reason == v1alpha1.ReasonWebhookCallFailed
}

// operatorOf returns who operates the variant of a check, named as in a status.
func operatorOf(m *v1alpha1.ComponentMapping, check string) v1alpha1.Operator {
	variant, _, _ := strings.Cut(check, "/")
	for _, v := range m.Spec.Variants {
		if v.Name == variant {
			return cmp.Or(v.OperatedBy, m.Spec.OperatedBy)
		}
	}
	return m.Spec.OperatedBy
}

// of returns the faults by which a component is unhealthy; none when it is for another reason, and takes no webhook down.
func (w *webhookFaults) of(m *v1alpha1.ComponentMapping) []*webhookFault {
	reason := catalog.Condition(m, v1alpha1.ConditionHealthy).Reason
	var out []*webhookFault
	for i := range m.Status.Checks {
		c := &m.Status.Checks[i]
		// A component that is refused by one webhook may have another one, which is down for that.
		if c.Healthy != v1alpha1.VerdictFalse || isWebhookReason(reason) && c.Reason != reason || !isWebhookReason(c.Reason) {
			continue
		}
		for _, f := range c.Webhooks {
			if root := w.root(w.behind[f.Names[0]]); root != nil && !slices.Contains(out, root) {
				out = append(out, root)
			}
		}
	}
	return out
}

// root follows owners that are refused by another webhook to that one.
func (w *webhookFaults) root(key string) *webhookFault {
	for range w.byKey {
		owner := w.refusedOwner(key)
		if owner == "" || owner == key {
			break
		}
		key = owner
	}
	return w.byKey[key]
}

// refusedOwner returns what is behind the webhook that refuses the pods behind another one; empty when none does.
func (w *webhookFaults) refusedOwner(key string) string {
	f := w.byKey[key]
	if f == nil || f.owner == nil {
		return ""
	}
	for i := range f.owner.Status.Checks {
		if c := &f.owner.Status.Checks[i]; c.Healthy == v1alpha1.VerdictFalse && c.Reason == v1alpha1.ReasonWebhookCallFailed && len(c.Webhooks) > 0 {
			return w.behind[c.Webhooks[0].Names[0]]
		}
	}
	return ""
}

// lostToNodes reports whether nodes are why the webhook cannot be called.
func (f *webhookFault) lostToNodes() bool {
	return f.owner != nil && catalog.Condition(f.owner, v1alpha1.ConditionHealthy).Reason == v1alpha1.ReasonNodeFault
}

// cause returns the one cause for whatever the webhook stops. Where its owner is unhealthy for a reason of its own, that is
// what must be fixed.
func (f *webhookFault) cause(c metav1.Condition) v1alpha1.Cause {
	cause := causeOf(v1alpha1.SeverityMajor, c)
	cause.Subject = f.Configuration
	if cause.Subject.Name == "" {
		cause.Subject = v1alpha1.ObservedObject{Kind: "Webhook", Name: f.Names[0]}
	}
	cause.Reason, cause.Message, cause.OperatedBy = v1alpha1.ReasonWebhookUnavailable, f.Message, f.operatedBy
	if f.Configuration.Name == "" {
		cause.Reason = v1alpha1.ReasonWebhookCallFailed
	}
	if f.owner == nil {
		return cause
	}
	cause.OperatedBy = cmp.Or(f.owner.Status.OperatedBy, f.operatedBy)
	if own := catalog.Condition(f.owner, v1alpha1.ConditionHealthy); own.Reason != v1alpha1.ReasonWebhookCallFailed {
		cause.Reason, cause.Message = own.Reason, own.Message
	}
	return cause
}
