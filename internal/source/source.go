// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package source provides verdicts on a cluster: the operator's objects, an evaluation of the cluster with the user's own
// rights, or an evaluation of a dump. All give the same report; those of a cluster can be followed.
package source

import (
	"context"
	"fmt"
	"slices"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/snapshot"
)

// Source provides verdicts on a cluster.
type Source interface {
	// Evaluate returns the current verdicts. It returns an InputError when the input of the user does not exist. Errors
	// are worded for users.
	Evaluate(ctx context.Context) (*Result, error)
}

// Result is the verdicts on a cluster, with notes on how far to rely on them.
type Result struct {
	Report *report.Report
	// Stale says why the verdicts may be out of date; it is empty while they are current.
	Stale string
	// Notes are further warnings for whoever relies on the verdicts.
	Notes []string
	// Read is what was read from the cluster or dump; nil for the verdicts of an operator.
	Read *snapshot.Snapshot
}

// Warnings returns Notes and Stale.
func (r *Result) Warnings() []string {
	return slices.DeleteFunc(append(slices.Clone(r.Notes), r.Stale), func(s string) bool { return s == "" })
}

// Concerns returns those of the report. When the verdicts are stale, what holds now is unknown.
func (r *Result) Concerns() []report.Concern {
	concerns := r.Report.Concerns()
	if r.Stale != "" {
		concerns = append(concerns, report.ConcernUnknown)
	}
	return concerns
}

// Progress starts to show the progress of a long operation, until end is called. A nil Progress shows nothing.
type Progress func(what string) (update func(done, all int), end func())

func (p Progress) begin(what string) (update func(done, all int), end func()) {
	if p == nil {
		return func(int, int) {}, func() {}
	}
	return p(what)
}

// InputError reports that the input of the user does not exist or is invalid, so that trying again does not help.
type InputError struct{ Err error }

func (e InputError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e InputError) Unwrap() error { return e.Err }

func inputErrorf(format string, args ...any) error { return InputError{fmt.Errorf(format, args...)} }

// Interruptible calls do, and returns when the context ends even if do does not, as programs that fetch credentials may
// ignore the context. The error is then the context's cause.
func Interruptible[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := do(ctx)
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return answer{}.value, context.Cause(ctx)
	}
}
