// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"holdfast/surface/problem"
)

// lastAnswers is how long the answers to what a client asked before it closed its end are waited for.
const lastAnswers = 15 * time.Second

// MCP is the command that a desktop client starts to speak MCP with the running house over standard
// input and output. It only carries lines: what they say is between the client and the house.
func MCP(t Terminal, dial func(context.Context) (net.Conn, error)) *cobra.Command {
	var hub, tier string
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Serve the running house's tools to an MCP client over standard input and output",
		Long: `Serve the running house's tools to an MCP client over standard input and output.

A client starts it: {"command": "holdfast", "args": ["mcp"]}. It sees what AGENT_API_KEY would see,
or what --tier allows; with --hub it sees that hub. It ends when the client has closed its end and
was answered, ten seconds later at most, and leaves nothing behind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := dial(cmd.Context())
			if err != nil {
				return err
			}
			if t.Interactive {
				_, _ = fmt.Fprintln(t.Err, "holdfast mcp speaks MCP on standard input: an MCP client starts it. Ctrl-C ends it.")
			}
			return carry(cmd.Context(), conn, url.Values{"hub": {hub}, "tier": {tier}}, t.In, t.Out)
		},
	}
	cmd.Flags().StringVar(&hub, "hub", "", "show the tools of this hub instead of all")
	cmd.Flags().StringVar(&tier, "tier", "", "let the client do what this tier may: tenant-peer (the default), tenant-owner or operator")
	return cmd
}

// carry brings lines from in to the house and from the house to out, until one side ends.
func carry(ctx context.Context, conn net.Conn, query url.Values, in io.Reader, out io.Writer) error {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	from, err := upgrade(ctx, conn, query)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	asked, answered := make(chan error, 1), make(chan struct{})
	var broken error                                          // why no more is answered
	go func() { _, err := io.Copy(conn, in); asked <- err }() // ends with the process, where in cannot be closed
	go func() { defer close(answered); _, broken = io.Copy(out, from) }()
	select {
	case <-ctx.Done():
		return nil
	case <-answered:
		if ctx.Err() != nil {
			return nil
		}
		return errors.Join(errors.New("the house went away: start the client's connection anew once it is up"), broken)
	case err := <-asked:
		if err != nil {
			return fmt.Errorf("cannot carry on with the client: %w", err)
		}
	}
	return finish(ctx, conn, answered)
}

// finish tells the house that the client said all, and lets it answer what is under way.
func finish(ctx context.Context, conn net.Conn, answered <-chan struct{}) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return nil //nolint:nilerr // the house closed first, which ends it as well
		}
	}
	patience := time.NewTimer(lastAnswers)
	defer patience.Stop()
	select {
	case <-ctx.Done():
	case <-answered:
	case <-patience.C:
	}
	return nil
}

// upgrade asks the house to make the connection one of messages.
func upgrade(ctx context.Context, conn net.Conn, query url.Values) (*bufio.Reader, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://house/mcp/stdio?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "mcp")
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("cannot ask the house: %w", err)
	}
	from := bufio.NewReader(conn)
	resp, err := http.ReadResponse(from, req)
	if err != nil {
		return nil, fmt.Errorf("the house went away before it answered: %w", err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return from, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("cannot read why the house refuses: %w", err)
	}
	return nil, problem.Read(resp.StatusCode, body)
}
