// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import "syscall"

// ownGroup keeps Ctrl-C from the child, so that all end in order, and ends it when its parent is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
