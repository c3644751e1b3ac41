// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli implements the commands of the kubectl plugin, one file per command. They are read-only.
package cli

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// env is what every command works with.
type env struct {
	genericiooptions.IOStreams
	// flags are those of kubectl: --context, --as, --request-timeout and the like.
	flags   *genericclioptions.ConfigFlags
	version string
	now     func() time.Time
	// stderr is held while ErrOut is written to by what runs beside other things: diff reads two clusters at once.
	stderr *sync.Mutex
}

// Run runs the plugin with the arguments and returns its exit code.
func Run(args []string, streams genericiooptions.IOStreams, version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program whatever hangs
	streams.ErrOut = plain{streams.ErrOut}
	e := &env{IOStreams: streams, flags: newConfigFlags(version), version: version, now: time.Now, stderr: &sync.Mutex{}}
	root := newRootCommand(e)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	code, show := exitCode(err)
	if show {
		fmt.Fprintf(streams.ErrOut, "error: %s\n", err)
	}
	if code == exitUsage {
		fmt.Fprintf(streams.ErrOut, "See '%s --help'.\n", command.CommandPath())
	}
	return code
}

func newConfigFlags(version string) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(true).WithDiscoveryBurst(300).WithDiscoveryQPS(50)
	return flags.WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.QPS, config.Burst = 50, 300        // as kubectl
		config.WarningHandler = rest.NoWarnings{} // which versions are deprecated is the catalog's business, not the reader's
		return rest.AddUserAgent(config, "kubectl-archmap/"+version)
	})
}

func newRootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "archmap",
		Short: "Show how each Kubernetes component runs on this cluster, and whether it is healthy",
		Long: "archmap compares a cluster with a catalog of components: how each is implemented on the platform, whether\n" +
			"it is present and healthy, and whether it is as documented. It never writes to a cluster.\n\n" +
			exitCodes(),
		Version:                    e.version,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		// kubectl shows a plugin under its own name.
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: displayName()},
	}
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.ErrOut)
	// kubectl completes plugins itself, with the help of kubectl_complete-archmap.
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	e.flags.AddFlags(root.PersistentFlags())
	addVerbosity(root.PersistentFlags())
	root.AddCommand(
		newCheckCommand(e),
		newCollectCommand(e),
		newStatusCommand(e),
		newExplainCommand(e),
		newDiffCommand(e),
		newTableCommand(e),
		newDiagramCommand(e),
		newReportCommand(e),
		newServeCommand(e),
		newLintCommand(e),
		newRBACCommand(e),
		newNewCommand(e),
	)
	e.completeKubeconfig(root)
	root.PersistentPreRun = func(command *cobra.Command, _ []string) {
		if command.Flag("v").Value.String() == "0" {
			quiet() // what went wrong is told once, in the words of the command
		}
	}
	root.Args, root.RunE = unknownCommand, func(root *cobra.Command, _ []string) error { return root.Help() }
	for _, command := range root.Commands() {
		command.Args = usageArgs(command.Args)
	}
	return root
}

// addVerbosity adds kubectl's flag -v: at 6 each request is shown.
func addVerbosity(flags *pflag.FlagSet) {
	log.SetLogger(klog.Background())
	all := flag.NewFlagSet("", flag.ContinueOnError)
	klog.InitFlags(all)
	flags.AddGoFlag(all.Lookup("v"))
}

// quiet silences the libraries that would report every attempt to reach the cluster again.
func quiet() {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
}

// displayName returns how the plugin was called: by kubectl, or by its own name.
func displayName() string {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-") {
		return "kubectl archmap"
	}
	return "archmap"
}

// unknownCommand returns the error for a command that does not exist.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if like := root.SuggestionsFor(args[0]); len(like) > 0 {
		return usagef("unknown command %q; did you mean %s?", args[0], strings.Join(like, ", "))
	}
	return usagef("unknown command %q", args[0])
}

// usageArgs makes complaints about arguments usage errors.
func usageArgs(validate cobra.PositionalArgs) cobra.PositionalArgs {
	if validate == nil {
		validate = cobra.NoArgs
	}
	return func(command *cobra.Command, args []string) error {
		if err := validate(command, args); err == nil {
			return nil
		} else if len(args) == 0 {
			return usagef("missing argument: %s", command.UseLine())
		}
		return usagef("too many arguments: %s; use explain for a component, and -f or --from for files", strings.Join(args, " "))
	}
}
