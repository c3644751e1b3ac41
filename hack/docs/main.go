// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command docs writes the pages of docs/ that are made from the data of the tests: clusters.md from the shapes, extras.md
// from the catalog, faults.md, size.md and rollouts.md from their tables, examples from what the plugin says of some
// faults, and what write-a-mapping.md shows of its commands. The tests hold archmap to the same verdicts.
package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var templates embed.FS

func main() {
	pages := errors.Join(write("clusters.md", clusters), write("extras.md", extras), write("faults.md", faultTables),
		write("rollouts.md", rolloutTables), write("size.md", sizes))
	if err := errors.Join(pages, writeExamples(), writeWalkthrough()); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// write fills a page of docs/ in with its data.
func write[T any](page string, load func() (T, error)) error {
	data, err := load()
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	functions := template.FuncMap{"cell": escapeCell}
	t, err := template.New(page+".tmpl").Funcs(functions).ParseFS(templates, page+".tmpl")
	if err != nil {
		return err
	}
	var filled bytes.Buffer
	if err := t.Execute(&filled, data); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("docs", page), filled.Bytes(), 0o644) //nolint:gosec // a page that everybody may read
}

// escapeCell makes a text fit for a cell of a Markdown table.
func escapeCell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
