// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/test/mistakes"
)

// What the API server refuses is refused here, for the same fields and in the same words.
func TestMessagesAreThoseOfTheAPIServer(t *testing.T) {
	cases := 0
	for _, file := range mistakes.Files() {
		t.Run(file.Path, func(t *testing.T) {
			NewWithT(t).Expect(problemsOf(t, file.Base)).To(BeEmpty())
		})
		for _, mistake := range file.Cases {
			cases++
			t.Run(file.Path+" "+mistake.Name, func(t *testing.T) {
				g := NewWithT(t)
				spoiled, err := mistake.Spoil(file.Base)
				g.Expect(err).NotTo(HaveOccurred())
				found := problemsOf(t, spoiled)
				for field, words := range mistake.Want {
					g.Expect(found).To(HaveKeyWithValue(field, ContainSubstring(words)))
				}
				g.Expect(found).To(HaveLen(len(mistake.Want)))
			})
		}
	}
	NewWithT(t).Expect(cases).To(BeNumerically(">", 100))
}

// problemsOf an object, by field.
func problemsOf(t *testing.T, object json.RawMessage) map[string]string {
	t.Helper()
	set, err := Read([]string{Stdin}, strings.NewReader(string(object)))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	for _, p := range set.Problems {
		found[p.Field] += p.Message + "\n"
	}
	return found
}
