// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// progressAfter is how long something may take before it says how far it is.
	progressAfter = time.Second
	// progressEvery is how often it says so where lines stay, progressInPlace where one line is written again and again.
	progressEvery   = 5 * time.Second
	progressInPlace = 100 * time.Millisecond
)

// progress shows the progress of a long operation, also while it makes none.
type progress struct {
	out  io.Writer
	lock sync.Locker
	what string
	// inPlace: on a terminal.
	inPlace bool
	ended   chan struct{}
	running sync.WaitGroup

	mu        sync.Mutex
	done, all int
}

// progress starts to show the progress of an operation, until end is called.
func (e *env) progress(what string) (update func(done, all int), end func()) {
	p := newProgress(e.ErrOut, e.stderr, what)
	return p.update, p.end
}

// newProgress starts to show progress; end must be called. The lock is held while it writes.
func newProgress(out io.Writer, lock sync.Locker, what string) *progress {
	out = raw(out) // on a terminal a line is cleared again
	p := &progress{out: out, lock: lock, what: what, inPlace: terminal(out), ended: make(chan struct{})}
	p.running.Go(p.run)
	return p
}

// update records that some of all steps are done.
func (p *progress) update(done, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.all = done, all
}

func (p *progress) run() {
	pause := progressEvery
	if p.inPlace {
		pause = progressInPlace
	}
	timer := time.NewTimer(progressAfter)
	defer timer.Stop()
	for written := false; ; written = true {
		select {
		case <-timer.C:
			p.write()
			timer.Reset(pause)
		case <-p.ended:
			if written && p.inPlace {
				p.print(clearLine)
			}
			return
		}
	}
}

// clearLine clears the line of a terminal.
const clearLine = "\r\x1b[K"

func (p *progress) write() {
	p.mu.Lock()
	text := p.what
	if p.all > 0 {
		text = fmt.Sprintf("%s: %d of %d", p.what, p.done, p.all)
	}
	p.mu.Unlock()
	if p.inPlace {
		p.print(clearLine + text)
		return
	}
	p.print(text + "\n")
}

func (p *progress) print(text string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	fmt.Fprint(p.out, text)
}

// end clears the line.
func (p *progress) end() {
	close(p.ended)
	p.running.Wait()
}
