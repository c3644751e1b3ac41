// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/report"
)

// kept is what the operator keeps in a cluster.
type kept struct {
	mappings      []v1alpha1.ComponentMapping
	architectures []v1alpha1.ClusterArchitecture
	lease         lease
}

// lease is the operator's leader lease, or why there is none.
type lease struct {
	*coordinationv1.Lease
	problem string
}

// result returns the verdicts that are kept, as they are by then.
func (k *kept) result(o *Operator, now time.Time) (*Result, error) {
	architecture, note, err := k.choose(o.Architecture)
	if err != nil {
		return nil, err
	}
	r := &report.Report{Source: o.Name, ObservedAt: now}
	if architecture != nil {
		r.Architecture = *architecture
	}
	if r.Mappings = k.mappingsOf(architecture); len(r.Mappings) == 0 {
		return nil, noOperatorf("there are no ComponentMappings in this cluster: apply a catalog, for example " +
			"kubectl apply -k config/catalog/aks; kubectl archmap check uses the built-in one without installing anything")
	}
	life := lifeOf(k.lease, r.Architecture.Name, r.Architecture.Status.ObservedAt.Time, now)
	if !slices.ContainsFunc(r.Mappings, judged) {
		return nil, noOperatorf("none of the %d ComponentMappings has a verdict yet: %s", len(r.Mappings),
			cmp.Or(life.problem, "the operator has just started; try again"))
	}
	if !life.alive && !life.last.IsZero() {
		r.ObservedAt = life.last
	}
	result := &Result{Report: r, Stale: life.stale()}
	if note != "" {
		result.Notes = []string{note}
	}
	return result, nil
}

func judged(m v1alpha1.ComponentMapping) bool {
	return meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionPresent) != nil
}

// choose picks the architecture: the named one, the only one, that of the shipped catalog, or the first by name. It is
// nil when there is none.
func (k *kept) choose(name string) (chosen *v1alpha1.ClusterArchitecture, note string, err error) {
	byName := map[string]*v1alpha1.ClusterArchitecture{}
	var names []string
	for i := range k.architectures {
		byName[k.architectures[i].Name] = &k.architectures[i]
		names = append(names, k.architectures[i].Name)
	}
	slices.Sort(names)
	switch {
	case name != "" && byName[name] == nil && len(names) == 0:
		return nil, "", inputErrorf("there is no ClusterArchitecture %q, and no other", name)
	case name != "" && byName[name] == nil:
		return nil, "", inputErrorf("there is no ClusterArchitecture %q; there are: %s", name, strings.Join(names, ", "))
	case name != "":
		return byName[name], "", nil
	case len(names) == 0:
		return nil, "", nil
	case len(names) == 1:
		return byName[names[0]], "", nil
	}
	name = names[0]
	if byName[DefaultArchitecture] != nil {
		name = DefaultArchitecture
	}
	return byName[name], fmt.Sprintf("showing ClusterArchitecture %s; choose with --architecture: %s", name, strings.Join(names, ", ")), nil
}

// mappingsOf returns the mappings, except those that only other architectures select.
func (k *kept) mappingsOf(architecture *v1alpha1.ClusterArchitecture) []v1alpha1.ComponentMapping {
	takes := func(a *v1alpha1.ClusterArchitecture, m v1alpha1.ComponentMapping) bool {
		selector, err := metav1.LabelSelectorAsSelector(&a.Spec.ComponentSelector)
		return err == nil && selector.Matches(labels.Set(m.Labels))
	}
	return slices.DeleteFunc(slices.Clone(k.mappings), func(m v1alpha1.ComponentMapping) bool {
		return architecture != nil && !takes(architecture, m) &&
			slices.ContainsFunc(k.architectures, func(a v1alpha1.ClusterArchitecture) bool { return takes(&a, m) })
	})
}
