// SPDX-License-Identifier: Apache-2.0

// Package oauth is the authorization server of the house's MCP endpoints: a person who is logged in
// gives a client access to one endpoint, with the scopes that the person saw.
//
// It is for OAuth 2.1 as the MCP specification wants it: metadata (RFC 8414, RFC 9728), codes with
// PKCE, tokens bound to one endpoint (RFC 8707), rotation, revocation (RFC 7009), client metadata
// documents and registration (RFC 7591). It is not for the login itself (edge/auth), nor for API keys
// (gateway/key), nor for what a caller may do (core/action). Codes and tokens are 256 random bits and
// stored as hashes; a code or refresh token that comes a second time ends its grant. surface/api asks
// it about every request to an MCP endpoint that bears an access token.
package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/edge/auth"
)

//go:embed migrations
var migrations embed.FS

// logins knows the person at a browser, and the addresses at which the front door is.
type logins interface {
	Visitor(*http.Request) (auth.Session, error)
	Origin() string
}

// journal is where access given and taken is written down.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// secrets looks up keys of the home.
type secrets interface {
	Get(name string) (holdfast.Secret, bool)
}

// A Tool is a tool of an endpoint, as far as it matters here.
type Tool struct {
	Name     string
	Title    string
	ReadOnly bool
}

// Needs is what the authorization server is made of.
type Needs struct {
	Store   *store.Store
	Logins  logins
	Journal journal
	Keys    secrets
	Log     *slog.Logger
	// Hubs names the hubs that are served at /mcp/NAME; nil means none.
	Hubs func() []string
	// Tools lists what an endpoint offers a caller; while tool servers are starting it may wait for them
	// until ctx ends, and then gives what is there.
	Tools func(ctx context.Context, caller holdfast.Caller, hub string) []Tool
	// API is the base address of the listener for programs on this machine, where MCP is served too.
	API func() string
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Roots and Resolve stand in for the machine's certificates and names; nil is the machine's.
	Roots   *x509.CertPool
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// A Server is the authorization server of one house.
type Server struct {
	needs     Needs
	rows      rows
	config    *Settings
	settings  atomic.Pointer[Settings]
	documents *documents
	tickets   tickets
	uses      uses
	streams   streams
	seen      seen
	register  *auth.Limiter
}

// New makes an authorization server; it touches nothing.
func New(needs Needs) *Server {
	if needs.Log == nil {
		needs.Log = slog.New(slog.DiscardHandler)
	}
	if needs.Now == nil {
		needs.Now = time.Now
	}
	if needs.Hubs == nil {
		needs.Hubs = func() []string { return nil }
	}
	if needs.Tools == nil {
		needs.Tools = func(context.Context, holdfast.Caller, string) []Tool { return nil }
	}
	if needs.API == nil {
		needs.API = func() string { return "" }
	}
	config := Defaults()
	s := &Server{
		needs: needs, rows: rows{needs.Store}, config: &config,
		tickets: tickets{now: needs.Now}, uses: uses{at: map[string]time.Time{}}, streams: streams{open: map[string]map[*stream]bool{}, gone: map[string]time.Time{}},
		register: auth.NewLimiter(needs.Now),
	}
	s.settings.Store(&config)
	s.documents = newDocuments(needs, func() []string { return s.settings.Load().PrivateClients })
	return s
}

// Capability is what the authorization server contributes to the house.
func (s *Server) Capability() house.Capability {
	return house.Capability{
		Name: "oauth", Config: s.config, Migrations: migrations,
		Actions: office{s}.actions(), Routes: s.routes(), Checks: office{s}.checks(), Alerts: office{s}.alerts(), Report: office{s}.report,
		Start: s.start, Run: s.run, Stop: s.writeUses,
		Reason: "it gives access in the name of those who are logged in",
	}
}

// Apply takes up changed settings.
func (s *Server) Apply(fresh Settings) { s.settings.Store(&fresh) }

func (s *Server) start(context.Context) error {
	s.settings.Store(s.config)
	if why := s.closed(); why != "" && s.config.Login != loginOff {
		s.needs.Log.Warn("MCP by OAuth does not start; API keys still open MCP", slog.String("reason", why))
	}
	return nil
}

// The keys that a login by GitHub would want.
const (
	gitHubID     = "MCP_GITHUB_CLIENT_ID"
	gitHubSecret = "MCP_GITHUB_CLIENT_SECRET" //nolint:gosec // the name of a key
)

// closed tells why no access is given just now; empty when it is.
func (s *Server) closed() string {
	switch s.settings.Load().Login {
	case loginOff:
		return "access by OAuth is switched off (oauth.login: off); use an API key"
	case loginGitHub:
		var missing []string
		for _, name := range []string{gitHubID, gitHubSecret} {
			if secret, ok := s.needs.Keys.Get(name); !ok || secret.Empty() {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			return fmt.Sprintf("oauth.login is github, and %s is not set in .env; set it, or set oauth.login to session", strings.Join(missing, " and "))
		}
		return "oauth.login is github, which is not in this version; set oauth.login to session"
	}
	return ""
}

// The kinds of token begin differently, so that one is not taken for another.
const (
	codePrefix    = "hfc_"
	accessPrefix  = "hfa_"
	refreshPrefix = "hfr_"
	clientPrefix  = "hfm_"
	secretPrefix  = "hfs_"
)

// mostToken bounds what is hashed of a stranger's request.
const mostToken = 256

// newToken makes a token of 256 random bits.
func newToken(prefix string) string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(raw[:])
}

// newID names a grant. It is no secret.
func newID() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// hash is what is stored of a token. It needs no salt and no slowness: nobody guesses 256 bits.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// digest is the hash of a token that a stranger sent; of one that is too long to be ours, of nothing.
func digest(token string) string {
	if len(token) > mostToken {
		token = ""
	}
	return hash(token)
}

// note writes into the journal what was given, taken or refused.
func (s *Server) note(ctx context.Context, who holdfast.Caller, action, subject string, outcome holdfast.Outcome, detail []byte) error {
	_, err := s.needs.Journal.Append(context.WithoutCancel(ctx), holdfast.Entry{
		Caller: who.String(), Tier: who.Tier, Action: action, Subject: subject, Outcome: outcome, Detail: detail,
	})
	if err != nil {
		return fmt.Errorf("cannot journal %s: %w", action, err)
	}
	return nil
}
