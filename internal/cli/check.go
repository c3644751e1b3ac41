// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
)

func newCheckCommand(e *env) *cobra.Command {
	from, output, fail := &sourceFlags{env: e}, &format{}, &failOn{}
	command := &cobra.Command{
		Use:   "check",
		Short: "Check the cluster against the catalog, without installing anything",
		Long: "Check the cluster of the current context against the built-in AKS catalog. Nothing is installed or written.\n" +
			"Prints a table of the components, and what is wrong with them, by cause.\n\n" +
			"A single check can't tell how long something has been failing, so grace periods do not apply.\n\n" +
			exitCodes(),
		Example: `  # Is everything that AKS should run here, and is it healthy?
  kubectl archmap check

  # In a script
  kubectl archmap check >/dev/null || echo "needs attention"

  # In a pipeline that only gates on health
  kubectl archmap check --fail-on unhealthy`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := errors.Join(output.validate(), fail.validate()); err != nil {
				return err
			}
			r, err := from.report(command.Context())
			if err != nil {
				return err
			}
			if err := e.printCheck(r, output); err != nil {
				return err
			}
			return fail.end(r.Concerns())
		},
	}
	from.addFlags(command)
	fail.addFlag(command, concernNames(report.DefaultConcerns())...)
	output.addFlag(command, formatText, formatWide, formatJSON, formatYAML, formatName, formatMarkdown, formatCSV)
	return command
}

// printCheck prints the table and, as text, what is wrong, also with the provider's workloads that no mapping covers; wide adds
// the healthy ones of these, node pools, and advisories on present components.
func (e *env) printCheck(r *report.Report, output *format) error {
	if output.chosen == formatName {
		fmt.Fprintln(e.Out, strings.Join(report.ObjectNames(r), "\n"))
		return nil
	}
	wide := output.chosen == formatWide
	if err := output.write(e.Out, report.Table(r, wide), report.Export(r)); err != nil {
		return err
	}
	if !wide && output.chosen != formatText {
		return nil
	}
	below := []report.Grid{report.Causes(r), report.Unmapped(r, wide)}
	if wide {
		below = append(below, report.NodePools(r), report.Advisories(r))
	}
	for _, g := range below {
		if len(g.Rows) > 0 {
			fmt.Fprintln(e.Out)
			if err := output.writeGrid(e.Out, g); err != nil {
				return err
			}
		} else if len(g.Notes) > 0 {
			fmt.Fprintf(e.Out, "\n%s\n", strings.Join(g.Notes, "\n"))
		}
	}
	if abstract := r.Architecture.Status.Abstract; len(abstract) > 0 {
		fmt.Fprintf(e.Out, "\n%s\n", abstract[0])
	}
	return nil
}
