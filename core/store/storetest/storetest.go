// SPDX-License-Identifier: Apache-2.0

// Package storetest runs a test on every database that the store speaks to.
//
// It is for tests of packages that own tables; it is not for measuring, since neither database
// waits for the disk here. Each test gets a database of its own; the PostgreSQL server is a real
// one, started once a test process, and ends with the process however that ends.
package storetest

import (
	"context"
	"fmt"
	"hash/crc32"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"holdfast/core/store"
)

// Each runs test on SQLite and on PostgreSQL, each freshly migrated and closed afterwards. Where
// no PostgreSQL server program exists its half is skipped, or fails when CI=true.
func Each(t *testing.T, migrations []store.Migration, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			test(t, Open(t, Options(t, dialect, migrations)))
		})
	}
}

// Options are those of a new, empty database of the dialect.
func Options(t testing.TB, dialect string, migrations []store.Migration) store.Options {
	t.Helper()
	opt := store.Options{Migrations: migrations, Synchronous: "OFF", Binary: "test"}
	if dialect == store.Postgres {
		opt.URL = Postgres(t)
		return opt
	}
	dir := t.TempDir()
	opt.Path = filepath.Join(dir, "house.db")
	opt.Backups = filepath.Join(dir, "backups")
	return opt
}

// Open opens a store until the test ends.
func Open(t testing.TB, opt store.Options) *store.Store {
	t.Helper()
	if opt.URL == "" {
		Plant(t, opt)
	}
	s := store.New(opt.Path)
	if err := s.Open(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("cannot close store: %v", err)
		}
	})
	return s
}

// SQLite opens a new SQLite store until the test ends.
func SQLite(t testing.TB, migrations []store.Migration) *store.Store {
	t.Helper()
	return Open(t, Options(t, store.SQLite, migrations))
}

// Postgres makes an empty database, dropped when the test ends, and returns its URL.
func Postgres(t testing.TB) string {
	t.Helper()
	running, err := server()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no PostgreSQL: %v", err)
		}
		t.Skipf("no PostgreSQL: %v", err)
	}
	name := databaseName(t)
	running.admin(t, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() { running.admin(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return running.url(name)
}

// databaseName is the test's own, within PostgreSQL's 63 bytes.
func databaseName(t testing.TB) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(t.Name()))
	dir := filepath.Base(t.TempDir()) // differs for each run of one test
	whole := crc32.ChecksumIEEE([]byte(t.Name()))
	return fmt.Sprintf("t%d_%s_%08x_%.30s", os.Getpid(), dir, whole, clean)
}

func (p *postgres) url(database string) string {
	address := url.URL{Scheme: "postgres", User: url.User("holdfast"), Path: "/" + database}
	address.RawQuery = url.Values{"host": {p.dir}, "sslmode": {"disable"}}.Encode()
	return address.String()
}

func (p *postgres) admin(t testing.TB, query string) {
	t.Helper()
	if err := p.exec(context.WithoutCancel(t.Context()), query); err != nil {
		t.Fatal(err)
	}
}

func (p *postgres) exec(ctx context.Context, query string) error {
	config, err := pgx.ParseConfig(p.url("postgres"))
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, query)
	return err
}
