// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
)

// places say where each cause is drawn: once, at what is at fault. What it affects is marked lightly.
type places struct {
	// faults are the reasons of the causes by the component that is at fault; pools, by the node pool.
	faults, pools map[string]string
	// affected are the reasons by which each component is affected.
	affected map[string][]string
	// others are boxes for what is at fault and is neither a component nor a node pool.
	others []Box
}

func (r *Report) places(components []component) places {
	p := places{faults: map[string]string{}, pools: map[string]string{}, affected: map[string][]string{}}
	known := make(map[string]component, len(components))
	for _, c := range components {
		known[c.Name] = c
	}
	drawn := map[string]bool{}
	for _, pool := range r.Architecture.Status.NodePools {
		drawn[pool.Name] = true
	}
	causes := r.causes()
	for i := range causes {
		p.place(&causes[i], known, drawn)
	}
	return p
}

// place finds the place of a cause, and marks what it affects.
func (p *places) place(c *v1alpha1.Cause, known map[string]component, pools map[string]bool) {
	at, pool := "", ""
	if pool = poolOf(c, known); pools[pool] {
		p.pools[pool] = c.Reason
	} else if at = atFault(c, known); at != "" {
		p.faults[at] = c.Reason
	} else if c.Severity == v1alpha1.SeverityMajor {
		p.others = append(p.others, Box{Title: msg.Object(c.Subject.Kind, c.Subject.Namespace, c.Subject.Name), State: catalog.Unhealthy, Fault: c.Reason})
	}
	for _, name := range c.Components {
		if name != at && !slices.Contains(p.affected[name], c.Reason) {
			p.affected[name] = append(p.affected[name], c.Reason)
		}
	}
}

// poolOf is the node pool that is at fault, or whose node is; empty where it is none.
func poolOf(c *v1alpha1.Cause, known map[string]component) string {
	if c.Subject.Kind == string(v1alpha1.FaultNodePool) {
		return c.Subject.Name
	}
	if c.Kind != v1alpha1.FaultNode {
		return ""
	}
	for _, name := range c.Components {
		for _, f := range known[name].faultsOf(c.Subject) {
			for _, o := range f.Related {
				if o.Kind == string(v1alpha1.FaultNodePool) {
					return o.Name
				}
			}
		}
	}
	return ""
}

// foreign are the kinds of what is no part of the components that it affects.
var foreign = []v1alpha1.FaultKind{v1alpha1.FaultImage, v1alpha1.FaultRegistry, v1alpha1.FaultWebhook}

// atFault is the component of which the subject of a cause is a part: the one that looks at the subject itself, else the
// first that is bad. It is empty where the subject is a part of none.
func atFault(c *v1alpha1.Cause, known map[string]component) string {
	var bad []string
	for _, name := range c.Components {
		m, ok := known[name]
		if !ok || c.Severity == v1alpha1.SeverityMajor && !m.bad() {
			continue
		}
		if m.observes(c.Subject) {
			return name
		}
		bad = append(bad, name)
	}
	if len(bad) == 1 || len(bad) > 0 && !slices.Contains(foreign, c.Kind) {
		return bad[0]
	}
	return ""
}

// faultsOf are those of a component with a subject.
func (c component) faultsOf(subject v1alpha1.ObservedObject) []v1alpha1.Fault {
	if c.ComponentMapping == nil {
		return nil
	}
	var out []v1alpha1.Fault
	for i := range c.Status.Checks {
		for _, f := range c.Status.Checks[i].Faults {
			if f.Subject == subject {
				out = append(out, f)
			}
		}
	}
	return out
}

// observes reports whether an object is among those that a check of the component has found.
func (c component) observes(object v1alpha1.ObservedObject) bool {
	return slices.ContainsFunc(c.Status.Checks, func(s v1alpha1.CheckStatus) bool { return slices.Contains(s.Objects, object) })
}
