// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/timing"
)

const hubOrigin = "http://127.0.0.1:8443"

// fakeDoor stands for the edge.
type fakeDoor struct {
	mu    sync.Mutex
	ended []string
}

func (d *fakeDoor) Origin() string { return hubOrigin }
func (d *fakeDoor) Cookie() string { return "holdfast_session_8443" }
func (d *fakeDoor) Ended(ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, ids...)
}

type home struct {
	*Auth
	t       *testing.T
	door    *fakeDoor
	book    *journaltest.Journal
	clock   *timing.Clock
	handler http.Handler
}

func newHome(t *testing.T, s *store.Store) *home {
	t.Helper()
	h := &home{t: t, door: &fakeDoor{}, book: &journaltest.Journal{}, clock: timing.At(time.Date(2031, 5, 4, 3, 2, 1, 0, time.UTC))}
	h.Auth = New(Options{Store: s, Journal: h.book, Now: h.clock.Now})
	h.Attach(h.door)
	mux := http.NewServeMux()
	for _, r := range h.routes() {
		mux.Handle(r.Pattern, r.Handler)
	}
	h.handler = mux
	return h
}

func each(t *testing.T, test func(t *testing.T, h *home)) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, []store.Migration{{Package: "auth", FS: sub}}, func(t *testing.T, s *store.Store) { test(t, newHome(t, s)) })
}

func lite(t *testing.T) *home {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	return newHome(t, storetest.SQLite(t, []store.Migration{{Package: "auth", FS: sub}}))
}

func (h *home) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, hubOrigin+target, strings.NewReader(body))
	r.Header.Set("X-Forwarded-For", "127.0.0.1")
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// link makes a link and gives its token.
func (h *home) link() string {
	h.t.Helper()
	l, err := h.NewLink(h.t.Context(), "/")
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.Query().Get("token")
}

func jsonBody(token string) string { return `{"token":"` + token + `"}` }

