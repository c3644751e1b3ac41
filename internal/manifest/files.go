// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// Stdin is the path that means standard input.
	Stdin = "-"
	// stdinName is what standard input is called in messages.
	stdinName = "<stdin>"
	// maxFile is the size of the largest file that is read, in bytes.
	maxFile = 32 << 20
)

// readFiles reads what the paths name: files, directories with all below them, and standard input.
func readFiles(paths []string, stdin io.Reader) ([]*file, error) {
	var files []*file
	var errs []error
	for _, path := range paths {
		if path == Stdin {
			f, err := readFile(stdinName, true, stdin)
			files, errs = append(files, f), append(errs, err)
			continue
		}
		found, err := findFiles(path)
		errs = append(errs, err)
		for _, name := range found {
			name = filepath.ToSlash(name)
			if slices.ContainsFunc(files, func(f *file) bool { return f != nil && f.name == name }) {
				continue
			}
			f, err := openFile(name, name == filepath.ToSlash(filepath.Clean(path)))
			files, errs = append(files, f), append(errs, err)
		}
	}
	return files, errors.Join(errs...)
}

// findFiles lists the manifests of a directory, or the file itself.
func findFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{filepath.Clean(path)}, nil
	}
	var found []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != path && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir // .git, .github and their like
		case isManifest(name) && isFile(name, entry):
			found = append(found, filepath.Clean(name))
		}
		return nil
	})
	return found, err
}

// isFile reports whether there is a file to read, perhaps at the other end of a link.
func isFile(name string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.Type().IsRegular()
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// isManifest goes by the name. Kustomizations say what to do with manifests, and are none.
func isManifest(name string) bool {
	base := filepath.Base(name)
	if slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, base) {
		return false
	}
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(base)))
}

func openFile(name string, named bool) (*file, error) {
	opened, err := os.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	return readFile(name, named, opened)
}

func readFile(name string, named bool, from io.Reader) (*file, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB: that is no file of mappings", name, maxFile>>20)
	}
	f := &file{name: name, named: named}
	f.parse(data)
	return f, nil
}
