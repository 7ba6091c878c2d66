// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/http"

	"holdfast"
)

// Identify tells who makes a request, by its session cookie: an operator, or nobody. It refuses
// what a page of another origin made a browser send, and every unsafe method without the
// session's page key in X-CSRF-Token; with KeyedReads every other method too. An event source,
// which cannot send headers, gives the key as the query parameter csrf; it is taken out of the
// request here.
func (a *Auth) Identify(r *http.Request) (holdfast.Caller, error) {
	s, _, err := a.session(r)
	if err != nil {
		return holdfast.Nobody("http"), err
	}
	if s.ID == "" {
		return holdfast.Nobody("http"), nil
	}
	if err := a.sameOrigin(r); err != nil {
		return holdfast.Nobody("http"), err
	}
	if (!safe(r.Method) || a.keyedReads) && !s.proven(pageKey(r)) {
		return holdfast.Nobody("http"), &holdfast.Refusal{
			Guard: "csrf", Reason: "the session cookie alone is not enough, and X-CSRF-Token is missing or not this session's",
			Remedy: "send the key that the login left in the Hub's own storage; if it is gone, log in again with `holdfast link`",
		}
	}
	return caller(s.User), nil
}

// Visitor tells which session a browser has that visits a page of the Hub's origin, or sends the form
// of one; no session is a zero one. The cookie alone is enough here: a page that changes something
// must ask for more than that.
func (a *Auth) Visitor(r *http.Request) (Session, error) {
	if err := a.sameOrigin(r); err != nil {
		return Session{}, err
	}
	s, _, err := a.session(r)
	return s, err
}

// Origin is the front door's, as browsers write it.
func (a *Auth) Origin() string { return a.door.Origin() }

// session finds the valid session of a request. There may be several cookies of the name, for a
// page on another port of the host can add one; the first valid one counts.
func (a *Auth) session(r *http.Request) (s Session, token string, err error) {
	const most = 16
	for i, c := range r.CookiesNamed(a.door.Cookie()) {
		if i == most {
			break
		}
		s, ok, err := a.Session(r.Context(), c.Value)
		if err != nil {
			return Session{}, "", &holdfast.Error{Code: holdfast.CodeUnavailable, Message: "the sessions cannot be read just now", Err: err}
		}
		if ok {
			return s, c.Value, nil
		}
	}
	return Session{}, "", nil
}

// sameOrigin refuses what a page of another origin asks for. Another port of the same host is
// another origin, though browsers call it the same site and send cookies there.
func (a *Auth) sameOrigin(r *http.Request) error {
	refusal := &holdfast.Refusal{
		Guard: "origin", Reason: "a page of another origin asks with this session",
		Remedy: "the control API answers pages of " + a.door.Origin() + " only; programs use a key",
	}
	if from := r.Header.Get("Origin"); from != "" && from != a.door.Origin() {
		return refusal
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	// A link from elsewhere to a page is a person's click, and its answer cannot be read there.
	if safe(r.Method) && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		return nil
	}
	return refusal
}

// pageKey is the key that the request brings.
func pageKey(r *http.Request) string {
	query := r.URL.Query()
	if !safe(r.Method) || !query.Has("csrf") {
		return r.Header.Get("X-CSRF-Token")
	}
	key := query.Get("csrf")
	query.Del("csrf")
	r.URL.RawQuery = query.Encode()
	return key
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
