// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/upstream/upstreamtest"
	"holdfast/core/config"
	"holdfast/holdfasttest/timing"
)

// a guardian is an MCP server with an authorization server of its own.
type guardian struct {
	*httptest.Server
	t *testing.T
	// iss is what it names itself in the answer; empty for the truth.
	iss string
	// lasting is for how many seconds a token is good.
	lasting int
	// serves answers who bears a good token.
	serves http.Handler

	mu       sync.Mutex
	token    string // good now
	refresh  string
	renewals int
	asked    url.Values // of the last authorization
	clients  []map[string]any
	wrong    []string
}

func newGuardian(t *testing.T) *guardian {
	t.Helper()
	g := &guardian{t: t, lasting: 3600}
	talker := upstreamtest.Talker()
	g.serves = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return talker }, nil)
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		good := g.token != "" && r.Header.Get("Authorization") == "Bearer "+g.token
		g.mu.Unlock()
		if !good {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+g.URL+`/meta", scope="tools"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		g.serves.ServeHTTP(w, r)
	})
	answer := func(pattern string, value func() any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(value())
		})
	}
	answer("/meta", func() any {
		return map[string]any{"resource": g.URL + "/mcp", "authorization_servers": []string{g.URL}, "scopes_supported": []string{"tools"}}
	})
	answer("/.well-known/oauth-authorization-server", func() any {
		return map[string]any{
			"issuer": g.URL, "authorization_endpoint": g.URL + "/authorize", "token_endpoint": g.URL + "/token", "registration_endpoint": g.URL + "/register",
			"code_challenge_methods_supported": []string{"S256"}, "response_types_supported": []string{"code"},
			"authorization_response_iss_parameter_supported": true, "token_endpoint_auth_methods_supported": []string{"none"},
		}
	})
	mux.HandleFunc("/register", g.register)
	mux.HandleFunc("/token", g.give)
	g.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

func (g *guardian) register(w http.ResponseWriter, r *http.Request) {
	var client map[string]any
	_ = json.NewDecoder(r.Body).Decode(&client)
	g.mu.Lock()
	g.clients = append(g.clients, client)
	g.mu.Unlock()
	client["client_id"] = "client-1"
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(client)
}

// give is the token endpoint, which notes what a request lacks.
func (g *guardian) give(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	g.mu.Lock()
	defer g.mu.Unlock()
	want := func(what string, ok bool) {
		if !ok {
			g.wrong = append(g.wrong, what)
		}
	}
	want("resource", r.Form.Get("resource") == g.URL+"/mcp")
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		want("verifier", base64.RawURLEncoding.EncodeToString(sum[:]) == g.asked.Get("code_challenge") && g.asked.Get("code_challenge_method") == "S256")
		want("code", r.Form.Get("code") == "the code")
	case "refresh_token":
		want("refresh token", r.Form.Get("refresh_token") == g.refresh)
		g.renewals++
	default:
		want("grant type", false)
	}
	g.token, g.refresh = fmt.Sprintf("token-%d", g.renewals), fmt.Sprintf("refresh-%d", g.renewals)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": g.token, "refresh_token": g.refresh, "token_type": "Bearer", "expires_in": g.lasting})
}

// person opens the page, grants access and comes back to the house.
func (g *guardian) person(b *bench, open string) (int, string) {
	b.t.Helper()
	u, err := url.Parse(open)
	if err != nil {
		b.t.Fatal(err)
	}
	g.mu.Lock()
	g.asked = u.Query()
	iss := g.iss
	g.mu.Unlock()
	if iss == "" {
		iss = g.URL
	}
	back := u.Query().Get("redirect_uri") + "?" + url.Values{"code": {"the code"}, "state": {u.Query().Get("state")}, "iss": {iss}}.Encode()
	return visit(b, back)
}

func visit(b *bench, at string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, at, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// doors serves the house's own routes, as the front door does.
func (b *bench) doors() {
	mux := http.NewServeMux()
	for _, r := range b.routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	front := httptest.NewServer(mux)
	b.t.Cleanup(front.Close)
	b.origin = front.URL
}

func TestAuthorizationFromAskingToRenewing(t *testing.T) {
	b, g := newBench(t), newGuardian(t)
	b.doors()
	b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far","oauth":true}`, g.URL+"/mcp"))
	timing.Until(t, "it says what it wants", func() bool { return strings.Contains(b.stands("far").Error, "remote-mcp authorize far") })
	g.lasting = 1 // renewed at each use
	out := b.must("remote-mcp.authorize", `{"name":"far"}`).(authorizeOutput)
	if status, text := g.person(b, out.URL); status != http.StatusOK {
		t.Fatalf("the return is answered %d %s", status, text)
	}
	timing.Until(t, "it serves", func() bool { return b.stands("far").State == "serving" })
	if one := b.stands("far"); !one.Authorized || one.ToolCount != 6 {
		t.Errorf("it stands as %+v", one)
	}
	g.mu.Lock()
	if g.renewals == 0 || len(g.wrong) > 0 || g.asked.Get("resource") != g.URL+"/mcp" || g.asked.Get("scope") != "tools" {
		t.Errorf("%d renewals, wrong %v, asked %v", g.renewals, g.wrong, g.asked)
	}
	g.mu.Unlock()
	info, err := os.Stat(b.tokenFile("far"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if strings.Contains(b.file(), "token-") {
		t.Errorf("a token stands in %s", b.file())
	}
	b.must("remote-mcp.delete", `{"name":"far"}`)
	if _, err := os.Stat(b.tokenFile("far")); err == nil {
		t.Error("the tokens outlive the server")
	}
}

// The older transport knows no authorization of its own: it is asked for, borne and renewed all the same.
func TestAuthorizationByTheOlderTransport(t *testing.T) {
	b, g := newBench(t), newGuardian(t)
	talker := upstreamtest.Talker()
	g.serves = mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return talker }, nil)
	b.doors()
	b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far","oauth":true,"transport":"sse"}`, g.URL+"/mcp"))
	timing.Until(t, "it says what it wants", func() bool { return strings.Contains(b.stands("far").Error, "remote-mcp authorize far") })
	g.lasting = 1 // renewed at each use
	out := b.must("remote-mcp.authorize", `{"name":"far"}`).(authorizeOutput)
	if status, text := g.person(b, out.URL); status != http.StatusOK {
		t.Fatalf("the return is answered %d %s", status, text)
	}
	timing.Until(t, "it serves", func() bool { return b.stands("far").State == "serving" })
	g.mu.Lock()
	defer g.mu.Unlock()
	if one := b.stands("far"); !one.Authorized || one.ToolCount != 6 || g.renewals == 0 || len(g.wrong) > 0 {
		t.Errorf("it stands as %+v after %d renewals, wrong %v", one, g.renewals, g.wrong)
	}
}

