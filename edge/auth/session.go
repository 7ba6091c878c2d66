// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"holdfast/core/house"
	"holdfast/core/store"
)

// The kinds of session: on the Hub's origin, and on the extensions', which hangs on one of the Hub's.
const (
	kindHub       = "hub"
	kindExtension = "extension"
)

// A Session is one browser's login, as it may be shown.
type Session struct {
	ID       string    `json:"id" help:"names the session; it is not the key to it"`
	Kind     string    `json:"kind" help:"hub, or extension for the origin of extension pages"`
	Parent   string    `json:"parent,omitempty" help:"the hub session that an extension session ends with"`
	User     string    `json:"user"`
	Browser  string    `json:"browser,omitempty" help:"what the browser says it is"`
	Address  string    `json:"address,omitempty"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Expires  time.Time `json:"expires" help:"when it ends however much it is used"`

	pageKey string
}

// valid tells whether the session may still be used, seen last at the given time.
func (s Session) valid(now, seen time.Time) bool {
	return now.Before(s.Expires) && now.Sub(later(s.LastSeen, seen)) < idleFor
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// A handover waits to be redeemed on the extensions' origin.
type handover struct {
	session string // the hub session it is bound to
	expires time.Time
}

const maxHandovers = 1000

// sessions keeps who is logged in: in the store, and in memory what the store need not know yet
// or could not be told.
type sessions struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	door  door

	mu        sync.Mutex
	seen      map[string]time.Time // last use of sessions, not yet written
	ended     map[string]time.Time // sessions ended, whether or not the store could be told
	handovers map[string]handover
}

// Session finds the valid session of a Hub cookie.
func (a *sessions) Session(ctx context.Context, token string) (Session, bool, error) {
	return a.find(ctx, token, kindHub)
}

// ExtensionSession finds the valid session of a cookie of the extensions' origin; it is no better
// than the Hub session it hangs on.
func (a *sessions) ExtensionSession(ctx context.Context, token string) (Session, bool, error) {
	s, ok, err := a.find(ctx, token, kindExtension)
	if err != nil || !ok {
		return Session{}, false, err
	}
	if _, ok, err = a.ByID(ctx, s.Parent); err != nil || !ok {
		return Session{}, false, err
	}
	a.touch(s.Parent)
	return s, true, nil
}

func (a *sessions) find(ctx context.Context, token, kind string) (Session, bool, error) {
	if token == "" || len(token) > 128 {
		return Session{}, false, nil
	}
	s, ok, err := a.ByID(ctx, hash(token))
	if err != nil || !ok || s.Kind != kind {
		return Session{}, false, err
	}
	a.touch(s.ID)
	return s, true, nil
}

// ByID finds a valid session by its name.
func (a *sessions) ByID(ctx context.Context, id string) (Session, bool, error) {
	a.mu.Lock()
	_, ended := a.ended[id]
	seen := a.seen[id]
	a.mu.Unlock()
	if ended {
		return Session{}, false, nil
	}
	var s Session
	err := a.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		s, err = scan(tx.QueryRow(ctx, selectSession+` WHERE id = ?`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, false, nil
	}
	if err != nil {
		return Session{}, false, fmt.Errorf("cannot look up a session: %w", err)
	}
	return s, s.valid(a.now(), seen), nil
}

const selectSession = `SELECT id, kind, parent, username, page_key, browser, address, created_ns, last_seen_ns, expires_ns FROM auth_sessions`

func scan(row interface{ Scan(...any) error }) (Session, error) {
	var s Session
	var created, seen, expires int64
	err := row.Scan(&s.ID, &s.Kind, &s.Parent, &s.User, &s.pageKey, &s.Browser, &s.Address, &created, &seen, &expires)
	s.Created, s.LastSeen, s.Expires = at(created), at(seen), at(expires)
	return s, err
}

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// proven tells whether key is the session's page key.
func (s Session) proven(key string) bool {
	return key != "" && s.pageKey != "" && subtle.ConstantTimeCompare([]byte(hash(key)), []byte(s.pageKey)) == 1
}

// touch remembers a use; Run writes it down later.
func (a *sessions) touch(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[id] = a.now()
}

// open makes a session within a write and returns its cookie's value.
func (a *sessions) open(ctx context.Context, tx store.Tx, s Session) (token string, made Session, err error) {
	token = newToken()
	s.ID, s.Created, s.LastSeen = hash(token), a.now().UTC(), a.now().UTC()
	_, err = tx.Exec(ctx, `INSERT INTO auth_sessions
		(id, kind, parent, username, page_key, browser, address, created_ns, last_seen_ns, expires_ns)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.Kind, s.Parent, s.User, s.pageKey, s.Browser, s.Address,
		s.Created.UnixNano(), s.LastSeen.UnixNano(), s.Expires.UnixNano())
	if err != nil {
		return "", s, fmt.Errorf("cannot open a session: %w", err)
	}
	return token, s, nil
}

// Handover makes a token that opens one session on the extensions' origin, within 30 s, once.
func (a *sessions) Handover(ctx context.Context, hubToken string) (string, bool, error) {
	s, ok, err := a.Session(ctx, hubToken)
	if err != nil || !ok {
		return "", false, err
	}
	token, now := newToken(), a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, h := range a.handovers {
		if !now.Before(h.expires) {
			delete(a.handovers, id)
		}
	}
	if len(a.handovers) >= maxHandovers {
		return "", false, errors.New("cannot hand over: too many handovers are under way")
	}
	a.handovers[hash(token)] = handover{session: s.ID, expires: now.Add(handoverFor)}
	return token, true, nil
}

