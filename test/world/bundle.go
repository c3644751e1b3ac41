// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"io"

	"github.com/archmap/archmap/internal/bundle"
)

// Bundle writes what kubectl archmap collect would write of the world as it is now.
func (w *World) Bundle(out io.Writer) error {
	rows, err := shippedRows()
	if err != nil {
		return err
	}
	compiled, err := shipped()
	if err != nil {
		return err
	}
	all, err := w.Snapshot()
	if err != nil {
		return err
	}
	_, read, err := compiled.ReadAndJudge(context.Background(), all)
	if err != nil {
		return err
	}
	_, err = bundle.Write(out, read, bundle.About{Cluster: w.shape.Name, CollectedBy: "devel", Mappings: rows.Mappings})
	return err
}
