// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command scale measures archmap against an API server of its own: how fast, how big and how quiet it is with up to 5,000
// nodes, next to the least that the same would cost. README.md says what is measured and how. Everything runs on loopback
// and is gone afterward.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop() //nolint:gocritic // nothing is left to be undone when main exits
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		exit(ctx, runFloor(ctx, os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == pageCommand {
		exit(ctx, writePage("docs"))
	}
	if len(os.Args) > 2 && os.Args[1] == keepCommand {
		exit(ctx, keepReport(os.Args[2], "docs"))
	}
	b, err := parse(os.Args[1:])
	if err != nil {
		exit(ctx, err)
	}
	exit(ctx, b.run(ctx))
}

// exit ends the program, with a sentence when something failed.
func exit(ctx context.Context, err error) {
	switch {
	case err == nil:
		os.Exit(0)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\nInterrupted.")
		os.Exit(130)
	}
	fmt.Fprintf(os.Stderr, "\nThe bench failed: %v\n", err)
	os.Exit(1)
}

// bench is a run.
type bench struct {
	// root of the repository; dir is a folder that is gone afterward, but when the run fails; out is where the results go.
	root, dir, out string
	parts          []part
	sizes          []int
	samples        int
	// limit of the manager's memory in place of the shipped one.
	limit resource.Quantity

	began   time.Time
	manager *shipped
	report  Report
	// heaps are the live heaps of settled managers, in MiB, by the number of nodes.
	heaps map[int]float64
}

// part measures something on a cluster of each size that it is for.
type part struct {
	name string
	// sizes says on which of the sizes it runs, which are in order.
	sizes func(sizes []int) []int
	run   func(d *bed, ctx context.Context) error
}

func everySize(sizes []int) []int { return sizes }
func biggest(sizes []int) []int   { return sizes[len(sizes)-1:] }
func smallest(sizes []int) []int  { return sizes[:1] }

// allParts run in this order on a cluster. What leaves most behind comes last.
var allParts = []part{
	{"latency", everySize, (*bed).latency},
	{"memory", everySize, (*bed).memory},
	{"cold", everySize, (*bed).cold},
	{"quiet", biggest, (*bed).quiet},
	{"storm", biggest, (*bed).storm},
	{"check", everySize, (*bed).check},
	{"many", smallest, (*bed).many},
	{"objects", smallest, (*bed).objects},
	{"size", smallest, (*bed).size},
}

func parse(args []string) (*bench, error) {
	b := &bench{began: time.Now(), heaps: map[int]float64{}}
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.StringVar(&b.root, "root", ".", "The root of the repository.")
	flags.StringVar(&b.out, "out", "bin/scale", "The folder for report.md, report.json and profiles.")
	flags.IntVar(&b.samples, "samples", samplesForP99, "The number of samples of a latency.")
	only := flags.String("part", "", "The parts to run, separated by commas: "+strings.Join(partNames(), ", ")+". Default: all.")
	limit := flags.String("limit", "", "The memory limit of the manager, such as 256Mi. Default: the shipped one.")
	sizes := flags.String("nodes", "6,1000,5000", "The sizes of clusters, separated by commas.")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("there is no %q: separate parts and sizes by commas", flags.Arg(0))
	}
	if b.samples < 1 {
		return nil, fmt.Errorf("%d samples show nothing: set SAMPLES to 1 or more", b.samples)
	}
	var err error
	if b.parts, err = pick(*only); err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < fewest {
			return nil, fmt.Errorf("NODES: %q is not a number of nodes from %d on", text, fewest)
		}
		b.sizes = append(b.sizes, n)
	}
	slices.Sort(b.sizes)
	if *limit != "" {
		if b.limit, err = resource.ParseQuantity(*limit); err != nil {
			return nil, fmt.Errorf("LIMIT: %w", err)
		}
	}
	return b, nil
}

func partNames() []string {
	var names []string
	for _, p := range allParts {
		names = append(names, p.name)
	}
	return names
}

