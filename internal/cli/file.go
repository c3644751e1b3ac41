// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a file atomically. A new file has the mode, an existing one keeps
// its own. A link is followed, and what is no file, such as a pipe or a device, is written to.
func writeFile(path string, mode os.FileMode, write func(io.Writer) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	found, err := os.Stat(path)
	switch {
	case err == nil && !found.Mode().IsRegular():
		return writeThrough(path, write)
	case err == nil:
		mode = found.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return replaceFile(path, mode, write)
}

func writeThrough(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(writeBuffered(file, write), file.Close())
}

func replaceFile(path string, mode os.FileMode, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	if err := errors.Join(writeBuffered(file, write), file.Chmod(mode), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func writeBuffered(out io.Writer, write func(io.Writer) error) error {
	buffered := bufio.NewWriter(out)
	if err := write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}
