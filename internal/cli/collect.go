// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/archmap/archmap/internal/bundle"
)

// collector is the command collect.
type collector struct {
	env   *env
	from  *sourceFlags
	file  string
	force bool
}

func newCollectCommand(e *env) *cobra.Command {
	c := &collector{env: e, from: &sourceFlags{env: e}}
	command := &cobra.Command{
		Use:   "collect -o FILE",
		Short: "Collect what the catalog needs into a bundle for support",
		Long: "Read only what the catalog needs, and write it to a bundle that can be sent to someone else and checked there\n" +
			"with check --from. Secrets are never read. Environment variables, commands, logs, annotations that no check reads,\n" +
			"subscription IDs and other private data are left out; README.txt in the bundle lists its contents.\n\n" +
			"With --from, an existing dump is converted to such a bundle.",
		Example: `  # Write a bundle, and check it elsewhere
  kubectl archmap collect -o bundle.tar.gz
  kubectl archmap check --from bundle.tar.gz

  # The same, through a pipe
  kubectl archmap collect -o - | ssh support kubectl archmap check --from -`,
		RunE: func(command *cobra.Command, _ []string) error { return c.run(command.Context()) },
	}
	c.from.addFlags(command)
	command.Flags().StringVarP(&c.file, "output", "o", "", "File to write the bundle to, or - for standard output")
	command.Flags().BoolVar(&c.force, "force", false, "Replace the file if it exists")
	return command
}

// toStdout is the name of standard output.
const toStdout = "-"

func (c *collector) run(ctx context.Context) error {
	switch {
	case c.file == "":
		return usagef("set the file to write with -o bundle.tar.gz, or -o - for standard output")
	case c.file == toStdout && terminal(c.env.Out):
		return usagef("a bundle is binary; write it to a file or a pipe, not to a terminal")
	}
	if err := c.mayWrite(); err != nil {
		return err
	}
	result, err := c.from.evaluate(ctx)
	if err != nil {
		return err
	}
	var manifest *bundle.Manifest
	write := func(w io.Writer) error {
		manifest, err = bundle.Write(w, result.Read, bundle.About{
			Cluster: c.cluster(result.Report.Source), CollectedBy: c.env.version, Mappings: result.Report.Mappings,
		})
		return err
	}
	if c.file == toStdout {
		err = write(c.env.Out)
	} else {
		err = writeFile(c.file, 0o600, write)
	}
	if err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	if c.summarize(manifest); len(manifest.Unread()) > 0 {
		return verdictError{exitUnknown}
	}
	return nil
}

// cluster returns the name of the source. It leaves out the names of directories, which are private.
func (c *collector) cluster(name string) string {
	switch {
	case c.from.from == "" || name != c.from.from:
		return name
	case name == stdin:
		return ""
	}
	return filepath.Base(name)
}

// mayWrite says no before anything is read.
func (c *collector) mayWrite() error {
	if c.file == toStdout {
		return nil
	}
	found, err := os.Stat(c.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !found.Mode().IsRegular():
		return usagef("%s is not a regular file and can't be replaced", c.file)
	case !c.force:
		return usagef("%s already exists; use --force to replace it", c.file)
	}
	return nil
}

// summarize says what is in the bundle and what is not.
func (c *collector) summarize(m *bundle.Manifest) {
	name := c.file
	if name == toStdout {
		name = "The bundle"
	} else if found, err := os.Stat(c.file); err == nil {
		name = fmt.Sprintf("%s (%d KiB)", c.file, (found.Size()+1023)>>10)
	}
	fmt.Fprintf(c.env.ErrOut, "%s holds %d objects of %s, collected at %s.\n",
		name, m.Objects, cmp.Or(m.Cluster, "the cluster"), m.CollectedAt.Format("2006-01-02 15:04:05 MST"))
	unread := m.Unread()
	if len(unread) == 0 {
		return
	}
	fmt.Fprintf(c.env.ErrOut, "Couldn't read, and so not in the bundle:\n")
	for _, what := range unread {
		fmt.Fprintf(c.env.ErrOut, "  %s\n", what)
	}
}
