// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"bytes"
	"slices"
	"strings"

	"github.com/archmap/archmap/internal/msg"
)

// What kubectl cluster-info dump puts around the logs of containers.
const (
	logsBegin = "==== START logs for container "
	logsEnd   = "==== END logs for container "
)

// kubectlErrors are how kubectl begins what it says instead of objects.
var kubectlErrors = []string{
	"error: ", "Error from server", "Unable to connect to the server", "The connection to the server ", "No resources found",
	"Warning: ", "E0", "E1", // E1002 14:30:00.000000: a log line, which names its month
}

func isKubectlError(line []byte) bool {
	return slices.ContainsFunc(kubectlErrors, func(prefix string) bool {
		return bytes.HasPrefix(line, []byte(prefix)) && (prefix[0] != 'E' || len(prefix) > 2 || isLogLine(line))
	})
}

// isLogLine reports whether a line begins as E1002 14:30:00.
func isLogLine(line []byte) bool {
	return len(line) > 8 && line[5] == ' ' && line[8] == ':' && !slices.ContainsFunc(line[1:5], func(c byte) bool { return c < '0' || c > '9' })
}

// Sink receives what a text holds, in its order. An error ends the scan.
type Sink interface {
	// Document starts what was read from the cluster in one request, such as a list.
	Document()
	// Object receives an object that states its kind; it is an element of the list unless of is nil. The item's text is
	// valid only during the call.
	Object(it *Item, of *List) error
	// List receives a list after its elements.
	List(l *List)
}

// Summary sums up what Scan read.
type Summary struct {
	Objects int
	// Said is the messages of kubectl among the objects.
	Said []*Problem
	// Logs: logs of containers are in it, as in dumps of kubectl cluster-info.
	Logs bool
}

// Scan reads all objects of a text, which may be YAML, JSON, or one after the other. The error is a Problem where the
// text is wrong, or that of the sink or of the reader.
func Scan(r *bufio.Reader, sink Sink) (*Summary, error) {
	text, unreadable := asUTF8(r)
	if unreadable != nil {
		unreadable.Foreign = true
		return nil, unreadable
	}
	s, to := newScanner(text), &assembler{sink: sink}
	defer s.end()
	for {
		c, ok := s.skipSpaceLines()
		if !ok {
			break
		}
		sink.Document()
		if err := readNext(s, c, to); err != nil {
			return nil, err
		}
	}
	if err := s.failure(); err != nil {
		return nil, err
	}
	return &to.found, to.end()
}

// readNext reads what begins with c.
func readNext(s *scanner, c byte, to *assembler) error {
	switch {
	case c == '{' && !flowYAML(s), c == '[':
		return (&jsonReader{scanner: s, to: to}).value() // all of it may be one line
	case c == '{':
		return readFlow(s, to)
	}
	line, size, ok := s.peekLine()
	if !ok {
		return s.failure()
	}
	switch {
	case bytes.HasPrefix(line, []byte(logsBegin)):
		to.found.Logs = true
		return skipLogs(s)
	case c == '#' || c == '%' || bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("...")):
		if rest := bytes.TrimLeft(bytes.TrimPrefix(line, []byte("---")), " "); bytes.HasPrefix(line, []byte("--- ")) && len(rest) > 0 && rest[0] == '{' {
			s.skip(len(line) - len(rest))
			return nil
		}
		s.skip(size)
		return nil
	case isKubectlError(line):
		to.found.Said = append(to.found.Said, &Problem{Line: s.line, Text: msg.Truncate(strings.TrimSpace(string(line)), 200)})
		s.skip(size)
		return nil
	}
	if p := noObjects(s.line, line); p != nil {
		if to.found.Objects > 0 {
			p.Foreign = false
		}
		return p
	}
	return (&yamlReader{scanner: s, to: to}).document()
}

// noObjects says why a line cannot begin an object, worded for users.
func noObjects(number int, line []byte) *Problem {
	text := string(bytes.TrimSpace(line))
	p := &Problem{Line: number, Foreign: true}
	key, _, isKey := strings.Cut(text, ":")
	switch {
	case strings.HasPrefix(text, "<"):
		p.Text = "is a web page or XML, perhaps that of a login; it holds no objects of Kubernetes"
	case strings.HasPrefix(text, "NAME ") || strings.HasPrefix(text, "NAMESPACE "):
		p.Text = "is a table of kubectl for people; get it again with -o yaml"
	case !isKey || strings.ContainsAny(key, " \t{}[]<>()/") || text[0] == '-':
		p.Text = "is neither YAML nor JSON of Kubernetes objects; it says: " + msg.Truncate(strings.ToValidUTF8(text, "?"), 60)
	default:
		return nil
	}
	return p
}

// skipSpaceLines consumes blank lines, but not what indents the first line that is not blank, unless it is JSON.
func (s *scanner) skipSpaceLines() (byte, bool) {
	for indent := 0; ; {
		if s.pos+indent == len(s.buf) && !s.fill() {
			return 0, false
		}
		switch c := s.buf[s.pos+indent]; c {
		case ' ', '\t', '\r':
			if indent++; indent > maxIndent {
				s.skip(indent)
				indent = 0
			}
		case '\n':
			s.skip(indent + 1)
			indent = 0
		case '{', '[':
			s.skip(indent)
			return c, true
		default:
			return c, true
		}
	}
}

// maxIndent is how far anything may be indented that begins an object.
const maxIndent = 1000

// flowYAML reports whether a brace begins YAML rather than JSON, which would go on with a quote.
func flowYAML(s *scanner) bool {
	for i := s.pos + 1; ; i++ {
		if i == len(s.buf) {
			before := s.pos
			if !s.fill() {
				return false
			}
			i -= before - s.pos
		}
		switch s.buf[i] {
		case ' ', '\n', '\r', '\t':
		case '"', '}':
			return false
		default:
			return true
		}
	}
}

// readFlow reads a document of YAML that is not indented; it is decoded as a whole.
func readFlow(s *scanner, to *assembler) error {
	it := &Item{Line: s.line, Format: YAML, whole: true}
	for {
		line, size, ok := s.peekLine()
		if !ok || bytes.HasPrefix(line, []byte("---")) {
			break
		}
		it.Raw = append(append(it.Raw, line...), '\n')
		s.skip(size)
		if len(it.Raw) > maxObject {
			return s.problemf(it.Line, "is YAML in braces of more than %d MiB; get it again with -o json", maxObject>>20)
		}
	}
	if err := s.failure(); err != nil {
		return err
	}
	return to.addWhole(it, nil)
}

// skipLogs consumes the logs of a container.
func skipLogs(s *scanner) error {
	for {
		line, size, ok := s.peekLine()
		if !ok {
			if err := s.failure(); err != nil {
				return err
			}
			return s.problemf(s.line, "ends in the middle of a container's logs: it is cut off")
		}
		s.skip(size)
		if bytes.HasPrefix(line, []byte(logsEnd)) {
			return nil
		}
	}
}
