// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"holdfast"
	"holdfast/edge/auth"
)

// mostQuery bounds a request for access: it travels through the login in a cookie.
const mostQuery = 2048

// consent asks a person in the name of a client, and takes the answer.
type consent struct{ *Server }

// A request is what a client asks a person for.
type request struct {
	client    client
	redirect  string
	state     string
	challenge string
	resource  string // the path of the endpoint
	scopes    string
	operator  bool // the client asks to act as an operator; only a person can say yes to that
}

// authorizePage takes a client's request, brought by the browser of a person: without a login it
// leads there and back; a good request becomes a page that asks.
func (s consent) authorizePage(w http.ResponseWriter, r *http.Request) {
	if why := s.closed(); why != "" {
		showPage(w, http.StatusServiceUnavailable, "Closed", why)
		return
	}
	if len(r.URL.RawQuery) > mostQuery {
		showPage(w, http.StatusBadRequest, "This request is wrong", "it is longer than a request for access may be")
		return
	}
	if issuer, err := url.Parse(s.issuer()); err == nil && !strings.EqualFold(r.Host, issuer.Host) {
		// Another name of the door would have another set of cookies.
		redirectTo(w, http.StatusTemporaryRedirect, s.issuer()+r.URL.RequestURI())
		return
	}
	who, err := s.needs.Logins.Visitor(r)
	if err != nil {
		showPage(w, http.StatusForbidden, "Refused", refusalText(err))
		return
	}
	if who.ID == "" {
		// Nothing is looked up, and nowhere is fetched from, for somebody who is not logged in.
		redirectTo(w, http.StatusFound, "/auth/login?"+url.Values{"redirect_uri": {r.URL.RequestURI()}}.Encode())
		return
	}
	asked, err := s.readRequest(r.Context(), r.URL.RawQuery)
	if err == nil {
		s.consentPage(r.Context(), w, who, asked)
		return
	}
	s.refuseRequest(w, r, asked, err)
}

// refuseRequest tells the client of an error where it may be told; the person reads everything else.
func (s consent) refuseRequest(w http.ResponseWriter, r *http.Request, asked request, err error) {
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		s.needs.Log.Error("cannot judge a request for access", slog.Any("error", err))
		showPage(w, http.StatusServiceUnavailable, "One moment", "the house cannot answer just now; try again")
		return
	}
	if asked.redirect == "" || !s.trusts(r.Context(), asked) {
		showPage(w, no.status, "This request is wrong", no.text)
		return
	}
	redirectTo(w, http.StatusFound, s.answerURL(asked, url.Values{"error": {no.kind}, "error_description": {ascii(no.text)}}))
}

// trusts tells whether a browser may be sent to a client without being asked: to this machine, or to
// where a person already gave access. Otherwise the door would lead wherever a stranger registered.
func (s consent) trusts(ctx context.Context, asked request) bool {
	if u, err := plainURI(asked.redirect); err == nil && loopback(u) {
		return true
	}
	known, err := s.rows.grants(ctx, `WHERE client = ? AND redirect = ? AND ended_ns = 0`, asked.client.ID, asked.redirect)
	return err == nil && len(known) > 0
}

// answerURL is where an answer goes, with who answers (RFC 9207) and what the client gave along.
func (s consent) answerURL(asked request, values url.Values) string {
	values.Set("iss", s.issuer())
	if asked.state != "" {
		values.Set("state", asked.state)
	}
	return answerAt(asked.redirect, values)
}

// readRequest reads and judges a request for access. Once the client and where its answer goes are
// known they are in the request, even when the rest is wrong.
func (s consent) readRequest(ctx context.Context, raw string) (request, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return request{}, refused("invalid_request", "the request cannot be read")
	}
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(values[name]) > 1 {
			return request{}, refused("invalid_request", "%s stands more than once in the request", name)
		}
	}
	c, err := s.findClient(ctx, values.Get("client_id"))
	if err != nil {
		return request{}, err
	}
	asked := request{client: c}
	redirect := values.Get("redirect_uri")
	if redirect == "" && len(c.Redirects) == 1 {
		redirect = c.Redirects[0]
	}
	if !slices.ContainsFunc(c.Redirects, func(known string) bool { return redirectMatches(known, redirect) }) {
		return asked, refused("invalid_request", "the client did not register the address to which it wants the answer: %s", clip(redirect, 120))
	}
	asked.redirect, asked.state = redirect, values.Get("state")
	return s.readDetails(asked, values)
}

