// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"

	"github.com/archmap/archmap/internal/report"
)

// plain passes on text without what would move a terminal's cursor or change the direction of its text:
// names and messages come from clusters and files.
type plain struct{ io.Writer }

func (p plain) Write(text []byte) (int, error) {
	lines := strings.Split(string(text), "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	if _, err := io.WriteString(p.Writer, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(text), nil
}

// raw returns what a writer passes things on to.
func raw(w io.Writer) io.Writer {
	if p, ok := w.(plain); ok {
		return p.Writer
	}
	return w
}
