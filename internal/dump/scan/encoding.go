// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// headSize is how much of a text shows how it is encoded, in bytes.
const headSize = 512

// asUTF8 reads text as UTF-8, as which it may be written, or as UTF-16, as PowerShell does.
func asUTF8(r *bufio.Reader) (io.Reader, *Problem) {
	head, _ := r.Peek(headSize)
	utf16 := func(order unicode.Endianness) io.Reader {
		return transform.NewReader(r, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = r.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), zeroAt(head, 1):
		return utf16(unicode.LittleEndian), nil
	case bytes.HasPrefix(head, []byte("\xfe\xff")), zeroAt(head, 0):
		return utf16(unicode.BigEndian), nil
	case bytes.IndexByte(head, 0) >= 0:
		return nil, &Problem{Text: "is no text, so neither YAML nor JSON"}
	}
	return r, nil
}

// zeroAt reports whether the first two characters are ASCII in UTF-16, of which the byte at i is 0.
func zeroAt(head []byte, i int) bool {
	return len(head) >= 4 && head[i] == 0 && head[i+2] == 0 && head[1-i] != 0 && head[3-i] != 0
}
