// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes a line for each finding, as compilers do: file:line:column: severity: object: field: message [rule].
func WriteText(w io.Writer, findings []Finding) error {
	for _, f := range findings {
		parts := []string{string(f.Severity)}
		for _, part := range []string{f.Object, f.Field, f.said()} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		if _, err := fmt.Fprintf(w, "%s: %s [%s]\n", f.Place, strings.Join(parts, ": "), f.Rule); err != nil {
			return err
		}
	}
	return nil
}

// said is the message with what to do about it.
func (f Finding) said() string {
	if f.Fix == "" {
		return f.Message
	}
	return f.Message + "; " + f.Fix
}

// jsonReport is what WriteJSON writes.
type jsonReport struct {
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Notes    int           `json:"notes"`
	Findings []jsonFinding `json:"findings"`
}

type jsonFinding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Object   string   `json:"object,omitempty"`
	Field    string   `json:"field,omitempty"`
	Message  string   `json:"message"`
	Fix      string   `json:"fix,omitempty"`
}

// WriteJSON writes the findings, and how many there are of each severity.
func WriteJSON(w io.Writer, findings []Finding) error {
	out := jsonReport{Errors: Count(findings, Error), Warnings: Count(findings, Warning), Notes: Count(findings, Note),
		Findings: []jsonFinding{}}
	for _, f := range findings {
		out.Findings = append(out.Findings, jsonFinding{Rule: f.Rule, Severity: f.Severity, File: f.File, Line: f.Line, Column: f.Column,
			Object: f.Object, Field: f.Field, Message: f.Message, Fix: f.Fix})
	}
	return encode(w, out)
}

func encode(w io.Writer, content any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(content)
}
