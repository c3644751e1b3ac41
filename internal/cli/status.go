// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/source"
)

// status is the command of that name.
type status struct {
	env      *env
	operator source.Operator
	output   format
	fail     failOn
	view     viewFlags
	contexts contexts
	watch    bool
}

func newStatusCommand(e *env) *cobra.Command {
	s := &status{env: e}
	command := &cobra.Command{
		Use:   "status",
		Short: "Show the operator's verdicts",
		Long: "Show the operator's verdicts, from its ComponentMappings and ClusterArchitecture. Warns if the operator is not\n" +
			"running, as they may be out of date. Several clusters can be shown side by side; one that does not respond\n" +
			"within --request-timeout (" + contextTimeout.String() + " by default) does not delay the others.",
		Example: `  # What does the operator report?
  kubectl archmap status

  # Follow it until Ctrl-C
  kubectl archmap status --watch

  # Several clusters side by side
  kubectl archmap status --contexts staging,production
  kubectl archmap status --all-contexts -o wide`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := s.validate(command); err != nil {
				return err
			}
			switch ctx := command.Context(); {
			case s.contexts.wanted():
				return s.clusters(ctx)
			case s.watch:
				return s.follow(ctx)
			default:
				return s.once(ctx)
			}
		},
	}
	command.Flags().BoolVarP(&s.watch, "watch", "w", false, "Keep showing changes until Ctrl-C")
	s.contexts.addFlags(e, command)
	command.Flags().StringVar(&s.operator.Namespace, "operator-namespace", "",
		"The operator's namespace. Default: "+source.DefaultNamespace+", or wherever its Lease "+source.LeaseName+" is")
	command.Flags().StringVar(&s.operator.Architecture, "architecture", "",
		"ClusterArchitecture to show, if there are several. Default: "+source.DefaultArchitecture+", or the first by name")
	s.view.addFlags(command)
	s.fail.addFlag(command, concernNames(report.DefaultConcerns())...)
	s.output.addFlag(command, formatText, formatWide, formatJSON, formatYAML, formatName, formatMarkdown, formatCSV)
	return command
}

func (s *status) validate(command *cobra.Command) error {
	if err := errors.Join(s.output.validate(), s.fail.validate(), s.view.validate(&s.output)); err != nil {
		return err
	}
	switch {
	case s.watch && s.contexts.wanted():
		return usagef("--watch follows one cluster; choose it with --context")
	case s.watch:
		return followable(&s.output)
	case s.contexts.wanted():
		if err := s.contexts.validate(command); err != nil {
			return err
		}
		if s.output.chosen == formatName {
			return usagef("--output name can't be used with several clusters")
		}
	}
	return nil
}

// of returns the operator that the flags select in the cluster called name.
func (s *status) of(config *rest.Config, name string) *source.Operator {
	operator := s.operator
	operator.Config, operator.Name = config, name
	return &operator
}

// current returns the operator in the cluster of the context.
func (s *status) current() (*source.Operator, error) {
	config, err := s.env.clusterConfig()
	if err != nil {
		return nil, err
	}
	return s.of(config, s.env.contextName()), nil
}

// once shows the verdicts as they are now.
func (s *status) once(ctx context.Context) error {
	operator, err := s.current()
	if err != nil {
		return err
	}
	_, end := s.env.progress("Reading the operator's verdicts")
	result, err := operator.Evaluate(ctx)
	end()
	if err != nil {
		return err
	}
	if err := s.env.printCheck(result.Report, &s.output, &s.view); err != nil {
		return err
	}
	s.env.warn(result.Warnings()...)
	return s.fail.end(result.Concerns())
}

// clusters shows components x clusters.
func (s *status) clusters(ctx context.Context) error {
	names, err := s.contexts.chosenNames(s.env)
	if err != nil {
		return err
	}
	results := s.evaluateAll(ctx, names)
	clusters := make([]report.Cluster, len(results))
	for i, r := range results {
		clusters[i] = report.Cluster{Name: names[i], Err: r.err}
		if r.err == nil {
			clusters[i].Report = r.Report
		}
	}
	grid := report.Clusters(clusters, s.output.chosen == formatWide)
	if err := s.output.write(s.env.Out, grid, report.ExportClusters(clusters)); err != nil {
		return err
	}
	concerns := report.ConcernsOf(clusters)
	for i, r := range results {
		if r.err != nil {
			continue
		}
		for _, w := range r.Warnings() {
			s.env.warn(names[i] + ": " + w)
		}
		concerns = append(concerns, r.Concerns()...)
	}
	return s.fail.end(concerns)
}

// clusterResult is the result of one of several clusters.
type clusterResult struct {
	*source.Result
	err error
}

// evaluateAll reads the clusters of the contexts at the same time; none waits for another.
func (s *status) evaluateAll(ctx context.Context, names []string) []clusterResult {
	update, end := s.env.progress("Reading clusters")
	defer end()
	results := make([]clusterResult, len(names))
	var done atomic.Int64
	var group errgroup.Group
	group.SetLimit(maxParallelContexts)
	for i, name := range names {
		group.Go(func() error {
			results[i].Result, results[i].err = s.evaluateOne(ctx, name)
			update(int(done.Add(1)), len(names))
			return nil
		})
	}
	_ = group.Wait() // what went wrong is part of each result
	return results
}

func (s *status) evaluateOne(ctx context.Context, name string) (*source.Result, error) {
	config, err := s.env.configOf(name)
	if err != nil {
		return nil, err
	}
	operator := s.of(config, name)
	operator.Timeout = contextTimeout
	return operator.Evaluate(ctx)
}
