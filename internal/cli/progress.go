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

// progress tells how far something is that takes long, also while it does not get any further.
type progress struct {
	out  io.Writer
	what string
	// inPlace: on a terminal.
	inPlace bool
	ended   chan struct{}
	telling sync.WaitGroup

	mu        sync.Mutex
	done, all int
}

// progress begins to tell how far something is, until the end is called.
func (e *env) progress(what string) (tell func(done, all int), end func()) {
	p := newProgress(e.ErrOut, what)
	return p.tell, p.end
}

// newProgress begins to tell; end must be called.
func newProgress(out io.Writer, what string) *progress {
	out = raw(out) // on a terminal a line is cleared again
	p := &progress{out: out, what: what, inPlace: terminal(out), ended: make(chan struct{})}
	p.telling.Go(p.run)
	return p
}

// tell says that some of all steps are done.
func (p *progress) tell(done, all int) {
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
	for told := false; ; told = true {
		select {
		case <-timer.C:
			p.write()
			timer.Reset(pause)
		case <-p.ended:
			if told && p.inPlace {
				fmt.Fprint(p.out, clearLine)
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
		fmt.Fprint(p.out, clearLine+text)
		return
	}
	fmt.Fprintln(p.out, text)
}

// end clears the line.
func (p *progress) end() {
	close(p.ended)
	p.telling.Wait()
}
