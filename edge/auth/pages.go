// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"holdfast"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/edge/router"
)

// PageKeyName is where the login leaves the page key: in the storage of the Hub's own origin,
// which pages of other ports cannot read.
const PageKeyName = "holdfast.csrf"

// maxForm bounds what a login form may bring.
const maxForm = 8 << 10

func (a *Auth) routes() []house.Route {
	route := func(pattern, summary string, auth house.Auth, h http.HandlerFunc) house.Route {
		return house.Route{Pattern: pattern, Auth: auth, Summary: summary, Handler: h}
	}
	return []house.Route{
		route("GET /auth/login", "says how to log in", house.AuthPublic, a.loginPage),
		route("GET /auth/link", "asks to use a one-time link", house.AuthPublic, a.linkPage),
		route("POST /auth/link", "uses a one-time link", house.AuthOwn, a.useLink),
		route("GET /auth/me", "tells who is logged in", house.AuthOwn, a.me),
		route("POST /auth/logout", "logs this browser out", house.AuthOwn, a.logout),
	}
}

// show writes a page of the login: no scripts, no framing, no caching.
func show(w http.ResponseWriter, status int, title, body string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(router.PageHead(title, 0) + body + router.PageFoot))
}

func (a *Auth) loginPage(w http.ResponseWriter, r *http.Request) {
	back := local(r.URL.Query().Get("redirect_uri"))
	if s, _, err := a.session(r); err == nil && s.ID != "" {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", back)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if back != "/" {
		a.setCookie(w, a.backCookie(), url.QueryEscape(back), "/auth/", int(linkFor.Seconds()))
	}
	show(w, http.StatusOK, "Log in", `<p>This house opens with a one-time link. Make one in a terminal on the machine that runs it:</p>
<pre>holdfast link</pre><p>Open the link in this browser. It works once, within ten minutes.</p>`)
}

// linkPage asks for a click before the link is used up: mail programs, chat previews and browsers
// that load pages ahead make GET requests, and would spend it. It tells nothing of the token.
func (a *Auth) linkPage(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	back := local(r.URL.Query().Get("redirect_uri"))
	show(w, http.StatusOK, "Open the house", `<p>Log this browser in as operator?</p><form method="post" action="/auth/link">
<input type="hidden" name="token" value="`+html.EscapeString(token)+`"><input type="hidden" name="redirect_uri" value="`+html.EscapeString(back)+`">
<button type="submit" autofocus>Log in</button></form><p>The link works once.</p>`)
}

// grant is what a login brings the browser.
type grant struct {
	cookie, key, back string
	session           Session
}

func (a *Auth) useLink(w http.ResponseWriter, r *http.Request) {
	if err := a.sameOrigin(r); err != nil {
		refuse(w, r, http.StatusForbidden, "The login must be sent from its own page.")
		return
	}
	if wait, ok := a.limits.Allow(address(r)); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		refuse(w, r, http.StatusTooManyRequests, "Too many tries. Wait a little, then use the link again.")
		return
	}
	token, back := form(w, r)
	g, err := a.redeemLink(r, token, back)
	switch {
	case errors.Is(err, errSpent):
		a.note(r.Context(), "auth.login", holdfast.OutcomeRefused, "", nil)
		refuse(w, r, http.StatusForbidden, "This link is not valid any more. Make a new one with `holdfast link`.")
	case err != nil:
		a.log.Error("cannot log in", slog.Any("error", err))
		refuse(w, r, http.StatusServiceUnavailable, "The house cannot log anybody in just now. The link is still good.")
	default:
		a.admit(w, r, g)
	}
}

