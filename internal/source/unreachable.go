// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// noKubeconfigHost is where client-go looks for a cluster when nothing names one.
const noKubeconfigHost = "http://localhost:8080"

// unreachable says why a cluster was not read.
func unreachable(ctx context.Context, host string, err error) error {
	var request *url.Error
	switch errors.As(err, &request); {
	case apierrors.IsUnauthorized(err):
		err = errors.New("you are not logged in; log in, or choose another user (Unauthorized)")
	case apierrors.IsForbidden(err):
		err = errors.New("you are not permitted to list its API resources; log in, or choose another user (Forbidden)")
	case ctx.Err() != nil:
		err = context.Cause(ctx) // which tells more than what it led to
	case request != nil && request.Timeout():
		err = errors.New("no response in time")
	case request != nil:
		err = request.Err // without the address, which is told anyway
	}
	if host == noKubeconfigHost {
		err = fmt.Errorf("%w; there is no kubeconfig: choose a cluster with --context or --kubeconfig, or read a dump with --from", err)
	}
	return fmt.Errorf("couldn't read the cluster %s: %w", host, err)
}
