// SPDX-License-Identifier: Apache-2.0

package router

import (
	"net/http"
	"net/url"
	"strings"
)

// serveHouse sends a request to the house, which judges callers itself; only a person who is not
// logged in and goes to a page is taken to the login first.
func (rt *Router) serveHouse(w http.ResponseWriter, r *http.Request, v visit) {
	v.house = true
	if tokens := cookies(r, v.origin.Cookie); len(tokens) > 0 {
		v.who.Session = SessionID(tokens[0])
	}
	if !navigation(r) || v.table.open(r.URL.Path) || !rt.link.connected() {
		rt.forward(w, r, &v)
		return
	}
	if r.Host != v.table.hub.host {
		// A second name of the door would have a second set of cookies.
		redirect(w, r, http.StatusTemporaryRedirect, v.table.hub.URL+r.URL.RequestURI())
		return
	}
	if rt.identify(r, &v) == verdictInvalid {
		toLogin(w, r, v)
		return
	}
	rt.forward(w, r, &v)
}

// identify finds who makes the request by the cookies of its origin, or by a bearer key.
func (rt *Router) identify(r *http.Request, v *visit) verdict {
	kind := AskExtension
	if v.origin == &v.table.hub {
		kind = AskSession
	}
	best := verdictInvalid
	for _, token := range cookies(r, v.origin.Cookie) {
		who, known := rt.sessions.check(r.Context(), kind, token)
		if known == verdictValid {
			v.who, v.token = who, token
			return verdictValid
		}
		best = max(best, known)
	}
	if token := bearer(r); token != "" && !v.house {
		who, known := rt.sessions.check(r.Context(), AskKey, token)
		if known == verdictValid {
			v.who, v.token, v.key = who, "", true
			return verdictValid
		}
		best = max(best, known)
	}
	return best
}

// toLogin takes a person to the login and brings them back; only local paths travel.
func toLogin(w http.ResponseWriter, r *http.Request, v visit) {
	back := url.Values{"redirect_uri": {r.URL.RequestURI()}}
	redirect(w, r, http.StatusFound, v.table.hub.URL+"/auth/login?"+back.Encode())
}

// serveService answers an extension's service on the hub's origin: data for programs and for the
// Hub's own scripts, never a page, a script or a worker of the hub's origin.
func (rt *Router) serveService(w http.ResponseWriter, r *http.Request, v visit) {
	if navigation(r) && r.Header.Get("Sec-Fetch-Mode") != "" {
		rt.handOver(w, r, v)
		return
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "empty" && dest != "websocket" {
		refuse(w, r, trouble{Status: http.StatusForbidden, Detail: "an extension's answer is no " + dest + " of this origin; use " + v.table.extensions.URL})
		return
	}
	v.data = true
	rt.admit(w, r, v)
}

// serveExtension answers what others wrote, on the origin that is theirs.
func (rt *Router) serveExtension(w http.ResponseWriter, r *http.Request, v visit) {
	if navigation(r) && r.Host != v.table.extensions.host {
		redirect(w, r, http.StatusTemporaryRedirect, v.table.extensions.URL+r.URL.RequestURI())
		return
	}
	rt.admit(w, r, v)
}

// admit lets in who is logged in and whose own page asks.
func (rt *Router) admit(w http.ResponseWriter, r *http.Request, v visit) {
	switch rt.identify(r, &v) {
	case verdictValid:
	case verdictUnknown:
		waiting(w, r)
		return
	default:
		rt.unknownCaller(w, r, v)
		return
	}
	if !v.key && (!safeMethod(r) || upgrade(r) || v.data) && !sameOrigin(r, v.origin) {
		refuse(w, r, trouble{Status: http.StatusForbidden, Code: "refused", Detail: "a page of another origin may not do this"})
		return
	}
	if v.mount.Port == 0 {
		rt.unavailable(w, r, &v)
		return
	}
	rt.forward(w, r, &v)
}

func (rt *Router) unknownCaller(w http.ResponseWriter, r *http.Request, v visit) {
	if !navigation(r) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
		refuse(w, r, trouble{Status: http.StatusUnauthorized, Code: "unknown-caller", Detail: "who are you? Log in (`holdfast link` prints a one-time link), or send a valid key as `Authorization: Bearer …`"})
		return
	}
	if v.origin == &v.table.hub {
		toLogin(w, r, v)
		return
	}
	// The hub knows whether there is a session, and hands over or asks for a login.
	redirect(w, r, http.StatusFound, v.table.hub.URL+r.URL.RequestURI())
}

