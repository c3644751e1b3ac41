// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/archmap/archmap/internal/bundle"
	"github.com/archmap/archmap/internal/dump/scan"
)

// maxPackings is how often something may be packed again.
const maxPackings = 4

// loader goes through the files of a dump.
type loader struct {
	o    Options
	dump *collection
	// root is the directory in which files are, by its full path: its name may show what is in it.
	root  string
	read  int64
	all   int64
	usage *usage
	// written is when the dump was, as far as its file tells.
	written time.Time
}

// directory reads all files below root. It follows no symbolic links and opens nothing but files.
func (l *loader) directory(root string) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	if l.root, err = filepath.Abs(real); err != nil {
		return err
	}
	l.root = filepath.ToSlash(l.root)
	return filepath.WalkDir(real, func(file string, entry fs.DirEntry, err error) error {
		name := relative(real, file)
		switch {
		case err != nil:
			l.dump.skip(name, reasonOf(err), true)
			return nil
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.IsDir() || isIgnored(name):
			return nil
		case !entry.Type().IsRegular():
			l.dump.skip(name, describe(entry.Type()), false)
			return nil
		}
		return l.oneOf(name, func() error { return l.path(file, name) })
	})
}

// oneOf reads one of many files: what is wrong with it does not hurt the others.
func (l *loader) oneOf(name string, read func() error) error {
	if err := l.usage.addFile(); err != nil {
		return err
	}
	err := read()
	var p *scan.Problem
	var over *limitError
	switch {
	case err == nil, errors.As(err, &over):
		return err
	case errors.As(err, &p):
		l.dump.skip(name, p.Error(), !p.Foreign)
	default:
		l.dump.skip(name, reasonOf(err), true)
	}
	return nil
}

// path reads a file.
func (l *loader) path(file, name string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return l.content(name, &counter{r: f, loader: l}, 0)
}

// readers are for the next file: an archive may have a hundred thousand small ones.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, scan.BlockSize) }}

// content reads what may be packed.
func (l *loader) content(name string, r io.Reader, depth int) error {
	in := readers.Get().(*bufio.Reader)
	in.Reset(r)
	defer func() {
		in.Reset(nil)
		readers.Put(in)
	}()
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	packed, unreadable := packingOf(head)
	switch {
	case unreadable != nil:
		return unreadable
	case packed != plain && depth >= maxPackings:
		return &scan.Problem{Text: fmt.Sprintf("is packed more than %d times", maxPackings)}
	case packed == gzipped:
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		return l.content(strings.TrimSuffix(name, ".gz"), &limit{r: unpacked, usage: l.usage}, depth+1)
	case packed == tarred:
		return l.archive(name, in, depth)
	}
	return l.text(name, in)
}

// archive reads the files of a tar archive, of which nothing is written anywhere.
func (l *loader) archive(name string, r io.Reader, depth int) error {
	t := tar.NewReader(r)
	last := "the beginning"
	var over *limitError
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tar.ErrInsecurePath):
		case errors.As(err, &over):
			return err
		case err != nil:
			return fmt.Errorf("%s: after %s: %w", name, last, cutOff(err))
		}
		last = h.Name
		if h.Typeflag == tar.TypeDir || isIgnored(h.Name) {
			continue
		}
		if reason := whySkipped(h); reason != "" {
			l.dump.skip(h.Name, reason, true)
			continue
		}
		member := &member{r: t}
		if err := l.oneOf(h.Name, func() error { return l.content(path.Clean(h.Name), member, depth+1) }); err != nil {
			return err
		}
		if member.err != nil {
			return fmt.Errorf("%s: in %s: %w", name, last, cutOff(member.err))
		}
	}
}

// whySkipped says why a member of an archive is not read; empty when it is.
func whySkipped(h *tar.Header) string {
	name := strings.ReplaceAll(h.Name, "\\", "/")
	switch {
	case h.Typeflag != tar.TypeReg:
		return describe(h.FileInfo().Mode())
	case path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), ".."):
		return "its name leads out of the archive"
	}
	return ""
}

// text reads a file that is not packed.
func (l *loader) text(name string, in *bufio.Reader) error {
	f := newFile(name, placeOf(path.Join(l.root, name)), l.dump.filter, l.usage)
	found, err := scan.Scan(in, f)
	if err != nil {
		return err
	}
	if found.Logs {
		f.source = ClusterInfo
	}
	l.dump.add(f, found)
	return nil
}

// isIgnored reports whether the file's name is that of one that never holds objects.
func isIgnored(name string) bool {
	base := path.Base(filepath.ToSlash(name))
	return base == "logs.txt" || base == bundle.ReadmeName || strings.HasSuffix(base, ".log") || strings.HasPrefix(base, "._")
}

func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "is a symbolic link, which is not followed"
	case mode.IsRegular():
		return "is a link, which is not followed"
	}
	return "is no file"
}

func relative(root, file string) string {
	if name, err := filepath.Rel(root, file); err == nil {
		return filepath.ToSlash(name)
	}
	return file
}

// reasonOf returns an error without the path, which the caller adds.
func reasonOf(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return cutOff(err).Error()
}

// cutOff says in words that something ends too early.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("ends too early: it is cut off")
	}
	return err
}

// limit stops unpacking when the result is too large.
type limit struct {
	r     io.Reader
	usage *usage
}

func (l *limit) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if over := l.usage.addUnpacked(n); over != nil {
		return n, over
	}
	return n, err
}

// counter counts what is read.
type counter struct {
	r      io.Reader
	loader *loader
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.loader.read += int64(n)
	if c.loader.o.Progress != nil {
		c.loader.o.Progress(c.loader.read, c.loader.all)
	}
	return n, err
}

// member remembers that reading an archive failed, which is more than a problem with one file in it.
type member struct {
	r   io.Reader
	err error
}

func (m *member) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	return n, err
}
