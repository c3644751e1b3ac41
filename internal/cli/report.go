// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
)

func newReportCommand(e *env) *cobra.Command {
	from := &sourceFlags{env: e}
	var file string
	command := &cobra.Command{
		Use:   "report -o FILE",
		Short: "Write one HTML page that tells all, for the browser, the printer or an attachment",
		Long: "Write one HTML page that needs nothing else: a summary, the drawing, the table with filter and sort, the evidence of\n" +
			"each component, node pools, causes and advisories. It loads nothing from anywhere.",
		Example: `  kubectl archmap report -o report.html

  # Of a bundle that somebody mailed
  kubectl archmap report --from bundle.tar.gz -o report.html`,
		RunE: func(command *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("name the file to write with -o FILE, or -o - for standard output")
			}
			r, err := from.report(command.Context())
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return report.HTML(w, r, report.HTMLOptions{}) }
			if file == toStdout {
				return write(e.Out)
			}
			if err := writeFile(file, 0o644, write); err != nil {
				return err
			}
			fmt.Fprintf(e.ErrOut, "%s written: %s\n", file, report.Summary(r))
			return nil
		},
	}
	from.addAllFlags(command)
	command.Flags().StringVarP(&file, "output", "o", "", "File to write; - is standard output")
	return command
}
