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
	// progressEvery is how often it says so where lines stay.
	progressEvery = 5 * time.Second
)

// progress tells how far something is that takes long.
type progress struct {
	out  io.Writer
	what string
	// inPlace: a terminal, where one line is written again and again.
	inPlace bool

	mu          sync.Mutex
	began, last time.Time
}

func newProgress(out io.Writer, what string) *progress {
	return &progress{out: out, what: what, inPlace: terminal(out), began: time.Now()}
}

// tell says that some of all steps are done.
func (p *progress) tell(done, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	pause := progressEvery
	if p.inPlace {
		pause = progressEvery / 50
	}
	if now.Sub(p.began) < progressAfter || now.Sub(p.last) < pause {
		return
	}
	p.last = now
	if p.inPlace {
		fmt.Fprintf(p.out, "\r\x1b[K%s: %d of %d", p.what, done, all)
		return
	}
	fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, done, all)
}

// end clears the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inPlace && !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
