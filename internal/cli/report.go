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
		Short: "Write one HTML page that tells all, for the browser, the printer or an attachment",
		Long: "Write one HTML page that needs nothing else: a summary, the drawing, the table with filter and sort, the evidence of\n" +
			"each component, workloads that no mapping covers, node pools, causes and advisories. It loads nothing from anywhere.\n\n" +
			"It ends with exit code 0 whatever it says, unless --fail-on is given.",
		Example: `  kubectl archmap report -o report.html

  # Of a bundle that somebody mailed
  kubectl archmap report --from bundle.tar.gz -o report.html

  # In a pipeline: the page for people, the exit code for the next step
  kubectl archmap report -o report.html --fail-on unhealthy,missing`,
		RunE: func(command *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("name the file to write with -o FILE, or -o - for standard output")
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
				fmt.Fprintf(e.ErrOut, "%s written: %s\n", file, report.Summary(r))
			}
			if err != nil {
				return err
			}
			return fail.end(result.Concerns())
		},
	}
	from.addAllFlags(command)
	fail.addFlag(command, failOnNone)
	command.Flags().StringVarP(&file, "output", "o", "", "File to write; - is standard output")
	return command
}
