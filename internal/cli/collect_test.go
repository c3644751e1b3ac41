// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

// A bundle is written whole or not at all, over nothing that is there, for nobody else to read.
func TestCollect(t *testing.T) {
	g := NewWithT(t)
	from, dir := bundle(t, "overlay-cilium", crash), t.TempDir()
	file := filepath.Join(dir, "bundle.tar.gz")
	collect := func(args ...string) result { return run("", append([]string{"collect", "--from", from}, args...)...) }

	expect := func(r result, code int, words string) {
		t.Helper()
		g.Expect(r.code).To(Equal(code), r.errors)
		g.Expect(r.errors).To(ContainSubstring(words))
	}

	expect(collect(), 3, "-o bundle.tar.gz")
	expect(collect("-o", dir), 3, "no file that can be replaced")
	expect(collect("-o", file), 0, " objects of ")
	written, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	found, err := os.Stat(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Mode().Perm()).To(Equal(os.FileMode(0o600)))

	expect(collect("-o", file), 3, "replace it with --force")
	expect(collect("-o", file, "--force"), 0, "")
	expect(collect("-o", filepath.Join(dir, "nowhere", "b.tar.gz")), 2, "could not be written")
	expect(run("", "collect", "--from", filepath.Join(dir, "nothing"), "-o", filepath.Join(dir, "b.tar.gz")), 2, "nothing")
	left, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(HaveLen(1), "no half of a bundle stays")

	piped := collect("-o", "-")
	g.Expect(piped.code).To(Equal(0))
	g.Expect(piped.out).To(Equal(string(written)), "the same gives the same")
	checked, again := run("", "check", "--from", from), run(piped.out, "check", "--from", "-")
	g.Expect(again.code).To(Equal(1))
	g.Expect(again.out).To(Equal(checked.out), "and what it says is the same")
}
