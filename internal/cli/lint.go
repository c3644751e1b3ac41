// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/lint"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/source"
)

// The formats of lint other than JSON.
const (
	formatLines = "text"
	formatSARIF = "sarif"
)

// linting is the flags of lint.
type linting struct {
	files   []string
	strict  bool
	disable []string
	against string
	limits  dump.Limits
	output  format
}

func newLintCommand(e *env) *cobra.Command {
	o := &linting{}
	command := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check mappings before they are committed",
		Long: "Check ComponentMappings and ClusterArchitectures in files: what the API server would reject, expressions that do not\n" +
			"compile or read fields that don't exist, names that clash, variants that can never be found, and what the operator\n" +
			"lacks permission to read. No cluster is needed. Directories are searched for *.yaml, *.yml and *.json, except\n" +
			"kustomization files; build those first.\n\n" +
			"With --against, the checks are also tried on a dump of a cluster that runs the component: a container that no workload\n" +
			"has, an expression that fails, or a check that finds nothing is reported.\n\n" +
			"What is wrong by itself is an error. What may be right together with something outside these files, such as a role\n" +
			"kept elsewhere, is a warning.\n\nRules: " + strings.Join(lint.RuleNames(), ", ") + ".\n\n" +
			"Exit codes: 0 no errors, 1 errors (with --strict, also warnings), 2 couldn't read a file, 3 usage.",
		Example: `  # All mappings of a repository
  kubectl archmap lint mappings/

  # In a pipeline: fail on warnings, and show the findings next to the code
  kubectl archmap lint mappings/ --strict -o sarif > archmap.sarif

  # What kustomize builds
  kubectl kustomize overlays/prod | kubectl archmap lint -

  # Do the checks find what runs? The output of kubectl get is a dump, too
  kubectl archmap lint cert-manager.yaml --against bundle.tar.gz

  # For mappings that only the plugin uses: ignore the operator's permissions
  kubectl archmap lint mappings/ --disable rbac`,
		RunE: func(command *cobra.Command, args []string) error {
			o.files = append(args, o.files...)
			return e.lint(command.Context(), o)
		},
	}
	flags := command.Flags()
	addFilenames(command, &o.files)
	flags.BoolVar(&o.strict, "strict", false, "Fail on warnings, too")
	flags.StringSliceVar(&o.disable, "disable", nil, "Rules to disable: "+strings.Join(lint.RuleNames(), ", "))
	_ = command.RegisterFlagCompletionFunc("disable", cobra.FixedCompletions(lint.RuleNames(), cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&o.against, "against", "", "Also try the checks on this dump of a cluster: a file, a directory, or a tar archive")
	addLimitFlags(flags, &o.limits)
	o.output.addFlag(command, formatLines, formatJSON, formatSARIF)
	return command
}

// addFilenames lets a command that reads nothing else than files take them as arguments, or with -f.
func addFilenames(command *cobra.Command, files *[]string) {
	command.Args = cobra.ArbitraryArgs
	command.Flags().StringSliceVarP(files, "filename", "f", nil, "Files or directories with mappings, or - for standard input")
	_ = command.MarkFlagFilename("filename", "yaml", "yml", "json")
}

// readMappings reads files of which at least one must hold a mapping or an architecture, or something that is wrong.
func (e *env) readMappings(files []string) (*manifest.Set, error) {
	if len(files) == 0 {
		return nil, usagef("name files or directories with mappings, or - for standard input")
	}
	set, err := manifest.Read(files, e.In)
	if err != nil {
		return nil, err
	}
	if len(set.Mappings)+len(set.Architectures)+len(set.Problems) == 0 {
		return nil, fmt.Errorf("no ComponentMapping or ClusterArchitecture in %s", strings.Join(files, ", "))
	}
	return set, nil
}

func (e *env) lint(ctx context.Context, o *linting) error {
	if err := o.output.validate(); err != nil {
		return err
	}
	for _, rule := range o.disable {
		if !slices.Contains(lint.RuleNames(), rule) {
			return usagef("unknown rule %q; valid rules: %s", rule, strings.Join(lint.RuleNames(), ", "))
		}
	}
	set, err := e.readMappings(o.files)
	if err != nil {
		return err
	}
	options := lint.Options{Without: o.disable}
	if o.against != "" {
		if options.Against, err = e.lintDump(ctx, o, set); err != nil {
			return err
		}
	}
	findings, err := lint.Run(set, options)
	if err != nil {
		return err
	}
	if err := e.printFindings(set, findings, o.output.chosen); err != nil {
		return err
	}
	if worst := lint.Worst(findings); worst == lint.Error || o.strict && worst == lint.Warning {
		return verdictError{exitAct}
	}
	return nil
}

// lintDump reads from the dump what the mappings look for.
func (e *env) lintDump(ctx context.Context, o *linting, set *manifest.Set) (*lint.Dump, error) {
	if o.against == stdin && slices.Contains(o.files, stdin) {
		return nil, usagef("standard input (-) can be used only once")
	}
	definitions := &source.Definitions{}
	for _, m := range set.Mappings {
		definitions.Mappings = append(definitions.Mappings, *m.Value)
	}
	from := &source.Dump{Path: o.against, In: e.In, Limits: o.limits, Definitions: definitions, Progress: e.progress}
	read, info, err := from.Read(ctx, lint.Needs(set), true)
	if err != nil {
		return nil, err
	}
	e.warn(info.Warnings...)
	return &lint.Dump{Snapshot: read, Definitions: info.Definitions}, nil
}

func (e *env) printFindings(set *manifest.Set, findings []lint.Finding, as string) error {
	switch as {
	case formatJSON:
		return lint.WriteJSON(e.Out, findings)
	case formatSARIF:
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		return lint.WriteSARIF(e.Out, findings, e.version, dir)
	}
	if err := lint.WriteText(plain{e.Out}, findings); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.ErrOut, "%s, %s, %s in %s and %s\n",
		count(lint.Count(findings, lint.Error), "error"), count(lint.Count(findings, lint.Warning), "warning"),
		count(lint.Count(findings, lint.Note), "note"),
		count(len(set.Mappings), "mapping"), count(len(set.Architectures), "architecture"))
	return err
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
