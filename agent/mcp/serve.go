// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

const (
	modern = "2026-07-28" // the first version without sessions

	sessionHeader = "Mcp-Session-Id"
	versionHeader = "Mcp-Protocol-Version"
)

// ServeHTTP hands a request to the handler that speaks its era.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !ownOrigin(r) {
		http.Error(w, "this page may not speak with the house: its origin is "+quote(r.Header.Get("Origin")), http.StatusForbidden)
		return
	}
	isModern, body, err := speaksModern(w, r)
	if err != nil {
		answerBody(w, err)
		return
	}
	f, err := s.face(r.Context(), holdfast.CallerFrom(r.Context()), r.PathValue("hub"))
	if err != nil {
		faceless(w, err)
		return
	}
	defer s.leave(f)
	if id := r.Header.Get(sessionHeader); id != "" && !s.owns(f, id) {
		// As for a session that never was: whose it is is nobody's business.
		http.Error(w, "session not found", http.StatusNotFound)
		return
	}
	r = r.WithContext(withFace(r.Context(), f))
	if isModern {
		s.single.ServeHTTP(w, r)
		return
	}
	switch id := r.Header.Get(sessionHeader); {
	case r.Method == http.MethodPost && id != "":
		defer f.underway.carry(r)()
	case r.Method == http.MethodPost && opens(body):
		f.makeRoom()
	case r.Method == http.MethodDelete && id != "":
		f.underway.giveUp(id)
	}
	s.sessions.ServeHTTP(&unknown{ResponseWriter: w, body: body}, r)
}

// opens tells whether a request without a session opens one, as the library reads it.
func opens(body []byte) bool {
	var batch []json.RawMessage
	if json.Unmarshal(body, &batch) != nil {
		batch = []json.RawMessage{body}
	}
	return slices.ContainsFunc(batch, func(raw json.RawMessage) bool {
		message, _ := jsonrpc.DecodeMessage(raw)
		asked, ok := message.(*jsonrpc.Request)
		return ok && asked.Method == "initialize"
	})
}

// ownOrigin refuses pages of other sites: one that a browser was led to by a name that suddenly
// means this machine, or one that has got hold of a session.
func ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true // no browser
	}
	from, err := url.Parse(origin)
	if err != nil || from.Host == "" {
		return false
	}
	return strings.EqualFold(from.Host, r.Host) || local(from.Host) && local(r.Host)
}

// local tells whether a host with or without a port is this machine.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func quote(text string) string {
	quoted, _ := json.Marshal(text[:min(len(text), 200)])
	return string(quoted)
}

// speaksModern looks into a request for the protocol without sessions: by its header, or by what a
// request of that protocol carries in itself. The body of any other is read and put back.
func speaksModern(w http.ResponseWriter, r *http.Request) (bool, []byte, error) {
	if r.Header.Get(versionHeader) >= modern {
		return true, nil, nil
	}
	if r.Method != http.MethodPost {
		return false, nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return false, nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r.Header.Get(sessionHeader) == "" && carriesModern(body), body, nil
}

func carriesModern(body []byte) bool {
	if !bytes.Contains(body, []byte(sdk.MetaKeyProtocolVersion)) {
		return false
	}
	var message struct {
		Params struct {
			Meta map[string]json.RawMessage `json:"_meta"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &message) != nil {
		return false
	}
	var version string
	_ = json.Unmarshal(message.Params.Meta[sdk.MetaKeyProtocolVersion], &version) // absent or of another type: not modern
	return version >= modern
}

// faceless answers who gets no face: to clients, not found would mean that there is nothing here, or that
// their session is gone.
func faceless(w http.ResponseWriter, err error) {
	status := http.StatusNotFound
	switch said, _ := errors.AsType[*holdfast.Error](err); {
	case said == nil:
	case said.Code == holdfast.CodeUnknown:
		status = http.StatusUnauthorized
	case said.Code == holdfast.CodeUnavailable:
		status = http.StatusServiceUnavailable
	}
	http.Error(w, err.Error(), status)
}

func answerBody(w http.ResponseWriter, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		http.Error(w, "the request is larger than 4 MiB", http.StatusRequestEntityTooLarge)
		return
	}
	http.Error(w, "the request could not be read", http.StatusBadRequest)
}

func newSeal() []byte {
	seal := make([]byte, 32)
	_, _ = rand.Read(seal) // never fails
	return seal
}

// sessionID makes an id that only its face can use.
func (s *Server) sessionID(key string) string {
	random := rand.Text()
	return random + "-" + s.sign(key, random)
}

func (s *Server) owns(f *face, id string) bool {
	random, sign, ok := strings.Cut(id, "-")
	return ok && hmac.Equal([]byte(sign), []byte(s.sign(f.key, random)))
}

func (s *Server) sign(key, random string) string {
	mac := hmac.New(sha256.New, s.seal)
	_, _ = mac.Write([]byte(random + "\x00" + key))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
