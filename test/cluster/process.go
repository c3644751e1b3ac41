// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a process may take to end before it is killed. The API server takes longer only while
// a watch is open.
const grace = 5 * time.Second

// process is a child process whose output goes to a file.
type process struct {
	name     string
	cmd      *exec.Cmd
	log      string
	stopping atomic.Bool
	done     chan struct{}
	err      error
}

func startProcess(name, binary, log string, args []string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own handle

	p := &process{name: name, log: log, done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop ends the process: politely, then for good.
func (p *process) stop() error {
	p.stopping.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// failure returns why the process ended, with the end of its log; nil when it was stopped on purpose.
func (p *process) failure() error {
	if p.stopping.Load() {
		return nil
	}
	text, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Errorf("%s ended (%v); its log cannot be read: %w", p.name, p.err, err)
	}
	return fmt.Errorf("%s ended (%v); the end of %s:\n%s", p.name, p.err, p.log, lastLines(string(text), 20))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
