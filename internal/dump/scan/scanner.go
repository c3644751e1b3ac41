// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scan finds the objects of Kubernetes in a text, which may be YAML, JSON, or lists of any size, one by one: it
// decodes no more of them than it takes to identify them, and knows nothing of kinds.
package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// BlockSize is how much is read at a time, in bytes.
	BlockSize = 256 << 10
	// maxObject is the size of the largest object that is read, in bytes: etcd takes 1.5 MiB, which YAML may double.
	maxObject = 4 << 20
)

// Problem is what is wrong with the content of a file. Others of the same dump may be well.
type Problem struct {
	// Line is where, counted from 1; 0 when it is the file as a whole.
	Line int
	Text string
	// Foreign: the file is not meant to hold objects.
	Foreign bool
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// tooBig returns the problem with an object of which this much was read.
func tooBig(it *Item) *Problem {
	return &Problem{Line: it.Line, Text: fmt.Sprintf("%s has more than %d MiB, which is more than Kubernetes stores", it, maxObject>>20)}
}

// scanner reads text and knows at which line it is.
type scanner struct {
	r    io.Reader
	buf  []byte
	pos  int
	err  error
	line int
}

// blocks are for the next text: an archive may have a hundred thousand small ones.
var blocks = sync.Pool{New: func() any { return new(make([]byte, 0, BlockSize)) }}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, line: 1, buf: (*blocks.Get().(*[]byte))[:0]}
}

// end gives back what newScanner took, unless it had to grow.
func (s *scanner) end() {
	if buf := s.buf; cap(buf) == BlockSize {
		blocks.Put(&buf)
	}
	s.buf = nil
}

func (s *scanner) problemf(line int, format string, args ...any) *Problem {
	return &Problem{Line: line, Text: fmt.Sprintf(format, args...)}
}

// fill reads more behind what is not consumed yet, and says whether there is more.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 0 {
		s.buf = s.buf[:copy(s.buf[:cap(s.buf)], s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		return false
	}
	for range 100 {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if err != nil {
			s.err = err
		}
		if n > 0 || err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// failure returns why reading ended before the end; nil at the end of the text.
func (s *scanner) failure() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// peek returns the next byte; ok is false at the end.
func (s *scanner) peek() (c byte, ok bool) {
	if s.pos == len(s.buf) && !s.fill() {
		return 0, false
	}
	return s.buf[s.pos], true
}

// skip consumes n bytes that were peeked.
func (s *scanner) skip(n int) {
	s.line += bytes.Count(s.buf[s.pos:s.pos+n], []byte{'\n'})
	s.pos += n
}

// skipSpace consumes white space, and returns the byte behind it.
func (s *scanner) skipSpace() (c byte, ok bool) {
	for {
		if c, ok = s.peek(); !ok || (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
			return c, ok
		}
		s.skip(1)
	}
}

// peekLine returns the next line without its end, and how many bytes it takes; it is valid until anything is consumed. ok is
// false at the end, and when the line is longer than any object.
func (s *scanner) peekLine() (line []byte, size int, ok bool) {
	from := s.pos
	for {
		if i := bytes.IndexByte(s.buf[from:], '\n'); i >= 0 {
			line = s.buf[s.pos : from+i]
			return bytes.TrimSuffix(line, []byte("\r")), len(line) + 1, true
		}
		seen := len(s.buf) - s.pos
		if len(s.buf) == cap(s.buf) && s.pos == 0 && !s.grow() {
			return nil, 0, false
		}
		if !s.fill() && s.pos+seen == len(s.buf) {
			break
		}
		from = s.pos + seen
	}
	if s.pos == len(s.buf) {
		return nil, 0, false
	}
	line = s.buf[s.pos:]
	return bytes.TrimSuffix(line, []byte("\r")), len(line), true
}

// grow makes room for a longer line.
func (s *scanner) grow() bool {
	if cap(s.buf) >= maxObject {
		s.err = s.problemf(s.line, "has a line of more than %d MiB, so it is no dump of objects", maxObject>>20)
		return false
	}
	s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	return true
}
