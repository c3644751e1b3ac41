// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package catalog defines once what all packages say about a catalog: the order of rows and advisories, the short names
// of methods, the state of a component, and the defaults of mappings and architectures. It depends only on the API. The
// catalog itself, the mappings of a platform, is in config/catalog.
package catalog
