// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package assess_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
)

// TestReasonsAreDocumented holds the comments of the API's conditions to what the stories of all tests end
// with: every reason that is documented for a status is reached, and no other one.
func TestReasonsAreDocumented(t *testing.T) {
	g := NewWithT(t)
	reached := map[string]bool{}
	reach := func(conditions []metav1.Condition) {
		for _, c := range conditions {
			reached[c.Type+"="+string(c.Status)+" "+c.Reason] = true
		}
	}
	for _, c := range mappingCases() {
		reach(c.play(t).mapping.Status.Conditions)
	}
	for _, c := range archCases(t) {
		reach(c.play(t).arch.Status.Conditions)
	}
	for _, s := range symptoms() { // the comment of Healthy names some of these and says that there are more
		delete(reached, v1alpha1.ConditionHealthy+"=False "+s.reason)
	}
	documented := documentedReasons(t)
	for _, s := range symptoms() {
		delete(documented, v1alpha1.ConditionHealthy+"=False "+s.reason)
	}
	g.Expect(slices.Sorted(maps.Keys(reached))).To(Equal(slices.Sorted(maps.Keys(documented))))
}

var (
	possible = regexp.MustCompile(`Possible reasons for (True|False|Unknown): ([^.]*)\.`)
	word     = regexp.MustCompile(`[A-Z][A-Za-z]+`)
)

// documentedReasons reads "Type=Status Reason" out of the comments of the conditions.
func documentedReasons(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../api/v1alpha1/conditions.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	conditions, reasons := map[string]string{}, map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		switch name := spec.Names[0].Name; {
		case strings.HasPrefix(name, "Condition"):
			conditions[value] = strings.Join(strings.Fields(spec.Doc.Text()), " ")
		case strings.HasPrefix(name, "Reason"):
			reasons[value] = true
		}
		return true
	})
	out := map[string]bool{}
	for conditionType, comment := range conditions {
		for _, m := range possible.FindAllStringSubmatch(comment, -1) {
			for _, w := range word.FindAllString(m[2], -1) {
				if reasons[w] {
					out[conditionType+"="+m[1]+" "+w] = true
				}
			}
		}
	}
	return out
}

// TestReservedReasons: what programs conclude from a reason of Healthy must not come from the reason of a mapping.
func TestReservedReasons(t *testing.T) {
	g := NewWithT(t)
	source, err := os.ReadFile("../../api/v1alpha1/check_types.go")
	g.Expect(err).NotTo(HaveOccurred())
	rule := regexp.MustCompile(`!\(self in \[(.*)\]\).*must not be a reason`).FindSubmatch(source)
	g.Expect(rule).NotTo(BeNil(), "object.reason has the rule")
	reserved := quoted.FindAllString(string(rule[1]), -1)
	for documented := range documentedReasons(t) {
		reason, ok := strings.CutPrefix(documented, v1alpha1.ConditionHealthy+"=")
		_, reason, _ = strings.Cut(reason, " ")
		ofArchitectures := strings.HasPrefix(reason, "Components") || reason == v1alpha1.ReasonPlatformNotDetected
		if !ok || ofArchitectures || slices.ContainsFunc(symptoms(), func(s symptom) bool { return s.reason == reason }) {
			continue
		}
		g.Expect(reserved).To(ContainElement("'"+reason+"'"), "object.reason may not be a reason that archmap gives to Healthy: %s", reason)
	}
}

var quoted = regexp.MustCompile(`'\w+'`)
