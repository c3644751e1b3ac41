// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"bytes"

	"github.com/archmap/archmap/internal/dump/scan"
)

// headSize is how much of a file shows how it is packed, in bytes.
const headSize = 512

// packing is how a file is packed.
type packing string

const (
	plain   packing = ""
	gzipped packing = "gzip"
	tarred  packing = "tar"
)

// signatures of binary formats; those without a packing cannot be read.
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

// packingOf returns how a file is packed, by its first bytes.
func packingOf(head []byte) (packing, *scan.Problem) {
	for _, s := range signatures {
		if len(head) > s.offset && bytes.HasPrefix(head[s.offset:], []byte(s.bytes)) {
			if s.problem != "" {
				return plain, &scan.Problem{Text: s.problem}
			}
			return s.packing, nil
		}
	}
	return plain, nil
}
