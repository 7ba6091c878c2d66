// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"holdfast/core/store"
)

// The kinds of client: one that registered itself, and one whose id is the address of its document.
const (
	kindRegistered = "registered"
	kindDocument   = "document"
)

// The kinds of token.
const (
	kindAccess  = "access"
	kindRefresh = "refresh"
)

// A client asks for access.
type client struct {
	ID, Kind, Name, URI string
	Redirects           []string
	Refreshes           bool // it uses refresh tokens
	SecretHash          string
	Address             string // where it registered from
	Created, Used       time.Time
}

// a code waits to be redeemed, once.
type code struct {
	Hash, Grant, Client, User, Redirect, Challenge, Resource, Scopes string

	Created, Expires, Spent time.Time
}

// a grant is the access that a person gave a client; its tokens are its family.
type grant struct {
	ID, Client, Name, Redirect, User, Resource, Scopes, Reason string

	Created, Used, Expires, Ended time.Time
}

// a token of a grant.
type token struct {
	Hash, Grant, Kind, Scopes string

	Created, Expires, Spent time.Time
}

// rows are the tables of the authorization server.
type rows struct{ store *store.Store }

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

type scanner interface{ Scan(...any) error }

const clientColumns = `id, kind, name, uri, redirects, refreshes, secret_hash, address, created_ns, used_ns`

func scanClient(row scanner) (client, error) {
	var c client
	var redirects string
	var refreshes, created, used int64
	err := row.Scan(&c.ID, &c.Kind, &c.Name, &c.URI, &redirects, &refreshes, &c.SecretHash, &c.Address, &created, &used)
	c.Redirects, c.Refreshes, c.Created, c.Used = strings.Split(redirects, "\n"), refreshes == 1, moment(created), moment(used)
	return c, err
}

