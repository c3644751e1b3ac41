// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/world"
)

var update = flag.Bool("update", false, "write the verdicts that archmap comes to into the shapes' expected.yaml")

// Every shape, judged offline, comes to its verdicts; in health nothing is asked about pods. The
// listing fits a screen.
func TestShapesComeToTheirVerdicts(t *testing.T) {
	count := 0
	for _, name := range shapes.Names() {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			shape, w, verdicts := recovered(g, name)
			if *update {
				g.Expect(rewrite(filepath.Join("..", "shapes", name, "expected.yaml"), shape, verdicts)).To(Succeed())
				return
			}
			g.Expect(shapes.Differences(verdicts.Summary(), shape.Expected)).To(BeEmpty(), "messages: %s", messages(verdicts, shape))
			if shape.ExpectedArchitecture != nil {
				g.Expect(shapes.ArchitectureVerdict(verdicts.Architecture)).To(Equal(*shape.ExpectedArchitecture))
			}
			looked := verdicts.Architecture.Status.UnmappedSummary
			g.Expect(looked.Total != nil).To(Equal(meta.IsStatusConditionTrue(verdicts.Architecture.Status.Conditions, v1alpha1.ConditionPlatformDetected)),
				"what no mapping covers is looked for where the platform is detected")
			g.Expect(looked.Message).To(BeEmpty(), "all of it can be looked at")
			if meta.IsStatusConditionTrue(verdicts.Architecture.Status.Conditions, v1alpha1.ConditionHealthy) {
				g.Expect(verdicts.PodLists).To(BeZero(), "nobody asks for the pods of what is healthy")
			}
			fitScreen(t, w, verdicts)
			g.Expect(verdicts.RevisionLists).To(BeZero(), "the templates tell the versions while no roll-out is under way")
			count++
		})
	}
	t.Logf("COUNT %d shapes", count)
}

// recovered returns a shape, a world of it, and the verdicts in the long run.
func recovered(g Gomega, name string) (*shapes.Shape, *world.World, *world.Verdicts) {
	shape, err := shapes.Load(name)
	g.Expect(err).NotTo(HaveOccurred())
	w, err := world.New(shape)
	g.Expect(err).NotTo(HaveOccurred())
	verdicts, err := judgeRecovered(w)
	g.Expect(err).NotTo(HaveOccurred())
	return shape, w, verdicts
}

// judgeRecovered returns the verdicts in the long run: what is within its grace period has had time to recover.
func judgeRecovered(w *world.World) (*world.Verdicts, error) {
	verdicts, err := w.Judge()
	if err != nil {
		return nil, err
	}
	for _, m := range verdicts.Mappings {
		if c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionHealthy); c.Reason == v1alpha1.ReasonWithinGracePeriod {
			w.Advance(10 * time.Minute)
			return w.Judge()
		}
	}
	return verdicts, nil
}

// messages returns what the mappings say that are not as expected.
func messages(verdicts *world.Verdicts, shape *shapes.Shape) string {
	var out strings.Builder
	for name, got := range verdicts.Summary() {
		if len(shapes.Differences(map[string]shapes.Expected{name: got}, map[string]shapes.Expected{name: shape.Expected[name]})) > 0 {
			fmt.Fprintf(&out, "\n  %s: %s", name, verdicts.Mappings[name].Status.Message)
		}
	}
	return out.String()
}

// rewrite writes the verdicts in the order of the table, below the comment that the file begins with. A
// version or an operator that was left out stays so.
func rewrite(file string, shape *shapes.Shape, verdicts *world.Verdicts) error {
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(old)) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		out.WriteString(line)
	}
	a := shapes.ArchitectureVerdict(verdicts.Architecture)
	fmt.Fprintf(&out, "architecture:\n  {platformDetected: %s, complete: %s, healthy: %s, asDocumented: %s",
		a.PlatformDetected, a.Complete, a.Healthy, a.AsDocumented)
	if len(a.Violations) > 0 {
		fmt.Fprintf(&out, ",\n   violations: [%s]", strings.Join(a.Violations, ", "))
	}
	if len(a.Unmapped) > 0 {
		fmt.Fprintf(&out, ",\n   unmapped: [%s]", strings.Join(a.Unmapped, ", "))
	}
	out.WriteString("}\n")
	summary := verdicts.Summary()
	for _, name := range inOrder(verdicts.Mappings) {
		v := summary[name]
		fmt.Fprintf(&out, "%s:\n  {present: %s, healthy: %s, asDocumented: %s", name, v.Present, v.Healthy, v.AsDocumented)
		if len(v.Variants) > 0 {
			fmt.Fprintf(&out, ",\n   variants: [%s], methods: %q", strings.Join(v.Variants, ", "), v.Methods)
		}
		if was, known := shape.Expected[name]; v.Version != "" && (!known || was.Version != "") {
			fmt.Fprintf(&out, ", version: %q", v.Version)
		}
		if shape.Expected[name].OperatedBy != "" {
			fmt.Fprintf(&out, ", operatedBy: %s", v.OperatedBy)
		}
		out.WriteString("}\n")
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

// inOrder returns the order of the table, by category.
func inOrder(mappings map[string]*v1alpha1.ComponentMapping) []string {
	return slices.SortedFunc(maps.Keys(mappings), func(a, b string) int {
		return catalog.CompareMappings(mappings[a], mappings[b])
	})
}
