// SPDX-License-Identifier: Apache-2.0

// Package grant is the house's authorization at one remote MCP server: OAuth 2.1 as a client, by the
// server's own discovery.
//
// It is for asking a person once for access, for keeping the tokens, and for renewing them while they
// last. It is not for keys that do not change (agent/upstream sends those), nor for the house's own
// authorization server (edge/oauth). It guarantees PKCE, a resource indicator in each request, an
// issuer that is checked when the server names one, tokens that stand in a file of mode 0600 before
// they are used, and that metadata of a stranger's server leads to no address inside the network.
// agent/remote makes grants; agent/upstream asks them for tokens.
package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"holdfast/core/home"
)

// Options are what a grant is made of.
type Options struct {
	// Name is the server's in errors, URL its endpoint.
	Name, URL string
	// Path is the file of the tokens.
	Path string
	// Redirect is where the authorization server sends the person back.
	Redirect func() string
	// Client is what the authorization server's operator gave the house, where it registers nobody by
	// itself: an id, and a secret or none. nil registers.
	Client func() (id, secret string)
	// Document is the URL of the house's client metadata document, empty when no server could read it.
	Document func() string
}

// A Grant is the authorization at one server.
type Grant struct {
	options Options

	renewing sync.Mutex // one renewal at a time; taken before mu

	mu    sync.Mutex
	read  bool
	kept  *tokens // nil: none
	fault error   // of the file
	flow  *flow   // under way
	// refused is the server's last refusal since the tokens were kept.
	refused *refusal
}

// a refusal is how the server refused a request: what it says about itself and what it wants.
type refusal struct {
	status int
	header http.Header
}

// tokens are what the file holds: the client that they were given to, and where they are renewed.
type tokens struct {
	// Server is the endpoint that they are for: they are sent to no other, whoever changed the list.
	Server    string           `json:"server"`
	ClientID  string           `json:"client_id"`
	Secret    string           `json:"client_secret,omitempty"`
	TokenURL  string           `json:"token_url"`
	AuthStyle oauth2.AuthStyle `json:"auth_style"`
	Resource  string           `json:"resource"`
	Scopes    []string         `json:"scopes,omitempty"`
	Token     *oauth2.Token    `json:"token"`
}

// New makes a grant. It reads nothing yet.
func New(o Options) *Grant { return &Grant{options: o} }

// Held tells whether there are tokens.
func (g *Grant) Held() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.load() == nil && g.kept != nil
}

// load reads the file once.
func (g *Grant) load() error {
	if g.read {
		return g.fault
	}
	g.read = true
	raw, err := os.ReadFile(g.options.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var kept tokens
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err == nil && kept.Token == nil {
		err = errors.New("there is no token in it")
	}
	if err != nil {
		g.fault = fmt.Errorf("cannot read the tokens for %s: %w", g.options.Name, err)
		return g.fault
	}
	if kept.Server == g.options.URL {
		g.kept = &kept
	}
	return nil
}

func (g *Grant) keep(t *tokens) error {
	raw, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(g.options.Path), 0o700); err != nil {
		return fmt.Errorf("cannot keep the tokens for %s: %w", g.options.Name, err)
	}
	if err := home.WriteFile(g.options.Path, raw, 0o600); err != nil {
		return fmt.Errorf("cannot keep the tokens for %s: %w", g.options.Name, err)
	}
	g.kept, g.read, g.fault, g.refused = t, true, nil, nil
	return nil
}

// Forget throws the tokens away, and gives up a flow that would bring others.
func (g *Grant) Forget() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.flow != nil {
		g.flow.cancel()
	}
	g.kept, g.read, g.fault = nil, true, nil
	if err := os.Remove(g.options.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot delete the tokens for %s: %w", g.options.Name, err)
	}
	return nil
}

// TokenSource gives the tokens for requests, nil when there are none.
func (g *Grant) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(); err != nil {
		return nil, err
	}
	if g.kept == nil {
		return nil, nil
	}
	return source{ctx, g}, nil
}

// Authorize answers a refusal of the server: only a person can authorize. One that no authorization
// would help is the server's own to tell.
func (g *Grant) Authorize(_ context.Context, _ *http.Request, refused *http.Response) error {
	_, _ = io.Copy(io.Discard, io.LimitReader(refused.Body, maxBody))
	_ = refused.Body.Close()
	challenge := strings.Join(refused.Header.Values("WWW-Authenticate"), " ")
	if refused.StatusCode == http.StatusForbidden && !strings.Contains(challenge, "insufficient_scope") {
		return nil
	}
	g.mu.Lock()
	g.refused = &refusal{refused.StatusCode, refused.Header.Clone()}
	g.mu.Unlock()
	return fmt.Errorf("it wants a person's authorization: `holdfast remote-mcp authorize %s`", g.options.Name)
}

// Wanted tells whether the server refused since the tokens were kept.
func (g *Grant) Wanted() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused != nil
}

// a source renews tokens that expired, one at a time, for a refresh token may be good only once.
type source struct {
	ctx   context.Context
	grant *Grant
}

// Token is a token that is good now.
func (s source) Token() (*oauth2.Token, error) {
	g := s.grant
	g.renewing.Lock()
	defer g.renewing.Unlock()
	had, err := g.now()
	if err != nil {
		return nil, err
	}
	if had.Token.Valid() || had.Token.RefreshToken == "" {
		return had.Token, nil // the server says so when it is not good
	}
	fresh, err := g.renew(s.ctx, had)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.kept {
	case had:
	case nil:
		return nil, errWithdrawn
	default:
		return g.kept.Token, nil // a person authorized meanwhile
	}
	next := *had
	next.Token = fresh
	return fresh, g.keep(&next)
}

var errWithdrawn = errors.New("the authorization was withdrawn")

// now is what is kept at this moment.
func (g *Grant) now() (*tokens, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept == nil {
		return nil, errWithdrawn
	}
	return g.kept, nil
}

// renewWithin bounds a renewal, which other requests of the server wait for.
const renewWithin = 30 * time.Second

func (g *Grant) renew(ctx context.Context, k *tokens) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	client, err := guarded(g.options.URL)
	if err != nil {
		return nil, err
	}
	config := &oauth2.Config{
		ClientID: k.ClientID, ClientSecret: k.Secret,
		Endpoint: oauth2.Endpoint{TokenURL: k.TokenURL, AuthStyle: k.AuthStyle},
	}
	// The library renews without the resource, which the protocol wants; its exchange takes what is
	// to be sent besides.
	fresh, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, client), "",
		oauth2.SetAuthURLParam("grant_type", "refresh_token"), oauth2.SetAuthURLParam("refresh_token", k.Token.RefreshToken),
		oauth2.SetAuthURLParam("resource", k.Resource))
	if err != nil {
		return nil, fmt.Errorf("cannot renew the authorization at %s: %w", g.options.Name, err)
	}
	if fresh.RefreshToken == "" {
		fresh.RefreshToken = k.Token.RefreshToken
	}
	return fresh, nil
}
