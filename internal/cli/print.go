// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/archmap/archmap/internal/report"
)

// The formats of listings.
const (
	formatText     = ""
	formatWide     = "wide"
	formatJSON     = "json"
	formatYAML     = "yaml"
	formatName     = "name"
	formatMarkdown = "markdown"
	formatCSV      = "csv"
)

// format is the flag --output.
type format struct {
	chosen  string
	allowed []string
}

// addFlag adds the flag with the formats that the command knows; the first is the default.
func (f *format) addFlag(command *cobra.Command, allowed ...string) {
	f.chosen, f.allowed = allowed[0], allowed
	named := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == formatText })
	command.Flags().StringVarP(&f.chosen, "output", "o", f.chosen, "Output format: "+strings.Join(named, ", "))
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(named, cobra.ShellCompDirectiveNoFileComp))
}

func (f *format) validate() error {
	if !slices.Contains(f.allowed, f.chosen) {
		return usagef("unknown output format %q; valid formats: %s", f.chosen, strings.Trim(strings.Join(f.allowed, ", "), ", "))
	}
	return nil
}

// writeGrid writes a listing as text, Markdown or CSV.
func (f *format) writeGrid(w io.Writer, g report.Grid) error {
	switch f.chosen {
	case formatMarkdown:
		return g.Markdown(w)
	case formatCSV:
		return g.CSV(w)
	}
	return g.Text(w, colors(w))
}

// colors are for terminals only, and for none that does not want any.
func colors(w io.Writer) bool {
	_, unwanted := os.LookupEnv("NO_COLOR")
	return !unwanted && os.Getenv("TERM") != "dumb" && terminal(w)
}

func terminal(w io.Writer) bool {
	file, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(file.Fd()))
}

// write writes a listing, or its data as JSON or YAML.
func (f *format) write(w io.Writer, g report.Grid, data any) error {
	switch f.chosen {
	case formatJSON:
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(data)
	case formatYAML:
		text, err := yaml.Marshal(data)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	return f.writeGrid(w, g)
}
