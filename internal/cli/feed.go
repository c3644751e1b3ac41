// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/live"
	"github.com/archmap/archmap/internal/report"
)

// addLiveFlags adds the flags of commands that follow a cluster.
func (s *source) addLiveFlags(command *cobra.Command) {
	command.Flags().StringSliceVarP(&s.files, "filename", "f", nil, "Judge these mappings instead of the built-in catalogue: files, directories, or -")
	s.addKindFlag(command)
}

// feed follows the cluster of the context.
func (s *source) feed(ctx context.Context) (live.Feed, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	config, err := s.env.clusterConfig()
	if err != nil {
		return nil, err
	}
	if s.kind == sourceCluster || len(s.files) > 0 {
		return s.clusterFeed(config)
	}
	_, life, err := s.env.operatorPicture(ctx, config, operatorFlags{})
	var none noOperatorError
	switch {
	case s.kind == sourceAuto && (errors.As(err, &none) || err == nil && !life.alive):
		return s.clusterFeed(config)
	case err != nil:
		return nil, err
	}
	config.Timeout = 0
	return s.env.operatorFeed(config, operatorFlags{})
}

// clusterFeed judges the catalogue again whenever something changes.
func (s *source) clusterFeed(config *rest.Config) (live.Feed, error) {
	config.Timeout = 0 // of a watch it would be the end
	catalogue := judge.Compile(s.read.architecture, s.read.mappings)
	return live.NewCluster(config, catalogue, s.env.contextName())
}

// operatorFeed follows what the operator keeps in a cluster.
func (e *env) operatorFeed(config *rest.Config, flags operatorFlags) (live.Feed, error) {
	o, err := newOperator(config, flags)
	if err != nil {
		return nil, err
	}
	name := e.contextName()
	return live.NewOperator(config, func(
		ctx context.Context, architectures []v1alpha1.ClusterArchitecture, mappings []v1alpha1.ComponentMapping,
	) (*report.Report, string, error) {
		k := &kept{mappings: mappings, architectures: architectures, lease: o.readLease(ctx)}
		r, life, err := k.picture(flags, o.clock.Now())
		if err != nil {
			return nil, "", err
		}
		r.Source = name
		return r, life.doubt(), nil
	})
}
