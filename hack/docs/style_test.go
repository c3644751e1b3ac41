// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// shortForm is a row of the short forms in docs/style.md.
type shortForm struct {
	say       string
	insteadOf *regexp.Regexp
}

var (
	shortFormRow = regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`)
	// lineBreak separates words, also where a comment or a quote goes on in the next line.
	lineBreak = `(?:\s+(?:(?:#|//|>)\s+)?)`
)

// shortForms reads the table. Its phrases are separated by commas.
func shortForms(t *testing.T) []shortForm {
	t.Helper()
	_, section, found := strings.Cut(read(t, "docs/style.md"), "### Short forms\n")
	NewWithT(t).Expect(found).To(BeTrue())
	section, _, _ = strings.Cut(section, "\n#")
	var forms []shortForm
	for _, row := range shortFormRow.FindAllStringSubmatch(section, -1)[2:] { // header and rule
		var phrases []string
		for phrase := range strings.SplitSeq(row[2], ", ") {
			words := strings.Fields(regexp.QuoteMeta(strings.TrimSpace(phrase)))
			phrases = append(phrases, strings.Join(words, lineBreak))
		}
		forms = append(forms, shortForm{strings.TrimSpace(row[1]), regexp.MustCompile(`(?i)\b(?:` + strings.Join(phrases, "|") + `)\b`)})
	}
	return forms
}

// written is a text that people read, at a line of a file.
type written struct {
	text string
	line int
}

// writtenIn returns the string literals of Go, and all of another file.
func writtenIn(t *testing.T, name string, content []byte) []written {
	t.Helper()
	if filepath.Ext(name) != ".go" {
		return []written{{string(content), 1}}
	}
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, name, content, parser.SkipObjectResolution)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var out []written
	ast.Inspect(parsed, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			out = append(out, written{literal.Value, positions.Position(literal.Pos()).Line})
		}
		return true
	})
	return out
}

// replacedPhrase is one that has a short form.
type replacedPhrase struct {
	line         int
	phrase, said string
}

func faultsIn(texts []written, forms []shortForm) []replacedPhrase {
	var out []replacedPhrase
	for _, w := range texts {
		for _, form := range forms {
			for _, at := range form.insteadOf.FindAllStringIndex(w.text, -1) {
				out = append(out, replacedPhrase{w.line + strings.Count(w.text[:at[0]], "\n"), w.text[at[0]:at[1]], form.say})
			}
		}
	}
	return out
}

// isRead reports whether people read the file: Go that is shipped, the catalog and the CRDs, pages. What is generated from
// these is left out.
func isRead(name string) bool {
	generated := []string{"docs/style.md", "docs/clusters.md", "docs/extras.md", "docs/faults.md", "docs/rollouts.md", "docs/size.md"}
	switch filepath.Ext(name) {
	case ".go":
		return !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "test/")
	case ".yaml", ".html", ".js", ".txt":
		return strings.HasPrefix(name, "config/") || strings.HasPrefix(name, "internal/") && !strings.Contains(name, "/testdata/")
	case ".md", ".tmpl":
		return !slices.Contains(generated, name) && !strings.HasPrefix(name, "docs/examples/") && !strings.Contains(name, "/testdata/")
	}
	return false
}

// TestShortForms finds what docs/style.md says in fewer words.
func TestShortForms(t *testing.T) {
	forms, files := shortForms(t), 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != "." || name == "bin" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || !isRead(filepath.ToSlash(name)):
			return nil
		}
		content, err := os.ReadFile(path)
		files++
		for _, f := range faultsIn(writtenIn(t, name, content), forms) {
			t.Errorf("what people read is said the short way of docs/style.md: %s:%d has %q; say %q", name, f.line, f.phrase, f.said)
		}
		return err
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(files).To(BeNumerically(">", 100))
}

func TestShortFormsAreFound(t *testing.T) {
	forms := []shortForm{{"fix", regexp.MustCompile(`(?i)\b(?:put` + lineBreak + `right)\b`)}}
	for name, text := range map[string]string{
		"a.go":   "package a\n\n// put right\nvar text = \"Put right the node\"\n",
		"a.yaml": "one: 1\n\n# first put\n# right\n",
		"a.md":   "one\n\nTwo, put\n  right.\n",
	} {
		found := faultsIn(writtenIn(t, name, []byte(text)), forms)
		NewWithT(t).Expect(found).To(HaveLen(1), name)
		NewWithT(t).Expect(found[0].line).To(BeElementOf(3, 4), name)
		NewWithT(t).Expect(found[0].said).To(Equal("fix"))
	}
	NewWithT(t).Expect(faultsIn(writtenIn(t, "a.md", []byte("output rights")), forms)).To(BeEmpty())
}
