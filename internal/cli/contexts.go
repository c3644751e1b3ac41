// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
)

const (
	// contextTimeout is how long each of several clusters has to answer, unless --request-timeout says otherwise.
	contextTimeout = 10 * time.Second
	// maxParallelContexts is how many clusters are read at the same time.
	maxParallelContexts = 64
)

// contexts are the flags that choose several clusters.
type contexts struct {
	chosen []string
	all    bool
}

func (c *contexts) addFlags(e *env, command *cobra.Command) {
	command.Flags().StringSliceVar(&c.chosen, "contexts", nil, "Show the clusters of these contexts side by side, for example a,b,c")
	command.Flags().BoolVar(&c.all, "all-contexts", false, "Show the clusters of all contexts in the kubeconfig side by side")
	_ = command.RegisterFlagCompletionFunc("contexts", e.completeContexts)
}

func (c *contexts) wanted() bool { return c.all || c.chosen != nil }

// oneCluster are the flags that mean one cluster.
var oneCluster = []string{"context", "cluster", "server", "tls-server-name"}

func (c *contexts) validate(command *cobra.Command) error {
	if c.all && c.chosen != nil {
		return usagef("use either --contexts or --all-contexts")
	}
	for _, name := range oneCluster {
		if flag := command.Flag(name); flag != nil && flag.Changed {
			return usagef("--%s applies to one cluster and can't be used with --contexts or --all-contexts", name)
		}
	}
	return nil
}

// chosenNames returns the names of the chosen contexts, each once, in the order in which they were given; with
// --all-contexts all of them, sorted.
func (c *contexts) chosenNames(e *env) ([]string, error) {
	known, err := e.knownContexts()
	if err != nil {
		return nil, err
	}
	if len(known) == 0 {
		return nil, usagef("the kubeconfig has no contexts")
	}
	if c.all {
		return known, nil
	}
	var names, unknown []string
	for _, name := range c.chosen {
		switch name = strings.TrimSpace(name); {
		case slices.Contains(names, name):
		case slices.Contains(known, name):
			names = append(names, name)
		default:
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	if len(unknown) > 0 {
		return nil, usagef("the kubeconfig has no context %s; it has: %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	if len(names) == 0 {
		return nil, usagef("--contexts is empty; the kubeconfig has: %s", strings.Join(known, ", "))
	}
	return names, nil
}

// knownContexts returns the contexts of the kubeconfig, by name.
func (e *env) knownContexts() ([]string, error) {
	config, err := e.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return slices.Sorted(maps.Keys(config.Contexts)), nil
}

// configOf returns how the cluster of the context is reached, with the other flags as they are.
func (e *env) configOf(name string) (*rest.Config, error) {
	config, err := e.inContext(name).ToRESTConfig()
	if err != nil {
		return nil, err
	}
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "several clusters are read at the same time; log in to this one first"
	}
	return config, nil
}

// inContext returns the flags for another context.
func (e *env) inContext(name string) *genericclioptions.ConfigFlags {
	flags, given := newConfigFlags(e.version), e.flags
	flags.Context = &name
	flags.KubeConfig, flags.CacheDir = given.KubeConfig, given.CacheDir
	flags.Namespace, flags.Timeout = given.Namespace, given.Timeout
	flags.AuthInfoName, flags.BearerToken, flags.CertFile, flags.KeyFile = given.AuthInfoName, given.BearerToken, given.CertFile, given.KeyFile
	flags.Impersonate, flags.ImpersonateUID = given.Impersonate, given.ImpersonateUID
	flags.ImpersonateGroup, flags.ImpersonateUserExtra = given.ImpersonateGroup, given.ImpersonateUserExtra
	flags.Insecure, flags.CAFile = given.Insecure, given.CAFile
	flags.DisableCompression, flags.ProxyURL = given.DisableCompression, given.ProxyURL
	return flags
}
