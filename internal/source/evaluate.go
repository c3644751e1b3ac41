// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/snapshot"
)

// Cluster evaluates definitions on a cluster.
type Cluster struct {
	// Config is how the cluster is reached. Its timeout is that of each request.
	Config *rest.Config
	// Name of the cluster in the report.
	Name        string
	Definitions *Definitions
	Progress    Progress
}

// Evaluate reads from the cluster what the definitions need and the user is permitted to read, and evaluates them. It
// fails when the cluster cannot be reached.
func (c *Cluster) Evaluate(ctx context.Context) (*Result, error) {
	reader, end, err := c.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return evaluate(ctx, c.Definitions.compile(), reader, c.Name)
}

// Read reads from the cluster what is needed and the user is permitted to read. It fails when the cluster cannot be reached.
func (c *Cluster) Read(ctx context.Context, needs []facts.Need) (*snapshot.Snapshot, error) {
	reader, end, err := c.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return reader.Read(ctx, needs)
}

// reader reaches the cluster; end ends the progress.
func (c *Cluster) reader(ctx context.Context) (reader *observe.Reader, end func(), err error) {
	update, end := c.Progress.begin("Reading the cluster")
	reader, err = Interruptible(ctx, func(context.Context) (*observe.Reader, error) { return observe.NewReader(c.Config, newMapper) })
	if err != nil {
		end()
		return nil, nil, unreachable(ctx, c.Config.Host, err)
	}
	reader.Progress = update
	return reader, end, nil
}

// Dump evaluates definitions on a dump.
type Dump struct {
	// Path of the dump: a file, a directory, or - for In.
	Path string
	In   io.Reader
	// At is when the dump was made, for a dump that does not record it; zero when it is not known.
	At time.Time
	// Limits of what is read.
	Limits      dump.Limits
	Definitions *Definitions
	Progress    Progress
}

// Evaluate reads from the dump what the definitions need, and evaluates them.
func (d *Dump) Evaluate(ctx context.Context) (*Result, error) {
	catalog := d.Definitions.compile()
	loaded, info, err := d.read(ctx, dump.Options{Needs: catalog.AllNeeds()})
	if err != nil {
		return nil, err
	}
	result, err := evaluate(ctx, catalog, loaded, cmp.Or(info.Cluster, d.Path))
	if err != nil {
		return nil, err
	}
	result.Notes = append(info.Warnings, result.Notes...)
	return result, nil
}

// Read reads from the dump what is needed, of whatever time. With schemas, Info has the definitions of kinds.
func (d *Dump) Read(ctx context.Context, needs []facts.Need, schemas bool) (*snapshot.Snapshot, *dump.Info, error) {
	return d.read(ctx, dump.Options{Needs: needs, Schemas: schemas, AnyTime: true})
}

func (d *Dump) read(ctx context.Context, options dump.Options) (*snapshot.Snapshot, *dump.Info, error) {
	update, end := d.Progress.begin("Reading the dump, MiB")
	defer end()
	options.At, options.Mappings, options.Limits = d.At, d.Definitions.Mappings, d.Limits
	options.Progress = func(read, all int64) { update(int(read>>20), int(all>>20)) }
	type result struct {
		read *snapshot.Snapshot
		info *dump.Info
	}
	loaded, err := Interruptible(ctx, func(context.Context) (result, error) {
		read, info, err := dump.Load(d.Path, d.In, options)
		return result{read, info}, err
	})
	return loaded.read, loaded.info, err
}

func (d *Definitions) compile() *judge.Catalog { return judge.Compile(d.Architecture, d.Mappings) }

// evaluate evaluates the catalog on what the reader reads; name is that of the cluster.
func evaluate(ctx context.Context, catalog *judge.Catalog, reader judge.Reader, name string) (*Result, error) {
	verdicts, read, err := catalog.ReadAndJudge(ctx, reader)
	if err != nil {
		return nil, err
	}
	return &Result{Report: verdicts.Report(name), Notes: unread(read), Read: read}, nil
}

// unread says what could not be read, and what would help.
func unread(read *snapshot.Snapshot) []string {
	var notes []string
	refused, lacking := 0, sets.New[string]()
	for _, r := range read.Reads {
		switch r.State {
		case facts.NotPermitted:
			refused++
		case facts.NotHeld:
			lacking.Insert(subjectOf(r.Need))
		}
	}
	if refused > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d reads are not permitted; kubectl archmap rbac --for user prints the role you need",
			refused, len(read.Reads)))
	}
	if lacking.Len() > 0 {
		notes = append(notes, "not in this dump: "+strings.Join(sets.List(lacking), ", ")+
			"; check the live cluster, or a bundle from kubectl archmap collect")
	}
	return notes
}

// subjectOf names what a need is about: EndpointSlice, GET /readyz, or an access review.
func subjectOf(need facts.Need) string {
	switch {
	case need.Path != "":
		return "GET " + need.Path
	case need.Review != (facts.Review{}):
		return "access reviews"
	}
	return need.Kind.Kind
}

// newMapper asks the cluster which kinds it serves, at once and for all of them. What an aggregated API server does
// not update while it is down is not served.
func newMapper(config *rest.Config, client *http.Client) (meta.RESTMapper, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(d)
	if err != nil {
		return nil, err
	}
	return restmapper.NewDiscoveryRESTMapper(groups), nil
}
