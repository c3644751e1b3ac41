// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/archmap/archmap/internal/report"
	"github.com/archmap/archmap/internal/serve"
	"github.com/archmap/archmap/internal/source"
)

func newServeCommand(e *env) *cobra.Command {
	from := &sourceFlags{env: e}
	var address string
	var port uint16
	command := &cobra.Command{
		Use:   "serve",
		Short: "Show the page of report in the browser, live",
		Long: "Show the page of report at http://127.0.0.1:8090. The page follows the cluster: what changes there shows within\n" +
			"about two seconds, without a reload. It is seen with your own rights, by watches, and nothing is written.\n\n" +
			"Whoever can open the page sees what you may see of the cluster. So it is served on this machine alone, unless\n" +
			"you say otherwise with --address. Ctrl-C ends it.",
		Example: `  kubectl archmap serve

  # On any free port
  kubectl archmap serve --port 0

  # Judge the cluster here, although an operator does
  kubectl archmap serve --source cluster`,
		RunE: func(command *cobra.Command, _ []string) error {
			feed, err := from.feed(command.Context())
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
			if err != nil {
				return fmt.Errorf("%w; choose another port with --port, 0 for any that is free", err)
			}
			return e.serve(command.Context(), listener, address, feed)
		},
	}
	from.addFeedFlags(command)
	command.Flags().StringVar(&address, "address", "127.0.0.1", "Address or name of this machine at which to serve")
	command.Flags().Uint16Var(&port, "port", 8090, "Port at which to serve; 0 is any that is free")
	return command
}

// serve serves the reports of the feed until the context ends.
func (e *env) serve(ctx context.Context, listener net.Listener, name string, feed source.Feed) error {
	bound := listener.Addr().(*net.TCPAddr)
	if !bound.IP.IsLoopback() {
		fmt.Fprintf(e.ErrOut, "Warning: whoever reaches %s sees what you may see of the cluster; nobody is asked who they are.\n", bound)
	}
	fmt.Fprintf(e.Out, "Serving at http://%s\n", bound)
	server := serve.New(name, feed.Stale)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, listener) })
	group.Go(func() error {
		// The reader does not wait at Ctrl-C for a cluster that does not answer.
		_, err := source.Interruptible(ctx, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, feed.Run(ctx, func(r *report.Report) {
				if err := server.Publish(r); err != nil {
					fmt.Fprintf(e.ErrOut, "error: %s\n", err)
				}
			})
		})
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	return group.Wait()
}
