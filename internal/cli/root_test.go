// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"testing"

	. "github.com/onsi/gomega"
)

// Whoever adds a command writes it down.
func TestCommandsAreDocumented(t *testing.T) {
	g := NewWithT(t)
	page, err := os.ReadFile("../../docs/plugin.md")
	g.Expect(err).NotTo(HaveOccurred())
	commands := newRootCommand(testEnv(io.Discard)).Commands()
	g.Expect(len(commands)).To(BeNumerically(">", 5))
	for _, c := range commands {
		if c.IsAvailableCommand() {
			g.Expect(string(page)).To(MatchRegexp(fmt.Sprintf("(?m)^\\| \\[?`%s", c.Name())),
				"every command has a row in the table of docs/plugin.md: %s has none", c.Name())
		}
	}
}