func TestAnotherIssuerIsRefused(t *testing.T) {
	b, g := newBench(t), newGuardian(t)
	b.doors()
	g.iss = "https://evil.example"
	b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far","oauth":true}`, g.URL+"/mcp"))
	out := b.must("remote-mcp.authorize", `{"name":"far"}`).(authorizeOutput)
	if status, text := g.person(b, out.URL); status != http.StatusBadRequest || !strings.Contains(text, "issuer") {
		t.Errorf("the return is answered %d %s", status, text)
	}
	if b.stands("far").Authorized {
		t.Error("the tokens were taken")
	}
}

func TestAReturnCountsOnceAndForItsOwnFlow(t *testing.T) {
	b, g := newBench(t), newGuardian(t)
	b.doors()
	b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far","oauth":true}`, g.URL+"/mcp"))
	out := b.must("remote-mcp.authorize", `{"name":"far"}`).(authorizeOutput)
	if status, _ := visit(b, b.origin+callbackPath+"?code=x&state=guessed"); status != http.StatusBadRequest {
		t.Errorf("a guessed state is answered %d", status)
	}
	if status, _ := visit(b, b.origin+callbackPath+"?code=x&state="); status != http.StatusBadRequest {
		t.Errorf("no state is answered %d", status)
	}
	g.person(b, out.URL)
	if status, _ := g.person(b, out.URL); status != http.StatusBadRequest {
		t.Errorf("a second return is answered %d", status)
	}
	if _, err := os.Stat(b.tokenFile("far")); err != nil {
		t.Error(err)
	}
}

