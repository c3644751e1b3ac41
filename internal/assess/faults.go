// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/check"
)

// faults are those that count for the component, by the findings that tell them: what is at fault of it, and what it lacks.
func (a *assessment) faults() map[*check.Finding][]v1alpha1.Fault {
	out := map[*check.Finding][]v1alpha1.Fault{}
	counting := a.votes()
	if len(a.observed) == 0 {
		counting = a.failingAnyway()
	}
	for _, f := range counting {
		if len(f.Faults) > 0 {
			out[f] = a.dated(f)
		}
	}
	for _, c := range a.lacking() {
		for _, f := range c.required(v1alpha1.VerdictFalse) {
			out[f] = []v1alpha1.Fault{f.Lost()}
		}
	}
	return out
}

// lacking are the variants of which something is missed: those that are there in part, else those that may be wanted, the
// likeliest first.
func (a *assessment) lacking() []*candidate {
	if len(a.observed) > 0 {
		return a.parts
	}
	lacking := slices.DeleteFunc(slices.Clone(a.candidates), func(c *candidate) bool {
		return c.standing == standsRuledOut || c.optional
	})
	slices.SortStableFunc(lacking, (*candidate).compare)
	return lacking
}

// dated returns the faults of a finding. While one lasts, what shows when it began may go, as a pod that is replaced.
func (a *assessment) dated(f *check.Finding) []v1alpha1.Fault {
	faults := slices.Clone(f.Faults) // others see them, too
	previous := a.previous(f)
	for i := range faults { // the API keeps whole seconds
		if at := faults[i].Since; !at.IsZero() {
			faults[i].Since = metav1.NewTime(at.Add(time.Second - time.Nanosecond).Truncate(time.Second).UTC())
		}
	}
	if previous == nil || previous.Healthy != f.Healthy {
		return faults
	}
	for i := range faults {
		if registry := registryOf(&faults[i], previous.Faults); registry != nil {
			faults[i] = *registry
			continue
		}
		known := slices.IndexFunc(previous.Faults, func(p v1alpha1.Fault) bool {
			return p.Kind == faults[i].Kind && p.Subject == faults[i].Subject && p.Reason == faults[i].Reason
		})
		if known >= 0 {
			faults[i].Since = earlier(faults[i].Since, previous.Faults[known].Since)
		}
	}
	return faults
}

// registryOf returns the fault of a registry that was told for an image of which nothing is said any more: between two tries
// some kubelets do not say why the last one failed. It is nil for another fault.
func registryOf(f *v1alpha1.Fault, previous []v1alpha1.Fault) *v1alpha1.Fault {
	if f.Kind != v1alpha1.FaultImage || len(f.Related) == 0 {
		return nil
	}
	i := slices.IndexFunc(previous, func(p v1alpha1.Fault) bool {
		return p.Kind == v1alpha1.FaultRegistry && slices.Contains(p.Related, f.Subject)
	})
	if i < 0 {
		return nil
	}
	return &previous[i]
}

// earlier returns the earlier of the times that are set.
func earlier(a, b metav1.Time) metav1.Time {
	if a.IsZero() || !b.IsZero() && b.Before(&a) {
		return b
	}
	return a
}
