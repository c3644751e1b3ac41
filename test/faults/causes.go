// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
)

// Truth is causes.yaml: which causes there are when something breaks.
type Truth struct {
	// Single faults: those of faults.yaml by their names, or cases of their own.
	Single []struct {
		Fault  string `json:"fault"`
		Case   `json:",inline"`
		Causes []ExpectedCause `json:"causes"`
	} `json:"single"`
	// Double are two faults of single at once.
	Double []struct {
		Faults []string `json:"faults"`
		// Causes are those of both when nothing is said.
		Causes []ExpectedCause `json:"causes"`
	} `json:"double"`
}

// ExpectedCause is a cause; what is left out is not compared, but for the severity, which is Major then.
type ExpectedCause struct {
	Severity v1alpha1.Severity  `json:"severity"`
	Kind     v1alpha1.FaultKind `json:"kind"`
	// Subject as Kind namespace/name.
	Subject    string            `json:"subject"`
	OperatedBy v1alpha1.Operator `json:"operatedBy"`
	Components []string          `json:"components"`
	// Says is a part of the message.
	Says string `json:"says"`
}

// Causes returns the truth of causes.yaml.
func Causes() (truth Truth, err error) {
	text, err := data.ReadFile("causes.yaml")
	if err == nil {
		err = yaml.UnmarshalStrict(text, &truth)
	}
	return truth, err
}

// causesCase is what breaks at once, and the causes.
type causesCase struct {
	name   string
	faults []Case
	causes []ExpectedCause
}

// cases returns the single and the double faults.
func (t *Truth) cases() ([]causesCase, error) {
	known, err := Faults()
	if err != nil {
		return nil, err
	}
	var out []causesCase
	byName := map[string]causesCase{}
	for _, s := range t.Single {
		c := causesCase{name: s.Name, faults: []Case{s.Case}, causes: s.Causes}
		if s.Fault != "" {
			i := slices.IndexFunc(known, func(k Case) bool { return k.Name == s.Fault })
			if i < 0 {
				return nil, fmt.Errorf("faults.yaml has no %q", s.Fault)
			}
			c.name, c.faults[0] = s.Fault, known[i]
		}
		byName[c.name] = c
		out = append(out, c)
	}
	for _, d := range t.Double {
		c := causesCase{name: strings.Join(d.Faults, " and "), causes: d.Causes}
		for _, name := range d.Faults {
			single, ok := byName[name]
			if !ok {
				return nil, fmt.Errorf("double: %q is no single fault", name)
			}
			if len(c.faults) > 0 && c.faults[0].Shape != single.faults[0].Shape {
				return nil, fmt.Errorf("double: %q are not of the same shape", c.name)
			}
			c.faults = append(c.faults, single.faults...)
			if d.Causes == nil {
				c.causes = append(c.causes, single.causes...)
			}
		}
		out = append(out, c)
	}
	return out, nil
}
