// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkRuns is how often the plugin, and kubectl, read the cluster.
const checkRuns = 3

// check measures the plugin on a cluster without an operator, next to kubectl that reads the same kinds.
func (d *bed) check(ctx context.Context) error {
	d.step("kubectl archmap check, and kubectl get")
	var seconds, memory, least []float64
	for range checkRuns {
		took, rss, err := d.runOnce(ctx, d.binary("kubectl-archmap"), "check", "--fail-on", "none")
		if err != nil {
			return err
		}
		seconds, memory = append(seconds, took.Seconds()), append(memory, rss)
		took, _, err = d.runOnce(ctx, d.cluster.Binary("kubectl"), "get", "--namespace", metav1.NamespaceSystem, "-o", "json",
			"nodes,csinodes,nodenetworkconfigs,deployments,daemonsets,leases")
		if err != nil {
			return err
		}
		least = append(least, took.Seconds())
	}
	floor := summarize(least)
	d.add(Row{Name: "kubectl archmap check", Unit: "s", Stats: summarize(seconds), Floor: &floor, Against: "kubectl get -o json", Goal: atMost(2)})
	d.add(Row{Name: "kubectl archmap check, memory", Unit: mebibytes, Stats: summarize(memory), Goal: atMost(128)})
	return nil
}

// runOnce runs a program to its end with all rights, and returns how long it took and the most memory that it had, in MiB.
func (d *bed) runOnce(ctx context.Context, binary string, args ...string) (took time.Duration, rss float64, err error) {
	command := exec.CommandContext(ctx, binary, append(args, d.clientFlags()...)...)
	var complaints bytes.Buffer
	command.Stderr = &complaints // what it prints goes nowhere
	began := time.Now()
	if err := command.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	// What the system counts of a child that has ended includes the bench itself, before the program was loaded.
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if mib, err := memoryOf(command.Process.Pid, "VmHWM"); err == nil { // it may have ended
				rss = mib
			}
		case err := <-ended:
			if err != nil {
				err = fmt.Errorf("%s: %w\n%s", command, err, &complaints)
			}
			return time.Since(began), rss, err
		}
	}
}

// size measures the manager as the image has it, next to a manager without anything in it.
func (d *bed) size(ctx context.Context) error {
	d.step("Size of the manager")
	manager, err := d.strippedSize(ctx, "stripped", "./cmd")
	if err != nil {
		return err
	}
	empty, err := d.strippedSize(ctx, "empty", "./test/scale/emptymanager")
	if err != nil {
		return err
	}
	peer := figure(empty)
	d.add(Row{Name: "Manager, stripped", Unit: "MB", Stats: figure(manager), Floor: &peer, Against: "empty manager", Goal: times(1.4, 0)})
	return nil
}

// strippedSize builds a program without symbols, and returns the size of its binary in MB.
func (d *bed) strippedSize(ctx context.Context, name, path string) (float64, error) {
	if err := d.build(ctx, ".", name, path, "-ldflags", "-s -w"); err != nil {
		return 0, err
	}
	info, err := os.Stat(d.binary(name))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}
