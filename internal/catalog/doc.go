// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package catalog has the words in which everybody speaks of the catalog: the order of rows and advisories, the short
// names of methods, the state of a component, and the defaults of what a mapping or an architecture leaves out. It
// knows the API and nothing else. The catalog itself, the mappings of a platform, is config/catalog.
package catalog
