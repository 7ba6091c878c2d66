// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// a mint makes tokens, and takes them back.
type mint struct{ *Server }

// tokens is the answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	Scope   string `json:"scope"`
}

func (s mint) tokenRequest(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err != nil {
		s.answer(w, err)
		return
	}
	c, err := s.authenticate(w, r, form)
	if err != nil {
		s.answer(w, err)
		return
	}
	var given tokens
	switch form.Get("grant_type") {
	case grantCode:
		given, err = s.redeem(r.Context(), c, form)
	case grantRefresh:
		given, err = s.refresh(r.Context(), c, form)
	case "":
		err = refused("invalid_request", "grant_type is missing")
	default:
		err = refused("unsupported_grant_type", "want grant_type authorization_code or refresh_token")
	}
	if err != nil {
		s.answer(w, err)
		return
	}
	reply(w, http.StatusOK, given)
}

// readForm reads the form of a program; a parameter that stands twice could be read in two ways.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, refused("invalid_request", "want a form (Content-Type: application/x-www-form-urlencoded)")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, refused("invalid_request", "the form cannot be read, or is larger than %d bytes", maxForm)
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, refused("invalid_request", "%s stands more than once in the form", clip(name, 40))
		}
	}
	return r.PostForm, nil
}

// authenticate knows the client of a request: by its secret, if it has one.
func (s mint) authenticate(w http.ResponseWriter, r *http.Request, form url.Values) (client, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	name, password, basic := r.BasicAuth()
	if basic {
		if secret != "" {
			return client{}, refused("invalid_request", "the client proves itself in two ways; want one")
		}
		plainName, err := url.QueryUnescape(name)
		plainSecret, err2 := url.QueryUnescape(password)
		if err != nil || err2 != nil || id != "" && id != plainName {
			return client{}, unknownClient(w, basic)
		}
		id, secret = plainName, plainSecret
	}
	if id == "" || len(id) > mostURI {
		return client{}, unknownClient(w, basic)
	}
	c, ok, err := s.rows.client(r.Context(), id)
	if err != nil {
		return client{}, err
	}
	if !ok || subtle.ConstantTimeCompare([]byte(c.SecretHash), []byte(secretHash(secret))) != 1 {
		return client{}, unknownClient(w, basic)
	}
	return c, nil
}

func secretHash(secret string) string {
	if secret == "" {
		return ""
	}
	return digest(secret)
}

