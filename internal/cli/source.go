// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/config/catalog"
	"github.com/archmap/archmap/internal/dump"
	"github.com/archmap/archmap/internal/facts"
	"github.com/archmap/archmap/internal/judge"
	"github.com/archmap/archmap/internal/manifest"
	"github.com/archmap/archmap/internal/observe"
	"github.com/archmap/archmap/internal/report"
)

// The values of --source.
const (
	sourceAuto     = "auto"
	sourceOperator = "operator"
	sourceCluster  = "cluster"
)

var sourceKinds = []string{sourceAuto, sourceOperator, sourceCluster}

// contextPrefix makes --from the cluster of a context.
const contextPrefix = "context:"

// source is where a command has its picture of a cluster from.
type source struct {
	env *env
	// kind is where verdicts come from when there is no dump: from the operator, or by judging the cluster here.
	kind  string
	from  string
	files []string
	at    string

	// read are the definitions once they were read: standard input can be read only once.
	read *definitions
}

// definitions are what is judged.
type definitions struct {
	// architecture is nil when the reader's own files hold none.
	architecture *v1alpha1.ClusterArchitecture
	mappings     []v1alpha1.ComponentMapping
}

// addFlags adds the flags of commands that judge the cluster or a dump themselves.
func (s *source) addFlags(command *cobra.Command) {
	s.kind = sourceCluster
	flags := command.Flags()
	flags.StringVar(&s.from, "from", "", "Read a dump instead of the cluster: a file, a directory, a tar archive, or - for standard input")
	flags.StringSliceVarP(&s.files, "filename", "f", nil, "Judge these mappings instead of the built-in catalogue: files, directories, or -")
	flags.StringVar(&s.at, "at", "", "Time at which the dump was taken, for one that does not tell (RFC 3339)")
}

// addAllFlags lets the reader also choose the verdicts that an operator keeps.
func (s *source) addAllFlags(command *cobra.Command) {
	s.addFlags(command)
	s.addKindFlag(command)
}

func (s *source) addKindFlag(command *cobra.Command) {
	command.Flags().StringVar(&s.kind, "source", sourceAuto,
		"Whose verdicts: those that the operator keeps in the cluster, those of judging the cluster now, or auto:\n"+
			"the operator's when there is one alive. One of: "+strings.Join(sourceKinds, ", "))
	_ = command.RegisterFlagCompletionFunc("source", cobra.FixedCompletions(sourceKinds, cobra.ShellCompDirectiveNoFileComp))
}

// prepare finds mistakes in the flags, and reads the definitions.
func (s *source) prepare(ctx context.Context) error {
	inputs := slices.DeleteFunc(append([]string{s.from}, s.files...), func(path string) bool { return path != stdin })
	switch {
	case !slices.Contains(sourceKinds, s.kind):
		return usagef("unknown source %q; choose one of: %s", s.kind, strings.Join(sourceKinds, ", "))
	case s.kind == sourceOperator && (s.from != "" && !s.isContext() || len(s.files) > 0):
		return usagef("--source operator shows what the operator keeps; it does not go with a dump or with --filename")
	case s.at != "" && (s.from == "" || s.isContext()):
		return usagef("--at is the time of a dump: name one with --from")
	case len(inputs) > 1:
		return usagef("standard input can be read only once")
	case s.read != nil:
		return nil
	}
	read, err := within(ctx, func(context.Context) (*definitions, error) { return s.definitions() })
	s.read = read
	return err
}

// stdin is the path that means standard input.
const stdin = "-"

// picture is what the command is about.
func (s *source) picture(ctx context.Context) (*report.Picture, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	s, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if s.from != "" || len(s.files) > 0 || s.kind == sourceCluster {
		p, _, err := s.look(ctx)
		return p, err
	}
	config, err := s.env.clusterConfig()
	if err != nil {
		return nil, err
	}
	p, life, err := s.env.operatorPicture(ctx, config, operatorFlags{})
	var none noOperatorError
	switch {
	case s.kind == sourceAuto && (errors.As(err, &none) || err == nil && !life.alive):
		p, _, err := s.look(ctx)
		return p, err
	case err != nil:
		return nil, err
	}
	s.env.warn(life.warnings()...)
	p.Source = s.env.contextName()
	return p, nil
}

// judge judges the definitions itself, and also returns what was read of the dump or of the cluster.
func (s *source) judge(ctx context.Context) (*report.Picture, *observe.Dump, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, nil, err
	}
	s, err := s.resolve()
	if err != nil {
		return nil, nil, err
	}
	return s.look(ctx)
}

func (s *source) isContext() bool { return strings.HasPrefix(s.from, contextPrefix) }

// resolve makes of the cluster of another context that of the current one.
func (s *source) resolve() (*source, error) {
	if !s.isContext() {
		return s, nil
	}
	return s.ofContext(strings.TrimPrefix(s.from, contextPrefix))
}

// ofContext is the same about the cluster of another context.
func (s *source) ofContext(name string) (*source, error) {
	if _, err := (&contexts{chosen: []string{name}}).names(s.env); err != nil {
		return nil, err
	}
	other, e := *s, *s.env
	other.from, other.env = "", &e
	e.flags = s.env.inContext(name)
	return &other, nil
}

// look reads the dump or the cluster, as far as it is needed, and judges it.
func (s *source) look(ctx context.Context) (*report.Picture, *observe.Dump, error) {
	catalogue, name := judge.Compile(s.read.architecture, s.read.mappings), s.env.contextName()
	var verdicts *judge.Verdicts
	var read *observe.Dump
	var err error
	if s.from == "" {
		verdicts, read, err = s.lookAtCluster(ctx, catalogue)
	} else {
		name, verdicts, read, err = s.lookAtDump(ctx, catalogue)
	}
	if err != nil {
		return nil, nil, err
	}
	s.env.warn(unread(read)...)
	return verdicts.Picture(name), read, nil
}

