// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// maxPeek bounds how much of a message is read to know which tool it calls; it is what MCP takes.
const maxPeek = 4 << 20

// guardScope is the guard of a refusal for want of a scope.
const guardScope = "scope"

// errToken is said of every token that opens nothing, whatever is wrong with it.
func errToken() error {
	return holdfast.Errorf(holdfast.CodeUnknown, "the access token is not good: unknown, revoked, too old, or for another endpoint")
}

// Verify tells who bears an access token at the endpoint of a path, and with which scopes. A token
// that was given for another endpoint opens nothing.
func (s *Server) Verify(ctx context.Context, secret, path string) (holdfast.Caller, string, error) {
	caller, one, err := s.verify(ctx, secret, path)
	return caller, one.Scopes, err
}

func (s *Server) verify(ctx context.Context, secret, path string) (holdfast.Caller, token, error) {
	nobody := holdfast.Nobody("mcp")
	if why := s.closed(); why != "" {
		return nobody, token{}, holdfast.Errorf(holdfast.CodeUnavailable, "%s", why)
	}
	if !strings.HasPrefix(secret, accessPrefix) {
		return nobody, token{}, errToken()
	}
	now := s.needs.Now()
	one, g, ok, err := s.look(ctx, digest(secret), now)
	if err != nil {
		return nobody, token{}, &holdfast.Error{Code: holdfast.CodeUnavailable, Message: "the access tokens cannot be read just now", Err: err}
	}
	if !ok || one.Kind != kindAccess || !g.Ended.IsZero() || g.Resource != path || over(now, one.Created, one.Expires) {
		return nobody, token{}, errToken()
	}
	s.uses.touch(g.ID, now)
	g.Scopes = one.Scopes
	return bearerOf(g), one, nil
}

// look finds a token and its grant, in memory while it was seen lately.
func (s *Server) look(ctx context.Context, hash string, now time.Time) (token, grant, bool, error) {
	had, ok, changes := s.seen.find(hash, now)
	if ok {
		return had.token, had.grant, true, nil
	}
	one, g, ok, err := s.rows.token(ctx, hash)
	if err == nil && ok && g.Ended.IsZero() {
		s.seen.keep(sight{token: one, grant: g, at: now}, changes)
	}
	return one, g, ok, err
}

// cut ends what a grant has open, and forgets its tokens, once the store knows that it ended.
func (s *Server) cut(grant string) {
	s.seen.forget(grant)
	s.streams.end(grant)
}

// Mine tells whether a bearer token is an access token, whatever it is worth.
func (s *Server) Mine(token string) bool { return strings.HasPrefix(token, accessPrefix) }

// Enter admits a request that bears an access token to the endpoint at its path: the caller is in
// the context that comes back, which ends with the grant, or when the token is taken back. leave must be called when the request is
// done. A request for which the scopes do not suffice is refused.
func (s *Server) Enter(w http.ResponseWriter, r *http.Request, token string) (entered *http.Request, leave func(), err error) {
	caller, one, err := s.verify(r.Context(), token, r.URL.Path)
	if err != nil {
		return nil, nil, err
	}
	if missing, err := (gate{s}).missing(w, r, caller, one.Scopes); err != nil || missing != "" {
		if err == nil {
			err = &holdfast.Refusal{Guard: guardScope, Reason: "this needs the scope " + missing, Remedy: "ask the person for it: " + missing}
		}
		return nil, nil, err
	}
	ctx, leave := s.streams.enter(holdfast.WithCaller(r.Context(), caller), one)
	return r.WithContext(ctx), leave, nil
}

// a gate holds a request against the scopes of its token.
type gate struct{ *Server }

// missing is what a request needs when the scopes of its token do not suffice; empty when they do. It
// names all that is needed and not only the rest, for a client may ask for just what it is told.
func (s gate) missing(w http.ResponseWriter, r *http.Request, caller holdfast.Caller, scopes string) (string, error) {
	hub, _ := s.hubOf(r.URL.Path)
	need := ScopeRead
	if r.Method == http.MethodPost && !has(scopes, ScopeCall) {
		calls, err := s.calls(w, r, caller, hub)
		if err != nil {
			return "", err
		}
		if calls {
			need = ScopeCall
		}
	}
	if hub != "" {
		need += " " + hubScope + hub
	}
	if within(need, scopes) {
		return "", nil
	}
	return need, nil
}

