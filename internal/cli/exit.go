// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/source"
)

// The exit codes of every command.
const (
	// exitHealthy: everything required is present, and nothing is unhealthy.
	exitHealthy = 0
	// exitUnhealthy: something is unhealthy, or required and missing.
	exitUnhealthy = 1
	// exitUnknown: the verdict is not known, or the command failed.
	exitUnknown = 2
	// exitUsage: the command was not understood.
	exitUsage = 3
)

// usageError is an error in how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// verdictError ends a command with an exit code and no further message.
type verdictError struct{ code int }

func (e verdictError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// verdictOf turns a verdict into the command's end.
func verdictOf(s catalog.State) error {
	switch s {
	case catalog.Healthy:
		return nil
	case catalog.Unhealthy:
		return verdictError{exitUnhealthy}
	}
	return verdictError{exitUnknown}
}

// exitCode returns the exit code of a command, and whether the error has yet to be printed.
func exitCode(err error) (code int, show bool) {
	var verdict verdictError
	var usage usageError
	var input source.InputError
	switch {
	case err == nil:
		return exitHealthy, false
	case errors.As(err, &verdict):
		return verdict.code, false
	case errors.As(err, &usage), errors.As(err, &input):
		return exitUsage, true
	}
	return exitUnknown, true
}
