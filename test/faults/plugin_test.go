// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/workload"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

// plugin is the shipped catalog, and what the plugin makes of it.
type plugin struct {
	rows     *catalog.Catalog
	compiled *judge.Catalog
}

var shipped = sync.OnceValues(func() (*plugin, error) {
	rows, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	return &plugin{rows, judge.Compile(&rows.Architectures[0], rows.Mappings)}, nil
})

// expectPluginAgrees expects of what the plugin makes of the world, and of a bundle of it that is written and read back,
// that it is what the operator says: each condition of each object, with its reason.
func expectPluginAgrees(g Gomega, w *world.World, operator *world.Verdicts, broke time.Time, when string) {
	p, err := shipped()
	g.Expect(err).NotTo(HaveOccurred())
	live, err := w.Snapshot()
	g.Expect(err).NotTo(HaveOccurred())
	var text bytes.Buffer
	g.Expect(w.Bundle(&text)).To(Succeed())
	read, _, err := dump.Load("-", &text, dump.Options{Needs: p.compiled.AllNeeds(), Mappings: p.rows.Mappings})
	g.Expect(err).NotTo(HaveOccurred())
	want := conditionsOf(operator.Mappings, operator.Architecture)
	for source, reader := range map[string]judge.Reader{"live": live, "a bundle": read} {
		verdicts, _, err := p.compiled.ReadAndJudge(context.Background(), reader)
		g.Expect(err).NotTo(HaveOccurred())
		mappings := map[string]*v1alpha1.ComponentMapping{}
		for i := range verdicts.Mappings {
			mappings[verdicts.Mappings[i].Name] = &verdicts.Mappings[i]
		}
		got := conditionsOf(mappings, verdicts.Architecture)
		g.Expect(wrongTimes(broke, mappings)).To(BeEmpty(), "%s: each fault is told since when it lasts, from %s", when, source)
		for object, conditions := range want {
			g.Expect(got[object]).To(Equal(conditions), "%s: the plugin agrees with the operator on %s, from %s", when, object, source)
		}
	}
}

// conditionsOf returns the conditions of each object as type, status and reason, and what no mapping covers.
func conditionsOf(mappings map[string]*v1alpha1.ComponentMapping, a *v1alpha1.ClusterArchitecture) map[string][]string {
	words := func(conditions []metav1.Condition) []string {
		var out []string
		for _, c := range conditions {
			out = append(out, fmt.Sprintf("%s %s %s", c.Type, c.Status, c.Reason))
		}
		return out
	}
	out := map[string][]string{
		"ClusterArchitecture " + a.Name: words(a.Status.Conditions),
		"what no mapping covers":        shapes.ArchitectureVerdict(a).Unmapped,
	}
	for name, m := range mappings {
		out["ComponentMapping "+name] = words(m.Status.Conditions)
	}
	return out
}

// TestPluginAgrees: at rest, when every grace period is over, the operator, which remembers, and the plugin, which looks
// once, come to the same verdicts on every shape and every fault.
func TestPluginAgrees(t *testing.T) {
	byShape := faultsByShape(NewWithT(t))
	for _, shape := range shapes.Names() {
		t.Run(shape, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(g, shape)
			verdictsOf(g, w)
			healthy := w.Save()
			w.Advance(10 * time.Minute)
			expectPluginAgrees(g, w, verdictsOf(g, w), time.Time{}, "in health")
			for _, c := range byShape[shape] {
				t.Run(c.Name, func(t *testing.T) {
					g := NewWithT(t)
					w.Restore(healthy)
					verdictsOf(g, w)
					broke := c.begins(w.Now())
					g.Expect(apply(w, c.Break, healthy, func(*world.Verdicts) {})).To(Succeed())
					expectPluginAgrees(g, w, live(g, w, &c, func(*world.Verdicts) {}), broke, "broken")
				})
			}
		})
	}
}

// timeOf finds when what a step creates or patches broke.
var timeOf = regexp.MustCompile(`lastTransitionTime:(\S+Z)`)

// begins is when the first of what the case breaks is broken, if its steps are taken at a time: what they create or patch may
// have been broken before.
func (c *Case) begins(at time.Time) time.Time {
	at = c.began(at)
	for _, step := range c.Break {
		content := fmt.Sprint(step.Create)
		if step.Patch != nil {
			content += fmt.Sprint(step.Patch.Merge)
		}
		for _, found := range timeOf.FindAllStringSubmatch(content, -1) {
			if t, err := time.Parse(time.RFC3339, found[1]); err == nil && t.Before(at) {
				at = t
			}
		}
	}
	return at
}

// wrongTimes lists the major faults that began before something broke, or do not say since when they last though pods or a lease
// tell.
func wrongTimes(broke time.Time, mappings map[string]*v1alpha1.ComponentMapping) []string {
	var wrong []string
	for name, m := range mappings {
		if !meta.IsStatusConditionFalse(m.Status.Conditions, v1alpha1.ConditionHealthy) {
			continue
		}
		for _, c := range m.Status.Checks {
			for _, f := range c.Faults {
				tells := f.Kind == v1alpha1.FaultLease || slices.Contains(workload.PodReasons, f.Reason)
				switch {
				case f.Severity != v1alpha1.SeverityMajor:
				case f.Since.IsZero() && tells:
					wrong = append(wrong, fmt.Sprintf("%s: %s of %s, since when is not told", name, f.Reason, f.Subject.Name))
				case !f.Since.IsZero() && f.Since.Time.Before(broke.Truncate(time.Second)):
					wrong = append(wrong, fmt.Sprintf("%s: %s of %s since %s, before %s", name, f.Reason, f.Subject.Name, f.Since.UTC(), broke.UTC()))
				}
			}
		}
	}
	return wrong
}
