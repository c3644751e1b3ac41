// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/source"
)

// The exit codes of every command.
const (
	// exitNothing: there is nothing to do.
	exitNothing = 0
	// exitAct: action needed. A component is unhealthy or missing, or a rule does not hold.
	exitAct = 1
	// exitUnknown: something that should be readable could not be read, or the command failed.
	exitUnknown = 2
	// exitUsage: the command was not understood.
	exitUsage = 3
)

// exitCodes says what they mean where a cluster is looked at, for the help of commands.
func exitCodes() string {
	_, about := report.AllConcerns()
	return fmt.Sprintf("Exit codes: %d nothing to do, %d action needed, %d %s,\n%d usage.",
		exitNothing, exitAct, exitUnknown, about[report.ConcernUnknown], exitUsage)
}

// usageError is an error in how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// verdictError ends a command with an exit code and no further message.
type verdictError struct{ code int }

func (e verdictError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// failOn is the flag --fail-on: which concerns end a command with exit code 1, or 2.
type failOn struct{ chosen []string }

// The values of --fail-on beside the concerns.
const (
	failOnNone = "none"
	failOnAll  = "all"
)

// addFlag adds the flag; byDefault is what counts unless it is given.
func (f *failOn) addFlag(command *cobra.Command, byDefault ...string) {
	names, about := report.AllConcerns()
	var lines, completions []string
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("  %-12s %s", name, about[name]))
		completions = append(completions, cobra.CompletionWithDesc(string(name), about[name]))
	}
	completions = append(completions, failOnAll, failOnNone)
	f.chosen = byDefault
	command.Flags().StringSliceVar(&f.chosen, "fail-on", f.chosen,
		"What makes the command exit with code 1 (2 for unknown); or all, or none:\n"+strings.Join(lines, "\n")+"\n")
	_ = command.RegisterFlagCompletionFunc("fail-on", completeList(completions))
}

// concernNames are concerns as values of the flag.
func concernNames(concerns []report.Concern) []string {
	names := make([]string, len(concerns))
	for i, c := range concerns {
		names[i] = string(c)
	}
	return names
}

func (f *failOn) validate() error {
	all, _ := report.AllConcerns()
	known := append(concernNames(all), failOnAll, failOnNone)
	for _, c := range f.chosen {
		if !slices.Contains(known, c) {
			return usagef("unknown value %q for --fail-on; valid values: %s", c, strings.Join(known, ", "))
		}
		if len(f.chosen) > 1 && (c == failOnAll || c == failOnNone) {
			return usagef("--fail-on %s can't be combined with other values", c)
		}
	}
	return nil
}

// end turns what is of concern about a cluster into the command's end.
func (f *failOn) end(concerns []report.Concern) error {
	unknown := false
	for _, c := range concerns {
		switch {
		case !slices.Contains(f.chosen, string(c)) && !slices.Contains(f.chosen, failOnAll):
		case c == report.ConcernUnknown:
			unknown = true
		default:
			return verdictError{exitAct}
		}
	}
	if unknown {
		return verdictError{exitUnknown}
	}
	return nil
}

// exitCode returns the exit code of a command, and whether the error has yet to be printed.
func exitCode(err error) (code int, show bool) {
	var verdict verdictError
	var usage usageError
	var input source.InputError
	switch {
	case err == nil:
		return exitNothing, false
	case errors.As(err, &verdict):
		return verdict.code, false
	case errors.As(err, &usage), errors.As(err, &input):
		return exitUsage, true
	}
	return exitUnknown, true
}
