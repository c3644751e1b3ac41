// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package source is where verdicts on a cluster come from: the objects that an operator keeps in it, an evaluation of the
// cluster with the rights of whoever asks, or one of a dump. All give the same report; those of a cluster can be followed.
package source

import (
	"context"
	"fmt"
	"slices"

	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/snapshot"
)

// Source is where verdicts on a cluster come from.
type Source interface {
	// Evaluate comes to the verdicts as they are now. An error says for people why it cannot; it is an InputError when
	// something was asked for that there is not.
	Evaluate(ctx context.Context) (*Result, error)
}

// Result is the verdicts on a cluster, and what must be known of them.
type Result struct {
	Report *report.Report
	// Stale says why the verdicts may be out of date; it is empty while they are current.
	Stale string
	// Notes are what else whoever relies on the verdicts must know.
	Notes []string
	// Read is what was read of the cluster or of the dump; nil for the verdicts of an operator.
	Read *snapshot.Snapshot
}

// Warnings are all that whoever relies on the verdicts must know.
func (r *Result) Warnings() []string {
	return slices.DeleteFunc(append(slices.Clone(r.Notes), r.Stale), func(s string) bool { return s == "" })
}

// Verdict of the report: what is well in stale verdicts may not be well now, so that is Unknown.
func (r *Result) Verdict() catalog.State {
	if v := r.Report.Verdict(); r.Stale == "" || v != catalog.Healthy {
		return v
	}
	return catalog.Unknown
}

// Progress begins to tell a person how far something is that takes long, until the end is called. A nil one tells nobody.
type Progress func(what string) (tell func(done, all int), end func())

func (p Progress) begin(what string) (tell func(done, all int), end func()) {
	if p == nil {
		return func(int, int) {}, func() {}
	}
	return p(what)
}

// InputError says that what was asked for is not there, or is wrong in itself: whoever asked must ask for something else.
type InputError struct{ Err error }

func (e InputError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e InputError) Unwrap() error { return e.Err }

func inputErrorf(format string, args ...any) error { return InputError{fmt.Errorf(format, args...)} }

// Within does something that may not heed the context, as programs that fetch credentials do not, and does not wait for
// it when the context ends. The error is then the cause of that.
func Within[T any](ctx context.Context, do func(context.Context) (T, error)) (T, error) {
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
