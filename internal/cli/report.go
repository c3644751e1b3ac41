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
	from, fail := &sourceFlags{env: e}, &failOn{}
	var file string
	command := &cobra.Command{
		Use:   "report -o FILE",
		Short: "Write a single HTML page with everything, to view, print or attach",
		Long: "Write a single, self-contained HTML page: the verdict, the causes with who acts and the command to copy, retirements,\n" +
			"the diagram, the table with filter and sort, the evidence of each component, workloads that no mapping covers, node\n" +
			"pools, differences and advisories. It fits phones and paper, and loads nothing from the network.\n\n" +
			"The exit code is 0 whatever the page says, unless --fail-on is set.",
		Example: `  kubectl archmap report -o report.html

  # From a bundle
  kubectl archmap report --from bundle.tar.gz -o report.html

  # In a pipeline: the page for people, the exit code for the next step
  kubectl archmap report -o report.html --fail-on unhealthy,missing`,
		RunE: func(command *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("set the file to write with -o FILE, or -o - for standard output")
			}
			if err := fail.validate(); err != nil {
				return err
			}
			result, err := from.evaluate(command.Context())
			if err != nil {
				return err
			}
			r := result.Report
			write := func(w io.Writer) error { return report.HTML(w, r, report.HTMLOptions{}) }
			if file == toStdout {
				err = write(e.Out)
			} else if err = writeFile(file, 0o644, write); err == nil {
				fmt.Fprintf(e.ErrOut, "Wrote %s: %s\n", file, report.Summary(r))
			}
			if err != nil {
				return err
			}
			return fail.end(result.Concerns())
		},
	}
	from.addAllFlags(command)
	fail.addFlag(command, failOnNone)
	command.Flags().StringVarP(&file, "output", "o", "", "File to write, or - for standard output")
	return command
}