// login logs a browser in and gives cookie and page key.
func (h *home) login(header ...string) (cookie, key string) {
	h.t.Helper()
	w := h.do(http.MethodPost, "/auth/link", jsonBody(h.link()), append(header, "Content-Type", "application/json", "Origin", hubOrigin)...)
	var out struct {
		CSRF string `json:"csrf"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		h.t.Fatalf("cannot log in: %d %s", w.Code, w.Body)
	}
	return cookieOf(w), out.CSRF
}

func cookieOf(w *httptest.ResponseRecorder) string {
	for _, c := range w.Result().Cookies() {
		if c.Name == "holdfast_session_8443" {
			return c.Value
		}
	}
	return ""
}

// identify asks who makes a request.
func (h *home) identify(method, cookie string, header ...string) (holdfast.Caller, error) {
	r := httptest.NewRequestWithContext(h.t.Context(), method, hubOrigin+"/api/v1/unit/list", http.NoBody)
	if cookie != "" {
		r.Header.Set("Cookie", "holdfast_session_8443="+cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return h.Identify(r)
}

func TestLinkWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, h *home) {
		token := h.link()
		if w := h.do(http.MethodGet, "/auth/link?token="+token, ""); w.Code != http.StatusOK || cookieOf(w) != "" || !strings.Contains(w.Body.String(), `method="post"`) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		form := url.Values{"token": {token}, "redirect_uri": {"/units?x=1"}}.Encode()
		post := func() *httptest.ResponseRecorder {
			return h.do(http.MethodPost, "/auth/link", form, "Content-Type", "application/x-www-form-urlencoded", "Origin", hubOrigin, "Accept", "text/html", "User-Agent", "Test/1")
		}
		w := post()
		cookie := w.Result().Cookies()[0]
		if w.Code != http.StatusOK || cookie.Name != "holdfast_session_8443" || !cookie.HttpOnly ||
			cookie.SameSite != http.SameSiteLaxMode || cookie.Secure || cookie.Path != "/" || len(cookie.Value) != 43 {
			t.Fatalf("%d %v", w.Code, cookie)
		}
		if !strings.Contains(w.Body.String(), `localStorage.setItem("holdfast.csrf",`) || !strings.Contains(w.Body.String(), `location.replace("/units?x=1")`) {
			t.Error(w.Body)
		}
		if w := post(); w.Code != http.StatusForbidden || cookieOf(w) != "" {
			t.Errorf("the link worked twice: %d", w.Code)
		}
		caller, err := h.identify(http.MethodGet, cookie.Value)
		if err != nil || !caller.Human() || caller.Surface != "http" {
			t.Errorf("%v %v", caller, err)
		}
		list, err := h.Sessions(t.Context())
		if err != nil || len(list) != 1 || list[0].Browser != "Test/1" || list[0].Kind != kindHub || list[0].ID != hash(cookie.Value) {
			t.Errorf("%+v %v", list, err)
		}
		var outcomes []holdfast.Outcome
		for _, e := range h.book.Entries() {
			outcomes = append(outcomes, e.Outcome)
		}
		if !slices.Equal(outcomes, []holdfast.Outcome{holdfast.OutcomeDone, holdfast.OutcomeRefused}) {
			t.Errorf("journaled %v", outcomes)
		}
	})
}

func TestOneOfManyWins(t *testing.T) {
	each(t, func(t *testing.T, h *home) {
		token := h.link()
		var wins sync.Map
		var wait sync.WaitGroup
		for i := range 10 {
			wait.Go(func() {
				w := h.do(http.MethodPost, "/auth/link", jsonBody(token), "Content-Type", "application/json")
				if w.Code == http.StatusOK {
					wins.Store(i, true)
				}
			})
		}
		wait.Wait()
		n := 0
		wins.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d logins by one link", n)
		}
	})
}

func TestFailuresTellNothing(t *testing.T) {
	h := lite(t)
	spent := h.link()
	h.do(http.MethodPost, "/auth/link", jsonBody(spent), "Content-Type", "application/json")
	old := h.link()
	h.clock.Pass(linkFor)
	var answers []string
	for _, token := range []string{spent, old, "", "made up", strings.Repeat("x", 5000), `"}<script>`} {
		body, err := json.Marshal(map[string]string{"token": token})
		if err != nil {
			t.Fatal(err)
		}
		w := h.do(http.MethodPost, "/auth/link", string(body), "Content-Type", "application/json")
		answers = append(answers, w.Body.String())
		if w.Code != http.StatusForbidden {
			t.Errorf("%.20q: %d", token, w.Code)
		}
	}
	for _, body := range []string{"{", "[]", `{"token":5}`} {
		w := h.do(http.MethodPost, "/auth/link", body, "Content-Type", "application/json")
		answers = append(answers, w.Body.String())
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("failures differ: %q", answers)
	}
	w := h.do(http.MethodGet, "/auth/link?token="+url.QueryEscape(`"><script>alert(1)</script>`), "")
	if strings.Contains(w.Body.String(), "<script") {
		t.Error("the token is not escaped")
	}
}

func TestNothingSecretIsStored(t *testing.T) {
	h := lite(t)
	token := h.link()
	cookie, key := h.login()
	err := h.store.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
		for _, table := range []string{"auth_links", "auth_sessions"} {
			var n int
			query := `SELECT COUNT(*) FROM ` + table + ` WHERE id IN (?, ?, ?)`
			if err := tx.QueryRow(ctx, query, token, cookie, key).Scan(&n); err != nil || n != 0 {
				return errors.Join(err, errors.New(table+" keeps a token"))
			}
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM auth_sessions WHERE page_key = ?`, key).Scan(&n); err != nil || n != 0 {
			return errors.Join(err, errors.New("the page key is kept"))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, e := range h.book.Entries() {
		text, err := json.Marshal(e)
		if err != nil || strings.Contains(string(text), token) || strings.Contains(string(text), cookie) || strings.Contains(string(text), key) {
			t.Errorf("journaled %s %v", text, err)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	each(t, func(t *testing.T, h *home) {
		ctx := t.Context()
		valid := func(cookie string) bool {
			t.Helper()
			_, ok, err := h.Session(ctx, cookie)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		idle, _ := h.login()
		h.clock.Pass(idleFor)
		if valid(idle) {
			t.Error("an idle session goes on")
		}
		busy, _ := h.login()
		for range 13 {
			h.clock.Pass(idleFor - time.Minute)
			if !valid(busy) {
				t.Fatal("a busy session ended")
			}
		}
		if err := h.writeSeen(ctx); err != nil {
			t.Fatal(err)
		}
		h.clock.Pass(idleFor - time.Minute)
		if !valid(busy) {
			t.Error("what was written down is forgotten")
		}
		h.clock.Pass(sessionFor - 14*(idleFor-time.Minute))
		if valid(busy) {
			t.Error("a session outlived its time")
		}
		h.tidy(ctx)
		if list, err := h.Sessions(ctx); err != nil || len(list) != 0 || !slices.Contains(h.door.ended, hash(busy)) {
			t.Errorf("%v %v %v", list, err, h.door.ended)
		}
		var rows int
		err := h.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
			return tx.QueryRow(ctx, `SELECT COUNT(*) FROM auth_sessions`).Scan(&rows)
		})
		if err != nil || rows != 0 {
			t.Errorf("%d rows are left, %v", rows, err)
		}
	})
}

func TestHandoverIsOnceAndBound(t *testing.T) {
	each(t, func(t *testing.T, h *home) {
		ctx := t.Context()
		cookie, _ := h.login()
		token, ok, err := h.Handover(ctx, cookie)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		ext, s, ok, err := h.Redeem(ctx, token)
		if err != nil || !ok || s.Parent != hash(cookie) || s.Kind != kindExtension {
			t.Fatalf("%+v %v %v", s, ok, err)
		}
		if _, _, ok, _ := h.Redeem(ctx, token); ok {
			t.Error("a handover was replayed")
		}
		if _, ok, _ := h.ExtensionSession(ctx, ext); !ok {
			t.Error("the session is not valid")
		}
		// Neither cookie is worth anything on the other origin.
		if _, ok, _ := h.Session(ctx, ext); ok {
			t.Error("an extension's session opens the Hub")
		}
		if _, ok, _ := h.ExtensionSession(ctx, cookie); ok {
			t.Error("the Hub's cookie opens the extensions' origin")
		}
		if _, ok, _ := h.Handover(ctx, ext); ok {
			t.Error("an extension's session hands over")
		}
		late, _, _ := h.Handover(ctx, cookie)
		h.clock.Pass(handoverFor)
		if _, _, ok, _ := h.Redeem(ctx, late); ok {
			t.Error("a late handover worked")
		}
		pending, _, _ := h.Handover(ctx, cookie)
		gone, err := h.End(ctx, hash(cookie))
		if err != nil || !slices.Contains(gone, hash(ext)) || !slices.Contains(h.door.ended, hash(ext)) {
			t.Errorf("%v %v %v", gone, h.door.ended, err)
		}
		if _, ok, _ := h.ExtensionSession(ctx, ext); ok {
			t.Error("the session outlived the one it hangs on")
		}
		if _, _, ok, _ := h.Redeem(ctx, pending); ok {
			t.Error("a handover outlived its session")
		}
	})
}

func TestLogoutAndRotation(t *testing.T) {
	h := lite(t)
	first, _ := h.login()
	second, _ := h.login("Cookie", "holdfast_session_8443="+first)
	if _, ok, _ := h.Session(t.Context(), first); ok || first == second {
		t.Error("the session before the login goes on")
	}
	in := []string{"Cookie", "holdfast_session_8443=" + second}
	if w := h.do(http.MethodPost, "/auth/logout", "", append(in, "Origin", "http://127.0.0.1:8445")...); w.Code != http.StatusForbidden {
		t.Errorf("another origin logs the operator out: %d", w.Code)
	}
	w := h.do(http.MethodPost, "/auth/logout", "", append(in, "Origin", hubOrigin)...)
	if c := w.Result().Cookies(); w.Code != http.StatusOK || len(c) != 1 || c[0].MaxAge != -1 {
		t.Errorf("%d %v", w.Code, c)
	}
	if _, ok, _ := h.Session(t.Context(), second); ok || !slices.Contains(h.door.ended, hash(second)) {
		t.Error("the session goes on")
	}
}

func TestLoginIsRateLimited(t *testing.T) {
	h := lite(t)
	try := func(address string) *httptest.ResponseRecorder {
		return h.do(http.MethodPost, "/auth/link", jsonBody("guess"), "Content-Type", "application/json", "X-Forwarded-For", address)
	}
	last := 0
	for range burst + 1 {
		last = try("").Code
	}
	if last != http.StatusTooManyRequests || try("").Header().Get("Retry-After") == "" {
		t.Errorf("%d", last)
	}
	h.clock.Pass(refill)
	if w := try(""); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	for i := range 3 * mostTriers {
		h.limits.Allow(time.Duration(i).String())
	}
	if len(h.limits.tries) > mostTriers {
		t.Errorf("%d addresses are kept", len(h.limits.tries))
	}
}

func TestLoginComesBack(t *testing.T) {
	h := lite(t)
	w := h.do(http.MethodGet, "/auth/login?redirect_uri="+url.QueryEscape("/units?x=1"), "")
	back := w.Result().Cookies()[0]
	if w.Code != http.StatusOK || back.Name != "holdfast_back_8443" || !back.HttpOnly || !strings.Contains(w.Body.String(), "holdfast link") {
		t.Fatalf("%d %v", w.Code, back)
	}
	post := func(cookie string) string {
		w := h.do(http.MethodPost, "/auth/link", jsonBody(h.link()), "Content-Type", "application/json", "Cookie", cookie)
		var out struct {
			To string `json:"redirect_uri"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return out.To
	}
	if to := post(back.Name + "=" + back.Value); to != "/units?x=1" {
		t.Error(to)
	}
	for _, evil := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/auth/logout", "/x\r\ny"} {
		if to := post(back.Name + "=" + url.QueryEscape(evil)); to != "/" {
			t.Errorf("%q leads to %q", evil, to)
		}
		w := h.do(http.MethodGet, "/auth/login?redirect_uri="+url.QueryEscape(evil), "")
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%q is remembered", evil)
		}
	}
	cookie, _ := h.login()
	w = h.do(http.MethodGet, "/auth/login?redirect_uri=//evil.example", "", "Cookie", "holdfast_session_8443="+cookie)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
}

