// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dump reads dumps of a cluster: archmap's bundles, and the output of kubectl and must-gather.
package dump

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/snapshot"
)

// Options configure Load.
type Options struct {
	// At is when the dump was made, for a dump that does not record it; zero when it is not known.
	At time.Time
	// AnyTime is for those whom the time does not matter: a dump without any is of when its file was written, or of now.
	AnyTime bool
	// Needs are what is kept, in addition to nodes and the objects that define which kinds are served.
	Needs []facts.Need
	// Mappings that will be judged: a warning names what they read and a bundle has left out.
	Mappings []v1alpha1.ComponentMapping
	// Progress, when set, is called with the bytes read and their total, which is 0 when it is not known.
	Progress func(read, all int64)

	// Limits of what is read.
	Limits Limits

	// Schemas has the definitions of kinds returned whole, with their schemas.
	Schemas bool

	everything bool // for tests
}

// Info describes a dump that was read.
type Info struct {
	// Source is what kind of dump it is.
	Source Source
	// Cluster is the name of the cluster, as far as the dump knows it.
	Cluster string
	// Files and Objects count what was read; Kept counts the objects that matter.
	Files, Objects, Kept int
	// Skipped are the files that hold nothing of use, with the reason.
	Skipped []string
	// Definitions of kinds, for Options.Schemas.
	Definitions []*apiextensionsv1.CustomResourceDefinition
	// Warnings that qualify the verdicts.
	Warnings []string
}

// Source is a kind of dump.
type Source string

// The kinds of dumps.
const (
	Bundle      Source = "bundle of archmap"
	ClusterInfo Source = "kubectl cluster-info dump"
	MustGather  Source = "must-gather"
	Kubectl     Source = "output of kubectl"
)

// stdin names standard input.
const stdin = "-"

// Load reads a dump: a file, a directory, or - for in. Files may be YAML, JSON or text that contains these, in tar
// archives, compressed or not. It writes nothing to disk. An error says what is wrong with a single file and where; of
// several files, invalid ones are skipped with a warning.
func Load(path string, in io.Reader, o Options) (*snapshot.Snapshot, *Info, error) {
	l := &loader{o: o, dump: newCollection(o), usage: &usage{limits: o.Limits.WithDefaults()}}
	name, err := l.load(path, in)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, cutOff(err))
	}
	if o.AnyTime && o.At.IsZero() && l.dump.newest.IsZero() && len(l.dump.bundles) == 0 {
		o.At = l.written
	}
	d, err := l.dump.snapshotAt(o.At)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, l.dump.info, nil
}

func (l *loader) load(path string, in io.Reader) (name string, err error) {
	if path == stdin {
		l.written = time.Now()
		return "standard input", l.content("standard input", &counter{r: in, loader: l}, 0)
	}
	found, err := os.Stat(path)
	switch {
	case err != nil:
		return path, errors.New(reasonOf(err))
	case found.IsDir():
		l.written = found.ModTime()
		return path, l.directory(path)
	}
	l.written, l.all = found.ModTime(), found.Size()
	return path, l.path(path, path)
}
