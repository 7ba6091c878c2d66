// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"holdfast"
	"holdfast/core/house"
)

// noGrants knows no access tokens.
type noGrants struct{}

func (noGrants) Mine(string) bool { return false }
func (noGrants) Enter(http.ResponseWriter, *http.Request, string) (*http.Request, func(), error) {
	return nil, nil, errors.New("no token was ever given")
}
func (noGrants) Challenge(*http.Request, string, error) string { return "Bearer" }

func TestKeyOfARouteOpensThatRouteAlone(t *testing.T) {
	s := server(t)
	s.Grants = noGrants{}
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, holdfast.CallerFrom(r.Context()).String())
	})
	own := func(r *http.Request, token string) (holdfast.Caller, bool) {
		return holdfast.Caller{Kind: holdfast.CallerAgent, Name: "hub-" + r.PathValue("hub")}, token == "sk-"+r.PathValue("hub")
	}
	s.Routes = append(s.Routes,
		house.Route{Pattern: "/mcp/{hub}", Auth: house.AuthMCP, Loopback: true, Handler: who, Bearer: own},
		house.Route{Pattern: "/api/mcp", Auth: house.AuthMCP, Loopback: true, Handler: who})
	for name, h := range map[string]http.Handler{"door": s.Door(), "loopback": s.Loopback()} {
		for _, c := range []struct {
			path, token, want string
			code              int
		}{
			{"/mcp/one", "sk-one", "agent:hub-one", http.StatusOK},
			{"/mcp/one", "sk-good", "agent:key", http.StatusOK},
			{"/mcp/two", "sk-one", "", http.StatusUnauthorized},
			{"/api/mcp", "sk-one", "", http.StatusUnauthorized},
			{"/v1/messages", "sk-one", "", http.StatusUnauthorized},
			{"/mcp/one", "", "", http.StatusUnauthorized},
		} {
			w := send(t, h, ask{"POST", c.path, "", map[string]string{"Authorization": "Bearer " + c.token}})
			if w.Code != c.code || c.code == http.StatusOK && w.Body.String() != c.want {
				t.Errorf("%s: %s with %q is answered %d %s", name, c.path, c.token, w.Code, w.Body)
			}
		}
	}
}

func TestRoutesOfThePeerAreOnTheControlSocketAlone(t *testing.T) {
	s := server(t)
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, holdfast.CallerFrom(r.Context()).String())
	})
	s.Routes = append(s.Routes, house.Route{Pattern: "GET /mcp/stdio", Auth: house.AuthPeer, Loopback: true, Handler: who})
	asked := func(h http.Handler, caller holdfast.Caller) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(holdfast.WithCaller(t.Context(), caller), http.MethodGet, "/mcp/stdio", nil)
		r.Header.Set("Authorization", "Bearer sk-good")
		h.ServeHTTP(w, r)
		return w
	}
	owner := holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner}
	if w := asked(s.Control(), owner); w.Code != http.StatusOK || w.Body.String() != "owner:terminal" {
		t.Errorf("the owner is answered %d %s", w.Code, w.Body)
	}
	if w := asked(s.Control(), holdfast.Nobody("cli")); w.Code != http.StatusUnauthorized {
		t.Errorf("another user of this machine is answered %d %s", w.Code, w.Body)
	}
	for name, h := range map[string]http.Handler{"door": s.Door(), "loopback": s.Loopback()} {
		if w := asked(h, owner); w.Code != http.StatusNotFound {
			t.Errorf("%s serves it: %d %s", name, w.Code, w.Body)
		}
	}
}