func TestDeniedAccessIsTold(t *testing.T) {
	b, g := newBench(t), newGuardian(t)
	b.doors()
	b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far","oauth":true}`, g.URL+"/mcp"))
	out := b.must("remote-mcp.authorize", `{"name":"far"}`).(authorizeOutput)
	u, _ := url.Parse(out.URL)
	status, text := visit(b, b.origin+callbackPath+"?error=access_denied&state="+url.QueryEscape(u.Query().Get("state")))
	if status != http.StatusBadRequest || !strings.Contains(text, "denied") {
		t.Errorf("it is answered %d %s", status, text)
	}
}

func TestTheClientDocumentNeedsAPublicDomain(t *testing.T) {
	b := newBench(t)
	for origin, want := range map[string]string{
		"http://127.0.0.1:8443":    "",
		"https://localhost":        "",
		"https://agents.test:8443": "",
		"https://agents.test":      "https://agents.test" + documentPath,
	} {
		b.origin = origin
		if got := b.document(); got != want {
			t.Errorf("%s: %q", origin, got)
		}
	}
	b.origin = "https://agents.test"
	w := httptest.NewRecorder()
	b.describe(w, httptest.NewRequest(http.MethodGet, documentPath, nil))
	var document map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || document["client_id"] != b.document() {
		t.Errorf("%v: %v", err, document)
	}
}

// authorized is a house that a person authorized at the server far.
func authorized(t *testing.T) *bench {
	t.Helper()
	b, g := newBench(t), newGuardian(t)
	b.doors()
	b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far","oauth":true}`, g.URL+"/mcp"))
	out := b.must("remote-mcp.authorize", `{"name":"far"}`).(authorizeOutput)
	if status, text := g.person(b, out.URL); status != http.StatusOK {
		t.Fatalf("the return is answered %d %s", status, text)
	}
	timing.Until(t, "it serves", func() bool { return b.stands("far").State == "serving" })
	return b
}

// Another program may write the list: a token goes nowhere but to the server that it was given for.
func TestATokenDoesNotFollowAnotherURL(t *testing.T) {
	b := authorized(t)
	bore := make(chan string, 100)
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case bore <- r.Header.Get("Authorization"):
		default:
		}
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	defer thief.Close()
	err := b.needs.Master.Update(t.Context(), func(d *config.Document) error { return d.Set(thief.URL+"/mcp", section, "far", "url") })
	if err != nil {
		t.Fatal(err)
	}
	if got := <-bore; got != "" {
		t.Errorf("the thief was sent %q", got)
	}
	if b.stands("far").Authorized {
		t.Error("it counts as authorized")
	}
}

// What was granted to one client is not another's.
func TestATokenDoesNotFollowAnotherClient(t *testing.T) {
	b := authorized(t)
	if one := b.must("remote-mcp.update", `{"name":"far","client_secret_key":"OTHER"}`).(shown); !one.Authorized {
		t.Error("another name of the same client's secret ended the authorization")
	}
	if one := b.must("remote-mcp.update", `{"name":"far","client_id":"other"}`).(shown); one.Authorized {
		t.Error("another client counts as authorized")
	}
	if _, err := os.Stat(b.tokenFile("far")); err == nil {
		t.Error("the tokens are still there")
	}
}