func (s *source) lookAtCluster(ctx context.Context, catalogue *judge.Catalogue) (*judge.Verdicts, *observe.Dump, error) {
	progress := newProgress(s.env.ErrOut, "Reading the cluster")
	defer progress.end()
	reader, err := s.env.newReader(ctx)
	if err != nil {
		return nil, nil, err
	}
	reader.Progress = progress.tell
	return catalogue.Look(ctx, reader)
}

// lookAtDump also says what people call the cluster of the dump.
func (s *source) lookAtDump(ctx context.Context, catalogue *judge.Catalogue) (string, *judge.Verdicts, *observe.Dump, error) {
	at, err := s.time()
	if err != nil {
		return "", nil, nil, err
	}
	loaded, info, err := s.load(ctx, dump.Options{At: at, Needs: catalogue.Needs(), Mappings: s.read.mappings})
	if err != nil {
		return "", nil, nil, err
	}
	s.env.warn(info.Warnings...)
	verdicts, read, err := catalogue.Look(ctx, loaded)
	return cmp.Or(info.Cluster, s.from), verdicts, read, err
}

// unread says what could not be read, and what would help.
func unread(read *observe.Dump) []string {
	var warnings []string
	refused, missing := 0, sets.New[string]()
	for _, r := range read.Reads {
		switch {
		case r.State == facts.NotPermitted:
			refused++
		case r.State == facts.NotHeld && r.Need.Kind.Kind != "":
			missing.Insert(r.Need.Kind.Kind)
		}
	}
	if refused > 0 {
		warnings = append(warnings, fmt.Sprintf("%d of %d reads are not permitted; kubectl archmap rbac --for user prints the role that is enough",
			refused, len(read.Reads)))
	}
	if missing.Len() > 0 {
		warnings = append(warnings, "the dump lacks what tells about some components: "+strings.Join(sets.List(missing), ", ")+
			"; kubectl archmap collect writes all that is needed")
	}
	return warnings
}

func (s *source) load(ctx context.Context, o dump.Options) (*observe.Dump, *dump.Info, error) {
	progress := newProgress(s.env.ErrOut, "Reading the dump, MiB")
	defer progress.end()
	o.Progress = func(read, all int64) { progress.tell(int(read>>20), int(all>>20)) }
	type result struct {
		read *observe.Dump
		info *dump.Info
	}
	loaded, err := within(ctx, func(context.Context) (result, error) {
		read, info, err := dump.Load(s.from, s.env.In, o)
		return result{read, info}, err
	})
	return loaded.read, loaded.info, err
}

// warn tells what a reader of the output must know.
func (e *env) warn(warnings ...string) {
	for _, w := range warnings {
		fmt.Fprintf(e.ErrOut, "Warning: %s\n", w)
	}
}

// documentation is the catalogue alone, without a cluster.
func (s *source) documentation(ctx context.Context) (*report.Picture, error) {
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	p := &report.Picture{Mappings: s.read.mappings, Source: "documentation", ObservedAt: s.env.now()}
	if s.read.architecture != nil {
		p.Architecture = *s.read.architecture
	}
	return p, nil
}

// definitions are the reader's own files, or else the built-in catalogue of AKS.
func (s *source) definitions() (*definitions, error) {
	if len(s.files) == 0 {
		loaded, err := catalog.Load(catalog.AKS, catalog.AKSExtras)
		if err != nil {
			return nil, err
		}
		return &definitions{&loaded.Architectures[0], loaded.Mappings}, nil
	}
	set, err := manifest.Read(s.files, s.env.In)
	if err != nil {
		return nil, err
	}
	switch err := set.Err(); {
	case err != nil:
		return nil, usageError{fmt.Errorf("%w\nkubectl archmap lint tells more", err)}
	case len(set.Mappings) == 0:
		return nil, usagef("no ComponentMapping in %s", strings.Join(s.files, ", "))
	case len(set.Architectures) > 1:
		return nil, usagef("there are %d ClusterArchitectures in %s; only one can be judged at a time",
			len(set.Architectures), strings.Join(s.files, ", "))
	}
	own := &definitions{}
	for _, m := range set.Mappings {
		own.mappings = append(own.mappings, *m.Value)
	}
	if len(set.Architectures) > 0 {
		own.architecture = set.Architectures[0].Value
	}
	return own, nil
}

// time is --at.
func (s *source) time() (time.Time, error) {
	if s.at == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s.at)
	if err != nil {
		return t, usagef("--at %q is no time such as %s", s.at, "2026-11-22T14:30:00Z")
	}
	return t, nil
}

// contextName is the name of the context, for people.
func (e *env) contextName() string {
	config, err := e.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return cmp.Or(*e.flags.Context, config.CurrentContext, "in-cluster")
}

// newReader makes a reader of the cluster of the context; it fails when the cluster cannot be reached.
func (e *env) newReader(ctx context.Context) (*observe.Reader, error) {
	config, err := e.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to read: %w; choose one with --context or --kubeconfig, or read a dump with --from", err)
	}
	reader, err := within(ctx, func(context.Context) (*observe.Reader, error) { return observe.NewReader(config, newMapper) })
	if err != nil {
		return nil, unreachable(ctx, config.Host, err)
	}
	return reader, nil
}

// newMapper asks the cluster which kinds it serves, at once and for all of them. What an aggregated API server does
// not tell while it is down is not served.
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
