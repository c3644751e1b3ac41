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

// Process is a child process whose output goes to a file. It ends when its parent is killed.
type Process struct {
	name     string
	cmd      *exec.Cmd
	log      string
	stopping atomic.Bool
	done     chan struct{}
	err      error
}

// StartProcess starts a process that writes to the file log what it prints. env is added to the environment of this process.
func StartProcess(name, binary, log string, env []string, args ...string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own handle

	p := &Process{name: name, log: log, done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = append(os.Environ(), env...)
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

// PID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the process: politely, then for good.
func (p *Process) Stop() error {
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

// Succeeded reports whether the process has done its work and ended by itself. It may be called once Done is closed.
func (p *Process) Succeeded() bool { return p.err == nil }

// Failure returns why the process ended, with the end of its log; nil when it was stopped on purpose. It may be called
// once Done is closed.
func (p *Process) Failure() error {
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