func unknownClient(w http.ResponseWriter, basic bool) error {
	if basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="holdfast"`)
	}
	return &refusal{status: http.StatusUnauthorized, kind: "invalid_client", text: "the client is not known, or did not prove itself; let it register again"}
}

// unreserved are the characters of a verifier (RFC 7636, 4.1).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func isVerifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && strings.Trim(text, unreserved) == ""
}

func isChallenge(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == sha256.Size
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// over tells whether what was made for a time is no longer, or not yet, good.
func over(now, made, until time.Time) bool {
	return !now.Before(until) || made.Sub(now) > skew
}

func notGood(what string) *refusal {
	return refused("invalid_grant", "the %s is not good: unknown, used, too old, or another client's", what)
}

// redeem gives tokens for a code, which is spent by its client's first try whatever comes of it. A
// stranger who saw it and is not, or cannot prove to be, that client must not take it away.
func (s mint) redeem(ctx context.Context, c client, form url.Values) (tokens, error) {
	secret := form.Get("code")
	if secret == "" {
		return tokens{}, refused("invalid_request", "code is missing")
	}
	var given tokens
	var no error
	var ended string
	err := s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		given, no, ended = tokens{}, nil, ""
		one, err := scanCode(tx.QueryRow(ctx, `SELECT `+codeColumns+` FROM oauth_codes WHERE hash = ?`, digest(secret)))
		if err != nil {
			no = notGood("code")
			return ignoreNone(err)
		}
		if one.Client != c.ID {
			no = notGood("code")
			return nil
		}
		now := s.needs.Now().UTC()
		fresh, err := spend(ctx, tx, "oauth_codes", one.Hash, now)
		if err != nil {
			return err
		}
		if !fresh {
			no, ended = notGood("code"), one.Grant
			return endGrant(ctx, tx, one.Grant, reasonCode, now)
		}
		if no = s.judgeCode(one, form, now); no != nil {
			return nil
		}
		given, err = s.settle(ctx, tx, one, c, now)
		return err
	})
	if ended != "" {
		s.alarm(ctx, ended, c, reasonCode)
	}
	return given, cmp.Or(err, no)
}

// judgeCode holds a try against what the code was made for.
func (s mint) judgeCode(one code, form url.Values, now time.Time) error {
	verifier := form.Get("code_verifier")
	switch {
	case over(now, one.Created, one.Expires):
		return notGood("code")
	case form.Has("redirect_uri") && form.Get("redirect_uri") != one.Redirect:
		return refused("invalid_grant", "redirect_uri is not the one that the code was sent to")
	case !isVerifier(verifier) || subtle.ConstantTimeCompare([]byte(challengeOf(verifier)), []byte(one.Challenge)) != 1:
		return refused("invalid_grant", "code_verifier does not fit the code_challenge")
	}
	return s.judgeResource(form, one.Resource)
}

// judgeResource refuses a token for another endpoint than the person was asked about.
func (s mint) judgeResource(form url.Values, granted string) error {
	if !form.Has("resource") {
		return nil
	}
	if path, ok := s.audience(form.Get("resource")); !ok || path != granted {
		return refused("invalid_target", "access was given to another endpoint")
	}
	return nil
}

// settle writes the grant of a code down, with its first tokens.
func (s mint) settle(ctx context.Context, tx store.Tx, one code, c client, now time.Time) (tokens, error) {
	g := grant{
		ID: one.Grant, Client: one.Client, Name: c.Name, Redirect: one.Redirect, User: one.User, Resource: one.Resource,
		Scopes: one.Scopes, Created: now, Used: now, Expires: now.Add(s.spanOf(c)),
	}
	if err := putGrant(ctx, tx, g); err != nil {
		return tokens{}, err
	}
	return s.issue(ctx, tx, g, c, g.Scopes, now)
}

// spanOf is how long a grant lasts unless it is used again.
func (s mint) spanOf(c client) time.Duration {
	if c.Refreshes {
		return time.Duration(s.settings.Load().IdleFor)
	}
	return time.Duration(s.settings.Load().AccessFor)
}

// issue makes an access token, and a refresh token for a client that uses those.
func (s mint) issue(ctx context.Context, tx store.Tx, g grant, c client, scopes string, now time.Time) (tokens, error) {
	span := time.Duration(s.settings.Load().AccessFor)
	given := tokens{Access: newToken(accessPrefix), Type: "Bearer", Expires: int(span.Seconds()), Scope: scopes}
	err := putToken(ctx, tx, token{Hash: hash(given.Access), Grant: g.ID, Kind: kindAccess, Scopes: scopes, Created: now, Expires: now.Add(span)})
	if err != nil || !c.Refreshes {
		return given, err
	}
	given.Refresh = newToken(refreshPrefix)
	return given, putToken(ctx, tx, token{
		Hash: hash(given.Refresh), Grant: g.ID, Kind: kindRefresh, Scopes: g.Scopes, Created: now, Expires: now.Add(s.spanOf(c)),
	})
}

// Why grants end.
const (
	reasonCode    = "its code came a second time"
	reasonRefresh = "a refresh token of it came a second time"
	reasonClient  = "the client gave it back"
	reasonPerson  = "revoked"
	reasonAge     = "not used for long"
	reasonHub     = "its hub was deleted"
)

// refresh gives new tokens for a refresh token, which is spent. One that comes a second time was
// stolen, before or after: nobody can tell, so the grant ends with all its tokens.
func (s mint) refresh(ctx context.Context, c client, form url.Values) (tokens, error) {
	secret := form.Get("refresh_token")
	if secret == "" {
		return tokens{}, refused("invalid_request", "refresh_token is missing")
	}
	var given tokens
	var no error
	var ended string
	err := s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		given, no, ended = tokens{}, nil, ""
		one, g, err := findToken(ctx, tx, digest(secret))
		if err != nil {
			no = notGood("refresh token")
			return ignoreNone(err)
		}
		now := s.needs.Now().UTC()
		switch {
		case one.Kind != kindRefresh || g.Client != c.ID:
			no = notGood("refresh token")
			return nil
		case !one.Spent.IsZero():
			no = notGood("refresh token")
			if g.Ended.IsZero() {
				ended = g.ID
			}
			return endGrant(ctx, tx, g.ID, reasonRefresh, now)
		case !g.Ended.IsZero() || !now.Before(one.Expires):
			no = notGood("refresh token")
			return nil
		}
		if given, no, err = s.rotate(ctx, tx, one, g, c, form, now); no != nil {
			given = tokens{}
		}
		return err
	})
	if ended != "" {
		s.alarm(ctx, ended, c, reasonRefresh)
	}
	return given, cmp.Or(err, no)
}

// rotate spends a good refresh token and makes the next ones. What the client asked wrongly (no)
// spends nothing.
func (s mint) rotate(ctx context.Context, tx store.Tx, one token, g grant, c client, form url.Values, now time.Time) (given tokens, no, err error) {
	scopes := g.Scopes
	if asked := form.Get("scope"); asked != "" {
		hub, _ := s.hubOf(g.Resource)
		scopes = strings.Join(opening(strings.Fields(asked), hub), " ")
		if !within(scopes, g.Scopes) {
			return given, refused("invalid_scope", "more was asked for than the person gave; ask them again"), nil
		}
	}
	if no := s.judgeResource(form, g.Resource); no != nil {
		return given, no, nil
	}
	if fresh, err := spend(ctx, tx, "oauth_tokens", one.Hash, now); err != nil || !fresh {
		return given, notGood("refresh token"), err
	}
	if _, err := tx.Exec(ctx, `UPDATE oauth_grants SET used_ns = ?, expires_ns = ? WHERE id = ?`, nanos(now), nanos(now.Add(s.spanOf(c))), g.ID); err != nil {
		return given, nil, err
	}
	given, err = s.issue(ctx, tx, g, c, scopes, now)
	return given, nil, err
}

// alarm cuts what a grant has open and says that it ended by itself.
func (s mint) alarm(ctx context.Context, id string, c client, reason string) {
	s.cut(id)
	s.needs.Log.Warn("an MCP client's access ended", slog.String("grant", id), slog.String("client", c.ID), slog.String("reason", reason))
	about := detail{Client: c.ID, Name: c.Name, Reason: reason}
	if err := s.note(ctx, holdfast.Internal("oauth", "grant.revoke"), "grant.revoke", id, holdfast.OutcomeDone, about.json()); err != nil {
		s.needs.Log.Error("an ended grant is not in the journal", slog.Any("error", err))
	}
}

// revokeToken takes back a token at the wish of its client (RFC 7009): a refresh token with its
// whole grant, an access token by itself with what is open by it. A token that is unknown is as good as taken back.
func (s mint) revokeToken(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err != nil {
		s.answer(w, err)
		return
	}
	c, err := s.authenticate(w, r, form)
	if err == nil && form.Get("token") == "" {
		err = refused("invalid_request", "token is missing")
	}
	if err == nil {
		err = s.takeBack(r.Context(), c, digest(form.Get("token")))
	}
	if err != nil {
		s.answer(w, err)
		return
	}
	reply(w, http.StatusOK, struct{}{})
}

func (s mint) takeBack(ctx context.Context, c client, name string) error {
	one, g, ok, err := s.rows.token(ctx, name)
	if err != nil || !ok {
		return err
	}
	if g.Client != c.ID {
		return refused("invalid_grant", "the token is another client's")
	}
	if one.Kind == kindRefresh {
		if err := s.note(ctx, bearerOf(g), "grant.revoke", g.ID, holdfast.OutcomeDone, detail{Client: c.ID, Name: c.Name, Reason: reasonClient}.json()); err != nil {
			s.needs.Log.Error("an ended grant is not in the journal", slog.Any("error", err))
		}
		return s.end(ctx, []string{g.ID}, reasonClient)
	}
	defer func() {
		s.seen.forget(name)
		s.streams.take(one)
	}()
	return s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM oauth_tokens WHERE hash = ?`, name)
		return err
	})
}

// end ends grants, and cuts what they have open.
func (s *Server) end(ctx context.Context, ids []string, reason string) error {
	err := s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, id := range slices.Compact(ids) {
			if err := endGrant(ctx, tx, id, reason, s.needs.Now().UTC()); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range ids {
		s.cut(id)
	}
	return err
}
