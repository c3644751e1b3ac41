// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"mime"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/archmap/archmap/internal/trim"
)

// trimming returns a client that drops from objects in protobuf what nobody reads before they are decoded.
func trimming(c *http.Client) *http.Client {
	trimmed := *c
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	trimmed.Transport = &trimmer{next}
	return &trimmed
}

// trimmer trims what comes through.
type trimmer struct{ next http.RoundTripper }

func (t *trimmer) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Encoding") != "" {
		return response, err
	}
	kind, params, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != runtime.ContentTypeProtobuf {
		return response, nil
	}
	if params["stream"] == "watch" {
		response.Body = &eventTrimmer{body: response.Body}
	} else {
		response.Body = &answerTrimmer{body: response.Body}
	}
	response.ContentLength = -1
	response.Header.Del("Content-Length")
	return response, nil
}

// WrappedRoundTripper is for client-go, which looks for the one that can cancel requests.
func (t *trimmer) WrappedRoundTripper() http.RoundTripper { return t.next }

// answerTrimmer is the body of an answer, an object or a list.
type answerTrimmer struct {
	body io.ReadCloser
	// rest is what was read and trimmed; nil before it was read.
	rest *bytes.Reader
}

func (a *answerTrimmer) Read(p []byte) (int, error) {
	if a.rest == nil {
		answer, err := io.ReadAll(a.body)
		if err != nil {
			return 0, err
		}
		a.rest = bytes.NewReader(trim.Wire(make([]byte, 0, len(answer)/2), answer))
	}
	return a.rest.Read(p)
}

func (a *answerTrimmer) Close() error { return a.body.Close() }

// eventTrimmer is the body of a watch: events, each behind its length.
type eventTrimmer struct {
	body io.ReadCloser
	// event was read last, trimmed is what is left of it behind its length, and rest what has not been read of that.
	event         bytes.Buffer
	trimmed, rest []byte
}

func (e *eventTrimmer) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if err := e.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// next reads an event.
func (e *eventTrimmer) next() error {
	var length [4]byte
	if _, err := io.ReadFull(e.body, length[:]); err != nil {
		return err
	}
	e.event.Reset()
	if _, err := io.CopyN(&e.event, e.body, int64(binary.BigEndian.Uint32(length[:]))); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	e.trimmed = trim.WireEvent(append(e.trimmed[:0], length[:]...), e.event.Bytes())
	binary.BigEndian.PutUint32(e.trimmed, uint32(len(e.trimmed)-len(length)))
	e.rest = e.trimmed
	return nil
}

func (e *eventTrimmer) Close() error { return e.body.Close() }
