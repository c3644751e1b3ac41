// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/report"
)

// Definitions are the mappings and the architecture against which a cluster is checked.
type Definitions struct {
	// Architecture is nil when the reader's own files hold none.
	Architecture *v1alpha1.ClusterArchitecture
	Mappings     []v1alpha1.ComponentMapping
}

// ReadDefinitions reads the user's files, where - is in; without files it returns the built-in catalog of AKS. Errors in
// the files are InputErrors.
func ReadDefinitions(ctx context.Context, files []string, in io.Reader) (*Definitions, error) {
	return Interruptible(ctx, func(context.Context) (*Definitions, error) {
		if len(files) == 0 {
			return shipped()
		}
		return readFiles(files, in)
	})
}

func shipped() (*Definitions, error) {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	return &Definitions{&loaded.Architectures[0], loaded.Mappings}, nil
}

func readFiles(files []string, in io.Reader) (*Definitions, error) {
	set, err := manifest.Read(files, in)
	if err != nil {
		return nil, err
	}
	switch err := set.Err(); {
	case err != nil:
		return nil, InputError{fmt.Errorf("%w\nkubectl archmap lint tells more", err)}
	case len(set.Mappings) == 0:
		return nil, inputErrorf("no ComponentMapping in %s", strings.Join(files, ", "))
	case len(set.Architectures) > 1:
		return nil, inputErrorf("there are %d ClusterArchitectures in %s; only one can be judged at a time",
			len(set.Architectures), strings.Join(files, ", "))
	}
	own := &Definitions{}
	for _, m := range set.Mappings {
		own.Mappings = append(own.Mappings, *m.Value)
	}
	if len(set.Architectures) > 0 {
		own.Architecture = set.Architectures[0].Value
	}
	return own, nil
}

// Documentation returns a report of the definitions alone, without a cluster.
func (d *Definitions) Documentation(now time.Time) *report.Report {
	r := &report.Report{Mappings: d.Mappings, Source: "documentation", ObservedAt: now}
	if d.Architecture != nil {
		r.Architecture = *d.Architecture
	}
	return r
}
