// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mistakes holds objects that the API server must not accept, and what it must say of them. The API server is
// held to it, and so is what promises to say the same.
package mistakes

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"sigs.k8s.io/yaml"
)

//go:embed invalid/*.yaml
var data embed.FS

// File is an object that the API server accepts, and ways to spoil it.
type File struct {
	Path  string          `json:"-"`
	Base  json.RawMessage `json:"base"`
	Cases []Mistake       `json:"cases"`
}

// Mistake spoils an object by either of two JSON merge patches.
type Mistake struct {
	Name string `json:"name"`
	// Patch is for the object.
	Patch json.RawMessage `json:"patch,omitempty"`
	// Check is for the object's first check.
	Check json.RawMessage `json:"check,omitempty"`
	// Want maps each field that the API server must complain about, and it must about no other, to words
	// of its complaint.
	Want map[string]string `json:"want"`
}

// Files are all that there are. It is for the time when the tree of tests is built, where a failure can only be a panic.
func Files() []File {
	paths, err := fs.Glob(data, "invalid/*.yaml")
	if err != nil || len(paths) == 0 {
		panic("no files of mistakes")
	}
	files := make([]File, len(paths))
	for i, path := range paths {
		content, err := data.ReadFile(path)
		if err == nil {
			err = yaml.UnmarshalStrict(content, &files[i])
		}
		if err != nil {
			panic(path + ": " + err.Error())
		}
		files[i].Path = path
	}
	return files
}

// Spoil makes the mistake in an object.
func (m Mistake) Spoil(base json.RawMessage) (json.RawMessage, error) {
	if m.Check == nil {
		return jsonpatch.MergePatch(base, m.Patch)
	}
	var mapping struct {
		Spec struct {
			Checks []json.RawMessage `json:"checks"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(base, &mapping); err != nil {
		return nil, err
	}
	check, err := jsonpatch.MergePatch(mapping.Spec.Checks[0], m.Check)
	if err != nil {
		return nil, err
	}
	return jsonpatch.MergePatch(base, fmt.Appendf(nil, `{"spec": {"checks": [%s]}}`, check))
}
