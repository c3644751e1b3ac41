// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/report"
)

func newExplainCommand(e *env) *cobra.Command {
	from, output, verbose := &sourceFlags{env: e}, &format{}, false
	command := &cobra.Command{
		Use:   "explain COMPONENT",
		Short: "Explain one component: what is wrong, who acts, and what was observed",
		Long: "Explain one component: what is wrong, who can act and what to do, and what was observed. --verbose adds what is\n" +
			"documented, each check with its objects, and the checks of other variants. Name the component by its mapping, by an\n" +
			"alias such as karpenter, or by its name in the table; name a provider workload that no mapping covers by NAME or\n" +
			"NAMESPACE/NAME.",
		Example: `  # Why is CoreDNS red?
  kubectl archmap explain coredns

  # By an alias
  kubectl archmap explain karpenter

  # By its name in the table, from a bundle
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
			if w := report.LookupUnmapped(r, args[0]); w != nil && len(report.Find(r, args[0])) == 0 {
				return e.explainUnmapped(r, w, output)
			}
			m, err := findComponent(r, args[0])
			if err != nil {
				return err
			}
			if output.chosen != formatText {
				return output.write(e.Out, report.Grid{}, report.ExportMapping(m))
			}
			return report.Explain(e.Out, r, m, report.ExplainOptions{Verbose: verbose, Width: columns(e.Out), Color: colors(e.Out)})
		},
	}
	from.addAllFlags(command)
	command.Flags().BoolVar(&verbose, "verbose", false, "Also show the documentation, each check with its objects, and the other variants")
	output.addFlag(command, formatText, formatJSON, formatYAML)
	return command
}

// explainUnmapped tells everything about a workload that no mapping covers.
func (e *env) explainUnmapped(r *report.Report, w *v1alpha1.UnmappedWorkload, output *format) error {
	if output.chosen != formatText {
		return output.write(e.Out, report.Grid{}, w)
	}
	return report.ExplainUnmapped(e.Out, r, w, colors(e.Out))
}

// maxClosest is how many names are told when one is like none.
const maxClosest = 3

// findComponent returns the component that a name means.
func findComponent(r *report.Report, name string) (*v1alpha1.ComponentMapping, error) {
	found := report.Find(r, name)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if like := report.Suggest(r, name); len(like) > 0 {
			return nil, usagef("no component named %q; did you mean %s?", name, eitherOf(like))
		}
		return nil, usagef("no component named %q; the closest are %s; kubectl archmap table --documented lists all",
			name, strings.Join(msg.Closest(name, report.ComponentNames(r), maxClosest), ", "))
	default:
		return nil, usagef("several components are named %q; did you mean %s?", name, eitherOf(found))
	}
}

func eitherOf(mappings []*v1alpha1.ComponentMapping) string {
	names := make([]string, len(mappings))
	for i, m := range mappings {
		names[i] = m.Name
	}
	return msg.Either(names)
}
