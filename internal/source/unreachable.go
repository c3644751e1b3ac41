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

// unreachable says why a cluster was not read.
func unreachable(ctx context.Context, host string, err error) error {
	var request *url.Error
	switch errors.As(err, &request); {
	case apierrors.IsUnauthorized(err):
		err = errors.New("it does not know who you are; log in, or choose another user (Unauthorized)")
	case apierrors.IsForbidden(err):
		err = errors.New("it does not even tell you which kinds it serves; log in, or choose another user (Forbidden)")
	case ctx.Err() != nil:
		err = context.Cause(ctx) // which tells more than what it led to
	case request != nil && request.Timeout():
		err = errors.New("no answer in time")
	case request != nil:
		err = request.Err // without the address, which is told anyway
	}
	return fmt.Errorf("the cluster %s cannot be read: %w", host, err)
}
