// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
)

func newExplainCommand(e *env) *cobra.Command {
	from, output := &sourceFlags{env: e}, &format{}
	command := &cobra.Command{
		Use:   "explain COMPONENT",
		Short: "Tell everything about one component",
		Long: "Tell everything about one component: what is documented and what was observed, each check with its objects and since\n" +
			"when, advisories, references, and whom to call. A component is named by its mapping or as the table names it; a workload\n" +
			"of the provider that no mapping covers, by its name or as namespace/name.",
		Example: `  # Why is CoreDNS red?
  kubectl archmap explain coredns

  # By the name in the table, on a bundle that somebody mailed
  kubectl archmap explain "CSI Driver (Azure Disk)" --from bundle.tar.gz`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: e.completeComponents,
		RunE: func(command *cobra.Command, args []string) error {
			if err := output.validate(); err != nil {
				return err
			}
			r, err := from.report(command.Context())
			if err != nil {
				return err
			}
			m := report.Lookup(r, args[0])
			if m == nil {
				return e.explainUnmapped(r, args[0], output)
			}
			if output.chosen != formatText {
				return output.write(e.Out, report.Grid{}, report.ExportMapping(m))
			}
			return report.Explain(e.Out, r, m, colors(e.Out))
		},
	}
	from.addAllFlags(command)
	output.addFlag(command, formatText, formatJSON, formatYAML)
	return command
}

// explainUnmapped tells everything about a workload that no mapping covers.
func (e *env) explainUnmapped(r *report.Report, name string, output *format) error {
	w := report.LookupUnmapped(r, name)
	switch {
	case w == nil:
		return noComponent(name, report.ComponentNames(r))
	case output.chosen != formatText:
		return output.write(e.Out, report.Grid{}, w)
	}
	return report.ExplainUnmapped(e.Out, r, w, colors(e.Out))
}

// noComponent says which components are meant perhaps, or which there are.
func noComponent(typed string, names []string) error {
	like := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.Contains(name, strings.ToLower(typed)) })
	if len(like) > 0 {
		return usagef("no component is named %q; did you mean %s?", typed, strings.Join(like, " or "))
	}
	return usagef("no component is named %q; there are: %s", typed, strings.Join(names, ", "))
}
