// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
)

// check is the command of that name.
type check struct {
	env    *env
	from   sourceFlags
	output format
	fail   failOn
	view   viewFlags
	watch  bool
}

func newCheckCommand(e *env) *cobra.Command {
	c := &check{env: e, from: sourceFlags{env: e}}
	command := &cobra.Command{
		Use:   "check [COMPONENT...]",
		Short: "Check the cluster against the catalog, without installing anything",
		Long: "Check the cluster of the current context against the built-in AKS catalog. Nothing is installed or written.\n" +
			"Prints the verdict, its causes with who can act and what to do next, then the components, the worst first.\n" +
			"Name components, as for explain, to check only these.\n\n" +
			"A single check can't tell how long something has been failing, so grace periods do not apply.\n\n" +
			exitCodes(),
		Example: `  # Is everything that AKS should run here, and is it healthy?
  kubectl archmap check

  # Only two components
  kubectl archmap check dns cilium

  # In a script
  kubectl archmap check >/dev/null || echo "needs attention"

  # In a pipeline that only gates on health
  kubectl archmap check --fail-on unhealthy

  # Keep showing changes until Ctrl-C
  kubectl archmap check --watch`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: e.completeManyComponents,
		RunE:              func(command *cobra.Command, args []string) error { return c.run(command.Context(), args) },
	}
	c.from.addFlags(command)
	c.view.addFlags(command)
	command.Flags().BoolVarP(&c.watch, "watch", "w", false, "Keep showing changes until Ctrl-C")
	c.fail.addFlag(command, concernNames(report.DefaultConcerns())...)
	c.output.addFlag(command, formatText, formatWide, formatJSON, formatYAML, formatName, formatMarkdown, formatCSV)
	return command
}

func (c *check) run(ctx context.Context, names []string) error {
	if err := errors.Join(c.output.validate(), c.fail.validate(), c.view.validate(&c.output)); err != nil {
		return err
	}
	if err := c.name(ctx, names); err != nil {
		return err
	}
	if c.watch {
		return c.follow(ctx)
	}
	r, err := c.from.report(ctx)
	if err != nil {
		return err
	}
	r = c.view.of(r)
	if err := c.env.printCheck(r, &c.output, &c.view); err != nil {
		return err
	}
	return c.fail.end(r.Concerns())
}

// name finds what was named among the definitions, so that a mistake shows before the cluster is read.
func (c *check) name(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	known, err := c.from.documentation(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.Contains(name, "/") {
			return usagef("no component named %q; to check a dump, use --from %s", name, name)
		}
		m, err := findComponent(known, name)
		if err != nil {
			return err
		}
		c.view.names = append(c.view.names, m.Name)
	}
	return nil
}

// follow shows the verdicts on the cluster and what becomes of them, until the user interrupts it.
func (c *check) follow(ctx context.Context) error {
	if err := followable(&c.output); err != nil {
		return err
	}
	if c.from.from != "" {
		return usagef("--watch follows the cluster; it can't be used with a dump")
	}
	feed, err := c.from.feed(ctx)
	if err != nil {
		return err
	}
	return c.env.newFollower(&c.output, &c.view, &c.fail, feed).run(ctx, feed)
}

// viewFlags say which components are shown, and how.
type viewFlags struct {
	// names of the mappings that are shown; all when there is none.
	names []string
	only  []string
	all   bool
}

func (v *viewFlags) addFlags(command *cobra.Command) {
	filters := filterNames()
	command.Flags().StringSliceVar(&v.only, "only", nil, "Show only components in these states: "+strings.Join(filters, ", "))
	command.Flags().BoolVar(&v.all, "all", false, "Also list components that are not installed")
	_ = command.RegisterFlagCompletionFunc("only", completeList(filters))
}

func filterNames() []string {
	var names []string
	for _, f := range report.Filters() {
		names = append(names, string(f))
	}
	return names
}

func (v *viewFlags) validate(output *format) error {
	for _, name := range v.only {
		if !slices.Contains(filterNames(), name) {
			return usagef("invalid value %q for --only; valid values: %s", name, strings.Join(filterNames(), ", "))
		}
	}
	if (len(v.only) > 0 || v.all) && output.chosen != formatText && output.chosen != formatWide {
		return usagef("--only and --all can't be used with --output %s, which has all components", output.chosen)
	}
	return nil
}

// of returns the report of the components that are named; all of it when none is.
func (v *viewFlags) of(r *report.Report) *report.Report {
	if len(v.names) == 0 {
		return r
	}
	return report.Of(r, v.names)
}

// on returns how a report is shown on what is written to.
func (v *viewFlags) on(w io.Writer, output *format) report.View {
	view := report.View{All: v.all, Wide: output.chosen == formatWide, Color: colors(w)}
	if !view.Wide { // wide is as wide as it is
		view.Width = columns(w)
	}
	for _, name := range v.only {
		view.Only = append(view.Only, report.Filter(name))
	}
	return view
}

// printCheck prints the verdict, what is wrong, the table, and what of the provider's workloads no mapping covers; wide adds
// the healthy ones of these, node pools, and advisories on present components.
func (e *env) printCheck(r *report.Report, output *format, flags *viewFlags) error {
	switch output.chosen {
	case formatName:
		fmt.Fprintln(e.Out, strings.Join(report.ObjectNames(r), "\n"))
		return nil
	case formatText, formatWide:
	case formatMarkdown:
		if err := report.MarkdownFindings(e.Out, r); err != nil {
			return err
		}
		return report.Table(r, false).Markdown(e.Out)
	default:
		return output.write(e.Out, report.Table(r, false), report.Export(r))
	}
	view := flags.on(e.Out, output)
	if err := report.Screen(e.Out, r, view); err != nil || r.Part || len(view.Only) > 0 {
		return err
	}
	below := []report.Grid{report.Unmapped(r, view.Wide)}
	if view.Wide {
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
	return nil
}