// form reads token and redirect of a form or a JSON body.
func form(w http.ResponseWriter, r *http.Request) (token, back string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		var in struct {
			Token       string `json:"token"`
			RedirectURI string `json:"redirect_uri"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return "", "/"
		}
		return in.Token, local(in.RedirectURI)
	}
	if err := r.ParseForm(); err != nil {
		return "", "/"
	}
	return r.PostForm.Get("token"), local(r.PostForm.Get("redirect_uri"))
}

var errSpent = errors.New("the link is not valid")

// redeemLink spends the link and opens a session in one transaction, so that neither happens alone.
func (a *Auth) redeemLink(r *http.Request, token, back string) (grant, error) {
	g := grant{key: newToken(), back: a.cameFrom(r, back)}
	now := a.now()
	err := a.store.Write(r.Context(), func(ctx context.Context, tx store.Tx) error {
		spent, err := tx.Exec(ctx, `DELETE FROM auth_links WHERE id = ? AND expires_ns > ?`, hash(token), now.UnixNano())
		if err != nil {
			return err
		}
		if n, err := spent.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errSpent, err)
		}
		g.cookie, g.session, err = a.open(ctx, tx, Session{
			Kind: kindHub, User: a.user, Browser: clip(r.UserAgent(), 200), Address: address(r),
			Expires: now.Add(sessionFor).UTC(), pageKey: hash(g.key),
		})
		return err
	})
	return g, err
}

// cameFrom is the page that sent this browser to the login, unless the link names one.
func (a *Auth) cameFrom(r *http.Request, back string) string {
	c, err := r.Cookie(a.backCookie())
	if back != "/" || err != nil {
		return back
	}
	page, err := url.QueryUnescape(c.Value)
	if err != nil {
		return "/"
	}
	return local(page)
}

// admit sets the cookie, ends the session that the browser had before, and leaves the page key in
// the storage of the Hub's origin.
func (a *Auth) admit(w http.ResponseWriter, r *http.Request, g grant) {
	if old, _, err := a.session(r); err == nil && old.ID != "" {
		if _, err := a.End(r.Context(), old.ID); err != nil {
			a.log.Warn("cannot end the session before", slog.Any("error", err))
		}
	}
	a.note(r.Context(), "auth.login", holdfast.OutcomeDone, g.session.ID[:12], nil)
	a.setCookie(w, a.door.Cookie(), g.cookie, "/", int(sessionFor.Seconds()))
	if !wantsHTML(r) {
		reply(w, http.StatusOK, map[string]any{"authenticated": true, "username": g.session.User, "csrf": g.key, "csrf_token": g.key, "redirect_uri": g.back})
		return
	}
	nonce := newToken()
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-"+nonce+"'; base-uri 'none'; frame-ancestors 'none'")
	key, to := quote(g.key), quote(g.back)
	show(w, http.StatusOK, "Welcome", `<p>Opening the Hub …</p><p><a href="`+html.EscapeString(g.back)+`">Go on</a></p>
<script nonce="`+nonce+`">try{localStorage.setItem(`+quote(PageKeyName)+`,`+key+`)}finally{location.replace(`+to+`)}</script>`)
}

// quote writes a JavaScript string; encoding/json escapes what would end the script.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(text)
}

// Me is the answer of /auth/me. CSRF is there only for a page that already has it, so that the
// cookie alone never leads to it; csrf_token is the same under its longer name.
type Me struct {
	Username      string        `json:"username"`
	AvatarURL     string        `json:"avatar_url"`
	Authenticated bool          `json:"authenticated"`
	Tier          holdfast.Tier `json:"tier"`
	CSRF          string        `json:"csrf"`
	CSRFToken     string        `json:"csrf_token"`
}

func (a *Auth) me(w http.ResponseWriter, r *http.Request) {
	s, _, err := a.session(r)
	if err != nil {
		refuse(w, r, http.StatusServiceUnavailable, "The sessions cannot be read just now.")
		return
	}
	if s.ID == "" || a.sameOrigin(r) != nil {
		reply(w, http.StatusOK, Me{})
		return
	}
	me := Me{Username: s.User, Authenticated: true, Tier: holdfast.TierOperator}
	if key := r.Header.Get("X-CSRF-Token"); s.proven(key) {
		me.CSRF, me.CSRFToken = key, key
	}
	reply(w, http.StatusOK, me)
}

// logout needs no page key: leaving is always allowed to the Hub's own pages.
func (a *Auth) logout(w http.ResponseWriter, r *http.Request) {
	if err := a.sameOrigin(r); err != nil {
		refuse(w, r, http.StatusForbidden, "The logout must be sent from the Hub.")
		return
	}
	s, _, err := a.session(r)
	if err == nil && s.ID != "" {
		_, err = a.End(r.Context(), s.ID)
		a.note(r.Context(), "auth.logout", holdfast.OutcomeDone, s.ID[:12], nil)
	}
	if err != nil {
		a.log.Error("cannot log out for good", slog.Any("error", err))
	}
	a.setCookie(w, a.door.Cookie(), "", "/", -1)
	if wantsHTML(r) {
		w.Header().Set("Location", "/auth/login")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	reply(w, http.StatusOK, Me{})
}

func (a *Auth) setCookie(w http.ResponseWriter, name, value, path string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: age, HttpOnly: true,
		Secure: strings.HasPrefix(a.door.Origin(), "https:"), SameSite: http.SameSiteLaxMode,
	})
}

func (a *Auth) backCookie() string {
	return strings.Replace(strings.TrimPrefix(a.door.Cookie(), "__Host-"), "session", "back", 1)
}

// refuse says no in the words given, and no more.
func refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	if wantsHTML(r) {
		show(w, status, http.StatusText(status), "<p>"+html.EscapeString(text)+"</p>")
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"title":%s,"status":%d,"code":"refused","detail":%s}`+"\n", quote(http.StatusText(status)), status, quote(text))
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// local is the path when it stays on this origin and is not the login itself, else the Hub.
func local(path string) string {
	if !router.LocalPath(path) || strings.HasPrefix(path, "/auth/") {
		return "/"
	}
	return path
}

func wantsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// address is the client's, as the edge says it; the house's socket hears nobody else.
func address(r *http.Request) string { return clip(r.Header.Get("X-Forwarded-For"), 64) }

func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}
