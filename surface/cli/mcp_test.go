// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// talker is a house that does something with the connection of one client of `holdfast mcp`.
func talker(t *testing.T, does func(net.Conn, *bufio.Reader)) func(context.Context) (net.Conn, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		from := bufio.NewReader(conn)
		if _, err := http.ReadRequest(from); err == nil {
			does(conn, from)
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
}

const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mcp\r\n\r\n"

func speak(ctx context.Context, dial func(context.Context) (net.Conn, error), in io.Reader) (string, error) {
	var out bytes.Buffer
	err := bridge(ctx, dial, in, &out)
	return out.String(), err
}

func bridge(ctx context.Context, dial func(context.Context) (net.Conn, error), in io.Reader, out io.Writer) error {
	cmd := MCP(Terminal{In: in, Out: out, Err: io.Discard}, dial)
	cmd.SetArgs(nil)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	return cmd.ExecuteContext(ctx)
}

func TestWhatAClientAskedLastIsAnswered(t *testing.T) {
	dial := talker(t, func(conn net.Conn, from *bufio.Reader) {
		fmt.Fprint(conn, switched)
		asked, _ := io.ReadAll(from) // until the client has said all
		fmt.Fprintf(conn, "answer to %s", asked)
	})
	if out, err := speak(t.Context(), dial, strings.NewReader("one\ntwo\n")); err != nil || out != "answer to one\ntwo\n" {
		t.Errorf("the client got %q, %v", out, err)
	}
}

func TestHouseThatGoesAwayIsTold(t *testing.T) {
	open, end := io.Pipe() // a client that goes on
	defer end.Close()
	dial := talker(t, func(conn net.Conn, _ *bufio.Reader) { fmt.Fprint(conn, switched+"half\n") })
	if out, err := speak(t.Context(), dial, open); out != "half\n" || err == nil || !strings.Contains(err.Error(), "the house went away") {
		t.Errorf("the client got %q, %v", out, err)
	}
}

func TestRefusalOfTheHouseIsTold(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nno hub x": "no hub x",
		"": "the house went away before it answered",
	} {
		dial := talker(t, func(conn net.Conn, _ *bufio.Reader) { fmt.Fprint(conn, answer) })
		if _, err := speak(t.Context(), dial, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is told as %v", answer, err)
		}
	}
}

func TestInterruptEndsTheBridge(t *testing.T) {
	open, end := io.Pipe()
	defer end.Close()
	ctx, cancel := context.WithCancel(t.Context())
	dial := talker(t, func(conn net.Conn, from *bufio.Reader) {
		fmt.Fprint(conn, switched)
		cancel()
		_, _ = io.ReadAll(from)
	})
	if err := bridge(ctx, dial, open, io.Discard); err != nil { // what was cut off may still write
		t.Errorf("an interrupt ends with %v", err)
	}
}
