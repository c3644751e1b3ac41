// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows archmap at work on a real control plane: the table of an AKS cluster, three things that
// break, and how the table shows them. Everything runs on loopback and is gone afterward.
//
//	SHAPE=documented  the cluster to show, a healthy one of AKS in test/shapes (overlay-cilium)
//	KEEP=1            leave it up until Ctrl-C
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/internal/catalog"
	"github.com/archmap/archmap/internal/msg"
	"github.com/archmap/archmap/test/shapes"
	"github.com/archmap/archmap/test/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()                  //nolint:gocritic // nothing is left to be undone when main exits
	log.SetLogger(logr.Discard()) // the demo tells what matters itself
	d := demo{began: time.Now()}
	err := d.run(ctx)
	switch {
	case err == nil && !keeps():
		fmt.Println("\nKEEP=1 make demo keeps the cluster until Ctrl-C.")
	case err == nil:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\nInterrupted.")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "\nThe demo failed after %s: %v\n", d.elapsed(), err)
		os.Exit(1)
	}
}

// keeps reports whether the cluster is to stay up.
func keeps() bool { return os.Getenv("KEEP") != "" }

type demo struct {
	began time.Time
	bed   *testbed.Testbed
}

// run does it all in a folder of its own, which is left behind when something fails.
func (d *demo) run(ctx context.Context) error {
	name := cmp.Or(os.Getenv("SHAPE"), "overlay-cilium")
	if !slices.Contains(shapes.Healthy(), name) {
		return fmt.Errorf("SHAPE=%s: the demo breaks and repairs a healthy AKS cluster: one of %s", name, strings.Join(shapes.Healthy(), ", "))
	}
	shape, err := shapes.Load(name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "archmap-")
	if err != nil {
		return err
	}
	err = d.runIn(ctx, dir, shape)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w\nThe logs are in %s", err, filepath.Join(dir, "logs"))
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func (d *demo) runIn(ctx context.Context, dir string, shape *shapes.Shape) (err error) {
	d.bed, err = testbed.Start(ctx, testbed.Options{Root: ".", Shape: shape, Dir: dir, Step: d.step})
	if err != nil {
		return err
	}
	defer func() {
		fmt.Println()
		done := d.step("Shutting down")
		err = errors.Join(err, d.bed.Stop())
		done()
	}()

	if err := d.show(ctx); err != nil {
		return err
	}
	faults := d.bed.Faults()
	for i, fault := range faults {
		if err := d.breakAndRepair(ctx, fault, i == len(faults)-1); err != nil {
			return err
		}
	}
	d.heading("The faults are fixed")
	if _, err := d.bed.UntilAllHealthy(ctx); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "get", "clusterarchitectures"); err != nil {
		return err
	}
	d.heading("The same without the operator: kubectl archmap diagram --source cluster --omit-absent")
	if err := d.plugin(ctx, "diagram", "--source", "cluster", "--omit-absent"); err != nil {
		return err
	}
	if keeps() {
		return d.keep(ctx)
	}
	return nil
}

// show prints the table and the whole picture, without what is not installed.
func (d *demo) show(ctx context.Context) error {
	mappings, err := d.bed.Mappings(ctx)
	if err != nil {
		return err
	}
	absent := sets.New[string]()
	for i := range mappings {
		if catalog.StateOf(&mappings[i]) == catalog.Absent {
			absent.Insert(mappings[i].Name)
		}
	}
	d.heading("kubectl get componentmappings")
	out, err := d.bed.Kubectl(ctx, "get", "componentmappings")
	if err != nil {
		return err
	}
	printPresent(out, 0, absent)
	d.heading("kubectl describe clusterarchitecture " + testbed.Architecture + ", as far as its abstract")
	if out, err = d.bed.Kubectl(ctx, "describe", "clusterarchitecture", testbed.Architecture); err != nil {
		return err
	}
	printPresent(abstract(out), 1, absent)
	return nil
}

// printPresent prints a table without the rows that have the name of an absent component in a column.
func printPresent(table string, column int, absent sets.Set[string]) {
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); column >= len(fields) || !absent.Has(fields[column]) {
			fmt.Print(line)
		}
	}
	if len(absent) > 0 {
		fmt.Printf("... and %s that this cluster does not have\n", msg.Count(len(absent), "optional component"))
	}
}