// putClient writes a client down; one of the same id is replaced, but for when it was first seen.
func putClient(ctx context.Context, tx store.Tx, c client) error {
	refreshes := 0
	if c.Refreshes {
		refreshes = 1
	}
	_, err := tx.Exec(ctx, `INSERT INTO oauth_clients (`+clientColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, uri = excluded.uri, redirects = excluded.redirects,
			refreshes = excluded.refreshes, used_ns = excluded.used_ns`,
		c.ID, c.Kind, c.Name, c.URI, strings.Join(c.Redirects, "\n"), refreshes, c.SecretHash, c.Address, nanos(c.Created), nanos(c.Used))
	return err
}

// client finds a client by its id; false when there is none.
func (r rows) client(ctx context.Context, id string) (c client, ok bool, err error) {
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		c, err = scanClient(tx.QueryRow(ctx, `SELECT `+clientColumns+` FROM oauth_clients WHERE id = ?`, id))
		return err
	})
	return c, err == nil, ignoreNone(err)
}

func ignoreNone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

const codeColumns = `hash, grant_id, client, username, redirect, challenge, resource, scopes, created_ns, expires_ns, spent_ns`

func scanCode(row scanner) (code, error) {
	var c code
	var created, expires, spent int64
	err := row.Scan(&c.Hash, &c.Grant, &c.Client, &c.User, &c.Redirect, &c.Challenge, &c.Resource, &c.Scopes, &created, &expires, &spent)
	c.Created, c.Expires, c.Spent = moment(created), moment(expires), moment(spent)
	return c, err
}

func putCode(ctx context.Context, tx store.Tx, c code) error {
	_, err := tx.Exec(ctx, `INSERT INTO oauth_codes (`+codeColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.Hash, c.Grant, c.Client, c.User, c.Redirect, c.Challenge, c.Resource, c.Scopes, nanos(c.Created), nanos(c.Expires), nanos(c.Spent))
	return err
}

const grantColumns = `id, client, client_name, redirect, username, resource, scopes, reason, created_ns, used_ns, expires_ns, ended_ns`

func scanGrant(row scanner, more ...any) (grant, error) {
	var g grant
	var created, used, expires, ended int64
	err := row.Scan(append([]any{
		&g.ID, &g.Client, &g.Name, &g.Redirect, &g.User, &g.Resource, &g.Scopes, &g.Reason, &created, &used, &expires, &ended,
	}, more...)...)
	g.Created, g.Used, g.Expires, g.Ended = moment(created), moment(used), moment(expires), moment(ended)
	return g, err
}

func putGrant(ctx context.Context, tx store.Tx, g grant) error {
	_, err := tx.Exec(ctx, `INSERT INTO oauth_grants (`+grantColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.ID, g.Client, g.Name, g.Redirect, g.User, g.Resource, g.Scopes, g.Reason, nanos(g.Created), nanos(g.Used), nanos(g.Expires), nanos(g.Ended))
	return err
}

// endGrant ends a grant and forgets its tokens, but for the spent ones by which a thief shows.
func endGrant(ctx context.Context, tx store.Tx, id, reason string, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE oauth_grants SET ended_ns = ?, reason = ? WHERE id = ? AND ended_ns = 0`, nanos(now), reason, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM oauth_tokens WHERE grant_id = ? AND spent_ns = 0`, id)
	return err
}

// endGrants ends the grants that last and that where narrows the choice to, and tells which.
func endGrants(ctx context.Context, tx store.Tx, reason string, now time.Time, where string, args ...any) ([]string, error) {
	ids := []string{}
	err := visitRows(ctx, tx, `SELECT id FROM oauth_grants WHERE ended_ns = 0`+where, args, func(row scanner) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	})
	for _, id := range ids {
		err = errors.Join(err, endGrant(ctx, tx, id, reason, now))
	}
	return ids, err
}

// grants lists grants, newest first; where narrows the choice.
func (r rows) grants(ctx context.Context, where string, args ...any) (list []grant, err error) {
	err = r.list(ctx, `SELECT `+grantColumns+` FROM oauth_grants `+where+` ORDER BY created_ns DESC, id`, args, func(row scanner) error {
		g, err := scanGrant(row)
		list = append(list, g)
		return err
	})
	return list, err
}

func (r rows) clients(ctx context.Context) (list []client, err error) {
	err = r.list(ctx, `SELECT `+clientColumns+` FROM oauth_clients ORDER BY created_ns DESC, id`, nil, func(row scanner) error {
		c, err := scanClient(row)
		list = append(list, c)
		return err
	})
	return list, err
}

func (r rows) list(ctx context.Context, query string, args []any, visit func(scanner) error) error {
	return r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error { return visitRows(ctx, tx, query, args, visit) })
}

func visitRows(ctx context.Context, tx store.Tx, query string, args []any, visit func(scanner) error) (err error) {
	found, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		if err := visit(found); err != nil {
			return err
		}
	}
	return found.Err()
}

const tokenColumns = `hash, grant_id, kind, scopes, created_ns, expires_ns, spent_ns` //nolint:gosec // the names of columns

func putToken(ctx context.Context, tx store.Tx, t token) error {
	_, err := tx.Exec(ctx, `INSERT INTO oauth_tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		t.Hash, t.Grant, t.Kind, t.Scopes, nanos(t.Created), nanos(t.Expires), nanos(t.Spent))
	return err
}

// findToken finds a token and its grant within a transaction; sql.ErrNoRows when there is none.
func findToken(ctx context.Context, tx store.Tx, hash string) (token, grant, error) {
	var t token
	var created, expires, spent int64
	g, err := scanGrant(tx.QueryRow(ctx, `SELECT g.id, g.client, g.client_name, g.redirect, g.username, g.resource, g.scopes, g.reason,
		g.created_ns, g.used_ns, g.expires_ns, g.ended_ns, t.hash, t.kind, t.scopes, t.created_ns, t.expires_ns, t.spent_ns
		FROM oauth_tokens t JOIN oauth_grants g ON g.id = t.grant_id WHERE t.hash = ?`, hash),
		&t.Hash, &t.Kind, &t.Scopes, &created, &expires, &spent)
	t.Grant, t.Created, t.Expires, t.Spent = g.ID, moment(created), moment(expires), moment(spent)
	return t, g, err
}

// token finds a token and its grant; false when there is none.
func (r rows) token(ctx context.Context, hash string) (t token, g grant, ok bool, err error) {
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		t, g, err = findToken(ctx, tx, hash)
		return err
	})
	return t, g, err == nil, ignoreNone(err)
}

// accessTokens are the hashes of those that are not too old.
func (r rows) accessTokens(ctx context.Context, now time.Time) (map[string]bool, error) {
	good := map[string]bool{}
	err := r.list(ctx, `SELECT hash FROM oauth_tokens WHERE kind = ? AND expires_ns > ?`, []any{kindAccess, nanos(now)}, func(row scanner) error {
		var hash string
		err := row.Scan(&hash)
		good[hash] = true
		return err
	})
	return good, err
}

// spend marks a code or a refresh token as used; false when it already was.
func spend(ctx context.Context, tx store.Tx, table, hash string, now time.Time) (bool, error) {
	done, err := tx.Exec(ctx, `UPDATE `+table+` SET spent_ns = ? WHERE hash = ? AND spent_ns = 0`, nanos(now), hash)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}