func TestActions(t *testing.T) {
	h := lite(t)
	operator := holdfast.WithCaller(t.Context(), holdfast.Caller{Kind: holdfast.CallerOperator, Tier: holdfast.TierOperator, Surface: "cli"})
	for _, who := range []holdfast.Caller{
		{Kind: holdfast.CallerAgent, Name: "granted", Tier: holdfast.TierOperator},
		{Kind: holdfast.CallerSchedule, Tier: holdfast.TierInternal},
		{Kind: holdfast.CallerTenant, Tier: holdfast.TierTenantOwner},
	} {
		_, err := h.createLink(holdfast.WithCaller(t.Context(), who), linkIn{})
		if _, ok := errors.AsType[*holdfast.Refusal](err); !ok {
			t.Errorf("%s made a link: %v", who, err)
		}
	}
	l, err := h.createLink(operator, linkIn{RedirectURI: "/units"})
	if err != nil || !strings.HasPrefix(l.URL, hubOrigin+"/auth/link?redirect_uri=%2Funits&token=") || l.Expires.Sub(h.clock.Now()) != linkFor {
		t.Errorf("%+v %v", l, err)
	}
	if _, err := h.createLink(operator, linkIn{RedirectURI: "//evil.example"}); err == nil {
		t.Error("a link leads elsewhere")
	}
	first, _ := h.login()
	second, _ := h.login()
	if _, err := h.revokeSession(operator, revokeIn{}); err == nil {
		t.Error("revoked nothing in particular")
	}
	if _, err := h.revokeSession(operator, revokeIn{ID: "nope"}); err == nil {
		t.Error("revoked what is not there")
	}
	out, err := h.revokeSession(operator, revokeIn{ID: hash(first)[:8]})
	if err != nil || !slices.Equal(out.Revoked, []string{hash(first)}) {
		t.Errorf("%v %v", out, err)
	}
	list, err := h.listSessions(operator, action.Nothing{})
	if err != nil || len(list.Sessions) != 1 || list.Sessions[0].ID != hash(second) {
		t.Errorf("%+v %v", list, err)
	}
	if out, err := h.revokeSession(operator, revokeIn{All: true}); err != nil || len(out.Revoked) != 1 {
		t.Errorf("%v %v", out, err)
	}
}

// TestRevokesWithoutAStore is the full disk: a move toward safety acts though it cannot be kept.
func TestRevokesWithoutAStore(t *testing.T) {
	h := lite(t)
	cookie, _ := h.login()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.End(ctx, hash(cookie)); err == nil {
		t.Fatal("it says nothing of what it could not keep")
	}
	if _, ok, err := h.Session(t.Context(), cookie); ok || err != nil {
		t.Errorf("the session goes on: %v", err)
	}
	h.tidy(t.Context())
	if list, err := h.Sessions(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}
