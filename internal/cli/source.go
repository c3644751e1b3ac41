// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/source"
)

// The values of --source.
const (
	sourceAuto     = "auto"
	sourceOperator = "operator"
	sourceCluster  = "cluster"
)

var sourceKinds = []string{sourceAuto, sourceOperator, sourceCluster}

// contextPrefix makes --from the cluster of a context.
const contextPrefix = "context:"

// stdin is the path that means standard input.
const stdin = "-"

// sourceFlags say where a command has its verdicts from.
type sourceFlags struct {
	env *env
	// kind is where verdicts come from when there is no dump: from the operator, or from evaluating the cluster here.
	kind  string
	from  string
	files []string
	// onlyFiles leaves the built-in catalog out.
	onlyFiles bool
	at        string
	limits    dump.Limits

	// definitions once they were read: standard input (-) can be used only once.
	definitions *source.Definitions
}

// addFlags adds the flags of commands that evaluate the cluster or a dump themselves.
func (s *sourceFlags) addFlags(command *cobra.Command) {
	s.kind = sourceCluster
	s.addDumpFlags(command)
	s.addFilesFlag(command)
}

// addDumpFlags lets the reader choose a dump instead of the cluster.
func (s *sourceFlags) addDumpFlags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.from, "from", "", "Read a dump instead of the cluster: a file, a directory, a tar archive, or - for standard input")
	flags.StringVar(&s.at, "at", "", "Time when the dump was taken, if the dump does not say (RFC 3339)")
	addLimitFlags(flags, &s.limits)
}

// addLimitFlags adds the flags that raise the limits of what is read of a dump.
func addLimitFlags(flags *pflag.FlagSet, limits *dump.Limits) {
	defaults := dump.Limits{}.WithDefaults()
	flags.Uint32Var(&limits.Files, dump.FlagFiles, defaults.Files, "Most files to read from a dump")
	flags.Uint32Var(&limits.Objects, dump.FlagObjects, defaults.Objects, "Most objects to read from a dump")
	flags.Uint32Var(&limits.Unpacked, dump.FlagUnpacked, defaults.Unpacked, "Most data to unpack from a dump, in MiB")
	flags.Uint32Var(&limits.Memory, dump.FlagMemory, defaults.Memory, "Most memory for the objects of a dump, in MiB")
}

// addAllFlags lets the reader also choose the verdicts that an operator keeps.
func (s *sourceFlags) addAllFlags(command *cobra.Command) {
	s.addFlags(command)
	s.addKindFlag(command)
}

// addFeedFlags adds the flags of commands that follow a cluster.
func (s *sourceFlags) addFeedFlags(command *cobra.Command) {
	s.addFilesFlag(command)
	s.addKindFlag(command)
}

func (s *sourceFlags) addFilesFlag(command *cobra.Command) {
	flags := command.Flags()
	flags.StringSliceVarP(&s.files, "filename", "f", nil,
		"Add mappings from files, directories, or -; one with the name of a built-in mapping replaces it")
	addOnlyMine(flags, &s.onlyFiles)
	_ = command.MarkFlagFilename("filename", "yaml", "yml", "json")
}

// addOnlyMine adds the flag that leaves the built-in catalog out.
func addOnlyMine(flags *pflag.FlagSet, value *bool) {
	flags.BoolVar(value, "only-mine", false, "Leave out the built-in catalog and use only your own mappings")
}

var errNoFiles = usagef("--only-mine leaves out the built-in catalog; name your own mappings with -f")

func (s *sourceFlags) addKindFlag(command *cobra.Command) {
	command.Flags().StringVar(&s.kind, "source", sourceAuto,
		"Where the verdicts come from: operator (kept in the cluster), cluster (checked now), or auto:\n"+
			"the operator's if it is running. One of: "+strings.Join(sourceKinds, ", "))
	_ = command.RegisterFlagCompletionFunc("source", cobra.FixedCompletions(sourceKinds, cobra.ShellCompDirectiveNoFileComp))
}

// prepare finds mistakes in the flags, and reads the definitions.
func (s *sourceFlags) prepare(ctx context.Context) (err error) {
	inputs := slices.DeleteFunc(append([]string{s.from}, s.files...), func(path string) bool { return path != stdin })
	switch {
	case !slices.Contains(sourceKinds, s.kind):
		return usagef("unknown source %q; valid sources: %s", s.kind, strings.Join(sourceKinds, ", "))
	case s.kind == sourceOperator && (s.from != "" && !s.isContext() || len(s.files) > 0):
		return usagef("--source operator shows the operator's verdicts and can't be used with a dump or --filename")
	case s.onlyFiles && len(s.files) == 0:
		return errNoFiles
	case s.at != "" && (s.from == "" || s.isContext()):
		return usagef("--at is the time of a dump; name the dump with --from")
	case len(inputs) > 1:
		return usagef("standard input (-) can be used only once")
	case s.definitions != nil:
		return nil
	}
	if s.definitions, err = source.ReadDefinitions(ctx, s.files, s.onlyFiles, s.env.In); err != nil {
		return err
	}
	s.env.warn(s.definitions.Replaced...)
	return nil
}

