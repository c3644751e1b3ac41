// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import "testing"

// Everything returns options with which all but Secrets is kept, whatever is needed.
func Everything(o Options) Options {
	o.everything = true
	return o
}

// SetMaxUnpacked makes archives too big that are small enough to be made in a test.
func SetMaxUnpacked(t *testing.T, limit int64) {
	before := maxUnpacked
	t.Cleanup(func() { maxUnpacked = before })
	maxUnpacked = limit
}
