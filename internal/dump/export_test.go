// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

// Everything returns options with which all but Secrets is kept, whatever is needed.
func Everything(o Options) Options {
	o.everything = true
	return o
}