// pick finds parts by name. They stay in their order.
func pick(names string) ([]part, error) {
	if names == "" {
		return allParts, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(partNames(), name) {
			return nil, fmt.Errorf("PART: there is no %q; the parts are %s", name, strings.Join(partNames(), ", "))
		}
		wanted[name] = true
	}
	return slices.DeleteFunc(slices.Clone(allParts), func(p part) bool { return !wanted[p.name] }), nil
}

func (b *bench) run(ctx context.Context) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "scale"); err != nil {
		return err
	}
	if err := b.measure(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.Join(err, os.RemoveAll(b.dir))
		}
		return fmt.Errorf("%w\nThe logs are in %s", err, b.dir)
	}
	return os.RemoveAll(b.dir)
}

func (b *bench) measure(ctx context.Context) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, size := range b.sizes {
		var due []part
		for _, p := range b.parts {
			if slices.Contains(p.sizes(b.sizes), size) {
				due = append(due, p)
			}
		}
		if len(due) == 0 {
			continue
		}
		if err := b.measureSize(ctx, size, due); err != nil {
			return err
		}
	}
	b.report.Seconds, b.report.Machine.LoadAfter = time.Since(b.began).Seconds(), load()
	fmt.Println()
	if err := b.report.table(os.Stdout); err != nil {
		return err
	}
	if err := b.report.save(b.out); err != nil {
		return err
	}
	fmt.Printf("\n%s has the report.\n", filepath.Join(b.out, "report.md"))
	return nil
}

func (b *bench) measureSize(ctx context.Context, size int, due []part) (err error) {
	b.step("Starting an API server with %s nodes", grouped(int64(size)))
	d, err := b.newBed(ctx, size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	// Without its API server a part would only say that the connection was refused.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(d.cluster.Alive(), func() { cancel(context.Cause(d.cluster.Alive())) })()
	for _, p := range due {
		d.part = p.name
		if err := p.run(d, ctx); err != nil {
			if died := context.Cause(d.cluster.Alive()); died != nil {
				err = died
			}
			return fmt.Errorf("part %s at %s nodes: %w", p.name, grouped(int64(size)), err)
		}
	}
	return nil
}

// prepare builds what is measured.
func (b *bench) prepare(ctx context.Context) error {
	var err error
	if b.manager, err = readShipped(b.file("config", "manager", "manager.yaml")); err != nil {
		return err
	}
	if !b.limit.IsZero() {
		b.manager = b.manager.limited(b.limit.Value())
	}
	if err := os.MkdirAll(b.out, 0o750); err != nil {
		return err
	}
	b.report.Began, b.report.Machine = b.began, thisMachine()
	b.report.MemoryLimit = fmt.Sprintf("%d MiB", b.manager.memoryLimit>>20)
	commit, err := exec.CommandContext(ctx, "git", "-C", b.root, "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		commit = []byte("an unknown commit") // a tree without git
	}
	b.report.Commit = strings.TrimSpace(string(commit))
	b.step("Building the manager, the plugin and their peers")
	return errors.Join(b.build(ctx, ".", "manager", "./cmd"), b.build(ctx, ".", "kubectl-archmap", "./cmd/kubectl-archmap"),
		b.build(ctx, peers, "kube-state-metrics", "k8s.io/kube-state-metrics/v2"))
}

// peers is the folder of the module that pins other programs.
const peers = "test/scale/peers"

// build builds a program of a module into the run's folder.
func (b *bench) build(ctx context.Context, module, name, path string, flags ...string) error {
	command := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", b.binary(name)}, flags...), path)...)
	command.Dir = b.file(module)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false") // as the Makefile builds all
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", path, err, out)
	}
	return nil
}

func (b *bench) binary(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) file(elem ...string) string {
	return filepath.Join(append([]string{b.root}, elem...)...)
}

// step prints what is being done.
func (b *bench) step(format string, args ...any) {
	fmt.Printf("[%5.0f s] %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// add takes a row into the report, and prints it.
func (d *bed) add(r Row) {
	r.Part, r.Nodes = d.part, len(d.nodes)
	d.report.Rows = append(d.report.Rows, r)
	fmt.Printf("          %s: %s\n", r.Name, r.words())
}
