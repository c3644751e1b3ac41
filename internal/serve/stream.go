// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"net/http"
	"time"
)

// stream is a response of server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// event sends an event. Its data may have any number of lines.
func (s stream) event(name string, data []byte) error {
	var out bytes.Buffer
	out.Grow(len(data) + len(data)/16)
	out.WriteString("event: " + name + "\n")
	for line := range bytes.Lines(append(bytes.ReplaceAll(data, []byte("\r"), nil), '\n')) {
		out.WriteString("data: ")
		out.Write(line)
	}
	out.WriteString("\n")
	return s.send(out.Bytes())
}

// send fails when the reader does not take it in time.
func (s stream) send(data []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writing)); err != nil {
		return err
	}
	if _, err := s.w.Write(data); err != nil {
		return err
	}
	return s.control.Flush()
}
