// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

func newDiffCommand(e *env) *cobra.Command {
	from, output := &sourceFlags{env: e}, &format{}
	var to string
	var strict bool
	command := &cobra.Command{
		Use:   "diff",
		Short: "Show how the cluster differs from its documentation, or two clusters from each other",
		Long: "Without --to, list how the cluster differs from its documentation: another method, another image, an older\n" +
			"version, or a missing required component. Differences that the catalog explains are left out unless --strict is\n" +
			"set; explain shows them.\n\n" +
			"With --to, list what changed from one cluster or dump to another. --from and --to each take a dump, or\n" +
			"context:NAME for the cluster of a context. --from defaults to the cluster of the current context.\n\n" +
			"Exit codes: 0 no differences, 1 differences, 2 couldn't tell, 3 usage.",
		Example: `  # Is this cluster as documented?
  kubectl archmap diff

  # With the differences that the catalog explains
  kubectl archmap diff --strict

  # What did the upgrade change?
  kubectl archmap collect -o before.tar.gz
  kubectl archmap diff --from before.tar.gz --to context:prod

  # Two clusters
  kubectl archmap diff --from context:staging --to context:prod -o markdown`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := output.validate(); err != nil {
				return err
			}
			switch {
			case to != "" && strict:
				return usagef("--strict applies to the documentation and can't be used with --to")
			case to != "":
				return e.compare(command.Context(), from, to, output)
			}
			return e.departures(command.Context(), from, output, strict)
		},
	}
	from.addAllFlags(command)
	command.Flags().StringVar(&to, "to", "", "Compare with this dump, or with the cluster of a context (context:NAME)")
	command.Flags().BoolVar(&strict, "strict", false, "Also show differences that the catalog explains")
	output.addFlag(command, formatText, formatJSON, formatYAML, formatMarkdown, formatCSV)
	return command
}

// departures prints where one cluster departs from its documentation.
func (e *env) departures(ctx context.Context, from *sourceFlags, output *format, strict bool) error {
	r, err := from.report(ctx)
	if err != nil {
		return err
	}
	e.warn(r.Notes()...)
	found := report.ExportDepartures(r, strict)
	none := "no differences"
	if known := len(report.Departures(r, true)); len(found.Items) == 0 && known > 0 {
		none = fmt.Sprintf("no differences (%d known; --strict lists them)", known)
	}
	return e.printDiff(output, report.DepartureTable(found.Items), found, len(found.Items), none, hides(r))
}

// compare prints the changes from one cluster or dump to another.
func (e *env) compare(ctx context.Context, from *sourceFlags, to string, output *format) error {
	if err := from.prepare(ctx); err != nil {
		return err
	}
	other := *from
	if other.from = to; from.from == stdin && to == stdin {
		return usagef("standard input (-) can be used only once")
	}
	reports := make([]*report.Report, 2)
	group, ctx := errgroup.WithContext(ctx)
	for i, side := range []*sourceFlags{from, &other} {
		group.Go(func() (err error) {
			reports[i], err = side.report(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	comparison := report.Compare(reports[0], reports[1])
	return e.printDiff(output, comparison.Table(), comparison, len(comparison.Changes), "no differences", slices.ContainsFunc(reports, hides))
}

// hides reports whether the presence of any component in the report could not be told, though the cluster shows it.
func hides(r *report.Report) bool {
	return slices.ContainsFunc(r.Mappings, func(m v1alpha1.ComponentMapping) bool {
		present := catalog.Condition(&m, v1alpha1.ConditionPresent)
		return present.Status == metav1.ConditionUnknown && present.Reason != v1alpha1.ReasonNotObservable && present.Reason != v1alpha1.ReasonNotInDump
	})
}

// printDiff prints differences; in text, that there are none goes to the other stream. incomplete says that not
// everything was read, so that there may be more differences.
func (e *env) printDiff(output *format, g report.Grid, data any, differences int, none string, incomplete bool) error {
	if incomplete {
		none = "no differences found, but not everything could be checked"
	}
	switch {
	case differences == 0 && output.chosen == formatText:
		fmt.Fprintln(e.ErrOut, none)
	default:
		if err := output.write(e.Out, g, data); err != nil {
			return err
		}
	}
	switch {
	case differences > 0:
		return verdictError{exitAct}
	case incomplete:
		return verdictError{exitUnknown}
	}
	return nil
}