// Redeem takes a handover token, once, and opens the session on the extensions' origin.
func (a *sessions) Redeem(ctx context.Context, token string) (cookie string, s Session, ok bool, err error) {
	a.mu.Lock()
	h, found := a.handovers[hash(token)]
	delete(a.handovers, hash(token))
	a.mu.Unlock()
	if !found || !a.now().Before(h.expires) {
		return "", Session{}, false, nil
	}
	parent, ok, err := a.ByID(ctx, h.session)
	if err != nil || !ok {
		return "", Session{}, false, err
	}
	err = a.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		var err error
		cookie, s, err = a.open(ctx, tx, Session{
			Kind: kindExtension, Parent: parent.ID, User: parent.User,
			Browser: parent.Browser, Address: parent.Address, Expires: parent.Expires,
		})
		return err
	})
	return cookie, s, err == nil, err
}

// Sessions lists the valid sessions, newest first.
func (a *sessions) Sessions(ctx context.Context) ([]Session, error) {
	list := []Session{}
	err := a.each(ctx, ` ORDER BY created_ns DESC, id`, nil, func(s Session) {
		if s.valid(a.now(), a.lastSeen(s.ID)) && !a.over(s.ID) {
			s.LastSeen = later(s.LastSeen, a.lastSeen(s.ID)).UTC()
			list = append(list, s)
		}
	})
	return list, err
}

func (a *sessions) each(ctx context.Context, tail string, args []any, visit func(Session)) error {
	err := a.store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		rows, err := tx.Query(ctx, selectSession+tail, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			s, err := scan(rows)
			if err != nil {
				return err
			}
			visit(s)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("cannot list sessions: %w", err)
	}
	return nil
}

func (a *sessions) lastSeen(id string) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[id]
}

func (a *sessions) over(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.ended[id]
	return ok
}

// End ends sessions and those that hang on them: in memory and at the door first, for that works
// on a full disk too, then in the store. It returns the names of all that ended.
func (a *sessions) End(ctx context.Context, ids ...string) ([]string, error) {
	all := append([]string{}, ids...)
	var lookup error
	for _, id := range ids {
		lookup = errors.Join(lookup, a.each(ctx, ` WHERE parent = ?`, []any{id}, func(s Session) { all = append(all, s.ID) }))
	}
	a.mark(all)
	a.door.Ended(all)
	err := a.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE id = ? OR parent = ?`, id, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(lookup, err); err != nil {
		return all, fmt.Errorf("cannot remove the session for good, it is refused until the house restarts: %w", err)
	}
	return all, nil
}

// Dead gives those of the named sessions that are no longer valid.
func (a *sessions) Dead(ctx context.Context, ids []string) []string {
	var dead []string
	for _, id := range ids {
		if _, ok, err := a.ByID(ctx, id); err == nil && !ok {
			dead = append(dead, id)
		}
	}
	return dead
}

func (a *sessions) mark(ids []string) {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		a.ended[id] = now
		delete(a.seen, id)
	}
	for token, h := range a.handovers {
		if _, gone := a.ended[h.session]; gone {
			delete(a.handovers, token)
		}
	}
}

// Run writes down when sessions were used and removes what is over, until ctx ends.
func (a *sessions) run(ctx context.Context) error { return house.Every(ctx, 30*time.Second, a.tidy) }

// tidy failing is no reason to end the house: it is tried again.
func (a *sessions) tidy(ctx context.Context) {
	if err := errors.Join(a.writeSeen(ctx), a.sweep(ctx)); err != nil {
		a.log.Warn("cannot tidy the sessions, trying again", slog.Any("error", err))
	}
}

func (a *sessions) writeSeen(ctx context.Context) error {
	a.mu.Lock()
	seen := a.seen
	a.seen = make(map[string]time.Time, len(seen))
	a.mu.Unlock()
	if len(seen) == 0 {
		return nil
	}
	err := a.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for id, when := range seen {
			ns := when.UnixNano()
			if _, err := tx.Exec(ctx, `UPDATE auth_sessions SET last_seen_ns = ? WHERE id = ? AND last_seen_ns < ?`, ns, id, ns); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, when := range seen {
		a.seen[id] = later(a.seen[id], when)
	}
	return fmt.Errorf("cannot write when sessions were used: %w", err)
}

// sweep removes what is over, and forgets ended sessions that the store no longer has.
func (a *sessions) sweep(ctx context.Context) error {
	var over []string
	err := a.each(ctx, "", nil, func(s Session) {
		if !s.valid(a.now(), a.lastSeen(s.ID)) || a.over(s.ID) {
			over = append(over, s.ID)
		}
	})
	if err != nil {
		return err
	}
	if len(over) > 0 {
		if _, err := a.End(ctx, over...); err != nil {
			return err
		}
	}
	a.mu.Lock()
	for id, when := range a.ended {
		if a.now().Sub(when) > time.Hour {
			delete(a.ended, id)
		}
	}
	a.mu.Unlock()
	return a.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM auth_links WHERE expires_ns <= ?`, a.now().UnixNano())
		return err
	})
}
