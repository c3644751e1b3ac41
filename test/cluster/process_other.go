// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package cluster

import "syscall"

// ownGroup is only needed where a child can be tied to its parent's life.
func ownGroup() *syscall.SysProcAttr { return nil }
