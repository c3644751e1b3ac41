// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
)

// status is the command of that name.
type status struct {
	env      *env
	operator operatorFlags
	output   format
	contexts contexts
	watch    bool
}

func newStatusCommand(e *env) *cobra.Command {
	s := &status{env: e}
	command := &cobra.Command{
		Use:   "status",
		Short: "Show the verdicts that the operator keeps in the cluster",
		Long: "Show the verdicts that the operator keeps in the cluster, as ComponentMappings and a ClusterArchitecture. Says so when\n" +
			"the operator is not alive to keep them true. Several clusters are shown side by side; one that does not answer\n" +
			"within --request-timeout (" + contextTimeout.String() + " unless given) does not hold up the others.",
		Example: `  # What does the operator say?
  kubectl archmap status

  # Follow it, until Ctrl-C
  kubectl archmap status --watch

  # Components by clusters
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
	command.Flags().BoolVarP(&s.watch, "watch", "w", false, "Go on showing what changes, until Ctrl-C")
	s.contexts.addFlags(e, command)
	s.operator.addFlags(command)
	s.output.addFlag(command, formatText, formatWide, formatJSON, formatYAML, formatName, formatMarkdown, formatCSV)
	return command
}

func (s *status) validate(command *cobra.Command) error {
	if err := s.output.validate(); err != nil {
		return err
	}
	refuse := func(with string, formats ...string) error {
		if slices.Contains(formats, s.output.chosen) {
			return usagef("--output %s does not go with %s", s.output.chosen, with)
		}
		return nil
	}
	switch {
	case s.watch && s.contexts.wanted():
		return usagef("--watch follows one cluster; choose it with --context")
	case s.watch:
		return refuse("--watch", formatJSON, formatYAML, formatName, formatMarkdown, formatCSV)
	case s.contexts.wanted():
		if err := s.contexts.validate(command); err != nil {
			return err
		}
		return refuse("several clusters", formatName)
	}
	return nil
}

// once shows the verdicts as they are now.
func (s *status) once(ctx context.Context) error {
	config, err := s.env.clusterConfig()
	if err != nil {
		return err
	}
	progress := newProgress(s.env.ErrOut, "Reading the operator's verdicts")
	p, life, err := s.env.operatorPicture(ctx, config, s.operator)
	progress.end()
	if err != nil {
		return err
	}
	p.Source = s.env.contextName()
	if err := s.env.printCheck(p, &s.output); err != nil {
		return err
	}
	s.env.warn(life.warnings()...)
	return verdictOf(life.verdict(p))
}

// clusters shows components x clusters.
func (s *status) clusters(ctx context.Context) error {
	names, err := s.contexts.names(s.env)
	if err != nil {
		return err
	}
	looks := s.env.lookInto(ctx, names, s.operator)
	clusters := make([]report.Cluster, len(looks))
	for i, l := range looks {
		clusters[i] = l.Cluster
	}
	grid := report.Clusters(clusters, s.output.chosen == formatWide)
	if err := s.output.write(s.env.Out, grid, report.ExportClusters(clusters)); err != nil {
		return err
	}
	verdict := report.Worst(clusters)
	for _, l := range looks {
		if l.Picture == nil {
			continue
		}
		for _, w := range l.life.warnings() {
			s.env.warn(l.Name + ": " + w)
		}
		if verdict == catalog.Healthy {
			verdict = l.life.verdict(l.Picture)
		}
	}
	return verdictOf(verdict)
}

// clusterConfig is how the cluster of the context is reached.
func (e *env) clusterConfig() (*rest.Config, error) {
	config, err := e.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to read: %w; choose one with --context or --kubeconfig", err)
	}
	return config, nil
}
