// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command golangci-lint is golangci-lint with two more linters: kubeapilinter for the API types and
// logcheck for structured logging. Built from pinned modules like every other tool, so that linting needs
// nothing but Go.
package main

import (
	"os"
	"runtime/debug"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"

	_ "sigs.k8s.io/kube-api-linter"
	_ "sigs.k8s.io/logtools/logcheck/gclplugin"
)

func main() {
	if err := commands.Execute(buildInfo()); err != nil { // it has printed the error
		os.Exit(exitcodes.Failure)
	}
}

// buildInfo returns what `golangci-lint version` prints: the version of the module this command wraps.
func buildInfo() commands.BuildInfo {
	info := commands.BuildInfo{Version: "unknown", Commit: "with kubeapilinter and logcheck", Date: "unknown"}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	info.GoVersion = build.GoVersion
	for _, module := range build.Deps {
		if module.Path == "github.com/golangci/golangci-lint/v2" {
			info.Version = module.Version
		}
	}
	return info
}
