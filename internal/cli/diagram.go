// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/archmap/archmap/internal/report"
)

// The formats of drawings.
const (
	formatASCII   = "ascii"
	formatMermaid = "mermaid"
	formatSVG     = "svg"
)

func newDiagramCommand(e *env) *cobra.Command {
	from, output := &sourceFlags{env: e}, &format{}
	options, ascii := report.DiagramOptions{}, report.ASCIIOptions{}
	command := &cobra.Command{
		Use:   "diagram",
		Short: "Draw the architecture of the cluster",
		Long: "Draw the architecture: the managed control plane, the cloud API, the node pools with what runs on every node, and\n" +
			"the add-ons. Each box has the color and symbol of its state. Each cause is marked once, where it is; what it\n" +
			"affects says so. In the terminal the verdict, the causes and the retirements come first.",
		Example: `  # In the terminal
  kubectl archmap diagram

  # For a README or a slide
  kubectl archmap diagram -o mermaid
  kubectl archmap diagram -o svg > architecture.svg`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := output.validate(); err != nil {
				return err
			}
			read := from.report
			if options.Documented {
				read = from.documentation
			}
			r, err := read(command.Context())
			if err != nil {
				return err
			}
			return e.draw(r, options, output.chosen, ascii)
		},
	}
	from.addAllFlags(command)
	output.addFlag(command, formatASCII, formatMermaid, formatSVG)
	flags := command.Flags()
	flags.BoolVar(&options.Documented, "documented", false, "Draw what is documented, without reading a cluster")
	flags.BoolVar(&options.OmitAbsent, "omit-absent", false, "Leave out optional components that are not installed")
	flags.IntVar(&ascii.Width, "width", 0, "Width of an ascii diagram in columns (default: the terminal's width, or 100)")
	flags.BoolVar(&ascii.Plain, "plain", false, "Use only ASCII characters")
	return command
}

// draw writes a drawing. For a terminal the causes come before it: the drawing shows them, and has no room to tell them.
func (e *env) draw(r *report.Report, o report.DiagramOptions, format string, ascii report.ASCIIOptions) error {
	switch format {
	case formatMermaid:
		return report.Draw(r, o).Mermaid(e.Out)
	case formatSVG:
		return report.Draw(r, o).SVG(e.Out)
	}
	ascii.Color = colors(e.Out)
	if ascii.Width == 0 {
		ascii.Width = columns(e.Out)
	}
	if !o.Documented {
		view := report.View{Width: ascii.Width, Color: ascii.Color, Plain: ascii.Plain}
		if err := report.Findings(e.Out, r, view); err != nil {
			return err
		}
		fmt.Fprintln(e.Out)
		o.Uncounted = true
	}
	return report.Draw(r, o).ASCII(e.Out, ascii)
}

// columns of a terminal; 0 for what is none.
func columns(w io.Writer) int {
	if file, ok := w.(interface{ Fd() uintptr }); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}
