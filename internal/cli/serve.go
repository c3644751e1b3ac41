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
		Short: "Show the report page live in the browser",
		Long: "Serve the report page at http://127.0.0.1:8090. The page follows the cluster: changes show within about two\n" +
			"seconds, without a reload. It watches the cluster with your own permissions, and writes nothing.\n\n" +
			"Anyone who can open the page sees what you can see of the cluster, so it is served on this machine only, unless\n" +
			"you set --address. Press Ctrl-C to stop.",
		Example: `  kubectl archmap serve

  # On any free port
  kubectl archmap serve --port 0

  # Check the cluster here, even if an operator runs
  kubectl archmap serve --source cluster`,
		RunE: func(command *cobra.Command, _ []string) error {
			feed, err := from.feed(command.Context())
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
			if err != nil {
				return fmt.Errorf("%w; choose another port with --port, or 0 for any free port", err)
			}
			return e.serve(command.Context(), listener, address, feed)
		},
	}
	from.addFeedFlags(command)
	command.Flags().StringVar(&address, "address", "127.0.0.1", "Address or host name to serve on")
	command.Flags().Uint16Var(&port, "port", 8090, "Port to serve on; 0 for any free port")
	return command
}

// serve serves the reports of the feed until the context ends.
func (e *env) serve(ctx context.Context, listener net.Listener, name string, feed source.Feed) error {
	bound := listener.Addr().(*net.TCPAddr)
	if !bound.IP.IsLoopback() {
		fmt.Fprintf(e.ErrOut, "Warning: anyone who can reach %s sees what you can see of the cluster, without authentication.\n", bound)
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
