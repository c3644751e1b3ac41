// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/archmap/archmap/internal/cli"
)

// walkthrough is a page that somebody follows: what it shows after a command is what the command prints. Beside it is a
// directory of its name, in which the commands run.
const walkthrough = "docs/write-a-mapping.md"

// fenced are the blocks of a page: what comes before, the language, and the content.
var fenced = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// writeWalkthrough brings what the page shows up to date.
func writeWalkthrough() error {
	text, err := os.ReadFile(walkthrough)
	if err != nil {
		return err
	}
	followed, err := follow(string(text), strings.TrimSuffix(walkthrough, ".md"))
	if err != nil {
		return fmt.Errorf("%s: %w", walkthrough, err)
	}
	return os.WriteFile(walkthrough, []byte(followed), 0o644) //nolint:gosec // a page that everybody may read
}

// follow does what a page says, in a copy of the directory, and returns the page with what its commands print. A block that
// begins with "# file NAME" is that file; one after commands is what the last of them prints. Only archmap's own commands
// are run: the others are for a cluster.
func follow(page, dir string) (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "walkthrough")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
		return "", err
	}
	if err := os.Chdir(work); err != nil {
		return "", err
	}
	defer func() { _ = os.Chdir(at) }()
	var printed *string
	followed := fenced.ReplaceAllStringFunc(page, func(block string) string {
		if err != nil {
			return block
		}
		parts := fenced.FindStringSubmatch(block)
		var shown string
		shown, printed, err = step(parts[1], parts[2], printed)
		return "```" + parts[1] + "\n" + shown + "```"
	})
	return followed, err
}

// step takes one block, and returns it as it should be; printed is what the command before it has printed.
func step(language, content string, printed *string) (shown string, next *string, err error) {
	first, rest, _ := strings.Cut(content, "\n")
	if file, isFile := strings.CutPrefix(first, "# file "); isFile {
		return content, nil, os.WriteFile(filepath.Base(file), []byte(rest), 0o600)
	}
	if language != "sh" {
		if printed == nil {
			return content, nil, fmt.Errorf("no command prints this: %s", first)
		}
		return *printed, nil, nil
	}
	for line := range strings.Lines(content) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "kubectl archmap "); ok {
			out, err := runLine(command)
			if err != nil {
				return content, nil, err
			}
			next = &out
		}
	}
	return content, next, nil
}

// runLine runs a command of the plugin, and returns what it prints where that is not sent to a file. Verdicts are no error.
func runLine(line string) (string, error) {
	command, file, redirected := strings.Cut(line, " > ")
	var all, out bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &all, ErrOut: &all}
	if redirected {
		streams.Out = &out
	}
	if code := cli.Run(strings.Fields(command), streams, "v0.0.0"); code > 1 {
		return "", fmt.Errorf("%s: exit code %d: %s", command, code, all.String())
	}
	if redirected {
		return all.String(), os.WriteFile(filepath.Base(file), out.Bytes(), 0o600)
	}
	return all.String(), nil
}
