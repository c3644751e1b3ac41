// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"
)

func TestLoadErrors(t *testing.T) {
	const mapping = "apiVersion: architecture.archmap.dev/v1alpha1\nkind: ComponentMapping\nmetadata: {name: x}\n"
	for name, tc := range map[string]struct{ content, message string }{
		"missing file":  {"", "p/x.yaml is listed in its kustomization"},
		"unknown field": {mapping + "spec: {color: red}\n", `p/x.yaml: strict decoding error: unknown field "spec.color"`},
		"twice a field": {mapping + "spec: {category: Node, category: Addon}\n", "p/x.yaml: "},
		"unknown kind":  {"apiVersion: v1\nkind: Secret\n", "p/x.yaml: "},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{"p/kustomization.yaml": {Data: []byte("resources: [x.yaml]")}}
			if tc.content != "" {
				fsys["p/x.yaml"] = &fstest.MapFile{Data: []byte(tc.content)}
			}
			_, err := load(fsys, "p")
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(tc.message)), "the error says what is wrong with the folder")
		})
	}
}
