// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/source"
)

// completionTimeout limits the reads of a completion, as the user waits at the prompt.
const completionTimeout = 800 * time.Millisecond

// completeComponents proposes the components of the built-in catalog, and those of the cluster if it answers at once.
// It is for commands that take one component.
func (e *env) completeComponents(command *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.completeManyComponents(command, args, typed)
}

// completeManyComponents is for commands that take several.
func (e *env) completeManyComponents(command *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var mappings []v1alpha1.ComponentMapping
	if shipped, err := catalog.Load(catalog.AKS, catalog.AKSExtras); err == nil {
		mappings = shipped.Mappings
	}
	ctx := command.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return componentProposals(append(mappings, e.mappingsOfCluster(ctx)...), typed), cobra.ShellCompDirectiveNoFileComp
}

// componentProposals are the names that begin with what was typed, else the aliases that do; the later mapping of a name
// counts.
func componentProposals(mappings []v1alpha1.ComponentMapping, typed string) []cobra.Completion {
	names, aliases := map[string]string{}, map[string]string{}
	for _, m := range mappings {
		names[m.Name] = m.Spec.Component
		for _, alias := range m.Spec.Aliases {
			aliases[string(alias)] = m.Name
		}
	}
	for _, words := range []map[string]string{names, aliases} {
		var out []cobra.Completion
		for _, word := range slices.Sorted(maps.Keys(words)) {
			if strings.HasPrefix(word, typed) {
				out = append(out, cobra.CompletionWithDesc(word, words[word]))
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// mappingsOfCluster returns those of the cluster if it answers in time. It ignores errors, as a completion shows none.
func (e *env) mappingsOfCluster(ctx context.Context) []v1alpha1.ComponentMapping {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	found, _ := source.Interruptible(ctx, func(ctx context.Context) ([]v1alpha1.ComponentMapping, error) {
		config, err := e.flags.ToRESTConfig()
		if err != nil {
			return nil, err
		}
		if config.ExecProvider != nil {
			config.ExecProvider.StdinUnavailable = true // the shell reads it
		}
		return (&source.Operator{Config: config}).Mappings(ctx)
	})
	return found
}

// completeContexts proposes contexts of the kubeconfig, also after a comma.
func (e *env) completeContexts(command *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	known, err := e.knownContexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return completeList(known)(command, args, typed)
}

// completeList proposes values of a list, also after a comma, but none twice. A value may have a description.
func completeList(known []cobra.Completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return proposals(known, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

func proposals(known []cobra.Completion, typed string) []cobra.Completion {
	before, given := "", []string{}
	if comma := strings.LastIndexByte(typed, ','); comma >= 0 {
		before = typed[:comma+1]
		given = strings.Split(before, ",")
	}
	var out []cobra.Completion
	for _, name := range known {
		if value, _, _ := strings.Cut(name, "\t"); !slices.Contains(given, value) {
			out = append(out, before+name)
		}
	}
	return out
}

// completeKubeconfig has the flags that name parts of the kubeconfig completed from it.
func (e *env) completeKubeconfig(root *cobra.Command) {
	for flag, names := range map[string]func() ([]string, error){
		"context": e.knownContexts,
		"cluster": func() ([]string, error) {
			config, err := e.flags.ToRawKubeConfigLoader().RawConfig()
			return slices.Sorted(maps.Keys(config.Clusters)), err
		},
		"user": func() ([]string, error) {
			config, err := e.flags.ToRawKubeConfigLoader().RawConfig()
			return slices.Sorted(maps.Keys(config.AuthInfos)), err
		},
	} {
		_ = root.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			known, err := names()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return known, cobra.ShellCompDirectiveNoFileComp
		})
	}
}
