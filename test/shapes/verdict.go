// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	strictyaml "sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
)

// ExpectedArchitecture is the verdict on the ClusterArchitecture: its conditions as status/reason, the names of the rules that
// the cluster breaks, and the workloads that no mapping covers, as Kind namespace/name state, with the reason of a fault. In
// expected.yaml it stands beside the mappings, as "architecture".
type ExpectedArchitecture struct {
	PlatformDetected string   `json:"platformDetected"`
	Complete         string   `json:"complete"`
	Healthy          string   `json:"healthy"`
	AsDocumented     string   `json:"asDocumented"`
	Violations       []string `json:"violations,omitempty"`
	Unmapped         []string `json:"unmapped,omitempty"`
}

// readExpected reads the verdicts of expected.yaml.
func (s *Shape) readExpected(files fs.FS) error {
	file := path.Join(s.Name, "expected.yaml")
	var verdicts map[string]json.RawMessage
	if err := readStrict(files, file, &verdicts); err != nil {
		return err
	}
	s.Expected = map[string]Expected{}
	for name, verdict := range verdicts {
		if name == "architecture" {
			if err := strictyaml.UnmarshalStrict(verdict, &s.ExpectedArchitecture); err != nil {
				return fmt.Errorf("%s: %s: %w", file, name, err)
			}
			continue
		}
		var expected Expected
		if err := strictyaml.UnmarshalStrict(verdict, &expected); err != nil {
			return fmt.Errorf("%s: %s: %w", file, name, err)
		}
		s.Expected[name] = expected
	}
	return nil
}

// Verdict returns what a mapping says, in the words of expected.yaml.
func Verdict(m *v1alpha1.ComponentMapping) Expected {
	return Expected{
		Present:      ConditionOf(m.Status.Conditions, v1alpha1.ConditionPresent),
		Healthy:      ConditionOf(m.Status.Conditions, v1alpha1.ConditionHealthy),
		AsDocumented: ConditionOf(m.Status.Conditions, v1alpha1.ConditionAsDocumented),
		Variants:     m.Status.Variants,
		Methods:      m.Status.MethodSummary,
		Version:      m.Status.Version,
		OperatedBy:   string(m.Status.OperatedBy),
	}
}

// ListVerdicts returns what the mappings of a List in JSON or YAML say, by name.
func ListVerdicts(list []byte) (map[string]Expected, error) {
	var raw struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := strictyaml.Unmarshal(list, &raw); err != nil {
		return nil, err
	}
	out := map[string]Expected{}
	for _, item := range raw.Items {
		var kind metav1.TypeMeta
		if err := json.Unmarshal(item, &kind); err != nil {
			return nil, err
		}
		if kind.Kind != "ComponentMapping" {
			continue
		}
		var m v1alpha1.ComponentMapping
		if err := json.Unmarshal(item, &m); err != nil {
			return nil, err
		}
		out[m.Name] = Verdict(&m)
	}
	return out, nil
}

// ArchitectureVerdict returns what an architecture says, in the words of expected.yaml.
func ArchitectureVerdict(a *v1alpha1.ClusterArchitecture) ExpectedArchitecture {
	verdict := ExpectedArchitecture{
		PlatformDetected: ConditionOf(a.Status.Conditions, v1alpha1.ConditionPlatformDetected),
		Complete:         ConditionOf(a.Status.Conditions, v1alpha1.ConditionComplete),
		Healthy:          ConditionOf(a.Status.Conditions, v1alpha1.ConditionHealthy),
		AsDocumented:     ConditionOf(a.Status.Conditions, v1alpha1.ConditionAsDocumented),
	}
	for _, violation := range a.Status.Violations {
		verdict.Violations = append(verdict.Violations, violation.Rule)
	}
	for _, w := range a.Status.Unmapped {
		verdict.Unmapped = append(verdict.Unmapped, strings.TrimSuffix(fmt.Sprintf("%s %s/%s %s/%s", w.Kind, w.Namespace, w.Name, w.State, w.Reason), "/"))
	}
	return verdict
}

// ConditionOf returns a condition as status/reason.
func ConditionOf(conditions []metav1.Condition, conditionType string) string {
	if c := meta.FindStatusCondition(conditions, conditionType); c != nil {
		return string(c.Status) + "/" + c.Reason
	}
	return "missing"
}

// Differences lists the mappings that are not as expected. Where no version or no operator is expected, any will do.
func Differences(got, want map[string]Expected) []string {
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		g, w := got[name], want[name]
		if w.Version == "" {
			g.Version = ""
		}
		if w.OperatedBy == "" {
			g.OperatedBy = ""
		}
		if !reflect.DeepEqual(g, w) {
			differences = append(differences, fmt.Sprintf("%s is %+v, want %+v", name, g, w))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			differences = append(differences, name+" is not expected at all")
		}
	}
	return differences
}
