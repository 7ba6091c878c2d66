// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

// stdioPath is where `holdfast mcp` asks for a connection of messages, line by line.
const stdioPath = "/mcp/stdio"

// upgraded is what the connection becomes.
const upgraded = "mcp"

// stdio serves one client that `holdfast mcp` speaks for. The connection is the session: nothing of
// it is left when it ends.
func (s *Server) stdio(w http.ResponseWriter, r *http.Request) {
	caller, err := lowered(holdfast.CallerFrom(r.Context()), r.URL.Query().Get("tier"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Header.Get("Upgrade") != upgraded {
		http.Error(w, "this speaks MCP over a connection of its own: want the header Upgrade: "+upgraded, http.StatusUpgradeRequired)
		return
	}
	f, err := s.face(r.Context(), caller, r.URL.Query().Get("hub"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "the connection cannot be taken over", http.StatusInternalServerError)
		return
	}
	if err := s.converse(f, conn, buffered); err != nil {
		s.needs.Log.Debug("a client of holdfast mcp ended", slog.Any("error", err))
	}
}

// converse speaks with a client until one of both ends.
func (s *Server) converse(f *face, conn net.Conn, buffered *bufio.ReadWriter) error {
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+upgraded+"\r\n\r\n"); err != nil {
		return err
	}
	f.makeRoom()
	spoken := &sdk.IOTransport{Reader: &lines{from: buffered.Reader, to: conn}, Writer: conn, MaxLineLength: maxBody}
	session, err := f.server.Connect(context.Background(), politely{spoken}, nil) // it outlives the request
	if err != nil {
		return err
	}
	return session.Wait()
}

// politely is a transport whose client is still answered what it asked before it closed its end, as
// by `printf … | holdfast mcp`.
type politely struct{ sdk.Transport }

// Connect opens the connection.
func (p politely) Connect(ctx context.Context) (sdk.Connection, error) {
	conn, err := p.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &polite{Connection: conn, owed: map[any]bool{}, paid: make(chan struct{}, 1)}, nil
}

// lastAnswers bounds how long a client that said all is answered.
const lastAnswers = 10 * time.Second

type polite struct {
	sdk.Connection
	paid chan struct{} // an answer was written

	mu   sync.Mutex
	owed map[any]bool // ids of requests without an answer
}

// Read notes what is asked. At the end it waits until all is answered.
func (p *polite) Read(ctx context.Context) (jsonrpc.Message, error) {
	message, err := p.Connection.Read(ctx)
	if errors.Is(err, io.EOF) {
		p.settle(ctx)
		return nil, err
	}
	// A subscription has no answer but its end.
	if asked, ok := message.(*jsonrpc.Request); ok && asked.IsCall() && asked.Method != "subscriptions/listen" {
		p.mu.Lock()
		p.owed[asked.ID.Raw()] = true
		p.mu.Unlock()
	}
	return message, err
}

func (p *polite) settle(ctx context.Context) {
	patience := time.NewTimer(lastAnswers)
	defer patience.Stop()
	for p.owing() {
		select {
		case <-p.paid:
		case <-ctx.Done():
			return
		case <-patience.C:
			return
		}
	}
}

func (p *polite) owing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.owed) > 0
}

// Write notes what is answered.
func (p *polite) Write(ctx context.Context, message jsonrpc.Message) error {
	err := p.Connection.Write(ctx, message)
	if answer, ok := message.(*jsonrpc.Response); ok {
		p.mu.Lock()
		delete(p.owed, answer.ID.Raw())
		p.mu.Unlock()
		select {
		case p.paid <- struct{}{}:
		default:
		}
	}
	return err
}

// lowered is the caller that a model may act as: a program, and of the tier that was asked for, which
// is at most the one that whoever started it has.
func lowered(caller holdfast.Caller, tier string) (holdfast.Caller, error) {
	wanted := holdfast.TierTenantPeer
	if tier != "" {
		if err := wanted.UnmarshalText([]byte(tier)); err != nil {
			return caller, err
		}
		if wanted > holdfast.TierOperator {
			return caller, fmt.Errorf("a client of MCP is never of tier %s: want operator at most", wanted)
		}
	}
	caller.Kind, caller.Tier = holdfast.CallerAgent, min(caller.Tier, wanted)
	return caller, nil
}
