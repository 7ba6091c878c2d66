// SPDX-License-Identifier: Apache-2.0

// Package store keeps the house's tables: SQLite in the home, or PostgreSQL for several nodes,
// behind one API and one order of writes.
//
// It is for rows that must survive a crash, for the migrations of the packages that own them,
// and for opening any other SQLite file safely. It is not a query builder and knows no table.
//
// What Write acknowledges is durable; concurrent writers share a commit and never see each
// other's failures. Read sees one snapshot and blocks nobody. app opens the store before every
// capability; capabilities read and write through it.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"holdfast"
)

// The dialects.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

var (
	errClosed = errors.New("the store is closed")
	errNested = errors.New("a write within a write would wait for itself")
)

// Options say which database to open, and how. The zero value opens SQLite at the store's path.
type Options struct {
	// URL is "sqlite" (or empty) or postgres://user@host/database, without a password.
	URL string
	// Password is PostgreSQL's; it comes from the house's keys and is never shown.
	Password holdfast.Secret
	// Path is the SQLite file, when another than New's.
	Path string
	// Backups is the folder for the copies made before migrations; empty keeps none afterwards.
	Backups string
	// Migrations are applied in this order.
	Migrations []Migration
	// Synchronous is SQLite's: FULL (or empty), NORMAL or OFF. Only FULL keeps every acknowledged
	// write through a power loss; OFF is for measuring.
	Synchronous string
	// Binary is the version of the running program; a schema that is too new names its writer by it.
	Binary string
	// Log hears what is not an error; nil is silent.
	Log *slog.Logger
}

// A Tx is what a function given to Read or Write works with. Placeholders are `?` in both
// dialects (`??` is a literal question mark). It ends with the function.
type Tx interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// A Store is one database. Its methods may be called by many goroutines.
type Store struct {
	path string
	open atomic.Pointer[database]
}

// database is an opened store.
type database struct {
	dialect  string
	writers  *sql.DB
	readers  *sql.DB
	commits  *committer
	readonly *sql.TxOptions
	where    place
}

// New names a store by its SQLite file, without touching it.
func New(path string) *Store { return &Store{path: path} }

// Open opens the database, restores it when a migration was interrupted, and migrates it.
func (s *Store) Open(ctx context.Context, opt Options) error {
	if s.open.Load() != nil {
		return errors.New("cannot open store: it is open already")
	}
	if opt.Path == "" {
		opt.Path = s.path
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	db, err := connect(ctx, opt)
	if err != nil {
		return fmt.Errorf("cannot open store: %w", err)
	}
	s.open.Store(db)
	return nil
}

func connect(ctx context.Context, opt Options) (*database, error) {
	switch {
	case opt.URL == "" || opt.URL == SQLite:
		return openSQLite(ctx, opt)
	case strings.HasPrefix(opt.URL, "postgres://"), strings.HasPrefix(opt.URL, "postgresql://"):
		return openPostgres(ctx, opt)
	}
	return nil, holdfast.BadInput("", holdfast.Problem{
		Field:   "store",
		Message: "not a store",
		Remedy:  "sqlite, or postgres://user@host/database",
	})
}

// Close waits for the writes under way and closes the database.
func (s *Store) Close() error {
	db := s.open.Swap(nil)
	if db == nil {
		return nil
	}
	db.commits.close()
	return errors.Join(db.readers.Close(), db.writers.Close())
}

// Dialect is "sqlite" or "postgres", empty while the store is closed.
func (s *Store) Dialect() string {
	if db := s.open.Load(); db != nil {
		return db.dialect
	}
	return ""
}

// Write runs fn in a transaction of its own and returns when its work is durable. Concurrent
// writes run one after the other and share one commit; an error or a panic of fn, or a failed
// statement whatever fn returns, undoes fn's work and nobody else's. All writes of all nodes on
// one database are in one order. fn must be short, and must not call Write.
func (s *Store) Write(ctx context.Context, fn func(context.Context, Tx) error) error {
	db := s.open.Load()
	if db == nil {
		return fmt.Errorf("cannot write: %w", errClosed)
	}
	if Writing(ctx) {
		return fmt.Errorf("cannot write: %w", errNested)
	}
	return db.commits.write(ctx, fn)
}

// Read runs fn on one snapshot of what is committed. It never waits for a writer.
func (s *Store) Read(ctx context.Context, fn func(context.Context, Tx) error) error {
	db := s.open.Load()
	if db == nil {
		return fmt.Errorf("cannot read: %w", errClosed)
	}
	tx, err := db.readers.BeginTx(ctx, db.readonly)
	if err != nil {
		return fmt.Errorf("cannot read: %w", db.where.explain(err))
	}
	defer func() { _ = tx.Rollback() }()
	return fn(ctx, &snapshot{tx: tx, db: db})
}

// snapshot is the Tx of Read.
type snapshot struct {
	tx *sql.Tx
	db *database
}

func (r *snapshot) Exec(context.Context, string, ...any) (sql.Result, error) {
	return nil, errors.New("cannot write: this is a read")
}

func (r *snapshot) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := r.tx.QueryContext(ctx, r.db.bind(query), args...)
	return rows, r.db.where.explain(err)
}

func (r *snapshot) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return r.tx.QueryRowContext(ctx, r.db.bind(query), args...)
}

func (db *database) bind(query string) string {
	if db.dialect == Postgres {
		return rebind(query)
	}
	return query
}

// Writing tells whether ctx belongs to a function that Write runs, in which nothing that itself
// writes may be called.
func Writing(ctx context.Context) bool { return ctx.Value(writeKey{}) != nil }
