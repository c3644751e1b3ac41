// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/sets"
)

var (
	// link of Markdown: a path, an anchor, or both. What has a scheme leads out of the repository.
	link = regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	// quoted text is shown as it is: neither headings nor links are in it.
	quoted = regexp.MustCompile("(?ms)^```.*?^```$|`[^`]*`")
	block  = regexp.MustCompile("(?ms)^```.*?^```$")
	// heading of Markdown, and its text.
	heading = regexp.MustCompile(`(?m)^#+ +(.+?)\s*$`)
	linked  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	g := NewWithT(t)
	all := markdown(t)
	g.Expect(all).To(ContainElements("README.md", "docs/mappings.md", "test/shapes/README.md"))
	links := 0
	for _, page := range all {
		for _, match := range link.FindAllStringSubmatch(quoted.ReplaceAllString(read(t, page), ""), -1) {
			links++
			target := page
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(page), match[1])
			}
			switch {
			case !exists(target):
				t.Errorf("every link leads to a file: %s links %s", page, target)
			case match[2] != "" && !anchors(read(t, target)).Has(match[2]):
				t.Errorf("every anchor is that of a heading: %s links #%s of %s", page, match[2], target)
			}
		}
	}
	g.Expect(links).To(BeNumerically(">", 50), "the links are found")
}

func TestAnchors(t *testing.T) {
	NewWithT(t).Expect(anchors("# What `only` events tell\n\n## table and diagram\n```\n# no heading\n```\n## [A link](x.md): it's here\n## table and diagram\n").
		UnsortedList()).To(ConsistOf("what-only-events-tell", "table-and-diagram", "a-link-its-here", "table-and-diagram-1"))
}

// markdown lists the Markdown pages of the repository.
func markdown(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// Folders of tools, and what npm installed.
		if name := entry.Name(); entry.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "node_modules") {
			return fs.SkipDir
		}
		if filepath.Ext(file) != ".md" {
			return nil
		}
		page, err := filepath.Rel(root, file)
		found = append(found, filepath.ToSlash(page))
		return err
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return found
}

// anchors returns those that GitHub makes of a page's headings.
func anchors(text string) sets.Set[string] {
	found := sets.New[string]()
	for _, match := range heading.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linked.ReplaceAllString(match[1], "$1"))
		unique := anchor
		for n := 1; found.Has(unique); n++ {
			unique = fmt.Sprintf("%s-%d", anchor, n)
		}
		found.Insert(unique)
	}
	return found
}
