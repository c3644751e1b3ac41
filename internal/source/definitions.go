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
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/internal/report"
)

// Definitions are the mappings and the architecture against which a cluster is checked.
type Definitions struct {
	// Architecture is nil when the reader's own files hold none, and count alone.
	Architecture *v1alpha1.ClusterArchitecture
	Mappings     []v1alpha1.ComponentMapping
	// Replaced says which built-in definitions the reader's own ones replace; empty where none does.
	Replaced []string
}

// ReadDefinitions returns the built-in catalog of AKS with the user's files added, where - is in. What these name as the
// catalog does replaces the catalog's; onlyFiles leaves the catalog out. Errors in the files are InputErrors.
func ReadDefinitions(ctx context.Context, files []string, onlyFiles bool, in io.Reader) (*Definitions, error) {
	return Interruptible(ctx, func(context.Context) (*Definitions, error) {
		if len(files) == 0 {
			return shipped()
		}
		own, err := readFiles(files, in)
		if err != nil || onlyFiles {
			return own, err
		}
		all, err := shipped()
		if err != nil {
			return nil, err
		}
		all.add(own)
		return all, nil
	})
}

func shipped() (*Definitions, error) {
	loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
	if err != nil {
		return nil, err
	}
	return &Definitions{Architecture: &loaded.Architectures[0], Mappings: loaded.Mappings}, nil
}

// add takes in the reader's own definitions. A mapping stands in the place of the one that it replaces.
func (d *Definitions) add(own *Definitions) {
	at := map[string]int{}
	for i, m := range d.Mappings {
		at[m.Name] = i
	}
	var replaced []string
	for _, m := range own.Mappings {
		i, known := at[m.Name]
		if !known {
			d.Mappings = append(d.Mappings, m)
			continue
		}
		delete(at, m.Name) // a second one of that name is a mistake of the files, and shows as one
		d.Mappings[i] = m
		replaced = append(replaced, m.Name)
	}
	switch names := msg.Shorten(replaced, ", "); {
	case len(replaced) == 1:
		d.Replaced = append(d.Replaced, fmt.Sprintf("your ComponentMapping %s replaces the built-in one", names))
	case len(replaced) > 1:
		d.Replaced = append(d.Replaced, fmt.Sprintf("your ComponentMappings %s replace the built-in ones", names))
	}
	if own.Architecture != nil {
		d.Replaced = append(d.Replaced, fmt.Sprintf("your ClusterArchitecture %s replaces the built-in %s",
			own.Architecture.Name, d.Architecture.Name))
		d.Architecture = own.Architecture
	}
}

func readFiles(files []string, in io.Reader) (*Definitions, error) {
	set, err := manifest.Read(files, in)
	if err != nil {
		return nil, err
	}
	switch err := set.Err(); {
	case err != nil:
		return nil, InputError{fmt.Errorf("%w\nrun kubectl archmap lint for details", err)}
	case len(set.Mappings) == 0:
		return nil, inputErrorf("no ComponentMapping in %s", strings.Join(files, ", "))
	case len(set.Architectures) > 1:
		return nil, inputErrorf("there are %d ClusterArchitectures in %s; only one can be used at a time",
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
