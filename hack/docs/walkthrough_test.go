// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/archmap/archmap/internal/lint"
	"github.com/archmap/archmap/internal/manifest"
)

// The walkthrough shows what its commands print, and all of them work.
func TestTheWalkthroughIsTrue(t *testing.T) {
	g := NewWithT(t)
	text := read(t, walkthrough)
	followed, err := follow(text, filepath.Join(root, strings.TrimSuffix(walkthrough, ".md")))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(text).To(Equal(followed), "%s shows what its commands print; make docs brings it up to date", walkthrough)
	g.Expect(strings.Count(text, "\nkubectl archmap ")).To(BeNumerically(">=", 8), "the page has commands")
	for _, words := range []string{"chart of ExternalDNS   deploy", "application routing", "0 errors, 0 warnings, 0 notes"} {
		g.Expect(followed).To(ContainSubstring(words), "both variants are found, and lint has nothing to say of the draft")
	}
}

// A page that does not do what it says is found out.
func TestAWalkthroughThatIsNotTrue(t *testing.T) {
	const command = "```sh\nkubectl archmap lint a.yaml\n```\n"
	for name, page := range map[string]string{
		"a command that fails":         command,
		"output of nothing":            "```text\nx\n```\n",
		"output of another file block": "```yaml\n# file a.yaml\na: b\n```\n```text\nx\n```\n",
	} {
		_, err := follow(page, t.TempDir())
		NewWithT(t).Expect(err).To(HaveOccurred(), name)
	}
	followed, err := follow("```sh\nkubectl archmap --version\n```\n\n```text\nstale\n```\n", t.TempDir())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(followed).To(And(ContainSubstring("v0.0.0"), Not(ContainSubstring("stale"))))
}

// Whoever copies the mapping of a page begins with one that is right in every respect.
func TestMappingsOfPagesAreClean(t *testing.T) {
	for _, page := range []string{"README.md", walkthrough, "docs/mappings.md"} {
		g := NewWithT(t)
		found := 0
		for _, block := range fenced.FindAllStringSubmatch(read(t, page), -1) {
			if block[1] != "yaml" || !strings.Contains(block[2], "kind: ComponentMapping") {
				continue
			}
			found++
			set, err := manifest.Read([]string{manifest.Stdin}, strings.NewReader(block[2]))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(set.Err()).NotTo(HaveOccurred(), "the API server accepts the mappings of %s", page)
			findings, err := lint.Run(set, lint.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(findings).To(BeEmpty(), "lint finds nothing in the mappings of %s, not even notes: %s", page, block[2])
		}
		if page != "docs/mappings.md" {
			g.Expect(found).To(BeNumerically(">", 0), "%s has a mapping", page)
		}
	}
}
