// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/store"
)

// The kinds of owners.
const (
	ownerClient = "client"
	ownerTenant = "tenant"
)

// ownerKinds are who may own a key.
var ownerKinds = [...]string{ownerClient, "agent", "extension", ownerTenant}

// terms are what a key is for. Times are in nanoseconds, 0 for none; so are rates.
type terms struct {
	Name      string
	OwnerKind string
	Owner     string
	Tenant    string
	Models    []string
	RPM, TPM  int64
	Expires   int64
	OldUntil  int64
}

// row is a key as it stands in the store.
type row struct {
	terms
	hash, hint    string
	oldHash       string // of the key before the last rotation
	created, used int64
	by            string
}

// rows are the keys' part of the store.
type rows struct{ store *store.Store }

const columns = "name, hash, hint, created_ns, created_by, owner_kind, owner, tenant, models, rpm, tpm, expires_ns, used_ns, old_until_ns, old_hash"

func scan(from func(...any) error) (*row, error) {
	var r row
	var models string
	err := from(
		&r.Name, &r.hash, &r.hint, &r.created, &r.by, &r.OwnerKind, &r.Owner, &r.Tenant, &models,
		&r.RPM, &r.TPM, &r.Expires, &r.used, &r.OldUntil, &r.oldHash,
	)
	if models != "" {
		r.Models = strings.Split(models, "\n")
	}
	if r.Owner == "" {
		r.Owner = r.Name
	}
	return &r, err
}

// find is the one key that answers to a condition, nil when there is none.
func (r rows) find(ctx context.Context, where string, args ...any) (found *row, err error) {
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		found, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM api_keys WHERE "+where, args...).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (r rows) all(ctx context.Context) (list []*row, err error) {
	err = r.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		found, err := tx.Query(ctx, "SELECT "+columns+" FROM api_keys ORDER BY name")
		if err != nil {
			return err
		}
		defer func() { _ = found.Close() }()
		list = nil
		for found.Next() {
			one, err := scan(found.Scan)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return found.Err()
	})
	return list, err
}

// add keeps a new key.
func (r rows) add(ctx context.Context, one *row) error {
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		taken := 0
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM api_keys WHERE name = ?", one.Name).Scan(&taken); err != nil {
			return err
		}
		if taken > 0 {
			return holdfast.Errorf(holdfast.CodeConflict, "there is an API key %q already", one.Name)
		}
		_, err := tx.Exec(ctx, "INSERT INTO api_keys ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			one.Name, one.hash, one.hint, one.created, one.by, one.OwnerKind, one.Owner, one.Tenant, strings.Join(one.Models, "\n"),
			one.RPM, one.TPM, one.Expires, one.used, one.OldUntil, one.oldHash)
		return err
	})
}

// adopt lets a key of .env be limited: it gets a row that opens nothing.
func (r rows) adopt(ctx context.Context, name string) error {
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error { return adopt(ctx, tx, name) })
}

func adopt(ctx context.Context, tx store.Tx, name string) error {
	there := 0
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM api_keys WHERE name = ?", name).Scan(&there); err != nil || there > 0 {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO api_keys (name, hash, hint, created_ns, created_by) VALUES (?, ?, '', 0, '')", name, ".env:"+name)
	return err
}

// change writes what a key is for anew, as change makes it of what stands.
func (r rows) change(ctx context.Context, name string, change func(t *terms) error) (before, after *row, err error) {
	err = r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		before, err = scan(tx.QueryRow(ctx, "SELECT "+columns+" FROM api_keys WHERE name = ?", name).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return unknown(name)
		}
		if err != nil {
			return err
		}
		fresh := *before
		if err := change(&fresh.terms); err != nil {
			return err
		}
		after = &fresh
		_, err := tx.Exec(ctx, "UPDATE api_keys SET owner_kind = ?, owner = ?, tenant = ?, models = ?, rpm = ?, tpm = ?, expires_ns = ? WHERE name = ?",
			fresh.OwnerKind, fresh.Owner, fresh.Tenant, strings.Join(fresh.Models, "\n"), fresh.RPM, fresh.TPM, fresh.Expires, name)
		return err
	})
	return before, after, err
}

// rotate puts another key in place; the one before is valid until then.
func (r rows) rotate(ctx context.Context, name, hash, hint string, until time.Time) error {
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		done, err := tx.Exec(ctx, "UPDATE api_keys SET old_hash = hash, old_until_ns = ?, hash = ?, hint = ? WHERE name = ? AND name <> ?",
			until.UnixNano(), hash, hint, name, AgentKey)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, unknown(name))
		}
		return nil
	})
}

// touch writes down when keys were last used; those of .env get a row for it.
func (r rows) touch(ctx context.Context, used map[string]int64) error {
	if len(used) == 0 {
		return nil
	}
	return r.store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		for name, at := range used {
			if isInEnv(name) {
				if err := adopt(ctx, tx, name); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, "UPDATE api_keys SET used_ns = ? WHERE name = ? AND used_ns < ?", at, name, at); err != nil {
				return err
			}
		}
		return nil
	})
}

func unknown(name string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no API key %q", name)
}
