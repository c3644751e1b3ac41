// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-archmap is a kubectl plugin: what archmap says of a cluster, also where no operator is installed.
package main

import (
	"os"
	"runtime/debug"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/archmap/archmap/internal/cli"
)

// version is set by the linker.
var version = "devel"

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // most of what it takes is pages on their way
	}
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(cli.Run(os.Args[1:], streams, version))
}