// calls tells whether a message calls a tool that does more than read. The body is put back.
func (s gate) calls(w http.ResponseWriter, r *http.Request, caller holdfast.Caller, hub string) (bool, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPeek))
	if err != nil {
		return false, holdfast.BadInput("the message cannot be read, or is larger than 4 MiB")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	names, err := toolsCalled(body)
	if err != nil {
		return false, holdfast.BadInput(err.Error())
	}
	for _, name := range names {
		if !s.onlyReads(r.Context(), caller, hub, name) {
			return true, nil
		}
	}
	return false, nil
}

func (s gate) onlyReads(ctx context.Context, caller holdfast.Caller, hub, name string) bool {
	for _, t := range s.needs.Tools(ctx, caller, hub) {
		if t.Name == name {
			return t.ReadOnly
		}
	}
	return false
}

// toolsCalled are the names of the tools that a message, or a batch of them, calls. What two readers
// could read in two ways is refused, for the one behind this may read it in the other.
func toolsCalled(body []byte) ([]string, error) {
	var batch []json.RawMessage
	if json.Unmarshal(body, &batch) != nil {
		batch = []json.RawMessage{body}
	}
	var names []string
	for _, message := range batch {
		method, params, err := members(message, "method", "params")
		if err != nil {
			return nil, err
		}
		var called string
		if json.Unmarshal(method, &called) != nil || called != "tools/call" {
			continue
		}
		raw, _, err := members(params, "name", "")
		if err != nil {
			return nil, err
		}
		var name string
		_ = json.Unmarshal(raw, &name) // without a name it is no tool that only reads
		names = append(names, name)
	}
	return names, nil
}

var errAmbiguous = errors.New("the message is no JSON object, or says something twice")

// members are two members of an object, nil where there is none. A name that stands twice, or in
// another spelling, is refused.
func members(object json.RawMessage, one, two string) (first, second json.RawMessage, err error) {
	if len(bytes.TrimSpace(object)) == 0 {
		return nil, nil, nil
	}
	in := json.NewDecoder(bytes.NewReader(object))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return nil, nil, errAmbiguous
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return nil, nil, errAmbiguous
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, nil, errAmbiguous
		}
		name, _ := key.(string)
		for _, want := range []struct {
			name string
			at   *json.RawMessage
		}{{one, &first}, {two, &second}} {
			if want.name == "" || !strings.EqualFold(name, want.name) {
				continue
			}
			if *want.at != nil || name != want.name {
				return nil, nil, errAmbiguous
			}
			*want.at = value
		}
	}
	if _, err := in.Token(); err != nil { // the closing brace
		return nil, nil, errAmbiguous
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errAmbiguous
	}
	return first, second, nil
}

// Challenge is what an answer that refuses a request to an MCP endpoint says in WWW-Authenticate
// (RFC 6750, RFC 9728): where to learn how to get a token, and for which scopes to ask. It is empty
// where none can be had.
func (s *Server) Challenge(r *http.Request, token string, err error) string {
	hub, ok := s.hubOf(r.URL.Path)
	if !ok || s.closed() != "" {
		return ""
	}
	parts := []string{`Bearer realm="holdfast"`, `resource_metadata="` + s.base(r.Host) + resourceWellKnown + r.URL.Path + `"`}
	scopes := strings.Join(basics(hub), " ")
	if no, ok := errors.AsType[*holdfast.Refusal](err); ok {
		if no.Guard != guardScope {
			return ""
		}
		scopes = strings.TrimPrefix(no.Remedy, "ask the person for it: ")
		parts = append(parts, `error="insufficient_scope"`, `error_description="`+ascii(no.Reason)+`"`)
	} else if token != "" {
		parts = append(parts, `error="invalid_token"`)
	}
	return strings.Join(append(parts, `scope="`+scopes+`"`), ", ")
}

// streams are the requests under way of each grant, so that they end with it, or when the token is
// taken back that they came with. They outlast a token that has become too old: clients do not open
// a stream of the newest protocol a second time, and some of the older give their session up when its
// stream ended a few times. Such a stream tells that something changed, and no more.
type streams struct {
	mu   sync.Mutex
	open map[string]map[*stream]bool // by grant
	// gone are the grants that ended, and until when tokens that were taken back would have been good,
	// for a request may have been judged just before.
	gone map[string]time.Time
}

type stream struct {
	token  token
	cancel context.CancelFunc
}

func (x *streams) enter(ctx context.Context, by token) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	one := &stream{by, cancel}
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ended := x.gone[by.Grant]
	if _, taken := x.gone[by.Hash]; ended || taken {
		cancel()
	}
	if x.open[by.Grant] == nil {
		x.open[by.Grant] = map[*stream]bool{}
	}
	x.open[by.Grant][one] = true
	return ctx, func() {
		cancel()
		x.mu.Lock()
		defer x.mu.Unlock()
		if delete(x.open[by.Grant], one); len(x.open[by.Grant]) == 0 {
			delete(x.open, by.Grant)
		}
	}
}