// evaluate returns the verdicts of the command's source, and prints its warnings.
func (s *sourceFlags) evaluate(ctx context.Context) (*source.Result, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	from, err := s.source()
	if err != nil {
		return nil, err
	}
	result, err := from.Evaluate(ctx)
	if err != nil {
		return nil, err
	}
	s.env.warn(result.Warnings()...)
	return result, nil
}

// report returns the verdicts alone.
func (s *sourceFlags) report(ctx context.Context) (*report.Report, error) {
	result, err := s.evaluate(ctx)
	if err != nil {
		return nil, err
	}
	return result.Report, nil
}

// documentation returns a report of the catalog alone, without a cluster.
func (s *sourceFlags) documentation(ctx context.Context) (*report.Report, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	return s.definitions.Documentation(s.env.now()), nil
}

// source returns what the flags choose.
func (s *sourceFlags) source() (source.Source, error) {
	switch {
	case s.isContext():
		other, err := s.ofContext(strings.TrimPrefix(s.from, contextPrefix))
		if err != nil {
			return nil, err
		}
		return other.source()
	case s.from != "":
		at, err := s.time()
		if err != nil {
			return nil, err
		}
		return &source.Dump{Path: s.from, In: s.env.In, At: at, Limits: s.limits, Definitions: s.definitions, Progress: s.env.progress}, nil
	}
	config, err := s.env.clusterConfig()
	switch {
	case err != nil && s.evaluatesCluster():
		return nil, fmt.Errorf("%w, or read a dump with --from", err)
	case err != nil:
		return nil, err
	case s.evaluatesCluster():
		return s.cluster(config), nil
	case s.kind == sourceOperator:
		return s.operator(config), nil
	}
	return &source.Auto{Operator: s.operator(config), Cluster: s.cluster(config)}, nil
}

// feed follows the cluster of the context.
func (s *sourceFlags) feed(ctx context.Context) (source.Feed, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	config, err := s.env.clusterConfig()
	if err != nil {
		return nil, err
	}
	switch {
	case s.evaluatesCluster():
		return s.cluster(config).Feed()
	case s.kind == sourceOperator:
		// What cannot be read at all is reported at once.
		operator := s.operator(config)
		if _, err := operator.Evaluate(ctx); err != nil {
			return nil, err
		}
		return operator.Feed()
	}
	return (&source.Auto{Operator: s.operator(config), Cluster: s.cluster(config)}).Feed(ctx)
}

// evaluatesCluster reports whether no operator is asked: none keeps verdicts of the reader's own files.
func (s *sourceFlags) evaluatesCluster() bool { return s.kind == sourceCluster || len(s.files) > 0 }

func (s *sourceFlags) cluster(config *rest.Config) *source.Cluster {
	return &source.Cluster{Config: config, Name: s.env.contextName(), Definitions: s.definitions, Progress: s.env.progress}
}

func (s *sourceFlags) operator(config *rest.Config) *source.Operator {
	return &source.Operator{Config: config, Name: s.env.contextName()}
}

func (s *sourceFlags) isDump() bool { return s.from != "" && !s.isContext() }

func (s *sourceFlags) isContext() bool { return strings.HasPrefix(s.from, contextPrefix) }

// ofContext returns the same about the cluster of another context.
func (s *sourceFlags) ofContext(name string) (*sourceFlags, error) {
	if _, err := (&contexts{chosen: []string{name}}).chosenNames(s.env); err != nil {
		return nil, err
	}
	other, e := *s, *s.env
	other.from, other.env = "", &e
	e.flags = s.env.inContext(name)
	return &other, nil
}

// time returns --at.
func (s *sourceFlags) time() (time.Time, error) {
	if s.at == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s.at)
	if err != nil {
		return t, usagef("invalid time --at %q; write it like %s", s.at, "2026-11-22T14:30:00Z")
	}
	return t, nil
}

// warn prints warnings that qualify the output.
func (e *env) warn(warnings ...string) {
	e.stderr.Lock()
	defer e.stderr.Unlock()
	for _, w := range warnings {
		fmt.Fprintf(e.ErrOut, "Warning: %s\n", w)
	}
}

// contextName returns the name of the context for messages.
func (e *env) contextName() string {
	config, err := e.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return cmp.Or(*e.flags.Context, config.CurrentContext, "in-cluster")
}

// clusterConfig returns how the cluster of the context is reached.
func (e *env) clusterConfig() (*rest.Config, error) {
	config, err := e.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to read: %w; choose one with --context or --kubeconfig", err)
	}
	return config, nil
}
