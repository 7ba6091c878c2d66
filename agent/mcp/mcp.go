// SPDX-License-Identifier: Apache-2.0

// Package mcp serves the catalogue of tools to MCP clients at one URL, by streamable HTTP: the
// protocol of 2025-11-25 and before with sessions, and that of 2026-07-28 without, each request by
// the handler that speaks it.
//
// It is not for tools themselves (agent/tools) nor for knowing the caller: whoever mounts the route
// has put the caller into the request's context. It guarantees that a client sees and calls only
// what its caller's tier allows, and that a session is used by no other caller than the one that
// opened it. app mounts its route.
package mcp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/core/house"
)

// catalogue is what is served.
type catalogue interface {
	List(context.Context, holdfast.Caller) ([]tools.Entry, error)
	Now(holdfast.Caller) []tools.Entry
	Call(ctx context.Context, caller holdfast.Caller, name string, arguments json.RawMessage) (tools.Result, error)
	Changed() <-chan struct{}
	Instructions() map[string]string
}

const (
	modern  = "2026-07-28" // the first version without sessions
	metaKey = "io.modelcontextprotocol/protocolVersion"

	sessionHeader = "Mcp-Session-Id"
	versionHeader = "Mcp-Protocol-Version"

	// sessionIdle ends sessions of clients that went without a word.
	sessionIdle = 24 * time.Hour
	// sessionsEach bounds the sessions of one caller; the oldest make room.
	sessionsEach = 128
	maxBody      = 4 << 20
)

// A Server is the MCP endpoint of the house.
type Server struct {
	catalogue catalogue
	version   string
	log       *slog.Logger
	seal      []byte // binds session ids to callers; of this process only
	sessions  *sdk.StreamableHTTPHandler
	single    *sdk.StreamableHTTPHandler

	mu    sync.Mutex
	faces map[string]*face
}

// New makes a server over a catalogue. Version is the house's own.
func New(c catalogue, version string, log *slog.Logger) *Server {
	s := &Server{catalogue: c, version: version, log: log, faces: map[string]*face{}, seal: make([]byte, 32)}
	_, _ = rand.Read(s.seal) // never fails
	find := func(r *http.Request) *sdk.Server { return s.face(r.Context()).server }
	s.sessions = sdk.NewStreamableHTTPHandler(find, &sdk.StreamableHTTPOptions{SessionTimeout: sessionIdle, MaxRequestBodyBytes: maxBody})
	s.single = sdk.NewStreamableHTTPHandler(find, &sdk.StreamableHTTPOptions{
		Stateless: true, PropagateRequestCancellation: true, MaxRequestBodyBytes: maxBody,
	})
	return s
}

// Capability is what the endpoint contributes to the house.
func (s *Server) Capability() house.Capability {
	return house.Capability{
		Name: "mcp",
		Routes: []house.Route{{
			Pattern: "/api/mcp", Auth: house.AuthMCP, Loopback: true, Handler: s,
			Summary: "MCP: the tools of the house, by streamable HTTP",
		}, {
			Pattern: "GET " + stdioPath, Auth: house.AuthPeer, Handler: http.HandlerFunc(s.stdio),
			Summary: "MCP: a connection of messages, for `holdfast mcp`",
		}},
		Run:    s.follow,
		Stop:   s.stop,
		Reason: "it serves the catalogue of tools",
	}
}

// ServeHTTP hands a request to the handler that speaks its protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller := holdfast.CallerFrom(r.Context())
	if id := r.Header.Get(sessionHeader); id != "" && !s.owns(caller, id) {
		// As for a session that never was: whose it is is nobody's business.
		http.Error(w, "session not found", http.StatusNotFound)
		return
	}
	isModern, err := speaksModern(w, r)
	if err != nil {
		answerBody(w, err)
		return
	}
	if isModern {
		s.single.ServeHTTP(w, r)
		return
	}
	if r.Method == http.MethodPost && r.Header.Get(sessionHeader) == "" {
		s.face(r.Context()).makeRoom()
	}
	s.sessions.ServeHTTP(w, r)
}

// speaksModern looks into a request for the protocol without sessions: by its header, or by what a
// request of that protocol carries in itself. The body is read and put back.
func speaksModern(w http.ResponseWriter, r *http.Request) (bool, error) {
	if r.Header.Get(versionHeader) >= modern {
		return true, nil
	}
	if r.Method != http.MethodPost || r.Header.Get(sessionHeader) != "" {
		return false, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return false, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte(metaKey)) {
		return false, nil
	}
	var message struct {
		Params struct {
			Meta map[string]json.RawMessage `json:"_meta"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &message) != nil {
		return false, nil
	}
	var version string
	_ = json.Unmarshal(message.Params.Meta[metaKey], &version) // absent or of another type: not modern
	return version >= modern, nil
}

func answerBody(w http.ResponseWriter, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		http.Error(w, "the request is larger than 4 MiB", http.StatusRequestEntityTooLarge)
		return
	}
	http.Error(w, "the request could not be read", http.StatusBadRequest)
}

// follow brings every face up to date when the catalogue changed; clients are told by their server.
func (s *Server) follow(ctx context.Context) error {
	for {
		changed := s.catalogue.Changed()
		for _, f := range s.all() {
			f.show(s.catalogue.Now(f.caller))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// stop ends every session, so that open streams do not hold the house.
func (s *Server) stop(context.Context) error {
	for _, f := range s.all() {
		for session := range f.server.Sessions() {
			_ = session.Close()
		}
	}
	return nil
}

func (s *Server) all() []*face {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*face, 0, len(s.faces))
	for _, f := range s.faces {
		list = append(list, f)
	}
	return list
}

// sessionID makes an id that only its caller can use.
func (s *Server) sessionID(key string) string {
	random := rand.Text()
	return random + "-" + s.sign(key, random)
}

func (s *Server) owns(caller holdfast.Caller, id string) bool {
	random, sign, ok := strings.Cut(id, "-")
	return ok && hmac.Equal([]byte(sign), []byte(s.sign(faceKey(caller), random)))
}

func (s *Server) sign(key, random string) string {
	mac := hmac.New(sha256.New, s.seal)
	_, _ = mac.Write([]byte(random + "\x00" + key))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