// tokens are those that requests under way came with.
func (x *streams) tokens() []token {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []token
	for _, open := range x.open {
		for one := range open {
			all = append(all, one.token)
		}
	}
	return all
}

func (x *streams) end(grant string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone[grant] = time.Time{}
	for one := range x.open[grant] {
		one.cancel()
	}
}

// take ends what came with a token that was taken back.
func (x *streams) take(back token) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gone[back.Hash] = back.Expires
	for one := range x.open[back.Grant] {
		if one.token.Hash == back.Hash {
			one.cancel()
		}
	}
}

// forget drops the tokens that were taken back and would be too old by now.
func (x *streams) forget(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	maps.DeleteFunc(x.gone, func(_ string, until time.Time) bool { return !until.IsZero() && until.Before(now) })
}

// uses are when grants were used, until it is written down.
type uses struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (u *uses) touch(grant string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.at[grant] = now
}

func (u *uses) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.at
	u.at = make(map[string]time.Time, len(taken))
	return taken
}

func (s *Server) writeUses(ctx context.Context) error {
	taken := s.uses.take()
	if len(taken) == 0 {
		return nil
	}
	return s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for id, when := range taken {
			if _, err := tx.Exec(ctx, `UPDATE oauth_grants SET used_ns = ? WHERE id = ? AND used_ns < ?`, nanos(when), id, nanos(when)); err != nil {
				return err
			}
		}
		return nil
	})
}

// How long what is over is kept: spent codes by which a thief shows, and ended grants to look at.
const (
	keepCodes  = 24 * time.Hour
	keepGrants = 30 * 24 * time.Hour
)

// a broom forgets what is over.
type broom struct{ *Server }

// tidy ends grants that were not used for long, and forgets what is over. What fails is tried again.
func (s broom) tidy(ctx context.Context) {
	if err := errors.Join(s.writeUses(ctx), s.sweep(ctx), s.hangUp(ctx)); err != nil {
		s.needs.Log.Warn("cannot tidy the access of MCP clients, trying again", slog.Any("error", err))
	}
}

// hangUp cuts what is open of grants that ended without a word here, by their age or in another node,
// and of tokens that were taken back there.
func (s broom) hangUp(ctx context.Context) error {
	now := s.needs.Now()
	s.streams.forget(now)
	open := s.streams.tokens()
	if len(open) == 0 {
		return nil
	}
	grants, err := s.rows.grants(ctx, `WHERE ended_ns = 0`)
	if err != nil {
		return err
	}
	good, err := s.rows.accessTokens(ctx, now)
	if err != nil {
		return err
	}
	live := map[string]bool{}
	for _, g := range grants {
		live[g.ID] = true
	}
	for _, one := range open {
		switch {
		case !live[one.Grant]:
			s.cut(one.Grant)
		case now.Before(one.Expires) && !good[one.Hash]:
			s.seen.forget(one.Hash)
			s.streams.take(one)
		}
	}
	return nil
}

func (s broom) sweep(ctx context.Context) error {
	now := s.needs.Now()
	steps := []struct {
		query string
		args  []any
	}{
		{`UPDATE oauth_grants SET ended_ns = ?, reason = ? WHERE ended_ns = 0 AND expires_ns <= ?`, []any{nanos(now), reasonAge, nanos(now)}},
		{`DELETE FROM oauth_codes WHERE expires_ns <= ?`, []any{nanos(now.Add(-keepCodes))}},
		{`DELETE FROM oauth_tokens WHERE expires_ns <= ?`, []any{nanos(now)}},
		{`DELETE FROM oauth_grants WHERE ended_ns > 0 AND ended_ns <= ?`, []any{nanos(now.Add(-keepGrants))}},
		{`DELETE FROM oauth_tokens WHERE grant_id NOT IN (SELECT id FROM oauth_grants)`, nil},
		{`DELETE FROM oauth_clients WHERE used_ns = 0 AND created_ns <= ?`, []any{nanos(now.Add(-unusedFor))}},
		{`DELETE FROM oauth_clients WHERE used_ns > 0 AND used_ns <= ? AND id NOT IN (SELECT client FROM oauth_grants)`, []any{nanos(now.Add(-keepGrants))}},
	}
	return s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, step := range steps {
			if _, err := tx.Exec(ctx, step.query, step.args...); err != nil {
				return err
			}
		}
		return nil
	})
}
