// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/report"
)

// source is where a command has its picture of a cluster from.
type source struct {
	env *env
}

func (s *source) addFlags(command *cobra.Command) {
}

// catalogue is what is judged: the built-in one of AKS.
func (s *source) catalogue() (*judge.Catalogue, error) {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	return judge.Compile(&loaded.Architectures[0], loaded.Mappings), nil
}

// look judges the catalogue on the cluster of the context, and also returns what was read of it.
func (s *source) look(ctx context.Context) (*report.Picture, *observe.Dump, error) {
	catalogue, err := s.catalogue()
	if err != nil {
		return nil, nil, err
	}
	reader, err := s.env.newReader(ctx)
	if err != nil {
		return nil, nil, err
	}
	progress := newProgress(s.env.ErrOut, "Reading the cluster")
	defer progress.end()
	reader.Progress = progress.tell
	verdicts, dump, err := catalogue.Look(ctx, reader)
	if err != nil {
		return nil, nil, err
	}
	return pictureOf(verdicts, s.env.contextName()), dump, nil
}

func pictureOf(v *judge.Verdicts, source string) *report.Picture {
	p := &report.Picture{Mappings: v.Mappings, Source: source, ObservedAt: v.At}
	if v.Architecture != nil {
		p.Architecture = *v.Architecture
	}
	return p
}

// contextName is the name of the context, for people.
func (e *env) contextName() string {
	config, err := e.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return cmp.Or(*e.flags.Context, config.CurrentContext, "in-cluster")
}

// newReader makes a reader of the cluster of the context; it fails when the cluster cannot be reached.
func (e *env) newReader(ctx context.Context) (*observe.Reader, error) {
	config, err := e.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to read: %w; choose one with --context or --kubeconfig, or read a dump with --from", err)
	}
	return observe.NewReader(config, newMapper)
}

// newMapper asks the cluster which kinds it serves, at once and for all of them. What an aggregated API server does
// not tell while it is down is not served.
func newMapper(config *rest.Config, client *http.Client) (meta.RESTMapper, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(d)
	if err != nil {
		return nil, err
	}
	return restmapper.NewDiscoveryRESTMapper(groups), nil
}
