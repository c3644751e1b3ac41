// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/check"
	"github.com/archmap/archmap/internal/trim"
)

// The catalog's expressions are cheap for all objects of the shapes, so that they never wait for others. What a check costs for
// each of many objects, as there are one or more for each node, counts nowhere.
func TestExpressionsAreCheap(t *testing.T) {
	g, shown := NewWithT(t), objectsOfShapes(t)
	var biggest uint64
	eachObjectCheck(t, func(mapping string, c *check.Check) {
		need := c.Needs()[0]
		for _, o := range shown[need.Kind] {
			evaluation := evaluated(t, c, o, trim.Func(need.Kind))
			biggest = max(biggest, evaluation.Expense)
			most := uint64(0)
			if c.Spec.Object.Name != "" {
				most = check.MaxCheap / 50
			}
			g.Expect(evaluation.Expense).To(BeNumerically("<=", most), "%s/%s of %s", mapping, c.Name(), o.GetName())
		}
	})
	t.Logf("the biggest expense is %d", biggest)
}

// The status of an autoscaler with half as many node pools again as AKS allows is cheap.
func TestBigAutoscalerStatus(t *testing.T) {
	g, found := NewWithT(t), 0
	text := strings.Replace(autoscalerYAML, "14:29:22", "11:59:22", 1) + "nodeGroups:\n"
	for i := range 150 {
		text += fmt.Sprintf(`- health:
    cloudProviderTarget: 50
    lastProbeTime: "2026-10-02T11:59:22.999645779Z"
    lastTransitionTime: "2026-10-01T14:29:22.999645779Z"
    maxSize: 100
    minSize: 1
    nodeCounts:
      longUnregistered: 0
      registered:
        beingDeleted: 0
        notStarted: 0
        ready: 50
        total: 50
        unready:
          resourceUnready: 0
          total: 0
      unregistered: 0
    status: Healthy
  name: aks-pool%03d-34419311-vmss
  scaleDown:
    candidates: 0
    lastProbeTime: "2026-10-02T11:59:22.999645779Z"
    lastTransitionTime: "2026-10-01T14:29:22.999645779Z"
    status: NoCandidates
  scaleUp:
    backoffInfo: {}
    lastProbeTime: "2026-10-02T11:59:22.999645779Z"
    lastTransitionTime: "2026-10-01T14:29:22.999645779Z"
    status: NoActivity
`, i)
	}
	o := autoscalerStatus(text)
	eachObjectCheck(t, func(mapping string, c *check.Check) {
		if c.Concerns(o.GetName()) && c.Needs()[0].Kind == o.GroupVersionKind() && c.Spec.Object.Healthy != "" {
			found++
			cheap := *c
			cheap.Evaluator = c.Cheap()
			evaluation := evaluated(t, &cheap, o, trim.Func(o.GroupVersionKind()))
			t.Logf("%s/%s: %d bytes, expense %d", mapping, c.Name(), len(text), evaluation.Expense)
			g.Expect(evaluation.Healthy).To(Equal(v1alpha1.VerdictTrue), evaluation.Message)
			g.Expect(evaluation.Unfinished).To(BeFalse())
			g.Expect(evaluation.Expense).To(BeNumerically("<", 120_000))
		}
	})
	g.Expect(found).To(BeNumerically(">", 0))
}

// eachObjectCheck shows all checks of objects that the catalog has.
func eachObjectCheck(t *testing.T, show func(mapping string, c *check.Check)) {
	t.Helper()
	mappings := load(t, catalog.AKS, catalog.AKSExtras).Mappings
	for i := range mappings {
		checks, err := check.Compile(&mappings[i].Spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range checks {
			if c.Spec.Object != nil {
				show(mappings[i].Name, c)
			}
		}
	}
}