// readDetails judges the rest of a request, of which the client may be told.
func (s consent) readDetails(asked request, values url.Values) (request, error) {
	for _, name := range []string{"response_type", "state", "code_challenge", "code_challenge_method", "scope", "response_mode"} {
		if len(values[name]) > 1 {
			return asked, refused("invalid_request", "%s stands more than once in the request", name)
		}
	}
	asked.challenge = values.Get("code_challenge")
	switch {
	case values.Get("response_type") == "":
		return asked, refused("invalid_request", "response_type is missing")
	case values.Get("response_type") != "code":
		return asked, refused("unsupported_response_type", "want response_type=code")
	case values.Has("response_mode") && values.Get("response_mode") != "query":
		return asked, refused("invalid_request", "want response_mode=query")
	case asked.challenge == "":
		return asked, refused("invalid_request", "code_challenge is missing: the client must use PKCE")
	case values.Get("code_challenge_method") != "S256":
		return asked, refused("invalid_request", "want code_challenge_method=S256")
	case !isChallenge(asked.challenge):
		return asked, refused("invalid_request", "code_challenge is no SHA-256 in base64url")
	}
	return s.readAccess(asked, values)
}

// readAccess finds which endpoint is meant, and what is asked for there.
func (s consent) readAccess(asked request, values url.Values) (request, error) {
	resources := values["resource"]
	if len(resources) > 1 {
		return asked, refused("invalid_target", "a token is for one endpoint: want one resource")
	}
	asked.resource = mainPath
	if len(resources) == 1 {
		path, ok := s.audience(resources[0])
		if !ok {
			return asked, refused("invalid_target", "%s is no MCP endpoint of this house", clip(resources[0], 120))
		}
		asked.resource = path
	}
	hub, _ := s.hubOf(asked.resource)
	var known []string
	for one := range strings.FieldsSeq(values.Get("scope")) {
		if slices.Contains(scopesOf(hub), one) && !slices.Contains(known, one) {
			known = append(known, one)
		}
	}
	switch {
	case values.Get("scope") == "":
		known = basics(hub)
	case len(known) == 0:
		return asked, refused("invalid_scope", "none of the scopes asked for is known: want %s", strings.Join(scopesOf(hub), ", "))
	}
	asked.operator = slices.Contains(known, ScopeOperator)
	asked.scopes = strings.Join(opening(known, hub), " ") // what is added here is on the page, too
	return asked, nil
}

// findClient finds a client by its id, which may be the address of its document.
func (s consent) findClient(ctx context.Context, id string) (client, error) {
	if id == "" || len(id) > mostURI {
		return client{}, refused("invalid_client", "client_id is missing, or too long")
	}
	if isDocument(id) {
		return s.documents.get(ctx, id)
	}
	c, ok, err := s.rows.client(ctx, id)
	if err != nil {
		return client{}, err
	}
	if !ok {
		return client{}, refused("invalid_client", "this client is not known; it was revoked, or was not used for a day after it registered")
	}
	return c, nil
}

func refusalText(err error) string {
	if no, ok := errors.AsType[*holdfast.Refusal](err); ok {
		return no.Reason
	}
	return "the sessions cannot be read just now; try again"
}

// redirectTo sends a browser elsewhere and keeps that out of caches.
func redirectTo(w http.ResponseWriter, status int, to string) {
	w.Header().Set("Location", to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// consented is who consents: the person of a session.
func consented(who auth.Session) holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: who.User, Tier: holdfast.TierOperator, Surface: "http"}
}
