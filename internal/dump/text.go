// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// headSize is how much of a file tells what it is.
const headSize = 512

// packing is how a file is packed.
type packing string

const (
	plain   packing = ""
	gzipped packing = "gzip"
	tarred  packing = "tar"
)

// signatures of what is no text; those without a packing cannot be read.
var signatures = []struct {
	offset int
	bytes  string
	packing
	problem string
}{
	{0, "\x1f\x8b", gzipped, ""},
	{257, "ustar", tarred, ""},
	{0, "PK\x03\x04", plain, "is a zip archive; unpack it, and give the directory"},
	{0, "BZh", plain, "is compressed with bzip2; unpack it first"},
	{0, "\xfd7zXZ", plain, "is compressed with xz; unpack it first"},
	{0, "\x28\xb5\x2f\xfd", plain, "is compressed with zstd; unpack it first"},
}

// packingOf tells how a file is packed from how it begins.
func packingOf(head []byte) (packing, *problem) {
	for _, s := range signatures {
		if len(head) > s.offset && bytes.HasPrefix(head[s.offset:], []byte(s.bytes)) {
			if s.problem != "" {
				return plain, &problem{text: s.problem}
			}
			return s.packing, nil
		}
	}
	return plain, nil
}

// asUTF8 reads text as UTF-8, as which it may be written, or as UTF-16, as PowerShell does.
func asUTF8(r *bufio.Reader) (io.Reader, *problem) {
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
		return nil, &problem{text: "is no text, so neither YAML nor JSON"}
	}
	return r, nil
}

// zeroAt says whether the first two characters are ASCII in UTF-16, of which the byte at i is 0.
func zeroAt(head []byte, i int) bool {
	return len(head) >= 4 && head[i] == 0 && head[i+2] == 0 && head[1-i] != 0 && head[3-i] != 0
}
