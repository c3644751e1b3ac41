// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
)

func newTableCommand(e *env) *cobra.Command {
	from := &sourceFlags{env: e}
	documented, options := false, report.DocumentOptions{}
	command := &cobra.Command{
		Use:   "table",
		Short: "Write the mapping document from the cluster",
		Long: "Write the mapping document in Markdown: the table by category, what the methods mean, the components in detail,\n" +
			"the architecture flow, insights with live numbers, and references.",
		Example: `  # The document, with the state of this cluster
  kubectl archmap table > ARCHITECTURE.md

  # Only the documentation, without reading a cluster
  kubectl archmap table --documented`,
		RunE: func(command *cobra.Command, _ []string) error {
			options.Live = !documented
			read := from.report
			if documented {
				read = from.documentation
			}
			r, err := read(command.Context())
			if err != nil {
				return err
			}
			return report.Document(e.Out, r, options)
		},
	}
	from.addAllFlags(command)
	command.Flags().BoolVar(&documented, "documented", false, "Leave out what was observed; don't read a cluster")
	command.Flags().BoolVar(&options.Mermaid, "mermaid", false, "Draw the architecture flow with Mermaid instead of text")
	return command
}
