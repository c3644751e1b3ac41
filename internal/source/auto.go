// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
)

// Auto takes the verdicts of the operator when one is alive to keep them true, and else evaluates the cluster itself.
type Auto struct {
	Operator *Operator
	Cluster  *Cluster
}

// Evaluate comes to the verdicts as they are now.
func (a *Auto) Evaluate(ctx context.Context) (*Result, error) {
	result, err := a.Operator.Evaluate(ctx)
	if noneAlive(result, err) {
		return a.Cluster.Evaluate(ctx)
	}
	return result, err
}

// Feed follows the one or the other, as it is now.
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

// noneAlive says that there is no operator alive. One that could not be asked may be.
func noneAlive(result *Result, err error) bool {
	var none noOperatorError
	return errors.As(err, &none) || err == nil && result.Stale != ""
}
