// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package facts is what the documented architecture of AKS says, apart from the catalog: the catalog and the
// document that is made from it are held to it.
package facts

import (
	_ "embed"

	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/api/v1alpha1"
)

//go:embed architecture-table.yaml
var text []byte

// Table is the document.
type Table struct {
	Rows       []Row                `json:"rows"`
	Methods    []Method             `json:"methods"`
	KeyDetails []KeyDetails         `json:"keyDetails"`
	Insights   []Insight            `json:"insights"`
	References []v1alpha1.Reference `json:"references"`
}

// Row is a component in the table.
type Row struct {
	// Mapping is the name of the component's mapping.
	Mapping        string          `json:"mapping"`
	Section        string          `json:"section"`
	Component      string          `json:"component"`
	Implementation string          `json:"implementation"`
	Source         v1alpha1.Source `json:"source"`
	// Method as it is written: "DaemonSet + Deployment".
	Method     string   `json:"method"`
	Image      string   `json:"image"`
	MinVersion string   `json:"minVersion"`
	Details    []string `json:"details"`
}

// Method is an implementation method and what it means.
type Method struct {
	Name        string `json:"name"`
	Explanation string `json:"explanation"`
}

// KeyDetails are what is said of a component outside the table.
type KeyDetails struct {
	Mapping    string              `json:"mapping"`
	Repository string              `json:"repository"`
	Details    []string            `json:"details"`
	Artifacts  []v1alpha1.Artifact `json:"artifacts"`
}

// Insight is a sentence about the whole.
type Insight struct {
	Name string `json:"name"`
	Text string `json:"text"`
	// Mappings that the insight is about, each with what it says of them.
	Mappings map[string]string `json:"mappings"`
}

// Read reads the document.
func Read() (*Table, error) {
	var t Table
	return &t, yaml.UnmarshalStrict(text, &t)
}
