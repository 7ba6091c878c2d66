// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"holdfast/agent/plain"
)

const (
	// personWithin is how long a person may take at the authorization server.
	personWithin = 10 * time.Minute
	// findWithin is how long discovery and registration may take.
	findWithin = time.Minute
)

// a flow is one authorization under way.
type flow struct {
	state    string // in the URL, by which the person's return is known
	resource string
	url      chan string
	back     chan *auth.AuthorizationResult
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

// Begin finds the authorization server, makes the house known to it, and answers the URL that a person
// opens. A flow that was under way is given up. Over is closed when this one ended, and why tells how.
func (g *Grant) Begin(ctx context.Context) (open string, over <-chan struct{}, why func() error, err error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), personWithin)
	f := &flow{url: make(chan string, 1), back: make(chan *auth.AuthorizationResult, 1), cancel: cancel, done: make(chan struct{})}
	g.mu.Lock()
	if g.flow != nil {
		g.flow.cancel()
	}
	g.flow = f
	g.mu.Unlock()
	go func() {
		defer close(f.done)
		defer cancel()
		f.err = g.run(within, f)
	}()
	why = func() error { return f.err }
	found := time.NewTimer(findWithin)
	defer found.Stop()
	select {
	case open := <-f.url:
		return open, f.done, why, nil
	case <-f.done:
		if f.err == nil {
			return "", nil, nil, fmt.Errorf("%s refuses, and does not say that an authorization would help", g.options.Name)
		}
		return "", nil, nil, f.err
	case <-found.C:
		err = fmt.Errorf("the authorization server of %s did not answer within %s", g.options.Name, findWithin)
	case <-ctx.Done():
		err = ctx.Err()
	}
	cancel()
	return "", nil, nil, err
}

// run is a flow until the tokens are kept.
func (g *Grant) run(ctx context.Context, f *flow) error {
	client, err := guarded(g.options.URL)
	if err != nil {
		return err
	}
	refused, request, err := g.refusal(ctx, client) //nolint:bodyclose // Authorize closes it
	if err != nil {
		return err
	}
	config := &auth.AuthorizationCodeHandlerConfig{
		RedirectURL: g.options.Redirect(), Client: client, RequestRefreshToken: true, ScopeFilter: g.scopes,
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			RedirectURIs: []string{g.options.Redirect()}, ClientName: "Holdfast", TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		}},
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			return g.fetch(ctx, f, args)
		},
		NewTokenSource: func(_ context.Context, c *oauth2.Config, t *oauth2.Token) (oauth2.TokenSource, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if ctx.Err() != nil {
				return nil, errWithdrawn // given up while the tokens were on their way
			}
			return oauth2.StaticTokenSource(t), g.keep(&tokens{
				Server: g.options.URL, ClientID: c.ClientID, Secret: c.ClientSecret, TokenURL: c.Endpoint.TokenURL, AuthStyle: c.Endpoint.AuthStyle,
				Resource: f.resource, Scopes: c.Scopes, Token: t,
			})
		},
	}
	if g.options.Client != nil {
		id, secret := g.options.Client()
		config.PreregisteredClient = &oauthex.ClientCredentials{ClientID: id}
		if secret != "" {
			config.PreregisteredClient.ClientSecretAuth = &oauthex.ClientSecretAuth{ClientSecret: secret}
		}
	} else if document := g.options.Document(); document != "" {
		config.ClientIDMetadataDocumentConfig = &auth.ClientIDMetadataDocumentConfig{URL: document}
	}
	handler, err := auth.NewAuthorizationCodeHandler(config)
	if err != nil {
		return fmt.Errorf("cannot authorize at %s: %w", g.options.Name, err)
	}
	if err := handler.Authorize(ctx, request, refused); err != nil {
		return fmt.Errorf("cannot authorize at %s: %w", g.options.Name, err)
	}
	return nil
}

// refusal is what says who authorizes, and what for: the server's last refusal, or how it answers
// without a token.
func (g *Grant) refusal(ctx context.Context, client *http.Client) (*http.Response, *http.Request, error) {
	g.mu.Lock()
	last := g.refused
	g.mu.Unlock()
	if last == nil {
		return g.knock(ctx, client)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.options.URL, nil)
	return &http.Response{StatusCode: last.status, Header: last.header, Body: http.NoBody}, request, err
}

// scopes are what is asked for: what the server wants, beside what was granted where it wants more.
func (g *Grant) scopes(wanted []string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused == nil || g.refused.status != http.StatusForbidden || g.kept == nil {
		return wanted
	}
	all := slices.Clone(g.kept.Scopes)
	for _, scope := range wanted {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all
}

// knock asks the server without a token, so that it says who authorizes.
func (g *Grant) knock(ctx context.Context, client *http.Client) (*http.Response, *http.Request, error) {
	body := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"holdfast","version":"1"}}}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.options.URL, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("MCP-Protocol-Version", "2025-11-25")
	request.Header.Set("Accept", "application/json, text/event-stream")
	answer, err := client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the URL may hold a key
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot reach %s: %w", g.options.Name, err)
	}
	if answer.StatusCode != http.StatusUnauthorized && answer.StatusCode != http.StatusForbidden {
		_ = answer.Body.Close()
		return nil, nil, fmt.Errorf("%s wants no authorization: it answered %s without one", g.options.Name, answer.Status)
	}
	return answer, request, nil
}

// fetch hands the URL out and waits for the person to come back.
func (g *Grant) fetch(ctx context.Context, f *flow, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
	u, err := url.Parse(args.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("the authorization server names a page that cannot be opened: %s", plain.Text(args.URL, 200))
	}
	g.mu.Lock()
	f.state, f.resource = u.Query().Get("state"), u.Query().Get("resource")
	g.mu.Unlock()
	f.url <- args.URL
	select {
	case back := <-f.back:
		if back == nil {
			return nil, errors.New("access was denied")
		}
		return back, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("nobody came back from the authorization server: %w", ctx.Err())
	}
}

// Return takes a person's return from the authorization server, and waits until the tokens are kept.
// It tells false when the state is of no flow of this grant.
func (g *Grant) Return(ctx context.Context, q url.Values) (ours bool, err error) {
	g.mu.Lock()
	f := g.flow
	ours = f != nil && f.state != "" && f.state == q.Get("state")
	if ours {
		f.state = "" // a state is good once
	}
	g.mu.Unlock()
	if !ours {
		return false, nil
	}
	back := &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}
	if q.Get("error") != "" || back.Code == "" {
		back = nil
	}
	f.back <- back
	select {
	case <-f.done:
		return true, f.err
	case <-ctx.Done():
		return true, ctx.Err()
	}
}
