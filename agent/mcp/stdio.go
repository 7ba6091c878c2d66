// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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
		faceless(w, err)
		return
	}
	defer s.leave(f)
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
	asked := newOwed()
	spoken := &sdk.IOTransport{Reader: &lines{from: buffered.Reader, to: conn, owed: asked}, Writer: conn, MaxLineLength: maxBody}
	session, err := f.server.Connect(context.Background(), politely{spoken, conn, asked}, nil) // it outlives the request
	if err != nil {
		return err
	}
	return session.Wait()
}

// politely is a transport whose client is still answered what it asked before it closed its end, as
// by `printf … | holdfast mcp`.
type politely struct {
	sdk.Transport
	to   io.Writer
	owed *owed
}

// Connect opens the connection.
func (p politely) Connect(ctx context.Context) (sdk.Connection, error) {
	conn, err := p.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &polite{Connection: conn, to: p.to, owed: p.owed}, nil
}

// lastAnswers bounds how long a client that said all is answered.
const lastAnswers = 10 * time.Second

type polite struct {
	sdk.Connection
	to   io.Writer // for what the connection cannot write
	owed *owed
}

// Read gives the next message. At the end it waits until all is answered.
func (p *polite) Read(ctx context.Context) (jsonrpc.Message, error) {
	message, err := p.Connection.Read(ctx)
	if errors.Is(err, io.EOF) {
		p.settle(ctx)
		return nil, err
	}
	return message, err
}

func (p *polite) settle(ctx context.Context) {
	patience := time.NewTimer(lastAnswers)
	defer patience.Stop()
	for p.owed.any() {
		select {
		case <-p.owed.paid:
		case <-ctx.Done():
			return
		case <-patience.C:
			return
		}
	}
}

// Write gives the client what it waits for: the answers to a batch together, and none to what it
// cancelled.
func (p *polite) Write(ctx context.Context, message jsonrpc.Message) error {
	answer, ok := message.(*jsonrpc.Response)
	if !ok {
		return p.Connection.Write(ctx, message)
	}
	answer.Error = coded(answer.Error, jsonrpc.CodeInvalidRequest)
	alone, list, err := p.owed.pay(answer)
	if alone {
		return p.Connection.Write(ctx, message)
	}
	if err != nil || len(list) == 0 {
		return err
	}
	said, err := json.Marshal(list)
	if err == nil {
		_, err = p.to.Write(append(said, '\n'))
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
