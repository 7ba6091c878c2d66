// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// held is a grant at a server, with a token that has to be renewed at another address.
func held(t *testing.T, server, renewedAt string) *Grant {
	t.Helper()
	g := New(Options{Name: "far", URL: server, Path: filepath.Join(t.TempDir(), "far.json")})
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.keep(&tokens{
		Server: server, ClientID: "client", TokenURL: renewedAt, Resource: server,
		Token: &oauth2.Token{AccessToken: "old", RefreshToken: "refresh", Expiry: time.Now().Add(-time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Whoever writes another URL into the list gets no token that was given for the one before.
func TestTokensAreForOneServer(t *testing.T) {
	g := held(t, "https://far.example/mcp", "https://far.example/token")
	for server, want := range map[string]bool{
		"https://far.example/mcp": true, "https://evil.example/mcp": false, "https://far.example:8443/mcp": false, "http://far.example/mcp": false, "": false,
	} {
		again := New(Options{Name: "far", URL: server, Path: g.options.Path})
		source, err := again.TokenSource(t.Context())
		if err != nil || again.Held() != want || (source != nil) != want {
			t.Errorf("%q: held %v, %v, %v", server, again.Held(), source, err)
		}
	}
}

// A token endpoint that is silent holds up who renews, and nobody else; what is withdrawn meanwhile is
// not kept when it answers after all.
func TestASilentRenewalHoldsUpNobody(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"new","token_type":"Bearer","expires_in":3600}`))
	}))
	defer server.Close()
	g := held(t, server.URL+"/mcp", server.URL+"/token")
	source, err := g.TokenSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	renewed := make(chan error, 1)
	go func() {
		_, err := source.Token()
		renewed <- err
	}()
	<-asked
	others := make(chan error, 1)
	go func() {
		if !g.Held() || g.Wanted() {
			t.Error("the tokens are gone")
		}
		others <- g.Forget()
	}()
	select {
	case err := <-others:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("who asks how it stands waits for the token endpoint")
	}
	close(answer)
	if err := <-renewed; err == nil || !strings.Contains(err.Error(), "withdrawn") {
		t.Errorf("the renewal ends as %v", err)
	}
	if _, err := os.Stat(g.options.Path); err == nil {
		t.Error("what was withdrawn is kept")
	}
}
