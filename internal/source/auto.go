// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
)

// Auto uses the verdicts of the operator if one is alive, and else evaluates the cluster itself.
type Auto struct {
	Operator *Operator
	Cluster  *Cluster
}

// Evaluate implements Source.
func (a *Auto) Evaluate(ctx context.Context) (*Result, error) {
	result, err := a.Operator.Evaluate(ctx)
	if noneAlive(result, err) {
		return a.Cluster.Evaluate(ctx)
	}
	return result, err
}

// Feed returns the feed of the operator if one is alive now, else that of the cluster.
func (a *Auto) Feed(ctx context.Context) (Feed, error) {
	result, err := a.Operator.Evaluate(ctx)
	switch {
	case noneAlive(result, err):
		return a.Cluster.Feed()
	case err != nil:
		return nil, err
	}
	return a.Operator.Feed()
}

// noneAlive reports whether there is no operator alive. One that could not be asked may be.
func noneAlive(result *Result, err error) bool {
	var none noOperatorError
	return errors.As(err, &none) || err == nil && result.Stale != ""
}
