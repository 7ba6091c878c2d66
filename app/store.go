// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/keys"
	"holdfast/core/store"
)

// passwordKey is the key of .env that holds PostgreSQL's password.
const passwordKey = "DB_PASSWORD"

// Database is the entry store of holdfast.yaml: sqlite, or postgres://user@host/database.
type Database struct {
	// URL is sqlite for a file in the home, or postgres://user@host/database; the password is the key
	// DB_PASSWORD in .env.
	URL string
}

// UnmarshalText reads the entry's one value.
func (d *Database) UnmarshalText(text []byte) error {
	d.URL = string(text)
	return nil
}

// MarshalText writes the entry's one value.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.URL), nil }

// Check refuses what is no store, and a password in the file.
func (d Database) Check() []holdfast.Problem {
	if d.URL == store.SQLite {
		return nil
	}
	u, err := url.Parse(d.URL)
	if err != nil || u.Host == "" && !u.Query().Has("host") || !strings.HasPrefix(u.Scheme, "postgres") {
		return []holdfast.Problem{{Message: fmt.Sprintf("%q is no store", afterPassword(d.URL)), Remedy: "want sqlite or postgres://user@host/database"}}
	}
	if _, has := u.User.Password(); has {
		return []holdfast.Problem{{Message: "the URL holds a password", Remedy: "take it out and write " + passwordKey + "=… into .env"}}
	}
	return nil
}

// afterPassword is what of an address may be shown, however it is malformed.
func afterPassword(url string) string { return url[strings.LastIndex(url, "@")+1:] }

// openStore opens the database, brings every capability's tables up to date, and then lets the
// journal find this node's name.
func (h *House) openStore(ctx context.Context) error {
	opt, err := h.storeOptions()
	if err != nil {
		return err
	}
	if err := h.Store.Open(ctx, opt); err != nil {
		if h.database.URL != store.SQLite && opt.Password.Empty() {
			// Setting a key is journaled, and so needs the store that waits for this one.
			return fmt.Errorf("%w; no password is known: write %s=… into %s by hand, where `holdfast keys` cannot help before the store opens", err, passwordKey, h.Home.EnvFile())
		}
		return err
	}
	if h.alone {
		emptyPools()
	}
	if err := h.settleNode(ctx); err != nil {
		return errors.Join(err, h.Store.Close())
	}
	return nil
}

// storeOptions say which database the house has, and which tables.
func (h *House) storeOptions() (store.Options, error) {
	migrations := []store.Migration{{Package: "action", FS: action.Migrations()}}
	for _, c := range h.Capabilities {
		if c.Migrations != nil {
			migrations = append(migrations, store.Migration{Package: c.Name, FS: c.Migrations})
		}
	}
	opt := store.Options{
		Path: h.Home.Var("house.db"), URL: h.database.URL, Backups: h.Home.Var("backups"), Migrations: migrations,
		Synchronous: h.options.Synchronous, Binary: version, Log: h.log,
	}
	if h.database.URL != store.SQLite {
		secrets := keys.New(h.Home)
		if err := secrets.Load(); err != nil {
			return opt, err
		}
		opt.Password, _ = secrets.Get(passwordKey)
	}
	return opt, nil
}