// handOver takes a person from the hub's origin to the extensions': with a one-time token, for the
// hub's cookie is worth nothing there.
func (rt *Router) handOver(w http.ResponseWriter, r *http.Request, v visit) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, r, trouble{Status: http.StatusForbidden, Code: "refused", Detail: "extensions answer at " + v.table.extensions.URL + ", their own origin"})
		return
	}
	switch rt.identify(r, &v) {
	case verdictInvalid:
		rt.unknownCaller(w, r, v)
		return
	case verdictUnknown:
		waiting(w, r)
		return
	case verdictValid:
	}
	target := v.table.extensions.URL + r.URL.RequestURI()
	if v.key || rt.known(r, v.table) {
		redirect(w, r, http.StatusFound, target)
		return
	}
	a, err := rt.link.ask(r.Context(), Ask{Kind: AskHandover, Token: v.token})
	switch {
	case err != nil:
		waiting(w, r)
	case !a.OK:
		toLogin(w, r, v)
	default:
		query := url.Values{"token": {a.Token}, "to": {r.URL.RequestURI()}}
		redirect(w, r, http.StatusFound, v.table.extensions.URL+enterPath+"?"+query.Encode())
	}
}

// known tells whether the browser already has a session on the extensions' origin, as it can be
// seen when both origins share one host and so one set of cookies.
func (rt *Router) known(r *http.Request, t *compiled) bool {
	for _, token := range cookies(r, t.extensions.Cookie) {
		if _, v := rt.sessions.check(r.Context(), AskExtension, token); v == verdictValid {
			return true
		}
	}
	return false
}

// ReadyPath answers 204 once the door has a table.
const ReadyPath = reservedPaths + "ready"

const enterPath = reservedPaths + "enter"

// serveOwn answers the door's own paths.
func (rt *Router) serveOwn(w http.ResponseWriter, r *http.Request, v visit) {
	switch {
	case r.URL.Path == ReadyPath && safeMethod(r):
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == enterPath && r.Method == http.MethodGet && v.origin == &v.table.extensions:
		rt.enter(w, r, v)
	default:
		refuse(w, r, trouble{Status: http.StatusNotFound, Detail: "there is nothing here"})
	}
}

// enter takes a handover token, once, and gives the browser its session on this origin.
func (rt *Router) enter(w http.ResponseWriter, r *http.Request, v visit) {
	query := r.URL.Query()
	to := query.Get("to")
	if !LocalPath(to) {
		to = "/"
	}
	a, err := rt.link.ask(r.Context(), Ask{Kind: AskRedeem, Token: query.Get("token")})
	if err != nil {
		waiting(w, r)
		return
	}
	if !a.OK {
		refuse(w, r, trouble{Status: http.StatusForbidden, Code: "refused", Detail: "this handover is not valid any more; open the extension again from the Hub"})
		return
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{
		Name: v.origin.Cookie, Value: a.Token, Path: "/", MaxAge: a.MaxAge,
		HttpOnly: true, Secure: v.origin.tls, SameSite: http.SameSiteLaxMode,
	})
	redirect(w, r, http.StatusSeeOther, to)
}

// LocalPath tells whether a redirect to s stays on its own origin, whatever a browser makes of it.
func LocalPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || len(s) > 4096 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == '\\' || s[i] == 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}

// redirect sends elsewhere without a body; http.Redirect would clean the path.
func redirect(w http.ResponseWriter, _ *http.Request, status int, to string) {
	w.Header().Set("Location", to)
	setDefault(w.Header(), "Cache-Control", "no-store")
	w.WriteHeader(status)
}
