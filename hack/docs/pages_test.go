// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// root of the repository; go test runs in the directory of the package.
var root = filepath.Join("..", "..")

// pages are those that tell how archmap is made: what they name must be there.
var pages = []string{"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/style.md", "test/README.md"}

var (
	// path in backquotes. Only those that begin with a file or a folder of the root are paths of the repository.
	path = regexp.MustCompile("`(\\.?\\w[\\w.-]*(?:/[\\w.-]+)*)/?`")
	// named is a Go file in backquotes with what is declared in it: `a.go`: `f`, `g`.
	named = regexp.MustCompile("`([\\w./-]+\\.go)`:((?:,?\\s+`\\w+`)+)")
	word  = regexp.MustCompile(`\w+`)
)

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(text)
}

func exists(file string) bool {
	_, err := os.Stat(filepath.Join(root, file))
	return err == nil
}

func TestPagesNameWhatIsThere(t *testing.T) {
	for _, page := range pages {
		text := read(t, page)
		for _, match := range path.FindAllStringSubmatch(text, -1) {
			top, _, inside := strings.Cut(match[1], "/")
			if inside && exists(top) && !exists(match[1]) {
				t.Errorf("every path that a page names exists: %s names %s", page, match[1])
			}
		}
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			declared := declarations(t, match[1])
			for _, name := range word.FindAllString(match[2], -1) {
				if !slices.Contains(declared, name) {
					t.Errorf("what a page names of a Go file is declared in it: %s names %s of %s", page, name, match[1])
				}
			}
		}
	}
}

// declarations of a Go file: functions, methods, types, constants and variables.
func declarations(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name.Name)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names = append(names, s.Name.Name)
				case *ast.ValueSpec:
					for _, n := range s.Names {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

// The drawing of the house is there twice, and is the same.
func TestREADMEShowsTheDrawing(t *testing.T) {
	_, drawing, _ := strings.Cut(read(t, "docs/architecture.md"), "## The whole house\n")
	begin := strings.Index(drawing, "```")
	end := strings.Index(drawing[begin+3:], "```")
	NewWithT(t).Expect(read(t, "README.md")).To(ContainSubstring(drawing[begin:begin+3+end]),
		"README.md shows the drawing of docs/architecture.md")
}

// Packages come and go; the table that says what each knows must follow.
func TestEveryPackageIsInTheTable(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "internal"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	architecture := read(t, "docs/architecture.md")
	for _, entry := range entries {
		if row := "\n| `internal/" + entry.Name() + "` |"; !strings.Contains(architecture, row) {
			t.Errorf("docs/architecture.md has a row for every package: there is none for internal/%s", entry.Name())
		}
	}
	entries, err = os.ReadDir(filepath.Join(root, "test"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	tests := read(t, "test/README.md")
	for _, entry := range entries {
		if entry.IsDir() && !strings.Contains(tests, "\n| [`"+entry.Name()+"`]("+entry.Name()+") |") {
			t.Errorf("test/README.md has a row for every folder of test: there is none for %s", entry.Name())
		}
	}
}

// What the operator tells of itself is documented, and nothing else is.
func TestEveryMetricIsInTheTable(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "internal", "*", "*.go"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var defined, documented []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		for _, match := range metricName.FindAllStringSubmatch(string(text), -1) {
			defined = append(defined, match[1])
		}
	}
	for _, match := range metricRow.FindAllStringSubmatch(read(t, "docs/operations.md"), -1) {
		documented = append(documented, match[1])
	}
	NewWithT(t).Expect(documented).To(ConsistOf(defined), "docs/operations.md has a row for every metric")
}

var (
	metricName = regexp.MustCompile(`Name:\s+"(archmap_\w+)"`)
	metricRow  = regexp.MustCompile("(?m)^\\| `(archmap_\\w+)` \\|")
)
