// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/archmap/archmap/api/v1alpha1"
	"github.com/archmap/archmap/test/cluster"
)

// program is a process that is measured from outside.
type program struct {
	*cluster.Process

	name, log string
	began     time.Time
	// metrics and pprof are where the manager serves them.
	metrics, pprof string
}

// start starts a program; its log is named after it.
func (d *bed) startProgram(name, binary string, env []string, args ...string) (*program, error) {
	p := &program{name: name, log: filepath.Join(d.dir, "logs", name+".log"), began: time.Now()}
	var err error
	p.Process, err = cluster.StartProcess(name, binary, p.log, env, args...)
	return p, err
}

// startManager starts the manager with the arguments, the rights and the memory limit that it is shipped with.
func (d *bed) startManager() (*program, error) {
	metrics, err := freeAddress()
	if err != nil {
		return nil, err
	}
	pprof, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args := append(slices.Clone(d.manager.args),
		"--kubeconfig", d.managerKubeconfig, "--leader-election-namespace", managerNamespace, "--health-probe-bind-address", "0",
		"--metrics-bind-address", metrics, "--metrics-secure=false", "--pprof-bind-address", pprof)
	p, err := d.startProgram("manager", d.binary("manager"), d.manager.environment(), args...)
	if err != nil {
		return nil, err
	}
	p.metrics, p.pprof = metrics, pprof
	return p, nil
}

const loopback = "127.0.0.1"

// freeAddress is one on loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// alive returns why the program ended, if it has.
func (p *program) alive() error {
	select {
	case <-p.Done():
		return p.Failure()
	default:
		return nil
	}
}

// memory is a line of /proc/PID/status, such as VmRSS, in MiB.
func (p *program) memory(word string) (float64, error) {
	mib, err := memoryOf(p.PID(), word)
	if err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", word, p.name, err)
	}
	return mib, nil
}

func memoryOf(pid int, word string) (float64, error) {
	text, _, _ := strings.Cut(field(fmt.Sprintf("/proc/%d/status", pid), word+":"), " ")
	kilobytes, err := strconv.ParseFloat(text, 64)
	return kilobytes / 1024, err
}

// userHZ is the unit of times in /proc, on every architecture that Go runs on.
const userHZ = 100

// cpu is the CPU time that the program has used, in seconds.
func (p *program) cpu() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may have spaces.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("read the CPU time of %s: %q", p.name, text)
	}
	total := 0.0
	for _, i := range []int{user, system} {
		ticks, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0, err
		}
		total += ticks / userHZ
	}
	return total, nil
}

// series are the manager's metrics, by name and labels.
func (p *program) series(ctx context.Context) (map[string]float64, error) {
	text, err := get(ctx, "http://"+p.metrics+"/metrics")
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		if out[line[:i]], err = strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// liveHeap is what the heap holds after a collection, in MiB. The profile goes to a file when one is named.
func (p *program) liveHeap(ctx context.Context, file string) (float64, error) {
	profile, err := get(ctx, "http://"+p.pprof+"/debug/pprof/heap?gc=1")
	if err != nil {
		return 0, err
	}
	if file != "" {
		if err := os.WriteFile(file, profile, 0o600); err != nil {
			return 0, err
		}
	}
	series, err := p.series(ctx)
	return series["go_memstats_heap_alloc_bytes"] / (1 << 20), err
}

// profileCPU saves a profile of the next seconds.
func (p *program) profileCPU(ctx context.Context, seconds int, file string) error {
	profile, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.pprof, seconds))
	if err != nil {
		return err
	}
	return os.WriteFile(file, profile, 0o600)
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return body, err
}

// untilReady waits until every mapping, and the architecture, has a verdict on what it says now.
func (d *bed) untilReady(ctx context.Context, p *program) error {
	return d.await(ctx, "verdicts on all mappings; the manager's log is "+p.log, func(ctx context.Context) (bool, error) {
		if err := p.alive(); err != nil {
			return false, err
		}
		var mappings v1alpha1.ComponentMappingList
		if err := d.client.List(ctx, &mappings); err != nil {
			return false, err
		}
		for i := range mappings.Items {
			m := &mappings.Items[i]
			if m.Status.ObservedGeneration != m.Generation || !meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionReady) {
				return false, nil
			}
		}
		var a v1alpha1.ClusterArchitecture
		if err := d.client.Get(ctx, clientKey(architecture), &a); err != nil {
			return false, err
		}
		return meta.IsStatusConditionTrue(a.Status.Conditions, v1alpha1.ConditionReady) && len(a.Status.Components) == len(mappings.Items), nil
	})
}