// abstract is the abstract of a description, which has hundreds of lines.
func abstract(description string) string {
	_, rest, found := strings.Cut(description, "\n  Abstract:\n")
	if !found {
		return description
	}
	var out strings.Builder
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		out.WriteString(line)
	}
	return out.String()
}

// breakAndRepair breaks one thing, waits until its row shows it, has the plugin check the cluster if wanted, and repairs it.
func (d *demo) breakAndRepair(ctx context.Context, fault testbed.Fault, check bool) error {
	d.heading(fault.Title)
	broke := time.Now()
	if err := fault.Break(ctx); err != nil {
		return err
	}
	mapping, err := d.bed.UntilUnhealthy(ctx, fault.Mapping)
	if err != nil {
		return err
	}
	printHealth(mapping, broke)
	// The whole story may take a little longer than the verdict.
	if !fault.ShownBy(mapping) {
		if mapping, err = d.bed.UntilBroken(ctx, fault); err != nil {
			return err
		}
		printHealth(mapping, broke)
	}
	if err := d.kubectl(ctx, "get", "componentmapping", fault.Mapping); err != nil {
		return err
	}
	architecture, err := d.bed.UntilCounted(ctx, fault.Mapping)
	if err != nil {
		return err
	}
	healthy := meta.FindStatusCondition(architecture.Status.Conditions, v1alpha1.ConditionHealthy)
	fmt.Printf("The whole: Healthy=%s, %s\n  %s\n", healthy.Status, healthy.Reason, healthy.Message)
	if check {
		d.heading("Who acts, and what to type next: kubectl archmap check")
		if err := d.plugin(ctx, "check"); err != nil {
			return err
		}
	}

	fmt.Printf("\n%s.\n", fault.RepairTitle)
	repaired := time.Now()
	if err := fault.Repair(ctx); err != nil {
		return err
	}
	if mapping, err = d.bed.UntilHealthy(ctx, fault.Mapping); err != nil {
		return err
	}
	printHealth(mapping, repaired)
	return d.kubectl(ctx, "get", "componentmapping", fault.Mapping)
}

// printHealth prints the health of a row.
func printHealth(mapping *v1alpha1.ComponentMapping, since time.Time) {
	healthy := meta.FindStatusCondition(mapping.Status.Conditions, v1alpha1.ConditionHealthy)
	fmt.Printf("After %.1f s: Healthy=%s, %s\n  %s\n", time.Since(since).Seconds(), healthy.Status, healthy.Reason, healthy.Message)
}

// keep leaves the cluster up until the user interrupts it. What it prints works in any folder.
func (d *demo) keep(ctx context.Context) error {
	kubectl, err := filepath.Abs(d.bed.Cluster.Binary("kubectl"))
	if err != nil {
		return err
	}
	plugin, err := filepath.Abs(d.bed.PluginBinary())
	if err != nil {
		return err
	}
	d.heading("The cluster stays up until Ctrl-C")
	fmt.Printf("export KUBECONFIG=%s\n%s get componentmappings -o wide\n%s check\n", d.bed.Cluster.Kubeconfig, kubectl, plugin)
	select {
	case <-ctx.Done():
	case <-d.bed.Cluster.Alive().Done():
		fmt.Println(context.Cause(d.bed.Cluster.Alive()))
	}
	return nil
}

func (d *demo) kubectl(ctx context.Context, args ...string) error {
	out, err := d.bed.Kubectl(ctx, args...)
	fmt.Print(out)
	return err
}

func (d *demo) plugin(ctx context.Context, args ...string) error {
	out, _, err := d.bed.Plugin(ctx, args...)
	fmt.Print(out)
	return err
}

func (d *demo) heading(text string) { fmt.Printf("\n==> [%s] %s\n", d.elapsed(), text) }

// step prints what is being done, and when it is done how long it took.
func (d *demo) step(what string) func() {
	began := time.Now()
	fmt.Printf("[%s] %s ... ", d.elapsed(), what)
	return func() { fmt.Printf("%.1f s\n", time.Since(began).Seconds()) }
}

func (d *demo) elapsed() string { return fmt.Sprintf("%4.1f s", time.Since(d.began).Seconds()) }
